"""Operators that start a stage as a process, hand digests from task to task, and leave no process behind."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from airflow.sdk import Asset, BaseOperator, Context
from airflow.sdk.exceptions import AirflowFailException

from gristmill.catalogue import Catalogue, CatalogueError
from gristmill.children import kill_group, start
from gristmill.lake import Lake
from gristmill.process import EXIT_GATE_BLOCKED, EXIT_USER_ERROR
from gristmill.profile import Profile, load_profile

RELEASES = Asset(name="releases", uri="gristmill://releases")
"""Its partitions are the released snapshots."""

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


class StageOperator(BaseOperator):
    """Run `python -m MODULE` and return its output digests, {name: digest}, as XCom.

    Inputs are what all upstream stages put out. `arguments` (templated) become `--key=value`; empty ones are
    left out. Exit code 2 (a user's error) and 3 (a blocked gate) fail at once, any other is retried.
    """

    template_fields: Sequence[str] = ("arguments",)
    ui_color = "#e8f0f4"

    def __init__(self, *, module: str, arguments: Mapping[str, str] | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.module = module
        self.arguments = dict(arguments or {})
        self._process: subprocess.Popen[str] | None = None

    def execute(self, context: Context) -> dict[str, str]:
        """Run the stage to its end."""
        profile = load_profile()
        with tempfile.TemporaryDirectory() as folder:
            result = Path(folder) / "result.json"
            command = [sys.executable, "-m", self.module, f"--profile={profile.source}", f"--result={result}",
                       f"--run-id={context['run_id']}", *self._scope(profile, context),
                       *(f"--{key}={value}" for key, value in self.arguments.items() if str(value).strip()),
                       *(f"--input={name}={digest}" for name, digest in self._inputs(context).items())]  # fmt: skip
            self._run(command, profile)
            return dict(json.loads(result.read_text(encoding="utf-8"))["outputs"])

    def on_kill(self) -> None:
        """Airflow stops the task: end the stage and all that it started."""
        if self._process is not None:
            kill_group(self._process)

    def _scope(self, profile: Profile, context: Context) -> list[str]:
        return [f"--run={context['run_id']}"]

    def _inputs(self, context: Context) -> dict[str, str]:
        """Output digests of every upstream stage that has any."""
        tasks = sorted(self.get_flat_relative_ids(upstream=True))
        found = context["ti"].xcom_pull(task_ids=tasks) if tasks else []
        return {name: digest for outputs in found or [] if isinstance(outputs, dict) for name, digest in outputs.items()}

    def _run(self, command: list[str], profile: Profile) -> None:
        """Stream the stage's lines into the task's log; raise by its exit code."""
        self.log.info("starting %s", " ".join(command[1:]))
        self._process = start(command, cwd=profile.root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        assert self._process.stdout is not None
        last = ""
        for line in self._process.stdout:
            last = _CONTROL.sub("?", line.rstrip()) or last
            self.log.info("%s", last)
        code = self._process.wait()
        if code in (EXIT_USER_ERROR, EXIT_GATE_BLOCKED):
            raise AirflowFailException(last)
        if code:
            raise RuntimeError(f"{self.module} ended with code {code}: {last}")


class SnapshotOperator(StageOperator):
    """A stage of one snapshot: the run's partition key."""

    def _scope(self, profile: Profile, context: Context) -> list[str]:
        key = context["dag_run"].partition_key
        if not key:
            raise AirflowFailException("this run has no partition key; trigger crawl_snapshot with a snapshot id")
        try:
            Catalogue(Lake.open(profile)).get(key)
        except CatalogueError as error:
            raise AirflowFailException(str(error)) from None
        return [f"--snapshot={key}"]


class ReleaseOperator(SnapshotOperator):
    """Release, and tell the rest of Airflow which partition of RELEASES is new."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(module="gristmill.release", outlets=[RELEASES], **kwargs)

    def execute(self, context: Context) -> dict[str, str]:
        """Release; the event carries the snapshot and its digest."""
        outputs = super().execute(context)
        event = context["outlet_events"][RELEASES]
        event.add_partitions(str(context["dag_run"].partition_key))
        event.extra = {"release": outputs["release"]}
        return outputs
