"""gristmill explain URL: what became of a page, and why."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from gristmill.explain import explain, nearest_urls
from gristmill.lake import Lake
from gristmill.printable import printable
from gristmill.profile import load_profile

_PLACES = {"file": "byte {:,}", "stream": "byte {:,} of the inflated stream", "row": "row {:,}"}
HELP = "show what became of a page: its record, signals, the rule that removed it, or its shard and cluster"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The URL."""
    parser.add_argument("url", help="the page's URL as it was crawled")
    parser.add_argument("--json", action="store_true", help="print the same as JSON")
    parser.add_argument("--profile", help="profile name or file (default: $GRISTMILL_PROFILE, else demo)")


def run(args: argparse.Namespace) -> int:
    """Print every record of the URL; 1 when no released snapshot has it."""
    lake = Lake.open(load_profile(args.profile))
    found = explain(lake, args.url)
    if args.json:
        print(json.dumps(found, indent=1, default=str))
    else:
        print("\n\n".join(render(entry) for entry in found))
    if not found:
        near = "\n".join(f"  {printable(url)}" for url in nearest_urls(lake, args.url))
        print(f"no released snapshot has {args.url}" + (f"; near it are\n{near}" if near else ""), file=sys.stderr)
        return 1
    return 0


def render(entry: dict[str, Any]) -> str:
    """One record as text; what comes from the crawl cannot steer a terminal."""
    return "\n".join(printable(line) for line in _lines(entry))


def _lines(entry: dict[str, Any]) -> list[str]:
    place = _PLACES[entry["offsets"]].format(entry["offset"])
    lines = [f"{entry['snapshot']}: {entry['file']} at {place} (doc_id {entry['doc_id']})"]
    if entry["became"] == "reject":
        return [*lines, f"  rejected: {entry['reason']} (HTTP status {entry['status']}, {entry['mime']})"]
    facts = [f"published {entry['published']}"] if entry["published"] else []
    facts += [name for name in ("truncated", "noindex", "noai") if entry[name]]
    lines.append(f"  document: {entry['title']!r}, {entry['html_bytes']:,} bytes as {entry['charset']}, by "
                 f"{entry['extractor']}" + "".join(f", {fact}" for fact in facts))  # fmt: skip
    lines.append("  kept: in corpus shard " + entry["shard"] if entry["kept"] else _removal(entry["removed_by"]))
    if "cluster" in entry:
        cluster = entry["cluster"]
        lines.append(f"  duplicate cluster {cluster['id']} of {cluster['size']}: {', '.join(cluster['others'])}")
    for family, values in entry["signals"].items():
        lines.append(f"  {family}:")
        lines += [
            f"    {name:<36} {_short(value)}"
            for name, value in values.items()
            if value is False or value not in (0, [])
        ]
    return [*lines, "  signals that are 0 are left out; what each means: docs/signals.md"]


def _removal(by: dict[str, Any]) -> str:
    measured = f", value {by['value']:g}, threshold {by['threshold']:g}" if "value" in by else ""
    return f"  removed: {by['reason']}{measured}" + (
        f", a duplicate of {by['duplicate_of']}" if "duplicate_of" in by else ""
    )


def _short(value: object) -> str:
    """Null is no figure: the signal has no meaning for this text."""
    if isinstance(value, list):
        return ", ".join(" ".join(map(_short, v.values())) if isinstance(v, dict) else str(v) for v in value)
    return "not measurable" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)
