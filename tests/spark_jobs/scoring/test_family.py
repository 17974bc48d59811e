"""From a recipe to a decision: trained, run as a family of its own, used by a policy, explained."""

from __future__ import annotations

import argparse
import shutil
import threading
from typing import Any

import cloudpickle  # type: ignore[import-untyped]
import pytest
import yaml

from gristmill import verdicts
from gristmill.catalogue import Catalogue
from gristmill.explain import explain
from gristmill.gc import find_garbage
from gristmill.lake import Lake
from gristmill.profile import PROJECT
from gristmill.release import candidate_digest, judged, release
from gristmill.scores import among, family
from quality.metrics import snapshot_metrics
from spark_jobs import annotate, curate, decide, deduplicate
from spark_jobs.commands import score as command
from spark_jobs.policies.inputs import MissingSignals
from spark_jobs.scoring.model import ModelError
from spark_jobs.scoring.training import train

LATER = (annotate, deduplicate, decide, curate)


def scored_mill(mill: Any, places: Any, name: str, scores: dict[str, str], rules: list[dict[str, Any]]) -> Any:
    """A copy of the mill whose profile runs these models, and whose policy has rules before its own."""
    target = places.folder / name / "lake"
    if not target.exists():
        shutil.copytree(mill.profile.lake, target)
    policy = yaml.safe_load((PROJECT / "configs/policies/gristmill.yaml").read_text())
    policy["rules"] = [*rules, *policy["rules"]]
    stages = {**mill.profile.stages, "annotate": {"scores": scores}}
    profile = places.profile(name, policy=policy, stages=stages)
    return type(mill)(
        profile, Lake.open(profile), {"A": {name: mill.digests["A"][name] for name in ("documents", "rejects")}}
    )


@pytest.fixture
def trained(mill: Any, places: Any, desk: Any) -> tuple[Any, str]:
    """(a mill with a trained model and no score, its digest); the model's reference is the mill's own snapshot."""
    plain = scored_mill(mill, places, "scored", {}, [])
    recipe = desk.classifier(reference=[{"name": "ours", "snapshot": "A"}])
    return plain, train(plain.lake, recipe)[0]


def test_without_models_nothing_changes(mill: Any, places: Any) -> None:
    plain = scored_mill(mill, places, "plain", {}, [])
    attempts = plain.run("A", stages=LATER)
    for attempt in attempts.values():
        assert attempt.summary["units_reused"] == attempt.summary["units"]
        assert attempt.outputs.items() <= mill.digests["A"].items()


def test_a_score_decides_by_its_percentile_and_is_explained(trained: Any, mill: Any, places: Any) -> None:
    _, digest = trained
    rule = {"name": "low_prose", "signal": "prose_percentile", "min": 30, "languages": {"zh": None}, "why": "menus"}
    made = scored_mill(mill, places, "scored", {"prose": digest}, [rule])
    made.run("A", stages=LATER)
    spoken = {r["doc_id"]: r["language"] for r in made.rows("A", "language")}
    rows = {r["doc_id"]: r for r in made.rows("A", family("prose", digest))}
    assert {spoken[i] for i, r in rows.items() if r["prose_score"] is not None} == {"en"}
    account = made.lake.manifest(made.digests["A"][family("prose", digest)]).account
    assert account.other["no_score"] == sum(code != "en" for code in spoken.values())
    assert account.residual == 0

    decisions = {r["doc_id"]: r for r in made.rows("A", "decisions")}
    low = {i for i, r in rows.items() if r["prose_percentile"] is not None and r["prose_percentile"] < 30}
    assert low
    assert {i for i, r in decisions.items() if r["reason"] == "low_prose"} == low
    for i in low:
        assert decisions[i]["value"] == pytest.approx(rows[i]["prose_percentile"], abs=1e-5)
        assert decisions[i]["threshold"] == 30
    unmeasured = made.lake.manifest(made.digests["A"]["decisions"]).account.other["not_measured:low_prose"]
    assert unmeasured == sum(code not in ("en", "zh") for code in spoken.values())

    datasets = _release(made)
    assert family("prose", digest) in datasets
    url = next(r["url"] for r in made.rows("A", "documents") if r["doc_id"] in low)
    entry = next(e for e in explain(made.lake, url) if e["snapshot"] == "A")
    assert entry["removed_by"]["signal"] == "prose_percentile"
    assert entry["removed_by"]["why"] == "menus"
    assert entry["signals"][family("prose", digest)]["prose_bucket"] == "tail"


def _release(made: Any) -> Any:
    known = made.digests["A"]
    table = snapshot_metrics(made.lake, Catalogue(made.lake).get("A"), known)
    figures = {(r["stage"], r["metric"], r["key"]): r["value"] for r in table.to_pylist()}
    (scores,) = among(known)
    assert figures["annotate.scores", "residual", scores] == figures["contract", "other_schemas", ""] == 0
    metrics = made.lake.publish("metrics", [made.lake.write_table("metrics", "snapshot", table)], {}).digest
    datasets = {**known, "metrics": metrics}
    subject = candidate_digest(judged(datasets))
    verdicts.record(
        made.lake, subject=subject, kind="snapshot", suite="test", history="", outcome="pass", checks=[], digests={}
    )
    return release(made.lake, "A", datasets)[0].datasets


def test_a_retrained_model_runs_again_alone(trained: Any, mill: Any, places: Any, desk: Any) -> None:
    plain, digest = trained
    first = scored_mill(mill, places, "scored", {"prose": digest}, []).run("A", stages=(annotate,))["annotate"]
    files = len(plain.lake.manifest(mill.digests["A"]["documents"]).files)
    assert first.summary["units"] - first.summary["units_reused"] == files, "the known families are not measured again"
    other = train(plain.lake, desk.classifier(seed=1, reference=[{"name": "ours", "snapshot": "A"}]))[0]
    assert other != digest
    both = {"prose": other, "twin": digest}
    with pytest.raises(ModelError, match=r"calls model .* 'twin', and its card 'prose'"):
        scored_mill(mill, places, "scored", both, []).run("A", stages=(annotate,))
    again = scored_mill(mill, places, "scored", {"prose": other}, []).run("A", stages=(annotate,))["annotate"]
    assert again.summary["units"] - again.summary["units_reused"] == files
    repeated = scored_mill(mill, places, "scored", {"prose": digest}, []).run("A", stages=(annotate,))["annotate"]
    assert repeated.summary["units"] == repeated.summary["units_reused"]
    assert repeated.outputs == first.outputs


class Shipped:
    """Tasks as Spark ships them: pickled without what runs them."""

    def __init__(self) -> None:
        self.kept_here = threading.Lock()

    def __call__(self, function: Any, items: Any) -> list[Any]:
        shipped = cloudpickle.dumps(function)
        return [cloudpickle.loads(shipped)(item) for item in items]


def test_scores_are_measured_by_tasks_that_are_shipped(trained: Any, mill: Any, places: Any) -> None:
    _, digest = trained
    rule = {"name": "low_prose", "signal": "prose_percentile", "min": 30}
    made = scored_mill(mill, places, "scored", {"prose": digest}, [rule])
    made.run("A", tasks=Shipped(), stages=(annotate, deduplicate, decide))
    assert made.lake.manifest(made.digests["A"]["decisions"]).account.removed["low_prose"] > 0


def test_a_policy_that_needs_a_score_names_the_job(trained: Any, mill: Any, places: Any) -> None:
    _, digest = trained
    rule = {"name": "low_prose", "signal": "prose_percentile", "min": 30}
    made = scored_mill(mill, places, "scored", {"prose": digest}, [rule])
    made.digests["A"] = dict(mill.digests["A"])
    with pytest.raises(MissingSignals, match=r"needs 'score:prose:.*run `python -m spark_jobs.annotate --snapshot A`"):
        made.run("A", stages=(decide,))


def test_a_trained_model_is_no_garbage(trained: Any) -> None:
    plain, digest = trained
    kept = {f"manifests/{digest}.json", *(f.path for f in plain.lake.manifest(digest).files)}
    assert not kept & set(find_garbage(plain.lake, -1).keys)


def test_the_command_trains_lists_and_shows(desk: Any, places: Any, capsys: Any) -> None:
    desk.classifier(about="tells \x1b[31mprose")
    profile = places.profile("command")
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)

    def say(*words: str) -> str:
        assert command.run(parser.parse_args([*words, "--profile", str(profile.source)])) == 0
        return str(capsys.readouterr().out)

    out = say("train", str(desk.folder / "prose.yaml"))
    assert "AUC" in out
    assert "\x1b" not in out
    digest = out.split("  model      ")[1][:64]
    assert f"{{prose: {digest}}}" in out
    assert digest[:12] in say("show")
    assert say("show", "prose") == say("show", digest[:6])
    assert '"status": "calibrated"' in say("show", "prose", "--json")
