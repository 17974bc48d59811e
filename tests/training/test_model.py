"""The transformer against a plain re-implementation that shares none of its code."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from training.config import ModelConfig
from training.model import Transformer

CONFIG = ModelConfig(layers=2, width=24, heads=6, kv_heads=2, hidden=40)
VOCABULARY = 50


def make_model(seed: int = 3) -> Transformer:
    model = Transformer(CONFIG, VOCABULARY, seed)
    with torch.no_grad():  # weights that matter: the initial ones are so small that attention is uniform
        for parameter in model.parameters():
            parameter.mul_(8.0 if parameter.dim() > 1 else 1.3)
    return model


def plain_logits(model: Transformer, tokens: list[int]) -> np.ndarray:
    """One sequence, position by position and head by head, in float64."""
    weights = {name: value.detach().double().numpy() for name, value in model.named_parameters()}
    stream = weights["embed.weight"][tokens]
    for layer in range(CONFIG.layers):
        mine = {k.removeprefix(f"blocks.{layer}."): v for k, v in weights.items() if k.startswith(f"blocks.{layer}.")}
        stream = stream + plain_attention(mine, plain_norm(stream, mine["attention_norm.weight"]))
        x = plain_norm(stream, mine["feed_norm.weight"])
        gate, up = np.split(x @ mine["feed.gate_up.weight"].T, 2, axis=1)
        stream = stream + (gate / (1 + np.exp(-gate)) * up) @ mine["feed.down.weight"].T
    return plain_norm(stream, weights["norm.weight"]) @ weights["embed.weight"].T


def plain_norm(x: np.ndarray, weight: np.ndarray) -> np.ndarray:
    return x / np.sqrt((x**2).mean(axis=1, keepdims=True) + CONFIG.norm_epsilon) * weight


def plain_rope(vector: np.ndarray, position: int) -> np.ndarray:
    """Dimension i and i + half are one complex number, turned by position / base^(2i / d)."""
    half = len(vector) // 2
    turn = np.exp(1j * position * 10_000.0 ** (-2 * np.arange(half) / len(vector)))
    turned = (vector[:half] + 1j * vector[half:]) * turn
    return np.concatenate([turned.real, turned.imag])


def plain_attention(mine: dict[str, np.ndarray], x: np.ndarray) -> np.ndarray:
    size = CONFIG.width // CONFIG.heads
    queries = (x @ mine["attention.query.weight"].T).reshape(len(x), CONFIG.heads, size)
    keys, values = np.split(x @ mine["attention.key_value.weight"].T, 2, axis=1)
    keys, values = (part.reshape(len(x), CONFIG.kv_heads, size) for part in (keys, values))
    mixed = np.zeros_like(queries)
    for head in range(CONFIG.heads):
        shared = head // (CONFIG.heads // CONFIG.kv_heads)
        for now in range(len(x)):
            query = plain_rope(queries[now, head], now)
            scores = np.array([query @ plain_rope(keys[t, shared], t) for t in range(now + 1)]) / math.sqrt(size)
            weight = np.exp(scores - scores.max())
            mixed[now, head] = weight / weight.sum() @ values[: now + 1, shared]
    return mixed.reshape(len(x), -1) @ mine["attention.out.weight"].T


def test_logits_are_those_of_a_plain_implementation() -> None:
    model = make_model()
    tokens = [1, 7, 7, 49, 0, 12, 30, 2, 5]
    with torch.no_grad():
        found = model(torch.tensor([tokens, tokens[::-1]]))
    np.testing.assert_allclose(found[0], plain_logits(model, tokens), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(found[1], plain_logits(model, tokens[::-1]), rtol=1e-4, atol=1e-4)


def test_a_later_token_never_changes_an_earlier_logit() -> None:
    model = make_model()
    tokens = torch.arange(12)[None]
    with torch.no_grad():
        before = model(tokens)
        for changed in range(1, 12):
            other = tokens.clone()
            other[0, changed] = 40
            after = model(other)
            torch.testing.assert_close(after[:, :changed], before[:, :changed])
            assert not torch.allclose(after[:, changed:], before[:, changed:])


def test_the_loss_is_the_mean_surprise_of_the_targets() -> None:
    model = make_model()
    tokens, targets = torch.tensor([[3, 1, 4]]), torch.tensor([[1, 4, 1]])
    logits = plain_logits(model, [3, 1, 4])
    chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    wanted = -np.log([chances[0, 1], chances[1, 4], chances[2, 1]]).mean()
    assert model(tokens, targets).item() == pytest.approx(wanted, rel=1e-4)


def test_parameters_are_counted_with_the_tied_embedding_once() -> None:
    c = CONFIG
    attention = 2 * c.width * c.width + 2 * c.width * c.kv_heads * (c.width // c.heads)
    block = attention + 3 * c.width * c.hidden + 2 * c.width
    assert make_model().parameter_count == VOCABULARY * c.width + c.layers * block + c.width


def test_a_seed_gives_one_model_whose_first_loss_is_that_of_a_uniform_guess() -> None:
    one, same, other = (Transformer(CONFIG, VOCABULARY, seed) for seed in (1, 1, 2))
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), same.parameters(), strict=True))
    assert not torch.equal(one.embed.weight, other.embed.weight)
    tokens = torch.arange(40)[None]
    assert one(tokens, tokens.roll(1)).item() == pytest.approx(math.log(VOCABULARY), rel=0.02)


@pytest.mark.parametrize("change", [{"heads": 5}, {"kv_heads": 4}, {"heads": 24, "kv_heads": 8}])
def test_a_shape_that_does_not_divide_is_refused(change: dict[str, int]) -> None:
    with pytest.raises(ValidationError, match="whole number"):
        ModelConfig(**{**CONFIG.model_dump(), **change})
