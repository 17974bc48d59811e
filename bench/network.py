"""Two network namespaces joined by a link of a given speed: two machines on one. Needs root, ip and tc."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from gristmill.errors import UserError

DEVICE = "link0"


@dataclass(frozen=True)
class Link:
    """Names of the two namespaces, and their addresses on DEVICE."""

    namespaces: tuple[str, str]
    addresses: tuple[str, str] = ("10.211.7.1", "10.211.7.2")

    def inside(self, side: int, command: list[str]) -> list[str]:
        """The command as it has to be started to run in a namespace."""
        return ["ip", "netns", "exec", self.namespaces[side], *command]


@contextmanager
def link(megabits: float | None) -> Iterator[Link]:
    """Namespaces joined by a virtual cable of `megabits` per second each way (None: as fast as memory).

    Removed at the end, by the names that this process gave them. Raises UserError without root, ip or tc.
    """
    made = Link((f"gm-{os.getpid()}-a", f"gm-{os.getpid()}-b"))
    try:
        for name in made.namespaces:
            _run("ip", "netns", "add", name)
        one, two = made.namespaces
        _run("ip", "link", "add", DEVICE, "netns", one, "type", "veth", "peer", "name", DEVICE, "netns", two)
        for name, address in zip(made.namespaces, made.addresses, strict=True):
            _run("ip", "-n", name, "addr", "add", f"{address}/30", "dev", DEVICE)
            for device in ("lo", DEVICE):
                _run("ip", "-n", name, "link", "set", device, "up")
            if megabits is not None:
                # A token bucket: 10 ms of the speed may pass at once, as much as a switch would buffer.
                burst = max(16_000, int(megabits * 1e6 / 8 / 100))
                _run("tc", "-n", name, "qdisc", "add", "dev", DEVICE, "root", "tbf", "rate", f"{megabits}mbit",
                     "burst", str(burst), "latency", "100ms")  # fmt: skip
        yield made
    finally:
        for name in made.namespaces:
            with suppress(UserError):
                _run("ip", "netns", "del", name)


def _run(*command: str) -> None:
    try:
        result = subprocess.run(command, check=False, capture_output=True, text=True)
    except FileNotFoundError as error:
        raise UserError(f"{error.filename} is missing; install iproute2") from None
    if result.returncode:
        raise UserError(f"`{' '.join(command)}` failed: {result.stderr.strip()}; network namespaces need root")
