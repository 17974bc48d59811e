"""What a step of a training run read: every document of its batch, with its address. No torch here."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import asdict
from pathlib import Path
from typing import Any

from gristmill.addresses import Address, addresses
from gristmill.errors import UserError
from gristmill.lake import Lake
from gristmill.profile import Profile
from gristmill.settings import nearest, parse
from training.config import PretrainConfig
from training.route import read_route
from training.sampler import Sampler, Trained
from training.stream import mapped_stream
from training.tasks import build_sampler


def traced(lake: Lake, profile: Profile, run: str, step: int) -> list[dict[str, Any]]:
    """Every span of a document that the run's step (from 1) read, in the order of the batch's sequences.

    Each has `sequence`, `objective`, `snapshot`, `doc_id`, `start` and `tokens` (its part of the document), and of its
    address `url`, `file`, `offset`, `offsets`. After a rollback a step has read other data; those that count are told.
    Labelled data have no address: there `snapshot` names them and `doc_id` is a row.

    Raises UserError for an unknown run or a step that it does not have.
    """
    request = _request(profile, run)
    config = parse(PretrainConfig, request["config"], f"config of run {run}")
    if not 1 <= step <= config.steps:
        raise UserError(f"run {run} has steps 1 to {config.steps}, not {step}")
    data_step = read_route(Path(request["checkpoints"])).data_step(step - 1)
    spans = _sampler(lake, profile, request, config).documents(data_step)
    found = _addresses(lake, request["tokens"], spans)
    return [{**span.as_dict(), **asdict(found[span.snapshot, span.doc_id])} for span in spans]


def _request(profile: Profile, run: str) -> dict[str, Any]:
    folder = profile.work_dir / "runs"
    known = sorted(path.parent.name for path in folder.glob("*/request.json"))
    if run not in known:
        raise UserError(f"no training run '{run}' in {folder}{nearest(run, known)}; `gristmill status` lists runs")
    request: dict[str, Any] = json.loads((folder / run / "request.json").read_bytes())
    return request


def _sampler(lake: Lake, profile: Profile, request: dict[str, Any], config: PretrainConfig) -> Sampler:
    """The run's own. A verdict that turned bad since hides nothing: it is then that one wants to look."""
    maps = profile.work_dir / "tokens"
    stream = mapped_stream(lake, request["tokens"], "train", maps, profile.objects)
    return build_sampler(
        config.objectives, stream, maps, vocabulary=request["vocabulary"], length=config.sequence_length,
        batch=config.batch_at, seed=config.seed,
    )  # fmt: skip


def _addresses(lake: Lake, tokens: str, spans: list[Trained]) -> dict[tuple[str, int], Address]:
    by_snapshot: dict[str, set[int]] = defaultdict(set)
    for span in spans:
        by_snapshot[span.snapshot].add(span.doc_id)
    return {
        (snapshot, doc_id): address
        for snapshot, doc_ids in by_snapshot.items()
        for doc_id, address in addresses(lake, tokens, snapshot, doc_ids).items()
    }
