"""Energy and CO2 of a run so far: the machine's counters where there are any, else an estimate that says so."""

from __future__ import annotations

import ctypes
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pydantic import Field

from gristmill.energy import EnergyMeter
from gristmill.settings import Settings

REBASE_SECONDS = 60.0
"""RAPL counters wrap after 262 kJ, three quarters of an hour at 100 W: they are read at least this often."""


class EnergyConfig(Settings):
    """`grid_grams_per_kwh`: CO2 per kWh of the grid; by default the world's mean of 2024 (Ember 2025).

    `overhead`: kWh that the building takes for a kWh of the machine (power usage effectiveness).
    """

    grid_grams_per_kwh: float = Field(default=473.0, ge=0)
    overhead: float = Field(default=1.0, ge=1)

    def co2_grams(self, joules: float) -> float:
        """Emissions of `joules` of the machine's energy."""
        return joules / 3.6e6 * self.overhead * self.grid_grams_per_kwh


def kwh_per_million_tokens(joules: float, tokens: int) -> float:
    """1 kWh is 3.6 MJ."""
    return joules / 3.6e6 / max(1, tokens) * 1e6


@dataclass
class EnergyCounter:
    """Joules since it was made, plus `spent` of earlier attempts. Of rank 0's machine: packages and GPUs.

    Where the packages show nothing, this process' CPU seconds times `ranks` are priced like those of every stage
    (gristmill.energy), and `method` starts with "estimated".
    """

    ranks: int
    spent: float = 0.0
    method: str = ""
    gpus: Callable[[], float] | None = field(default_factory=lambda: gpu_joules())
    _meter: EnergyMeter = field(default_factory=EnergyMeter.start)

    def __post_init__(self) -> None:
        self._cpu, self._since = time.process_time(), time.monotonic()
        self._gpu = self.gpus() if self.gpus else 0.0

    def joules(self) -> float:
        """All of it until now."""
        reading = self._meter.stop((time.process_time() - self._cpu) * self.ranks)
        gpu = self.gpus() - self._gpu if self.gpus else 0.0
        self.method = str(reading["method"]) + (", GPUs measured:nvml" if self.gpus else "")
        total = self.spent + float(reading["joules"]) + gpu
        if time.monotonic() - self._since > REBASE_SECONDS:
            self.spent, self._meter = total, EnergyMeter.start()
            self.__post_init__()
        return total


def gpu_joules() -> Callable[[], float] | None:
    """A reader of the sum of the visible GPUs' energy counters (NVML, Volta and newer); None without them."""
    try:
        library = ctypes.CDLL("libnvidia-ml.so.1")
    except OSError:
        return None
    return nvml_reader(library)


def nvml_reader(library: Any) -> Callable[[], float] | None:
    """The reader over a loaded NVML; None when a call fails, as on GPUs without the counter."""
    count = ctypes.c_uint()
    if library.nvmlInit_v2() or library.nvmlDeviceGetCount_v2(ctypes.byref(count)):
        return None
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")
    numbers = [int(n) for n in visible] if all(n.isdecimal() for n in visible) else list(range(count.value))
    devices = [ctypes.c_void_p() for _ in numbers]
    if any(library.nvmlDeviceGetHandleByIndex_v2(n, ctypes.byref(d)) for n, d in zip(numbers, devices, strict=True)):
        return None

    def read() -> float:
        total, one = 0, ctypes.c_ulonglong()
        for device in devices:
            if library.nvmlDeviceGetTotalEnergyConsumption(device, ctypes.byref(one)):
                raise OSError("NVML does not count the energy of this GPU")
            total += one.value
        return total / 1000  # from millijoules

    try:
        read()
    except OSError:
        return None
    return read if devices else None
