"""Releases: exactly the digests that were approved, swapped in once."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from datetime import date
from typing import Any

import pytest

from gristmill.approvals import Answer, answer
from gristmill.catalogue import CatalogueError
from gristmill.lake import Lake, LakeError
from gristmill.release import DATASETS, Release, ReleaseError, candidate_digest, current, release, releases
from gristmill.verdicts import NotApproved, latest

DAY = date(2026, 3, 1)


@pytest.fixture
def datasets(mill: Any) -> dict[str, str]:
    """A snapshot `a` that waits for its verdict."""
    mill.enter("a", DAY)
    found: dict[str, str] = mill.datasets("a")
    return found


@pytest.fixture
def other(mill: Any, datasets: dict[str, str]) -> dict[str, str]:
    """Another candidate for the same snapshot."""
    return {**datasets, "metrics": mill.publish("metrics", [{"stage": "other"}])}


def test_an_approved_snapshot_is_released_once(lake: Lake, mill: Any, datasets: dict[str, str]) -> None:
    mill.judge(datasets)
    released, changed = release(lake, "a", datasets)
    assert changed
    assert (released.digest, released.verdict, released.partition_date) == (candidate_digest(datasets), "pass", DAY)
    assert released.approval is None
    assert release(lake, "a", {**datasets, "more": "than is released"}) == (released, False)
    assert current(lake, "a") == released
    assert released.datasets == datasets


def test_a_warning_is_released_with_the_answer_that_approved_it(
    lake: Lake, mill: Any, datasets: dict[str, str]
) -> None:
    mill.judge(datasets, "warn")
    with pytest.raises(NotApproved, match="waits for a reviewer"):
        release(lake, "a", datasets)
    verdict = latest(lake, candidate_digest(datasets))
    assert verdict is not None
    given = answer(lake, Answer(verdict.digest, "approve", "rita", "compared by hand", "airflow", "run 1"))
    released, _ = release(lake, "a", datasets)
    assert released.verdict == "warn"
    assert released.approval == asdict(given)
    assert current(lake, "a") == released
    answer(lake, Answer(verdict.digest, "reject", "rita", "on second thoughts", "airflow"))
    assert current(lake, "a") == released
    with pytest.raises(NotApproved, match="rejected by rita: on second thoughts"):
        release(lake, "a", datasets)


def test_a_release_of_an_earlier_version_still_loads(lake: Lake, mill: Any, datasets: dict[str, str]) -> None:
    mill.judge(datasets)
    released, _ = release(lake, "a", datasets)
    key = "releases/current/a.json"
    body = json.loads(lake.storage.get(key) or b"")
    del body["approval"]
    assert lake.storage.compare_and_swap(key, lake.storage.get(key), json.dumps(body).encode())
    assert current(lake, "a") == released


def test_without_an_approving_verdict_on_exactly_these_digests_nothing_is_released(
    lake: Lake, mill: Any, datasets: dict[str, str], other: dict[str, str]
) -> None:
    mill.judge(other, "pass")
    with pytest.raises(NotApproved, match="was never judged"):
        release(lake, "a", datasets)
    mill.judge(datasets, "block")
    with pytest.raises(NotApproved, match="verdict 'block'"):
        release(lake, "a", datasets)
    assert releases(lake) == []


def test_every_dataset_must_be_given_be_there_and_be_what_it_is_called(
    lake: Lake, mill: Any, datasets: dict[str, str]
) -> None:
    mill.judge(datasets)
    with pytest.raises(ReleaseError, match="no digest given for corpus, metrics"):
        release(lake, "a", {name: datasets[name] for name in DATASETS if name not in ("corpus", "metrics")})
    with pytest.raises(ReleaseError, match="is a documents dataset, not corpus"):
        release(lake, "a", {**datasets, "corpus": datasets["documents"]})
    with pytest.raises(LakeError, match="no dataset with digest"):
        release(lake, "a", {**datasets, "corpus": "0" * 64})
    with pytest.raises(CatalogueError, match="unknown snapshot 'b'"):
        release(lake, "b", datasets)
    assert releases(lake) == []


def test_a_snapshot_is_released_again_and_what_was_current_is_remembered(
    lake: Lake, mill: Any, datasets: dict[str, str], other: dict[str, str]
) -> None:
    subjects = [mill.judge(datasets), mill.judge(other)]
    for candidate in (datasets, other, datasets):
        assert release(lake, "a", candidate)[1]
        assert current(lake, "a").digest == candidate_digest(candidate)  # type: ignore[union-attr]
    assert lake.storage.list("releases/history") == sorted(f"releases/history/a/{s}.json" for s in subjects)


def test_releases_come_in_the_order_of_their_dates(lake: Lake, mill: Any) -> None:
    mill.release("late", date(2026, 5, 1))
    mill.release("early", date(2026, 4, 1))
    mill.enter("open", date(2026, 4, 15))
    assert [r.snapshot for r in releases(lake)] == ["early", "late"]
    assert current(lake, "open") is None


def attempts(lake: Lake, *candidates: dict[str, str]) -> list[Callable[[], tuple[Release, bool] | None]]:
    def act(datasets: dict[str, str]) -> tuple[Release, bool] | None:
        try:
            return release(lake, "a", datasets)
        except ReleaseError:
            return None

    return [lambda datasets=datasets: act(datasets) for datasets in candidates]  # type: ignore[misc]


def test_of_two_runs_that_release_the_same_digests_both_succeed_and_one_changes_it(
    lake: Lake, mill: Any, datasets: dict[str, str], concurrently: Any
) -> None:
    mill.judge(datasets)
    first, second = concurrently(*attempts(lake, datasets, datasets))
    assert first[0] == second[0] == current(lake, "a")
    assert sorted([first[1], second[1]]) == [False, True]


def test_of_two_runs_that_release_other_digests_the_pointer_is_one_of_them_whole(
    lake: Lake, mill: Any, datasets: dict[str, str], other: dict[str, str], concurrently: Any
) -> None:
    mill.judge(datasets), mill.judge(other)
    results = [r for r in concurrently(*attempts(lake, datasets, other)) if r is not None]
    assert current(lake, "a") in [released for released, _ in results]
    assert all(changed for _, changed in results)


@pytest.mark.parametrize("same", [True, False])
def test_a_run_that_was_overtaken_says_so_unless_the_release_is_its_own(
    lake: Lake, mill: Any, datasets: dict[str, str], other: dict[str, str], monkeypatch: Any, same: bool
) -> None:
    mill.judge(datasets), mill.judge(other)
    swap = lake.storage.compare_and_swap

    def overtaken(key: str, expected: bytes | None, new: bytes) -> bool:
        """The other run acts between this one's reading of the pointer and its swap."""
        monkeypatch.setattr(lake.storage, "compare_and_swap", swap)
        release(lake, "a", datasets if same else other)
        return swap(key, expected, new)

    monkeypatch.setattr(lake.storage, "compare_and_swap", overtaken)
    if same:
        assert release(lake, "a", datasets)[1] is False
    else:
        with pytest.raises(ReleaseError, match="another run released snapshot a meanwhile"):
            release(lake, "a", datasets)
        assert lake.storage.list("releases/history") == [f"releases/history/a/{candidate_digest(other)}.json"]


@pytest.mark.fault
def test_a_release_killed_at_any_instant_stands_or_does_not_and_the_next_run_finishes_it(
    lake: Lake, mill: Any, datasets: dict[str, str], other: dict[str, str], every_instant: Any
) -> None:
    subjects = [mill.judge(datasets), mill.judge(other)]
    seen = set()

    def prepare(_: int) -> Lake:
        release(lake, "a", datasets)
        lake.storage.delete(f"releases/history/a/{subjects[1]}.json")
        return lake

    for _ in every_instant(prepare, lambda lake: release(lake, "a", other)):
        found = current(lake, "a")
        assert found is not None
        assert found.datasets == (datasets if found.digest == subjects[0] else other)
        seen.add(found.digest)
        release(lake, "a", other)
        assert f"releases/history/a/{subjects[1]}.json" in lake.storage.list("releases/history")
    assert seen == set(subjects)
