"""`gristmill train parity`: who agrees, what is printed, and a real run of a few variants."""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from training import parity
from training.parity import BASE, CONTROL, IN_QUICK, TOLERANCE, Row, Variant, measure, render, row, spread, variants

SOUND = Row("sound", 1e-7, 2e-7, 1e-8, 1.5, exact=True)


def test_an_error_or_a_drift_beyond_what_is_allowed_disagrees() -> None:
    assert SOUND.agrees(1e-8)
    assert not replace(SOUND, loss_error=2 * TOLERANCE).agrees(1e-8)
    assert not replace(SOUND, norm_error=2 * TOLERANCE).agrees(1e-8)
    assert not SOUND.agrees(0.9e-8)
    assert replace(SOUND, loss_error=1.0, exact=False).agrees(0.0)


def test_the_largest_error_and_the_largest_distance_of_any_point_count() -> None:
    base = np.zeros((3, 4))
    own = base.copy()
    own[1] = 2.0
    found = row(variants()[0], {"errors": [(1e-7, 5e-7), (3e-7, 1e-7)], "losses": [2.0, 1.0]}, own, base)
    assert (found.loss_error, found.norm_error, found.drift, found.last_loss) == (3e-7, 5e-7, 2.0, 1.0)


def test_every_way_of_the_request_is_among_the_variants() -> None:
    found = {
        (v.plain, c["zero_stage"], v.accumulation, c["ranks"], c["tensor"], c["pipeline"])
        for v in variants() for c in [v.parallel] if c["precision"] == "fp32"
    }  # fmt: skip
    assert {(False, s, a, r, 1, 1) for s in range(4) for a in (1, 4) for r in (1, 2)} <= found
    assert {(True, 0, a, r, 1, 1) for a in (1, 4) for r in (1, 2)} <= found
    assert {(False, 1, 4, 2, 2, 1), (False, 1, 4, 2, 1, 2), (False, 1, 2, 4, 2, 1), (False, 1, 2, 4, 1, 2)} <= found
    names = [v.name for v in variants()]
    assert len(set(names)) == len(names)
    assert set(names) > IN_QUICK
    assert len({v.file for v in variants()}) == len(names)


def test_the_table_names_who_disagrees_and_what_bf16_adds() -> None:
    rounded = replace(SOUND, name="rounded", drift=5e-5, exact=False)
    wrong = replace(SOUND, name="wrong", norm_error=1e-3)
    control = replace(SOUND, name=CONTROL)
    text = render([replace(SOUND, name=BASE, drift=0.0), control, SOUND, wrong, rounded], control.drift)
    assert [line.split()[0] for line in text.splitlines() if line.endswith("DISAGREES")] == ["wrong"]
    assert "1 of 4 fp32 variants disagree" in text
    assert "bf16 adds (rounded): loss 1.0e-07, gradient norm 2.0e-07, drift 5,000 times the control's" in text
    assert "all 3 fp32 variants agree" in render([replace(SOUND, name=BASE), control, SOUND], 1e-8)


def test_the_command_fails_when_a_variant_disagrees(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [replace(SOUND, name=BASE, drift=0.0), replace(SOUND, name=CONTROL), SOUND]
    asked: list[Any] = []

    def measured(chosen: list[Variant], steps: int, checks: int, folder: Path) -> list[Row]:
        asked.append((len(chosen), steps))
        return rows

    monkeypatch.setattr(parity, "measure", measured)
    assert parity.main(argparse.Namespace(quick=True, json=False)) == 0
    assert "all 3 fp32 variants agree" in capsys.readouterr().out
    rows[2] = replace(SOUND, drift=1.0)
    assert parity.main(argparse.Namespace(quick=False, json=True)) == 1
    assert json.loads(capsys.readouterr().out)["disagree"] == ["sound"]
    assert asked == [(len(IN_QUICK), 40), (len(variants()), 200)]


@pytest.mark.train
def test_ranks_are_started_and_agree_and_another_rounding_is_seen(tmp_path: Path) -> None:
    names = (BASE, CONTROL, "1 rank, ZeRO 3, x4", "tensor 2, ZeRO 3, x4")
    rounded = Variant("rounded", "1", 1, spread(1, 1, zero_stage=1, precision="bf16"))
    chosen = [*(v for v in variants() if v.name in names), rounded]
    base, control, zero, tensor, bf16 = measure(chosen, 8, 4, tmp_path)
    assert base.drift == 0
    assert 0 < control.drift < 1e-7
    assert zero.agrees(control.drift)
    assert tensor.agrees(control.drift)
    assert not replace(bf16, exact=True).agrees(control.drift)
