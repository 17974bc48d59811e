"""Lakes small enough to read, and processes that race or die where a test says."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
import pytest
from hypothesis import settings

from gristmill import verdicts
from gristmill.catalogue import Catalogue
from gristmill.lake import Account, FileEntry, Lake
from gristmill.release import DATASETS, candidate_digest, release
from gristmill.schemas import OFFSET_BITS, SCHEMAS
from gristmill.storage import PosixStorage

# No test of this project asserts a time.
settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")

S = TypeVar("S")
R = TypeVar("R")

FILE_CALLS = {"open", "write", "flush", "link", "replace", "unlink", "mkdir", "utime", "flock", "__exit__"}
"""C functions that change files."""


@pytest.fixture(autouse=True)
def _quick_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes are killed here, machines are not: nothing waits for the disk."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(PosixStorage(tmp_path / "lake"))


def dies(action: Callable[[], object], instant: int) -> bool:
    """Run `action` in a fork that is SIGKILLed right before its `instant`-th file call; False when it ends first."""
    child = os.fork()
    if child == 0:
        calls = count()

        def hook(_: object, event: str, function: Any) -> None:
            if event == "c_call" and function.__name__ in FILE_CALLS and next(calls) == instant:
                os.kill(os.getpid(), signal.SIGKILL)

        try:
            sys.setprofile(hook)
            action()
            sys.setprofile(None)
        except BaseException as error:
            os.write(2, f"{error!r}\n".encode())
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, "the action failed by itself"
    return os.WIFSIGNALED(status)


@pytest.fixture
def every_instant() -> Callable[[Callable[[int], S], Callable[[S], object]], Iterator[S]]:
    """Prepare a fresh state, run an action on it, kill it at instant 0, 1, 2, ... until one run ends by itself.

    Yields the state that each run left.
    """

    def sweep(prepare: Callable[[int], S], action: Callable[[S], object]) -> Iterator[S]:
        for instant in count():
            state = prepare(instant)
            killed = dies(lambda s=state: action(s), instant)  # type: ignore[misc]
            yield state
            if not killed:
                assert instant > 3, "an action that changes files makes more calls than this"
                return

    return sweep


@pytest.fixture
def concurrently() -> Callable[..., list[Any]]:
    """Run actions in processes of their own that start together; their results in order."""

    def run(*actions: Callable[[], R]) -> list[R]:
        context = multiprocessing.get_context("fork")
        barrier, pipes = context.Barrier(len(actions)), [context.Pipe(duplex=False) for _ in actions]

        def work(action: Callable[[], R], sender: Any) -> None:
            barrier.wait()
            sender.send(action())

        processes = [context.Process(target=work, args=(a, p[1])) for a, p in zip(actions, pipes, strict=True)]
        for process in processes:
            process.start()
        for _, sender in pipes:
            sender.close()
        results = [receiver.recv() for receiver, _ in pipes]
        for process in processes:
            process.join()
        return results

    return run


@dataclass(frozen=True)
class Mill:
    """A hand-made lake. `publish` makes a small dataset, `snapshot` a whole judged one."""

    lake: Lake
    folder: Path

    def table(self, dataset: str, rows: Sequence[Mapping[str, Any]]) -> pa.Table:
        """Rows under a dataset's declared schema; columns that a row lacks are null."""
        return pa.Table.from_pylist([dict(row) for row in rows], schema=SCHEMAS[dataset])

    def write(self, dataset: str, unit: str, rows: Sequence[Mapping[str, Any]], account: Account | None) -> FileEntry:
        return self.lake.write_table(dataset, unit, self.table(dataset, rows), account)

    def publish(self, dataset: str, rows: Sequence[Mapping[str, Any]], account: Account | None = None) -> str:
        entry = self.write(dataset, "000000", rows, account)
        return self.lake.publish(dataset, [entry], {}).digest

    def enter(self, name: str, day: date) -> None:
        """Put a snapshot of two crawl files into the catalogue."""
        paths = [self.folder / f"{name}-{i}.warc.gz" for i in range(2)]
        for path in paths:
            path.write_bytes(name.encode())
        Catalogue(self.lake).add(name, day, paths)

    def datasets(self, name: str) -> dict[str, str]:
        """Three documents (one kept, one too short, one a duplicate of the first), one that edits empty,
        and one reject."""
        first, short, twin, blank, lost = (i << 10 for i in range(5))
        site = f"https://{name}.example"
        pages = {first: f"{site}/first", short: f"{site}/short", twin: f"{site}/twin", blank: f"{site}/blank"}
        documents = [
            {"doc_id": d, "url": url, "canonical_url": f"{url}#canonical", "host": f"{name}.example", "text": url,
             "title": "T", "html_bytes": 9, "charset": "utf-8"}
            for d, url in pages.items()
        ]  # fmt: skip
        removed = {
            short: {"reason": "too_short", "value": 3.0, "threshold": 200.0},
            twin: {"reason": "near_duplicate", "value": 0.9, "threshold": 0.8, "duplicate_of": first},
        }
        cluster = {"cluster_id": first, "cluster_size": 2}
        decisions = [
            {"doc_id": d, "kept": d not in removed, **removed.get(d, {}), **(cluster if d in (first, twin) else {})}
            for d in pages
        ]
        rejects = [{"doc_id": lost, "url": f"{site}/gone", "status": 404, "mime": "text/html", "reason": "http_status"}]
        bands = {f"band_{band:02d}": bytes(16) for band in range(14)}
        signature = {**bands, "content_hash": bytes(16), "shingles": 1}
        tables: dict[str, tuple[list[dict[str, Any]], Account | None]] = {
            "documents": (documents, Account(5, 4, {"http_status": 1})),
            "rejects": (rejects, None),
            "heuristics": ([{"doc_id": d, "words": 7, "chars": 30} for d in pages], Account(4, 4)),
            "language": ([{"doc_id": d, "language": "en", "score": 0.5} for d in pages], Account(4, 4)),
            **{
                family: ([{"doc_id": d} for d in pages], Account(4, 4)) for family in ("url", "lines", "content", "pii")
            },
            "minhash": ([{"doc_id": d, **signature} for d in pages], Account(4, 4)),
            "duplicates": ([{"doc_id": d, **cluster} for d in (first, twin)], None),
            "boilerplate": ([{"doc_id": first, "mask": b"\1", "lines": 1, "bytes": 40, "capped": False}], None),
            "decisions": (decisions, Account(4, 2, {"too_short": 1, "near_duplicate": 1})),
            "corpus": ([{"doc_id": first, "text": "T"}], Account(2, 1, {"too_short_after_edits": 1})),
            "index": ([{"band": 0, "key": 1, "doc_id": first}], None),
            "metrics": ([{"stage": "extract", "metric": "out", "value": 4.0}], None),
        }
        assert set(tables) == set(DATASETS)
        assert all(d >> OFFSET_BITS == 0 for d in pages)
        return {dataset: self.publish(dataset, rows, account) for dataset, (rows, account) in tables.items()}

    def judge(self, datasets: Mapping[str, str], outcome: verdicts.Outcome = "pass", suite: str = "1") -> str:
        subject = candidate_digest(datasets)
        check = verdicts.Check("kept share", "block", "passed" if outcome == "pass" else "failed", 0.0, {"min": 0.1})
        verdicts.record(
            self.lake, subject=subject, kind="snapshot", suite=suite, history="", outcome=outcome, checks=[check],
            digests=datasets,
        )  # fmt: skip
        return subject

    def release(self, name: str, day: date) -> dict[str, str]:
        """A whole snapshot: entered, made, judged, released."""
        self.enter(name, day)
        datasets = self.datasets(name)
        self.judge(datasets)
        release(self.lake, name, datasets)
        return datasets

    def model(self, outcome: verdicts.Outcome = "pass", **changes: Any) -> str:
        """A judged model of mix `demo`; `changes` to its run.json."""
        run = {
            "run_id": "run-1", "mix": "demo", "parameters": 1000, "tokens": 2000, "steps": 10, "zero_stage": 2,
            "loss_first": 9.0, "loss_last": 5.0, "bpb": {"model": 2.0, "untrained": 3.0, "unigram": 2.5},
            "energy": {"joules": 30.0, "method": "estimated:cpu-seconds x 10 W"}, "digests": {}, **changes,
        }  # fmt: skip
        files = {"run.json": json.dumps(run), "model.safetensors": "weights", "MODEL_CARD.md": "card"}
        entries = []
        for name, text in files.items():
            (self.folder / name).write_text(text)
            entries.append(self.lake.write_file("model", name, self.folder / name))
        digest = self.lake.publish("model", entries, {}).digest
        verdicts.record(
            self.lake, subject=digest, kind="model", suite="1", history="", outcome=outcome, checks=[],
            digests={"model": digest},
        )  # fmt: skip
        return digest

    def age(self) -> None:
        """Make every object old enough for garbage collection."""
        for path in self.lake.storage.local_path("x").parent.rglob("*"):
            if path.is_file():
                os.utime(path, (0, 0))


@pytest.fixture
def mill(lake: Lake, tmp_path: Path) -> Mill:
    return Mill(lake, tmp_path)


@pytest.fixture(scope="session")
def make_mill() -> Callable[[Path], Mill]:
    """A mill in a folder of its own."""
    return lambda folder: Mill(Lake(PosixStorage(folder / "lake")), folder)
