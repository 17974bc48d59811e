"""Our signals and the fineweb policy against datatrove's own filters, on golden files made by its own environment."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pytest

from bench.parity.agreement import FILTERS, RECIPE, RULES, Agreement, agreement, fires, measure, recipe_removes
from bench.parity.edits import EDITS, edit
from bench.parity.texts import LONG_RULE, Base, Golden, ParityError, remake
from gristmill.profile import PROJECT
from spark_jobs.policies.evaluate import judge
from spark_jobs.policies.loading import load_policy, policy_path
from spark_jobs.policies.registry import installed

CRAWLS = {
    "embedded": PROJECT / "data" / "crawl" / "embedded",
    "demo": PROJECT.parent / "shared" / "data" / "crawl" / "demo",
}
F1, DECISIONS, ENOUGH = 0.98, 0.99, 200


class Compared(NamedTuple):
    crawl: str
    golden: Golden
    rows: pa.Table
    signals: pa.Table
    found: Agreement


@pytest.fixture(scope="module", params=["embedded", pytest.param("demo", marks=pytest.mark.long)])
def compared(request: pytest.FixtureRequest) -> Compared:
    """All texts of a golden file but the longest, measured once."""
    crawl: str = request.param
    golden = _golden(crawl)
    rows = golden.rows.filter(pa.compute.invert(golden.long))
    signals = measure(remake(golden, rows, CRAWLS[crawl]))
    return Compared(crawl, golden, rows, signals, agreement(golden, rows, signals))


def _golden(crawl: str) -> Golden:
    path = Path(__file__).with_name(f"{crawl}.parquet")
    if not CRAWLS[crawl].is_dir():
        pytest.skip(f"{CRAWLS[crawl]} is not on this machine")
    if not path.is_file():
        pytest.skip(f"{path} is made by `python -m bench.parity.golden {CRAWLS[crawl]} {path}`, which takes a while")
    return Golden.read(path)


def test_every_rule_fires_where_the_peers_does(compared: Compared) -> None:
    asked = [score for score in compared.found.scores if score.rule != LONG_RULE]
    assert {score.rule for score in asked} == set(RULES) - {LONG_RULE}
    assert {s.rule: (s.fired, s.near) for s in asked if min(s.fired, s.near) < ENOUGH} == {}
    assert {s.rule: (s.f1, s.ours_only, s.peer_only) for s in asked if s.f1 < F1} == {}


def test_every_rule_agrees_close_to_its_threshold(compared: Compared) -> None:
    assert {s.rule: s.f1_near for s in compared.found.scores if s.rule != LONG_RULE and s.f1_near < F1} == {}


@pytest.mark.long
def test_the_rule_for_long_texts_fires_where_the_peers_does() -> None:
    golden = _golden("embedded")
    rows = golden.rows.filter(golden.long)
    found = agreement(golden, rows, measure(remake(golden, rows, CRAWLS["embedded"])))
    score = next(score for score in found.scores if score.rule == LONG_RULE)
    assert min(score.fired, score.near) >= ENOUGH
    assert score.f1 >= F1


def test_documents_of_the_crawl_get_the_same_decision(compared: Compared) -> None:
    # On a handful of documents one may differ.
    whole = sum(not aim for aim in compared.rows.column("aim").to_pylist())
    allowed = max(1, int((1 - DECISIONS) * whole))
    assert set(compared.found.decisions) > set(RECIPE)
    for name, share in compared.found.decisions.items():
        assert round((1 - share) * whole) <= allowed, name


def test_the_line_rules_leave_the_same_text(compared: Compared) -> None:
    assert compared.found.edited >= DECISIONS


def test_the_fineweb_policy_removes_what_its_rules_here_remove(compared: Compared) -> None:
    policy = load_policy(policy_path("fineweb"), installed())
    count = compared.signals.num_rows
    english = {"language": pa.array(["en"] * count), "score": pa.array(np.ones(count, np.float32))}
    signals = compared.signals
    for name, column in english.items():
        signals = signals.append_column(name, column)
    # What lists say of a URL is no matter of the text.
    policy = policy.model_copy(update={"rules": [r for r in policy.rules if r.signal in signals.column_names]})
    assert np.array_equal(judge(policy, signals).first.rule >= 0, recipe_removes(signals))


def test_scores_of_a_small_case_by_hand() -> None:
    golden = Golden(pa.table({}), ("gopher_short_doc", "citation"), (), {})
    reasons = {name: ["gopher", "", ""] for name in FILTERS}
    rows = pa.table({"aim": ["", "", "citation"], "fired": [1, 3, 2], "near": [0, 1, 2],
                     "edited": [b"a", b"b", b"c"], **reasons})  # fmt: skip
    found = agreement(golden, rows, _signals(words=[49, 50, 50], citations=[0, 1, 1], edited=[b"a", b"b", b"x"]))
    short, citation = found.scores
    assert (short.fired, short.both, short.ours_only, short.peer_only) == (2, 1, 0, 1)
    assert short.f1 == pytest.approx(2 / 3, abs=1e-6)
    assert (short.near, short.f1_near) == (1, 0.0)
    assert citation.f1 == citation.f1_near == 1.0
    assert found.differ == [(1, "gopher_short_doc")]
    assert found.edited == pytest.approx(2 / 3, abs=1e-6)
    assert found.decisions["gopher_quality"] == 1.0


def _signals(**columns: list[object]) -> pa.Table:
    """A table with all signals that the rules name; those not given are null."""
    rows = len(next(iter(columns.values())))
    names = {bound.signal for bound in RULES.values()} | {"edited"}
    return pa.table({name: columns.get(name, pa.nulls(rows, pa.float32())) for name in sorted(names)})


def test_a_null_fires_nothing() -> None:
    signals = _signals(words=[10, None])
    assert fires(RULES["gopher_short_doc"], signals).tolist() == [True, False]
    assert not fires(RULES["gopher_above_avg_threshold"], signals).any()


@pytest.mark.parametrize("rule", sorted(EDITS))
def test_an_edit_is_a_function_of_its_arguments(rule: str) -> None:
    text = "One line of words, and some more of them.\n\nThe next has a few: to be, or not to be? That is it.\n" * 8
    for amount in (0, 1, 7):
        made = edit(text, rule, 3, amount)
        assert made == edit(text, rule, 3, amount)
        assert made.encode().decode() == made
    assert edit(text, rule, 3, 7) != edit(text, rule, 3, 1)


def test_a_document_that_cannot_be_remade_is_named(tmp_path: Path) -> None:
    golden = Golden(pa.table({}), (), (Base("0" * 64, 0, 10),), {})
    with pytest.raises(ParityError, match=r"1 of the golden file's documents .* bench\.parity\.golden"):
        remake(golden, pa.table({}), tmp_path)
