"""What a gate judges: the digest, the datasets behind it, its metrics table, and the history that sets bounds."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from gristmill.lake import Lake, sha256_json
from gristmill.profile import Profile
from gristmill.promote import promoted, run_record
from gristmill.release import DATASETS, candidate_digest, current, judged
from gristmill.scores import ALL
from gristmill.settings import read_yaml
from quality import history
from quality.drift import compared
from quality.metrics import Metrics
from quality.tokens import token_metrics

NO_HISTORY = sha256_json([])


@dataclass(frozen=True)
class Subject:
    """`digest` is what the verdict belongs to; `digests` are the datasets behind it, `table` their metrics.

    `past`: what history bounds are made of, snapshot -> metrics table; `releases`: the same by digest, as the verdict
    names it; `history`: the digest of that.
    """

    digest: str
    digests: Mapping[str, str]
    table: pa.Table
    past: Mapping[str, pa.Table] = field(default_factory=dict)
    releases: Mapping[str, str] = field(default_factory=dict)
    history: str = NO_HISTORY


def snapshot_subject(lake: Lake, digests: Mapping[str, str], scope: str, profile: Profile, count: int) -> Subject:
    """A snapshot's datasets together, by the digest that `release` will ask for; compared with `count` releases."""
    named = judged(digests)
    past = history.nearest(lake, scope, count)
    table, tables = compared(lake.read(named["metrics"]), {each.snapshot: each.table for each in past})
    return Subject(
        candidate_digest(named), named, table, tables, {each.snapshot: each.release for each in past},
        history.digest(past),
    )  # fmt: skip


def tokens_subject(lake: Lake, digests: Mapping[str, str], scope: str, profile: Profile, count: int) -> Subject:
    """A token dataset, with rows as long as the profile's pretraining reads."""
    table = token_metrics(lake, digests["tokens"], digests["tokenizer"], _row_length(profile))
    return Subject(digests["tokens"], digests, table)


def _row_length(profile: Profile) -> int | None:
    return read_yaml(profile.pretrain).get("sequence_length") if profile.pretrain.is_file() else None


def beside(kind: str, digests: Mapping[str, str], profile: Profile) -> list[str | int]:
    """What the figures follow from beside the digest that the verdict belongs to: of tokens their tokenizer and the
    length of a row. It is part of the suite's name, so that another length gives another verdict."""
    return [digests["tokenizer"], _row_length(profile) or 0] if kind == "tokens" else []


def model_subject(lake: Lake, digests: Mapping[str, str], scope: str, profile: Profile, count: int) -> Subject:
    """A model with its evaluation: the flat figures of its run.json, against the promoted model of its mix.

    A figure that is absent or no finite number is left out, and so an error: a model that cannot be measured is
    not one with too little data to judge. Without a promoted model before it there is nothing to compare with.
    """
    manifest = lake.manifest(digests["model"])
    run: dict[str, Any] = json.loads(lake.path(manifest.file("run.json")).read_bytes())
    bpb = run.get("bpb", {})
    found = {("train", name): run.get(name) for name in ("loss_first", "loss_last", "tokens", "parameters")}
    found |= {("evaluate", f"bpb_{name}"): value for name, value in bpb.items()}
    found["train", "loss_change"] = _difference(run, "loss_last", "loss_first")
    for baseline in ("untrained", "unigram"):
        found["evaluate", f"bpb_against_{baseline}"] = _difference(bpb, "model", baseline)
    metrics = Metrics()
    before = promoted(lake, run["mix"]) if "mix" in run else None
    if before is None or before.digest == manifest.digest:
        before = None
        metrics.total("evaluate", "bpb_against_previous", None)
    else:
        both = {"model": bpb.get("model"), "previous": before.run.get("bpb", {}).get("model")}
        found["evaluate", "bpb_against_previous"] = _difference(both, "model", "previous")
    held_out = _held_out(run)
    of_both = held_out if before is None else min(held_out, _held_out(before.run))
    for (stage, name), value in found.items():
        if isinstance(value, int | float) and math.isfinite(value):
            size = of_both if name == "bpb_against_previous" else held_out
            metrics.total(stage, name, value, size if stage == "evaluate" else 1)
    releases = {} if before is None else {run["mix"]: before.digest}
    named = sha256_json([[name, digest] for name, digest in releases.items()])
    return Subject(manifest.digest, digests, metrics.table(), {}, releases, named)


def in_force(lake: Lake, kind: str, scope: str, subject: str) -> bool:
    """Whether something rests on an approval of this subject: a snapshot's release, or a mix that has it promoted.

    Tokens have no such pointer; a run may have trained on them once they were approved.
    """
    if kind == "snapshot":
        standing = current(lake, scope)
        return standing is not None and standing.digest == subject
    if kind == "model":
        best = promoted(lake, run_record(lake, subject).get("mix", ""))
        return best is not None and best.digest == subject
    return True


def _held_out(run: Mapping[str, Any]) -> int:
    """Bytes of held-out text that a run was evaluated on; 1 where its record does not say."""
    sizes: Mapping[str, int] = run.get("held_out_bytes", {})
    return max(1, sum(sizes.values()))


def _difference(figures: Mapping[str, Any], left: str, right: str) -> float | None:
    values = figures.get(left), figures.get(right)
    return None if values[0] is None or values[1] is None else values[0] - values[1]


SUBJECTS: Mapping[str, tuple[Callable[[Lake, Mapping[str, str], str, Profile, int], Subject], tuple[str, ...]]] = {
    "snapshot": (snapshot_subject, (*DATASETS, ALL)),
    "tokens": (tokens_subject, ("tokens", "tokenizer")),
    "model": (model_subject, ("model",)),
}
