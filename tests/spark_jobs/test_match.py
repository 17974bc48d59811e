"""Matches across releases against brute force; and nothing but the releases decides them."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pytest

from gristmill.release import Release
from gristmill.units import in_process
from spark_jobs.match import match_rows, run_match
from spark_jobs.stage import StageContext
from spark_jobs.text.similarity import exact_jaccard


def matches(mill: Any, snapshot: str) -> list[dict[str, Any]]:
    releases = {name: mill.release(name) for name in ("A", "B")}
    others = [releases[name] for name in releases if name != snapshot]
    context = StageContext(mill.lake, mill.profile, snapshot, {}, in_process)
    with context.attempt("match", mill.profile.spark) as attempt:
        manifest = run_match(context, releases[snapshot], others, attempt)
    rows: list[dict[str, Any]] = mill.lake.read(manifest.digest).to_pylist()
    return rows


def test_matches_are_the_pairs_that_brute_force_finds(mill: Any) -> None:
    texts = {}
    for snapshot in ("A", "B"):
        # Signatures are of the documents, which the corpus holds cleaned.
        kept = {r["doc_id"] for r in mill.rows(snapshot, "decisions") if r["kept"]}
        texts[snapshot] = {r["doc_id"]: r["text"] for r in mill.rows(snapshot, "documents") if r["doc_id"] in kept}
    found = {(r["doc_id"], r["match_doc_id"]): r["jaccard"] for r in matches(mill, "A")}
    exact = {(a, b): exact_jaccard(left, right) for a, left in texts["A"].items() for b, right in texts["B"].items()}
    assert {pair for pair, jaccard in exact.items() if jaccard >= 0.85} <= set(found)
    assert len(found) > 30
    for pair, jaccard in found.items():
        assert jaccard == pytest.approx(exact[pair], abs=4 * np.sqrt(0.25 / 112))


def test_matches_are_mutual(mill: Any) -> None:
    there = {(r["doc_id"], r["match_doc_id"]): r["jaccard"] for r in matches(mill, "A")}
    back = {(r["match_doc_id"], r["doc_id"]): r["jaccard"] for r in matches(mill, "B")}
    assert there == back


def test_the_earliest_snapshot_has_seen_it_first(mill: Any) -> None:
    assert {r["first_seen"] for r in matches(mill, "A")} == {"A"}
    assert {r["first_seen"] for r in matches(mill, "B")} == {"A"}


def made_up(snapshot: str, day: int) -> Release:
    return Release(snapshot, date(2026, 1, day), "", {}, "pass", "")


def test_the_most_similar_match_comes_first_then_the_earliest() -> None:
    late, middle, early = made_up("late", 3), made_up("middle", 2), made_up("early", 1)
    pairs = np.array([[7, 1], [7, 2]])
    found = {
        "late": (pairs, np.array([0.75, 0.9], np.float32)),
        "early": (pairs[:1], np.array([0.75], np.float32)),
    }
    rows = match_rows(middle, [early, late], found).to_pylist()
    assert [(r["match_snapshot"], r["match_doc_id"]) for r in rows] == [("late", 2), ("early", 1), ("late", 1)]
    assert {r["first_seen"] for r in rows} == {"early"}


def test_a_document_without_an_earlier_match_was_seen_first_in_its_own_snapshot() -> None:
    rows = match_rows(made_up("z", 1), [made_up("b", 2)], {"b": (np.array([[1, 1]]), np.array([0.8], np.float32))})
    assert rows.column("first_seen").to_pylist() == ["z"]
