"""The route: no rollback reads again what it passed over, and every reader of the file sees the same data."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from training.route import Route, read_route


def test_without_rollbacks_a_step_reads_its_own_data(tmp_path: Path) -> None:
    assert [read_route(tmp_path).data_step(step) for step in range(3)] == [0, 1, 2]


def test_after_a_rollback_the_data_since_the_checkpoint_are_passed_over() -> None:
    route = Route().rolled_back(17, to=10)
    assert [route.data_step(step) for step in (9, 10, 11)] == [9, 18, 19]


def test_a_second_rollback_to_an_earlier_checkpoint_overrules_the_first() -> None:
    route = Route().rolled_back(17, to=10).rolled_back(12, to=5)
    assert [route.data_step(step) for step in (4, 5, 6, 10)] == [4, 21, 22, 26]


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=6))
def test_what_was_passed_over_is_never_read_and_nothing_is_read_twice(moves: list[tuple[int, int]]) -> None:
    """The oracle plays the run: at each rollback all data read since the checkpoint are burnt."""
    route, done, kept, burnt = Route(), 0, [], set()
    for forward, back in moves:
        for _ in range(forward + 1):
            kept.append(route.data_step(done))
            done += 1
        to = max(0, done - 1 - back)
        route = route.rolled_back(done - 1, to)
        burnt |= set(kept[to:])
        kept, done = kept[:to], to
    kept += [route.data_step(step) for step in range(done, done + 40)]
    assert len(set(kept)) == len(kept)
    assert kept == sorted(kept)
    assert not burnt & set(kept)
    assert set(range(max(kept) + 1)) == set(kept) | burnt
    assert kept == [route.data_step(step) for step in range(len(kept))], "a pure function of the last route"


def test_a_route_is_the_same_after_writing_and_reading(tmp_path: Path) -> None:
    route = Route().rolled_back(17, to=10).rolled_back(12, to=5)
    route.write(tmp_path)
    assert read_route(tmp_path) == route
    assert [path.name for path in tmp_path.iterdir()] == ["route.json"]


def test_what_was_passed_over_once_is_never_read_again() -> None:
    """A checkpoint before an earlier rollback: its steps read other data than those that were at fault."""
    route = Route().rolled_back(219, to=200).rolled_back(150, to=100)
    assert {route.data_step(step) for step in range(100, 400)}.isdisjoint(range(200, 220))
