"""Were the right documents removed? Right numbers of wrong documents must be seen."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from gristmill.schemas import SCHEMAS
from quality.removals import wrong_removals

Removals = dict[int, int | None]
"""doc_id -> the kept document that it was removed for; None for a kept one"""


def decisions(removed: Removals, other_reasons: tuple[int, ...] = ()) -> pa.Table:
    rows = [
        {"doc_id": d, "kept": other is None and d not in other_reasons, "duplicate_of": other}
        for d, other in sorted(removed.items())
    ]
    return pa.Table.from_pylist(rows, schema=SCHEMAS["decisions"])


def duplicates(groups: dict[int, int], pairs: list[tuple[int, int]]) -> pa.Table:
    """`groups`: document -> representative of its exact group; `pairs` join representatives."""
    near: dict[int, list[dict[str, Any]]] = {}
    for left, right in pairs:
        near.setdefault(left, []).append({"doc_id": right, "jaccard": 0.9})
        near.setdefault(right, []).append({"doc_id": left, "jaccard": 0.9})
    rows = [
        {"doc_id": d, "exact_group": groups.get(d), "pairs": near.get(d, [])}
        for d in sorted({*groups, *sum(pairs, ())})
    ]
    return pa.Table.from_pylist(rows, schema=SCHEMAS["duplicates"])


GROUPS, PAIRS = {1: 1, 2: 1, 3: 3, 4: 3}, [(1, 5), (6, 7)]
RIGHT: Removals = {1: None, 2: 1, 3: None, 4: 3, 5: 2 - 1, 6: None, 7: 6, 8: None}


def test_right_removals_are_none_too_many() -> None:
    assert wrong_removals(decisions(RIGHT), duplicates(GROUPS, PAIRS)) == 0


def test_a_member_of_a_group_stands_for_its_representative() -> None:
    kept_other_member: Removals = {**RIGHT, 1: 2, 2: None, 5: 2}
    assert wrong_removals(decisions(kept_other_member), duplicates(GROUPS, PAIRS)) == 0


def test_any_swap_of_two_ids_is_seen_though_the_count_is_right() -> None:
    removed = [d for d, other in RIGHT.items() if other is not None]
    alike = {frozenset(pair) for pair in ((1, 2), (1, 5), (2, 5), (3, 4), (6, 7))}
    for order in permutations(removed):
        swapped: Removals = {**RIGHT, **{d: RIGHT[source] for d, source in zip(removed, order, strict=True)}}
        wrong = sum(frozenset((d, swapped[d])) not in alike for d in removed)
        assert wrong_removals(decisions(swapped), duplicates(GROUPS, PAIRS)) == wrong
        assert (wrong == 0) == all(swapped[d] == RIGHT[d] for d in removed)


def test_removed_for_a_document_that_is_removed_itself_is_wrong() -> None:
    assert wrong_removals(decisions(RIGHT, other_reasons=(6,)), duplicates(GROUPS, PAIRS)) == 1
    chain: Removals = {**RIGHT, 1: 5, 5: 1}
    assert wrong_removals(decisions(chain), duplicates(GROUPS, PAIRS)) == 3


def test_a_chain_of_pairs_is_not_a_pair() -> None:
    removed: Removals = {1: None, 2: 1, 3: 1}
    assert wrong_removals(decisions(removed), duplicates({}, [(1, 2), (2, 3)])) == 1


def test_documents_that_no_group_holds_are_not_alike() -> None:
    assert wrong_removals(decisions({1: None, 2: 1}), duplicates({}, [])) == 1


def test_a_capture_leaves_for_another_of_its_address_alone() -> None:
    """5, 6 and 7 are captures of one address; 6 is like 8, and 9 like none of them."""
    rows = duplicates({}, [(6, 8)]).to_pylist()
    rows = [row for row in rows if row["doc_id"] != 6] + [
        {"doc_id": d, "url_group": 5, "pairs": [{"doc_id": 8, "jaccard": 0.9}] if d == 6 else []} for d in (5, 6, 7)
    ]
    table = pa.Table.from_pylist(rows, schema=SCHEMAS["duplicates"])

    def wrong(*targets: tuple[int, int | None, str | None]) -> int:
        found = [{"doc_id": d, "kept": o is None, "duplicate_of": o, "reason": r} for d, o, r in targets]
        return wrong_removals(pa.Table.from_pylist(found, schema=SCHEMAS["decisions"]), table)

    kept = ((8, None, None), (7, None, None), (9, None, None))
    assert wrong(*kept, (5, 7, "url_duplicate"), (6, 8, "near_duplicate")) == 0
    assert wrong(*kept, (5, 8, "url_duplicate")) == 1
    assert wrong(*kept, (5, 9, "url_duplicate")) == 1
    assert wrong(*kept, (5, 7, "exact_duplicate")) == 1
    assert wrong(*kept, (5, 6, "url_duplicate"), (6, 8, "near_duplicate")) == 1
    assert wrong(*kept, (8, 7, "url_duplicate")) == 1


@given(st.data())
def test_the_check_agrees_with_a_plain_reading_of_its_rule(data: st.DataObject) -> None:
    ids = list(range(6))
    groups = {d: data.draw(st.sampled_from(ids[: d + 1])) for d in ids}
    groups = {d: groups[r] if groups[r] == r else d for d, r in groups.items()}
    representatives = sorted(set(groups.values()))
    pairs = data.draw(st.lists(st.tuples(*[st.sampled_from(representatives)] * 2).filter(lambda p: p[0] < p[1])))
    removed: Removals = {d: data.draw(st.none() | st.sampled_from(ids)) for d in ids}
    wrong = 0
    for d, other in removed.items():
        if other is not None:
            joined = (groups[d], groups[other])
            alike = joined[0] == joined[1] or joined in pairs or joined[::-1] in pairs
            wrong += removed[other] is not None or not alike
    assert wrong_removals(decisions(removed), duplicates(groups, pairs)) == wrong
