"""gristmill duplicates URL: who a page is a duplicate of, and how their texts differ."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from gristmill.duplicates import Cluster, DuplicatesError, Found, Member, describe, find, texts
from gristmill.lake import Lake
from gristmill.printable import printable
from gristmill.profile import load_profile
from gristmill.release import Release
from gristmill.text_difference import difference

MEMBERS, LINES, DOCUMENTS = 20, 200, 5
"""What is shown without --all: members of a cluster, lines of a difference, documents of one address."""

HELP = "show a page's duplicates: who is in its cluster, who stayed and why, and how the texts differ"
EPILOG = """\
examples:
  gristmill duplicates https://example.org/page           every released snapshot that has it
  gristmill duplicates CC-MAIN-2024-10/1099511628288      one document
  gristmill duplicates CC-MAIN-2024-10/1099511628288 --against 2048 | less

A kept page is compared with its least similar removed duplicate, any other one with the page that was kept.
Lines of the first text have "-", those of the second "+"; changed words are [-only in the first-] and
{+only in the second+}, or red and green on a terminal (NO_COLOR=1 for marks). Exit code 1: it has no duplicate.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The document, and how much to show."""
    parser.epilog, parser.formatter_class = EPILOG, argparse.RawDescriptionHelpFormatter
    parser.add_argument("document", help="a URL as it was crawled or canonical, a doc_id, or SNAPSHOT/doc_id")
    parser.add_argument("--against", type=int, metavar="DOC_ID", help="compare with this member of the cluster")
    parser.add_argument("--all", action="store_true", help=f"every member and difference, not the first {MEMBERS} "
                        f"members and {LINES} lines")  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print the same as JSON")
    parser.add_argument("--profile", help="profile name or file (default: $GRISTMILL_PROFILE, else demo)")


def run(args: argparse.Namespace) -> int:
    """Print each document of that address; 1 when none has a duplicate."""
    lake = Lake.open(load_profile(args.profile))
    places = find(lake, args.document)
    if args.against is not None and len(places) > 1:
        names = ", ".join(f"{r.snapshot}/{doc_id}" for r, doc_id in places[:DOCUMENTS])
        raise DuplicatesError(f"{len(places):,} documents have this address; with --against name one of them: {names}")
    shown = places if args.all else places[:DOCUMENTS]
    found = [(r, describe(lake, r, doc_id, None if args.all else MEMBERS, args.against)) for r, doc_id in shown]
    limit = None if args.all else LINES
    if args.json:
        print(json.dumps([_as_json(lake, r, each, limit) for r, each in found], indent=1, default=str))
    else:
        colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
        for number, (current, each) in enumerate(found):
            print("\n" * bool(number) + "\n".join(printable(line) for line in _lines(each)))
            for line in _difference(lake, current, each, limit, colour):
                print(line)
        if len(places) > len(shown):
            print(f"\n{len(places) - len(shown):,} more documents have this address; --all shows them")
    return 0 if any(each.cluster for _, each in found) else 1


def _as_json(lake: Lake, current: Release, found: Found, limit: int | None) -> dict[str, Any]:
    return {**asdict(found), "difference": list(_difference(lake, current, found, limit, False))}


def _lines(found: Found) -> list[str]:
    """The document and its cluster; crawled strings are not yet safe to print."""
    document, cluster = found.document, found.cluster
    lines = [f"{found.snapshot}: {document.url} (doc_id {document.doc_id})",
             f"  captured {_time(document)}; {_state(document)}"]  # fmt: skip
    if cluster is None:
        return [*lines, f"  has no duplicate in {found.snapshot}; `gristmill explain URL` shows its signals"]
    lines.append(f"  cluster {cluster.cluster_id}: {cluster.size:,} documents, {cluster.kept:,} kept, "
                 f"{cluster.exact_copies:,} exact copies of others")  # fmt: skip
    lines.append(f"  members, and how similar they are to {_role(found, cluster)}:")
    for member in cluster.members:
        mark = "*" if member.doc_id == document.doc_id else " "
        lines += [f"  {mark} {member.doc_id}  {_state(member)}; {_alike(member, cluster)}",
                  f"      {member.url}  captured {_time(member)}"]  # fmt: skip
    if left := cluster.size - len(cluster.members):
        lines.append(f"    {left:,} more members are not shown; --all shows them")
    return lines


def _difference(lake: Lake, current: Release, found: Found, limit: int | None, colour: bool) -> Iterator[str]:
    """The kept document's text first where it is one of the two."""
    cluster = found.cluster
    if cluster is None:
        return
    pair = (found.document.doc_id, cluster.other)
    first, second = pair if cluster.reference == pair[0] else pair[::-1]
    yield f"  how the extracted texts differ: - {first}, + {second}"
    for line in difference(*texts(lake, current, (first, second)), limit):
        yield f"  {line.render(colour)}"


def _role(found: Found, cluster: Cluster) -> str:
    """What the reference is to the document."""
    if cluster.reference != found.document.doc_id:
        return f"{cluster.reference}, which stayed"
    return "this one" if found.document.kept else "this one, since none was kept for it"


def _state(member: Member) -> str:
    by = member.removed_by
    if by is None:
        return "kept"
    measured = f", value {by['value']:g}, threshold {by['threshold']:g}" if "value" in by else ""
    return f"removed: {by['reason']}{measured}" + (
        f", a duplicate of {by['duplicate_of']}" if "duplicate_of" in by else ""
    )


def _alike(member: Member, cluster: Cluster) -> str:
    group = "" if member.exact_group is None else f", exact group {member.exact_group}"
    if member.doc_id == cluster.reference:
        return f"the reference{group}"
    by = member.removed_by or {}
    if by.get("reason") == "url_duplicate" and by.get("duplicate_of") == cluster.reference:
        return f"the same address as the reference{group}"
    if member.similarity is None:
        return f"no verified pair with the reference, in the cluster through others{group}"
    return f"similarity {member.similarity:.3f}{group}"


def _time(member: Member) -> str:
    return "at an unknown time" if member.captured is None else f"{member.captured:%Y-%m-%d %H:%M:%S} UTC"
