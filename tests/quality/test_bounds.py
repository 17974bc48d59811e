"""The gates file and its exceptions: what is refused, and what a suite's name covers."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from gristmill.profile import PROJECT
from gristmill.settings import SettingsError
from quality.bounds import Gates, load_gates, suite_name

GOOD = {"name": "n", "metric": "s.x", "min": 0, "why": "w"}
EXCEPTION = {"check": "n", "snapshots": ["a"], "min": -1, "reason": "a reviewed reason", "reviewer": "ada"}


def write(folder: Path, exceptions: list[dict[str, Any]] | None = None, **snapshot: Any) -> Path:
    gates = {
        "version": "1", "snapshot": snapshot or {"contract": [GOOD]}, "tokens": {"tokens": [GOOD]},
        "model": {"model": [GOOD]},
    }  # fmt: skip
    (folder / "gates.yaml").write_text(yaml.safe_dump(gates))
    if exceptions is not None:
        (folder / "exceptions.yaml").write_text(yaml.safe_dump({"exceptions": exceptions}))
    return folder / "gates.yaml"


def test_our_own_files_load_and_every_group_has_checks() -> None:
    gates, allowed = load_gates(PROJECT / "configs" / "gates" / "default.yaml")
    assert allowed == []
    assert list(gates.snapshot) == ["contract", "completeness", "plausibility", "drift", "removals", "safety"]
    assert (list(gates.tokens), list(gates.model)) == (["tokens"], ["model"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"history": {"floor": 0.1}}, "needs min, max or both, or else history"),
        ({"min": None, "history": {"widths": 3}}, "give floor or relative"),
        ({"min": None, "history": {"floor": 0.1, "enuf": 3}}, "unknown key"),
        ({"min": None, "history": {"floor": 0.1, "side": "up"}}, "side"),
    ],
)
def test_a_bound_that_makes_no_sense_is_refused(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        load_gates(write(tmp_path, contract=[{**GOOD, **change}]))


def test_an_unknown_group_and_a_name_that_stands_twice_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="contracts"):
        load_gates(write(tmp_path, contracts=[GOOD]))
    with pytest.raises(SettingsError, match="two checks are named n"):
        load_gates(write(tmp_path, contract=[GOOD], safety=[GOOD]))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"check": "m"}, "no check 'm' of a snapshot"),
        ({"reason": None}, "reason"),
        ({"reason": "short"}, "reason"),
        ({"reviewer": ""}, "reviewer"),
        ({"min": None}, "needs min, max or both"),
        ({"snapshots": []}, "must end: give snapshots or until"),
        ({"untill": "2024-01-01"}, "unknown key"),
    ],
)
def test_an_exception_that_is_incomplete_is_refused(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        load_gates(write(tmp_path, [{**EXCEPTION, **change}]))


def test_an_exception_ends_by_the_date_of_the_snapshot_and_not_by_the_clock(tmp_path: Path) -> None:
    dated = {**EXCEPTION, "until": date(2024, 3, 4)}
    del dated["snapshots"]
    _, (allowed,) = load_gates(write(tmp_path, [dated]))
    assert allowed.applies("any", date(2024, 3, 4))
    assert not allowed.applies("any", date(2024, 3, 5))
    _, (named,) = load_gates(write(tmp_path, [EXCEPTION]))
    assert named.applies("a", date(2030, 1, 1))
    assert not named.applies("b", date(2000, 1, 1))
    _, (both,) = load_gates(write(tmp_path, [{**EXCEPTION, "until": date(2024, 3, 4)}]))
    assert both.applies("a", date(2024, 3, 4))
    assert not both.applies("a", date(2024, 3, 5))
    assert not both.applies("b", date(2024, 3, 4))


def test_a_suite_is_named_after_its_bounds_its_exceptions_and_its_history(tmp_path: Path) -> None:
    gates, allowed = load_gates(write(tmp_path, [EXCEPTION]))

    def changed(**settings: Any) -> Gates:
        return gates.model_copy(update=settings)

    other, _ = load_gates(write(tmp_path, contract=[{**GOOD, "min": 1}]))
    plain = suite_name(gates, "snapshot", [])
    names = [
        plain, suite_name(gates, "snapshot", allowed), suite_name(other, "snapshot", []),
        suite_name(changed(history=3), "snapshot", []), suite_name(gates, "model", []),
    ]  # fmt: skip
    assert len(set(names)) == 5
    assert suite_name(gates, "tokens", [], ["t", 8]) != suite_name(gates, "tokens", [], ["t", 16])
    assert suite_name(changed(history=3), "model", []) == suite_name(gates, "model", [])


def test_evaluation_sets_are_relative_to_the_gates_file(tmp_path: Path) -> None:
    path = write(tmp_path)
    path.write_text(path.read_text() + "evaluation: [sets/quiz.jsonl]\n")
    assert load_gates(path)[0].evaluation == [tmp_path / "sets" / "quiz.jsonl"]
