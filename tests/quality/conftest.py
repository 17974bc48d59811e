"""A tiny snapshot, put into a lake by hand: what the stages before `measure` would have published."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import yaml

from gristmill import verdicts
from gristmill.catalogue import Catalogue, Snapshot
from gristmill.lake import Account, Lake
from gristmill.profile import Profile, load_profile
from gristmill.release import candidate_digest, release
from gristmill.schemas import OFFSET_BITS, SCHEMAS
from quality.metrics import snapshot_metrics

GATES = Path(__file__).parents[2] / "configs" / "gates" / "default.yaml"
DOCUMENTS = {
    # key: (url, title, text, language, reason that removed it, duplicate of, exact group)
    "a": ("https://one.example/a", "A", "first text " * 30, "en", None, None, "a"),
    "b": ("https://one.example/b", "B", "first text " * 30, "en", "exact_duplicate", "a", "a"),
    "c": ("https://two.example/c", "C", "zweiter text " * 30, "de", None, None, None),
    "d": ("https://two.example/d", "D", "zweiter Text " * 30, "de", "near_duplicate", "c", None),
    "e": ("https://two.example/e", "E", "kurz", "de", "too_short", None, None),
}
PAIRS = (("c", "d", 0.9),)
REJECTS = (("not_html", 900), ("status_not_200", 300), ("corrupt", 40))
DocumentRow = tuple[str, str, str, str, str | None, str | None, str | None]


def doc_id(key: str) -> int:
    """Offsets 0, 100, ... in the order of the alphabet; the first two documents are in file 0, the others in file 1."""
    offset = 100 * (ord(key) - ord("a"))
    return (offset > 100) << OFFSET_BITS | offset


@dataclass
class Mill:
    """A lake with one snapshot; `digests` name its datasets, metrics too."""

    profile: Profile
    lake: Lake
    snapshot: Snapshot
    digests: dict[str, str] = field(default_factory=dict)

    def publish(self, dataset: str, units: Mapping[str, tuple[pa.Table, Account | None]]) -> str:
        entries = [self.lake.write_table(dataset, unit, table, account) for unit, (table, account) in units.items()]
        self.digests[dataset] = self.lake.publish(dataset, entries, {}).digest
        return self.digests[dataset]

    def edit(self, dataset: str, change: Callable[[dict[str, Any]], None]) -> None:
        """Publish a dataset again with each row changed in place; accounts stay."""
        units = {}
        for entry in self.lake.manifest(self.digests[dataset]).files:
            rows = self.lake.read_file(entry).to_pylist()
            for row in rows:
                change(row)
            units[entry.unit] = (pa.Table.from_pylist(rows, schema=SCHEMAS[dataset]), entry.account)
        self.publish(dataset, units)

    def measure(self) -> dict[str, float | None]:
        """Measure, publish, and give the totals."""
        table = snapshot_metrics(self.lake, self.snapshot, self.digests)
        self.publish("metrics", {"snapshot": (table, None)})
        return {f"{r['stage']}.{r['metric']}": r["value"] for r in table.to_pylist() if r["scope"] == "total"}

    def release(self, snapshot: str, day: date, **totals: float) -> str:
        """Release these datasets as another snapshot, some totals (`stage__metric`) changed; gives the digest."""
        rows = self.lake.read(self.digests["metrics"]).to_pylist()
        for row in rows:
            if row["scope"] == "total":
                row["value"] = totals.get(f"{row['stage']}__{row['metric']}", row["value"])
            if f"{row['stage']}.{row['metric']}" == "extract.records_in":  # so that no two are alike
                row["value"] = float(day.toordinal())
        table = pa.Table.from_pylist(rows, schema=SCHEMAS["metrics"])
        metrics = self.lake.publish("metrics", [self.lake.write_table("metrics", "snapshot", table)], {}).digest
        digests = {**self.digests, "metrics": metrics}
        if snapshot not in Catalogue(self.lake).dates():
            Catalogue(self.lake).add(snapshot, day, [Path(self.snapshot.files[0].path)])
        subject = candidate_digest(digests)
        verdicts.record(
            self.lake, subject=subject, kind="snapshot", suite="s", history="h", outcome="pass", checks=[],
            digests=digests,
        )  # fmt: skip
        release(self.lake, snapshot, digests)
        return subject


Mills = Callable[..., Mill]


@pytest.fixture
def mills(tmp_path: Path) -> Mills:
    """Makes the snapshot; `documents` replaces rows of DOCUMENTS."""

    def make(documents: Mapping[str, DocumentRow] | None = None, folder: Path = tmp_path) -> Mill:
        return make_mill(folder, {**DOCUMENTS, **(documents or {})})

    return make


@pytest.fixture
def mill(mills: Mills) -> Mill:
    """The snapshot as it should be, measured."""
    made = mills()
    made.measure()
    return made


def make_mill(folder: Path, documents: Mapping[str, DocumentRow]) -> Mill:
    settings = {name: str(folder / name) for name in ("work_dir", "lake", "policy", "mix", "pretrain")}
    (folder / "profile.yaml").write_text(yaml.safe_dump({**settings, "gates": str(GATES)}))
    profile = load_profile(str(folder / "profile.yaml"))
    lake = Lake.open(profile)
    for name in ("0.warc.gz", "1.warc.gz"):
        (folder / name).write_bytes(b"x" * 50_000)
    snapshot = Catalogue(lake).add("tiny", date(2024, 3, 4), [folder / "0.warc.gz", folder / "1.warc.gz"])
    for file in snapshot.files:
        Catalogue(lake).pin("tiny", file, "0" * 64)
    made = Mill(profile, lake, snapshot)
    for dataset, columns in (
        ("documents", _documents(documents)), ("heuristics", _heuristics(documents)),
        ("language", {key: {"language": row[3], "score": 0.9} for key, row in documents.items()}),
        *((family, {key: {} for key in documents}) for family in ("url", "lines", "content")),
        ("pii", {key: {"pii_email": 1} for key in documents}),
        ("minhash", {key: {"content_hash": b"h" * 16, "shingles": 1} for key in documents}),
        ("decisions", _decisions(documents)), ("corpus", _corpus(documents)),
    ):  # fmt: skip
        made.publish(dataset, _by_file(dataset, columns, documents))
    made.publish("rejects", {"000000": (_rejects(), None), "000001": (SCHEMAS["rejects"].empty_table(), None)})
    made.publish("duplicates", {"snapshot": (_duplicates(documents), None)})
    made.publish("boilerplate", {"000000": (SCHEMAS["boilerplate"].empty_table(), None)})
    made.publish("index", {"000": (SCHEMAS["index"].empty_table(), None)})
    return made


def _by_file(
    dataset: str, rows: Mapping[str, Mapping[str, Any]], documents: Mapping[str, DocumentRow]
) -> dict[str, tuple[pa.Table, Account]]:
    units = {}
    for unit in (0, 1):
        mine = [key for key in documents if doc_id(key) >> OFFSET_BITS == unit]
        here = [{"doc_id": doc_id(key), **rows[key]} for key in mine if key in rows]
        account = Account(len(mine), len(mine))
        if dataset == "decisions":
            reasons = [documents[key][4] for key in mine if documents[key][4]]
            account = Account(len(mine), len(mine) - len(reasons), {r: reasons.count(r) for r in reasons if r})
        if dataset == "corpus":
            account = Account(len(here), len(here))
        if dataset == "documents" and unit == 0:
            account = Account(len(mine) + len(REJECTS), len(mine), {"not_html": 1, "status_not_200": 1}, 1)
        units[f"{unit:06d}"] = (pa.Table.from_pylist(here, schema=SCHEMAS[dataset]), account)
    return units


def _documents(documents: Mapping[str, DocumentRow]) -> dict[str, dict[str, Any]]:
    captured = datetime(2024, 3, 4, tzinfo=UTC)
    return {
        key: {"url": url, "host": url.split("/")[2] if "//" in url else url, "captured": captured, "charset": "utf-8",
              "text": text, "title": title, "html_bytes": 9, "extractor": "test", "truncated": False,
              "noindex": False, "noai": False}
        for key, (url, title, text, *_) in documents.items()
    }  # fmt: skip


def _heuristics(documents: Mapping[str, DocumentRow]) -> dict[str, dict[str, Any]]:
    return {
        key: {"bytes": len(row[2].encode()), "chars": len(row[2]), "script": "Latin", "words_measurable": True}
        for key, row in documents.items()
    }


def _decisions(documents: Mapping[str, DocumentRow]) -> dict[str, dict[str, Any]]:
    return {
        key: {"kept": reason is None, "reason": reason, "value": reason and 1.0, "threshold": reason and 0.8,
              "duplicate_of": other and doc_id(other), "cluster_size": 1}
        for key, (*_, reason, other, _) in documents.items()
    }  # fmt: skip


def _corpus(documents: Mapping[str, DocumentRow]) -> dict[str, dict[str, Any]]:
    found = _documents(documents)
    return {
        key: {"url": row[0], "text": row[2], "language": row[3], "language_score": 0.9, "edited_bytes": 0,
              "host": found[key]["host"], "bytes": len(row[2].encode()), "chars": len(row[2]), "pii_masked": 1}
        for key, row in documents.items() if row[4] is None
    }  # fmt: skip


def _rejects() -> pa.Table:
    rows = [
        {"doc_id": 900 + i, "url": "u", "record_type": "response", "reason": reason, "bytes": size}
        for i, (reason, size) in enumerate(REJECTS)
    ]
    return pa.Table.from_pylist(rows, schema=SCHEMAS["rejects"])


def _duplicates(documents: Mapping[str, DocumentRow]) -> pa.Table:
    near: dict[str, list[dict[str, Any]]] = {}
    for left, right, jaccard in PAIRS:
        near.setdefault(left, []).append({"doc_id": doc_id(right), "jaccard": jaccard})
        near.setdefault(right, []).append({"doc_id": doc_id(left), "jaccard": jaccard})
    clusters = {"a": "a", "b": "a", "c": "c", "d": "c"}
    rows = [
        {"doc_id": doc_id(key), "exact_group": documents[key][6] and doc_id(documents[key][6]),
         "cluster_id": doc_id(first), "cluster_size": 2, "pairs": near.get(key, [])}
        for key, first in clusters.items()
    ]  # fmt: skip
    return pa.Table.from_pylist(rows, schema=SCHEMAS["duplicates"])
