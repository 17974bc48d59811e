"""gristmill snapshot: enter crawl snapshots in the catalogue."""

from __future__ import annotations

import argparse
import glob
from datetime import date
from pathlib import Path

from gristmill.catalogue import Catalogue, CatalogueError, Snapshot, default_date
from gristmill.lake import Lake
from gristmill.profile import load_profile, profile_option
from gristmill.source import is_url
from gristmill.status import backfill_command

HELP = "add crawl snapshots to the catalogue, or list them"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Sub-commands add, extend and list."""
    actions = parser.add_subparsers(dest="action", required=True)
    kinds = "of WARC, ARC, WET, Parquet or JSON lines files"
    add = actions.add_parser("add", help=f"enter a new snapshot {kinds}", allow_abbrev=False)
    add.add_argument("id", help="snapshot id, such as CC-MAIN-2024-10; it becomes the run's partition key")
    add.add_argument("--date", type=day, help="partition date YYYY-MM-DD, unique; CC-MAIN ids have a default")
    extend = actions.add_parser("extend", help="append files to a snapshot's listing", allow_abbrev=False)
    extend.add_argument("id")
    for action in (add, extend):
        files = action.add_mutually_exclusive_group(required=True)
        files.add_argument("--paths", type=Path, metavar="FILE", help="a text file with a path or URL (s3://) a line")
        files.add_argument("--glob", metavar="PATTERN", help="a pattern of paths, in quotes; ** crosses folders")
    for action in (add, extend, actions.add_parser("list", help="all entries, by date")):
        action.add_argument("--profile", help="profile name or file (default: $GRISTMILL_PROFILE, else demo)")


def run(args: argparse.Namespace) -> int:
    """Carry the sub-command out."""
    profile = load_profile(args.profile)
    catalogue = Catalogue(Lake.open(profile))
    if args.action == "list":
        lines = [_line(snapshot) for snapshot in catalogue.snapshots()]
        print("\n".join(lines) or "the catalogue is empty; enter a crawl with `gristmill snapshot add`")
        return 0
    paths = _paths(args.paths, args.glob)
    if args.action == "extend":
        print(f"extended {_line(catalogue.extend(args.id, paths))}")
        return 0
    partition_date = args.date or default_date(args.id)
    if partition_date is None:
        raise CatalogueError(f"'{args.id}' does not say its date; give --date YYYY-MM-DD")
    snapshot = catalogue.add(args.id, partition_date, paths)
    print(f"added {_line(snapshot)}")
    print(f"run it:  {backfill_command(snapshot.partition_date.isoformat(), profile_option(profile))}")
    print("or in the Airflow UI (`gristmill up`): crawl_snapshot -> Trigger -> Backfill, with that date as both bounds")
    return 0


def _paths(listing: Path | None, pattern: str | None) -> list[Path | str]:
    """Files and URLs in listing order, or the files of a pattern in name order."""
    if pattern is not None:
        return [Path(p) for p in sorted(glob.glob(pattern, recursive=True)) if Path(p).is_file()]
    assert listing is not None
    try:
        lines = listing.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise CatalogueError(f"cannot read {listing}: {error}") from None
    names = [line.strip() for line in lines if line.strip()]
    return [name if is_url(name) else listing.parent / name for name in names]


def _line(snapshot: Snapshot) -> str:
    megabytes = snapshot.bytes / 1e6
    return f"{snapshot.id}  {snapshot.partition_date}  {len(snapshot.files)} files  {megabytes:.1f} MB"


def day(text: str) -> date:
    """A date argument."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is not a date YYYY-MM-DD") from None
