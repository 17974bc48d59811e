"""duplicates: a document's cluster and the difference of its texts, from releases alone."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

import pytest

from gristmill.catalogue import Catalogue
from gristmill.commands import duplicates as command
from gristmill.duplicates import DuplicatesError, describe, find, texts
from gristmill.lake import Lake
from gristmill.release import current, release

KEPT, COPY, NEAR, CHAIN, SHORT, LONE, SHORT_COPY, OTHER_FILE = 1, 2, 3, 4, 5, 6, 7, 1 << 40
HOSTILE = "https://s.example/\x1b[2J\u202ecopy\nerror: x"
SENTENCE = "The mill grinds the corn of the whole valley"
TEXTS = {
    KEPT: f"{SENTENCE} today.\nIt is old.", COPY: f"{SENTENCE} today.\nIt is old.",
    NEAR: f"{SENTENCE} \x1b[31mtomorrow.\nIt is old.", CHAIN: "Other words.\nIt is old.",
    SHORT: "It is old.", SHORT_COPY: "It is old.",
    LONE: "Nothing like it.", OTHER_FILE: f"{SENTENCE} now.\nIt is old.",
}  # fmt: skip
URLS = {d: f"https://s.example/{d}" for d in TEXTS} | {COPY: HOSTILE, LONE: "s.example/6"}
NEAR_RULE = {"reason": "near_duplicate", "threshold": 0.8, "duplicate_of": KEPT}
TOO_SHORT = {"reason": "too_short", "value": 3.0, "threshold": 200.0}
REMOVED: dict[int, dict[str, Any]] = {
    COPY: {"reason": "exact_duplicate", "value": 1.0, "threshold": 1.0, "duplicate_of": KEPT},
    NEAR: {**NEAR_RULE, "value": 0.85}, OTHER_FILE: {**NEAR_RULE, "value": 0.9},
    SHORT: TOO_SHORT, SHORT_COPY: TOO_SHORT,
}  # fmt: skip
GROUPS = {KEPT: KEPT, COPY: KEPT, SHORT: SHORT, SHORT_COPY: SHORT}
PAIRS: dict[int, dict[int, float]] = {
    KEPT: {NEAR: 0.85, CHAIN: 0.72, OTHER_FILE: 0.9}, COPY: {}, NEAR: {KEPT: 0.85, CHAIN: 0.95},
    CHAIN: {KEPT: 0.72, NEAR: 0.95, SHORT: 0.7}, SHORT: {CHAIN: 0.7}, SHORT_COPY: {}, OTHER_FILE: {KEPT: 0.9},
}  # fmt: skip


def by_file(lake: Lake, mill: Any, dataset: str, rows: Sequence[Mapping[str, Any]]) -> str:
    """One file per input file, as the stages write it."""
    entries = [mill.write(dataset, f"{i:06d}", [r for r in rows if r["doc_id"] >> 40 == i], None) for i in range(2)]
    return str(lake.publish(dataset, entries, {}).digest)


@pytest.fixture
def released(lake: Lake, mill: Any) -> Lake:
    """Snapshot a of the usual three pages, and s: a cluster of seven in two files, and a page alone.

    CHAIN is kept too (the policy asks for 0.8), SHORT has a pair with CHAIN only.
    """
    mill.release("a", date(2026, 3, 1))
    mill.enter("s", date(2026, 4, 1))
    day = datetime(2026, 4, 2, 3, 4, 5, tzinfo=UTC)
    documents = [
        {"doc_id": d, "url": URLS[d], "canonical_url": f"https://s.example/page/{d}", "text": text,
         "captured": None if d == COPY else day}
        for d, text in TEXTS.items()
    ]  # fmt: skip
    cluster = {"cluster_id": KEPT, "cluster_size": 7}
    duplicates = [
        {"doc_id": d, "exact_group": GROUPS.get(d), **cluster,
         "pairs": [{"doc_id": other, "jaccard": jaccard} for other, jaccard in PAIRS[d].items()]}
        for d in PAIRS
    ]  # fmt: skip
    decisions = [
        {"doc_id": d, "kept": d not in REMOVED, **REMOVED.get(d, {}), **({} if d == LONE else cluster)} for d in TEXTS
    ]
    kept = [{"doc_id": d} for d in (KEPT, CHAIN, LONE)]
    made = {"documents": documents, "decisions": decisions, "corpus": kept}
    datasets = {**mill.datasets("s"), **{name: by_file(lake, mill, name, rows) for name, rows in made.items()},
                "duplicates": mill.publish("duplicates", duplicates)}  # fmt: skip
    mill.judge(datasets)
    release(lake, "s", datasets)
    return lake


def say(lake: Lake, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *arguments: str) -> str:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    monkeypatch.setattr(command, "load_profile", lambda name: name)
    monkeypatch.setattr(Lake, "open", lambda profile: lake)
    code = command.run(parser.parse_args(arguments))
    said = capsys.readouterr().out
    assert code == ("cluster" not in said)
    return said


def similarities(lake: Lake, doc_id: int) -> dict[int, float | None]:
    now = current(lake, "s")
    assert now is not None
    cluster = describe(lake, now, doc_id, None).cluster
    assert cluster is not None
    return {m.doc_id: m.similarity for m in cluster.members}


def test_a_document_is_found_by_either_url_its_id_and_its_address(released: Lake) -> None:
    for wanted in ("https://s.example/3", "https://s.example/page/3", "3", "s/3"):
        assert [(r.snapshot, doc_id) for r, doc_id in find(released, wanted)] == [("s", NEAR)]
    assert [r.snapshot for r, _ in find(released, "s/1099511627776")] == ["s"]


def test_the_kept_page_is_held_against_its_least_similar_removed_one(released: Lake) -> None:
    ((now, doc_id),) = find(released, "s/1")
    cluster = describe(released, now, doc_id, None).cluster
    assert cluster is not None
    assert (cluster.size, cluster.kept, cluster.exact_copies) == (7, 2, 2)
    assert (cluster.reference, cluster.other) == (KEPT, NEAR)
    assert [m.doc_id for m in cluster.members] == [KEPT, CHAIN, COPY, OTHER_FILE, NEAR, SHORT, SHORT_COPY]
    assert [m.kept for m in cluster.members] == [True, True, False, False, False, False, False]


def test_similarity_is_that_of_the_group_or_the_pair_or_none_is_known(released: Lake) -> None:
    unknown = dict.fromkeys((SHORT, SHORT_COPY))
    to_kept = {KEPT: 1.0, COPY: 1.0, NEAR: 0.85, OTHER_FILE: 0.9, CHAIN: 0.72, **unknown}
    assert similarities(released, KEPT) == to_kept
    assert similarities(released, COPY) == to_kept
    assert similarities(released, NEAR) == to_kept, "held against the page that it is a duplicate of, not the nearest"
    to_chain = {CHAIN: 1.0, NEAR: 0.95, KEPT: 0.72, COPY: 0.72, SHORT: 0.7, SHORT_COPY: 0.7, OTHER_FILE: None}
    assert similarities(released, CHAIN) == to_chain
    assert similarities(released, SHORT_COPY) == to_chain, "pairs stand with the first of an exact group"


def test_a_page_that_a_rule_removed_is_held_against_the_most_similar_kept_one(released: Lake) -> None:
    ((now, doc_id),) = find(released, "s/5")
    found = describe(released, now, doc_id, 1)
    assert found.cluster is not None
    assert (found.cluster.reference, found.cluster.other) == (CHAIN, CHAIN)
    assert found.document.removed_by == {"reason": "too_short", "value": 3.0, "threshold": 200.0}
    assert len(found.cluster.members) == 1


def test_texts_come_in_the_order_asked(released: Lake) -> None:
    ((now, _),) = find(released, "s/1")
    assert texts(released, now, (OTHER_FILE, KEPT)) == (TEXTS[OTHER_FILE], TEXTS[KEPT])


def test_a_removed_page_is_shown_with_its_cluster_and_difference(
    released: Lake, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = say(released, capsys, monkeypatch, "s/3").splitlines()
    assert lines[:5] == [
        "s: https://s.example/3 (doc_id 3)",
        "  captured 2026-04-02 03:04:05 UTC; removed: near_duplicate, value 0.85, threshold 0.8, a duplicate of 1",
        "  cluster 1: 7 documents, 2 kept, 2 exact copies of others",
        "  members, and how similar they are to 1, which stayed:",
        "    1  kept; the reference, exact group 1",
    ]
    assert "    4  kept; similarity 0.720" in lines
    other = (
        "removed: too_short, value 3, threshold 200; no verified pair with the reference, in the cluster through others"
    )
    assert f"    5  {other}, exact group 5" in lines
    assert "  * 3  removed: near_duplicate, value 0.85, threshold 0.8, a duplicate of 1; similarity 0.850" in lines
    assert lines[-4:] == [
        "  how the extracted texts differ: - 1, + 3",
        f"  - {SENTENCE} [-today-].",
        f"  + {SENTENCE} {{+\\x1b[31mtomorrow+}}.",
        "    It is old.",
    ]


def test_what_a_crawl_says_cannot_steer_the_terminal(
    released: Lake, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    said = say(released, capsys, monkeypatch, HOSTILE)
    assert "s: https://s.example/\\x1b[2J\\x202ecopy\\x0aerror: x (doc_id 2)" in said
    assert not [c for c in said if c in "\x1b\u202e"]
    assert "the texts are the same, 2 lines" in said
    said = say(released, capsys, monkeypatch, "s/3", "--json")
    assert not [c for c in said if c in "\x1b\u202e"]
    (found,) = json.loads(said)
    assert HOSTILE in [member["url"] for member in found["cluster"]["members"]]
    assert f"  - {SENTENCE} [-today-]." in found["difference"]


def test_another_member_is_compared_on_request(
    released: Lake, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "how the extracted texts differ: - 4, + 3" in say(released, capsys, monkeypatch, "s/3", "--against", "4")
    for wrong in ("6", "3"):
        with pytest.raises(DuplicatesError, match=f"doc_id {wrong} is no other member of the cluster of 3 in s; take"):
            say(released, capsys, monkeypatch, "s/3", "--against", wrong)
    mill_copy(released)
    with pytest.raises(DuplicatesError, match="2 documents have this address; with --against name one of them: a/0"):
        say(released, capsys, monkeypatch, "https://a.example/first", "--against", "1")


def mill_copy(lake: Lake) -> None:
    """Release the pages of a as snapshot b as well."""
    now = current(lake, "a")
    assert now is not None
    Catalogue(lake).add("b", date(2026, 5, 1), [lake.storage.local_path("manifests") / f"{now.datasets['index']}.json"])
    release(lake, "b", now.datasets)


def test_a_page_of_two_snapshots_is_shown_for_each(
    released: Lake, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    mill_copy(released)
    said = say(released, capsys, monkeypatch, "https://a.example/twin")
    assert "a: https://a.example/twin (doc_id 2048)" in said
    assert "\n\nb: https://a.example/twin (doc_id 2048)" in said
    assert [r.snapshot for r, _ in find(released, "2048")] == ["a", "b"]


def test_a_page_that_edits_emptied_is_not_called_kept(released: Lake) -> None:
    now = current(released, "a")
    assert now is not None
    found = describe(released, now, 3 << 10, None)
    assert found.cluster is None
    assert found.document.removed_by == {"reason": "too_short_after_edits"}


def test_long_lists_say_what_is_left_out(
    released: Lake, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "MEMBERS", 2)
    monkeypatch.setattr(command, "LINES", 1)
    said = say(released, capsys, monkeypatch, "s/3")
    assert "    5 more members are not shown; --all shows them" in said
    assert "left out here: 0 more lines of the first text and 1 of the second" in said
    assert "not shown" not in say(released, capsys, monkeypatch, "s/3", "--all")
    monkeypatch.setattr(command, "DOCUMENTS", 1)
    mill_copy(released)
    said = say(released, capsys, monkeypatch, "https://a.example/first")
    assert said.endswith("\n1 more documents have this address; --all shows them\n")


def test_a_page_without_duplicates_says_so(
    released: Lake, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    said = say(released, capsys, monkeypatch, "s.example/6").splitlines()
    assert said[1:] == ["  captured 2026-04-02 03:04:05 UTC; kept",
                        "  has no duplicate in s; `gristmill explain URL` shows its signals"]  # fmt: skip


def test_what_is_not_there_is_a_sentence(lake: Lake, mill: Any) -> None:
    with pytest.raises(DuplicatesError, match="no snapshot is released yet; `gristmill status` prints the command"):
        find(lake, "https://a.example/first")
    mill.release("a", date(2026, 3, 1))
    mill.enter("b", date(2026, 4, 1))
    for wanted, message in (
        ("b/1", "snapshot 'b' is not released; `gristmill status` says what is missing"),
        ("a/7", "no document a/7 in a; give a doc_id as `gristmill explain URL` prints it"),
        (str(1 << 41), "no document 2199023255552 in a; give"),
        ("9" * 19, "no document 9999999999999999999 in a; give"),
        ("https://a.example/frist", "near it are https://a.example/first"),
        ("https://a.example/gone", "`gristmill explain URL` says whether its record was rejected"),
        ("\udcff\x1b", "no released snapshot (a) has a document ?\\x1b"),
    ):
        with pytest.raises(DuplicatesError) as caught:
            find(lake, wanted)
        assert message in str(caught.value)
        assert "\x1b" not in str(caught.value)
