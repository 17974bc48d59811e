"""Spark as the engine: it schedules tasks and carries manifest rows; text never passes through the JVM."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from pyspark import SparkContext
from pyspark.sql import SparkSession

from gristmill.errors import UserError
from gristmill.profile import Profile
from spark_jobs.java import require_java

T = TypeVar("T")
R = TypeVar("R")


@contextmanager
def spark_tasks(profile: Profile, name: str) -> Iterator[SparkTasks]:
    """Tasks of a Spark session that lasts for one stage; raises JavaMissing."""
    for folder in ("spark/events", "spark/local"):
        (profile.work_dir / folder).mkdir(parents=True, exist_ok=True)
    os.environ["JAVA_HOME"] = str(require_java())
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    os.environ.setdefault("PYSPARK_DRIVER_PYTHON", sys.executable)
    if profile.spark.master.startswith("local"):
        os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    builder = SparkSession.builder.appName(name).master(profile.spark.master)
    for key, value in _conf(profile).items():
        builder = builder.config(key, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("WARN")
    try:
        yield SparkTasks(session.sparkContext)
    finally:
        session.stop()


@dataclass(frozen=True)
class SparkTasks:
    """One Spark task per item; `function` and its results travel by pickle, so both must be small."""

    context: SparkContext

    def __call__(self, function: Callable[[T], R], items: Sequence[T]) -> list[R]:
        """Results in the order of the items; raises the first UserError that a task raised."""
        if not items:
            return []
        return unwrapped(self.context.parallelize(items, len(items)).map(_settled(function)).collect())


@dataclass(frozen=True)
class Refusal:
    """A task's UserError as a result: raised inside the task, Spark would retry it and bury its sentence."""

    error: UserError


def unwrapped(results: Iterable[R | Refusal]) -> list[R]:
    """The results; raises the first UserError among them."""
    found: list[R] = []
    for result in results:
        if isinstance(result, Refusal):
            raise result.error
        found.append(result)
    return found


def _settled(function: Callable[[T], R]) -> Callable[[T], R | Refusal]:
    """Freeze the worker's imported objects once: PySpark collects garbage after each task, and a collection
    over a loaded numba dominates small tasks."""

    def call(item: T) -> R | Refusal:
        if gc.get_freeze_count() == 0:
            gc.freeze()
        try:
            return function(item)
        except UserError as error:
            return Refusal(error)

    return call


def _conf(profile: Profile) -> dict[str, str]:
    work = profile.work_dir
    return {
        "spark.driver.memory": profile.spark.driver_memory,
        # The JVM only schedules and lives for a minute: its quick compiler halves what a session costs.
        "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.eventLog.enabled": "true",
        "spark.eventLog.dir": (work / "spark" / "events").as_uri(),
        "spark.local.dir": str(work / "spark" / "local"),
        "spark.python.worker.reuse": "true",
        **profile.spark.conf,
    }
