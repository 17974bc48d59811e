"""Published reports: datasets of plain pages, and one small pointer per snapshot and run that lists look at."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gristmill.lake import Lake, canonical_json, sha256_json

NOT_JUDGED = "not judged"
PAGE = "report.html"
"""The file of a report that is the snapshot's page; the others lie beside it."""


def publish(
    lake: Lake,
    snapshot: str,
    run_id: str,
    page: str,
    provenance: Mapping[str, Any],
    verdict: str = NOT_JUDGED,
    *,
    beside: Mapping[str, str] | None = None,
    facts: Mapping[str, Any] | None = None,
) -> str:
    """Store the page, and those `beside` it by file name, as one dataset; the digest of it.

    `reports/<snapshot>/<run>.json` points to it, with the `facts` that lists show; a repeated run swaps the pointer.
    """
    with tempfile.TemporaryDirectory() as folder:
        entries = []
        for name, html in {PAGE: page, **(beside or {})}.items():
            path = Path(folder) / name
            path.write_text(html, encoding="utf-8")
            entries.append(lake.write_file("report", name, path))
        digest = lake.publish("report", entries, provenance).digest
    key = f"reports/{snapshot}/{pointer_key(run_id)}.json"
    written = datetime.now(UTC).isoformat(timespec="seconds")
    head = {"run_id": run_id, "snapshot": snapshot, "verdict": verdict, "written": written}
    body = canonical_json({**(facts or {}), "report": digest, **head})
    while not lake.storage.compare_and_swap(key, lake.storage.get(key), body):
        continue
    return digest


def pointer_key(run_id: str) -> str:
    """What a run's pointer is named: a run id may hold anything up to 250 characters, which is no file name."""
    readable = re.sub("[^A-Za-z0-9._+-]", "_", run_id)[:80]
    return f"{readable}-{sha256_json(run_id)[:12]}"


def pointers(lake: Lake) -> list[dict[str, Any]]:
    """Every published report: {report, run_id, snapshot, verdict, written, key, ...facts}, newest first."""
    keys = lake.storage.list("reports")
    found = [{**json.loads(lake.storage.get(key) or b"{}"), "key": Path(key).stem} for key in keys]
    return sorted(found, key=lambda pointer: str(pointer.get("written", "")), reverse=True)


def read_page(lake: Lake, report: str, name: str = PAGE) -> str:
    """One file of a published report. Raises LakeError when the report or the file is not there."""
    return lake.path(lake.manifest(report).file(name)).read_text(encoding="utf-8")
