"""The model card: what the model is, what it was trained on, how good it is, what it cost."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from gristmill import svg

NAMES = {"model": "this model", "untrained": "the same model, untrained", "unigram": "unigram token model"}


def write_card(folder: Path, run: dict[str, Any], steps: list[dict[str, Any]]) -> None:
    """Write MODEL_CARD.md and its plots into `folder`."""
    loss = {"training loss": [(s["step"], s["loss"]) for s in steps if s["loss"] is not None]}
    (folder / "loss.svg").write_text(svg.lines(loss, x_label="step", y_label="nats per token"), encoding="utf-8")
    overall = [(NAMES[name], value) for name, value in run["bpb"].items()]
    (folder / "bits_per_byte.svg").write_text(svg.bars(overall), encoding="utf-8")
    languages = sorted(run["bpb_by_language"]["model"].items())
    (folder / "languages.svg").write_text(svg.bars(languages), encoding="utf-8")
    (folder / "MODEL_CARD.md").write_text(render(run), encoding="utf-8")


def render(run: dict[str, Any]) -> str:
    """The card as Markdown."""
    bpb, energy = run["bpb"], run["energy"]
    measured = "measured" if energy["method"].startswith("measured") else "estimated, not measured"
    rows = "\n".join(
        f"| {language} | {run['held_out_bytes'][language]:,} | {value:.3f} "
        f"| {run['bpb_by_language']['untrained'][language]:.3f} | {run['bpb_by_language']['unigram'][language]:.3f} |"
        for language, value in sorted(run["bpb_by_language"]["model"].items())
    )
    batch = f"{run['config']['global_batch']} x {run['sequence_length']}"
    digests = "\n".join(f"| {name} | `{digest}` |" for name, digest in sorted(run["digests"].items()))
    return f"""# Model card: {run["run_id"]}

A decoder-only transformer of {run["parameters"]:,} parameters (RMSNorm, RoPE, SwiGLU, grouped-query attention, tied
embeddings), pretrained from scratch on the mix `{run["mix"]}`. Made to prove a pipeline, not to be deployed: it has
seen {run["tokens"]:,} tokens and follows no instructions.

## Evaluation

Bits per byte on held-out documents (lower is better). Documents that matching tied to a
held-out document were not trained on.

| | bits per byte |
|---|---|
| {NAMES["model"]} | **{bpb["model"]:.3f}** |
| {NAMES["untrained"]} | {bpb["untrained"]:.3f} |
| {NAMES["unigram"]} | {bpb["unigram"]:.3f} |

![bits per byte](bits_per_byte.svg)

| language | held-out bytes | this model | untrained | unigram |
|---|---|---|---|---|
{rows}

![bits per byte by language](languages.svg)

## Training

| | |
|---|---|
| steps | {run["steps"]:,} of {batch} tokens ({run["tokens"]:,} tokens) |
| loss, first step and mean of the last ten | {run["loss_first"]:.3f} -> {run["loss_last"]:.3f} nats per token |
| parallelism | ZeRO stage {run["zero_stage"]}, {run["ranks"]} ranks, {run["precision"]} |
| mean speed | {run["tokens_per_second"]:,.0f} tokens/s |
| skipped steps | {run["skipped_steps"]} |
| energy | {energy["joules"]:,.0f} J ({measured}: {energy["method"]}) |
| torch | {run["torch"]} |

![training loss](loss.svg)

## Data

| dataset | digest |
|---|---|
{digests}

`gristmill verify` re-hashes what these digests name.

## Config

```json
{json.dumps(run["config"], indent=1)}
```
"""
