"""Each objective learns: trained for seconds on this repository's documentation, it beats what knows no context.

Tokens are bytes. Every fifth section is held out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from numpy.typing import NDArray
from pydantic import TypeAdapter

from gristmill.packing import plan
from training.batch import Batch, collate
from training.config import ModelConfig
from training.losses import Learner
from training.model import Transformer
from training.objectives.base import IGNORED, Objective, Specials
from training.objectives.config import ObjectiveConfig, build, embedding_size

pytestmark = pytest.mark.train

ROOT = Path(__file__).parents[3]
CONFIG = ModelConfig(layers=2, width=64, heads=4, kv_heads=2, hidden=128)
VOCABULARY, LENGTH, ROWS = 257, 96, 16
Texts = list[NDArray[np.uint32]]


@cache
def sections() -> list[tuple[int, str]]:
    """(number of the page, text) of the sections of the documentation."""
    pages = sorted([*ROOT.glob("docs/*.md"), ROOT / "README.md", ROOT / "CONTRIBUTING.md"])
    texts = [(number, page.read_text(encoding="utf-8").split("\n## ")) for number, page in enumerate(pages)]
    return [(number, text) for number, parts in texts for text in parts if len(text) > 200]


def encode(text: str) -> NDArray[np.uint32]:
    """Bytes from 1, and end-of-text."""
    return np.append(np.frombuffer(text.encode(), np.uint8).astype(np.uint32) + 1, np.uint32(0))


def halves() -> tuple[Texts, Texts]:
    """(trained on, held out)"""
    texts = [encode(text) for _, text in sections()]
    return [t for i, t in enumerate(texts) if i % 5], texts[::5]


def batches(objective: Objective, texts: Texts, seed: int) -> Iterator[Batch]:
    """Endless, in a new order and with new draws every epoch."""
    packed = plan(np.array([len(text) for text in texts]), objective.capacity(LENGTH))
    draw = np.random.default_rng(seed)
    while True:
        order = draw.permutation(packed.count)
        for start in range(0, len(order) - ROWS + 1, ROWS):
            spans = [packed.row(int(row)).tolist() for row in order[start : start + ROWS]]
            rows = [objective.row([texts[d][s : s + n] for d, s, n in row], LENGTH, draw) for row in spans]
            yield collate(rows, [0] * ROWS, LENGTH)


def trained(entry: dict[str, Any], texts: Texts, steps: int, rate: float = 4e-3) -> tuple[Learner, Objective]:
    config = TypeAdapter(ObjectiveConfig).validate_python(entry)
    torch.manual_seed(0)
    learner = Learner(Transformer(CONFIG, embedding_size([config], VOCABULARY), 0), [config])
    objective = build(config, Specials(VOCABULARY))
    optimizer = torch.optim.AdamW(learner.parameters(), lr=rate, betas=(0.9, 0.95), weight_decay=0.01)
    for step, batch in zip(range(steps), batches(objective, texts, 1), strict=False):
        optimizer.param_groups[0]["lr"] = rate * min(1.0, (step + 1) / 20, 2 * (1 - step / steps))
        loss, _ = learner(batch, learner.denominators(learner.counts([batch])))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(learner.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
    return learner, objective


@torch.no_grad()
def score(learner: Learner, objective: Objective, texts: Texts, count: int = 6) -> float:
    """Nats per unit on held-out rows."""
    sums = torch.zeros(1, 2)
    for _, batch in zip(range(count), batches(objective, texts, 2), strict=False):
        sums += learner(batch, learner.denominators(learner.counts([batch])))[1]
    return float(sums[0, 0] / sums[0, 1])


def unigram(objective: Objective, train: Texts, test: Texts, entries: int, count: int = 6) -> float:
    """Nats per target of held-out rows for the distribution of the targets of training rows, with add-one."""
    targets = [
        torch.cat([b.targets.flatten() for _, b in zip(range(n), batches(objective, texts, seed), strict=False)])
        for texts, seed, n in ((train, 1, 60), (test, 2, count))
    ]
    known, wanted = (t[t != IGNORED] for t in targets)
    shares = torch.bincount(known, minlength=entries).double() + 1
    return float(-(shares / shares.sum()).log()[wanted].mean())
