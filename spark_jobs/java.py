"""Find a Java that can run Spark: `python -m spark_jobs.java` prints its home or says how to install one."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from gristmill.errors import UserError

MINIMUM = 17
INSTALL = "sudo apt-get install openjdk-17-jre-headless"
VECTOR_MODULE = "jdk.incubator.vector"
"""Spark's launcher adds this module; a Java without it does not start."""

JVM_FOLDER = Path("/usr/lib/jvm")
PROBE_SECONDS = 20


class JavaMissing(UserError):
    """No usable Java; the message has the command that installs one."""


def find_java() -> Path | None:
    """Home of the first Java that can run Spark: $JAVA_HOME, `java` on PATH, the oldest usable in /usr/lib/jvm."""
    return next((home for home in _candidates() if _usable(_properties(home))), None)


def require_java() -> Path:
    """Home of a Java that can run Spark; raises JavaMissing."""
    home = find_java()
    if home is None:
        raise JavaMissing(f"Spark needs Java {MINIMUM} or newer, and none was found. Install it with:\n  {INSTALL}")
    return home


def _candidates() -> Iterator[Path]:
    if os.environ.get("JAVA_HOME"):
        yield Path(os.environ["JAVA_HOME"])
    if program := shutil.which("java"):
        home = Path(program).resolve().parent.parent
        # A version manager puts a script on PATH that starts the real one.
        yield home if (home / "release").is_file() else Path(_asked(Path(program)).get("java.home", home))
    installed = [home for home in JVM_FOLDER.glob("*") if (home / "bin" / "java").is_file()]
    yield from sorted(installed, key=lambda home: (_version(_properties(home)), str(home)))


def _properties(home: Path) -> dict[str, str]:
    """What the `release` file says of a Java, or the program itself where there is no such file; may be empty."""
    program = home / "bin" / "java"
    if not os.access(program, os.X_OK):
        return {}
    try:
        text = (home / "release").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return _asked(program)
    return dict(re.findall(r'^(\w+)="(.*)"', text, re.MULTILINE))


def _asked(program: Path) -> dict[str, str]:
    """JAVA_VERSION and java.home as the program prints them; empty when it does not run."""
    command = [str(program), "-XshowSettings:properties", "-version"]
    try:
        done = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, timeout=PROBE_SECONDS,
            check=True, encoding="utf-8", errors="replace",
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return {}
    found = dict(re.findall(r"^\s*(java\.home|java\.version) = (.+?)\s*$", done.stdout, re.MULTILINE))
    return {**found, "JAVA_VERSION": found["java.version"]} if "java.version" in found else found


def _version(properties: dict[str, str]) -> int:
    """17 of 17.0.15, 8 of 1.8.0_392, 0 of anything else."""
    found = re.match(r"(?:1\.)?(\d+)", properties.get("JAVA_VERSION", ""))
    return int(found[1]) if found else 0


def _usable(properties: dict[str, str]) -> bool:
    modules = properties.get("MODULES", VECTOR_MODULE).split()
    return _version(properties) >= MINIMUM and VECTOR_MODULE in modules


def main() -> int:
    """0 with the home on standard output, 2 with a sentence on standard error."""
    try:
        print(require_java())
    except JavaMissing as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
