"""bench.synchronisation: what a share of communication is, and what the page says."""

from __future__ import annotations

from typing import Any

import pytest

from bench.synchronisation import ACCURACY, WAYS, cases, generated, name, shares


def rows(exchange: float) -> list[dict[str, Any]]:
    """Steps of 1 s a micro-batch, and `exchange` seconds for all who exchange."""
    return [
        {"way": way, "accumulation": parts, "engine": WAYS[way][0], "gradient_bytes": 8_000_000,
         "seconds": parts + (exchange if WAYS[way][0] != "silent" else 0.0)}
        for way, parts in cases()
    ]  # fmt: skip


def test_the_share_is_what_a_step_takes_longer_than_without_exchange() -> None:
    found = shares(rows(1.0))
    assert found["ZeRO 0", 1] == pytest.approx(0.5)
    assert found["ZeRO 0", 4] == pytest.approx(0.2)
    assert not any(way == "no exchange" for way, _ in found)
    assert set(shares(rows(-0.1)).values()) == {0.0}


def test_the_page_has_a_row_for_every_measurement_and_a_column_for_every_link() -> None:
    runs = [{"compression": c, "seed": s, "loss": 2 + (c == "sign") / 4 + s / 100} for c in ACCURACY for s in (0, 1)]
    text = generated({"links": {"100 Mbit/s": rows(3.0), "1 Gbit/s": rows(0.0)}, "accuracy": runs})
    assert "| DDP, overlap, x1 | 4,000 (75%) | 1,000 (0%) |" in text
    assert "| no exchange, x4 | 4,000 | 4,000 |" in text
    assert "gradients of 8.0 MB" in text
    assert "| sign | 2.2550 | +0.2500 |" in text
    assert sum(line.startswith(("| DDP", "| ZeRO", "| no exchange")) for line in text.splitlines()) == len(cases())


def test_speeds_are_told_in_the_nearest_unit() -> None:
    assert [name(speed) for speed in (25, 1000, 2500, None)] == ["25 Mbit/s", "1 Gbit/s", "2.5 Gbit/s", "memory speed"]
