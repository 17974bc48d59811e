"""Deduplication's own search over texts in memory: a small lake of two datasets, its signatures, its verified pairs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from gristmill.lake import FileEntry, Lake
from gristmill.schemas import OFFSET_BITS, SCHEMAS
from gristmill.storage import PosixStorage
from spark_jobs.clusters.candidates import exact_representatives
from spark_jobs.clusters.shape import Shape
from spark_jobs.clusters.signatures import Ids, Signatures, read_signatures
from spark_jobs.deduplicate import DeduplicateConfig, verified_pairs
from spark_jobs.text.minhash import minhash

FILE_ROWS = 20_000


@dataclass(frozen=True)
class Corpus:
    """Texts as deduplication meets them; a place is a text's index."""

    lake: Lake
    documents: list[FileEntry]
    signatures: Signatures
    exact: Ids

    @classmethod
    def write(cls, folder: Path, texts: Sequence[str]) -> Corpus:
        """Write `documents` and `minhash`, FILE_ROWS texts a file, and read the signatures."""
        lake = Lake(PosixStorage(folder))
        documents, signed = [], []
        for index, start in enumerate(range(0, len(texts), FILE_ROWS)):
            part = pa.array(texts[start : start + FILE_ROWS], pa.large_string())
            ids = pa.array((index << OFFSET_BITS) + np.arange(len(part)))
            unit = f"{index:06d}"
            documents.append(lake.write_table("documents", unit, documents_table(ids, part)))
            signed.append(lake.write_table("minhash", unit, minhash(ids, part)))
        signatures = read_signatures(lake, signed, threads=2)
        return cls(lake, documents, signatures, exact_representatives(signatures.content))

    def share_a_band(self, pairs: Ids, shape: Shape) -> NDArray[np.bool_]:
        """Whether each pair (m, 2) of places agrees in all hashes of a band."""
        found = np.zeros(len(pairs), np.bool_)
        for band in range(shape.bands):
            keys = shape.keys(self.signatures.values, band)
            found |= keys[pairs[:, 0]] == keys[pairs[:, 1]]
        found &= np.all(self.signatures.shingles[pairs] > 0, axis=1)
        return found

    def verified(self, min_jaccard: float) -> Ids:
        """The pairs (m, 2) of places that the search verifies at `min_jaccard` or more."""
        config = DeduplicateConfig(min_jaccard=min_jaccard)
        return verified_pairs(self.lake, self.signatures, self.exact, self.documents, config)[0]


def documents_table(ids: pa.Array, text: pa.Array) -> pa.Table:
    """Rows of `documents` of which nothing but the text is known."""
    columns = {field.name: pa.nulls(len(ids), field.type) for field in SCHEMAS["documents"]}
    return pa.table(columns | {"doc_id": ids, "text": text})
