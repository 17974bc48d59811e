"""gristmill explain URL: what became of a page, and why."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from gristmill.explain import FACTS, explain, nearest_urls
from gristmill.lake import Lake
from gristmill.printable import printable
from gristmill.profile import load_profile

_PLACES = {"file": "byte {:,}", "stream": "byte {:,} of the inflated stream", "row": "row {:,}"}
_COPIES = {
    "exact_duplicate": "its text is that of {of}, which stayed",
    "near_duplicate": "its text is nearly that of {of}, which stayed: similarity {value:.4g}, removed from "
                      "{threshold:.4g} on",
    "url_duplicate": "it has the address of {of}, which stayed",
}  # fmt: skip
_VERBS = {"forbid": "forbids", "require": "does not accept"}
HELP = "show what became of a page: kept, or removed by which rule and why, and what each stage made of it"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The URL, and how much to show."""
    parser.add_argument("url", help="the page's URL as it was crawled")
    parser.add_argument("--signals", action="store_true", help="also where it is stored, and all that was measured")
    parser.add_argument("--json", action="store_true", help="print all of it as JSON")
    parser.add_argument("--profile", help="profile name or file (default: $GRISTMILL_PROFILE, else demo)")


def run(args: argparse.Namespace) -> int:
    """Print every record of the URL; 1 when no released snapshot has it."""
    lake = Lake.open(load_profile(args.profile))
    found = explain(lake, args.url)
    if args.json:
        print(json.dumps(found, indent=1, default=str))
    elif found:
        print("\n\n".join(render(entry, args.signals) for entry in found))
        if not args.signals:
            print("\nWhat was measured, and where it is stored: --signals. Its duplicates: gristmill duplicates URL")
    if not found:
        near = "\n".join(f"  {printable(url)}" for url in nearest_urls(lake, args.url))
        print(f"no released snapshot has {args.url}" + (f"; near it are\n{near}" if near else ""), file=sys.stderr)
        return 1
    return 0


def render(entry: dict[str, Any], signals: bool = False) -> str:
    """One record as text; what comes from the crawl cannot steer a terminal."""
    lines = [f"{entry['snapshot']} ({entry['date']}): {_answer(entry)}"]
    lines += [f"  {stage:<12} {said}" for stage, said in _stages(entry)]
    return "\n".join(printable(line) for line in [*lines, *(_details(entry) if signals else ())])


def _answer(entry: dict[str, Any]) -> str:
    """Kept, or removed by what."""
    if entry["became"] == "reject":
        return f"no document: {entry['reason']} (HTTP status {entry['status']}, {entry['mime']})"
    return "kept" if entry["kept"] else f"removed {_removal(entry)}"


def _removal(entry: dict[str, Any]) -> str:
    """Why, with the rule's signal against its threshold."""
    by = entry["removed_by"]
    reason, value, threshold = (by.get(key) for key in ("reason", "value", "threshold"))
    if reason == "too_short_after_edits":
        return f"as {reason}: too little text was left after the edits"
    if reason in _COPIES and "duplicate_of" in by:
        return f"as {reason}: {_COPIES[reason].format(of=by['duplicate_of'], value=value, threshold=threshold)}"
    why = f" ({by['why']})" if by.get("why") else ""
    if by.get("test") in ("forbid", "require"):
        held = _short(_measured(entry, by["signal"])) or "nothing"
        return f"by {reason}: {by['signal']} is {held}, which the rule {_VERBS[by['test']]}{why}"
    if value is None or threshold is None or value != value:
        return f"by {reason}{why}"
    # What is stored is rounded: a value can lie on the bound that it passed.
    side = "above" if value > threshold else "below" if value < threshold else "just past"
    return f"by {reason}: {by.get('signal', 'its value')} is {value:.4g}, {side} the bound of {threshold:.4g}{why}"


def _measured(entry: dict[str, Any], signal: str) -> object:
    """The value of a signal or of a fact of the page."""
    known = {key: entry[key] for key in FACTS}
    for values in entry["signals"].values():
        known |= values
    return known.get(signal)


def _stages(entry: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """(stage, what it made of the page) as far as the page came."""
    record = f"the record at {_PLACES[entry['offsets']].format(entry['offset'])} of {PurePosixPath(entry['file']).name}"
    if entry["became"] == "reject":
        yield "extract", f"{record}: no document"
        return
    marks = "".join(f", {name}" for name in ("truncated", "noindex", "noai") if entry[name])
    yield "extract", f"{record}: {entry['title']!r}, {entry['html_bytes']:,} bytes of HTML{marks}"
    spoken, text = (entry["signals"].get(name, {}) for name in ("language", "heuristics"))
    said = [f"{spoken['language']} (score {_short(spoken['score'])})"] if spoken.get("language") else ["no language"]
    yield "annotate", ", ".join([*said, *([f"{text['words']:,} words"] if text.get("words") is not None else [])])
    alike = entry["cluster"]["size"] - 1 if "cluster" in entry else 0
    yield "deduplicate", f"like {alike} other page{'s' * (alike != 1)}" if alike else "like no other page"
    emptied = not entry["kept"] and entry["removed_by"]["reason"] == "too_short_after_edits"
    yield "decide", "kept" if entry["kept"] or emptied else f"removed as {entry['removed_by']['reason']}"
    if entry["kept"]:
        yield "curate", f"in shard {entry['shard'].partition(' ')[0]} of the corpus"
    elif emptied:
        yield "curate", "removed: too little text was left"


def _details(entry: dict[str, Any]) -> Iterator[str]:
    """Where it is stored, and every signal that is not 0."""
    yield f"  record: {entry['file']} at {_PLACES[entry['offsets']].format(entry['offset'])} (doc_id {entry['doc_id']})"
    if entry["became"] == "reject":
        return
    published = f", published {entry['published']}" if entry["published"] else ""
    yield f"  document: charset {entry['charset']}, extracted by {entry['extractor']}{published}"
    if entry["kept"]:
        yield f"  corpus shard: {entry['shard']}"
    if "cluster" in entry:
        cluster = entry["cluster"]
        yield f"  duplicate cluster {cluster['id']} of {cluster['size']}: {', '.join(cluster['others'])}"
    for family, values in entry["signals"].items():
        yield f"  {family}:"
        for name, value in values.items():
            if value is False or value not in (0, []):
                yield f"    {name:<36} {_short(value)}"
    yield "  signals that are 0 are left out; what each means: docs/signals.md"


def _short(value: object) -> str:
    """Null is no figure: the signal has no meaning for this text."""
    if isinstance(value, list):
        return ", ".join(" ".join(map(_short, v.values())) if isinstance(v, dict) else str(v) for v in value)
    return "not measurable" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)
