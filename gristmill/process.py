"""How every stage is started: one set of arguments, one result file, one meaning per exit code."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from gristmill import ledger
from gristmill.datasets import command_of
from gristmill.errors import EXIT_GATE_BLOCKED, EXIT_USER_ERROR, UserError
from gristmill.lake import Lake, LakeError
from gristmill.scores import ALL


class GateBlocked(Exception):
    """A gate's verdict is block or error; the message has a sentence per failing check."""


def stage_parser(description: str, scope: str = "--snapshot") -> argparse.ArgumentParser:
    """The arguments that all stages share; `scope` is `--snapshot` or `--run`."""
    parser = argparse.ArgumentParser(description=description, allow_abbrev=False)
    parser.add_argument("--profile", help="profile name or file (default: $GRISTMILL_PROFILE, else demo)")
    parser.add_argument(scope, required=scope == "--snapshot", help="what to work on")
    parser.add_argument(
        "--input", action="append", default=[], metavar="NAME=DIGEST", type=_input,
        help="digest of an input dataset; repeatable. Default: the newest successful attempt in the ledger",
    )  # fmt: skip
    parser.add_argument("--run-id", default="manual", help="id of the run that starts this stage, for the ledger")
    parser.add_argument("--result", type=Path, help="write the output digests to this JSON file")
    return parser


def resolve_inputs(lake: Lake, scope: str, given: list[tuple[str, str]], names: tuple[str, ...]) -> dict[str, str]:
    """Digest of each input in `names`: as given, else the newest successful output in the ledger.

    The name `score:*` is that of all score families, of which there may be none; who gives `language` has given the
    scores that were measured with it. Raises LakeError when neither has it.
    """
    digests = dict(given)
    if ALL in names and "language" not in digests:
        digests |= ledger.newest_scores(lake, scope)
    for name in names:
        if name not in digests and name != ALL:
            found = ledger.newest_output(lake, scope, name)
            if found is None:
                job = command_of(name, scope)
                raise LakeError(f"no '{name}' for {scope} yet; run {job} first or give --input {name}=DIGEST")
            say(f"input {name}: {found[:12]} from the newest attempt in the ledger")
            digests[name] = found
    return digests


def write_result(path: Path | None, outputs: Mapping[str, str], summary: Mapping[str, Any]) -> None:
    """Hand the output digests to whoever started the stage; whole or not at all."""
    for name, digest in outputs.items():
        say(f"output {name}: {digest}")
    if path is not None:
        temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
        temporary.write_text(json.dumps({"outputs": dict(outputs), "summary": dict(summary)}), encoding="utf-8")
        temporary.replace(path)


def run_main(main: Callable[[], None]) -> None:
    """Run a stage's main and exit: 0, 2 for a user's error (one sentence), 3 for a blocked gate."""
    try:
        main()
    except GateBlocked as error:
        print(error, file=sys.stderr, flush=True)
        sys.exit(EXIT_GATE_BLOCKED)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr, flush=True)
        sys.exit(EXIT_USER_ERROR)


def say(message: str) -> None:
    """One line of progress, at once."""
    print(message, flush=True)


def _input(text: str) -> tuple[str, str]:
    name, _, digest = text.partition("=")
    if not name or not digest:
        raise argparse.ArgumentTypeError(f"'{text}' is not NAME=DIGEST")
    return name, digest
