"""Marks: whose counts, for which decisions, and what they say of a rule."""

from __future__ import annotations

from pathlib import Path

import pytest
from scipy.stats import binomtest

from gristmill.errors import UserError
from gristmill.lake import Lake, LakeError
from gristmill.storage import PosixStorage
from quality.marks import KEPT, MAX_NOTE, RANDOM, Mark, Precision, mark, marks, precision, wilson

DECISIONS, OTHERS = "d" * 64, "e" * 64


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(PosixStorage(tmp_path))


def given(
    doc_id: int, right: bool, who: str = "ann", rule: str = "short", pick: str = RANDOM, evidence: str = DECISIONS
) -> Mark:
    return Mark("tiny", doc_id, rule, pick, right, who, evidence)


def test_the_newest_mark_of_a_person_counts_and_those_of_others_stay(lake: Lake) -> None:
    for each in (given(1, True), given(1, True, "bob"), given(1, False)):
        mark(lake, each)
    assert sorted((m.who, m.right) for m in marks(lake, "tiny", DECISIONS)) == [("ann", False), ("bob", True)]


def test_a_mark_has_its_time_and_its_note_on_one_line(lake: Lake) -> None:
    stored = mark(lake, Mark("tiny", 1, "short", RANDOM, True, "ann", DECISIONS, "  a\r\nb "))
    assert stored.note == "a b"
    assert stored.marked_at.endswith("+00:00")
    assert marks(lake, "tiny", DECISIONS) == [stored]


def test_marks_of_other_decisions_do_not_mix(lake: Lake) -> None:
    mark(lake, given(1, True))
    mark(lake, given(1, False, evidence=OTHERS))
    assert precision(lake, "tiny", DECISIONS)["short"].right == 1
    assert precision(lake, "tiny", OTHERS)["short"].wrong == 1
    assert precision(lake, "other", DECISIONS) == {}


def test_a_document_counts_once_by_majority_and_a_tie_not_at_all(lake: Lake) -> None:
    for doc_id, voices in ((1, (True, True, False)), (2, (False,)), (3, (True, False)), (4, (True,))):
        for number, right in enumerate(voices):
            mark(lake, given(doc_id, right, f"person {number}"))
    found = precision(lake, "tiny", DECISIONS)["short"]
    assert (found.right, found.wrong) == (2, 1)


def test_only_what_chance_drew_counts_and_kept_documents_are_their_own_rule(lake: Lake) -> None:
    for each in (given(1, True), given(2, False, pick="near"), given(3, True, pick="far"), given(4, True, rule=KEPT)):
        mark(lake, each)
    found = precision(lake, "tiny", DECISIONS)
    low, high = wilson(1, 1)
    assert found == {"short": Precision(1, 0, low, high, beside=2), KEPT: Precision(1, 0, low, high)}


@pytest.mark.parametrize(("successes", "trials"), [(0, 1), (1, 1), (0, 7), (3, 7), (95, 100), (500, 500), (1, 9999)])
def test_the_interval_is_that_of_wilson(successes: int, trials: int) -> None:
    interval = binomtest(successes, trials).proportion_ci(0.95, method="wilson")
    assert wilson(successes, trials) == pytest.approx((interval.low, interval.high), abs=2e-6)


def test_without_marks_nothing_is_known() -> None:
    assert wilson(0, 0) == (0.0, 1.0)


def test_a_note_that_is_too_long_is_refused_and_nothing_is_stored(lake: Lake) -> None:
    mark(lake, Mark("tiny", 1, "short", RANDOM, True, "ann", DECISIONS, "n" * MAX_NOTE))
    with pytest.raises(UserError, match="501 characters"):
        mark(lake, Mark("tiny", 2, "short", RANDOM, True, "ann", DECISIONS, "n" * (MAX_NOTE + 1)))
    assert [m.doc_id for m in marks(lake, "tiny", DECISIONS)] == [1]


def test_a_name_never_becomes_a_path(lake: Lake) -> None:
    mark(lake, given(1, True, "../../../x\x00/"))
    [key] = lake.storage.list("marks")
    assert key.startswith(f"marks/tiny/{DECISIONS}/1-")
    assert marks(lake, "tiny", DECISIONS)[0].who == "../../../x\x00/"


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"who": 1}'])
def test_a_damaged_mark_is_named(lake: Lake, body: bytes) -> None:
    lake.storage.put_if_absent(f"marks/tiny/{DECISIONS}/1-x.json", body)
    with pytest.raises(LakeError, match="is no mark"):
        marks(lake, "tiny", DECISIONS)
