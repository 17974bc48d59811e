"""measure: one metrics table of a snapshot's datasets."""

from __future__ import annotations

from gristmill import ledger
from gristmill.catalogue import Catalogue
from gristmill.lake import Lake
from gristmill.process import resolve_inputs, run_main, stage_parser, write_result
from gristmill.profile import load_profile
from gristmill.release import DATASETS
from gristmill.scores import ALL
from quality import evaluation_sets
from quality.bounds import load_gates
from quality.metrics import snapshot_metrics

INPUTS = (*(name for name in DATASETS if name != "metrics"), ALL)


def main(argv: list[str] | None = None) -> None:
    """Run the stage as a process."""
    args = stage_parser("Measure a snapshot's datasets into one small metrics table.").parse_args(argv)
    profile = load_profile(args.profile)
    lake, (gates, _) = Lake.open(profile), load_gates(profile.gates)
    snapshot = Catalogue(lake).get(args.snapshot)
    inputs = resolve_inputs(lake, snapshot.id, args.input, INPUTS)
    config = {"evaluation": evaluation_sets.digests(gates.evaluation)}
    with ledger.attempt(
        lake, stage="measure", scope=snapshot.id, config=config, inputs=inputs, run_id=args.run_id
    ) as attempt:
        table = snapshot_metrics(lake, snapshot, inputs, gates.evaluation)
        entry = lake.write_table("metrics", "snapshot", table)
        attempt.outputs["metrics"] = lake.publish("metrics", [entry], attempt.provenance()).digest
        attempt.summary["rows"] = table.num_rows
    write_result(args.result, attempt.outputs, attempt.summary)


if __name__ == "__main__":
    run_main(main)
