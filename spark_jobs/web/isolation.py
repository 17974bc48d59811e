"""A process of its own for parsers: one that hangs or dies costs its page, not the task."""

from __future__ import annotations

import json
import os
import resource
import signal
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from multiprocessing.connection import Connection, Pipe

from gristmill.children import signal_at_parents_death
from spark_jobs.web.facts import Wishes
from spark_jobs.web.page import Page, Source

TIMEOUT, KILLED, FAILED = "parse_timeout", "parser_killed", "parser_failed"
WALL_FACTOR = 10
"""A parser may take so many times its processor seconds of wall clock: one that sleeps is hung, one that waits for
a busy machine is not."""


@dataclass(frozen=True)
class Limits:
    """`seconds` of processor time for one page; `memory`: bytes of address space beyond those at the start."""

    seconds: float
    memory: int


class IsolatedParser:
    """Runs `parse` in a forked process, started with the first batch and again after each death.

    The kernel counts the processor time, so that the verdict does not depend on what else the machine does.
    Use it as a context: no process is left behind, nor one orphaned when this process is killed.
    """

    def __init__(self, parse: Callable[[Source], Page], limits: Limits) -> None:
        self._parse, self._limits = parse, limits
        self._pid = 0
        self._pipe: Connection | None = None
        self._sent: Sequence[Source] = ()

    def submit(self, batch: Sequence[Source]) -> None:
        """Hand over a batch; its results must be collected before the next one."""
        self._sent = batch
        if not batch:
            return
        if self._pipe is None:
            self._start()
        assert self._pipe is not None
        # A process that died meanwhile is noticed when its answers are collected.
        with suppress(OSError):
            self._pipe.send(list(batch))

    def collect(self) -> list[Page]:
        """One page for each of the batch, in its order."""
        pages: list[Page] = []
        batch, self._sent = self._sent, ()
        while len(pages) < len(batch):
            page = self._answer()
            pages.append(page)
            if self._pipe is None:
                self.submit(batch[len(pages) :])
        self._sent = ()
        return pages

    def _answer(self) -> Page:
        """The next page; where there is none, the process is gone."""
        assert self._pipe is not None
        try:
            if self._pipe.poll(self._limits.seconds * WALL_FACTOR):
                return _decode(self._pipe.recv_bytes())
        except (EOFError, OSError, ValueError):
            status = self._stop()
            ran_out = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGPROF
            return Page(problem=TIMEOUT if ran_out else KILLED)
        self._stop()
        return Page(problem=TIMEOUT)

    def _start(self) -> None:
        ours, theirs = Pipe()
        parent = os.getpid()
        self._pid = os.fork()
        if self._pid:
            theirs.close()
            self._pipe = ours
            return
        # Only what follows runs in the child; it leaves without the parent's exit handlers and buffers.
        try:
            ours.close()
            _confine(self._limits.memory, parent)
            _serve(theirs, self._parse, self._limits.seconds)
        finally:
            os._exit(1)

    def _stop(self) -> int:
        """End the process; its wait status."""
        if self._pipe is None:
            return 0
        self._pipe.close()
        self._pipe = None
        # One that died is a zombie until it is waited for, so that its number belongs to no other process.
        os.kill(self._pid, signal.SIGKILL)
        return os.waitpid(self._pid, 0)[1]

    def __enter__(self) -> IsolatedParser:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()


def _confine(memory: int, parent: int) -> None:
    signal_at_parents_death(signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
    for number in (signal.SIGTERM, signal.SIGPROF):
        signal.signal(number, signal.SIG_DFL)
    with open("/proc/self/statm", encoding="ascii") as file:
        size = int(file.read().split()[0]) * resource.getpagesize()
    _lower(resource.RLIMIT_AS, size + memory)
    _lower(resource.RLIMIT_CORE, 0)


def _lower(kind: int, limit: int) -> None:
    hard = resource.getrlimit(kind)[1]
    limit = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
    resource.setrlimit(kind, (limit, limit))


def _serve(pipe: Connection, parse: Callable[[Source], Page], seconds: float) -> None:
    while True:
        try:
            batch: list[Source] = pipe.recv()
        except EOFError:
            return
        for source in batch:
            # At its end the kernel sends SIGPROF, which ends the process in the middle of any library.
            signal.setitimer(signal.ITIMER_PROF, seconds)
            pipe.send_bytes(_encode(_guarded(parse, source)))


def _guarded(parse: Callable[[Source], Page], source: Source) -> Page:
    try:
        return parse(source)
    except MemoryError:
        raise
    except Exception:
        return Page(problem=FAILED)


def _encode(page: Page) -> bytes:
    """A line of JSON and the text, since what comes back from a parser of hostile pages is not unpickled."""
    day = page.published.isoformat() if page.published else None
    facts = [page.charset, page.title, day, page.wishes.noindex, page.wishes.noai, page.problem]
    return json.dumps(facts).encode() + b"\n" + page.text.encode()


def _decode(data: bytes) -> Page:
    facts, _, text = data.partition(b"\n")
    charset, title, day, noindex, noai, problem = json.loads(facts)
    published = date.fromisoformat(day) if day else None
    return Page(charset, text.decode(), title, published, Wishes(noindex, noai), problem)
