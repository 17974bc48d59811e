"""The section of the page, and the picture."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from bench.duplicates.page import write_page
from bench.duplicates.plot import detection
from bench.duplicates.quality import bins
from bench.duplicates.record import RESULTS
from bench.duplicates.scale import fitted
from gristmill.svg import COLOURS
from spark_jobs.clusters.shape import Shape

ABOUT = {"command": "python -m bench.duplicates scale", "date": "2026-01-01", "machine": "one", "load": 0.1}


def test_the_page_keeps_what_is_around_the_generated_part(tmp_path: Path) -> None:
    runs = [
        {"signatures": n, "equal": 0, "seconds": n / 1e5, "cpu_seconds": n / 1e5, "peak_bytes": 1000 * n, "largest": 4}
        for n in (100_000, 200_000)
    ]
    (tmp_path / "duplicates-scale.json").write_text(json.dumps({"about": ABOUT, "runs": runs, **fitted(runs)}))
    page = tmp_path / "page.md"
    page.write_text("# Title\n")
    write_page(page, tmp_path)
    once = page.read_text()
    assert once.startswith("# Title\n")
    assert "| 200,000 | 0 | 2.00 | 2.00 |" in once
    page.write_text(once + "\nafter\n")
    write_page(page, tmp_path)
    assert page.read_text() == once + "\nafter\n"
    assert max(len(line) for line in once.splitlines() if line[:1] != "|") <= 120


def test_results_that_are_kept_can_be_shown(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("")
    write_page(page, RESULTS)
    names = {path.stem.partition("-")[2] for path in RESULTS.glob("duplicates-*.json")}
    assert page.read_text().count("Made by `python -m bench.duplicates") == len(names)


def test_the_picture_is_xml_with_a_point_a_bin() -> None:
    jaccard = np.repeat([0.52, 0.72, 0.93], 40)
    found = np.tile([True, False], 60)
    rows = bins(jaccard, found)
    root = ElementTree.fromstring(detection(rows, Shape()))
    circles = [each for each in root.iter() if each.tag.endswith("circle")]
    assert len(circles) == 3 + 1, "and one in the legend"
    assert [each.get("fill") == COLOURS[1] for each in circles[:3]] == [True, False, True]
    assert [row["inside"] for row in rows if row["pairs"]] == [False, True, False]


def test_a_power_law_is_fitted() -> None:
    runs = [
        {"signatures": n, "seconds": 1e-6 * n**1.05, "cpu_seconds": 2e-6 * n, "peak_bytes": 440 * n + (200 << 20)}
        for n in (1e5, 1e6, 4e6)
    ]
    found = fitted(runs)
    assert found["exponents"] == {"seconds": 1.05, "cpu_seconds": 1.0}
    assert found["bytes_each"] == 440
    assert found["constant_bytes"] == found["beyond_stated_bytes"] == 200 << 20
