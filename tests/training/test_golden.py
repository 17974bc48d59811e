"""Losses of a 50-step run that are kept in the repository: a change of model, data order, loss or optimizer shows.

Where a change is meant, write them anew: python tests/training/test_golden.py
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from gristmill.packing import plan
from training.config import ModelConfig
from training.groups import OptimizerConfig
from training.loader import Loader, Share
from training.losses import Learner
from training.model import Transformer
from training.objectives.causal import Causal, CausalConfig
from training.optimizer import build_optimizer, set_rate
from training.sampler import Mixture, Sampler, Task
from training.schedule import ScheduleConfig
from training.stream import DOCUMENT, TokenStream

GOLDEN = Path(__file__).with_name("golden") / "losses.json"
MODEL = ModelConfig(layers=2, width=32, heads=4, kv_heads=2, hidden=48)
VOCABULARY, LENGTH, BATCH, STEPS = 61, 32, 8, 50
TOLERANCE = 1e-4
"""Relative. Another processor sums in another order, a rounding per operation; a perturbation of all initial weights
by one unit in the last place moves these losses by less than a tenth of this, as a test below shows."""


def stream() -> TokenStream:
    """120 documents of a sequence that is half rule, half noise; by plain arithmetic, the same everywhere."""
    lengths = np.array([20 + 37 * n % 61 for n in range(120)])
    tokens, token, noise = [], 1, 12345
    for _ in range(int(lengths.sum())):
        noise = (1103515245 * noise + 12345) % 2**31
        token = (5 * token + 7) % 60 + 1 if noise >> 16 & 1 else noise >> 17 & 31
        tokens.append(token)
    documents = np.zeros(len(lengths), DOCUMENT)
    documents["start"], documents["length"] = np.cumsum(lengths) - lengths, lengths
    return TokenStream("golden", "train", np.array(tokens, np.uint16), documents, ("one",))


def losses(kind: str, perturbed: bool = False) -> list[float]:
    """Nats per token of each step, fp32 on one thread."""
    torch.set_num_threads(1)
    data = stream()
    task = Task("causal", Causal(CausalConfig()), data, plan(data.lengths, LENGTH))
    sampler = Sampler([task], Mixture(lambda step: [1.0], lambda step: BATCH, seed=0), seed=0)
    loader = Loader(sampler, LENGTH, Share(micro_batch=BATCH))
    learner = Learner(Transformer(MODEL, VOCABULARY, seed=0), [CausalConfig()])
    if perturbed:
        with torch.no_grad():
            for parameter in learner.parameters():
                parameter.copy_(torch.nextafter(parameter, torch.full_like(parameter, torch.inf)))
    config, schedule = OptimizerConfig.model_validate({"kind": kind, "learning_rate": 0.01}), ScheduleConfig()
    optimizer = build_optimizer(learner.named_parameters(), config, MODEL.width)
    found = []
    for step in range(STEPS):
        batches = loader.step(step)
        denominators = learner.denominators(learner.counts(batches))
        loss, _ = learner(batches[0], denominators)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(learner.parameters(), config.clip_norm)
        set_rate(optimizer, config.learning_rate * schedule.share(step, STEPS))
        optimizer.step()
        found.append(float(loss.detach()))
    loader.close()
    return found


@pytest.mark.parametrize("kind", ["adamw", "muon"])
def test_the_losses_of_fifty_steps_are_those_that_were_kept(kind: str) -> None:
    kept, found = json.loads(GOLDEN.read_bytes())[kind], losses(kind)
    assert found == pytest.approx(kept, rel=TOLERANCE)
    assert found == losses(kind), "two runs on one machine differ"
    assert kept[-1] < kept[0] - 0.5


@pytest.mark.parametrize("kind", ["adamw", "muon"])
def test_one_unit_in_the_last_place_moves_the_losses_by_less_than_a_tenth_of_the_tolerance(kind: str) -> None:
    assert losses(kind, perturbed=True) == pytest.approx(losses(kind), rel=TOLERANCE / 10)


if __name__ == "__main__":
    kept = {kind: [round(loss, 7) for loss in losses(kind)] for kind in ("adamw", "muon")}
    GOLDEN.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
