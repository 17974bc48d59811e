"""A run that goes back: what it tells of it, and that its data are a function of its route."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from training.events import read_events
from training.route import read_route

pytestmark = pytest.mark.train

STILL = {"optimizer": {"learning_rate": 1e-9}, "parallel": {"ranks": 1, "zero_stage": 1, "micro_batch": 16}}
"""Losses then differ by their data alone, by less than the guard's floor of the scale."""

NERVOUS = {"spike": "rollback", "threshold": 0.15, "window": 16, "warmup": 8, "max_rollbacks": 9}


def test_a_rollback_is_told_with_its_documents_and_passes_over_the_data(
    benches: Callable[..., Any], tmp_path: Path
) -> None:
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
    run = benches(tmp_path / "one", guard=NERVOUS, **STILL).train()
    route = read_route(run.bench.lake.storage.local_path(f"checkpoints/{run.id}"))
    events = read_events(run.folder)
    told = [(row["step"], row["to"], row["first"], row["last"]) for row in events if row["event"] == "rollback"]
    assert told
    assert [(at.step, at.first, at.last) for at in route.detours] == [(to, first, last) for _, to, first, last in told]
    for row in events:
        if row["event"] == "spike":
            assert row["score"] > NERVOUS["threshold"]
            assert row["documents"][0].keys() >= {"snapshot", "doc_id"}
    assert len(run.losses) == 20, "one line per step"

    # The same data without a guard, from the route alone.
    plain = benches(tmp_path / "other", **STILL)
    folder = plain.lake.storage.local_path(f"checkpoints/{run.id}")
    folder.mkdir(parents=True)
    route.write(folder)
    again = plain.train()
    assert again.id == run.id
    assert again.losses == run.losses
    assert [json.loads(line)["step"] for line in (run.folder / "metrics.jsonl").read_text().splitlines()] == list(
        range(1, 21)
    )
