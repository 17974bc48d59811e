"""pretrain: from released snapshots to a trained, judged and promoted language model."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG, Param, chain, task

from gristmill.airflow.approval import ApprovalOperator
from gristmill.airflow.failed import task_failed
from gristmill.airflow.late import deadline
from gristmill.airflow.operators import GateOperator, StageOperator

DOCUMENTATION = """
One run per training request. Empty fields mean: as the profile says. A request that was trained already is not
trained again; a failed or stopped training resumes from its newest checkpoint when its task is cleared.
The model is promoted only if its gate approves it against an untrained and a unigram model. Where a gate warns, its
approval waits for a reviewer (button *Required Actions*).
"""

PARAMS = {
    "snapshots": Param(
        None, type=["null", "array"], maxItems=200, title="Snapshots",
        items={"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]*$", "maxLength": 64},
        description="Released snapshots, one a line; empty: those of the profile's mix.",
    ),
    "model_size": Param(
        None, type=["null", "string"], pattern="^[a-z0-9][a-z0-9-]*$", maxLength=31, title="Model size",
        description="A size of the profile's pretrain file, such as micro, mini or small.",
    ),
    "zero_stage": Param(None, type=["null", "integer"], minimum=0, maximum=3, title="ZeRO stage"),
    "steps": Param(None, type=["null", "integer"], minimum=1, maximum=10_000_000, title="Optimizer steps"),
    "seed": Param(None, type=["null", "integer"], minimum=0, maximum=2**31 - 1, title="Seed"),
}  # fmt: skip

with DAG(
    dag_id="pretrain",
    schedule=None,
    catchup=False,
    is_paused_upon_creation=False,
    max_active_runs=1,
    tags=["gristmill", "training"],
    doc_md=DOCUMENTATION,
    params=PARAMS,
    deadline=deadline(),
    default_args={
        "owner": "research",
        "retries": 1,
        "retry_delay": timedelta(seconds=10),
        "execution_timeout": timedelta(hours=24),
        "on_failure_callback": task_failed,
    },
):

    @task(task_id="request", pool="default_pool", multiple_outputs=False)
    def validate(params: dict[str, object] | None = None) -> dict[str, str | int | None]:
        """Check the form's values again before hours are spent."""
        from airflow.sdk.exceptions import AirflowFailException

        from gristmill.airflow.request import validated
        from gristmill.errors import UserError

        try:
            return validated(params or {})
        except UserError as error:
            raise AirflowFailException(str(error)) from None

    mix = StageOperator(
        task_id="mix", module="spark_jobs.mix", scope="run", request_options=["snapshots"], pool="spark"
    )
    tokenize = StageOperator(
        task_id="tokenize", module="spark_jobs.tokenize", scope="run", inputs={"mix": "mix"}, pool="spark"
    )
    tokens = {"tokens": "tokenize", "tokenizer": "tokenize"}
    gate_tokens = GateOperator(
        task_id="gate_tokens", module="quality.gate", scope="run", inputs=tokens, options={"kind": "tokens"},
        pool="default_pool",
    )  # fmt: skip
    approve_tokens = ApprovalOperator(task_id="approve_tokens", kind="tokens", inputs=tokens, pool="default_pool")
    train = StageOperator(
        task_id="train", module="training.launch", scope="run", inputs=tokens, pool="training", retries=2,
        outlives=True, execution_timeout=timedelta(days=30),
        request_options=["mix", "model-size", "zero-stage", "steps", "seed"],
    )  # fmt: skip
    evaluate = StageOperator(
        task_id="evaluate", module="training.evaluate", scope="run", inputs={"weights": "train"}, pool="training"
    )
    model = {"model": "evaluate"}
    gate_model = GateOperator(
        task_id="gate_model", module="quality.gate", scope="run", inputs=model, options={"kind": "model"},
        pool="default_pool",
    )  # fmt: skip
    approve_model = ApprovalOperator(task_id="approve_model", kind="model", inputs=model, pool="default_pool")
    promote = StageOperator(
        task_id="promote", module="gristmill.promote", scope="run", inputs=model, pool="default_pool"
    )
    chain(
        validate(), mix, tokenize, gate_tokens, approve_tokens, train, evaluate, gate_model, approve_model, promote
    )  # fmt: skip
