"""The gate: what it judges, what it writes, and when it stops the run."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import yaml

from gristmill import approvals, ledger, verdicts
from gristmill.errors import EXIT_GATE_BLOCKED
from gristmill.lake import Lake
from gristmill.process import GateBlocked, run_main
from gristmill.promote import promote
from gristmill.release import candidate_digest, release
from gristmill.schemas import SCHEMAS
from gristmill.verdicts import NotApproved
from quality import gate

Mills = Callable[..., Any]

RUN = {
    "loss_first": 8.3, "loss_last": 5.9, "tokens": 1000, "parameters": 10,
    "bpb": {"model": 2.6, "untrained": 3.7, "unigram": 3.2}, "held_out_bytes": {"en": 8_000_000},
}  # fmt: skip

STRICT = ("decide.kept_of_documents, min: 0.02, max: 1, least: 50", "decide.kept_of_documents, min: 0.9")


def arguments(mill: Any, kind: str = "snapshot", scope: str = "--snapshot=tiny", **inputs: str) -> list[str]:
    """As the scheduler starts it."""
    digests = inputs or mill.digests
    return [
        f"--profile={mill.profile.source}", scope, "--run-id=scheduled__1", f"--kind={kind}",
        *(f"--input={name}={digest}" for name, digest in digests.items()),
    ]  # fmt: skip


def break_removals(mill: Any) -> None:
    """The right number of the wrong documents."""

    def swap(row: dict[str, Any]) -> None:
        row["duplicate_of"] = {100: 1 << 40 | 200, 1 << 40 | 300: 0}.get(row["doc_id"])

    mill.edit("decisions", swap)
    mill.measure()


def publish_model(mill: Any, folder: Path, run: dict[str, Any]) -> str:
    (folder / "run.json").write_text(json.dumps(run))
    lake: Lake = mill.lake
    return lake.publish("model", [lake.write_file("model", "run.json", folder / "run.json")], {}).digest


def model_verdict(mill: Any, folder: Path, **changes: Any) -> verdicts.Verdict:
    digest = publish_model(mill, folder, {**RUN, **changes})
    with suppress(GateBlocked):
        gate.main(arguments(mill, "model", "--run=r1", model=digest))
    found = verdicts.latest(mill.lake, digest)
    assert found is not None
    return found


def test_a_sound_snapshot_is_approved_by_the_digest_that_release_asks_for(mill: Any, tmp_path: Path) -> None:
    result = tmp_path / "result.json"
    gate.main([*arguments(mill), f"--result={result}"])
    verdict = verdicts.require_approved(mill.lake, candidate_digest(mill.digests))
    assert verdict.outcome == "pass"
    assert verdict.digests == mill.digests
    assert {check.status for check in verdict.checks} == {"passed", "info"}
    assert {check.group for check in verdict.checks if check.status == "info"} <= {
        "contract", "completeness", "plausibility", "drift", "removals", "safety"
    }  # fmt: skip
    summary = json.loads(result.read_bytes())["summary"]
    assert (summary["verdict"], summary["subject"]) == ("pass", candidate_digest(mill.digests))
    assert summary["evidence"] == verdict.digest


def test_a_verdict_approves_no_other_digests(mill: Any) -> None:
    gate.main(arguments(mill))
    mill.edit("corpus", lambda row: row.update(title="another"))
    with pytest.raises(NotApproved):
        verdicts.require_approved(mill.lake, candidate_digest(mill.digests))


def test_wrong_removals_block_with_a_sentence_and_a_verdict_that_does_not_approve(mill: Any) -> None:
    break_removals(mill)
    with pytest.raises(GateBlocked, match=r"right removals is 2\.0, bounds \{'max': 0\.0\}.*docs/gate-blocked\.md"):
        gate.main(arguments(mill))
    verdict = verdicts.latest(mill.lake, candidate_digest(mill.digests))
    assert verdict is not None
    failed = {check.name for check in verdict.checks if check.status == "failed"}
    assert failed == {"right removals", "audited removals"}
    record = ledger.ended(mill.lake, "tiny")[-1]
    assert (record["stage"], record["summary"]["verdict"]) == ("gate.snapshot", "block")


def test_a_blocked_gate_has_an_exit_code_of_its_own(mill: Any) -> None:
    break_removals(mill)
    with pytest.raises(SystemExit) as ended:
        run_main(lambda: gate.main(arguments(mill)))
    assert ended.value.code == EXIT_GATE_BLOCKED


def test_a_warning_ends_well_says_that_it_waits_and_releases_nothing(
    mill: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    for i in range(3):
        mill.release(f"past-{i}", date(2024, 1, 1 + i), audit__below_threshold_share=0.0)
    warned = mill.lake.read(mill.digests["metrics"]).to_pylist()
    for row in warned:
        if (row["metric"], row["scope"]) == ("below_threshold_share", "total"):
            row.update(value=0.5, count=300)
    mill.publish("metrics", {"snapshot": (pa.Table.from_pylist(warned, schema=SCHEMAS["metrics"]), None)})
    gate.main(arguments(mill))
    assert "waits for a reviewer, and nothing is released before: removals below threshold is 0.5" in (
        capsys.readouterr().out
    )
    with pytest.raises(NotApproved, match="waits for a reviewer"):
        verdicts.require_approved(mill.lake, candidate_digest(mill.digests))
    verdict = verdicts.latest(mill.lake, candidate_digest(mill.digests))
    assert verdict is not None
    approvals.answer(
        mill.lake, approvals.Answer(verdict.digest, "approve", "ada", "looked at the pairs", "command line")
    )
    gate.main(arguments(mill))
    assert "waits" not in capsys.readouterr().out
    assert verdicts.require_approved(mill.lake, verdict.subject).digest == verdict.digest


def test_the_same_history_gives_the_same_verdict_and_a_newer_one_adds_another(mill: Any) -> None:
    releases = {f"past-{i}": mill.release(f"past-{i}", date(2024, 1, 1 + i)) for i in range(3)}
    gate.main(arguments(mill))
    first = verdicts.require_approved(mill.lake, candidate_digest(mill.digests))
    assert first.past == releases
    gate.main(arguments(mill))
    assert verdicts.latest(mill.lake, first.subject) == first
    release(mill.lake, "tiny", mill.digests)
    mill.release("past-3", date(2024, 2, 1))
    gate.main(arguments(mill))
    stored = [key for key in mill.lake.storage.list(f"verdicts/{first.subject}")]
    assert len(stored) == 2
    assert verdicts.require_approved(mill.lake, first.subject) == first


@pytest.mark.parametrize("released", [True, False])
def test_a_newer_history_that_would_block_lets_a_release_stand_and_no_pass_without_one(
    mill: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str], released: bool
) -> None:
    drift = "kept share drift, metric: decide.kept_share, least: 20, severity: "
    (tmp_path / "blocks.yaml").write_text(mill.profile.gates.read_text().replace(f"{drift}warn", f"{drift}block"))
    profile = mill.profile.source.read_text().replace(str(mill.profile.gates), str(tmp_path / "blocks.yaml"))
    mill.profile.source.write_text(profile)
    rows = mill.lake.read(mill.digests["metrics"]).to_pylist()
    for row in rows:
        row["count"] = 10**6 if (row["metric"], row["scope"]) == ("kept_share", "total") else row["count"]
    mill.publish("metrics", {"snapshot": (pa.Table.from_pylist(rows, schema=SCHEMAS["metrics"]), None)})
    gate.main(arguments(mill))
    first = verdicts.require_approved(mill.lake, candidate_digest(mill.digests))
    assert "newer history" not in capsys.readouterr().out
    if released:
        release(mill.lake, "tiny", mill.digests)
    for i in range(3):
        mill.release(f"past-{i}", date(2024, 1, 1 + i), decide__kept_share=0.99)
    if not released:
        with pytest.raises(GateBlocked, match="kept share drift"):
            gate.main(arguments(mill))
        with pytest.raises(NotApproved, match="kept share drift"):
            release(mill.lake, "tiny", mill.digests)
        return
    gate.main(arguments(mill))
    said = capsys.readouterr().out
    assert "BLOCK" in said
    assert "a newer history judges otherwise; the approval that stands is not taken back" in said
    assert verdicts.require_approved(mill.lake, first.subject) == first


def test_an_exception_widens_its_check_for_its_snapshot_and_is_shown(mill: Any, tmp_path: Path) -> None:
    (tmp_path / "gates").mkdir()
    gates = mill.profile.gates.read_text().replace(*STRICT)
    (tmp_path / "gates" / "strict.yaml").write_text(gates)
    profile = mill.profile.source.read_text().replace(str(mill.profile.gates), str(tmp_path / "gates" / "strict.yaml"))
    mill.profile.source.write_text(profile)
    exception = {"check": "kept share", "snapshots": ["tiny"], "min": 0.1, "reason": "a tiny crawl", "reviewer": "ada"}
    path = tmp_path / "gates" / "exceptions.yaml"
    path.write_text(yaml.safe_dump({"exceptions": [exception]}))
    gate.main(arguments(mill))
    verdict = verdicts.require_approved(mill.lake, candidate_digest(mill.digests))
    (check,) = [check for check in verdict.checks if check.name == "kept share"]
    assert (check.status, check.bound["min"], check.exception) == ("passed", 0.1, "a tiny crawl (ada)")
    path.write_text(yaml.safe_dump({"exceptions": [{**exception, "snapshots": ["another"]}]}))
    with pytest.raises(GateBlocked, match=r"kept share is 0\.4"):
        gate.main(arguments(mill))


def test_a_figure_that_is_missing_blocks_as_an_error(mill: Any) -> None:
    table = mill.lake.read(mill.digests["metrics"])
    keep = [row["metric"] != "wrong_removals" for row in table.to_pylist()]
    mill.publish("metrics", {"snapshot": (table.filter(keep), None)})
    with pytest.raises(GateBlocked, match=r"'decide\.wrong_removals' could not be measured"):
        gate.main(arguments(mill))
    verdict = verdicts.latest(mill.lake, candidate_digest(mill.digests))
    assert verdict is not None
    assert verdict.outcome == "error"


def test_other_bounds_give_a_verdict_of_their_own(mill: Any, tmp_path: Path) -> None:
    gate.main(arguments(mill))
    stricter = mill.profile.gates.read_text().replace(*STRICT)
    (tmp_path / "stricter.yaml").write_text(stricter)
    profile = mill.profile.source.read_text().replace(str(mill.profile.gates), str(tmp_path / "stricter.yaml"))
    mill.profile.source.write_text(profile)
    with pytest.raises(GateBlocked, match="kept share"):
        gate.main(arguments(mill))
    with pytest.raises(NotApproved, match="kept share"):
        verdicts.require_approved(mill.lake, candidate_digest(mill.digests))


@pytest.mark.parametrize(
    ("kind", "scopes"),
    [
        ("snapshot", []),
        ("snapshot", ["--run=r"]),
        ("snapshot", ["--snapshot=tiny", "--run=r"]),
        ("tokens", ["--snapshot=tiny"]),
        ("model", ["--snapshot=tiny", "--run=r"]),
        ("model", []),
    ],
)
def test_a_snapshot_is_judged_by_its_id_and_everything_else_by_its_run(
    kind: str, scopes: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        gate.main([f"--kind={kind}", *scopes])
    assert ended.value.code == 2
    assert "give --snapshot ID with --kind snapshot" in capsys.readouterr().err


def test_a_model_that_beats_both_baselines_is_approved(mill: Any, tmp_path: Path) -> None:
    assert model_verdict(mill, tmp_path).outcome == "pass"


@pytest.mark.parametrize(
    ("changes", "failing"),
    [
        ({"bpb": {**RUN["bpb"], "model": 3.3}}, {"beats unigram"}),  # type: ignore[dict-item]
        ({"bpb": {**RUN["bpb"], "model": 3.7}}, {"beats unigram", "beats untrained"}),  # type: ignore[dict-item]
        ({"loss_last": 8.3}, {"loss fell"}),
    ],
)
def test_a_model_that_learned_nothing_is_blocked(
    mill: Any, tmp_path: Path, changes: dict[str, Any], failing: set[str]
) -> None:
    verdict = model_verdict(mill, tmp_path, **changes)
    assert verdict.outcome == "block"
    assert {check.name for check in verdict.checks if check.status == "failed"} == failing


def test_a_model_is_compared_with_the_promoted_one_of_its_mix(mill: Any, tmp_path: Path) -> None:
    first = model_verdict(mill, tmp_path, mix="m", run_id="one")
    assert next(c for c in first.checks if c.name == "against previous").status == "info"
    promote(mill.lake, first.subject)
    worse = model_verdict(mill, tmp_path, mix="m", run_id="two", bpb={**RUN["bpb"], "model": 2.7})  # type: ignore[dict-item]
    check = next(c for c in worse.checks if c.name == "against previous")
    assert (worse.outcome, check.status) == ("warn", "failed")
    assert check.observed == pytest.approx(0.1)
    assert worse.past == {"m": first.subject}
    again = model_verdict(mill, tmp_path, mix="m", run_id="one")
    assert again == first


@pytest.mark.parametrize(("then", "now", "status"), [(8, 8, "failed"), (8, 3.9, "info"), (3.9, 8, "info")])
def test_models_are_compared_where_both_were_evaluated_on_enough_text(
    mill: Any, tmp_path: Path, then: float, now: float, status: str
) -> None:
    first = model_verdict(mill, tmp_path, mix="m", run_id="one", held_out_bytes={"en": int(then * 1e6)})
    promote(mill.lake, first.subject)
    worse = {**RUN["bpb"], "model": 2.7}  # type: ignore[dict-item]
    second = model_verdict(mill, tmp_path, mix="m", run_id="two", bpb=worse, held_out_bytes={"en": int(now * 1e6)})
    assert {c.name: c.status for c in second.checks}["against previous"] == status
    assert {c.name: c.status for c in second.checks}["beats unigram"] == "passed"


@pytest.mark.parametrize("promotes", [True, False])
def test_a_pass_of_a_model_stands_against_a_newer_history_once_it_is_promoted(
    mill: Any, tmp_path: Path, promotes: bool
) -> None:
    better = model_verdict(mill, tmp_path, mix="m", run_id="one")
    worse = model_verdict(mill, tmp_path, mix="m", run_id="two", bpb={**RUN["bpb"], "model": 2.7})  # type: ignore[dict-item]
    assert (better.outcome, worse.outcome) == ("pass", "pass")
    promote(mill.lake, worse.subject if promotes else better.subject)
    gate.main(arguments(mill, "model", "--run=r1", model=worse.subject))
    assert getattr(verdicts.latest(mill.lake, worse.subject), "outcome", "") == ("pass" if promotes else "warn")


@pytest.mark.parametrize("value", [math.nan, math.inf, None])
def test_a_model_without_a_finite_figure_is_an_error(mill: Any, tmp_path: Path, value: float | None) -> None:
    bpb: dict[str, Any] = {"untrained": 3.7, "unigram": 3.2} | ({} if value is None else {"model": value})
    verdict = model_verdict(mill, tmp_path, bpb=bpb)
    assert verdict.outcome == "error"
    assert {c.name for c in verdict.checks if c.status == "error"} == {"beats untrained", "beats unigram"}
