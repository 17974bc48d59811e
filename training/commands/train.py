"""gristmill train batch and gristmill train parity: what a step read, and whether all layouts train alike."""

from __future__ import annotations

import argparse
import json
from typing import Any

from gristmill.lake import Lake
from gristmill.printable import printable
from gristmill.profile import load_profile
from training import parity

HELP = "look into training: the documents of a step's batch, the agreement of all layouts"
_PLACES = {"file": "byte {:,}", "stream": "byte {:,} of the inflated stream", "row": "row {:,}"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """One action each."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    batch = actions.add_parser("batch", help="list the documents that a step trained on", allow_abbrev=False)
    batch.add_argument("--run", dest="training_run", required=True, help="id of the training run")
    batch.add_argument("--step", type=int, required=True, help="optimizer step, from 1, as in metrics.jsonl")
    batch.add_argument("--json", action="store_true", help="print the same as JSON")
    batch.add_argument("--profile", help="profile name or file (default: $GRISTMILL_PROFILE, else demo)")
    batch.set_defaults(act=_batch)
    said = "train one small model in every way and show that they agree"
    every = actions.add_parser("parity", help=said, description=said, allow_abbrev=False)
    parity.add_arguments(every)
    every.set_defaults(act=parity.main)


def run(args: argparse.Namespace) -> int:
    """Do the action."""
    return int(args.act(args))


def _batch(args: argparse.Namespace) -> int:
    # Here, for it compiles kernels, which `gristmill --help` need not wait for.
    from training.trace import traced

    profile = load_profile(args.profile)
    found = traced(Lake.open(profile), profile, args.training_run, args.step)
    print(json.dumps(found, indent=1) if args.json else render(args.step, found))
    return 0


def render(step: int, spans: list[dict[str, Any]]) -> str:
    """A line for each span of a document; what comes from the crawl cannot steer a terminal."""
    sequences, tokens = len({span["sequence"] for span in spans}), sum(span["tokens"] for span in spans)
    lines = [f"step {step}: {sequences:,} sequences, {len(spans):,} spans of documents, {tokens:,} tokens"]
    for span in spans:
        part = f"tokens {span['start']:,} to {span['start'] + span['tokens'] - 1:,}"
        lines.append(f"  {span['sequence']:>5}  {span['objective']}  {_where(span)}  {part}")
    return "\n".join(printable(line) for line in lines)


def _where(span: dict[str, Any]) -> str:
    if span["file"] is None:
        return f"{span['url'] or 'no URL known'}  {span['snapshot']}: doc_id {span['doc_id']}"
    place = _PLACES[span["offsets"]].format(span["offset"])
    return f"{span['url'] or 'no URL known'}  {span['snapshot']}: {span['file']} at {place} (doc_id {span['doc_id']})"
