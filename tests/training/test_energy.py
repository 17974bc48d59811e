"""Energy of a run: summed over readings, attempts and GPUs, and said to be estimated where it is."""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import Any

import pytest

from gristmill import energy as machine
from training import energy
from training.energy import EnergyConfig, EnergyCounter, kwh_per_million_tokens, nvml_reader


def package(folder: Path, microjoules: int) -> Path:
    found = folder / "intel-rapl:0"
    found.mkdir(exist_ok=True)
    (found / "energy_uj").write_text(f"{microjoules}\n")
    (found / "max_energy_range_uj").write_text("5000000\n")
    return found


def test_counters_that_wrap_many_times_are_summed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_POWERCAP", tmp_path)
    monkeypatch.setattr(energy, "REBASE_SECONDS", -1.0)
    package(tmp_path, 1_000_000)
    counter = EnergyCounter(ranks=2, spent=7.0, gpus=None)
    total = 7.0
    for reading, joules in ((4_000_000, 3.0), (1_000_000, 2.0), (500_000, 4.5), (4_500_000, 4.0)):
        package(tmp_path, reading)
        total += joules
        assert counter.joules() == pytest.approx(total)
    assert counter.method == "measured:rapl"


def test_without_counters_the_cpu_seconds_of_all_ranks_are_priced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "_POWERCAP", tmp_path)
    clock = iter([10.0, 13.0])
    monkeypatch.setattr(energy.time, "process_time", lambda: next(clock))
    counter = EnergyCounter(ranks=4, gpus=None)
    assert counter.joules() == pytest.approx(3 * 4 * machine.WATTS_PER_BUSY_CORE)
    assert counter.method == "estimated:cpu-seconds x 10 W"


class Nvml:
    """Two GPUs; each reading of GPU n adds n + 1 J."""

    def __init__(self, counts: bool = True) -> None:
        self.counts, self.millijoules = counts, [0, 0]

    def nvmlInit_v2(self) -> int:
        return 0

    def nvmlDeviceGetCount_v2(self, count: Any) -> int:
        count._obj.value = 2
        return 0

    def nvmlDeviceGetHandleByIndex_v2(self, number: int, device: Any) -> int:
        device._obj.value = number + 1
        return 0

    def nvmlDeviceGetTotalEnergyConsumption(self, device: ctypes.c_void_p, found: Any) -> int:
        if not self.counts:
            return 3
        number = int(device.value or 0)
        self.millijoules[number - 1] += 1000 * number
        found._obj.value = self.millijoules[number - 1]
        return 0


@pytest.mark.parametrize(("visible", "joules"), [("", 3.0), ("1", 2.0), ("0,1", 3.0), ("GPU-uuid", 3.0)])
def test_the_visible_gpus_are_added(
    visible: str, joules: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "_POWERCAP", tmp_path)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    monkeypatch.setattr(energy.time, "process_time", lambda: 1.0)
    counter = EnergyCounter(ranks=1, gpus=nvml_reader(Nvml()))
    assert counter.joules() == pytest.approx(joules)
    assert counter.method == "estimated:cpu-seconds x 10 W, GPUs measured:nvml"


def test_gpus_without_a_counter_are_no_gpus() -> None:
    assert nvml_reader(Nvml(counts=False)) is None


def test_units() -> None:
    assert kwh_per_million_tokens(7.2e6, 500_000) == pytest.approx(4.0)
    assert kwh_per_million_tokens(0.0, 0) == 0.0
    assert EnergyConfig(grid_grams_per_kwh=400, overhead=1.5).co2_grams(3.6e6) == pytest.approx(600)
