"""The smallest planted fault that each gate finds, and its false alarms, as the table in docs/gates.md.

python -m bench.gates                  # about ten minutes on one core
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from gristmill.profile import PROJECT
from quality.bounds import Gates, load_gates
from quality.faults import FAULTS, Planted
from quality.sweep import DRAWN, SEEDS, Drawn, Trials, caught, smallest, swept

BEGIN, END = "<!-- begin: python -m bench.gates -->\n", "<!-- end -->\n"


def size_text(fault: Planted, size: float) -> str:
    """A size as a person says it."""
    if fault.what.startswith("("):
        return fault.what.strip("()")
    if "{" in fault.what:
        return fault.what.format(size)
    counted = fault.sizes == (1.0,) or fault.sizes[-1] >= 2
    return f"{size:g} {fault.what}" if counted else f"{100 * size:g} % {fault.what}"


def row(fault: Planted, found: tuple[float, float] | None, alarms: float) -> str:
    """One row of the table."""
    caught = "none of those tried | -" if found is None else f"{size_text(fault, found[0])} | {100 * found[1]:.0f} %"
    return f"| {fault.check} | {caught} | {100 * alarms:.0f} % |\n"


def rows(gates: Gates, seeds: int, seed: int) -> Iterator[str]:
    """One row of the table per fault."""
    trials = Trials(gates, seeds, seed)
    alarms = trials.false_alarms(swept())
    for fault in FAULTS:
        yield row(fault, smallest(trials, fault), alarms[fault.check])
    for kind, faults in DRAWN.items():
        drawn = Drawn(gates, kind, seeds, seed)
        for each in faults:
            yield row(each, smallest(drawn, each), caught(drawn, each, 0))


def main() -> None:
    """Sweep and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--seed", type=int, default=0, help="of the population; the documents have 0")
    parser.add_argument("--docs", type=Path, default=PROJECT / "docs" / "gates.md")
    args = parser.parse_args()
    gates, _ = load_gates(PROJECT / "configs" / "gates" / "default.yaml")
    head = f"| check | smallest fault found in 95 % of {args.seeds} seeds | found | false alarms |\n|---|---|---|---|\n"
    found = []
    for line in rows(gates, args.seeds, args.seed):
        print(line, end="", flush=True)
        found.append(line)
    table = head + "".join(found)
    before, _, rest = args.docs.read_text(encoding="utf-8").partition(BEGIN)
    args.docs.write_text(before + BEGIN + table + END + rest.partition(END)[2], encoding="utf-8")


if __name__ == "__main__":
    main()
