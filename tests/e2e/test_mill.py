"""The whole mill through a real scheduler, on tiny crawls."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gristmill import release, verdicts
from gristmill.mixes import load_mix, request_id
from gristmill.promote import promoted
from gristmill.service.client import JSON, ServiceError
from gristmill.service.processes import processes
from quality.report import pointers

if TYPE_CHECKING:
    from tests.e2e.conftest import Mill

pytestmark = pytest.mark.airflow

STAGES = [
    "extract", "annotate", "deduplicate", "decide", "curate", "measure", "gate", "report", "reported", "approval",
    "release", "last_report", "finish",
]  # fmt: skip


@pytest.mark.parametrize("key", [None, "tiny", "tiny-A\n", "../tiny-A"])
def test_a_run_without_a_known_key_is_refused_with_a_sentence(mill: Mill, key: str | None) -> None:
    with pytest.raises(ServiceError, match="The catalogue has tiny-A, tiny-B, broken") as refused:
        mill.client.trigger("crawl_snapshot", partition_key=key)
    assert refused.value.status == 400


@pytest.mark.parametrize(
    "conf", [{"steps": 0}, {"zero_stage": 4}, {"seed": "1"}, {"snapshots": ["a b"]}, {"model_size": "../x"}]
)
def test_the_form_of_a_training_request_is_validated(mill: Mill, conf: dict[str, object]) -> None:
    with pytest.raises(ServiceError, match="Invalid input for param") as refused:
        mill.client.trigger("pretrain", conf=conf)
    assert refused.value.status == 400


def test_the_api_server_loads_neither_spark_nor_torch(mill: Mill) -> None:
    names = {
        part
        for each in processes()
        if b"api_server" in _title(each.pid) and _is_ours(mill, each.pid)
        for part in _mapped(each.pid)
    }
    assert any("pydantic_core" in name for name in names), "the API server was not found"
    assert not [name for name in names if "torch" in name or "pyspark" in name]


def test_a_range_without_snapshots_is_an_error_that_says_where_to_look(mill: Mill) -> None:
    done = mill.command("backfill", "--from", "1999-01-01", "--to", "1999-12-31")
    assert done.returncode == 2
    assert "no snapshot from 1999-01-01 to 1999-12-31" in done.stderr


def test_the_schedule_catches_up_with_one_run_per_snapshot(mill: Mill, scheduled: dict[str, JSON]) -> None:
    assert sorted(scheduled) == ["broken", "tiny-A", "tiny-B"]
    for key in ("tiny-A", "tiny-B"):
        assert scheduled[key]["state"] == "success"
        assert mill.states("crawl_snapshot", scheduled[key]["dag_run_id"]) == dict.fromkeys(STAGES, "success")


def test_each_snapshot_is_released_with_an_approving_verdict(mill: Mill, scheduled: dict[str, JSON]) -> None:
    for found in release.releases(mill.lake):
        assert verdicts.require_approved(mill.lake, found.digest).kind == "snapshot"
    assert [found.snapshot for found in release.releases(mill.lake)] == ["tiny-A", "tiny-B"]


def test_the_complete_mix_is_trained_once_and_its_model_promoted(mill: Mill, pretrained: JSON) -> None:
    mix = load_mix(mill.profile.mix)
    assert pretrained["state"] == "success", mill.states("pretrain", pretrained["dag_run_id"])
    assert pretrained["dag_run_id"] == request_id(mill.lake, mix)
    assert len(mill.client.runs("pretrain")) == 1
    model = promoted(mill.lake, mix.name)
    assert model is not None
    assert model.run["bpb"]["model"] < min(model.run["bpb"]["untrained"], model.run["bpb"]["unigram"])


def test_a_truncated_crawl_is_blocked_red_and_reported(mill: Mill, scheduled: dict[str, JSON]) -> None:
    run = scheduled["broken"]
    states = mill.states("crawl_snapshot", run["dag_run_id"])
    assert run["state"] == "failed"
    assert states == {
        **dict.fromkeys(STAGES[:6], "success"), "gate": "failed", "report": "success", "reported": "success",
        "approval": "upstream_failed", "release": "upstream_failed", "last_report": "success",
        "finish": "upstream_failed",
    }  # fmt: skip
    log = "\n".join(mill.client.log("crawl_snapshot", run["dag_run_id"], "gate", 1))
    assert "lost bytes" in log
    assert "docs/gate-blocked.md" in log
    assert run["dag_run_id"] in [found["run_id"] for found in pointers(mill.lake)]


def test_a_blocked_crawl_releases_and_starts_nothing(mill: Mill, scheduled: dict[str, JSON], pretrained: JSON) -> None:
    assert release.current(mill.lake, "broken") is None
    assert {run["partition_key"] for run in mill.client.runs("corpus_ready")} == {"tiny-A", "tiny-B"}
    assert len(mill.client.runs("pretrain")) == 1


def test_status_names_what_is_done_and_the_command_for_what_is_not(mill: Mill, pretrained: JSON) -> None:
    done = mill.command("status", "--json")
    found = json.loads(done.stdout)
    snapshots = {entry["snapshot"]: entry for entry in found["snapshots"]}
    assert [snapshots[key]["released"] for key in ("tiny-A", "tiny-B", "broken")] == [True, True, False]
    assert snapshots["broken"]["verdict"] == "block"
    assert snapshots["broken"]["backfill"].endswith("backfill --from 2026-03-02 --to 2026-03-02")
    for key in ("tiny-A", "tiny-B"):
        entry = snapshots[key]
        assert entry["records_in"] == entry["documents"] + sum(entry["rejected"].values()) + entry["quarantined"]
        assert entry["documents"] == entry["kept"] + entry["duplicates"] + sum(entry["removed"].values())
    assert [run["promoted"] for run in found["training_runs"]] == [True]
    assert Path(found["training_runs"][0]["weights"]).is_file()


def test_every_released_byte_is_verified_and_garbage_is_only_what_nothing_names(mill: Mill, pretrained: JSON) -> None:
    assert mill.command("gc", "--min-age", "0").returncode == 0
    done = mill.command("verify")
    assert done.returncode == 0, done.stderr
    assert " 0 damaged" in done.stdout


def test_a_backfill_runs_a_snapshot_again_with_the_same_release_and_no_new_training(
    mill: Mill, pretrained: JSON
) -> None:
    before = release.current(mill.lake, "tiny-A")
    done = mill.command("backfill", "--from", "2026-01-05", "--to", "2026-01-05", "--reprocess", "completed")
    assert done.returncode == 0, done.stderr
    newest = mill.finished("crawl_snapshot", 4)[0]
    assert (newest["partition_key"], newest["state"]) == ("tiny-A", "success")
    assert release.current(mill.lake, "tiny-A") == before
    mill.finished("corpus_ready", 3)
    assert len(mill.client.runs("pretrain")) == 1


def _is_ours(mill: Mill, pid: int) -> bool:
    try:
        return Path(os.readlink(f"/proc/{pid}/cwd")) == mill.home.folder.resolve()
    except OSError:
        return False


def _title(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def _mapped(pid: int) -> set[str]:
    lines = Path(f"/proc/{pid}/maps").read_text(encoding="utf-8", errors="replace").splitlines()
    return {line.split(maxsplit=5)[5] for line in lines if len(line.split(maxsplit=5)) == 6}
