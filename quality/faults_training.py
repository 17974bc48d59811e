"""Faults that the gates before training and before promotion should find, planted in token datasets and in runs.

Each seed draws its documents anew: token counts of lognormal length in a few languages for the tokens; for the model
the bits per byte of held-out documents, of which models of the same mix see different ones.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from gristmill import verdicts
from gristmill.lake import Lake
from gristmill.profile import Profile
from gristmill.promote import promote
from gristmill.schemas import END_OF_TEXT, SCHEMAS
from gristmill.storage import PosixStorage
from quality.faults import ONE
from quality.faults_texts import DrawnFault, Plant
from quality.subjects import model_subject
from quality.tokens import token_metrics

DOCUMENTS, HELD_OUT, ROW, VOCABULARY = 600, 4_000_000, 2048, 4096
"""Documents of a token dataset, bytes of an evaluation (the least that is compared), tokens of a row."""

BYTES = {"en": 4.4, "de": 4.0, "ru": 5.2, "ja": 3.1}
"""Bytes per token."""

Rng = np.random.Generator


@dataclass
class Tokens:
    """A token dataset: rows by split, and what training would read of it."""

    rows: dict[str, list[dict[str, Any]]]
    row: int = ROW
    tokenizers: int = 1

    def metrics(self, folder: Path) -> pa.Table:
        """What the gate before training measures."""
        lake = Lake(PosixStorage(folder))
        entries = [
            lake.write_table("tokens", f"{split}-00000", pa.Table.from_pylist(rows, schema=SCHEMAS["tokens"]))
            for split, rows in self.rows.items()
        ]
        words = {"model": {"vocab": {f"w{i}": i for i in range(1, VOCABULARY)}}, "added_tokens": [{"id": END_OF_TEXT}]}
        (folder / "tokenizer.json").write_text(json.dumps(words))
        names = ["tokenizer.json", "another.json"][: self.tokenizers]
        tokenizer = lake.publish(
            "tokenizer", [lake.write_file("tokenizer", name, folder / "tokenizer.json") for name in names], {}
        )
        return token_metrics(lake, lake.publish("tokens", entries, {}).digest, tokenizer.digest, self.row)


def _tokens(rng: Rng) -> Tokens:
    rows = []
    lengths = np.exp(rng.normal(5.3, 0.9, DOCUMENTS)).astype(int).clip(5, 20_000).tolist()
    languages = rng.choice(list(BYTES), DOCUMENTS, p=[0.6, 0.2, 0.1, 0.1]).tolist()
    for number, (length, language) in enumerate(zip(lengths, languages, strict=True)):
        size = int(length * BYTES[language] * math.exp(rng.normal(0, 0.15)))
        ids = [*rng.integers(1, VOCABULARY, length).tolist(), END_OF_TEXT]
        rows.append({"snapshot": "s", "doc_id": number, "language": language, "bytes": size, "tokens": ids})
    held = DOCUMENTS // 12
    return Tokens({"train": rows[held:], "validation": rows[:held]})


Change = Callable[[Tokens, float], None]


def _split(name: str, keep: Callable[[float], float]) -> Change:
    def change(found: Tokens, size: float) -> None:
        rows = found.rows[name]
        found.rows[name] = rows[: round(keep(size) * len(rows))]

    return change


def _both(found: Tokens, size: float) -> None:
    found.rows["train"].append(found.rows["validation"][0])


def _last(token: int) -> Change:
    def change(found: Tokens, size: float) -> None:
        row = found.rows["train"][0]
        row["tokens"] = [*row["tokens"][:-1], token, *([END_OF_TEXT] if token >= VOCABULARY else [])]

    return change


def _fewer_bytes(*languages: str) -> Change:
    def change(found: Tokens, size: float) -> None:
        for row in (row for rows in found.rows.values() for row in rows if row["language"] in languages):
            row["bytes"] = int(row["bytes"] * (1 - size))

    return change


def _long_row(found: Tokens, size: float) -> None:
    found.row = math.ceil(size * sum(len(row["tokens"]) for row in found.rows["train"]))


def _short_row(found: Tokens, size: float) -> None:
    found.row = int(np.quantile([len(row["tokens"]) for row in found.rows["train"]], 1 - size))


def _two_tokenizers(found: Tokens, size: float) -> None:
    found.tokenizers = 2


def _tokens_of(change: Change) -> Plant:
    def plant(folder: Path, seed: int, size: float) -> pa.Table:
        found = _tokens(np.random.default_rng(seed))
        if size:
            change(found, size)
        return found.metrics(folder)

    return plant


@dataclass
class Run:
    """A run's record, of which bits per byte are those of its own `held_out` bytes."""

    loss_first: float
    loss_last: float
    held_out: int
    bpb: dict[str, float] = field(default_factory=dict)

    def published(self, lake: Lake, folder: Path, name: str) -> str:
        record = {
            "run_id": name, "mix": "m", "tokens": 10**6, "parameters": 10**6, "loss_first": self.loss_first,
            "loss_last": self.loss_last, "bpb": self.bpb, "held_out_bytes": {"en": self.held_out},
        }  # fmt: skip
        (folder / "run.json").write_text(json.dumps(record))
        return lake.publish("model", [lake.write_file("model", "run.json", folder / "run.json")], {}).digest


def _run(rng: Rng) -> Run:
    size = np.exp(rng.normal(7.3, 0.9, HELD_OUT // 1600))
    size = size[: np.searchsorted(size.cumsum(), HELD_OUT) + 1]
    bits = rng.normal(1.2, 0.2, len(size))
    bpb = float((bits * size).sum() / size.sum())
    first = math.log(VOCABULARY) + rng.normal(0, 0.05)
    last = first - abs(rng.normal(4, 0.3))
    return Run(first, last, round(size.sum()), {"model": bpb, "untrained": 2.3 * bpb, "unigram": 1.6 * bpb})


def _model_of(change: Callable[[Run, float], None]) -> Plant:
    """A run after a promoted one of the same mix."""

    def plant(folder: Path, seed: int, size: float) -> pa.Table:
        rng, lake = np.random.default_rng(seed), Lake(PosixStorage(folder))
        before, now = _run(rng), _run(rng)
        if size:
            change(now, size)
        first, second = before.published(lake, folder, "before"), now.published(lake, folder, "now")
        verdicts.record(
            lake, subject=first, kind="model", suite="s", history="h", outcome="pass", checks=[],
            digests={"model": first},
        )  # fmt: skip
        promote(lake, first)
        return model_subject(lake, {"model": second}, "now", _profile(folder), 0).table

    return plant


def _profile(folder: Path) -> Profile:
    return Profile(
        name="drawn", source=folder, root=folder, work_dir=folder, lake=folder, policy=folder, gates=folder, mix=folder,
        pretrain=folder,
    )  # fmt: skip


def _loss(name: Literal["loss_first", "loss_last"], value: float) -> Callable[[Run, float], None]:
    return lambda run, size: setattr(run, name, value)


def _no_fall(run: Run, size: float) -> None:
    run.loss_last = run.loss_first


def _as_good_as(baseline: str) -> Callable[[Run, float], None]:
    """A share of what the model is better is lost."""

    def change(run: Run, size: float) -> None:
        run.bpb["model"] += size * (run.bpb[baseline] - run.bpb["model"])

    return change


def _worse(run: Run, size: float) -> None:
    run.bpb["model"] += size


TOKEN_FAULTS = (
    DrawnFault("training documents", "(no document at all)", ONE, _tokens_of(_split("train", lambda s: 0))),
    DrawnFault("training tokens", "of 165,000 training tokens lost", (0.9, 0.95, 0.97, 0.98, 0.99),
               _tokens_of(_split("train", lambda s: 1 - s))),
    DrawnFault("held-out documents", "(no held-out document)", ONE, _tokens_of(_split("validation", lambda s: 0))),
    DrawnFault("splits apart", "document in both splits", ONE, _tokens_of(_both)),
    DrawnFault("tokens known", "token beyond the vocabulary", ONE, _tokens_of(_last(VOCABULARY))),
    DrawnFault("unknown share", "token of 180,000 beyond the vocabulary", ONE, _tokens_of(_last(VOCABULARY))),
    DrawnFault("documents ended", "document without its end", ONE, _tokens_of(_last(1))),
    DrawnFault("bytes per token", "fewer bytes a token", (0.5, 0.6, 0.7, 0.75, 0.8), _tokens_of(_fewer_bytes(*BYTES))),
    DrawnFault("bytes per token by language", "fewer bytes a token, in German alone", (0.5, 0.6, 0.7, 0.75, 0.8),
               _tokens_of(_fewer_bytes("de"))),
    DrawnFault("packing waste", "of the training tokens in one row", (0.03, 0.06, 0.07, 0.09, 0.3),
               _tokens_of(_long_row)),
    DrawnFault("documents cut", "of the documents longer than a row", (0.4, 0.45, 0.5, 0.55, 0.6),
               _tokens_of(_short_row)),
    DrawnFault("tokenizer", "(two tokenizers)", ONE, _tokens_of(_two_tokenizers)),
)  # fmt: skip
MODEL_FAULTS = (
    DrawnFault("first loss", "(not a finite number)", ONE, _model_of(_loss("loss_first", math.nan))),
    DrawnFault("last loss", "(not a finite number)", ONE, _model_of(_loss("loss_last", math.inf))),
    DrawnFault("loss fell", "(as high at the end as at first)", ONE, _model_of(_no_fall)),
    DrawnFault("beats untrained", "of the gain over the untrained model lost", (0.9, 0.99, 1.0),
               _model_of(_as_good_as("untrained"))),
    DrawnFault("beats unigram", "of the gain over the unigram model lost", (0.9, 0.99, 1.0),
               _model_of(_as_good_as("unigram"))),
    DrawnFault("against previous", "{:g} bits per byte more than before", (0.01, 0.02, 0.03, 0.04, 0.05),
               _model_of(_worse)),
)  # fmt: skip
