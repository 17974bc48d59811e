"""gristmill down: stop the private Airflow of a profile."""

from __future__ import annotations

import argparse

from gristmill.profile import load_profile
from gristmill.service import control
from gristmill.service.home import Home

HELP = "stop the private Airflow; no process is left"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """--profile."""
    parser.add_argument("--profile", help="profile name or file (default: $GRISTMILL_PROFILE, else demo)")


def run(args: argparse.Namespace) -> int:
    """Stop it; running tasks are ended and start again with the next `gristmill up`."""
    stopped = control.stop(Home(load_profile(args.profile)))
    print("Airflow is stopped" if stopped else "no Airflow of this profile was running")
    return 0
