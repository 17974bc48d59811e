"""A year's worth of pages: 10,000 removed documents and 200 snapshots of history behind the web app.

Says how long each page takes, cold and warm (`-s` shows it): the figures in docs/reports.md.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from quality import archive, report
from quality.views import charts, curves, measured
from tests.quality.conftest import DOCUMENTS, Mill, make_mill
from tests.quality.views.crawls import releases
from tests.quality.views.pages import judge
from tests.quality.web_client import client_of

pytestmark = pytest.mark.long

REMOVED, KEPT, RULES, SNAPSHOTS = 10_000, 1_000, 45, 200


def large_mill(folder: Path) -> Mill:
    """A snapshot whose rules have removed REMOVED documents, and SNAPSHOTS releases, each with a report."""
    text = "words of a page that somebody crawled " * 100
    rows: dict[str, tuple[Any, ...]] = {}
    for number in range(REMOVED + KEPT):
        rule = f"rule_{number % RULES:02d}" if number < REMOVED else None
        host = f"host-{number % 997}.example"
        row = (f"https://{host}/{number}", f"Page {number}", f"{number} {text}", "en", rule, None, None)
        rows[chr(0x4E00 + number)] = row
    mill = make_mill(folder, {**DOCUMENTS, **rows})
    mill.measure()
    own = dict(mill.digests)
    for name in releases(mill, SNAPSHOTS):
        archive.publish(mill.lake, name, "run", "page", {}, "pass", facts={"metrics": mill.digests["metrics"]})
    mill.digests = own
    judge(mill)
    inputs = [f"--input={name}={digest}" for name, digest in mill.digests.items()]
    report.main([f"--profile={mill.profile.source}", "--snapshot=tiny", "--run-id=run", *inputs])
    return mill


def opened(client: TestClient, path: str) -> tuple[str, str]:
    """How long it took, by the clock and of CPU time, and the page."""
    start, spent = time.perf_counter(), time.process_time()
    answer = client.get(path)
    took = f"{1000 * (time.perf_counter() - start):.0f} ms ({1000 * (time.process_time() - spent):.0f} ms CPU)"
    assert answer.status_code == 200, answer.text[:200]
    return took, answer.text


def test_every_page_opens_with_ten_thousand_samples_and_two_hundred_snapshots(tmp_path: Path) -> None:
    mill = large_mill(tmp_path)
    [own] = [p for p in archive.pointers(mill.lake) if p["snapshot"] == "tiny"]
    other = archive.pointers(mill.lake)[-1]["snapshot"]
    assert sum(entry.rows for entry in mill.lake.manifest(own["samples"]).files) > 9_400
    client = client_of(mill)
    for name, path, least in (
        ("report", f"/reports/tiny/{own['key']}", "Removed, by rule"), ("overview", "/", "201 reports, newest first"),
        ("samples", f"/samples/tiny/{own['key']}", "Documents 1 to 50 of"),
        ("samples of a host", f"/samples/tiny/{own['key']}?kept=no&host=host-7", "Documents 1 to 50 of"),
        ("compare", f"/compare?a=tiny&b={other}", "Totals"), ("trend", "/trend", "200 released snapshots"),
    ):  # fmt: skip
        for cache in (charts._bars, charts._columns, curves._trend):
            cache.cache_clear()
        measured._TOTALS.clear()
        cold, html = opened(client, path)
        warm, _ = opened(client, path)
        print(f"{name}: {cold} cold, {warm} warm, {len(html) / 1e3:.0f} kB")
        assert least in " ".join(html.split())
        assert len(html) < 2_000_000
