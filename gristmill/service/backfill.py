"""gristmill backfill: run the snapshots of a range of dates through the private Airflow's scheduler."""

from __future__ import annotations

import argparse
from datetime import date

from gristmill.catalogue import Catalogue
from gristmill.commands.snapshot import day
from gristmill.errors import UserError
from gristmill.lake import Lake
from gristmill.profile import load_profile
from gristmill.service import control
from gristmill.service.client import Client
from gristmill.service.home import Home

DAG = "crawl_snapshot"
HELP = "run the snapshots of a range of partition dates (needs `gristmill up`)"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The range, and what to do with snapshots that ran before."""
    parser.add_argument("--from", dest="first", type=day, required=True, help="first partition date, YYYY-MM-DD")
    parser.add_argument("--to", dest="last", type=day, required=True, help="last partition date, YYYY-MM-DD")
    parser.add_argument(
        "--reprocess", choices=("none", "failed", "completed"), default="none",
        help="snapshots that ran before: leave them, run failed ones again, run all again (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument("--profile", help="profile name or file (default: $GRISTMILL_PROFILE, else demo)")


def run(args: argparse.Namespace) -> int:
    """Start the backfill; its runs go on in the scheduler."""
    profile = load_profile(args.profile)
    home = Home(profile)
    service = control.running(home)
    if service is None:
        raise UserError("Airflow is not running; start it with `make up`")
    dates = Catalogue(Lake.open(profile)).dates()
    keys = [key for key, day in dates.items() if args.first <= day <= args.last]
    if args.first > args.last:
        raise UserError(f"--from {args.first} is after --to {args.last}")
    if not keys:
        raise UserError(f"no snapshot from {args.first} to {args.last} in the catalogue; see `gristmill snapshot list`")
    client = service.client(home)
    if args.reprocess == "none" and set(keys) <= {each["partition_key"] for each in client.runs(DAG)}:
        raise UserError(f"{', '.join(keys)} ran already; to run again give --reprocess failed or completed")
    start_backfill(client, args.first, args.last, args.reprocess)
    print(f"backfilling {', '.join(keys)}; follow it at {service.url}/dags/{DAG}")
    return 0


def start_backfill(client: Client, first: date, last: date, reprocess: str) -> None:
    """Backfill the snapshots from `first` to `last`. Raises ServiceError, 409 while another backfill goes on."""
    client.backfill(DAG, first.isoformat(), last.isoformat(), reprocess, max_active_runs=1)
    client.forget_next_run(DAG)
    client.unpause(DAG)
