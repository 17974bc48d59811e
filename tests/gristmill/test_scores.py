"""Score families: their names, their schema, and how a run's stages hand them on."""

from __future__ import annotations

from typing import Any

import pytest

from gristmill.datasets import command_of
from gristmill.lake import LakeError, declared
from gristmill.ledger import attempt, newest_scores
from gristmill.process import resolve_inputs
from gristmill.release import DATASETS, judged
from gristmill.scores import ALL, among, families, family, model_of
from gristmill.signals import FAMILIES

DIGEST = "0123456789abcdef" * 4
PROSE = family("prose", DIGEST)


def test_a_family_is_named_by_its_model() -> None:
    assert model_of(PROSE) == ("prose", DIGEST)
    assert families({"prose": DIGEST}) == {"prose": PROSE}
    for other in ("language", "score:prose:12", f"score:Prose:{DIGEST}", f"score::{DIGEST}", f"{PROSE}\n", ALL):
        assert model_of(other) is None
        assert among({other: "d"}) == {}
    assert command_of(PROSE, "a") == "`python -m spark_jobs.annotate --snapshot a`"


def test_its_columns_begin_with_its_name_and_are_no_others() -> None:
    names = declared(PROSE).names
    assert names == ["doc_id", "prose_score", "prose_percentile", "prose_bucket", "prose_features"]
    every = {signal.name for signals in FAMILIES.values() for signal in signals}
    ends = tuple(name.removeprefix("prose") for name in names[1:])
    assert not [name for name in every if name.endswith(ends)], "no model's name makes two signals of one name"
    with pytest.raises(LakeError, match="no table dataset"):
        declared("score:prose:12")


def test_scores_are_those_of_the_newest_annotate_unless_its_signals_are_given(lake: Any) -> None:
    for outputs in ({PROSE: "p1", "language": "l1"}, {"language": "l2"}, {PROSE: "p3", "language": "l3"}):
        with attempt(lake, stage="annotate", scope="a", config={}, inputs={}) as current:
            current.outputs.update(outputs)
        assert newest_scores(lake, "a") == among(outputs)
    with attempt(lake, stage="decide", scope="a", config={}, inputs={}) as current:
        current.outputs["decisions"] = "d"
    assert resolve_inputs(lake, "a", [], (ALL,)) == {PROSE: "p3"}
    given = [("language", "l1"), (PROSE, "p1")]
    assert resolve_inputs(lake, "a", given, ("language", ALL)) == dict(given)
    assert resolve_inputs(lake, "a", given[:1], ("language", ALL)) == {"language": "l1"}
    assert newest_scores(lake, "b") == {}


def test_a_release_names_the_scores_beside_its_datasets() -> None:
    plain = dict.fromkeys(DATASETS, "d")
    assert judged({**plain, "other": "x"}) == plain
    assert judged({**plain, PROSE: "p"}) == {**plain, PROSE: "p"}


@pytest.mark.airflow
def test_a_task_gets_all_scores_of_the_task_before() -> None:
    pytest.importorskip("airflow")
    from gristmill.airflow.operators import digests_of

    def pulled(outputs: dict[str, str]) -> Any:
        return {"ti": type("Instance", (), {"xcom_pull": lambda self, task_ids: outputs})()}

    inputs = {"language": "annotate", ALL: "annotate"}
    assert digests_of(pulled({"language": "l"}), inputs) == {"language": "l"}
    assert digests_of(pulled({"language": "l", PROSE: "p", "url": "u"}), inputs) == {"language": "l", PROSE: "p"}
