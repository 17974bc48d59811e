"""Energy: measured where the machine shows it, else estimated and marked so."""

from __future__ import annotations

from pathlib import Path

import pytest

from gristmill import energy
from gristmill.energy import EnergyMeter


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Two processor packages as the kernel shows them."""
    monkeypatch.setattr(energy, "_POWERCAP", tmp_path)
    found = [tmp_path / "intel-rapl:0", tmp_path / "intel-rapl:1"]
    for package in (*found, tmp_path / "intel-rapl:0:0"):
        package.mkdir()
        (package / "energy_uj").write_text("1000000\n")
        (package / "max_energy_range_uj").write_text("5000000\n")
    return found


def test_the_packages_are_added_up(packages: list[Path]) -> None:
    meter = EnergyMeter.start()
    (packages[0] / "energy_uj").write_text("3000000\n")
    (packages[1] / "energy_uj").write_text("1500000\n")
    assert meter.stop(cpu_seconds=100) == {"joules": 2.5, "method": "measured:rapl"}


def test_a_counter_that_wrapped_goes_on_from_its_range(packages: list[Path]) -> None:
    meter = EnergyMeter.start()
    (packages[0] / "energy_uj").write_text("200000\n")
    assert meter.stop(cpu_seconds=100) == {"joules": 4.2, "method": "measured:rapl"}


@pytest.mark.parametrize("reading", ["", "secret"])
def test_a_package_that_cannot_be_read_makes_it_an_estimate(packages: list[Path], reading: str) -> None:
    meter = EnergyMeter.start()
    (packages[1] / "energy_uj").write_text(reading)
    assert meter.stop(cpu_seconds=12.34) == {"joules": 123.4, "method": "estimated:cpu-seconds x 10 W"}


def test_a_machine_without_counters_gives_an_estimate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(energy, "_POWERCAP", tmp_path / "absent")
    assert EnergyMeter.start().stop(2)["method"] == "estimated:cpu-seconds x 10 W"
