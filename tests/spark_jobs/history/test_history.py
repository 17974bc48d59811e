"""What a set of segments says does not depend on who came when, nor on how the segments lie."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pytest

from gristmill import lake as lake_module
from spark_jobs import index
from spark_jobs.history import keys, search
from spark_jobs.history.compaction import CompactConfig, compact
from spark_jobs.match import MatchConfig, run_match

from .conftest import World, near_copies

Worlds = Callable[[str], World]
NAMES = ("a", "b", "c")
VALUES = {name: near_copies(seed, 60) for seed, name in enumerate(NAMES, 1)}


def all_matches(world: World, order: tuple[str, ...] = NAMES) -> dict[str, str]:
    """Index snapshots in an order; after each, match all that are there. The digests of the last round."""
    known = {}
    for name in order:
        known[name] = world.snapshot(name, VALUES[name])
        found = {n: world.matches(r, [o for o in known.values() if o is not r]) for n, r in known.items()}
    return {name: found[name] for name in NAMES}


def test_matches_are_what_brute_force_finds(worlds: Worlds) -> None:
    world = worlds("one")
    releases = [world.snapshot(name, VALUES[name]) for name in NAMES]
    threshold = MatchConfig().min_jaccard
    for release in releases:
        others = [r for r in releases if r is not release]
        found: dict[str, set[tuple[int, int]]] = {other.snapshot: set() for other in others}
        table = world.lake.read(world.matches(release, others))
        for row in table.to_pylist():
            found[row["match_snapshot"]].add((row["doc_id"], row["match_doc_id"]))
        for name, pairs in found.items():
            assert pairs == world.brute_force(release.snapshot, name, threshold)
            assert len(pairs) > 20
        assert table.num_rows == sum(map(len, found.values()))


def test_every_order_of_backfill_gives_the_same_bytes(worlds: Worlds) -> None:
    world = worlds("forwards")
    expected = all_matches(world)
    for order in (("c", "b", "a"), ("b", "c", "a")):
        other = worlds("".join(order))
        assert all_matches(other, order) == expected
        assert pair_files(other) == pair_files(world)


def pair_files(world: World) -> dict[str, str]:
    """Recipe -> sha256 of the pairs of two snapshots."""
    keys_of_units = world.lake.storage.list("units/match.pairs")
    return {key: json.loads(world.lake.storage.get(key) or b"")["pairs"]["sha256"] for key in keys_of_units}


def test_a_snapshot_run_twice_or_taken_out_and_added_again_changes_nothing(worlds: Worlds) -> None:
    world = worlds("twice")
    expected = all_matches(world)
    releases = {name: world.snapshot(name, VALUES[name]) for name in ("c", "b", "a")}
    assert world.matches(releases["b"], [releases["c"], releases["a"]]) == expected["b"]
    without = world.matches(releases["b"], [releases["a"]])
    assert set(world.lake.read(without).column("match_snapshot").to_pylist()) == {"a"}
    assert world.matches(releases["b"], [releases["a"], releases["c"]]) == expected["b"]


def test_a_new_snapshot_is_joined_once_and_the_matches_of_older_ones_know_it(
    worlds: Worlds, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = worlds("joins")
    joined: list[tuple[str, list[str]]] = []

    def watched(context: object, release: object, others: list[object], least: float) -> object:
        joined.append((release.snapshot, [o.snapshot for o in others]))  # type: ignore[attr-defined]
        return search.search(context, release, others, least)  # type: ignore[arg-type]

    monkeypatch.setattr("spark_jobs.match.search", watched)
    all_matches(world)
    assert joined == [("a", ["b"]), ("a", ["c"]), ("b", ["c"])]
    joined.clear()
    releases = [world.snapshot(name, VALUES[name]) for name in NAMES]
    new = world.snapshot("d", near_copies(7, 60))
    for release in (new, *releases):
        world.matches(release, [r for r in (*releases, new) if r is not release])
    assert joined == [("d", ["a", "b", "c"])]


def test_pairs_that_are_lost_are_searched_for_again(worlds: Worlds) -> None:
    world = worlds("lost")
    releases = [world.snapshot(name, VALUES[name]) for name in NAMES]
    expected = world.matches(releases[0], releases[1:])
    for key in world.lake.storage.list("units/match/"):
        world.lake.storage.delete(key)
    for key in world.lake.storage.list("objects/pairs")[1:]:
        world.lake.storage.delete(key)
    assert world.matches(releases[0], releases[1:]) == expected
    assert len(world.lake.storage.list("objects/pairs")) == 2


@pytest.mark.parametrize("digits", [1, 2])
def test_compaction_changes_no_byte_of_the_matches(
    worlds: Worlds, monkeypatch: pytest.MonkeyPatch, digits: int
) -> None:
    """Also where the merged segment is cut by longer prefixes than the others, and some are not in it."""
    expected = all_matches(worlds("apart"))
    if digits == 2:
        monkeypatch.setattr(keys, "FILE_ROWS", 48 * 14 * 2 // 17)
    world = worlds("together")
    releases = [world.snapshot(name, VALUES[name]) for name in NAMES]
    assert {len(world.lake.manifest(r.datasets["index"]).files) for r in releases} == {16}
    context = world.context("index")
    with context.attempt("compact", CompactConfig()) as attempt:
        merged = compact(context, releases[:2], attempt).digest
    assert len(world.lake.manifest(merged).files) == 16**digits
    for release in releases:
        assert world.matches(release, [r for r in releases if r is not release]) == expected[release.snapshot]


def rows_of(world: World, digest: str) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = world.lake.read(digest).to_pylist()
    return rows


def test_the_segment_does_not_depend_on_how_its_runs_were_cut(worlds: Worlds, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = worlds("whole").snapshot("a", VALUES["a"]).datasets["index"]
    monkeypatch.setattr(index, "RUN_DOCUMENTS", 25)
    cut = worlds("cut")
    assert cut.snapshot("a", VALUES["a"]).datasets["index"] == expected
    assert len(cut.lake.storage.list("units/index.run")) == 3


def test_k_copies_of_an_indexed_document_are_all_found(worlds: Worlds) -> None:
    world = worlds("copies")
    one = near_copies(1, 10)[:1]
    indexed, copies = world.snapshot("a", one), world.snapshot("b", np.repeat(one, 1500, axis=0))
    rows = world.lake.read(world.matches(copies, [indexed]))
    assert rows.column("doc_id").to_pylist() == sorted(world.kept["b"][0].tolist())
    assert set(rows.column("first_seen").to_pylist()) == {"a"}
    back = world.lake.read(world.matches(indexed, [copies]))
    assert back.column("match_doc_id").to_pylist() == sorted(world.kept["b"][0].tolist())


def test_small_row_groups_blocks_and_slices_give_the_same(worlds: Worlds, monkeypatch: pytest.MonkeyPatch) -> None:
    world = worlds("whole")
    expected = rows_of(world, all_matches(world)["b"])
    monkeypatch.setattr(lake_module, "ROW_GROUP_ROWS", 5)
    monkeypatch.setattr(keys, "GROUPS_AT_ONCE", 3)
    monkeypatch.setattr(search, "PAIRS_AT_ONCE", 11)
    world = worlds("slices")
    assert rows_of(world, all_matches(world)["b"]) == expected


def test_what_an_older_snapshot_would_supersede_is_counted(worlds: Worlds) -> None:
    """The older one is processed last, and no digest of the newer one's changes."""
    world = worlds("older")
    newer = world.snapshot("b", VALUES["b"])
    older = world.snapshot("a", VALUES["a"])
    context = world.context("mix")
    with context.attempt("mix", CompactConfig()) as attempt:
        tables = {r.snapshot: run_match(context, r, [o], attempt) for r, o in ((older, newer), (newer, older))}
    counts = attempt.summary["matches"]
    pairs = world.brute_force("a", "b", MatchConfig().min_jaccard)
    documents = len({a for a, _ in pairs})
    assert counts["a"] == {"documents": documents, "seen_earlier": 0, "would_supersede": documents}
    later = len({b for _, b in pairs})
    assert counts["b"] == {"documents": later, "seen_earlier": later, "would_supersede": 0}
    assert set(world.lake.read(tables["b"].digest).column("first_seen").to_pylist()) == {"a"}
    assert world.snapshot("b", VALUES["b"]).datasets == newer.datasets
