"""The report: published whatever happened, and nothing that was crawled can become markup in it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gristmill import ledger, verdicts
from gristmill.process import GateBlocked
from gristmill.release import DATASETS
from quality import gate, report

Mills = Callable[..., Any]

PAYLOADS = [
    "<script>alert(1)</script>",
    "</style><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '"><svg onload=alert(1)>',
    "' onmouseover='alert(1)",
    "<iframe srcdoc='<script>1</script>'></iframe>",
    "</svg></div></main><base href=//evil.example/>",
    "<!--<script>-->",
    "]]><script>1</script>",
    "{{ 7 * 7 }}{% for x in y %}{{ cycler.__init__.__globals__ }}",
    "&lt;script&gt;&#60;b&#62;",
    "javascript:alert(1)//<a href='https://evil.example'>",
    "\u202egnp.exe\u2066\u200b\x00\x1b[31m<b>",
    "<meta http-equiv=refresh content='0;url=https://evil.example'>",
    "＜script＞ <\u0000script> <scr\u00adipt>",
]


class Markup(HTMLParser):
    """Start tags with their attributes, and the text between tags."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, list[tuple[str, str | None]]]] = []
        self.words = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, attrs))

    def handle_data(self, data: str) -> None:
        self.words += data

    def handle_comment(self, data: str) -> None:
        pytest.fail(f"a comment: {data}")


def removed_for(payloads: Sequence[str]) -> dict[str, tuple[Any, ...]]:
    """Removed documents of which everything is a payload, each by a rule of its own."""
    return {chr(ord("f") + i): (p, p, p, p, f"rule {i}", None, None) for i, p in enumerate(payloads)}


def tamed(payloads: Sequence[str]) -> list[str]:
    """Letters in their place, as long in characters and in bytes, and as different from each other."""
    return [re.sub("[\x00-\x7f]", chr(ord("a") + i), payload) for i, payload in enumerate(payloads)]


def page_of(mill: Any) -> str:
    mill.measure()
    return report.render(report.context(mill.lake, mill.snapshot, mill.digests, "run"))


@pytest.mark.parametrize("payloads", [PAYLOADS[:7], PAYLOADS[7:]], ids=["first", "second"])
def test_hostile_text_never_becomes_markup(
    mills: Mills, tmp_path_factory: pytest.TempPathFactory, payloads: list[str]
) -> None:
    tame = Markup(page_of(mills(removed_for(tamed(payloads)), tmp_path_factory.mktemp("tame"))))
    found = Markup(page_of(mills(removed_for(payloads), tmp_path_factory.mktemp("hostile"))))
    assert found.tags == tame.tags
    for payload in payloads:
        assert found.words.count(report.safe(payload)[:20]) >= 3, "url, text, and language"


def test_a_page_needs_nothing_from_outside_and_runs_nothing(mills: Mills) -> None:
    page = page_of(mills())
    found = Markup(page)
    allowed = {"html", "head", "meta", "title", "style", "body", "main", "h1", "h2", "span", "p", "div", "b", "table",
               "tr", "th", "td", "code", "svg", "rect", "text", "br", "details", "summary", "blockquote"}  # fmt: skip
    assert {tag for tag, _ in found.tags} <= allowed
    names = {name for _, attributes in found.tags for name, _ in attributes}
    assert not {name for name in names if name.startswith("on")} | names & {"src", "href", "srcset", "style", "action"}
    assert "url(" not in page
    assert "@import" not in page


@pytest.fixture
def values(mill: Any) -> dict[str, Any]:
    inputs = [f"--input={name}={digest}" for name, digest in mill.digests.items()]
    gate.main([f"--profile={mill.profile.source}", "--snapshot=tiny", "--kind=snapshot", *inputs])
    return report.context(mill.lake, mill.snapshot, mill.digests, "run")


@given(text=st.text(max_size=400))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)
def test_any_text_at_all_leaves_the_structure_of_the_page_alone(values: dict[str, Any], text: str) -> None:
    for rule in values["rules"]:
        rule["documents"] = [{"url": text, "text": text, "value": None, "threshold": None}]
    for cluster in values["duplicates"]:
        cluster["urls"] = [text]
    page = report.render({**values, "run_id": text})
    tame = report.render({**values, "run_id": "x"})
    assert Markup(page).tags == Markup(tame).tags
    assert not any(c in page for c in "\x00\x1b\u202e\u2066\u200b")


def test_a_report_shows_what_went_in_what_left_and_why(values: dict[str, Any]) -> None:
    words = Markup(report.render(values)).words
    for shown in ("too_short", "exact_duplicate", "near_duplicate", "https://two.example/e", "kurz", "right removals",
                  "40.0 %", "not_html", "one.example", "de"):  # fmt: skip
        assert shown in words


def run_report(mill: Any, *options: str) -> str:
    report.main([f"--profile={mill.profile.source}", "--snapshot=tiny", *options])
    [found] = report.pointers(mill.lake)
    entry = mill.lake.manifest(found["report"]).files[0]
    return str(mill.lake.path(entry).read_text(encoding="utf-8"))


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
    assert "not judged" in page
    for name in DATASETS:
        assert (mill.digests[name] in page) == (name in names)
    assert "this report lacks" in page


def test_a_blocked_snapshot_has_a_report_that_says_why(mill: Any) -> None:
    mill.edit("decisions", lambda row: row.update(value=None))
    mill.measure()
    inputs = [f"--input={name}={digest}" for name, digest in mill.digests.items()]
    with pytest.raises(GateBlocked):
        gate.main([f"--profile={mill.profile.source}", "--snapshot=tiny", "--kind=snapshot", *inputs])
    page = run_report(mill, *inputs)
    assert '<span class="badge block">block</span>' in page
    assert "each removal names value and rule" in page


def test_without_inputs_the_newest_datasets_of_the_ledger_are_reported(mill: Any) -> None:
    with ledger.attempt(mill.lake, stage="extract", scope="tiny", config={}, inputs={}) as attempt:
        attempt.outputs["documents"] = mill.digests["documents"]
    page = run_report(mill)
    assert mill.digests["documents"] in page
    assert "extract" in page


def test_a_scheduled_run_that_failed_at_once_does_not_show_the_datasets_of_the_run_before(mill: Any) -> None:
    inputs = [f"--input={name}={digest}" for name, digest in mill.digests.items()]
    gate.main([f"--profile={mill.profile.source}", "--snapshot=tiny", "--kind=snapshot", "--run-id=before", *inputs])
    with ledger.attempt(mill.lake, stage="measure", scope="tiny", config={}, inputs={}, run_id="before") as attempt:
        attempt.outputs.update(mill.digests)
    assert '<span class="badge pass">pass</span>' in run_report(mill)
    report.main([f"--profile={mill.profile.source}", "--snapshot=tiny", "--run-id=failed"])
    page = (mill.profile.work_dir / "reports" / "tiny.html").read_text(encoding="utf-8")
    assert "not judged" in page
    assert f"this report lacks: {', '.join(DATASETS)}" in page
    assert "No attempt of this run is in the ledger." in page
    assert not [name for name, digest in mill.digests.items() if digest in page]


def test_rules_that_never_fired_and_those_that_could_not_be_measured_are_named(mill: Any) -> None:
    words = Markup(page_of(mill)).words
    assert "Never fired" not in words
    assert "not be measured" not in words
    entry, other = mill.lake.manifest(mill.digests["decisions"]).files
    account = replace(
        entry.account, removed={**entry.account.removed, "b_rule": 0, "a_rule": 0, "too_short": 0},
        other={"not_measured:stop_words": 2},
    )  # fmt: skip
    tables = {f.unit: (mill.lake.read_file(f), f.account) for f in (entry, other)}
    mill.publish("decisions", {**tables, entry.unit: (tables[entry.unit][0], account)})
    words = " ".join(Markup(page_of(mill)).words.split())
    assert "Never fired: a_rule, b_rule" in words
    assert "Never fired: a_rule, b_rule, " not in words
    assert words.count("a_rule") == 1, "neither in the waterfall nor among the examples"
    assert "could not be measured on some documents, which they therefore did not judge: stop_words 2." in words
    assert "Personal data found: email 5. Masked in the corpus: 2." in words


def test_runs_of_one_snapshot_keep_their_reports_apart_and_a_repeated_run_replaces_its_own(mill: Any) -> None:
    lake = mill.lake
    runs = ["scheduled__2024-03-04T00:00:00+00:00", "a b", "a_b", "a/b", "..", "x" * 250, "y" * 250, "é" * 250]
    for run in runs:
        report.publish(lake, "tiny", run, f"<p>{runs.index(run)}</p>", {})
    again = report.publish(lake, "tiny", "a b", "<p>again</p>", {})
    found = {pointer["run_id"]: pointer for pointer in report.pointers(lake)}
    assert set(found) == set(runs)
    assert found["a b"]["report"] == again
    assert len({pointer["key"] for pointer in found.values()}) == len(runs)


def test_the_copy_for_people_is_the_published_page(mill: Any) -> None:
    page = run_report(mill)
    assert (mill.profile.work_dir / "reports" / "tiny.html").read_text(encoding="utf-8") == page


def test_a_report_that_ends_while_it_is_copied_leaves_the_copy_before(
    mill: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = run_report(mill)

    def half(source: Path, target: Path) -> None:
        target.write_text("<!doctype", encoding="utf-8")
        raise KeyboardInterrupt

    monkeypatch.setattr(report.shutil, "copyfile", half)
    monkeypatch.setattr(report, "publish", lambda *_: report.pointers(mill.lake)[0]["report"])
    with pytest.raises(KeyboardInterrupt):
        report.main([f"--profile={mill.profile.source}", "--snapshot=tiny"])
    assert (mill.profile.work_dir / "reports" / "tiny.html").read_text(encoding="utf-8") == page


@pytest.mark.parametrize(
    ("value", "shown"),
    [(None, "–"), (3, "3"), (1234.5, "1,234.500"), (float("inf"), "inf"), (float("nan"), "nan"), ("text", "text")],
)
def test_a_figure_is_shown_whatever_it_is(value: Any, shown: str) -> None:
    assert report.figure(value) == shown


def test_the_verdict_shown_is_the_one_on_these_digests(mill: Any) -> None:
    inputs = [f"--input={name}={digest}" for name, digest in mill.digests.items()]
    gate.main([f"--profile={mill.profile.source}", "--snapshot=tiny", "--kind=snapshot", *inputs])
    mill.edit("corpus", lambda row: row.update(title="another"))
    other: verdicts.Verdict | None = report.context(mill.lake, mill.snapshot, mill.digests, "run")["verdict"]
    assert other is None
