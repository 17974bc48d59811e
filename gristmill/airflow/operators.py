"""Operators: a stage as a process of its own, and the start of pretraining.

User values reach a stage only as `--name=value` arguments of a list, never through a shell or a template.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from gristmill.airflow.links import ReportLink, report_url
from gristmill.children import start
from gristmill.errors import EXIT_GATE_BLOCKED, EXIT_USER_ERROR
from gristmill.printable import printable
from gristmill.scores import ALL, among


class StageFailed(RuntimeError):
    """The stage ended with an error that a retry may cure."""


class StageOperator(BaseOperator):
    """Run `python -m <module>` for the run's snapshot or training request.

    :param module: the stage.
    :param scope: `snapshot`: the run's partition key; `run`: the id of the DAG run.
    :param inputs: dataset name -> id of the task whose output it is.
    :param options: constant options of the stage.
    :param request: id of the task that returned the validated request, with `request_options`.
    :param request_options: names of those of its values that this stage takes.
    :param allow_missing: run although an upstream task failed and some inputs are missing.
    :param outlives: the stage knows how to go on without the worker, and how to end all that is its own.

    Returns the output digests {dataset: digest}; each asset in `outlets` gets an event with the run's
    partition key and these digests. A blocked gate and a user's error are not retried.
    """

    def __init__(
        self,
        *,
        module: str,
        scope: Literal["snapshot", "run"] = "snapshot",
        inputs: Mapping[str, str] | None = None,
        options: Mapping[str, str] | None = None,
        request: str = "request",
        request_options: Sequence[str] = (),
        allow_missing: bool = False,
        outlives: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.module = module
        self.scope = scope
        self.inputs = dict(inputs or {})
        self.options = dict(options or {})
        self.request = request
        self.request_options = list(request_options)
        self.allow_missing = allow_missing
        self.outlives = outlives
        self.summary: dict[str, Any] = {}
        self._process: subprocess.Popen[str] | None = None

    def execute(self, context: Context) -> dict[str, str]:
        """Run the stage to its end; raises AirflowFailException or StageFailed with the stage's last words."""
        with tempfile.TemporaryDirectory(prefix="gristmill-") as folder:
            result = Path(folder) / "result.json"
            try:
                self._run(stage_command(self.module, self._arguments(context), result))
            finally:
                # A gate that blocks has written its verdict before it fails.
                found = json.loads(result.read_bytes()) if result.exists() else {"outputs": {}, "summary": {}}
                self.summary = found["summary"]
        self.log.info("summary: %s", self.summary)
        outputs: dict[str, str] = found["outputs"]
        for asset in self.outlets:
            event = context["outlet_events"][asset]
            event.add_partitions(str(context["dag_run"].partition_key))
            event.extra = dict(outputs)
        return outputs

    def on_kill(self) -> None:
        """End the stage with all its processes."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            self._process.wait()

    def _arguments(self, context: Context) -> dict[str, str | list[str]]:
        run, scope = context["dag_run"], scope_of(context, self.scope)
        arguments: dict[str, str | list[str]] = {"profile": os.environ.get("GRISTMILL_PROFILE", "demo")}
        arguments |= {self.scope: scope, "run-id": run.run_id, **self.options}
        if self.request_options:
            request = context["ti"].xcom_pull(task_ids=self.request)
            arguments |= {name: str(request[name]) for name in self.request_options if request[name] is not None}
        inputs = digests_of(context, self.inputs, self.allow_missing)
        return arguments | {"input": [f"{name}={digest}" for name, digest in inputs.items()]}

    def _run(self, command: list[str]) -> None:
        self.log.info("running %s", " ".join(command[3:]))
        guard = [] if self.outlives else [sys.executable, "-m", "gristmill.service.guard"]
        process = start([*guard, *command], env=stage_environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                        stdin=subprocess.DEVNULL, errors="backslashreplace")  # fmt: skip
        self._process = process
        last: deque[str] = deque(maxlen=20)
        assert process.stdout is not None
        for line in process.stdout:
            last.append(printable(line))
            self.log.info("%s", last[-1])
        code = process.wait()
        if code in (EXIT_USER_ERROR, EXIT_GATE_BLOCKED):
            raise AirflowFailException(last_words(last))
        if code:
            raise StageFailed(f"{self.module} ended with code {code}: {last_words(last)}")


class ReportOperator(StageOperator):
    """A stage whose task has a button that opens the run's report."""

    operator_extra_links = (ReportLink(),)


class GateOperator(ReportOperator):
    """A gate: tells the profile's notifiers of a verdict that did not pass and that nobody has answered."""

    def execute(self, context: Context) -> dict[str, str]:
        """Run the gate; raises AirflowFailException when it blocks."""
        try:
            return super().execute(context)
        finally:
            if subject := self.summary.get("subject"):
                self._tell(context, str(subject))

    def _tell(self, context: Context, subject: str) -> None:
        """Send the alert; nothing that goes wrong here is the run's matter."""
        try:
            send_gate_alert(subject, scope_of(context, self.scope), report_url(context["dag_run"].run_id, self.scope))
        except Exception:
            self.log.exception("no alert was sent")


class StartPretraining(TriggerDagRunOperator):
    """Start the pretraining of the profile's mix, once per set of releases, when the mix is complete.

    The run id is a function of what is mixed, so a second event finds the run and is skipped. Nobody's event
    is believed: releases are looked up in the lake.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(logical_date=None, skip_when_already_exists=True, **kwargs)

    def execute(self, context: Context) -> None:
        """Skip with a sentence that says what is missing, or trigger."""
        from gristmill.lake import Lake
        from gristmill.mixes import load_mix, missing, request_id
        from gristmill.profile import load_profile

        profile = load_profile()
        lake, mix = Lake.open(profile), load_mix(profile.mix)
        if absent := missing(lake, mix):
            raise AirflowSkipException(f"mix '{mix.name}' waits for the release of {', '.join(absent)}")
        if not mix.auto_start:
            raise AirflowSkipException(f"mix '{mix.name}' is complete; start pretraining by hand, or set auto_start")
        self.trigger_run_id = request_id(lake, mix)
        self.log.info("mix '%s' is complete: pretraining run %s", mix.name, self.trigger_run_id)
        super().execute(context)


def scope_of(context: Context, scope: str) -> str:
    """The snapshot (the run's partition key) or the training run (the DAG run's id) that a task is about."""
    run = context["dag_run"]
    found = run.partition_key if scope == "snapshot" else run.run_id
    if not found:
        raise AirflowFailException(
            "this run has no partition key; trigger it with a snapshot id as partition key (Advanced Options)"
        )
    return str(found)


def digests_of(context: Context, inputs: Mapping[str, str], allow_missing: bool = False) -> dict[str, str]:
    """Digest of each input (dataset -> task), one look-up per upstream task; of `score:*`, all scores there are."""
    outputs = {task: context["ti"].xcom_pull(task_ids=task) or {} for task in sorted(set(inputs.values()))}
    found = {name: outputs[task][name] for name, task in inputs.items() if name in outputs[task]}
    if not allow_missing and (missing := sorted(set(inputs) - set(found) - {ALL})):
        names = ", ".join(missing)
        raise AirflowFailException(f"no digest of {names} from the tasks before; clear and rerun those")
    return found | (among(outputs[inputs[ALL]]) if ALL in inputs else {})


def send_gate_alert(subject: str, scope: str, link: str) -> None:
    """Send what the profile's notifiers want to know of the current verdict on `subject`, unless a person answered."""
    from gristmill import verdicts
    from gristmill.alerts import gate_alert
    from gristmill.lake import Lake
    from gristmill.notifiers import notify
    from gristmill.profile import load_profile

    profile = load_profile()
    lake = Lake.open(profile)
    verdict = verdicts.latest(lake, subject)
    if verdict is None or verdict.outcome == "pass":
        return
    given = verdicts.answer_to(lake, verdict)
    if given is None or given.via == "time-out":
        notify(profile.alerts, gate_alert(verdict, scope, link))


def stage_command(module: str, arguments: Mapping[str, str | list[str]], result: Path) -> list[str]:
    """argv of a stage: every value behind its own `--name=`."""
    options = [
        f"--{name}={value}"
        for name, values in {**arguments, "result": str(result)}.items()
        for value in ([values] if isinstance(values, str) else values)
    ]
    return [sys.executable, "-m", module, *options]


def stage_environment() -> dict[str, str]:
    """This process's environment without what is Airflow's own."""
    own = {key: value for key, value in os.environ.items() if not key.startswith(("AIRFLOW__", "_AIRFLOW"))}
    return {**own, "PYTHONUNBUFFERED": "1", "PYSPARK_PYTHON": sys.executable, "PYSPARK_DRIVER_PYTHON": sys.executable}


def last_words(lines: Iterable[str]) -> str:
    """The error sentence at the end of a stage's output: from the last `error: ` on, else the last line."""
    found = [line for line in lines if line.strip()]
    starts = [i for i, line in enumerate(found) if line.startswith("error: ")]
    return "\n".join(found[starts[-1] :] if starts else found[-1:]).removeprefix("error: ") or "no output"
