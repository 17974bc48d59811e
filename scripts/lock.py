"""Resolve the dependencies of pyproject.toml into requirements.lock: `make lock`.

Versions that the lock has already stay; `--upgrade` takes the newest that pyproject.toml allows.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements.lock"
HEADER = """\
# Every package that Gristmill installs, tests, checks and pip itself included; `make env` installs it, torch first.
# Made by `make lock` from the direct dependencies in pyproject.toml; `make lock UPGRADE=1` takes newer versions.
# The CUDA packages of torch's GPU build are not listed: that build pins them itself.
"""
CUDA = re.compile(r"nvidia-|cuda-|triton")


def main() -> None:
    """Write the lock, or say why the dependencies do not fit together."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--upgrade", action="store_true", help="do not keep the versions of the present lock")
    parser.add_argument("--constraint", type=Path, help="versions to keep instead of the present lock's")
    args = parser.parse_args()
    keep = args.constraint or (LOCK if LOCK.is_file() and not args.upgrade else None)
    pins = dict(pin(item["metadata"]) for item in resolve(keep))
    lines = [f"{name}=={version}" for name, version in sorted(pins.items()) if not CUDA.match(name)]
    LOCK.write_text(HEADER + "\n".join(lines) + "\n", encoding="utf-8")
    print(f"{LOCK.name}: {len(lines)} packages")


def resolve(keep: Path | None) -> list[dict[str, Any]]:
    """What pip would install for the project with its tests, as its report lists it."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed", "--report", str(report)]
        command += ["--constraint", str(keep)] if keep else []
        done = subprocess.run([*command, f"{ROOT}[dev]", "pip"], stdout=subprocess.PIPE, text=True, check=False)
        if done.returncode:
            print(done.stdout[-2000:])
            sys.exit(f"{LOCK.name} is unchanged. If a version in it is in the way, delete that line and try again.")
        installs: list[dict[str, Any]] = json.loads(report.read_text(encoding="utf-8"))["install"]
    return [item for item in installs if "dir_info" not in item["download_info"]]


def pin(metadata: dict[str, str]) -> tuple[str, str]:
    """(normalised name, version without a local label such as +cpu, which only some indexes have)."""
    return re.sub(r"[-_.]+", "-", metadata["name"]).lower(), metadata["version"].partition("+")[0]


if __name__ == "__main__":
    main()
