"""gristmill up: start a private Airflow for a profile."""

from __future__ import annotations

import argparse
import time

from gristmill.profile import load_profile
from gristmill.service import control
from gristmill.service.home import USER, Home

HELP = "start a private Airflow and print its address"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """--profile, --port."""
    parser.add_argument("--profile", help="profile name or file (default: $GRISTMILL_PROFILE, else demo)")
    parser.add_argument("--port", type=int, help="port on 127.0.0.1 (default: 8080 if free, else any free one)")


def run(args: argparse.Namespace) -> int:
    """Start it, or say where it runs."""
    home = Home(load_profile(args.profile))
    clock = time.monotonic()
    before = control.running(home)
    service = control.start(home, args.port)
    state = "runs already" if before else f"runs, started in {time.monotonic() - clock:.0f} s"
    print(f"Airflow {state}: {service.url}")
    print(f"user {USER}, password in {home.passwords}")
    print("stop it with `make down`")
    return 0
