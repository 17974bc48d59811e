"""Tokens of a snapshot: counted without reading one, of exactly the corpus that is shown."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from gristmill import ledger
from gristmill.schemas import SCHEMAS
from quality.views.snapshot import context
from quality.views.tokenised import Tokenised, tokenised

LENGTHS = {"train-00000": [("tiny", 3), ("other", 5), ("tiny", 4)], "train-00001": [("other", 2)],
           "validation-00000": [("tiny", 1), ("other", 6)]}  # fmt: skip


def publish_tokens(mill: Any, corpus: str, lengths: dict[str, list[tuple[str, int]]] = LENGTHS) -> str:
    """A token dataset whose streams go on from file to file, and the attempt that made it of this corpus."""
    entries, starts = [], dict[str, int]()
    for unit, documents in lengths.items():
        split, rows = unit.partition("-")[0], []
        for number, (snapshot, length) in enumerate(documents):
            start = starts.get(split, 0)
            rows.append({"stream_offset": start, "snapshot": snapshot, "doc_id": number, "bytes": 9, "language": "en",
                         "tokens": list(range(length))})  # fmt: skip
            starts[split] = start + length
        entries.append(mill.lake.write_table("tokens", unit, pa.Table.from_pylist(rows, schema=SCHEMAS["tokens"])))
    inputs = {"corpus.tiny": corpus}
    with ledger.attempt(mill.lake, stage="tokenize", scope="mini-1", config={}, inputs=inputs) as attempt:
        attempt.outputs["tokens"] = mill.lake.publish("tokens", entries, attempt.provenance()).digest
    return str(attempt.outputs["tokens"])


def found_of(mill: Any, size: float | None = None) -> Tokenised | None:
    return tokenised(mill.lake, ledger.ended(mill.lake), "tiny", mill.digests["corpus"], size)


def test_tokens_of_the_snapshot_are_counted_in_every_file(mill: Any) -> None:
    publish_tokens(mill, mill.digests["corpus"])
    assert found_of(mill) == Tokenised(3 + 4 + 1, 3, "mini-1")


@pytest.mark.parametrize("seed", range(5))
def test_counts_are_those_of_the_lists(mill: Any, seed: int) -> None:
    random = np.random.default_rng(seed)
    lengths = {f"train-{unit:05d}": [(str(random.choice(["tiny", "other"])), int(random.integers(1, 50)))
                                     for _ in range(random.integers(1, 20))] for unit in range(3)}  # fmt: skip
    rows = mill.lake.read(publish_tokens(mill, mill.digests["corpus"], lengths)).to_pylist()
    mine = [len(row["tokens"]) for row in rows if row["snapshot"] == "tiny"]
    assert found_of(mill) == Tokenised(sum(mine), len(mine), "mini-1")


def test_tokens_of_another_corpus_or_that_were_collected_are_not_those(mill: Any) -> None:
    publish_tokens(mill, "another corpus")
    assert found_of(mill, 400.0) == Tokenised(100, 0)
    mill.lake.storage.delete(f"manifests/{publish_tokens(mill, mill.digests['corpus'])}.json")
    assert found_of(mill, 400.0) == Tokenised(100, 0)
    assert found_of(mill) is None


def test_the_funnel_ends_with_the_tokens(mill: Any) -> None:
    publish_tokens(mill, mill.digests["corpus"], {"train-00000": [("tiny", 1234)]})
    shown = context(mill.lake, mill.snapshot, mill.digests, "run")
    assert shown["flow"].rows[-1] == ("as 1.23k tokens", "1", "1")
    assert json.dumps(shown["flow"].rows).count("estimate") == 0


def test_lost_tokens_give_the_estimate(mill: Any) -> None:
    digest = publish_tokens(mill, mill.digests["corpus"])
    mill.lake.path(mill.lake.manifest(digest).files[0]).unlink()
    assert found_of(mill, 400.0) == Tokenised(100, 0)
