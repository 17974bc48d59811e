"""gristmill policy: list, check, try and compare policies. Reads the lake, writes nothing to it."""

from __future__ import annotations

import argparse
import csv
import json
from pathlib import Path
from typing import Any

from gristmill.catalogue import Catalogue
from gristmill.errors import UserError
from gristmill.lake import Lake
from gristmill.profile import load_profile
from gristmill.release import releases
from gristmill.settings import SettingsError
from spark_jobs.annotate_config import registry_of
from spark_jobs.commands import policy_text
from spark_jobs.policies.comparison import COLUMNS, compare
from spark_jobs.policies.inputs import edit_families, families
from spark_jobs.policies.loading import load_policy, policy_files, policy_path
from spark_jobs.policies.model import Policy
from spark_jobs.policies.registry import Registry, installed
from spark_jobs.policies.trial import trial

HELP = "list, check, try and compare policies: what they would keep and remove, without touching the corpus"
EXAMPLES = """\
examples:
  gristmill policy list                            the policies that come with Gristmill
  gristmill policy check my-policy.yaml            is it sound? which signals does it need?
  gristmill policy try my-policy.yaml              what would it do to the newest release?
  gristmill policy try c4 --snapshot embedded-A --examples 5
  gristmill policy compare gristmill fineweb       document by document, where they differ
  gristmill policy compare a.yaml b.yaml --csv differences.csv

POLICY is the name of one that comes with Gristmill (configs/policies/NAME.yaml) or the path of a .yaml file.
docs/policies.md says how to write one, docs/signals.md what its rules can be about.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The sub-commands of `gristmill policy`."""
    parser.epilog, parser.formatter_class = EXAMPLES, argparse.RawDescriptionHelpFormatter
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    actions.add_parser("list", help="the policies that come with Gristmill, one line each").set_defaults(act=_list)
    check = actions.add_parser("check", help="say whether a policy can be used, and what it needs")
    check.add_argument("policy", metavar="POLICY", help="name or path")
    check.add_argument("--profile", help="whose scores its rules may be about (default: $GRISTMILL_PROFILE, else demo)")
    check.set_defaults(act=_check)
    attempt = _over_snapshot(actions, "try", "what a policy would keep and remove by rule, with examples")
    attempt.add_argument("policy", metavar="POLICY", help="name or path")
    attempt.add_argument("--examples", type=_count, default=1, metavar="N", help="pages per rule (default: 1)")
    attempt.set_defaults(act=_try)
    versus = _over_snapshot(actions, "compare", "what two policies decide differently, document by document")
    versus.add_argument("a", metavar="A", help="name or path of a policy")
    versus.add_argument("b", metavar="B", help="name or path of another")
    versus.add_argument("--limit", type=_count, default=20, metavar="N", help="documents to list (default: 20)")
    versus.add_argument("--csv", type=Path, metavar="FILE", help="write every differing document to this file")
    versus.set_defaults(act=_compare)


def _over_snapshot(actions: Any, name: str, text: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = actions.add_parser(name, help=text, description=text, allow_abbrev=False)
    parser.add_argument("--snapshot", metavar="S", help="which snapshot (default: the newest release)")
    parser.add_argument("--json", action="store_true", help="print the same as JSON")
    parser.add_argument("--profile", help="profile name or file (default: $GRISTMILL_PROFILE, else demo)")
    return parser


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"'{text}' is no whole number from 0 on")
    return int(text)


def run(args: argparse.Namespace) -> int:
    """Run the sub-command; raises UserError."""
    code: int = args.act(args)
    return code


def _list(args: argparse.Namespace) -> int:
    registry = installed()
    for path in policy_files():
        try:
            policy = load_policy(path, registry)
            print(f"{path.stem:<12} {len(policy.rules):>3} rules  {policy.about}")
        except SettingsError:
            print(f"{path.stem:<12} cannot be used; `gristmill policy check {path.stem}` says why")
    return 0


def _check(args: argparse.Namespace) -> int:
    policy, registry = _load(args.policy, args.profile)
    needed = {*families(policy, registry), *edit_families(policy), "duplicates"}
    print(policy_text.checked(policy, sorted(needed)))
    return 0


def _try(args: argparse.Namespace) -> int:
    policy, registry = _load(args.policy, args.profile)
    lake = Lake.open(load_profile(args.profile))
    found = trial(lake, _snapshot(lake, args.snapshot), policy, registry, args.examples)
    print(json.dumps(found, indent=1) if args.json else policy_text.tried(found))
    return 0


def _compare(args: argparse.Namespace) -> int:
    (a, registry), (b, _) = _load(args.a, args.profile), _load(args.b, args.profile)
    lake = Lake.open(load_profile(args.profile))
    found = compare(lake, _snapshot(lake, args.snapshot), a, b, registry)
    # As the user called them: a policy and its older copy have one name.
    summary = {**found.summary(), "a": args.a, "b": args.b}
    listed = found.listed(lake, args.limit)
    if args.csv is not None:
        _write_csv(args.csv, found.listed(lake))
    print(json.dumps({**summary, "listed": listed}, indent=1) if args.json else policy_text.compared(summary, listed))
    return 0


def _load(name_or_path: str, profile: str | None) -> tuple[Policy, Registry]:
    registry = registry_of(load_profile(profile))
    return load_policy(policy_path(name_or_path), registry), registry


def _snapshot(lake: Lake, given: str | None) -> str:
    if given is not None:
        return Catalogue(lake).get(given).id
    released = releases(lake)
    if not released:
        raise UserError("no snapshot is released yet; give --snapshot S (`gristmill snapshot list` has their names)")
    return released[-1].snapshot


def _write_csv(path: Path, rows: list[dict[str, Any]]) -> None:
    try:
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            writer.writerows(rows)
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error}") from None
