"""gristmill up: start the private Airflow and say where it is."""

from __future__ import annotations

import argparse

from gristmill.profile import Profile, load_profile
from gristmill.service.environment import USER, password_file
from gristmill.service.local import LocalAirflow

HELP = "start a private Airflow on this machine and print its address"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Only the profile."""
    parser.add_argument("--profile", help="profile name or file (default: $GRISTMILL_PROFILE, else demo)")


def run(args: argparse.Namespace) -> int:
    """Start it, or find it running."""
    profile = load_profile(args.profile)
    airflow = LocalAirflow(profile)
    airflow.start()
    print(how_to_open(profile, airflow.url))
    return 0


def how_to_open(profile: Profile, url: str) -> str:
    """Where the UI is and how to log in."""
    return f"Airflow: {url}   user {USER}, password in {password_file(profile)}\nstop it with `make down`"
