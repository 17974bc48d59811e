"""The transformer against a plain re-implementation that shares none of its code."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from training.batch import Batch, collate, plain_batch
from training.config import ModelConfig
from training.model import Transformer, attention_mask
from training.objectives.base import IGNORED, Row

CONFIG = ModelConfig(layers=2, width=24, heads=6, kv_heads=2, hidden=40)
VOCABULARY = 50


def make_model(seed: int = 3) -> Transformer:
    model = Transformer(CONFIG, VOCABULARY, seed)
    with torch.no_grad():  # weights that matter: the initial ones are so small that attention is uniform
        for parameter in model.parameters():
            parameter.mul_(8.0 if parameter.dim() > 1 else 1.3)
    return model


def logits(model: Transformer, batch: Batch) -> torch.Tensor:
    with torch.no_grad():
        return model.logits(model(batch))


def plain_logits(
    model: Transformer, tokens: list[int], sees: list[list[int]] | None = None, positions: list[int] | None = None
) -> np.ndarray:
    """One sequence, position by position and head by head, in float64; causal unless `sees` says who sees whom."""
    sees = sees or [list(range(now + 1)) for now in range(len(tokens))]
    positions = positions or list(range(len(tokens)))
    weights = {name: value.detach().double().numpy() for name, value in model.named_parameters()}
    stream = weights["embed.weight"][tokens]
    for layer in range(CONFIG.layers):
        mine = {k.removeprefix(f"blocks.{layer}."): v for k, v in weights.items() if k.startswith(f"blocks.{layer}.")}
        stream = stream + plain_attention(mine, plain_norm(stream, mine["attention_norm.weight"]), sees, positions)
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


def plain_attention(
    mine: dict[str, np.ndarray], x: np.ndarray, sees: list[list[int]], positions: list[int]
) -> np.ndarray:
    size = CONFIG.width // CONFIG.heads
    queries = (x @ mine["attention.query.weight"].T).reshape(len(x), CONFIG.heads, size)
    keys, values = np.split(x @ mine["attention.key_value.weight"].T, 2, axis=1)
    keys, values = (part.reshape(len(x), CONFIG.kv_heads, size) for part in (keys, values))
    mixed = np.zeros_like(queries)
    for head in range(CONFIG.heads):
        shared = head // (CONFIG.heads // CONFIG.kv_heads)
        for now in range(len(x)):
            query = plain_rope(queries[now, head], positions[now])
            turned = [plain_rope(keys[t, shared], positions[t]) for t in sees[now]]
            scores = np.array([query @ key for key in turned]) / math.sqrt(size)
            weight = np.exp(scores - scores.max())
            mixed[now, head] = weight / weight.sum() @ values[sees[now], shared]
    return mixed.reshape(len(x), -1) @ mine["attention.out.weight"].T


def test_logits_are_those_of_a_plain_implementation() -> None:
    model = make_model()
    tokens = [1, 7, 7, 49, 0, 12, 30, 2, 5]
    found = logits(model, plain_batch(torch.tensor([tokens, tokens[::-1]])))
    np.testing.assert_allclose(found[0], plain_logits(model, tokens), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(found[1], plain_logits(model, tokens[::-1]), rtol=1e-4, atol=1e-4)


def row(tokens: list[int], segments: list[int], visible: list[int]) -> Row:
    return Row(
        np.array(tokens), np.full(len(tokens), IGNORED), np.array(segments, np.int32), np.array(visible, bool)
    )  # fmt: skip


def test_segments_and_visible_tokens_decide_who_sees_whom() -> None:
    model = make_model()
    tokens, segments, visible = [4, 9, 9, 2, 30, 31, 8, 8], [1, 1, 1, 2, 2, 2, 2, 3], [0, 0, 0, 1, 1, 0, 0, 1]
    batch = collate([row(tokens, segments, visible), row([5, 6, 7, 8, 9, 3], [1] * 6, [0] * 6)], [0, 0], 10)
    sees = [
        [t for t in range(8) if segments[t] == segments[now] and (t <= now or visible[t])] for now in range(8)
    ]  # fmt: skip
    wanted = plain_logits(model, tokens, sees, [0, 1, 2, 0, 1, 2, 3, 0])
    assert not batch.plain
    found = logits(model, batch)
    np.testing.assert_allclose(found[0, :8], wanted, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(found[1, :6], plain_logits(model, [5, 6, 7, 8, 9, 3]), rtol=1e-4, atol=1e-4)
    assert found.isfinite().all()  # of padding, too, whose places see themselves


def test_a_plain_batch_means_the_same_with_a_mask() -> None:
    model = make_model()
    batch = collate([row([1, 2, 3, 4, 5], [1] * 5, [0] * 5), row([6, 7, 8], [1] * 3, [0] * 3)], [0, 0], 5)
    assert batch.plain
    masked = Batch(**{**vars(batch), "plain": False})
    assert attention_mask(masked)[0, 0].tolist() == np.tri(5, dtype=bool).tolist()
    real = batch.segments > 0
    torch.testing.assert_close(logits(model, batch)[real], logits(model, masked)[real])


def test_recomputed_activations_give_the_same_gradients() -> None:
    gradients = []
    for recompute in (False, True):
        model = make_model()
        model.recompute = recompute
        model.logits(model(plain_batch(torch.tensor([[1, 2, 3, 4]])))).square().sum().backward()
        gradients.append([p.grad for p in model.parameters()])
    for one, other in zip(*gradients, strict=True):
        assert one is not None
        assert other is not None
        torch.testing.assert_close(one, other)


def test_a_later_token_never_changes_an_earlier_logit() -> None:
    model = make_model()
    tokens = torch.arange(12)[None]
    before = logits(model, plain_batch(tokens))
    for changed in range(1, 12):
        other = tokens.clone()
        other[0, changed] = 40
        after = logits(model, plain_batch(other))
        torch.testing.assert_close(after[:, :changed], before[:, :changed])
        assert not torch.allclose(after[:, changed:], before[:, changed:])


def test_parameters_are_counted_with_the_tied_embedding_once() -> None:
    c = CONFIG
    attention = 2 * c.width * c.width + 2 * c.width * c.kv_heads * (c.width // c.heads)
    block = attention + 3 * c.width * c.hidden + 2 * c.width
    assert make_model().parameter_count == VOCABULARY * c.width + c.layers * block + c.width


def test_a_seed_gives_one_model_whose_first_guess_is_uniform() -> None:
    one, same, other = (Transformer(CONFIG, VOCABULARY, seed) for seed in (1, 1, 2))
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), same.parameters(), strict=True))
    assert not torch.equal(one.embed.weight, other.embed.weight)
    guess = logits(one, plain_batch(torch.arange(40)[None])).log_softmax(-1)
    assert guess[..., 7].mean().item() == pytest.approx(-math.log(VOCABULARY), rel=0.02)


@pytest.mark.parametrize("change", [{"heads": 5}, {"kv_heads": 4}, {"heads": 24, "kv_heads": 8}])
def test_a_shape_that_does_not_divide_is_refused(change: dict[str, int]) -> None:
    with pytest.raises(ValidationError, match="whole number"):
        ModelConfig(**{**CONFIG.model_dump(), **change})
