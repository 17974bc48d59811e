"""`gristmill up` and `gristmill down`: one service, also after a crash, and no process left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from gristmill.profile import load_profile
from gristmill.service import control
from gristmill.service.home import Home
from gristmill.service.processes import Process, processes
from tests.e2e.conftest import write_profile

pytestmark = [pytest.mark.airflow, pytest.mark.fault]


def gristmill(profile: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "gristmill.cli", *arguments, "--profile", str(profile)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def members(home: Home) -> list[Process]:
    """Living processes that work in the service's own folder."""
    found = []
    for each in processes():
        try:
            folder = os.readlink(f"/proc/{each.pid}/cwd")
        except OSError:
            continue
        if folder == str(home.folder) and not each.dead:
            found.append(each)
    return found


def test_a_service_recovers_from_a_killed_supervisor_and_leaves_nothing_when_stopped(tmp_path: Path) -> None:
    profile = write_profile(tmp_path)
    home = Home(load_profile(str(profile)))
    try:
        said = gristmill(profile, "up")
        service = control.running(home)
        assert service is not None
        assert service.url in said
        assert "runs already" in gristmill(profile, "up")
        first = members(home)
        assert len(first) >= 4

        os.kill(service.pid, signal.SIGKILL)
        gristmill(profile, "up")
        again = control.running(home)
        assert again is not None
        assert again.pid != service.pid
        assert [each for each in first if each in members(home)] == []
        assert not _listens_off_loopback(members(home))
    finally:
        stopped = gristmill(profile, "down")
    assert "Airflow is stopped" in stopped
    assert members(home) == []
    assert "no Airflow of this profile was running" in gristmill(profile, "down")


def _listens_off_loopback(found: list[Process]) -> list[str]:
    """Listening TCP sockets of these processes that are not bound to 127.0.0.1 or ::1."""
    links = [link for each in found for link in Path(f"/proc/{each.pid}/fd").iterdir() if link.is_symlink()]
    sockets = {os.readlink(link) for link in links}
    bad = []
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text(encoding="utf-8").splitlines()[1:]:
            fields = line.split()
            loopback = {"0100007F", "00000000000000000000000001000000", "0000000000000000FFFF00000100007F"}
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in sockets and fields[1].split(":")[0] not in loopback:
                bad.append(fields[1])
    return bad
