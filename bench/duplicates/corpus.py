"""A large set of documents from real text, with planted duplicates, as both sides read it: JSON lines and a lake.

A document is a row of passages from anywhere in the English texts, one word in nine replaced, so that two documents
share no more than a passage. Exact copies and edits of recent documents are planted among them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
import pyarrow as pa

from bench.duplicates.planted import similarities
from bench.duplicates.search import documents_table
from bench.duplicates.texts import EDITS, Words, by_language, read_texts, window
from gristmill.lake import Lake
from gristmill.schemas import OFFSET_BITS
from gristmill.storage import PosixStorage

EXACT, NEAR = 0.08, 0.17
"""Shares of exact copies and of edits, together a quarter."""
LOOKBACK = 2000
"""A copy is of one of so many documents before it."""
PASSAGE = (25, 60)
REPLACED_EVERY = 9
FILES = 8


@dataclass(frozen=True)
class Made:
    """`lines`: folder of FILES JSON-lines files; `documents`: digest in `lake`; `pairs`: rows (copy, original,
    Jaccard), with documents by number, `per_file` of them in a file."""

    lines: Path
    lake: Path
    documents: str
    pairs: list[tuple[int, int, float]]
    per_file: int
    bytes: int

    def doc_id(self, number: int) -> int:
        """Of a document in the lake."""
        file, row = divmod(number, self.per_file)
        return (file << OFFSET_BITS) + row


def make(source: Path, folder: Path, count: int, words: int, seed: int) -> Made:
    """Write `count` documents of about `words` words below `folder`."""
    per_file = -(-count // FILES)
    lake, lines = Lake(PosixStorage(folder / "lake")), folder / "lines"
    lines.mkdir(parents=True)
    entries, pairs, size = [], [], 0
    drawn = draw(by_language(read_texts(source))["en"], count, words, Random(seed))  # noqa: S311
    recent: dict[int, str] = {}
    for file in range(FILES):
        part = [next(drawn) for _ in range(min(per_file, count - file * per_file))]
        start = file * per_file
        recent |= {start + row: text for row, (text, _) in enumerate(part)}
        copies = [(start + row, original) for row, (_, original) in enumerate(part) if original is not None]
        jaccard = similarities([recent[a] for a, _ in copies], [recent[b] for _, b in copies])
        pairs += [(a, b, float(j)) for (a, b), j in zip(copies, jaccard, strict=True)]
        recent = {number: recent[number] for number in sorted(recent)[-LOOKBACK:]}
        with (lines / f"{file:03d}.jsonl").open("w", encoding="utf-8") as out:
            out.writelines(json.dumps({"text": t, "id": str(start + i)}) + "\n" for i, (t, _) in enumerate(part))
        ids = pa.array((file << OFFSET_BITS) + np.arange(len(part)))
        column = pa.array([text for text, _ in part], pa.large_string())
        size += column.nbytes
        entries.append(lake.write_table("documents", f"{file:06d}", documents_table(ids, column)))
    digest = lake.publish("documents", entries, {"made": "for a benchmark"}).digest
    return Made(lines, folder / "lake", digest, pairs, per_file, size)


def draw(pool: Words, count: int, words: int, rng: Random) -> Iterator[tuple[str, int | None]]:
    """(text, number of the document that it is a copy of)."""
    recent: list[tuple[int, Words]] = []
    for number in range(count):
        chance = rng.random()
        original: int | None = None
        if recent and chance < EXACT + NEAR:
            original, found = rng.choice(recent)
            if chance >= EXACT:
                found = EDITS[rng.choice(list(EDITS))](found, pool, 0.7 + 0.3 * rng.random(), rng)
        else:
            found = fresh(pool, round(words * (0.5 + rng.random())), rng)
            recent = [*recent[-LOOKBACK // 2 + 1 :], (number, found)]
        yield "".join(found), original


def fresh(pool: Words, words: int, rng: Random) -> Words:
    """A new document of at least `words` words."""
    found: Words = []
    while len(found) < words:
        found += window(pool, rng.randint(*PASSAGE), rng)
    for i in range(int(REPLACED_EVERY * rng.random()), len(found), REPLACED_EVERY):
        found[i] = pool[int(rng.random() * len(pool))]
    return found
