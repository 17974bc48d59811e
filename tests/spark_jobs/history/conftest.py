"""Snapshots that are signatures alone, and what brute force says of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from gristmill.catalogue import Catalogue
from gristmill.lake import Account, Lake
from gristmill.profile import Profile
from gristmill.release import Release
from gristmill.schemas import BANDS, HASHES, OFFSET_BITS, ROWS_PER_BAND, SCHEMAS
from gristmill.settings import Settings
from gristmill.units import in_process
from spark_jobs.index import run_index
from spark_jobs.match import run_match
from spark_jobs.stage import StageContext

Values = NDArray[np.uint16]


class NoSettings(Settings):
    """A stage without a config."""


def near_copies(seed: int, documents: int, pool: int = 20) -> Values:
    """Signatures (n, 112): copies of `pool` ones that are the same for all seeds, each value changed with a chance
    between 0 and 0.4 that differs from document to document."""
    originals = np.random.default_rng(0).integers(0, 1 << 16, (pool, HASHES), np.uint16)
    draw = np.random.default_rng(seed)
    values = originals[draw.integers(0, pool, documents)]
    change = draw.random((documents, HASHES)) < draw.choice([0, 0.02, 0.1, 0.2, 0.4], documents)[:, None]
    return np.where(change, draw.integers(0, 1 << 16, values.shape, np.uint16), values)


@dataclass(frozen=True)
class World:
    """A lake with the signatures and the index segments of snapshots."""

    profile: Profile
    lake: Lake
    kept: dict[str, tuple[NDArray[np.int64], Values]] = field(default_factory=dict)

    def context(self, scope: str) -> StageContext:
        return StageContext(self.lake, self.profile, scope, {}, in_process)

    def snapshot(self, name: str, values: Values, files: int = 3) -> Release:
        """Index these documents, of which every fifth is removed; days follow names."""
        ids = np.arange(len(values)) % files << OFFSET_BITS | np.arange(len(values)) * 7
        kept = np.arange(len(values)) % 5 != 4
        self.kept[name] = ids[kept], values[kept]
        entries: dict[str, list[Any]] = {"minhash": [], "decisions": []}
        for number in range(files):
            rows = np.flatnonzero(ids >> OFFSET_BITS == number)
            for kind, table in zip(entries, _tables(ids[rows], values[rows], kept[rows]), strict=True):
                entries[kind].append(self.lake.write_table(kind, f"{number:06d}", table, Account(len(rows), len(rows))))
        datasets = {kind: self.lake.publish(kind, files, {}).digest for kind, files in entries.items()}
        context = replace(self.context(name), inputs=datasets)
        with context.attempt("curate", NoSettings()) as attempt:
            datasets["index"] = run_index(context, attempt).digest
        return Release(name, date(2026, 1, 1 + "abcdefgh".index(name[0])), "", datasets, "pass", "")

    def release(self, released: Release, crawl: Path) -> None:
        """Enter it in the catalogue and make it current, without its verdict."""
        if released.snapshot not in Catalogue(self.lake).dates():
            Catalogue(self.lake).add(released.snapshot, released.partition_date, [crawl])
        key = f"releases/current/{released.snapshot}.json"
        body = json.dumps({**vars(released), "partition_date": released.partition_date.isoformat()}).encode()
        assert self.lake.storage.compare_and_swap(key, self.lake.storage.get(key), body)

    def matches(self, release: Release, others: Sequence[Release]) -> str:
        """Digest of a snapshot's matches."""
        context = self.context(release.snapshot)
        with context.attempt("match", NoSettings()) as attempt:
            return run_match(context, release, others, attempt).digest

    def brute_force(self, here: str, there: str, min_jaccard: float) -> set[tuple[int, int]]:
        """Pairs of kept documents that agree in all values of a band and in enough of all values."""
        (left, mine), (right, other) = self.kept[here], self.kept[there]
        agree = mine[:, None, :] == other[None, :, :]
        band = agree.reshape(len(left), len(right), BANDS, ROWS_PER_BAND).all(axis=3).any(axis=2)
        chance = 2.0**-16
        alike = (agree.mean(axis=2) - chance) / (1 - chance) >= min_jaccard
        return {(int(left[i]), int(right[j])) for i, j in np.argwhere(band & alike)}


def _tables(ids: NDArray[np.int64], values: Values, kept: NDArray[np.bool_]) -> tuple[pa.Table, pa.Table]:
    bands = {
        f"band_{band:02d}": pa.array(
            [row.tobytes() for row in values[:, band * ROWS_PER_BAND : (band + 1) * ROWS_PER_BAND]], pa.binary(16)
        )
        for band in range(BANDS)
    }
    n = len(ids)
    signed = {"doc_id": ids, "content_hash": [bytes(16)] * n, "shingles": np.full(n, 9, np.int32), **bands}
    decided = {name: [None] * n for name in SCHEMAS["decisions"].names} | {"doc_id": ids, "kept": kept}
    return pa.table(signed, schema=SCHEMAS["minhash"]), pa.table(decided, schema=SCHEMAS["decisions"])


@pytest.fixture
def worlds(places: Any) -> Callable[[str], World]:
    """Makes a world of a name."""

    def make(name: str) -> World:
        profile = places.profile(name)
        return World(profile, Lake.open(profile))

    return make
