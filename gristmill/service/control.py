"""Start, find and stop the private Airflow of a profile."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from gristmill.errors import UserError
from gristmill.service.client import Client
from gristmill.service.home import USER, Home
from gristmill.service.processes import Process, carries, end_all, process, processes

DAGS = ("crawl_snapshot", "corpus_ready", "pretrain")
START_SECONDS = 180.0
STOP_SECONDS = 30.0


class StartFailed(UserError):
    """The private Airflow did not come up; the message has the end of the log that says why."""


@dataclass(frozen=True)
class Service:
    """A started Airflow: its supervisor by pid, start time and boot, its address, and the mark of its processes."""

    pid: int
    started: int
    boot: str
    token: str
    url: str

    @property
    def alive(self) -> bool:
        found = process(self.pid)
        return found is not None and not found.dead and found.started == self.started and self.boot == _boot()

    def client(self, home: Home) -> Client:
        return Client(self.url, USER, home.password)


def running(home: Home) -> Service | None:
    """The service of this home, if it is alive."""
    service = _recorded(home)
    return service if service is not None and service.alive else None


def start(home: Home, port: int | None = None) -> Service:
    """Start Airflow and wait until it is healthy, has its pools and knows its DAGs; the running one if there is one.

    Raises StartFailed, after ending what was started.
    """
    home.folder.mkdir(parents=True, exist_ok=True)
    with _locked(home):
        if (service := running(home)) is not None:
            return service
        _end_survivors(home)
        with _free_port() as free:
            chosen = port or free
            home.prepare(chosen)
            service = _spawn(home, chosen)
            try:
                _wait_until_ready(home, service)
            except BaseException:
                _stop(home)
                raise
    return service


def stop(home: Home) -> bool:
    """Stop the service and make sure that nothing of it is left; False when nothing was."""
    if not home.folder.is_dir():
        return False
    with _locked(home):
        return _stop(home)


def _stop(home: Home) -> bool:
    service = running(home)
    if service is not None:
        os.kill(service.pid, signal.SIGINT)
        deadline = time.monotonic() + STOP_SECONDS
        while service.alive and time.monotonic() < deadline:
            time.sleep(0.05)
    ended = _end_survivors(home)
    home.service.unlink(missing_ok=True)
    return service is not None or ended > 0


def _end_survivors(home: Home) -> int:
    """End processes of an earlier start whose supervisor could not: it was killed, or hangs."""
    service = _recorded(home)
    if service is None or service.boot != _boot():
        return 0
    return end_all(lambda: _members(service, home), grace_seconds=3.0)


def _members(service: Service, home: Home) -> list[Process]:
    """Living processes of one start: by the mark in their environment; a process that overwrote it with its title
    is known by its working folder, which is our private home."""
    own = os.getpid()
    return [
        p
        for p in processes()
        if p.pid != own and not p.dead and p.started >= service.started
        and (carries(p.pid, "GRISTMILL_SERVICE", service.token) or _works_in(p.pid, home.folder))
    ]  # fmt: skip


def _works_in(pid: int, folder: Path) -> bool:
    try:
        return Path(os.readlink(f"/proc/{pid}/cwd")) == folder.resolve() and b"airflow" in _title(pid)
    except OSError:
        return False


def _title(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


def _spawn(home: Home, port: int) -> Service:
    token = secrets.token_hex(16)
    log = home.component_log("supervisor")
    with log.open("a", encoding="utf-8") as file:
        child = subprocess.Popen(
            [sys.executable, "-m", "gristmill.service.supervisor", str(home.profile.source)],
            env=home.environment(token), cwd=home.folder, stdin=subprocess.DEVNULL, stdout=file,
            stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
    found = process(child.pid)
    assert found is not None
    service = Service(child.pid, found.started, _boot(), token, f"http://127.0.0.1:{port}")
    temporary = home.service.with_suffix(".tmp")
    temporary.write_text(json.dumps(asdict(service)), encoding="utf-8")
    temporary.replace(home.service)
    return service


def _wait_until_ready(home: Home, service: Service) -> None:
    client = service.client(home)
    deadline = time.monotonic() + START_SECONDS
    while not client.healthy():
        if not service.alive or time.monotonic() > deadline:
            raise StartFailed(f"Airflow did not start; logs are in {home.logs}/components\n{_last_lines(home)}")
        time.sleep(0.3)
    client.set_pool("spark", 1, "Spark stages: one at a time")
    client.set_pool("training", 1, "Training and evaluation: one at a time")
    while absent := [dag for dag in DAGS if client.dag(dag) is None]:
        if not service.alive or time.monotonic() > deadline:
            raise StartFailed(f"Airflow does not know the DAGs {', '.join(absent)}\n{_import_errors(client)}")
        time.sleep(0.3)


def _import_errors(client: Client) -> str:
    errors = client.call("GET", "/importErrors")["import_errors"]
    return "\n".join(f"{e['filename']}: {e['stack_trace']}" for e in errors)


def _last_lines(home: Home, count: int = 15) -> str:
    """The end of the component log that was written last."""
    logs = sorted(home.component_log("").parent.glob("*.log"), key=lambda p: p.stat().st_mtime)
    if not logs:
        return ""
    lines = logs[-1].read_text(encoding="utf-8", errors="replace").splitlines()[-count:]
    return "\n".join([f"{logs[-1].name}:", *lines])


def _recorded(home: Home) -> Service | None:
    try:
        return Service(**json.loads(home.service.read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError, TypeError):
        return None


@contextmanager
def _locked(home: Home) -> Iterator[None]:
    """One start or stop at a time."""
    with home.lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8").strip()


@contextmanager
def _free_port() -> Iterator[int]:
    """A port that is free now: 8080 when nobody has it, so that the address is easy to remember.

    While this lasts, no other start on this machine takes 8080, though its server does not listen yet.
    """
    with socket.socket(socket.AF_UNIX) as claim:
        try:
            claim.bind(b"\0gristmill-port-8080")  # a name in the kernel, gone with its process
            wanted: tuple[int, ...] = (8080, 0)
        except OSError:
            wanted = (0,)
        yield _first_free(wanted)


def _first_free(ports: Sequence[int]) -> int:
    for port in ports:
        with socket.socket() as probe:
            # A port that an ended server has just left counts as free, as it does for the next server.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise StartFailed("no free port on 127.0.0.1")
