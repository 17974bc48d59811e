"""What the timed runs do, at small sizes and in this process: nothing here looks at a time."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.duplicates import incremental, own_addition, own_stage, synthetic
from bench.duplicates.corpus import FILES, make
from bench.duplicates.kernel import english
from bench.duplicates.peer_signatures import best_seconds, datasketch, shingles
from bench.duplicates.planted import similarities
from bench.duplicates.scale import OddSize, scale
from bench.duplicates.stage import _read_clusters, recall
from bench.mill import profile
from gristmill.lake import Lake
from gristmill.storage import PosixStorage
from gristmill.units import in_process
from spark_jobs.deduplicate import DeduplicateConfig, in_this_process
from spark_jobs.stage import StageContext


def test_the_stage_finds_the_planted_copies(tmp_path: Path, source: Callable[[int], Path]) -> None:
    made = make(source(24), tmp_path / "corpus", 240, 120, seed=1)
    lines = [line for path in sorted(made.lines.glob("*")) for line in path.read_text().splitlines()]
    assert len(lines) == 240
    assert len(list(made.lines.glob("*"))) == FILES
    lake = Lake(PosixStorage(made.lake))
    texts = dict(zip(*(lake.read(made.documents).column(name).to_pylist() for name in ("doc_id", "text")), strict=True))
    assert len(made.pairs) in range(30, 90)
    for copy, original, jaccard in made.pairs:
        both = [texts[made.doc_id(number)] for number in (copy, original)]
        assert similarities(both[:1], both[1:])[0] == pytest.approx(jaccard)
    found = own_stage.run(made.lake, made.documents)
    cluster = {row["doc_id"]: row["cluster_id"] for row in lake.read(found["duplicates"]).to_pylist()}
    row = recall(made, lambda number: cluster.get(made.doc_id(number)))[1]
    assert row["range"][0] <= row["found"] <= row["range"][1]
    assert 0 < found["removed"] <= len(made.pairs)


def test_clusters_of_the_peer_are_read(tmp_path: Path) -> None:
    (tmp_path / "000003.clusters").write_bytes(struct.pack("<4I", 7, 0, 9, 0))
    (tmp_path / "000003.remove").write_bytes(struct.pack("<I", 9))
    assert _read_clusters(tmp_path) == ({(3, 7): 0, (3, 9): 0}, 1)


def test_planted_groups_and_the_equal_bucket_are_found(tmp_path: Path) -> None:
    lake = Lake(PosixStorage(tmp_path / "lake"))
    made = synthetic.write(lake, 3, 400, seed=1)
    chosen = made.first(5, synthetic.EQUAL_FILES)
    minhash, documents = synthetic.publish(lake, chosen)
    context = StageContext(
        lake, profile(tmp_path, "gristmill", "fineweb", 1), "bench", {"minhash": minhash, "documents": documents},
        in_process,
    )  # fmt: skip
    tables = in_this_process(context, lake.manifest(minhash).files, DeduplicateConfig())
    sizes = [size for table in tables.values() for size in table.column("cluster_size").to_pylist()]
    assert sorted(sizes) == [synthetic.GROUP] * 300 + [800] * 800


def test_a_size_that_files_do_not_add_up_to_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OddSize, match="multiples"):
        scale(tmp_path, [150], 1, rows=100)
    with pytest.raises(incremental.OddSize, match="a multiple"):
        incremental.incremental(tmp_path, tmp_path, 150, 1, rows=100)


def test_an_addition_matches_what_was_planted(tmp_path: Path) -> None:
    lake = Lake(PosixStorage(tmp_path / "lake"))
    plan, planted = incremental.write(lake, tmp_path / "lake", 2, 100, seed=1)
    found = own_addition.run(tmp_path / "lake", plan)
    assert planted == found["matches"] == 40
    assert set(found["parts"]) == {"deduplicate", "index", "match"}


def test_peers_get_shingles_of_five_words(source: Callable[[int], Path]) -> None:
    assert shingles("A b c d e f") == ["a b c d e", "b c d e f"]
    texts = english(source(24), 3, seed=1)
    assert [len(text.split()) for text in texts] == [850] * 3
    calls = datasketch(texts)
    assert len(calls["datasketch"]()[0].hashvalues) == 112
    assert best_seconds(lambda: None) >= 0
