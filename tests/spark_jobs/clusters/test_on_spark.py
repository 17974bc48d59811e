"""Groups found by Spark: the same bytes as those found in one process."""

from __future__ import annotations

import random
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from gristmill.lake import Lake
from gristmill.schemas import OFFSET_BITS, SCHEMAS
from gristmill.units import in_process
from spark_jobs.clusters import candidates
from spark_jobs.deduplicate import DeduplicateSettings, find_duplicates
from spark_jobs.session import spark_tasks
from spark_jobs.stage import StageContext
from spark_jobs.text.minhash import minhash

pytestmark = pytest.mark.spark


def edited(words: list[str], share: float, draw: random.Random) -> list[str]:
    return [f"{word}x" if draw.random() < share else word for word in words]


def crawl(lake: Lake, files: int) -> dict[str, str]:
    """Documents in families by small and by large changes, copies, one large group, short ones, and strangers."""
    draw = random.Random(3)
    texts: list[str] = ["too short", "too short", "", "!"]
    for family in range(30):
        words = ["".join(draw.choices("abcdefgh", k=5)) for _ in range(120)]
        texts += [" ".join(edited(words, share, draw)) for share in (0, 0, 0.005, 0.01, 0.02, 0.03, 0.05)]
        texts += [" ".join(words) + f" page {family} of {i}" for i in range(70 if family == 0 else 0)]
    draw.shuffle(texts)
    entries: dict[str, list[Any]] = {"minhash": [], "documents": []}
    for file in range(files):
        own = texts[file::files]
        ids = pa.array((np.arange(len(own)) << 9) + (file << OFFSET_BITS), pa.int64())
        column = pa.array(own, pa.string())
        documents = {field.name: pa.nulls(len(own), field.type) for field in SCHEMAS["documents"]}
        documents |= {"doc_id": ids, "text": column}
        # Addresses recur within and between files; some captures have no address or no time.
        urls = [
            f"http://a.example/{i % 9 and i * (file + 1)}" if i % 7 else ("N/A" if i % 2 else None)
            for i in range(len(own))
        ]
        times = pa.array([i * 1000 + file if i % 5 else None for i in range(len(own))], pa.int64())
        documents |= {"canonical_url": pa.array(urls), "captured": times.cast(documents["captured"].type)}
        tables = {"minhash": minhash(ids, column), "documents": pa.table(documents)}
        for name, table in tables.items():
            entries[name].append(lake.write_table(name, f"{file:06d}", table))
    return {name: lake.publish(name, own, {}).digest for name, own in entries.items()}


@pytest.mark.parametrize("all_pairs_below", [3, 64])
def test_spark_gives_what_one_process_gives(
    places: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, all_pairs_below: int
) -> None:
    monkeypatch.setattr(candidates, "ALL_PAIRS_BELOW", all_pairs_below)
    found = []
    for name, limit in (("one", 10_000), ("spark", 0)):
        mill = places.mill(name, {})
        settings = DeduplicateSettings(in_process_documents=limit)
        inputs = crawl(mill.lake, 5)
        with spark_tasks(mill.profile, "test") if name == "spark" else nullcontext(in_process) as tasks:
            context = StageContext(mill.lake, mill.profile, "A", inputs, tasks)
            with context.attempt("deduplicate", settings) as attempt:
                digest = find_duplicates(context, settings, attempt).digest
        found.append((digest, attempt.summary))
    (one, summary), spark = found
    assert summary["documents_in_groups"] > 150
    assert summary["same_urls"] > 20
    assert spark == (one, summary)
