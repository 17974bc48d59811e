"""Token streams: only approved and undamaged shards are decoded, once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gristmill.lake import LakeError
from gristmill.verdicts import NotApproved
from training.stream import token_stream

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
