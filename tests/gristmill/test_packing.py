"""Plans of rows: each token once, no row too long, best fit as a plain loop does it, and little waste on real text."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.errors import UserError
from gristmill.packing import Plan, plan, stored_plan

REAL = json.loads((Path(__file__).parent / "document_lengths.json").read_bytes())
"""Tokens of the documents of the embedded crawl's two snapshots, in stream order."""

Lengths = st.lists(st.integers(0, 70), max_size=60)
Capacity = st.integers(1, 33)


def rows_of(made: Plan) -> list[list[tuple[int, int, int]]]:
    return [[(d, s, n) for d, s, n in made.row(r).tolist()] for r in range(made.count)]


def plain_best_fit(lengths: list[int], capacity: int) -> list[list[tuple[int, int, int]]]:
    """The same by looking through all rows for each piece."""
    pieces = [
        (document, start, min(capacity, length - start))
        for document, length in enumerate(lengths)
        for start in range(0, length, capacity)
    ]
    rows: list[list[tuple[int, int, int]]] = []
    changed: list[int] = []  # when each row was put into last
    for time, piece in enumerate(sorted(pieces, key=lambda p: (-p[2], p[0], p[1]))):
        rooms = [capacity - sum(n for _, _, n in row) for row in rows]
        fitting = [r for r, room in enumerate(rooms) if room >= piece[2]]
        if fitting:
            row = min(fitting, key=lambda r: (rooms[r], -changed[r]))
            rows[row].append(piece)
            changed[row] = time
        else:
            rows.append([piece])
            changed.append(time)
    return [sorted(row) for row in rows]


@settings(deadline=None, max_examples=50)
@given(Lengths, Capacity)
def test_every_token_is_in_one_row_once_and_no_row_is_too_long(lengths: list[int], capacity: int) -> None:
    rows = rows_of(plan(np.array(lengths, np.int64), capacity))
    found = [(d, s + i) for row in rows for d, s, n in row for i in range(n)]
    assert sorted(found) == [(d, i) for d, length in enumerate(lengths) for i in range(length)]
    assert all(0 < sum(n for _, _, n in row) <= capacity for row in rows)


@settings(deadline=None, max_examples=50)
@given(Lengths, Capacity)
def test_documents_that_fit_are_whole_and_others_are_cut_as_seldom_as_can_be(lengths: list[int], capacity: int) -> None:
    spans = plan(np.array(lengths, np.int64), capacity).spans
    pieces = np.bincount(spans[:, 0], minlength=len(lengths))
    assert pieces.tolist() == [-(-length // capacity) for length in lengths]


@settings(deadline=None, max_examples=50)
@given(Lengths, Capacity)
def test_it_is_best_fit_decreasing(lengths: list[int], capacity: int) -> None:
    assert rows_of(plan(np.array(lengths, np.int64), capacity)) == plain_best_fit(lengths, capacity)


@pytest.mark.parametrize("capacity", [64, 128, 256, 512, 1024, 2048])
def test_real_documents_waste_less_than_a_hundredth(capacity: int) -> None:
    made = plan(np.array(REAL), capacity)
    assert made.waste == 1 - sum(REAL) / (made.count * capacity)
    assert made.waste < 0.01


def test_nothing_to_pack_wastes_nothing() -> None:
    assert plan(np.array([], np.int64), 8).waste == 0
    assert plan(np.array([0, 0]), 8).count == 0
    with pytest.raises(UserError, match="holds nothing"):
        plan(np.array([3]), 0)


def test_a_plan_is_stored_once_under_what_it_follows_from(tmp_path: Path) -> None:
    lengths = np.array(REAL)
    made = stored_plan(tmp_path, "a" * 64, "train", lengths, 512)
    again = stored_plan(tmp_path, "a" * 64, "train", lengths[:0], 512)  # not asked again
    for one in (made, again):
        assert rows_of(one) == rows_of(plan(lengths, 512))
    names = {path.name for path in tmp_path.iterdir()}
    for change in (("b" * 64, "train", 512), ("a" * 64, "validation", 512), ("a" * 64, "train", 256)):
        stored_plan(tmp_path, change[0], change[1], lengths, change[2])
    assert len(names) == 1
    assert len(list(tmp_path.iterdir())) == 4
