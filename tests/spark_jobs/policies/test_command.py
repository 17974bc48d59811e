"""`gristmill policy`, as a person types it."""

from __future__ import annotations

import argparse
import csv
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

import gristmill.signals
from gristmill.errors import UserError
from gristmill.lake import Lake
from gristmill.profile import load_profile
from spark_jobs.commands import policy, policy_text


@pytest.fixture
def profile(standing: Any, tmp_path: Path) -> str:
    """A profile whose lake has snapshot A."""
    path = tmp_path / "profile.yaml"
    places = {key: "x" for key in ("work_dir", "policy", "gates", "mix", "pretrain")}
    path.write_text(yaml.safe_dump({**places, "lake": str(standing.folder / "lake")}))
    return str(path)


@pytest.fixture(autouse=True)
def few_signals(monkeypatch: pytest.MonkeyPatch, families: Any) -> None:
    monkeypatch.setattr(gristmill.signals, "FAMILIES", families, raising=False)


@pytest.fixture
def mine(tmp_path: Path) -> str:
    return write(tmp_path / "mine.yaml", {"name": "short", "signal": "chars", "min": 100, "why": "stubs"})


def write(path: Path, *rules: dict[str, Any]) -> str:
    path.write_text(yaml.safe_dump({"name": path.stem, "about": "a test", "rules": list(rules)}))
    return str(path)


def call(*words: str) -> int:
    parser = argparse.ArgumentParser(prog="gristmill policy")
    policy.add_arguments(parser)
    return policy.run(parser.parse_args(words))


def test_check_says_what_passes_and_what_is_needed(mine: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("check", mine) == 0
    assert capsys.readouterr().out.splitlines() == [
        "policy mine: sound; 1 rules, in this order. A document passes",
        "  short  chars: min 100  (stubs)",
        "needs the families duplicates, heuristics, language",
    ]


def test_check_does_not_ask_for_what_curate_looks_for_itself(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump({"name": "mine", "rules": [], "edits": {"lines": "c4_original", "mask_pii": True}}))
    assert call("check", str(path)) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "needs the families duplicates, heuristics, language, lines"


def test_check_refuses_with_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="did you mean 'chars'"):
        call("check", write(tmp_path / "mine.yaml", {"name": "short", "signal": "chras", "min": 100}))


def test_list_goes_on_past_a_policy_that_cannot_be_used(capsys: pytest.CaptureFixture[str]) -> None:
    """With the few signals of this test the policies that come with Gristmill cannot."""
    assert call("list") == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("gopher") and "gristmill policy check gopher" in line for line in lines)


def test_try_takes_the_newest_release(mine: str, profile: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("try", mine, "--profile", profile) == 0
    out = capsys.readouterr().out
    assert "policy mine on snapshot A: 7 documents" in out
    assert "kept 4 documents (57.1%)" in out
    assert "short: 99 against 100  http://site.example/2" in out
    assert "a duplicate of http://site.example/" in out
    assert "kept -> short: 1" in out


def test_try_as_json_has_the_same(mine: str, profile: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("try", mine, "--snapshot", "A", "--profile", profile, "--json", "--examples", "0") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["kept"]["documents"] == 4
    assert [len(rule["examples"]) for rule in found["rules"]] == [0, 0, 0, 0]


def test_compare_writes_all_differences(
    mine: str, profile: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = write(tmp_path / "other.yaml", {"name": "unsure", "signal": "score", "min": 0.7})
    table = tmp_path / "all.csv"
    assert call("compare", mine, other, "--profile", profile, "--limit", "1", "--csv", str(table)) == 0
    out = capsys.readouterr().out
    assert "kept by A only             2" in out
    assert "documents, 1 of 4 (--csv has all)" in out
    rows = list(csv.DictReader(table.open(encoding="utf-8")))
    assert [(row["a"], row["b"]) for row in rows] == [("kept", "unsure")] * 2 + [("short", "kept")] * 2


def test_compare_calls_policies_what_the_user_called_them(
    mine: str, profile: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A policy and its older copy have one name; and where nothing differs, that is said."""
    old = tmp_path / "old.yaml"
    old.write_bytes(Path(mine).read_bytes())
    assert call("compare", str(old), mine, "--profile", profile) == 0
    out = capsys.readouterr().out
    assert f"A = {old}, B = {mine}, snapshot A: 7 documents" in out
    assert out.splitlines()[-1] == "nothing differs: A and B decide every document alike, by the same rules"
    assert call("compare", str(old), mine, "--profile", profile, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["a"], found["b"]) == (str(old), mine)


def test_a_table_that_cannot_be_written_is_an_error_with_a_sentence(mine: str, profile: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be written"):
        call("compare", mine, mine, "--profile", profile, "--csv", str(tmp_path / "no" / "all.csv"))


def test_an_unknown_snapshot_names_the_nearest(mine: str, profile: str) -> None:
    with pytest.raises(UserError, match="unknown snapshot 'a'"):
        call("try", mine, "--profile", profile, "--snapshot", "a")


def test_without_a_release_a_snapshot_must_be_named(mine: str, tmp_path: Path) -> None:
    path = tmp_path / "empty.yaml"
    path.write_text(yaml.safe_dump({key: "x" for key in ("work_dir", "policy", "gates", "mix", "pretrain", "lake")}))
    Lake.open(load_profile(str(path)))
    with pytest.raises(UserError, match="no snapshot is released yet"):
        call("try", mine, "--profile", str(path))


def test_text_of_a_page_cannot_steer_a_terminal() -> None:
    page = {"value": 1.0, "threshold": 2.0, "url": "http://a/\x1b[2J", "text": "\x1b]0;title\x07"}
    lines = policy_text._text(policy_text._examples([{"name": "r", "examples": [page]}]))
    assert "\x1b" not in lines
    assert "\\x1b[2J" in lines


def test_a_silent_rule_has_a_line_of_its_own_only_as_a_warning() -> None:
    silent = [{"rule": name, "warning": name == "b", "text": f"{name} is silent"} for name in "abc"]
    assert policy_text._silent(silent) == [
        "warning: b is silent", "never fired, without a prediction of ten or more: a, c",
    ]  # fmt: skip


def test_help_teaches_by_examples(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        call("--help")
    assert "gristmill policy compare gristmill fineweb" in capsys.readouterr().out
