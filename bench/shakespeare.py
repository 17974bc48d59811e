"""nanoGPT's character-level recipe: its text as token arrays, its own training run, and its loss on all of the text
that is held out. nanoGPT is fetched by whoever runs the benchmark; nothing of it is kept here."""

from __future__ import annotations

import importlib.util
import json
import pickle
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from gristmill.errors import UserError

LENGTH, BATCH, STEPS = 64, 12, 2000
"""Of the recipe in nanoGPT's README: tokens of a sequence, sequences of a step, steps."""

WARM = 10
"""Steps that are not timed."""

RECIPE = (
    "config/train_shakespeare_char.py", "--device=cpu", "--compile=False", "--eval_iters=20", "--log_interval=1",
    f"--block_size={LENGTH}", f"--batch_size={BATCH}", "--n_layer=4", "--n_head=4", "--n_embd=128", "--dropout=0.0",
)  # fmt: skip
"""The rest of it; learning rates, betas, decay and warm-up are in the config file that it names."""

_WRAPPED = """
import json, runpy, sys, time, torch
seed, clock, looks = torch.manual_seed, time.time, []
torch.manual_seed = lambda _: seed({seed})
time.time = lambda: looks.append((time.perf_counter(), time.process_time())) or clock()
sys.argv = {argv!r}
runpy.run_path("train.py", run_name="__main__")
print("looks", json.dumps(looks))
"""
"""Runs train.py as it is, with another seed, and notes wall and CPU time where it looks at the clock: once before the
loop and once an iteration."""


class NoPeer(UserError):
    """nanoGPT or its text is not where the benchmark was told."""


def prepare(source: Path, text: Path, folder: Path) -> Path:
    """A copy of nanoGPT in `folder` with the text encoded as its prepare.py does: 90 percent to train on."""
    if not (source / "train.py").is_file() or not text.is_file():
        raise NoPeer(
            f"give --nanogpt a checkout of github.com/karpathy/nanoGPT ({source} has no train.py) and --text "
            f"data/tinyshakespeare/input.txt of github.com/karpathy/char-rnn ({text})"
        )
    shutil.copytree(source, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns(".git"))
    data = text.read_text(encoding="utf-8")
    characters = sorted(set(data))
    number = {character: i for i, character in enumerate(characters)}
    ids = np.array([number[character] for character in data], np.uint16)
    target = folder / "data" / "shakespeare_char"
    target.mkdir(parents=True, exist_ok=True)
    cut = int(len(data) * 0.9)
    ids[:cut].tofile(target / "train.bin")
    ids[cut:].tofile(target / "val.bin")
    meta = {"vocab_size": len(characters), "itos": dict(enumerate(characters)), "stoi": number}
    (target / "meta.pkl").write_bytes(pickle.dumps(meta))
    return target


def nanogpt(folder: Path, seed: int, steps: int, environment: dict[str, str]) -> dict[str, Any]:
    """Train nanoGPT; its speed without the evaluations, and its loss on all of the held-out text."""
    out = folder / f"out-{seed}"
    argv = ["train.py", *RECIPE, f"--max_iters={steps}", f"--lr_decay_iters={steps}", f"--eval_interval={steps}",
            "--always_save_checkpoint=True", f"--out_dir={out}"]  # fmt: skip
    command = [sys.executable, "-c", _WRAPPED.format(seed=1337 + seed, argv=argv)]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NoPeer(f"nanoGPT ended with code {done.returncode}: {done.stderr[-500:]}")
    looks = next(line for line in done.stdout.splitlines() if line.startswith("looks "))
    # The first iteration holds the first evaluation, the one after `steps` the last.
    speed = speeds(np.array(json.loads(looks.removeprefix("looks "))[: steps + 1]), LENGTH * BATCH)
    return {**speed, "validation_loss": nanogpt_loss(folder, out / "ckpt.pt")}


def speeds(looks: NDArray[np.float64], tokens: int) -> dict[str, float]:
    """Tokens per second of a loop with `tokens` a step; `looks`: (steps + 1, 2) wall and CPU seconds between steps.

    The first WARM steps do not count. Per CPU second tells more than per second on a machine that others use.
    """
    steps = np.diff(looks[WARM:], axis=0)
    wall, cpu = steps.sum(0)
    return {
        "tokens_per_second": round(tokens * len(steps) / float(wall), 1),
        "tokens_per_cpu_second": round(tokens * len(steps) / float(cpu), 1),
        "median_tokens_per_second": round(tokens / float(np.median(steps[:, 0])), 1),
    }


def nanogpt_loss(folder: Path, checkpoint: Path) -> float:
    """Nats per token of nanoGPT's own model over `windows`."""
    spec = importlib.util.spec_from_file_location("nanogpt_model", folder / "model.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    saved = torch.load(checkpoint, map_location="cpu", weights_only=False)
    model = module.GPT(module.GPTConfig(**saved["model_args"]))
    model.load_state_dict(saved["model"])
    model.eval()
    inputs, targets = windows(folder / "data" / "shakespeare_char" / "val.bin")
    with torch.no_grad():
        losses = [model(i, t)[1] for i, t in zip(inputs.chunk(16), targets.chunk(16), strict=True)]
        weights = [len(part) for part in inputs.chunk(16)]
    return round(float(np.average([float(loss) for loss in losses], weights=weights)), 5)


def windows(path: Path) -> tuple[torch.Tensor, torch.Tensor]:
    """(inputs, targets), each (windows, LENGTH): the whole of a token file, cut where neither side may choose."""
    ids = torch.from_numpy(np.fromfile(path, np.uint16).astype(np.int64))
    count = (len(ids) - 1) // LENGTH
    return ids[: count * LENGTH].view(count, LENGTH), ids[1 : count * LENGTH + 1].view(count, LENGTH)
