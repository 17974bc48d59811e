"""The same mill on a Spark standalone cluster and PostgreSQL: one profile file differs, and no digest."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyspark
import pytest
import yaml

from gristmill import release
from gristmill.lake import Lake
from gristmill.profile import load_profile
from gristmill.service import control
from gristmill.service.backfill import start_backfill
from gristmill.service.home import Home
from gristmill.service.watch import Watch
from tests.e2e.conftest import SNAPSHOTS, register, write_profile

if TYPE_CHECKING:
    from gristmill.service.client import JSON
    from tests.e2e.conftest import Mill

pytestmark = [pytest.mark.airflow, pytest.mark.spark, pytest.mark.long]

HOST = "127.0.0.1"
PATIENCE_SECONDS = 60


def test_a_cluster_profile_gives_the_same_release(tmp_path: Path, mill: Mill, scheduled: dict[str, JSON]) -> None:
    with ExitStack() as stack:
        database = stack.enter_context(postgresql())
        master = stack.enter_context(spark_cluster(tmp_path))
        secret = tmp_path / "database_url"
        secret.write_text(f"{database}\n", encoding="utf-8")
        path = write_profile(tmp_path)
        change(path, spark={"master": master, "conf": {"spark.executor.memory": "512m", "spark.driver.host": HOST}},
               airflow={"database": f"file:{secret}", "schedule": "none"})  # fmt: skip
        profile = load_profile(str(path))
        register(profile)
        home = Home(profile)
        service = control.start(home)
        stack.callback(control.stop, home)

        start_backfill(service.client(home), SNAPSHOTS["tiny-A"], SNAPSHOTS["tiny-A"], "none")
        client = service.client(home)
        [run] = Watch(client).until_final("crawl_snapshot", lambda: client.runs("crawl_snapshot"))

        assert run["state"] == "success"
        mine, local = release.current(Lake.open(profile), "tiny-A"), release.current(mill.lake, "tiny-A")
        assert mine is not None
        assert local is not None
        assert mine.datasets == local.datasets
        executors = list((tmp_path / "worker-0").glob("app-*/*")) + list((tmp_path / "worker-1").glob("app-*/*"))
        assert executors, "no executor ran on the cluster"
        assert database.rpartition("@")[2] in home.config.read_text(encoding="utf-8")


def change(path: Path, **sections: dict[str, Any]) -> None:
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    path.write_text(yaml.safe_dump({**content, **sections}), encoding="utf-8")


@contextmanager
def spark_cluster(folder: Path) -> Iterator[str]:
    """A standalone master and two workers of one core each; the master's URL."""
    port = free_port()
    url = f"spark://{HOST}:{port}"
    spark_class = str(Path(pyspark.__file__).parent / "bin" / "spark-class")
    common = ["--host", HOST, "--webui-port", "0"]
    commands = [
        [spark_class, "org.apache.spark.deploy.master.Master", *common, "--port", str(port)],
        *([spark_class, "org.apache.spark.deploy.worker.Worker", *common, "--cores", "1", "--memory", "1g",
           "--work-dir", str(folder / f"worker-{number}"), url] for number in range(2)),
    ]  # fmt: skip
    with ExitStack() as stack:
        for number, command in enumerate(commands):
            log = stack.enter_context((folder / f"spark-{number}.log").open("w"))
            process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
            stack.callback(end, process)
            if number == 0:
                wait_for(port)
        yield url


@contextmanager
def postgresql() -> Iterator[str]:
    """A PostgreSQL server of its own; the SQLAlchemy URL of an empty database."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not folders:
        pytest.skip("needs Debian's package postgresql")
    programs = folders[-1].parent
    folder = Path(tempfile.mkdtemp(prefix="gristmill-postgresql-"))
    # The server refuses to run as root.
    user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.geteuid() == 0 else []
    if user:
        shutil.chown(folder, "postgres", "postgres")
    port = free_port()
    data = folder / "data"
    trust = ["--auth=trust", "--username=airflow", "--encoding=UTF8", "--no-sync"]
    initdb = [*user, str(programs / "initdb"), "-D", str(data), *trust]
    subprocess.run(initdb, check=True, cwd=folder, capture_output=True)
    command = [*user, str(programs / "postgres"), "-D", str(data), "-h", HOST, "-p", str(port), "-k", str(folder)]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(port)
        yield f"postgresql+psycopg2://airflow@{HOST}:{port}/postgres"
    finally:
        end(process)
        shutil.rmtree(folder)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def wait_for(port: int) -> None:
    """Until something listens."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            socket.create_connection((HOST, port), timeout=1).close()
            return
        except OSError:
            assert time.monotonic() < deadline, f"nothing listens on port {port}"


def end(process: subprocess.Popen[Any]) -> None:
    process.terminate()
    process.wait(30)
