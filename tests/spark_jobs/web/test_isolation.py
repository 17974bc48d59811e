"""Parsers that hang, die, eat memory or raise cost their page, and leave no process behind."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import date
from multiprocessing import active_children
from pathlib import Path

import pytest

from gristmill.profile import PROJECT
from spark_jobs.web import isolation
from spark_jobs.web.facts import Wishes
from spark_jobs.web.isolation import FAILED, KILLED, TIMEOUT, IsolatedParser, Limits
from spark_jobs.web.page import Page, Source

LIMITS = Limits(seconds=0.2, memory=64 << 20)


def spin() -> Page:
    while True:
        pass


def hang() -> Page:
    # Blocked, so that no time limit of the interpreter's would be looked at.
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    os.read(os.pipe()[0], 1)
    raise AssertionError


def crash() -> Page:
    # As a bad pointer does, without a report by the test runner.
    signal.signal(signal.SIGSEGV, signal.SIG_DFL)
    signal.raise_signal(signal.SIGSEGV)
    raise AssertionError


def devour() -> Page:
    return Page(text=str(len(bytearray(1 << 30))))


def fail() -> Page:
    raise IndexError("a bug")


def leave() -> Page:
    os._exit(0)


BAD: dict[bytes, tuple[Callable[[], Page], str]] = {
    b"spin": (spin, TIMEOUT), b"crash": (crash, KILLED), b"devour": (devour, KILLED),
    b"fail": (fail, FAILED), b"leave": (leave, KILLED),
}  # fmt: skip


def parse(source: Source) -> Page:
    if source.body == b"hang":
        return hang()
    if source.body in BAD:
        return BAD[source.body][0]()
    return Page("utf-8", source.body.decode() + str(os.getpid()))


def echo(source: Source) -> Page:
    return Page(
        source.content_type, source.body.decode(), "Title\n\u2028é", date(2026, 1, 2), Wishes(True, False), None
    )


def children() -> set[str]:
    """Process numbers of this process's children, dead ones that nobody waited for too. Other tests may have some."""
    return set(Path(f"/proc/self/task/{threading.get_native_id()}/children").read_text().split())


@pytest.fixture(autouse=True)
def no_child_is_left() -> Iterator[None]:
    before = children()
    yield
    assert not active_children()
    assert children() <= before


def test_pages_come_back_whole_and_in_order() -> None:
    batch = [Source(f"{n} äñ\n\x01 日本".encode() * n, f"type {n}") for n in (0, 1, 5, 50_000)]
    with IsolatedParser(echo, LIMITS) as parser:
        for _ in range(2):
            parser.submit(batch)
            assert parser.collect() == [echo(source) for source in batch]
        assert parser.collect() == []


@pytest.mark.parametrize("name", BAD)
def test_one_bad_page_costs_itself_alone(name: bytes) -> None:
    with IsolatedParser(parse, LIMITS) as parser:
        parser.submit([Source(body, "") for body in (b"a", name, b"b", name, b"c", name)])
        pages = parser.collect()
        parser.submit([Source(b"d", "")])
        last = parser.collect()
    assert [page.text[:1] for page in pages] == ["a", "", "b", "", "c", ""]
    assert [page.problem for page in pages] == [None, BAD[name][1]] * 3
    assert last[0].text.startswith("d")


def test_a_page_that_sleeps_is_hung(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolation, "WALL_FACTOR", 2)
    with IsolatedParser(parse, LIMITS) as parser:
        parser.submit([Source(b"hang", "")])
        assert [page.problem for page in parser.collect()] == [TIMEOUT]


def test_one_process_serves_all_batches() -> None:
    with IsolatedParser(parse, LIMITS) as parser:
        pids = set()
        for _ in range(3):
            parser.submit([Source(b"x", ""), Source(b"x", "")])
            pids |= {page.text for page in parser.collect()}
    assert len(pids) == 1
    assert pids != {f"x{os.getpid()}"}


def test_a_process_that_dies_between_batches_is_replaced() -> None:
    with IsolatedParser(parse, LIMITS) as parser:
        parser.submit([Source(b"x", "")])
        os.kill(int(parser.collect()[0].text[1:]), signal.SIGKILL)
        parser.submit([Source(b"y", ""), Source(b"z", "")])
        pages = parser.collect()
    assert [page.problem for page in pages] == [KILLED, None]


ORPHAN = """
import os
from spark_jobs.web.isolation import IsolatedParser, Limits

def parse(source):
    print(os.getpid(), flush=True)
    while True:
        pass

parser = IsolatedParser(parse, Limits(seconds=1000, memory=1 << 30))
parser.submit([None])
parser.collect()
"""


@pytest.mark.fault
def test_a_process_in_the_middle_of_a_page_dies_with_its_parent() -> None:
    command = [sys.executable, "-c", ORPHAN]
    with subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = os.pidfd_open(int(parent.stdout.readline()))
        parent.kill()
        parent.wait()
        # Readable once the process has ended.
        assert select.select([child], [], [], 30)[0]
        os.close(child)
