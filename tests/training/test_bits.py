"""Bits per byte against brute force."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from training.batch import plain_batch
from training.bits import BitsPerByte, Document, held_out, model_bits, unigram_bits
from training.config import ModelConfig
from training.model import Transformer

VOCABULARY = 20


def document(language: str, size: int, *tokens: int) -> Document:
    return Document(language, size, np.array(tokens, np.int64))


def make_model() -> Transformer:
    model = Transformer(ModelConfig(layers=1, width=16, heads=2, kv_heads=1, hidden=16), VOCABULARY, seed=0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(6.0 if parameter.dim() > 1 else 1.0)
    return model


def brute_force_nats(model: Transformer, tokens: list[int], length: int) -> float:
    """Token by token, each with exactly the context that it may see."""
    text, total = [0, *tokens], 0.0
    for place in range(1, len(text)):
        start = (place - 1) // length * length
        with torch.no_grad():
            logits = model.logits(model(plain_batch(torch.tensor([text[start:place]]))))[0, -1]
        total -= torch.log_softmax(logits, 0)[text[place]].item()
    return total


@pytest.mark.parametrize("length", [3, 4, 8, 50])
def test_every_token_is_scored_once_with_the_context_of_its_window(length: int) -> None:
    model = make_model()
    draw = np.random.default_rng(1)
    documents = [
        document("en" if size % 2 else "de", 3 * size + 1, *draw.integers(1, VOCABULARY, size))
        for size in (1, 2, 3, 4, 5, 8, 9, 17, 24)
    ]
    found = model_bits(model, documents, length, VOCABULARY, batch_tokens=4 * length)
    for language in ("de", "en"):
        mine = [d for d in documents if d.language == language]
        nats = sum(brute_force_nats(model, d.tokens.tolist(), length) for d in mine)
        assert found.languages[language] == pytest.approx(nats / math.log(2) / sum(d.bytes for d in mine), rel=1e-4)


def test_the_overall_figure_weighs_languages_by_their_bytes() -> None:
    bits = BitsPerByte()
    bits.add(document("en", 30), 30 * math.log(2))
    bits.add(document("de", 10), 0.0)
    bits.add(document("en", 10), 10 * math.log(2) * 3)
    assert bits.languages == {"de": 0.0, "en": pytest.approx(60 / 40)}
    assert bits.overall == pytest.approx(60 / 50)


def test_a_unigram_model_is_counts_plus_one_without_end_of_text() -> None:
    stream = np.array([1, 1, 2, 0, 1, 0], np.uint32)
    found = unigram_bits([document("en", 8, 1, 2, 3)], stream, vocabulary=4)
    chances = [4 / 7, 2 / 7, 1 / 7]
    assert found.overall == pytest.approx(-sum(map(math.log2, chances)) / 8)


def test_held_out_documents_are_those_of_the_validation_split_without_end_of_text(
    benches: Callable[..., Any], tmp_path: Path
) -> None:
    bench = benches(tmp_path)
    rows = bench.lake.read(bench.tokens).to_pylist()[-8:]
    found = held_out(bench.lake, bench.tokens)
    assert [d.tokens.tolist() for d in found] == [row["tokens"][:-1] for row in rows]
    assert [(d.language, d.bytes) for d in found] == [(row["language"], row["bytes"]) for row in rows]


def test_special_tokens_of_objectives_are_no_text() -> None:
    wide = Transformer(ModelConfig(layers=1, width=16, heads=2, kv_heads=1, hidden=16), VOCABULARY + 9, seed=0)
    found = model_bits(wide, [document("en", 8, 1, 2, 3)], 4, VOCABULARY).overall
    everything = model_bits(wide, [document("en", 8, 1, 2, 3)], 4, VOCABULARY + 9).overall
    assert found < everything - 0.1
