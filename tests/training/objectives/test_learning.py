"""Each objective learns: trained for seconds on the topics of Python's help, it beats what knows no context.

Tokens are bytes. Every fifth topic is held out. The text comes with Python and changes with nothing of ours.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from pydoc_data.topics import topics
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
CONFIG = ModelConfig(layers=2, width=48, heads=4, kv_heads=2, hidden=96)
VOCABULARY, LENGTH, ROWS = 257, 64, 16
LANGUAGES = ("de", "fr", "pl", "tr")
Texts = list[NDArray[np.uint32]]


def encode(text: str) -> NDArray[np.uint32]:
    """Its bytes, from 1, and an end-of-text."""
    return np.append(np.frombuffer(text.encode(), np.uint8).astype(np.uint32) + 1, np.uint32(0))


@cache
def halves() -> tuple[Texts, Texts]:
    """The topics of Python's help: (trained on, held out)."""
    texts = [encode(topics[name]) for name in sorted(topics) if len(topics[name]) > 200]
    return [text for i, text in enumerate(texts) if i % 5], texts[::5]


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


def objective_of(entry: dict[str, Any]) -> Any:
    return build(TypeAdapter(ObjectiveConfig).validate_python(entry), Specials(VOCABULARY))


def trained(entry: dict[str, Any], texts: Texts, steps: int, rate: float = 5e-3) -> tuple[Learner, Objective]:
    config = TypeAdapter(ObjectiveConfig).validate_python(entry)
    torch.manual_seed(0)
    learner = Learner(Transformer(CONFIG, embedding_size([config], VOCABULARY), 0), [config])
    objective = objective_of(entry)
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


@pytest.mark.parametrize(
    ("entry", "steps"),
    [
        ({"name": "causal"}, 100), ({"name": "prefix"}, 120), ({"name": "middle"}, 130), ({"name": "masked"}, 200),
        ({"name": "span"}, 220), ({"name": "span", "mode": "S"}, 170), ({"name": "span", "mode": "X"}, 130),
    ],
    ids=str,
)  # fmt: skip
def test_predicted_tokens_beat_their_frequencies(entry: dict[str, Any], steps: int) -> None:
    train, test = halves()
    learner, objective = trained(entry, train, steps)
    found = score(learner, objective, test)
    assert found < unigram(objective, train, test, len(learner.trunk.embed.weight)) - 0.1


def phrases(held_out: bool, languages: Sequence[str], words: int) -> list[tuple[NDArray[np.uint32], int]]:
    """(some of a language's commonest words, number of the language); every fifth word is held out."""
    found, draw = [], np.random.default_rng(0)
    for number, language in enumerate(languages):
        text = (ROOT / "data" / "stoplists" / f"{language}.txt").read_text(encoding="utf-8")
        mine = [word for i, word in enumerate(text.split()) if (i % 5 == 0) == held_out]
        found += [(encode(" ".join(draw.choice(mine, words))), number) for _ in range(1600 // len(languages))]
    return found


@pytest.mark.parametrize("view", ["neighbouring", "augmented"])
def test_spans_of_a_document_find_each_other(view: str) -> None:
    """Words of one language among those of others. Chance is one in as many as there are rows, or worse."""
    languages = sorted(path.stem for path in (ROOT / "data" / "stoplists").glob("??.txt"))
    train, test = ([text for text, _ in phrases(held_out, languages, 12)] for held_out in (False, True))
    learner, objective = trained({"name": "contrastive", "view": view}, train, 80)
    assert score(learner, objective, test) < np.log(ROWS) - 0.5


def labelled(path: Path, rows: list[tuple[NDArray[Any], Any]], column: str) -> Path:
    pq.write_table(pa.table({"tokens": [r[0].tolist() for r in rows], column: [r[1] for r in rows]}), path)
    return path


def supervised(entry: dict[str, Any], train: Path, test: Path, steps: int) -> float:
    """Nats per label on held-out documents."""
    known, wanted = (objective_of({**entry, "data": path}).documents(LENGTH) for path in (train, test))
    return score(*trained({**entry, "data": train}, known, steps), wanted)


def surprise(known: NDArray[np.int64], wanted: NDArray[np.int64], classes: int) -> float:
    """Nats per label for the frequencies of the labels that were trained on."""
    shares = np.bincount(known, minlength=classes) + 1.0
    return float(-np.log(shares / shares.sum())[wanted].mean())


def test_classes_of_documents_beat_chance(tmp_path: Path) -> None:
    """Which language words are of that were not among those learned."""
    paths = []
    for held_out in (False, True):
        rows = [(text[:-1], label) for text, label in phrases(held_out, LANGUAGES, 8)]
        paths.append(labelled(tmp_path / f"{held_out}.parquet", rows, "label"))
    found = supervised({"name": "classification", "classes": len(LANGUAGES)}, *paths, 60)
    assert found < np.log(len(LANGUAGES)) / 2


def test_tags_of_tokens_beat_their_frequencies(tmp_path: Path) -> None:
    """Whether a byte is the last letter of a word, which the one behind it says."""

    def tags(text: NDArray[np.uint32]) -> NDArray[np.int64]:
        letter = np.array([97 <= (token - 1 | 32) <= 122 for token in text.tolist()])
        return np.where(letter, 1 + np.append(letter[1:], False), 0)

    rows = [[(text[:LENGTH], tags(text[:LENGTH])) for text in part] for part in halves()]
    paths = [
        labelled(tmp_path / f"{i}.parquet", [(text, found.tolist()) for text, found in part], "labels")
        for i, part in enumerate(rows)
    ]
    found = supervised({"name": "tagging", "classes": 3}, *paths, 60)
    known, wanted = (np.concatenate([found for _, found in part]) for part in rows)
    assert found < surprise(known, wanted, 3) / 2
