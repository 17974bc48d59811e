"""The `gristmill` command. Its sub-commands are found through the entry points `gristmill.commands`."""

from __future__ import annotations

import argparse
import sys
from importlib.metadata import EntryPoint, entry_points
from typing import Protocol

from gristmill import __version__
from gristmill.errors import UserError

EPILOG = """\
a first run:
  make demo                                        both embedded snapshots, a model and its evaluation
  gristmill status                                 what is released, what was trained
  gristmill explain URL                            what became of one page, and why
  gristmill duplicates URL                         its duplicates, and how their texts differ
your own crawl:
  gristmill snapshot add my-crawl --date 2026-03-01 --glob '/data/my-crawl/*.warc.gz'
  gristmill up                                     a private Airflow; prints its address
  gristmill backfill --from 2026-03-01 --to 2026-03-01
"""


class Command(Protocol):
    """What an entry point of `gristmill.commands` gives."""

    HELP: str

    def add_arguments(self, parser: argparse.ArgumentParser) -> None: ...
    def run(self, args: argparse.Namespace) -> int: ...


def main(argv: list[str] | None = None) -> int:
    """Run one sub-command; 2 for a user's error (one sentence), 130 for Ctrl-C."""
    parser = argparse.ArgumentParser(
        prog="gristmill", allow_abbrev=False, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Web-crawl snapshots in; a judged corpus and a trained, evaluated language model out.",
    )  # fmt: skip
    parser.add_argument("--version", action="version", version=f"gristmill {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for entry in sorted(entry_points(group="gristmill.commands"), key=lambda e: e.name):
        _register(commands, entry)
    args = parser.parse_args(argv)
    try:
        return int(args.run(args))
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        sys.stderr.close()
        return 0
    except KeyboardInterrupt:
        return 130


def _register(commands: argparse._SubParsersAction[argparse.ArgumentParser], entry: EntryPoint) -> None:
    """Add one sub-command; one that cannot be imported says so when it is used and hides no other."""
    try:
        command: Command = entry.load()
    except ImportError as error:
        reason = f"'{entry.name}' cannot be loaded: {error}; run `make env`"
        parser = commands.add_parser(entry.name, help=f"(not available: {error})")
        parser.set_defaults(run=lambda args: _unavailable(reason))
        return
    parser = commands.add_parser(entry.name, help=command.HELP, description=command.HELP, allow_abbrev=False)
    command.add_arguments(parser)
    parser.set_defaults(run=command.run)


def _unavailable(reason: str) -> int:
    raise UserError(reason)


if __name__ == "__main__":
    sys.exit(main())
