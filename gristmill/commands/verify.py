"""gristmill verify: re-hash everything that is released."""

from __future__ import annotations

import argparse
import sys

from gristmill.lake import Lake, LakeError
from gristmill.profile import load_profile
from gristmill.reachable import released_manifests

HELP = "re-hash every file of every released snapshot and promoted model"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Only the profile."""
    parser.add_argument("--profile", help="profile name or file (default: $GRISTMILL_PROFILE, else demo)")


def run(args: argparse.Namespace) -> int:
    """1 when a file or a manifest is lost or damaged; each is named."""
    lake = Lake.open(load_profile(args.profile))
    damaged = files = size = 0
    for digest, name in sorted(released_manifests(lake).items(), key=lambda item: item[1]):
        try:
            manifest = lake.manifest(digest)
            bad = [f"lost or changed: {path}" for path in lake.damaged(manifest)]
            count, size = len(manifest.files), size + manifest.bytes
        except LakeError as error:
            bad, count = [str(error)], 0
        files, damaged = files + count, damaged + len(bad)
        print(f"{'DAMAGED' if bad else 'ok':<8}{name:<40}{count:>6} files  {digest[:12]}")
        for line in bad:
            print(line, file=sys.stderr)
    print(f"{files:,} files, {size / 1e6:,.1f} MB, {damaged} damaged")
    return 1 if damaged else 0
