"""A registry of a few signals, and a lake made by hand that a policy can be tried on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from gristmill import ledger, verdicts
from gristmill.catalogue import Catalogue
from gristmill.lake import Account, Lake
from gristmill.release import DATASETS, candidate_digest, release
from gristmill.schemas import OFFSET_BITS, SCHEMAS
from gristmill.settings import parse
from gristmill.signals.signal import Signal, count, flag, share
from gristmill.storage import PosixStorage
from spark_jobs.policies.model import Policy
from spark_jobs.policies.registry import Column, registry

FAMILIES: dict[str, tuple[Signal, ...]] = {
    "heuristics": (count("bytes", "b", "", ""), count("chars", "c", "", ""), count("words", "w", "", "", null="x")),
    "language": (Signal("language", pa.string(), "code", "", ""), share("score", "p", "", "")),
    "novel": (
        share("ratio", "r", "", "", null="x"), flag("odd", "", "", null="x"),
        Signal("tags", pa.list_(pa.string()), "names", "", ""), Signal("script", pa.string(), "name", "", ""),
    ),
    "lines": (Signal("c4_original", pa.binary(), "bits", "", ""), count("c4_original_dropped_lines", "l", "", "")),
    "pii": (count("pii_email", "spans", "", ""), count("pii_phone", "spans", "", "")),
}  # fmt: skip


@pytest.fixture(scope="session")
def families() -> dict[str, tuple[Signal, ...]]:
    return FAMILIES


@pytest.fixture(scope="session")
def known() -> dict[str, Column]:
    return registry(FAMILIES)


@pytest.fixture(scope="session")
def policy() -> Callable[..., Policy]:
    """A policy of these rules; other keys by name."""

    def make(*rules: dict[str, Any], **keys: Any) -> Policy:
        return parse(Policy, {"name": "test", "rules": list(rules), **keys}, "test")

    return make


@dataclass(frozen=True)
class Snapshots:
    """A lake with snapshots of two files; `pages` of one: {doc_id: facts}."""

    lake: Lake
    folder: Path

    def enter(self, name: str, day: date) -> None:
        paths = [self.folder / f"{name}-{i}.warc.gz" for i in range(2)]
        for path in paths:
            path.write_bytes(name.encode())
        Catalogue(self.lake).add(name, day, paths)

    def publish(self, dataset: str, rows: Sequence[Mapping[str, Any]], account: Account | None = None) -> str:
        """One file per input file, also where it has no rows; the account stands with the first."""
        entries = []
        for unit in range(2):
            mine = [dict(row) for row in rows if row.get("doc_id", 0) >> OFFSET_BITS == unit]
            table = pa.Table.from_pylist(mine, schema=SCHEMAS[dataset])
            entries.append(self.lake.write_table(dataset, f"{unit:06d}", table, account if unit == 0 else None))
        return self.lake.publish(dataset, entries, {}).digest

    def measured(self, name: str, pages: Mapping[int, Mapping[str, Any]], pairs: Mapping[int, Any]) -> dict[str, str]:
        """Documents, signals and duplicates of a snapshot, on record in the ledger."""
        rows = [{"doc_id": key, **facts} for key, facts in sorted(pages.items())]
        own = {family: [f.name for f in SCHEMAS[family]] for family in ("documents", "heuristics", "language")}
        made = {family: self.publish(family, [_only(r, names) for r in rows]) for family, names in own.items()}
        clustered = [{"doc_id": key, "cluster_id": 0, "cluster_size": 2, **facts} for key, facts in pairs.items()]
        made["duplicates"] = self.publish("duplicates", clustered)
        with ledger.attempt(self.lake, stage="test", scope=name, config={}, inputs={}) as attempt:
            attempt.outputs.update(made)
        return made

    def release(self, name: str, made: Mapping[str, str], decisions: Sequence[Mapping[str, Any]]) -> None:
        """Release the snapshot with these decisions; what nothing here reads is empty."""
        removed: dict[str, int] = {}
        for row in decisions:
            if not row["kept"]:
                removed[row["reason"]] = removed.get(row["reason"], 0) + 1
        kept = sum(row["kept"] for row in decisions)
        datasets = {each: made[each] if each in made else self.publish(each, []) for each in DATASETS}
        datasets["decisions"] = self.publish("decisions", decisions, Account(len(decisions), kept, removed))
        verdicts.record(
            self.lake, subject=candidate_digest(datasets), kind="snapshot", suite="1", history="", outcome="pass",
            checks=[], digests=datasets,
        )  # fmt: skip
        release(self.lake, name, datasets)


def _only(row: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    return {name: row[name] for name in names if name in row}


SECOND = 1 << OFFSET_BITS
PAGES = {
    number: {
        "url": f"http://site.example/{number}", "text": f"Page {number}.\n{'word ' * 40}", "chars": chars,
        "bytes": chars, "words": chars // 5, "language": language, "score": score,
    }
    for number, chars, language, score in [
        (1, 90, "en", 0.9), (2, 99, "en", 0.9), (3, 500, "de", 0.6), (4, 500, "en", 0.3),
        (SECOND + 1, 700, "en", 0.9), (SECOND + 2, 650, "en", 0.9), (SECOND + 3, 400, "zh", 0.95),
    ]
}  # fmt: skip
"""Two too short, two unsure, a pair of near-duplicates of which the longer stays, and one more."""

PAIRS = {SECOND + 1: {"pairs": [{"doc_id": SECOND + 2, "jaccard": 0.9}]},
         SECOND + 2: {"pairs": [{"doc_id": SECOND + 1, "jaccard": 0.9}]}}  # fmt: skip


def made(folder: Path) -> Snapshots:
    """Snapshot A: measured and released, with decisions that keep all but page 1."""
    snapshots = Snapshots(Lake(PosixStorage(folder / "lake")), folder)
    snapshots.enter("A", date(2026, 1, 1))
    decisions = [{"doc_id": key, "kept": key != 1, "reason": "short" if key == 1 else None} for key in PAGES]
    snapshots.release("A", snapshots.measured("A", PAGES, PAIRS), decisions)
    return snapshots


@pytest.fixture(scope="session")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Snapshots:
    """A lake with snapshot A, to be read, not changed."""
    return made(tmp_path_factory.mktemp("standing"))


@pytest.fixture
def snapshots(tmp_path: Path) -> Snapshots:
    """The same, of the test's own."""
    return made(tmp_path)
