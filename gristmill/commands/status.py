"""gristmill status: snapshots, training runs, and what to do next."""

from __future__ import annotations

import argparse
import json

from gristmill.lake import Lake
from gristmill.profile import Profile, load_profile, profile_option
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
        print(render(found))
        print(f"Reports: {profile.work_dir / 'reports'}")
        print(_airflow(profile))
    return 0


def _airflow(profile: Profile) -> str:
    """Where it is. Its home can be read by the system user alone who started it."""
    try:
        service = running(Home(profile))
    except OSError:
        return "Airflow belongs to another system user"
    return f"Airflow UI: {service.url}" if service else "Airflow does not run; `make up` starts it"
