"""gristmill verify: re-hash everything that is released."""

from __future__ import annotations

import argparse
import sys

from gristmill.lake import Lake
from gristmill.profile import load_profile
from gristmill.reachable import released_manifests

HELP = "re-hash every file of every released snapshot and promoted model"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Only the profile."""
    parser.add_argument("--profile", help="profile name or file (default: $GRISTMILL_PROFILE, else demo)")


def run(args: argparse.Namespace) -> int:
    """1 when a file is lost or damaged; each is named."""
    lake = Lake.open(load_profile(args.profile))
    damaged = files = size = 0
    for digest, name in sorted(released_manifests(lake).items(), key=lambda item: item[1]):
        manifest = lake.manifest(digest)
        bad = lake.damaged(manifest)
        files, size, damaged = files + len(manifest.files), size + manifest.bytes, damaged + len(bad)
        print(f"{'DAMAGED' if bad else 'ok':<8}{name:<40}{len(manifest.files):>6} files  {digest[:12]}")
        for path in bad:
            print(f"lost or changed: {path}", file=sys.stderr)
    print(f"{files:,} files, {size / 1e6:,.1f} MB, {damaged} damaged")
    return 1 if damaged else 0
