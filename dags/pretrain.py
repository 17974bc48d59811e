"""pretrain: one run per training request, from released corpora to a promoted model."""

from __future__ import annotations

from datetime import datetime, timedelta

from airflow.sdk import DAG, Param, chain

from gristmill.airflow.operators import StageOperator

NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
TRAIN_ARGUMENTS = {
    "mix": "{{ 'adhoc' if params.snapshots else '' }}",
    "model-size": "{{ params.model_size or '' }}",
    "zero-stage": "{{ '' if params.zero_stage is none else params.zero_stage }}",
    "steps": "{{ params.steps or '' }}",
    "seed": "{{ '' if params.seed is none else params.seed }}",
}

with DAG(
    dag_id="pretrain",
    schedule=None,
    start_date=datetime(2000, 1, 1),
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=False,
    tags=["gristmill", "training"],
    default_args={
        "owner": "research",
        "retries": 1,
        "retry_delay": timedelta(seconds=20),
        "execution_timeout": timedelta(days=14),
    },
    params={
        "snapshots": Param(
            [], type="array", items={"type": "string", "pattern": NAME, "maxLength": 64}, maxItems=1000,
            title="Snapshots", description="Released snapshots to train on; empty means the profile's mix",
        ),
        "model_size": Param(
            None, type=["null", "string"], pattern=NAME, maxLength=40, title="Model size",
            description="One of the sizes in the profile's pretrain file; empty means its default",
        ),
        "zero_stage": Param(
            None, type=["null", "integer"], minimum=0, maximum=3, title="ZeRO stage",
            description="0 replicates, 1 shards optimizer state, 2 gradients too, 3 parameters too",
        ),
        "steps": Param(None, type=["null", "integer"], minimum=1, maximum=10_000_000, title="Optimizer steps"),
        "seed": Param(None, type=["null", "integer"], minimum=0, maximum=2**31 - 1, title="Seed"),
    },
    doc_md="One run per training request. Every field may stay empty: the profile's mix and pretrain file decide. "
    "The same request on the same tokens resumes or reuses the same training run.",
) as dag:  # fmt: skip
    mix = StageOperator(
        task_id="mix", module="spark_jobs.mix", pool="spark",
        arguments={"snapshots": "{{ params.snapshots | join(',') }}"},
    )  # fmt: skip
    tokenize = StageOperator(task_id="tokenize", module="spark_jobs.tokenize", pool="spark")
    gate_tokens = StageOperator(task_id="gate_tokens", module="quality.gate", arguments={"kind": "tokens"})
    train = StageOperator(task_id="train", module="training.launch", pool="training", arguments=TRAIN_ARGUMENTS)
    evaluate = StageOperator(task_id="evaluate", module="training.evaluate", pool="training")
    gate_model = StageOperator(task_id="gate_model", module="quality.gate", arguments={"kind": "model"})
    promote = StageOperator(task_id="promote", module="gristmill.promote")
    chain(mix, tokenize, gate_tokens, train, evaluate, gate_model, promote)
