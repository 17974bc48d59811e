"""gristmill index: the history index that snapshots are matched with; list its segments, merge them."""

from __future__ import annotations

import argparse
from contextlib import nullcontext

from gristmill import ledger
from gristmill.lake import Lake
from gristmill.process import say
from gristmill.profile import Profile, load_profile
from gristmill.release import releases
from gristmill.schemas import BANDS
from gristmill.units import in_threads
from spark_jobs.history.compaction import NAME, CompactConfig, compact
from spark_jobs.history.segments import compacted, holds
from spark_jobs.session import spark_tasks
from spark_jobs.stage import StageContext

HELP = "list the segments of the history index, or merge them into one"
EPILOG = """\
examples:
  gristmill index list                             which segment holds which released snapshot
  gristmill index compact                          merge all of them; what `mix` finds stays the same

A snapshot enters the history when it is released. Compaction removes nothing; do it when many snapshots are released.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Sub-commands list and compact."""
    parser.epilog, parser.formatter_class = EPILOG, argparse.RawDescriptionHelpFormatter
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    listing = actions.add_parser("list", help="every released snapshot, its segment, and what others hold of it")
    listing.set_defaults(act=_list)
    merging = actions.add_parser("compact", help="merge the segments of all releases into one, and read that instead")
    merging.set_defaults(act=_compact)
    for action in (listing, merging):
        action.add_argument("--profile", help="profile name or file (default: $GRISTMILL_PROFILE, else demo)")


def run(args: argparse.Namespace) -> int:
    """Carry the sub-command out."""
    profile = load_profile(args.profile)
    return int(args.act(profile, Lake.open(profile)))


def _list(profile: Profile, lake: Lake) -> int:
    found, merged = releases(lake), compacted(lake)
    matched = _newest_matches(lake)
    for each in found:
        manifest = lake.manifest(each.datasets["index"])
        where = f"merged segment {merged.digest[:12]}" if merged and holds(merged, each) else "own segment"
        print(
            f"{each.snapshot}  {each.partition_date}  {manifest.rows:,} keys, {manifest.rows // BANDS:,} documents  "
            f"{manifest.bytes / 1e6:,.1f} MB  {where}"
        )
        if counts := matched.get(each.snapshot):
            print(
                f"    {counts['documents']:,} documents are in other snapshots of its newest mix too: "
                f"{counts['seen_earlier']:,} in an earlier one; {counts['would_supersede']:,} were seen here first and "
                "stay in the later ones"
            )
    stale = sorted(set(merged.members) - {each.snapshot for each in found if holds(merged, each)}) if merged else []
    if stale:
        print(f"no longer released as they were merged, and not read: {', '.join(stale)}")
    if not found:
        print("no snapshot is released; `gristmill status` says what to run")
    return 0


def _newest_matches(lake: Lake) -> dict[str, dict[str, int]]:
    """Snapshot -> counts of its matches, from the newest mix that had it."""
    found: dict[str, dict[str, int]] = {}
    for attempt in ledger.ended(lake):
        if attempt["stage"] == "mix" and attempt["status"] == "succeeded":
            found |= attempt["summary"].get("matches", {})
    return found


def _compact(profile: Profile, lake: Lake) -> int:
    found = releases(lake)
    local = profile.spark.master.startswith("local")
    with nullcontext(in_threads) if local else spark_tasks(profile, NAME) as tasks:
        inputs = {f"index.{each.snapshot}": each.datasets["index"] for each in found}
        context = StageContext(lake, profile, "index", inputs, tasks)
        with context.attempt(NAME, CompactConfig()) as attempt:
            made = compact(context, found, attempt)
    manifest = lake.manifest(made.digest)
    say(f"merged {len(made.members)} segments: {manifest.rows:,} keys, {manifest.bytes / 1e6:,.1f} MB, {made.digest}")
    return 0
