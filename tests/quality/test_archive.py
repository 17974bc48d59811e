"""Published reports and their pointers."""

from __future__ import annotations

from typing import Any

import pytest

from gristmill.lake import LakeError
from quality import archive


def test_runs_of_one_snapshot_keep_their_reports_apart_and_a_repeated_run_replaces_its_own(mill: Any) -> None:
    lake = mill.lake
    runs = ["scheduled__2024-03-04T00:00:00+00:00", "a b", "a_b", "a/b", "..", "x" * 250, "y" * 250, "é" * 250]
    for run in runs:
        archive.publish(lake, "tiny", run, f"<p>{runs.index(run)}</p>", {})
    again = archive.publish(lake, "tiny", "a b", "<p>again</p>", {})
    found = {pointer["run_id"]: pointer for pointer in archive.pointers(lake)}
    assert set(found) == set(runs)
    assert found["a b"]["report"] == again
    assert len({pointer["key"] for pointer in found.values()}) == len(runs)
    assert all(pointer["key"] == archive.pointer_key(run) for run, pointer in found.items())


def test_a_report_has_its_pages_and_its_pointer_the_facts(mill: Any) -> None:
    beside = {"trend.html": "trend", "compare.html": "compare"}
    digest = archive.publish(mill.lake, "tiny", "run", "page", {}, "warn", beside=beside, facts={"kept": 2})
    [pointer] = archive.pointers(mill.lake)
    assert {**pointer, "written": ""} == {
        "report": digest, "run_id": "run", "snapshot": "tiny", "verdict": "warn", "written": "", "kept": 2,
        "key": archive.pointer_key("run"),
    }  # fmt: skip
    assert archive.read_page(mill.lake, digest) == "page"
    assert {name: archive.read_page(mill.lake, digest, name) for name in beside} == beside
    with pytest.raises(LakeError):
        archive.read_page(mill.lake, digest, "../catalogue.json")
