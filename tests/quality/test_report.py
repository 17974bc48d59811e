"""The report stage: pages are published whatever happened, and lie beside each other for people."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from gristmill import ledger
from gristmill.catalogue import Catalogue
from gristmill.lake import LakeError
from gristmill.release import DATASETS
from gristmill.verdicts import Check
from quality import archive, report
from quality.views import plain, trend
from tests.quality.views.pages import WARNED, Page, judge, released


def inputs_of(mill: Any) -> list[str]:
    return [f"--input={name}={digest}" for name, digest in mill.digests.items()]


def run_report(mill: Any, *options: str) -> str:
    """The page that the stage publishes."""
    report.main([f"--profile={mill.profile.source}", "--snapshot=tiny", *options])
    return archive.read_page(mill.lake, archive.pointers(mill.lake)[0]["report"])


@pytest.mark.parametrize(
    "names",
    [
        (),
        ("documents", "rejects"),
        ("documents", "rejects", "heuristics", "language", "minhash", "duplicates"),
        ("documents", "decisions"),
        ("duplicates", "metrics"),
        tuple(name for name in DATASETS if name != "metrics"),
    ],
)
def test_a_report_is_published_also_when_inputs_are_missing(mill: Any, names: Sequence[str]) -> None:
    page = run_report(mill, *(f"--input={name}={mill.digests[name]}" for name in names))
    words = Page(page).words
    assert "Not judged" in words
    assert "this report lacks" in words
    for name in DATASETS:
        assert (mill.digests[name] in words) == (name in names)
    Page(page).check_harmless()


def test_a_blocked_snapshot_has_a_report_that_says_why(mill: Any) -> None:
    why = "each removal names value and rule"
    judge(mill, "block", [Check("removals explained", "block", "failed", 2.0, {"max": 0}, why, "removals")])
    page = run_report(mill, *inputs_of(mill))
    assert "✕ Blocked" in Page(page).words
    assert why in page
    [pointer] = archive.pointers(mill.lake)
    assert pointer["verdict"] == "block"


def test_the_pointer_has_what_lists_and_comparisons_need(mill: Any) -> None:
    verdict = judge(mill, "warn", [WARNED])
    run_report(mill, *inputs_of(mill))
    [pointer] = archive.pointers(mill.lake)
    assert (pointer["subject"], pointer["metrics"]) == (verdict.subject, mill.digests["metrics"])
    assert (pointer["documents"], pointer["kept"]) == (5, 2)
    assert mill.lake.manifest(pointer["samples"]).dataset == "samples"


def test_without_inputs_the_newest_datasets_of_the_ledger_are_reported(mill: Any) -> None:
    with ledger.attempt(mill.lake, stage="extract", scope="tiny", config={}, inputs={}) as attempt:
        attempt.outputs["documents"] = mill.digests["documents"]
    page = run_report(mill)
    assert mill.digests["documents"] in page
    assert "extract" in page


def test_a_scheduled_run_that_failed_at_once_does_not_show_the_datasets_of_the_run_before(mill: Any) -> None:
    judge(mill)
    with ledger.attempt(mill.lake, stage="measure", scope="tiny", config={}, inputs={}, run_id="before") as attempt:
        attempt.outputs.update(mill.digests)
    assert "Passed: its one check passed" in run_report(mill)
    report.main([f"--profile={mill.profile.source}", "--snapshot=tiny", "--run-id=failed"])
    page = (mill.profile.work_dir / "reports" / "tiny.html").read_text(encoding="utf-8")
    words = Page(page).words
    assert "Not judged" in words
    assert f"this report lacks: {', '.join(DATASETS)}" in words
    assert "No attempt of this run is in the ledger." in words
    assert not [name for name, digest in mill.digests.items() if digest in page]


@pytest.fixture
def second(mill: Any) -> Any:
    """`tiny` is released, and `later` is a snapshot after it with the same datasets."""
    judge(mill)
    released(mill)
    Catalogue(mill.lake).add("later", date(2024, 5, 1), [mill.snapshot.files[0].path])
    return mill


def test_the_pages_of_a_report_link_to_each_other_as_files(second: Any) -> None:
    for snapshot in ("tiny", "later"):
        report.main([f"--profile={second.profile.source}", f"--snapshot={snapshot}", *inputs_of(second)])
    folder = second.profile.work_dir / "reports"
    assert {path.name for path in (folder / "later").iterdir()} == {
        "report.html", "trend.html", "index.html", "compare.html",
    }  # fmt: skip
    digest = archive.pointers(second.lake)[0]["report"]
    for path in [*(folder / "later").iterdir(), folder / "later.html", folder / "tiny.html"]:
        html = path.read_text(encoding="utf-8")
        if path.parent.name == "later":
            assert html == archive.read_page(second.lake, digest, path.name)
        for href in Page(html).values("a", "href"):
            assert href.startswith("#") or (path.parent / href).is_file(), f"{path.name}: {href}"
    assert not (folder / "tiny" / "compare.html").exists(), "tiny is the only release"
    assert "tiny" in Page((folder / "later" / "compare.html").read_text(encoding="utf-8")).words


def test_the_comparison_is_with_the_release_nearest_before(second: Any) -> None:
    later = Catalogue(second.lake).get("later")
    assert getattr(plain.previous(second.lake, later), "snapshot", None) == "tiny"
    assert plain.previous(second.lake, second.snapshot) is None
    released(second, "later")
    assert getattr(plain.previous(second.lake, second.snapshot), "snapshot", None) == "later", "none is before it"


def test_another_page_that_fails_takes_the_report_not_with_it(mill: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def lost(*_: Any) -> None:
        raise LakeError("objects/metrics/x is lost; <b>restore</b> it")

    monkeypatch.setattr(trend, "released", lost)
    monkeypatch.setattr(report.samples, "build", lost)
    assert mill.digests["corpus"] in run_report(mill, *inputs_of(mill))
    page = archive.read_page(mill.lake, archive.pointers(mill.lake)[0]["report"], "trend.html")
    assert "<b>restore</b> it" in Page(page).words


def test_a_report_that_ends_while_it_is_copied_leaves_the_copy_before(
    mill: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_report(mill)
    copy = mill.profile.work_dir / "reports" / "tiny.html"
    before = copy.read_text(encoding="utf-8")

    def half(self: Path, text: str, encoding: str) -> int:
        with self.open("w", encoding=encoding) as file:
            file.write(text[:9])
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "write_text", half)
    with pytest.raises(KeyboardInterrupt):
        report.copy_pages(copy.parent, "tiny", {"report.html": "<!doctype html>another"})
    assert copy.read_text(encoding="utf-8") == before
