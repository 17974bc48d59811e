"""Properties of the rows of every objective: they fit, no target leaks, and nothing of the text is lost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from training.batch import collate
from training.model import attention_mask
from training.objectives.base import IGNORED, Objective, Row, Specials

Make = Callable[..., Objective]
Documents = Callable[[int, int], list[NDArray[np.uint32]]]
SPECIALS = Specials(300)
SIZES = st.integers(8, 200)
SEEDS = st.integers(0, 2**32)
ENTRIES: dict[str, dict[str, Any]] = {
    "joined": {"name": "causal"},
    "separate": {"name": "causal", "documents": "separate"},
    "masked": {"name": "masked", "masked": 0.9, "random": 0.1},  # a token that stays is meant to be seen
    "span-r": {"name": "span"},
    "span-s": {"name": "span", "mode": "S"},
    "span-x": {"name": "span", "mode": "X"},
    "span-x64": {"name": "span", "mode": "X", "mean_span": 64},
    "prefix": {"name": "prefix"},
    "middle": {"name": "middle", "rate": 0.9},
}
every_objective = pytest.mark.parametrize("entry", ENTRIES.values(), ids=ENTRIES)


def rows(
    objective: Objective, documents: Documents, length: int, seed: int, share: float = 1.0
) -> tuple[list[NDArray[np.uint32]], Row]:
    texts = documents(max(1, int(share * objective.capacity(length))), seed)
    return texts, objective.row(texts, length, np.random.default_rng(seed))


@pytest.mark.parametrize(
    "entry", [*ENTRIES.values(), {"name": "contrastive"}, {"name": "contrastive", "view": "augmented"}], ids=str
)
@given(length=SIZES, seed=SEEDS, share=st.sampled_from([0.1, 0.6, 1.0]))
@settings(max_examples=60, deadline=None)
def test_a_row_always_fits(
    make: Make, documents: Documents, entry: dict[str, Any], length: int, seed: int, share: float
) -> None:
    objective = make(**entry)
    assert 1 <= objective.capacity(length) <= length
    _, row = rows(objective, documents, length, seed, share)
    assert len(row.tokens) == len(row.targets) == len(row.segments) == len(row.visible) <= length
    assert (np.diff(row.segments, prepend=0) >= 0).all()
    assert set(np.unique(row.segments)) == set(range(1, row.segments.max(initial=0) + 1))
    assert row.tokens.min(initial=0) >= 0
    assert row.tokens.max(initial=0) < SPECIALS.total
    assert row.targets.max(initial=IGNORED) < SPECIALS.total


def reach(row: Row) -> NDArray[np.bool_]:
    """Which places each place knows of through any number of layers, from the mask that attention gets."""
    mask = attention_mask(collate([row], [0], len(row.tokens)))[0, 0].numpy()
    known = mask.copy()
    while (more := known @ mask).sum() > known.sum():
        known = more
    return np.asarray(known)


@every_objective
@given(length=st.integers(8, 80), seed=SEEDS)
@settings(max_examples=25, deadline=None)
def test_no_target_is_known_to_the_place_that_predicts_it(
    make: Make, documents: Documents, entry: dict[str, Any], length: int, seed: int
) -> None:
    """Change one token of the text: a place whose target changes knows of no place whose token changes."""
    objective = make(**entry)
    texts, row = rows(objective, documents, length, seed)
    known = reach(row)
    draw = np.random.default_rng(seed)
    for _ in range(6):
        others = [text.copy() for text in texts]
        text = others[draw.integers(len(others))]
        place = draw.integers(len(text))
        if text[place] == 0:
            continue
        text[place] = text[place] % 299 + 1
        changed = objective.row(others, length, np.random.default_rng(seed))
        asked = row.targets != changed.targets
        assert asked.sum() <= 1
        assert not known[asked][:, row.tokens != changed.tokens].any()
        assert asked.any() or (row.tokens != changed.tokens).any()


@every_objective
@given(length=SIZES, seed=SEEDS)
@settings(max_examples=40, deadline=None)
def test_the_text_can_be_restored_from_tokens_and_targets(
    make: Make, documents: Documents, entry: dict[str, Any], length: int, seed: int
) -> None:
    texts, row = rows(make(**entry), documents, length, seed)
    restored = RESTORE[entry["name"]](row)
    assert restored == [int(token) for text in texts for token in ended(text, entry["name"], restored)]


def ended(text: NDArray[np.uint32], name: str, restored: list[int]) -> list[int]:
    """The text itself; fill-in-the-middle puts an end to what was cut, which is left out of the comparison."""
    if name == "middle":
        restored[:] = [token for token in restored if token]
        return [int(token) for token in text if token]
    return text.tolist()


def restore_causal(row: Row) -> list[int]:
    return row.targets.tolist()


def restore_masked(row: Row) -> list[int]:
    return np.where(row.targets == IGNORED, row.tokens, row.targets).tolist()


def restore_prefix(row: Row) -> list[int]:
    """A document whose place i is not predicted shows its token at place i + 1."""
    return [
        int(target) if target != IGNORED else int(row.tokens[place + 1]) for place, target in enumerate(row.targets)
    ]


def restore_span(row: Row) -> list[int]:
    tokens = row.tokens.tolist()
    size = int(row.visible.sum())
    answer = [*tokens[size : size + 1], *row.targets[size:].tolist()]
    spans: dict[int, list[int]] = {}
    for token in answer:
        if token >= SPECIALS.sentinel(0):
            spans[token] = []
        else:
            spans[list(spans)[-1]].append(token)
    assert list(spans) == [SPECIALS.sentinel(i) for i in range(len(spans))]
    return [word for token in tokens[1:size] for word in spans.get(token, [token])]


def restore_middle(row: Row) -> list[int]:
    """A state machine over the stream: parts are collected between the sentinels."""
    restored: list[int] = []
    parts: dict[int, list[int]] = {}
    names = {SPECIALS.prefix, SPECIALS.suffix, SPECIALS.middle}
    for token in row.targets.tolist():
        if token in names:
            parts[token] = []
        elif not parts:
            restored.append(token)
        elif token == 0:
            suffix = parts.pop(SPECIALS.suffix)
            restored += [word for part in parts.values() for word in part] + suffix + [0]
            parts = {}
        else:
            parts[list(parts)[-1]].append(token)
    assert not parts
    return restored


RESTORE = {
    "causal": restore_causal, "masked": restore_masked, "prefix": restore_prefix, "span": restore_span,
    "middle": restore_middle,
}  # fmt: skip


@every_objective
def test_a_row_is_a_function_of_its_documents_and_the_generator(
    make: Make, documents: Documents, entry: dict[str, Any]
) -> None:
    objective = make(**entry)
    one, same, other = (objective.row(documents(90, 1), 128, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(one.tokens, same.tokens)
    if entry["name"] != "causal" and entry.get("mean_span") != 64:  # whose one span is the row's end, as T5's is
        assert not np.array_equal(one.tokens, other.tokens) or not np.array_equal(one.targets, other.targets)
