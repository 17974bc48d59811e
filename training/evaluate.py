"""evaluate: bits per byte on held-out documents next to two baselines, and the model card."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from gristmill import ledger
from gristmill.addresses import made_of
from gristmill.errors import UserError
from gristmill.lake import Lake
from gristmill.process import resolve_inputs, run_main, say, stage_parser, write_result
from gristmill.profile import load_profile
from training.bits import BitsPerByte, held_out, model_bits, unigram_bits
from training.card import write_card
from training.config import PretrainConfig
from training.learner import build_learner
from training.meters import read_metrics
from training.stream import token_stream

COPIED = ("model.safetensors", "config.json", "tokenizer.json", "metrics.jsonl")


def main(argv: list[str] | None = None) -> None:
    """Run the stage as a process. The weights name the tokens and the tokenizer that they were trained with."""
    args = stage_parser("Evaluate the weights of a training run on held-out documents.", "--run").parse_args(argv)
    profile = load_profile(args.profile)
    lake = Lake.open(profile)
    weights = lake.manifest(resolve_inputs(lake, args.run or "", args.input, ("weights",))["weights"])
    files = {name: lake.path(weights.file(name)) for name in (*COPIED, "request.json")}
    request = json.loads(files["request.json"].read_bytes())
    inputs = {"weights": weights.digest, "tokens": request["tokens"], "tokenizer": request["tokenizer"]}
    with ledger.attempt(
        lake, stage="evaluate", scope=request["run_id"], config={}, inputs=inputs, run_id=args.run_id
    ) as attempt:
        scores = score(lake, inputs["tokens"], request, files["model.safetensors"], profile.work_dir / "tokens")
        say("bits per byte on held-out documents: " + ", ".join(f"{k} {v.overall:.3f}" for k, v in scores.items()))
        run = run_record(lake, request, read_metrics(files["metrics.jsonl"]), scores, inputs)
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            for copied in COPIED:
                shutil.copyfile(files[copied], folder / copied)
            (folder / "run.json").write_text(json.dumps(run, indent=1, sort_keys=True), encoding="utf-8")
            write_card(folder, run, read_metrics(files["metrics.jsonl"]))
            entries = [lake.write_file("model", path.name, path) for path in sorted(folder.iterdir())]
        attempt.outputs["model"] = lake.publish("model", entries, attempt.provenance()).digest
        attempt.summary.update({"training_run": run["run_id"], **{f"bpb_{k}": v for k, v in run["bpb"].items()}})
    write_result(args.result, attempt.outputs, attempt.summary)


def score(lake: Lake, tokens: str, request: dict[str, Any], weights: Path, cache: Path) -> dict[str, BitsPerByte]:
    """Bits per byte of the model, of the same model untrained, and of a unigram token model."""
    config = PretrainConfig.model_validate(request["config"])
    documents = held_out(lake, tokens)
    model = build_learner(config, request["vocabulary"]).trunk
    untrained = model_bits(model, documents, config.sequence_length, request["vocabulary"])
    saved = load_file(str(weights))
    model.load_state_dict({name: saved[name] for name in model.state_dict()})
    trained = model_bits(model, documents, config.sequence_length, request["vocabulary"])
    unigram = unigram_bits(documents, token_stream(lake, tokens, "train", cache), request["vocabulary"])
    return {"model": trained, "untrained": untrained, "unigram": unigram}


def run_record(
    lake: Lake,
    request: dict[str, Any],
    steps: list[dict[str, Any]],
    scores: dict[str, BitsPerByte],
    inputs: dict[str, str],
) -> dict[str, Any]:
    """The flat record that the model gate, `gristmill status` and the card read.

    `loss_first` and `loss_last` are nats per token of the steps that were applied (the last is the mean of
    the last ten), `bpb` bits per byte, `energy.joules` the sum over the run's attempts.
    """
    config = PretrainConfig.model_validate(request["config"])
    losses = [step["loss"] for step in steps if step["applied"]]
    if not losses:
        raise UserError("no step of this training was applied; nothing was learned that could be judged")
    last = losses[-10:]
    return {
        "run_id": request["run_id"], "mix": request["mix"], "size": config.size,
        "parameters": build_learner(config, request["vocabulary"]).trunk.parameter_count,
        "vocabulary": request["vocabulary"], "steps": config.steps, "tokens": steps[-1]["tokens"],
        "sequence_length": config.sequence_length, "zero_stage": config.parallel.zero_stage,
        "ranks": config.parallel.ranks, "precision": config.parallel.precision, "seed": config.seed,
        "loss_first": losses[0], "loss_last": round(sum(last) / len(last), 6),
        "skipped_steps": steps[-1]["skipped"],
        "tokens_per_second": round(sum(s["tokens_per_second"] for s in steps) / len(steps), 1),
        "bpb": {name: round(bits.overall, 6) for name, bits in scores.items()},
        "bpb_by_language": {name: {k: round(v, 6) for k, v in bits.languages.items()} for name, bits in scores.items()},
        "held_out_bytes": dict(sorted(scores["model"].bytes.items())),
        "energy": {"joules": steps[-1]["joules"], "method": steps[-1]["energy_method"]},
        "digests": {**corpus_digests(lake, inputs["tokens"]), **inputs},
        "config": request["config"], "torch": torch.__version__,
    }  # fmt: skip


def corpus_digests(lake: Lake, tokens: str) -> dict[str, str]:
    """`corpus.<snapshot>` -> digest of what a token dataset was made from, where its newest provenance says so."""
    return {name: str(digest) for name, digest in made_of(lake, tokens).items() if name.startswith("corpus.")}


if __name__ == "__main__":
    run_main(main)
