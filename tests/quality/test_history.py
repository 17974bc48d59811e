"""Which releases a snapshot is compared with."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from gristmill.catalogue import CatalogueError
from quality.history import digest, nearest


def names(mill: Any, snapshot: str = "tiny", count: int = 8) -> list[str]:
    return [past.snapshot for past in nearest(mill.lake, snapshot, count)]


def test_history_is_the_nearest_releases_before_oldest_first(mill: Any) -> None:
    for name, day in (("b", 2), ("a", 1), ("c", 3)):
        mill.release(name, date(2024, 1, day))
    mill.release("later", date(2025, 1, 1))
    assert names(mill) == ["a", "b", "c"]
    assert names(mill, count=2) == ["b", "c"]
    assert names(mill, count=0) == []
    assert names(mill, "b") == ["a"]


def test_a_backfill_from_the_newest_on_compares_with_what_comes_after(mill: Any) -> None:
    for name, day in (("e", 5), ("d", 4), ("f", 6)):
        mill.release(name, date(2025, 1, day))
    assert names(mill, count=2) == ["d", "e"]
    assert names(mill, "d", count=2) == ["e", "f"]


def test_the_first_release_and_a_snapshot_that_is_released_again_are_not_their_own_history(mill: Any) -> None:
    assert names(mill) == []
    mill.release("tiny", date(2024, 3, 4))
    assert names(mill) == []


def test_each_release_comes_with_its_digests_and_its_metrics(mill: Any) -> None:
    subject = mill.release("a", date(2024, 1, 1), decide__kept_share=0.123)
    (past,) = nearest(mill.lake, "tiny", 8)
    assert (past.release, past.partition_date) == (subject, date(2024, 1, 1))
    assert 0.123 in past.table.column("value").to_pylist()
    assert mill.lake.read(past.metrics) == past.table


def test_the_digest_of_a_history_follows_its_releases_and_their_order(mill: Any) -> None:
    empty = digest([])
    mill.release("a", date(2024, 1, 1))
    mill.release("b", date(2024, 1, 2))
    both = nearest(mill.lake, "tiny", 8)
    assert digest(both) == digest(nearest(mill.lake, "tiny", 8))
    assert len({empty, digest(both), digest(both[::-1]), digest(both[:1])}) == 4
    mill.release("b", date(2024, 1, 2), decide__kept_share=0.2)
    assert digest(nearest(mill.lake, "tiny", 8)) != digest(both)


def test_an_unknown_snapshot_is_an_error(mill: Any) -> None:
    with pytest.raises(CatalogueError, match="unknown snapshot"):
        nearest(mill.lake, "tinny", 8)
