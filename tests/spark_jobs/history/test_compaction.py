"""The merged segment: what it holds, who may swap it in, what a changed or lost part of it does."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from gristmill import gc
from gristmill.lake import LakeError
from gristmill.reachable import released_manifests
from gristmill.release import Release
from spark_jobs.commands import index as command
from spark_jobs.history.compaction import CompactConfig, compact
from spark_jobs.history.segments import POINTER, HistoryError, Segment, compacted, segments

from .conftest import World, near_copies

Worlds = Callable[[str], World]


def three(world: World) -> list[Release]:
    return [world.snapshot(name, near_copies(seed, 40)) for seed, name in enumerate("abc", 1)]


def merge(world: World, releases: list[Release]) -> str:
    context = world.context("index")
    with context.attempt("compact", CompactConfig()) as attempt:
        return compact(context, releases, attempt).digest


def keys_of(world: World, digest: str) -> set[tuple[Any, ...]]:
    return {tuple(row.values()) for row in world.lake.read(digest).to_pylist()}


def test_it_holds_every_key_with_its_snapshot_in_order(worlds: Worlds) -> None:
    world = worlds("one")
    releases = three(world)
    digest = merge(world, releases)
    wanted = {
        (band, key, r.snapshot, doc_id) for r in releases for band, key, doc_id in keys_of(world, r.datasets["index"])
    }
    assert keys_of(world, digest) == wanted
    assert world.lake.manifest(digest).rows == len(wanted)
    for entry in world.lake.manifest(digest).files:
        rows = [tuple(row.values()) for row in world.lake.read_file(entry).to_pylist()]
        assert rows == sorted(rows)
        assert all(f"{key:016x}".startswith(entry.unit) for _, key, _, _ in rows)
    assert merge(world, releases[::-1]) == digest


def test_only_snapshots_that_are_as_they_were_merged_are_read_from_it(worlds: Worlds) -> None:
    world = worlds("changed")
    a, b, c = three(world)
    merge(world, [a, b])
    anew = world.snapshot("b", near_copies(9, 40))
    assert [s.places for s in segments(world.lake, [c, b, a])] == [{"b": 1, "a": 2}, {"c": 0}]
    assert [s.places for s in segments(world.lake, [anew, a])] == [{"a": 1}, {"b": 0}]
    rows = world.lake.read(world.matches(c, [anew])).to_pylist()
    assert {(r["doc_id"], r["match_doc_id"]) for r in rows} == world.brute_force("c", "b", 0.7)
    assert rows


def test_the_swap_is_lost_to_another_one_and_says_so(worlds: Worlds, monkeypatch: pytest.MonkeyPatch) -> None:
    world = worlds("race")
    releases = three(world)
    swap = world.lake.storage.compare_and_swap

    def raced(key: str, expected: bytes | None, new: bytes) -> bool:
        if key == POINTER:
            monkeypatch.setattr(world.lake.storage, "compare_and_swap", swap)
            merge(world, others)
        return swap(key, expected, new)

    others = releases[:2]
    monkeypatch.setattr(world.lake.storage, "compare_and_swap", raced)
    with pytest.raises(HistoryError, match="another compaction ended meanwhile"):
        merge(world, releases)
    assert set(compacted(world.lake).members) == {"a", "b"}  # type: ignore[union-attr]

    others = releases
    monkeypatch.setattr(world.lake.storage, "compare_and_swap", raced)
    merge(world, releases)  # the other one did the same
    assert set(compacted(world.lake).members) == {"a", "b", "c"}  # type: ignore[union-attr]


def test_what_is_missing_is_named_with_what_to_do(worlds: Worlds) -> None:
    world = worlds("missing")
    releases = three(world)
    with pytest.raises(HistoryError, match="1 snapshots are released; a compaction merges two or more"):
        merge(world, releases[:1])
    digest = merge(world, releases)
    world.lake.storage.delete(f"manifests/{digest}.json")
    with pytest.raises(HistoryError, match=r"merged index is lost .* `gristmill index compact` makes it again"):
        segments(world.lake, releases)
    assert merge(world, releases) == digest
    assert len(segments(world.lake, releases)) == 1

    first = world.lake.manifest(releases[0].datasets["index"])
    short = world.lake.publish("index", first.files[:-1], {})
    with pytest.raises(HistoryError, match=r"segment .* of a has no file for keys with 'f'; run"):
        Segment(short, {"a": 0}).part("f0")
    world.lake.storage.delete(f"manifests/{first.digest}.json")
    world.lake.storage.delete(POINTER)
    with pytest.raises(LakeError, match="no dataset with digest"):
        segments(world.lake, releases)

    path = world.lake.storage.local_path(POINTER)
    path.write_text("[]")
    with pytest.raises(HistoryError, match=f"{path} is not readable .*; remove that file"):
        compacted(world.lake)


def test_gc_keeps_the_merged_segment_and_forgets_the_one_before(worlds: Worlds, tmp_path: Path) -> None:
    world = worlds("gc")
    releases = three(world)
    (crawl := tmp_path / "crawl.warc.gz").write_bytes(b"a crawl")
    for release in releases:
        world.release(release, crawl)
    old, new = merge(world, releases[:2]), merge(world, releases)
    age(world)
    gc.collect(world.lake, 60)
    assert not world.lake.damaged(world.lake.manifest(new))
    assert [len(s.places) for s in segments(world.lake, releases)] == [3]
    assert released_manifests(world.lake)[new] == "index/compacted: history"
    with pytest.raises(LakeError, match="no dataset"):
        world.lake.manifest(old)
    assert gc.collect(world.lake, 60).keys == ()

    age(world)
    segments(world.lake, releases)
    world.lake.storage.delete(POINTER)
    assert gc.collect(world.lake, 60).keys == ()  # a match that runs may still read it
    age(world)
    assert f"manifests/{new}.json" in gc.collect(world.lake, 60).keys


def age(world: World) -> None:
    """Make everything in the lake old."""
    for path in (p for p in world.lake.storage.local_path("objects").parent.rglob("*") if p.is_file()):
        os.utime(path, (0, 0))


def test_the_command_merges_what_is_released_and_lists_where_it_lies(
    worlds: Worlds, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    world = worlds("command")
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)

    def run(action: str) -> str:
        assert command.run(parser.parse_args([action, "--profile", str(tmp_path / "command" / "profile.yaml")])) == 0
        return capsys.readouterr().out

    assert "no snapshot is released" in run("list")
    (crawl := tmp_path / "crawl.warc.gz").write_bytes(b"a crawl")
    releases = three(world)
    for release in releases:
        world.release(release, crawl)
    with world.context("mix").attempt("mix", CompactConfig()) as attempt:
        attempt.summary["matches"] = {"a": {"documents": 1234, "seen_earlier": 0, "would_supersede": 1234}}
    before = run("list")
    assert before.count("own segment") == 3
    assert "1,234 documents are in other snapshots" in before

    assert "merged 3 segments" in run("compact")
    world.release(world.snapshot("b", near_copies(9, 40)), crawl)
    after = run("list")
    assert (after.count("merged segment"), after.count("own segment")) == (2, 1)
    assert "not read: b" in after
    assert str(date(2026, 1, 2)) in after
