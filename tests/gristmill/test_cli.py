"""The command line: help that teaches, errors of one sentence, and the sub-commands that need no Airflow."""

from __future__ import annotations

import json
import tomllib
from datetime import date
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from gristmill import cli
from gristmill.cli import main
from gristmill.promote import promote

PROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
COMMANDS = [
    EntryPoint(name, module, "gristmill.commands")
    for name, module in PROJECT["entry-points"]["gristmill.commands"].items()
]


@pytest.fixture(autouse=True)
def _declared_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands of pyproject.toml, whenever this checkout was installed."""
    monkeypatch.setattr(cli, "entry_points", lambda group: COMMANDS)


@pytest.fixture
def profile(mill: Any) -> list[str]:
    """--profile of the hand-made lake."""
    path = mill.folder / "mine.yaml"
    path.write_text(
        f"work_dir: {mill.folder}\nlake: {mill.folder}/lake\npolicy: p\ngates: g\nmix: m.yaml\npretrain: t\n"
    )
    return ["--profile", str(path)]


def fails(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """Run a command that a user got wrong; its only output."""
    assert main(arguments) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("error: ")
    assert "Traceback" not in said.err
    return said.err


@pytest.mark.parametrize(
    "arguments", [[], *([c.name] for c in COMMANDS), *(["snapshot", a] for a in ("add", "extend", "list"))]
)
def test_every_command_has_help(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main([*arguments, "--help"])
    assert caught.value.code == 0
    said = capsys.readouterr()
    assert said.out.startswith(" ".join(["usage: gristmill", *arguments]))
    assert "not available" not in said.out
    assert said.err == ""


def test_help_shows_a_first_run_and_one_line_per_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    said = capsys.readouterr().out
    assert "gristmill snapshot add my-crawl --date 2026-03-01 --glob" in said
    assert {c.name for c in COMMANDS} <= set(said.split())


def test_a_command_that_cannot_be_loaded_hides_no_other(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, profile: list[str]
) -> None:
    broken = EntryPoint("broken", "no_such_module", "gristmill.commands")
    monkeypatch.setattr(cli, "entry_points", lambda group: [broken, *COMMANDS])
    assert main(["status", *profile]) == 0
    capsys.readouterr()
    assert "'broken' cannot be loaded: No module named 'no_such_module'" in fails(["broken"], capsys)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["status", "--profile", "dmeo"], "no profile 'dmeo' (did you mean 'demo'?)"),
        (["explain", "u", "--profile", "/nowhere/x.yaml"], "no such file"),
    ],
)
def test_a_wrong_profile_is_a_sentence(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert message in fails(arguments, capsys)


def test_a_snapshot_is_added_extended_listed_and_shown(
    mill: Any, profile: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("b.warc.gz", "a.warc.gz", "sub/c.warc.gz"):
        path = mill.folder / "my crawl" / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_bytes(b"12345")
    crawl = mill.folder / "my crawl"
    assert main(["snapshot", "add", "CC-MAIN-2024-10", "--glob", f"{crawl}/*.warc.gz", *profile]) == 0
    said = capsys.readouterr().out
    assert "added CC-MAIN-2024-10  2024-03-04  2 files" in said
    assert "backfill --from 2024-03-04 --to 2024-03-04" in said
    (crawl / "more.txt").write_text("sub/c.warc.gz\n\n")
    assert main(["snapshot", "extend", "CC-MAIN-2024-10", "--paths", str(crawl / "more.txt"), *profile]) == 0
    assert main(["snapshot", "list", *profile]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "CC-MAIN-2024-10  2024-03-04  3 files  0.0 MB"
    assert main(["status", "--json", *profile]) == 0
    (found,) = json.loads(capsys.readouterr().out)["snapshots"]
    assert (found["snapshot"], found["released"]) == ("CC-MAIN-2024-10", False)


def test_a_snapshot_that_cannot_be_added_says_what_to_do(
    mill: Any, profile: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    (mill.folder / "x.warc.gz").write_bytes(b"x")
    (mill.folder / "binary").write_bytes(b"\xff\xfe")
    glob = ["--glob", f"{mill.folder}/x.warc.gz"]
    assert main(["snapshot", "add", "a", "--date", "2026-03-01", *glob, *profile]) == 0
    capsys.readouterr()
    for arguments, message in (
        (["a", "--date", "2026-03-02", *glob], "is in the catalogue already"),
        (["b", "--date", "2026-03-01", *glob], "belongs to 'a'; give another --date"),
        (["b", *glob], "give --date YYYY-MM-DD"),
        (["b", "--date", "2026-03-02", "--glob", "/nowhere/*"], "no files given"),
        (["b", "--date", "2026-03-02", "--paths", "/nowhere"], "cannot read /nowhere"),
        (["b", "--date", "2026-03-02", "--paths", f"{mill.folder}/binary"], "cannot read"),
    ):
        assert message in fails(["snapshot", "add", *arguments, *profile], capsys)
    for wrong in (["--date", "yesterday", *glob], ["--date", "2026-03-02"], [*glob, "--paths", "x"]):
        with pytest.raises(SystemExit) as caught:
            main(["snapshot", "add", "b", *wrong, *profile])
        assert caught.value.code == 2


def test_a_page_is_explained_or_its_neighbours_named(
    mill: Any, profile: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    mill.release("a", date(2026, 3, 1))
    assert main(["explain", "https://a.example/short", *profile]) == 0
    assert "removed by too_short: its value is 3, below the bound of 200" in capsys.readouterr().out
    assert main(["explain", "--json", "https://a.example/gone", *profile]) == 0
    assert json.loads(capsys.readouterr().out)[0]["reason"] == "http_status"
    assert main(["explain", "https://a.example/shrt", *profile]) == 1
    assert "near it are\n  https://a.example/short" in capsys.readouterr().err


def test_verify_names_what_was_lost_or_changed_and_goes_on(
    mill: Any, profile: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    lake = mill.lake
    datasets = mill.release("a", date(2026, 3, 1))
    tokens = mill.publish("tokens", [])
    model = mill.model(digests={"tokens": tokens})
    promote(lake, model)
    assert main(["verify", *profile]) == 0
    said = capsys.readouterr().out
    assert {f"a: {name}" in said for name in datasets} == {True}
    assert "demo: tokens" in said
    assert said.endswith("19 files, 0.1 MB, 0 damaged\n")
    corpus = lake.path(lake.manifest(datasets["corpus"]).files[0])
    corpus.write_bytes(corpus.read_bytes()[:-1] + b"x")
    lake.path(lake.manifest(model).file("run.json")).unlink()
    lake.storage.delete(f"manifests/{datasets['index']}.json")
    assert main(["verify", *profile]) == 1
    after = capsys.readouterr()
    assert after.err.splitlines()[0] == f"lost or changed: {corpus}"
    assert f"no dataset with digest '{datasets['index']}'" in after.err
    assert "run.json" in after.err
    assert "3 damaged" in after.out


def test_gc_says_what_it_would_remove_and_removes_it(
    mill: Any, profile: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    mill.release("a", date(2026, 3, 1))
    mill.publish("mix", [{"snapshot": "x", "doc_id": 1}])
    assert main(["gc", *profile]) == 0
    assert capsys.readouterr().out.startswith("removed 0 objects")
    mill.age()
    before = mill.lake.storage.list("objects")
    assert main(["gc", "--dry-run", *profile]) == 0
    assert capsys.readouterr().out.startswith("would remove 3 objects")
    assert mill.lake.storage.list("objects") == before
    assert main(["gc", *profile]) == 0
    assert capsys.readouterr().out.startswith("removed 3 objects")
    assert main(["verify", *profile]) == 0
    for wrong in ("-1", "nan", "soon"):
        with pytest.raises(SystemExit) as caught:
            main(["gc", "--min-age", wrong, *profile])
        assert caught.value.code == 2


def test_an_interrupted_command_ends_as_the_shell_expects(monkeypatch: pytest.MonkeyPatch, profile: list[str]) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("gristmill.commands.status.summary", interrupted)
    assert main(["status", *profile]) == 130
