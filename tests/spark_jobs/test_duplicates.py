"""Clusters and survivors against brute force."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from spark_jobs.clusters.components import components, duplicates_table
from spark_jobs.policies.model import DuplicatePolicy
from spark_jobs.survivors import removals

POLICY = DuplicatePolicy()


def make_duplicates(
    size: int, content: dict[int, int], pairs: list[tuple[int, int]], urls: str = "", times: tuple[int, ...] = ()
) -> pa.Table:
    representative = np.array([content.get(i, i) for i in range(size)], np.int64)
    edges = np.unique(np.array(pairs, np.int64).reshape(-1, 2), axis=0)
    address, captured = np.arange(size), np.full(size, 10)
    if urls:
        address, captured = np.array([urls.index(url) for url in urls]), np.array(times)
    return duplicates_table(
        np.arange(size), representative, address, captured, edges, np.full(len(edges), 0.9, np.float32)
    )


def test_clusters_join_exact_groups_and_pairs() -> None:
    table = make_duplicates(8, {1: 0, 5: 4}, [(0, 2), (2, 4)])
    rows = {row["doc_id"]: row for row in table.to_pylist()}
    assert set(rows) == {0, 1, 2, 4, 5}
    assert {row["cluster_id"] for row in rows.values()} == {0}
    assert {row["cluster_size"] for row in rows.values()} == {5}
    assert [rows[i]["exact_group"] for i in (0, 1, 2, 4, 5)] == [0, 0, None, 4, 4]
    assert [p["doc_id"] for p in rows[2]["pairs"]] == [0, 4]


def test_a_chain_keeps_every_second_member() -> None:
    table = make_duplicates(5, {}, [(0, 1), (1, 2), (2, 3), (3, 4)])
    removed = removals(table, {i: (0.0,) for i in range(5)}, POLICY)
    assert {doc_id: r.duplicate_of for doc_id, r in removed.items()} == {1: 0, 3: 2}


def test_a_document_that_fails_a_rule_removes_nobody() -> None:
    table = make_duplicates(3, {1: 0}, [(0, 2)])
    removed = removals(table, {1: (0.0,), 2: (1.0,)}, POLICY)
    assert {d: (r.duplicate_of, r.kind) for d, r in removed.items()} == {2: (1, "near_duplicate")}


def test_survivor_order_decides_who_stays() -> None:
    table = make_duplicates(2, {}, [(0, 1)])
    assert set(removals(table, {0: (-5.0,), 1: (-9.0,)}, POLICY)) == {0}


def test_a_policy_may_ask_for_more_similarity_or_keep_all() -> None:
    table = make_duplicates(2, {}, [(0, 1)])
    order = {0: (0.0,), 1: (0.0,)}
    assert removals(table, order, DuplicatePolicy(min_jaccard=0.95)) == {}
    assert removals(table, order, DuplicatePolicy(remove=False)) == {}


edges = st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11)).filter(lambda p: p[0] < p[1]), max_size=25)


@settings(max_examples=60)
@given(edges, st.permutations(range(12)))
def test_removed_documents_have_a_verified_pair_with_a_kept_one_and_kept_ones_none(
    pairs: list[tuple[int, int]], order: list[int]
) -> None:
    table = make_duplicates(12, {}, pairs)
    members = table.column("doc_id").to_pylist()
    removed = removals(table, {i: (float(order[i]),) for i in members}, POLICY)
    kept = [i for i in members if i not in removed]
    linked = set(pairs) | {(b, a) for a, b in pairs}
    assert all(r.duplicate_of in kept and (d, r.duplicate_of) in linked for d, r in removed.items())
    assert not [pair for pair in combinations(kept, 2) if pair in linked]


@given(edges)
def test_components_are_those_of_a_search(pairs: list[tuple[int, int]]) -> None:
    found = components(12, np.array(pairs, np.int64).reshape(-1, 2))
    near: dict[int, set[int]] = {i: {i} for i in range(12)}
    for a, b in pairs:
        near[a].add(b)
        near[b].add(a)
    for start in range(12):
        seen, left = {start}, [start]
        while left:
            new = near[left.pop()] - seen
            seen |= new
            left += new
        assert found[start] == min(seen)


def removed_of(table: pa.Table, order: str, **policy: Any) -> dict[int, tuple[int, str]]:
    keys = {int(doc_id): (float(place),) for place, doc_id in enumerate(order)}
    found = removals(table, keys, DuplicatePolicy(**policy))
    return {doc_id: (removal.duplicate_of, removal.kind) for doc_id, removal in found.items()}


def test_of_one_address_the_newest_capture_that_passes_stays() -> None:
    table = make_duplicates(4, {}, [], urls="aaab", times=(5, 9, 7, 1))
    assert table.column("url_group").to_pylist() == [0, 0, 0]
    assert removed_of(table, "012") == {0: (1, "url_duplicate"), 2: (1, "url_duplicate")}
    assert removed_of(table, "02") == {0: (2, "url_duplicate")}
    assert removed_of(table, "012", same_url="oldest") == {1: (0, "url_duplicate"), 2: (0, "url_duplicate")}
    assert removed_of(table, "012", same_url="keep") == {}


def test_captures_of_one_time_are_taken_in_survivor_order() -> None:
    table = make_duplicates(3, {}, [], urls="aaa", times=(5, 5, 5))
    assert removed_of(table, "102") == {0: (1, "url_duplicate"), 2: (1, "url_duplicate")}


def test_where_the_newest_capture_is_a_duplicate_of_another_page_the_next_one_stays() -> None:
    table = make_duplicates(3, {}, [(1, 2)], urls="aba", times=(1, 2, 3))
    assert removed_of(table, "102") == {2: (1, "near_duplicate")}
    assert removed_of(table, "012") == {2: (1, "near_duplicate")}
    assert removed_of(table, "201") == {0: (2, "url_duplicate"), 1: (2, "near_duplicate")}


def test_a_capture_without_a_time_comes_last() -> None:
    least = int(np.iinfo(np.int64).min)
    table = make_duplicates(3, {}, [], urls="aaa", times=(least, 5, 9))
    assert table.column("captured").null_count == 1
    assert removed_of(table, "012") == {0: (2, "url_duplicate"), 1: (2, "url_duplicate")}
    assert removed_of(table, "012", same_url="oldest") == {0: (1, "url_duplicate"), 2: (1, "url_duplicate")}


@given(edges, st.permutations(range(12)), st.lists(st.integers(0, 5), min_size=12, max_size=12), st.data())
def test_every_removed_document_is_alike_to_a_kept_one_and_an_address_stays_once(
    pairs: list[tuple[int, int]], order: list[int], urls: list[int], data: st.DataObject
) -> None:
    times = data.draw(st.lists(st.integers(0, 3), min_size=12, max_size=12))
    table = make_duplicates(12, {}, pairs, urls="".join(map(str, urls)), times=tuple(times))
    removed = removals(table, {i: (float(order[i]),) for i in range(12)}, POLICY)
    linked = set(pairs) | {(b, a) for a, b in pairs}
    for doc_id, removal in removed.items():
        stays = removal.duplicate_of
        assert stays not in removed
        assert urls[doc_id] == urls[stays] if removal.kind == "url_duplicate" else (doc_id, stays) in linked
    kept = [urls[i] for i in range(12) if i not in removed]
    assert len(kept) == len(set(kept))
