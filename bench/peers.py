"""The peers' own environments, made on first use below work/bench/ from pinned requirements.

Usage:

    python -m bench.peers datatrove
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

from gristmill.errors import UserError
from gristmill.process import run_main, say
from gristmill.profile import PROJECT

STAMP = "requirements.txt"


class PeerError(UserError):
    """A peer's environment that cannot be made."""


def environment(peer: str) -> Path:
    """The Python of a peer's environment; raises PeerError. Made again when bench/<peer>.txt has changed."""
    wanted, home = PROJECT / "bench" / f"{peer}.txt", PROJECT / "work" / "bench" / peer
    python, stamp = home / "bin" / "python", home / STAMP
    if not wanted.is_file():
        raise PeerError(f"there is no peer '{peer}': bench/{peer}.txt does not exist")
    if python.exists() and stamp.is_file() and stamp.read_bytes() == wanted.read_bytes():
        return python
    say(f"making the environment of {peer} in {home}")
    try:
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(home)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", "-r", str(wanted)], check=True)
    except subprocess.CalledProcessError:
        raise PeerError(f"{peer} could not be installed; pip's message above says why. Then try again") from None
    shutil.copyfile(wanted, stamp)
    return python


def main(argv: list[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("peer", help="name of a requirements file in bench/, such as datatrove")
    say(str(environment(parser.parse_args(argv).peer)))


if __name__ == "__main__":
    run_main(main)
