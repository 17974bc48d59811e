"""gristmill gc: remove what nothing names."""

from __future__ import annotations

import argparse

from gristmill.gc import collect, find_garbage
from gristmill.lake import Lake
from gristmill.profile import load_profile

HELP = "remove files that no release, verdict, model, report or checkpoint names"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What is spared."""
    parser.add_argument("--dry-run", action="store_true", help="only say what would go")
    parser.add_argument(
        "--min-age", type=_hours, default=24.0, metavar="HOURS",
        help="spare what is younger; keep it above your longest run, pauses included (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument("--profile", help="profile name or file (default: $GRISTMILL_PROFILE, else demo)")


def run(args: argparse.Namespace) -> int:
    """Collect, or say what would be."""
    lake = Lake.open(load_profile(args.profile))
    garbage = (find_garbage if args.dry_run else collect)(lake, args.min_age * 3600)
    verb = "would remove" if args.dry_run else "removed"
    print(f"{verb} {len(garbage.keys):,} objects, {garbage.bytes / 1e6:,.1f} MB")
    return 0


def _hours(text: str) -> float:
    hours = float(text)
    if not hours >= 0:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number of hours from 0 up")
    return hours
