"""gristmill backfill: run the snapshots of a range of dates through the private Airflow's scheduler."""

from __future__ import annotations

import argparse
from datetime import date

from gristmill.catalogue import Catalogue
from gristmill.errors import UserError
from gristmill.lake import Lake
from gristmill.profile import load_profile
from gristmill.service.local import LocalAirflow
from gristmill.service.start_backfill import start_backfill

HELP = "run the snapshots of a range of partition dates (needs `gristmill up`)"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The range, and what to do with snapshots that ran before."""
    parser.add_argument("--from", dest="start", type=date.fromisoformat, required=True, help="first partition date")
    parser.add_argument("--to", dest="end", type=date.fromisoformat, required=True, help="last partition date")
    parser.add_argument(
        "--reprocess", choices=("none", "failed", "completed"), default="none",
        help="run again: nothing, failed ones, or all (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument("--profile", help="profile name or file (default: $GRISTMILL_PROFILE, else demo)")


def run(args: argparse.Namespace) -> int:
    """Start the backfill; its runs go on in the scheduler."""
    profile = load_profile(args.profile)
    airflow = LocalAirflow(profile)
    if not airflow.running:
        raise UserError("Airflow is not running; start it with `make up`")
    dates = Catalogue(Lake.open(profile)).dates()
    keys = {key for key, day in dates.items() if args.start <= day <= args.end}
    if not keys:
        raise UserError(f"the catalogue has no snapshot from {args.start} to {args.end}; see `gristmill snapshot list`")
    start_backfill(airflow.api(), keys, args.start, args.end, args.reprocess)
    print(f"backfilling {', '.join(sorted(keys))}; follow it at {airflow.url}/dags/crawl_snapshot")
    return 0
