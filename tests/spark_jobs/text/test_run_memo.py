"""A memory of runs saves time and changes nothing, however small it is and whatever shares a slot."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spark_jobs.text.heuristics import heuristics
from spark_jobs.text.run_memo import memo

RUNS = (
    "(changed)", "(charged)", "don't", "Don't", "mode=input", "e.g.", "U.S.", "10km", "3.14", "#tag", "…", "...", "{j}",
    "\x00", "\x00\x00", "a\x00", "\x00a", "é", "é.", "Ünï-cödé,", "слово", "слово.", "漢字かな", "漢字", "ภาษา", "aа",
    "[1]", "x-" * 16, "x-" * 16 + "y", "é-" * 10 + "ab", "é-" * 10 + "abc", "-" * 8, "-" * 16, "-" * 24, "-" * 32,
    "-" * 33, "http://example.com/a", "word", "Word,", "J.", "!?", "(1,2,3)", "a;b;c;d;e",
)  # fmt: skip
GAPS = (" ", "  ", "\n", "\n\n", "\r\n", "\u00a0", "\u2028", "\u3000", "\t")

documents = st.lists(
    st.lists(st.tuples(st.sampled_from(RUNS), st.sampled_from(GAPS)), max_size=30).map(
        lambda pairs: "".join(run + gap for run, gap in pairs)
    ),
    min_size=1,
    max_size=5,
)


def measure(texts: list[str], slots: int) -> pa.Table:
    ids = pa.array([str(i) for i in range(len(texts))])
    return heuristics(ids, pa.array(texts), pa.array(["en"] * len(texts)), memo(slots))


@settings(max_examples=80, deadline=None)
@given(documents, st.sampled_from([1, 2, 16]))
def test_no_figure_depends_on_the_size_of_the_memory(texts: list[str], slots: int) -> None:
    alone = [measure([text], 1) for text in texts]
    assert measure(texts, slots).drop(["doc_id"]).equals(pa.concat_tables(alone).drop(["doc_id"]))
    assert measure(texts, 8192).equals(measure(texts, slots))


@pytest.mark.parametrize("slots", [1, 2, 8192])
def test_a_run_that_comes_again_counts_as_it_did_before(slots: int) -> None:
    counted = ["tokens", "words", "words_rpv2"]
    for run in RUNS:
        once, other = measure([run, "(other)"], slots).select(counted).to_pylist()
        (both,) = measure([" ".join((run, "(other)", run, run, "(other)", run))], slots).select(counted).to_pylist()
        assert both == {name: 4 * once[name] + 2 * other[name] for name in counted}, run
