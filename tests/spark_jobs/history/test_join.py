"""The merge-join against every pair of rows; k copies of an indexed document are all found."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_jobs.history.join import ALL_PAIRS_UP_TO, distinct, meet
from spark_jobs.history.keys import Block


def block(buckets: list[int], places: list[int], first_id: int) -> Block:
    rows = sorted(zip(buckets, places, strict=True))
    return Block(
        np.array([b for b, _ in rows], np.uint64), np.array([p for _, p in rows], np.int16),
        np.arange(first_id, first_id + len(rows)),
    )  # fmt: skip


@given(st.lists(st.integers(0, 9)), st.lists(st.tuples(st.integers(0, 9), st.integers(0, 2))))
def test_all_rows_of_small_buckets_are_paired(here: list[int], there: list[tuple[int, int]]) -> None:
    mine, other = block(here, [0] * len(here), 100), block([b for b, _ in there], [p for _, p in there], 500)
    wanted = {
        (int(mine.doc_id[i]), int(other.place[j]), int(other.doc_id[j]))
        for i in range(len(here)) for j in range(len(there)) if mine.bucket[i] == other.bucket[j]
    }  # fmt: skip
    found = [tuple(row) for row in meet(mine, other).tolist()]
    assert len(found) == len(set(found))
    assert set(found) == wanted


@pytest.mark.parametrize(("copies", "indexed"), [(1, 1), (5000, 1), (1, 5000), (5000, 3), (200, 300)])
def test_every_copy_of_an_indexed_document_is_found_from_either_side(copies: int, indexed: int) -> None:
    mine, other = block([7] * copies, [0] * copies, 0), block([7] * indexed, [1] * indexed, 10**6)
    found, back = meet(mine, other), meet(other, mine)
    assert set(found[:, 0].tolist()) == set(mine.doc_id.tolist())
    assert set(found[:, 2].tolist()) == set(other.doc_id.tolist())
    if copies * indexed <= ALL_PAIRS_UP_TO:
        assert len(found) == copies * indexed
    else:
        assert len(found) == copies + indexed - 1
    assert {(a, b) for a, _, b in found.tolist()} == {(b, a) for a, _, b in back.tolist()}


def test_a_bucket_of_many_snapshots_is_a_star_for_each_of_them_alone() -> None:
    """So it does not matter whether they are in one segment or in several."""
    mine = block([7] * 100, [0] * 100, 0)
    other = block([7] * 160, [0] * 80 + [1] * 80, 1000)
    together = distinct([meet(mine, other)])
    apart = distinct([meet(mine, other[:80]), meet(mine, other[80:])])
    assert together.tolist() == apart.tolist()
    assert len(together) == 2 * 179


@given(st.lists(st.lists(st.tuples(*[st.integers(0, 3)] * 3))))
def test_distinct_rows_are_sorted(parts: Any) -> None:
    found = distinct([np.empty((0, 3), np.int64), *(np.array(p, np.int64).reshape(-1, 3) for p in parts)])
    assert [tuple(row) for row in found.tolist()] == sorted({row for part in parts for row in part})
