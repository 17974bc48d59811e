"""The tables of the performance page."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bench.report import BEGIN, END, PAGE, RESULT, STAGES, generated


def _run(files: int, seconds: float, steps: dict[str, Any]) -> dict[str, Any]:
    cost = {"seconds": seconds, "cpu_seconds": seconds, "peak_bytes": 3 << 30}
    return {"files": files, "pages": 500 * files, "archive_bytes": 10**7, "cost": cost, "steps": steps}


@pytest.fixture
def result() -> dict[str, Any]:
    """Figures whose ratios are easy: 20 s against 200 s, stages at half the bare speed."""
    stages = {name: {"seconds": 2.0} for name in STAGES} | {"start": {"seconds": 5.0}}
    ours = {**stages, "decide": {"seconds": 2.0, "kept": 1234}}
    bare = {name: {"seconds": 1.0} for name in STAGES} | {
        "start": {"seconds": 0.0},
        "decide": {"seconds": 1.0, "kept": 1},
    }
    peer = {"deduplicate": {"seconds": 1.0, "documents": {"READER: Jsonl": 1300, "DEDUP: MinHash stage 4": 1200}}}
    kernels = {
        "families": {"rates": {"heuristics": 41.5}}, "decisions": {"rules": 3, "documents_per_second": 1_000_000},
        "extraction": {"resiliparse": {"documents": 10, "documents_per_second": 512.4}},
    }  # fmt: skip
    runs = {
        "ours resiliparse 6": _run(6, 20.0, ours), "ours bare": _run(6, 9.0, bare),
        "datatrove 6": _run(6, 200.0, peer), "kernels": _run(6, 1.0, kernels),
    }  # fmt: skip
    about = {"command": "python -m bench.cleaning CRAWL", "date": "2026-01-05", "machine": "M", "python": "3.11",
             "versions": {"numba": "0.68.1"}}  # fmt: skip
    return {"about": about, "runs": runs}


def test_figures_follow_from_the_runs(result: dict[str, Any]) -> None:
    page = generated(result)
    assert "| ours resiliparse | 3,000 | 10 | 20.0 | 150 | 1,234 | 3,072 | 10.0x |" in page
    assert "| datatrove | 3,000 | 10 | 200.0 | 15 | 1,200 | 3,072 |  |" in page
    assert "| all stages | 5.0 | 10.0 | 50% |" in page
    assert "| ours resiliparse | 3,000 | 5.00 | 3,072 |" in page
    assert "| signals: heuristics | 41.5 MB/s |" in page
    assert "| reading and extraction: resiliparse | 512 documents/s |" in page


def test_the_page_has_the_committed_figures() -> None:
    shown = PAGE.read_text(encoding="utf-8").partition(BEGIN)[2].partition(END)[0]
    assert shown.strip() == generated(json.loads(RESULT.read_text())).strip()
