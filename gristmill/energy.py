"""Energy of an attempt: measured by RAPL where the kernel shows it, else estimated and marked so."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

WATTS_PER_BUSY_CORE = 10.0
"""Estimate for one busy server core with its share of memory and fans: a 205 W, 24-core part is 8.5 W a core."""

_POWERCAP = Path("/sys/class/powercap")


@dataclass(frozen=True)
class EnergyMeter:
    """Reads the packages' RAPL counters at start and stop; they cover the machine, not the process."""

    before: dict[Path, int]

    @classmethod
    def start(cls) -> EnergyMeter:
        return cls(_read_packages())

    def stop(self, cpu_seconds: float) -> dict[str, float | str]:
        """{"joules", "method"}; method is "measured:rapl" or "estimated:cpu-seconds x 10 W"."""
        after = _read_packages()
        if self.before and after.keys() == self.before.keys():
            joules = sum(_difference(path, self.before[path], after[path]) for path in after) / 1e6
            return {"joules": round(joules, 1), "method": "measured:rapl"}
        joules = cpu_seconds * WATTS_PER_BUSY_CORE
        return {"joules": round(joules, 1), "method": f"estimated:cpu-seconds x {WATTS_PER_BUSY_CORE:g} W"}


def _difference(package: Path, before: int, after: int) -> int:
    """Microjoules between two readings of a counter that wraps at `max_energy_range_uj`."""
    if after >= before:
        return after - before
    return after - before + int((package / "max_energy_range_uj").read_text())


def _read_packages() -> dict[Path, int]:
    readings = {}
    for package in sorted(_POWERCAP.glob("intel-rapl:[0-9]")):
        try:
            readings[package] = int((package / "energy_uj").read_text())
        except (OSError, ValueError):
            return {}
    return readings
