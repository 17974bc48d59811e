"""The SQL of a policy decides as the Arrow path does."""

from __future__ import annotations

import os
import random
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from gristmill.settings import parse
from spark_jobs.policies.evaluate import first_rule
from spark_jobs.policies.model import Policy
from spark_jobs.policies.registry import Registry
from spark_jobs.policies.sql import to_sql

RULES: list[dict[str, Any]] = [
    {"name": "own", "signal": "ratio", "min": 0.1, "max": 0.7, "languages": {"de": {"max": 0.3}, "zh": None}},
    {"name": "only", "signal": "words", "max": 8, "only": ["en", "zh"], "languages": {"zh": {"min": 2}}},
    {"name": "flagged", "signal": "odd", "forbid": [True], "languages": {"fr": None}},
    {"name": "tagged", "signal": "tags", "forbid": ["a", "it's"], "only": ["en", "de"], "languages": {"de": None}},
    {"name": "untagged", "signal": "tags", "require": ["b", "c"], "only": ["fr"]},
    {"name": "unwritten", "signal": "script", "require": ["x"]},
]


def pages(count: int) -> pa.Table:
    """Values on and beside the bounds, nulls, NaN, empty lists and quotes."""
    draw = random.Random(3)
    ratios = [None, float("nan"), 0.0, 0.1, 0.099999, 0.3, 0.300001, 0.7, 0.700001, 1.0]
    tags: list[Any] = [None, [], ["a"], ["b", "it's"], ["c", "d"], ["d"]]
    return pa.table({
        "ratio": pa.array([draw.choice(ratios) for _ in range(count)], pa.float32()),
        "words": pa.array([draw.choice([None, 1, 2, 8, 9]) for _ in range(count)], pa.int32()),
        "odd": pa.array([draw.choice([None, True, False]) for _ in range(count)], pa.bool_()),
        "tags": pa.array([draw.choice(tags) for _ in range(count)], pa.list_(pa.string())),
        "script": pa.array([draw.choice([None, "x", "y"]) for _ in range(count)], pa.string()),
        "language": pa.array([draw.choice([None, "en", "de", "zh", "fr"]) for _ in range(count)], pa.string()),
    })  # fmt: skip


def test_the_expression_names_rules_in_order(known: Registry) -> None:
    sql = to_sql(parse(Policy, {"name": "test", "rules": RULES}, "test"), known)
    places = [sql.index(f"THEN '{rule['name']}'") for rule in RULES]
    assert places == sorted(places)
    assert "it\\'s" in sql


@pytest.mark.spark
def test_spark_sql_decides_as_arrow_does(tmp_path: Path, known: Registry) -> None:
    from pyspark.sql import SparkSession

    from spark_jobs.java import require_java

    os.environ["JAVA_HOME"] = str(require_java())
    os.environ["PYSPARK_PYTHON"] = sys.executable
    policy, table = parse(Policy, {"name": "test", "rules": RULES}, "test"), pages(600)
    quick = {
        "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC", "spark.ui.enabled": "false",
        "spark.sql.codegen.wholeStage": "false", "spark.sql.warehouse.dir": str(tmp_path),
    }  # fmt: skip
    session = SparkSession.builder.master("local[1]").config(map=quick).getOrCreate()
    try:
        frame = session.createDataFrame(table).selectExpr(f"{to_sql(policy, known)} AS rule")
        found = [row["rule"] for row in frame.collect()]
    finally:
        session.stop()
    expected = [None if rule < 0 else policy.rule_names[rule] for rule in first_rule(policy, table).rule]
    assert found == expected
    assert set(expected) == {None, *policy.rule_names}
