"""gristmill status: snapshots, training runs, and what to do next."""

from __future__ import annotations

import argparse
import json

from gristmill.lake import Lake
from gristmill.profile import load_profile, profile_option
from gristmill.service.control import running
from gristmill.service.home import Home
from gristmill.status import render, summary

HELP = "show all snapshots and training runs, and the command that runs what is missing"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """--json for machines."""
    parser.add_argument("--json", action="store_true", help="print the same as JSON")
    parser.add_argument("--profile", help="profile name or file (default: $GRISTMILL_PROFILE, else demo)")


def run(args: argparse.Namespace) -> int:
    """Print it."""
    profile = load_profile(args.profile)
    found = summary(Lake.open(profile), profile_option(profile))
    if args.json:
        print(json.dumps(found, indent=1))
    else:
        service = running(Home(profile))
        print(render(found))
        print(f"Reports: {profile.work_dir / 'reports'}")
        print(f"Airflow UI: {service.url}" if service else "Airflow does not run; `make up` starts it")
    return 0
