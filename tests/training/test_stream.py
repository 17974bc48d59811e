"""Token streams: only approved and undamaged shards are decoded, once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pyarrow as pa
import pytest

from gristmill.kept import KeptError
from gristmill.lake import LakeError
from gristmill.schemas import SCHEMAS
from gristmill.source import SourceError
from gristmill.verdicts import NotApproved
from training.stream import approved_stream, mapped_stream, token_stream

Benches = Callable[..., Any]


def test_a_stream_is_the_documents_of_its_split_in_order(benches: Benches, tmp_path: Path) -> None:
    bench = benches(tmp_path)
    table = bench.lake.read(bench.tokens).column("tokens").to_pylist()
    train, validation = table[:-8], table[-8:]
    stream = token_stream(bench.lake, bench.tokens, "train", tmp_path / "maps")
    assert stream.tolist() == [token for document in train for token in document]
    held_out = token_stream(bench.lake, bench.tokens, "validation", tmp_path / "maps")
    assert held_out.tolist() == [token for document in validation for token in document]
    assert len(token_stream(bench.lake, bench.tokens, "absent", tmp_path / "maps")) == 0


def test_a_shard_is_decoded_once(benches: Benches, tmp_path: Path) -> None:
    bench = benches(tmp_path)
    before = token_stream(bench.lake, bench.tokens, "train", tmp_path / "maps").tolist()
    for entry in bench.lake.manifest(bench.tokens).files:
        bench.lake.path(entry).unlink()
    assert token_stream(bench.lake, bench.tokens, "train", tmp_path / "maps").tolist() == before


@pytest.mark.parametrize("verdict", [None, "block", "error"])
def test_tokens_without_an_approving_verdict_are_refused(benches: Benches, tmp_path: Path, verdict: str | None) -> None:
    bench = benches(tmp_path, verdict=verdict)
    with pytest.raises(NotApproved):
        token_stream(bench.lake, bench.tokens, "train", tmp_path / "maps")


def test_a_verdict_that_turns_bad_closes_a_stream_that_was_decoded_before(benches: Benches, tmp_path: Path) -> None:
    from gristmill import verdicts

    bench = benches(tmp_path)
    token_stream(bench.lake, bench.tokens, "train", tmp_path / "maps")
    verdicts.record(
        bench.lake, subject=bench.tokens, kind="tokens", suite="stricter", history="h", outcome="block", checks=[],
        digests={},
    )  # fmt: skip
    with pytest.raises(NotApproved):
        token_stream(bench.lake, bench.tokens, "train", tmp_path / "maps")


def test_a_flipped_byte_is_seen_before_a_token_is_trained_on(benches: Benches, tmp_path: Path) -> None:
    bench = benches(tmp_path)
    path = bench.lake.path(bench.lake.manifest(bench.tokens).file("train-00001"))
    data = bytearray(path.read_bytes())
    data[len(data) // 3] ^= 1
    path.write_bytes(data)
    with pytest.raises(LakeError, match="not the shard that was published"):
        token_stream(bench.lake, bench.tokens, "train", tmp_path / "maps")
    assert list((tmp_path / "maps").iterdir()) == []


def test_the_table_of_documents_says_where_each_is_and_whose(benches: Benches, tmp_path: Path) -> None:
    bench = benches(tmp_path)
    rows = bench.lake.read(bench.tokens).to_pylist()[:-8]
    stream = approved_stream(bench.lake, bench.tokens, "train", tmp_path / "maps")
    found = [
        (stream.snapshots[d["snapshot"]], d["doc_id"], stream.tokens[d["start"] : d["start"] + d["length"]].tolist())
        for d in stream.documents
    ]
    assert found == [(row["snapshot"], row["doc_id"], row["tokens"]) for row in rows]
    assert stream.lengths.tolist() == [len(row["tokens"]) for row in rows]
    assert (stream.digest, stream.split) == (bench.tokens, "train")


@pytest.mark.parametrize(("largest", "dtype"), [(65_535, np.uint16), (65_536, np.uint32)])
def test_tokens_take_two_bytes_where_all_of_them_fit(
    benches: Benches, tmp_path: Path, largest: int, dtype: type
) -> None:
    lake = benches(tmp_path).lake
    texts = {"train-00000": [[3, 4, 0], []], "train-00001": [[5, largest, 0]], "validation-00000": []}
    entries, place = [], 0
    for unit, documents in texts.items():
        rows = []
        for tokens in documents:
            place += 1
            rows.append({"stream_offset": 0, "snapshot": f"s{place}", "doc_id": place, "language": "en", "bytes": 1,
                         "tokens": tokens})  # fmt: skip
        entries.append(lake.write_table("tokens", unit, pa.Table.from_pylist(rows, schema=SCHEMAS["tokens"])))
    digest = lake.publish("tokens", entries, {}).digest
    stream = mapped_stream(lake, digest, "train", tmp_path / "maps")
    assert stream.tokens.dtype == dtype
    assert stream.tokens.tolist() == [3, 4, 0, 5, largest, 0]
    assert stream.documents["start"].tolist() == [0, 3, 3]
    assert [stream.snapshots[i] for i in stream.documents["snapshot"]] == ["s1", "s2", "s3"]
    assert len(mapped_stream(lake, digest, "validation", tmp_path / "maps").documents) == 0


def test_shards_that_the_lake_does_not_hold_come_from_a_url(benches: Benches, tmp_path: Path) -> None:
    bench = benches(tmp_path)
    before = token_stream(bench.lake, bench.tokens, "train", tmp_path / "one").tolist()
    remote = fsspec.filesystem("memory")
    for entry in bench.lake.manifest(bench.tokens).files:
        path = bench.lake.path(entry)
        remote.pipe(f"/{tmp_path.name}/{entry.path}", path.read_bytes())
        path.unlink()
    url = f"memory://{tmp_path.name}/"
    with pytest.raises(LakeError, match="cannot be read"):
        approved_stream(bench.lake, bench.tokens, "train", tmp_path / "two")
    stream = approved_stream(bench.lake, bench.tokens, "train", tmp_path / "two", url)
    assert stream.tokens.tolist() == before

    entry = bench.lake.manifest(bench.tokens).file("train-00001")
    remote.pipe(f"/{tmp_path.name}/{entry.path}", b"PAR1")
    with pytest.raises(LakeError, match="not the shard that was published"):
        approved_stream(bench.lake, bench.tokens, "train", tmp_path / "three", url)
    with pytest.raises(SourceError, match="no such scheme"):
        approved_stream(bench.lake, bench.tokens, "train", tmp_path / "three", "nowhere://bucket")


def test_another_kind_of_dataset_is_refused(benches: Benches, tmp_path: Path) -> None:
    bench = benches(tmp_path)
    with pytest.raises(LakeError, match="dataset of tokenizer; give the digest of tokens"):
        mapped_stream(bench.lake, bench.tokenizer, "train", tmp_path / "maps")


def test_a_flipped_byte_in_a_map_is_seen_before_a_token_is_trained_on(benches: Benches, tmp_path: Path) -> None:
    bench = benches(tmp_path)
    token_stream(bench.lake, bench.tokens, "train", tmp_path / "maps")
    path = tmp_path / "maps" / f"{bench.tokens}-train" / "tokens"
    data = bytearray(path.read_bytes())
    data[len(data) // 3] ^= 1
    path.write_bytes(data)
    with pytest.raises(KeptError, match="does not hold what was written"):
        token_stream(bench.lake, bench.tokens, "train", tmp_path / "maps")
