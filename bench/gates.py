"""The smallest planted fault that each gate of a snapshot finds, and its false alarms, as the table in docs/gates.md.

python -m bench.gates                  # about ten minutes on one core
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from gristmill.profile import PROJECT
from quality.bounds import load_gates
from quality.faults import FAULTS, Fault
from quality.sweep import SEEDS, Trials, swept

BEGIN, END = "<!-- begin: python -m bench.gates -->\n", "<!-- end -->\n"


def size_text(fault: Fault, size: float) -> str:
    """A size as a person says it."""
    if fault.what.startswith("("):
        return fault.what.strip("()")
    number = f"{size:g}" if fault.sizes == (1.0,) or size > 1.5 else f"{100 * size:g} %"
    return f"{number} {fault.what}"


def rows(trials: Trials) -> Iterator[str]:
    """One row of the table per fault."""
    alarms = trials.false_alarms(swept())
    for fault in FAULTS:
        found = trials.smallest(fault)
        caught = "none of those tried | -"
        if found is not None:
            caught = f"{size_text(fault, found[0])} | {100 * found[1]:.0f} %"
        yield f"| {fault.check} | {caught} | {100 * alarms[fault.check]:.0f} % |\n"


def main() -> None:
    """Sweep and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--docs", type=Path, default=PROJECT / "docs" / "gates.md")
    args = parser.parse_args()
    gates, _ = load_gates(PROJECT / "configs" / "gates" / "default.yaml")
    head = f"| check | smallest fault found in 95 % of {args.seeds} seeds | found | false alarms |\n|---|---|---|---|\n"
    table = head + "".join(rows(Trials(gates, args.seeds)))
    before, _, rest = args.docs.read_text(encoding="utf-8").partition(BEGIN)
    args.docs.write_text(before + BEGIN + table + END + rest.partition(END)[2], encoding="utf-8")


if __name__ == "__main__":
    main()
