"""What became of a page: its record, its document, its signals, the rule that removed it or the shard that holds it."""

from __future__ import annotations

import difflib
import json
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from gristmill import ledger, release
from gristmill.catalogue import Catalogue
from gristmill.datasets import SIGNAL_FAMILIES
from gristmill.lake import Lake, declared
from gristmill.release import Release
from gristmill.schemas import OFFSET_BITS
from gristmill.scores import among

SIGNALS = tuple(name for name in SIGNAL_FAMILIES if name != "minhash")
FACTS = ("charset", "title", "published", "html_bytes", "extractor", "truncated", "noindex", "noai")


def explain(lake: Lake, url: str) -> list[dict[str, Any]]:
    """One entry per record of this URL in the current releases, by snapshot."""
    found = []
    for current in release.releases(lake):
        for row in _pages(lake, current, url):
            found.append(_document(lake, current, row))
        for row in _where(lake, current, "rejects", "url", url, None):
            found.append({**_record(lake, current, row["doc_id"]), "became": "reject", "reason": row["reason"],
                          "status": row["status"], "mime": row["mime"]})  # fmt: skip
    return found


def _pages(lake: Lake, current: Release, url: str) -> list[dict[str, Any]]:
    """The documents of this address, as it was crawled or in its canonical form."""
    columns = ["doc_id", "url", "canonical_url", *FACTS]
    exact = _where(lake, current, "documents", "url", url, columns)
    return exact or _where(lake, current, "documents", "canonical_url", url, columns)


def nearest_urls(lake: Lake, url: str, count: int = 3) -> list[str]:
    """URLs of the current releases that look like `url`."""
    urls: set[str] = set()
    for current in release.releases(lake):
        for name in ("documents", "rejects"):
            urls |= set(lake.read(current.datasets[name], ["url"]).column("url").drop_null().to_pylist())
    return difflib.get_close_matches(url, sorted(urls), n=count, cutoff=0.4)


def _record(lake: Lake, current: Release, doc_id: int) -> dict[str, Any]:
    catalogue, index = Catalogue(lake), doc_id >> OFFSET_BITS
    file = catalogue.get(current.snapshot).files[index]
    offset, offsets = doc_id & ((1 << OFFSET_BITS) - 1), catalogue.offsets(current.snapshot, index)
    return {
        "snapshot": current.snapshot,
        "date": current.partition_date.isoformat(),
        "file": file.path,
        "offset": offset,
        "offsets": offsets,
        "doc_id": doc_id,
    }


def _document(lake: Lake, current: Release, row: dict[str, Any]) -> dict[str, Any]:
    doc_id = row["doc_id"]
    decision = _one(lake, current, "decisions", doc_id)
    measured = [*(f for f in SIGNALS if f in current.datasets), *among(current.datasets)]
    signals = {family: _signals(lake, current, family, doc_id) for family in measured}
    shard = _shard(lake, current, doc_id) if decision["kept"] else None
    entry = {**_record(lake, current, doc_id), "became": "document",
             **{key: row[key] for key in FACTS},
             "signals": signals, "kept": shard is not None}  # fmt: skip
    if shard is not None:
        entry["shard"] = shard
    elif decision["kept"]:
        # The policy kept it, and after the edits too little of its text was left: `curate` removed it.
        entry["removed_by"] = {"reason": "too_short_after_edits"}
    else:
        rule = _rule(lake, current, decision["reason"])
        entry["removed_by"] = {**{key: decision[key] for key in ("reason", "value", "threshold")}, **rule}
        if decision["duplicate_of"] is not None:
            entry["removed_by"]["duplicate_of"] = _url(lake, current, decision["duplicate_of"])
    if decision["cluster_id"] is not None:
        members = _where(lake, current, "duplicates", "cluster_id", decision["cluster_id"], ["doc_id", "cluster_id"])
        others = [_url(lake, current, m["doc_id"]) for m in members[:8] if m["doc_id"] != doc_id]
        entry["cluster"] = {"id": decision["cluster_id"], "size": decision["cluster_size"], "others": others}
    return entry


def _rule(lake: Lake, current: Release, name: str) -> dict[str, Any]:
    """Signal, kind of test and reason of a rule, as the attempt that decided recorded its policy; empty if none did."""
    decisions = current.datasets["decisions"]
    made = [a["attempt"] for a in ledger.ended(lake, current.snapshot) if a["outputs"].get("decisions") == decisions]
    started = json.loads(lake.storage.get(f"ledger/{made[-1]}.started.json") or b"{}") if made else {}
    for rule in (started.get("config") or {}).get("rules", ()):
        if rule["name"] == name:
            test = next((kind for kind in ("forbid", "require") if rule.get(kind) is not None), "bounds")
            return {"signal": rule["signal"], "test": test, "why": rule["why"]}
    return {}


def _signals(lake: Lake, current: Release, family: str, doc_id: int) -> dict[str, Any]:
    """The values that a person can read: no masks of lines, no spans."""
    schema = declared(family)
    names = [f.name for f in schema if not pa.types.is_binary(f.type) and f.name != "pii_spans"]
    row = _one(lake, current, family, doc_id, names)
    row.pop("doc_id")
    return row


def _shard(lake: Lake, current: Release, doc_id: int) -> str | None:
    for entry in lake.manifest(current.datasets["corpus"]).files:
        ids = lake.read_file(entry, ["doc_id"]).column("doc_id")
        if pc.is_in(pa.array([doc_id], pa.int64()), ids.combine_chunks())[0].as_py():
            return f"{entry.unit} ({lake.path(entry)})"
    return None


def _url(lake: Lake, current: Release, doc_id: int) -> str:
    return str(_one(lake, current, "documents", doc_id, ["doc_id", "url"])["url"])


def _one(lake: Lake, current: Release, name: str, doc_id: int, columns: list[str] | None = None) -> dict[str, Any]:
    """The row of one document, read from its own file."""
    entry = lake.manifest(current.datasets[name]).file(f"{doc_id >> OFFSET_BITS:06d}")
    table = lake.read_file(entry, columns)
    row: dict[str, Any] = table.filter(pc.equal(table.column("doc_id"), doc_id)).to_pylist()[0]
    return row


def _where(
    lake: Lake, current: Release, name: str, column: str, value: object, columns: list[str] | None
) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for entry in lake.manifest(current.datasets[name]).files:
        table = lake.read_file(entry, columns)
        wanted = pa.scalar(value, table.schema.field(column).type)
        rows += table.filter(pc.equal(table.column(column), wanted)).to_pylist()
    return rows
