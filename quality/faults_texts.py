"""Faults that the deduplication audit, the schema check and output safety should find, planted in drawn texts.

A bootstrap would hold texts twice, and a text twice is a fault, so each seed draws its documents anew: prose of a small
vocabulary, a third of it removed as near duplicates or as exact ones, or a corpus with what masking leaves on purpose.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from gristmill.lake import Lake
from gristmill.schemas import SCHEMAS
from gristmill.storage import PosixStorage
from quality.faults import ONE, Planted
from quality.metrics import Metrics, audit_metrics
from quality.metrics.contract import schemas
from quality.safety import safety

KEPT, FEW, NEAR, EXACT, CORPUS = 500, 20, 400, 6000, 10_000
"""Documents that stay; duplicates of each kind where they do not matter, and where they do; texts of a corpus."""

THRESHOLD = 0.8
ESTIMATED = 0.002
"""Share of the near duplicates that lie below the threshold, since an estimate was taken for their similarity."""

UNMASKED = 0.0003
"""Share of the clean corpus with an address that masking missed."""

QUIZ = "which river flows through nine capitals and how many bridges cross it there today"
HARMLESS = ("see version 80.120.3.4 of it", "mail [email] for help", "order 4111111111111112", "it ends", "thank you")
_WORDS = np.array([f"{a}{b}{c}" for a in "bdfgklmn" for b in "aeiou" for c in ("", "ra", "st", "ngen", "lo", "mal")])
_LONG = np.char.str_len(_WORDS) > 4
_MARKS = {"digit": str.isdigit, "alpha": str.isalpha, "space": str.isspace, "punctuation": lambda c: c in ",."}
Rng = np.random.Generator
Plant = Callable[[Path, int, float], pa.Table]
"""(empty folder, seed, size of the fault) -> metrics table; size 0 is without the fault"""


def _prose(rng: Rng, words: int) -> str:
    """Of words, numbers and commas in a mixture of its own, as pages differ."""
    long, digits, commas = rng.beta(2, 2), rng.beta(1, 20), rng.beta(2, 10)
    chance = np.where(_LONG, long / _LONG.sum(), (1 - long) / (~_LONG).sum())
    found = rng.choice(_WORDS, words, p=chance)
    found = np.where(rng.random(words) < digits, rng.integers(0, 10**6, words).astype(str), found)
    return " ".join(np.where(rng.random(words) < commas, np.char.add(found, ","), found).tolist())


def _edited(text: str, rng: Rng) -> str:
    """One word replaced, not near an end, so that 5 shingles change."""
    words = text.split()
    words[int(rng.integers(10, len(words) - 10))] = "replaced"
    return " ".join(words)


@dataclass
class Decided:
    """Documents by number, and what was decided of them: `removed` names the kept document and the reason."""

    texts: list[str] = field(default_factory=list)
    removed: dict[int, tuple[int, str]] = field(default_factory=dict)
    cluster: dict[int, int] = field(default_factory=dict)
    lost: int = 0

    def add(self, text: str) -> int:
        self.texts.append(text)
        return len(self.texts) - 1

    def remove(self, text: str, other: int, reason: str) -> None:
        number = self.add(text)
        self.removed[number] = (other, reason)
        self.cluster |= {number: other, other: other}

    def published(self, lake: Lake) -> dict[str, str]:
        """Digests of the datasets that the audit reads."""
        ids = [100 * number for number in range(len(self.texts))]
        other = [self.removed.get(number, (None, None)) for number in range(len(ids))]
        decisions: dict[str, list[Any]] = {
            "doc_id": ids, "kept": [reason is None for _, reason in other], "reason": [reason for _, reason in other],
            "threshold": [{None: None, "near_duplicate": THRESHOLD}.get(reason, 1.0) for _, reason in other],
            "duplicate_of": [None if kept is None else 100 * kept for kept, _ in other],
        }  # fmt: skip
        members = sorted(self.cluster)
        tables: dict[str, dict[str, list[Any]]] = {
            "documents": {"doc_id": ids, "text": self.texts, "host": [f"h{n % 50}" for n in range(len(ids))]},
            "heuristics": {"doc_id": ids, **_figures(self.texts)},
            "duplicates": {"doc_id": [100 * n for n in members],
                           "cluster_id": [100 * self.cluster[n] for n in members]},
            "decisions": {name: values[: len(ids) - self.lost] for name, values in decisions.items()},
        }  # fmt: skip
        return {name: _publish(lake, name, columns) for name, columns in tables.items()}


def _figures(texts: Sequence[str]) -> dict[str, list[Any]]:
    """By which the audit looks for twins."""
    of = {text: _figures_of(text) for text in set(texts)}
    return {name: [of[text][name] for text in texts] for name in of[texts[0]]}


def _figures_of(text: str) -> dict[str, float]:
    size, words = len(text), text.count(" ") + 1
    shares = {f"{name}_char_share": sum(map(test, text)) / size for name, test in _MARKS.items()}
    return {"chars": size, "bytes": size, "mean_word_chars": (size - words + 1) / words, **shares}


def _publish(lake: Lake, dataset: str, columns: dict[str, list[Any]]) -> str:
    rows = len(columns["doc_id"])
    table = pa.table({f.name: pa.array(columns.get(f.name, [None] * rows), f.type) for f in SCHEMAS[dataset]})
    return lake.publish(dataset, [lake.write_table(dataset, "000000", table)], {}).digest


def _decided(rng: Rng, near: int, exact: int, below: float = 0.0) -> Decided:
    """A sound result; of the near duplicates, a share `below` more than usual lies under the threshold."""
    found = Decided()
    short = rng.random(near) < ESTIMATED
    short[: round(below * near)] = True
    for number in range(KEPT):
        # 37 of 47 shingles stay of 46 words, which is 0.787, and 0.836 or more of 60 and more.
        words = 46 if number < near and short[number] else int(rng.integers(60, 120))
        found.add(_prose(rng, words))
    for number in range(near):
        found.remove(_edited(found.texts[number], rng), number, "near_duplicate")
    for other in rng.integers(0, KEPT, exact).tolist():
        found.remove(found.texts[other], other, "exact_duplicate")
    return found


def _audited(found: Decided, folder: Path) -> pa.Table:
    lake, metrics = Lake(PosixStorage(folder)), Metrics()
    digests = found.published(lake)
    audit_metrics(metrics, lake, digests)
    schemas(metrics, lake, digests)
    return metrics.table()


def _wrong(found: Decided, share: float, rng: Rng) -> None:
    exact = [number for number, (_, reason) in found.removed.items() if reason == "exact_duplicate"]
    for number in rng.choice(exact, round(share * EXACT), replace=False).tolist():
        other, reason = found.removed[number]
        found.removed[number] = ((other + 1) % KEPT, reason)


def _twins(known: bool) -> Callable[[Decided, float, Rng], None]:
    def change(found: Decided, pairs: float, rng: Rng) -> None:
        for number in rng.choice(KEPT, round(pairs), replace=False).tolist():
            twin = found.add(found.texts[number] + " appended")
            found.cluster |= {twin: number, number: number} if known else {}

    return change


def _lost(found: Decided, size: float, rng: Rng) -> None:
    found.lost = round(size)


def _audit_of(change: Callable[[Decided, float, Rng], None], exact: int = FEW) -> Plant:
    def plant(folder: Path, seed: int, size: float) -> pa.Table:
        rng = np.random.default_rng(seed)
        found = _decided(rng, FEW, exact)
        if size:
            change(found, size, rng)
        return _audited(found, folder)

    return plant


def _below(folder: Path, seed: int, size: float) -> pa.Table:
    return _audited(_decided(np.random.default_rng(seed), NEAR, FEW, size), folder)


def _other_schema(folder: Path, seed: int, size: float) -> pa.Table:
    lake, metrics = Lake(PosixStorage(folder)), Metrics()
    digests = _decided(np.random.default_rng(seed), FEW, FEW).published(lake)
    if size:
        entry = lake.manifest(digests["decisions"]).files[0]
        table = lake.read_file(entry).rename_columns(["id", *SCHEMAS["decisions"].names[1:]])
        pq.write_table(table, lake.path(entry))
    schemas(metrics, lake, digests)
    return metrics.table()


def _corpus_of(text: str) -> Plant:
    """A share of the corpus holds the text."""

    def plant(folder: Path, seed: int, size: float) -> pa.Table:
        rng, lake, metrics = np.random.default_rng(seed), Lake(PosixStorage(folder)), Metrics()
        texts = [f"{_WORDS[i % len(_WORDS)]} and {HARMLESS[i % len(HARMLESS)]}" for i in range(CORPUS)]
        for place in np.flatnonzero(rng.random(CORPUS) < UNMASKED).tolist():
            texts[place] += " write to jo@mail.house.de"
        for place in rng.choice(CORPUS, round(size * CORPUS), replace=False).tolist():
            texts[place] += f" {text}"
        ids = np.sort(rng.choice(1 << 30, CORPUS, replace=False)).tolist()
        (folder / "quiz.txt").write_text(f"{QUIZ}\n")
        corpus = _publish(lake, "corpus", {"doc_id": ids, "text": texts})
        safety(metrics, lake, corpus, [folder / "quiz.txt"])
        return metrics.table()

    return plant


@dataclass(frozen=True)
class DrawnFault(Planted):
    """One that is planted in what is drawn anew from each seed."""

    plant: Plant


_RARE: Sequence[float] = (0.0002, 0.0005, 0.001, 0.0015, 0.002, 0.003, 0.004, 0.005, 0.006, 0.008)
_KEY = "AKIA" + "IOSFODNN7ABCDEFG"  # in two parts, lest a scanner of this file take it for one
TEXT_FAULTS = (
    DrawnFault("schemas", "file with another column", ONE, _other_schema),
    DrawnFault("audited removals", "of 6,000 duplicates removed for another document", _RARE, _audit_of(_wrong, EXACT)),
    DrawnFault("removals below threshold", "of 400 near duplicates below the threshold", (0.005, 0.01, 0.015, 0.02),
              _below),
    DrawnFault("twins overlooked", "twin of 500 kept documents that no cluster joins", (1, 2, 3),
              _audit_of(_twins(False))),
    DrawnFault("twins kept", "kept twin of 500 kept documents, of one cluster", (1, 2, 3), _audit_of(_twins(True))),
    DrawnFault("ids accounted", "id lost", ONE, _audit_of(_lost)),
    DrawnFault("secrets left", "of 10,000 documents with a key", _RARE, _corpus_of(f"the key is {_KEY} here")),
    DrawnFault("personal data left", "of 10,000 documents with an address", _RARE, _corpus_of("ask ann@mail.house.de")),
    DrawnFault("evaluation sets", "of 10,000 documents with a question of the set", _RARE, _corpus_of(QUIZ)),
)  # fmt: skip
