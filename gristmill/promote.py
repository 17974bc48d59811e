"""Promotion: the one pointer per mix that says which model is its model."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from gristmill import ledger, verdicts
from gristmill.errors import UserError
from gristmill.lake import Lake, canonical_json
from gristmill.process import resolve_inputs, run_main, say, stage_parser, write_result
from gristmill.profile import load_profile


@dataclass(frozen=True)
class TrainedModel:
    """A promoted model: its digest and the flat record of its run (`run.json` of the model dataset)."""

    digest: str
    run: dict[str, Any]


def run_record(lake: Lake, model: str) -> dict[str, Any]:
    """The run.json of a model dataset."""
    record: dict[str, Any] = json.loads(lake.path(lake.manifest(model).file("run.json")).read_bytes())
    return record


def promote(lake: Lake, model: str) -> bool:
    """Make `model` the model of its mix; False when it is already. A reviewer's approval is stored with it.

    Raises NotApproved without an approving verdict on exactly this digest, UserError when another run won.
    """
    verdict = verdicts.require_approved(lake, model)
    record = run_record(lake, model)
    given = verdicts.approval(lake, verdict)
    body = canonical_json({"model": model} if given is None else {"model": model, "approval": given})
    _point(lake, f"models/runs/{record['run_id']}.json", body)
    return _point(lake, f"models/promoted/{record['mix']}.json", body)


def _point(lake: Lake, key: str, body: bytes) -> bool:
    before = lake.storage.get(key)
    if before == body:
        return False
    if not lake.storage.compare_and_swap(key, before, body):
        raise UserError(f"another run moved {key} meanwhile; see `gristmill status`")
    return True


def promoted(lake: Lake, mix: str) -> TrainedModel | None:
    """The promoted model of a mix, if there is one."""
    data = lake.storage.get(f"models/promoted/{mix}.json")
    if data is None:
        return None
    digest = json.loads(data)["model"]
    return TrainedModel(digest, run_record(lake, digest))


def trained_models(lake: Lake) -> list[TrainedModel]:
    """Every model that was ever promoted, by run id."""
    digests = [json.loads(lake.storage.get(key) or b"{}")["model"] for key in lake.storage.list("models/runs")]
    return [TrainedModel(digest, run_record(lake, digest)) for digest in digests]


def main(argv: list[str] | None = None) -> None:
    """Promote a model as a process."""
    args = stage_parser("Make an approved model the model of its mix.", "--run").parse_args(argv)
    lake = Lake.open(load_profile(args.profile))
    inputs = resolve_inputs(lake, args.run or "", args.input, ("model",))
    with ledger.attempt(
        lake, stage="promote", scope=args.run or "manual", config={}, inputs=inputs, run_id=args.run_id
    ) as attempt:
        changed = promote(lake, inputs["model"])
        attempt.outputs["model"] = inputs["model"]
        attempt.summary["changed"] = changed
    say(f"promote: {inputs['model'][:12]} {'promoted' if changed else 'stands already'}")
    write_result(args.result, attempt.outputs, attempt.summary)


if __name__ == "__main__":
    run_main(main)
