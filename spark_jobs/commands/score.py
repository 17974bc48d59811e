"""gristmill score: train the model of a score from a recipe, list the models, show the card of one."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from gristmill.errors import UserError
from gristmill.lake import Lake
from gristmill.printable import printable
from gristmill.profile import load_profile, profile_option
from spark_jobs.annotate_config import score_models
from spark_jobs.commands.score_text import shown
from spark_jobs.scoring.model import named, read_card
from spark_jobs.scoring.recipe import load_recipe
from spark_jobs.scoring.training import train

HELP = "train the models of quality scores, list them, show what is known of one"
EPILOG = """\
examples:
  gristmill score train prose.yaml                 train a model, print its digest and card
  gristmill score show                             the models of this lake, and which of them the profile runs
  gristmill score show prose                       the card of the profile's model of that name, or of the only one
  gristmill score show 3f2a                        that of a model by the first digits of its digest

A trained model scores nothing before a profile names it: stages.annotate.scores.NAME. docs/scores.md says how.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Sub-commands train and show."""
    parser.epilog, parser.formatter_class = EPILOG, argparse.RawDescriptionHelpFormatter
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    training = actions.add_parser("train", help="train a model from a recipe, and test it on labels it never saw")
    training.add_argument("recipe", type=Path, metavar="RECIPE", help="a .yaml file; docs/scores.md has its keys")
    training.set_defaults(act=_train)
    showing = actions.add_parser("show", help="list the models, or print the card of one")
    showing.add_argument("model", nargs="?", metavar="MODEL", help="name, or first digits of the digest")
    showing.set_defaults(act=_show)
    for action in (training, showing):
        action.add_argument("--json", action="store_true", help="print the card as JSON")
        action.add_argument("--profile", help="profile name or file (default: $GRISTMILL_PROFILE, else demo)")


def run(args: argparse.Namespace) -> int:
    """Carry the sub-command out; raises UserError."""
    code: int = args.act(args)
    return code


def _train(args: argparse.Namespace) -> int:
    profile = load_profile(args.profile)
    lake, recipe = Lake.open(profile), load_recipe(args.recipe)
    digest, _ = train(lake, recipe)
    _print(digest, read_card(lake, digest), args.json)
    if not args.json:
        print(f"to run it, put this into {profile.source}, and run `annotate` again:")
        print(f"stages: {{annotate: {{scores: {{{recipe.name}: {digest}}}}}}}")
        print(f"later: gristmill score show {recipe.name}{profile_option(profile)}")
    return 0


def _show(args: argparse.Namespace) -> int:
    profile = load_profile(args.profile)
    lake = Lake.open(profile)
    models, running = named(lake), score_models(profile)
    if args.model is not None:
        digest = _chosen(args.model, models, running)
        _print(digest, read_card(lake, digest), args.json)
        return 0
    cards = [(digest, read_card(lake, digest)) for _, digest in models]
    if args.json:
        print(json.dumps({digest: card for digest, card in cards}, indent=1, sort_keys=True))
        return 0
    for digest, card in cards:
        mark = "runs  " if running.get(card["name"]) == digest else "      "
        line = f"{mark} {card['name']:<16} {card['kind']:<11} {card['status']:<12} {digest[:12]}  {card['about']}"
        print(printable(line.rstrip()))
    if not cards:
        print("no model is trained in this lake; `gristmill score train RECIPE` does it")
    return 0


def _chosen(wanted: str, models: list[tuple[str, str]], running: dict[str, str]) -> str:
    """The digest that a user means; raises UserError."""
    if wanted in running:
        return running[wanted]
    found = [digest for name, digest in models if name == wanted or digest.startswith(wanted)]
    if not found:
        names = ", ".join(sorted({name for name, _ in models})) or "none"
        raise UserError(f"no score model '{wanted}' in this lake; there are: {names}")
    if len(found) > 1:
        raise UserError(f"'{wanted}' means several models: {', '.join(d[:12] for d in found)}; give digits of one")
    return found[0]


def _print(digest: str, card: dict[str, Any], as_json: bool) -> None:
    print(json.dumps({"digest": digest, **card}, indent=1, sort_keys=True) if as_json else shown(digest, card))
