"""gristmill down: stop the private Airflow and everything that it started."""

from __future__ import annotations

import argparse

from gristmill.profile import load_profile
from gristmill.service.environment import MARKER
from gristmill.service.local import LocalAirflow
from gristmill.service.processes import marked

HELP = "stop the private Airflow; leaves no process behind"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Only the profile."""
    parser.add_argument("--profile", help="profile name or file (default: $GRISTMILL_PROFILE, else demo)")


def run(args: argparse.Namespace) -> int:
    """Stop it; 1 when something could not be stopped."""
    airflow = LocalAirflow(load_profile(args.profile))
    if not marked(MARKER, str(airflow.home)):
        print("Airflow is not running")
        return 0
    airflow.stop()
    left = marked(MARKER, str(airflow.home))
    print(f"these processes could not be stopped: {left}" if left else "Airflow stopped; no process is left")
    return 1 if left else 0
