"""train: start (or resume) the ranks of one training request, and publish its weights.

The run id is a function of the request, so a retry resumes the same run and a finished one is not repeated.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from gristmill import ledger, verdicts
from gristmill.children import kill_group, start
from gristmill.errors import UserError
from gristmill.lake import Lake
from gristmill.mixes import load_mix
from gristmill.process import resolve_inputs, run_main, say, stage_parser, write_result
from gristmill.profile import Profile, load_profile
from training.config import PretrainConfig, load_config

WEIGHT_FILES = ("model.safetensors", "config.json", "tokenizer.json", "metrics.jsonl", "request.json")


class TrainingFailed(Exception):
    """The ranks ended with an error; a retry resumes from the newest checkpoint."""


def main(argv: list[str] | None = None) -> None:
    """Run the stage as a process."""
    parser = stage_parser("Pretrain a model on an approved token dataset.", "--run")
    parser.add_argument("--mix", help="name of the mix, for the record (default: the profile's)")
    parser.add_argument("--model-size", dest="size", help="one of the sizes in the profile's pretrain file")
    parser.add_argument("--zero-stage", type=int, choices=range(4), help="ZeRO stage")
    parser.add_argument("--steps", type=int, help="optimizer steps")
    parser.add_argument("--seed", type=int, help="seed of weights and data order")
    args = parser.parse_args(argv)
    profile = load_profile(args.profile)
    lake = Lake.open(profile)
    changes = {"size": args.size, "zero_stage": args.zero_stage, "steps": args.steps, "seed": args.seed}
    config = load_config(profile.pretrain, changes)
    inputs = resolve_inputs(lake, args.run or "", args.input, ("tokens", "tokenizer"))
    verdicts.require_approved(lake, inputs["tokens"])
    run_id = config.run_id(inputs["tokens"], inputs["tokenizer"])
    finished = ledger.newest_output(lake, run_id, "weights")
    if finished:
        say(f"training run {run_id} is finished already; nothing to do")
        write_result(args.result, {"weights": finished}, {"training_run": run_id})
        return
    mix = args.mix or load_mix(profile.mix).name
    with ledger.attempt(
        lake, stage="train", scope=run_id, config=config.model_dump(mode="json"), inputs=inputs, run_id=args.run_id
    ) as attempt:
        folder = prepare(lake, profile, config, run_id, inputs, mix)
        run_ranks(config, folder)
        entries = [lake.write_file("weights", name, folder / name) for name in WEIGHT_FILES]
        attempt.outputs["weights"] = lake.publish("weights", entries, attempt.provenance()).digest
        attempt.summary["training_run"] = run_id
    write_result(args.result, attempt.outputs, attempt.summary)


def prepare(
    lake: Lake, profile: Profile, config: PretrainConfig, run_id: str, inputs: dict[str, str], mix: str
) -> Path:
    """The run's folder with its request and tokenizer."""
    folder = profile.work_dir / "runs" / run_id
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = lake.path(lake.manifest(inputs["tokenizer"]).file("tokenizer.json"))
    (folder / "tokenizer.json").write_bytes(tokenizer.read_bytes())
    vocabulary = Tokenizer.from_file(str(tokenizer)).get_vocab_size()
    request: dict[str, Any] = {
        "run_id": run_id, "mix": mix, "profile": str(profile.source), "config": config.model_dump(mode="json"),
        "vocabulary": vocabulary, "checkpoints": str(lake.storage.local_path(f"checkpoints/{run_id}")), **inputs,
    }  # fmt: skip
    (folder / "request.json").write_text(json.dumps(request, indent=1), encoding="utf-8")
    shape = {"architecture": "gristmill-decoder", "vocabulary": vocabulary, "sequence_length": config.sequence_length}
    (folder / "config.json").write_text(json.dumps({**shape, **config.model.model_dump()}, indent=1), encoding="utf-8")
    say(f"training run {run_id}: {folder}")
    return folder


def run_ranks(config: PretrainConfig, folder: Path) -> None:
    """torchrun on this machine, on a free loopback port; its ranks die with this process.

    Raises UserError when a rank ended with a user's error, TrainingFailed for any other end.
    """
    command = [
        sys.executable, "-m", "torch.distributed.run", "--nnodes=1", f"--nproc-per-node={config.parallel.ranks}",
        "--rdzv-backend=c10d", "--rdzv-endpoint=127.0.0.1:0", "--local-addr=127.0.0.1", "--max-restarts=0",
        "-m", "training.train", "--run-folder", str(folder),
    ]  # fmt: skip
    process = start(command, env=rank_environment(config.parallel.ranks))
    signal.signal(signal.SIGTERM, lambda *_: kill_group(process, grace_seconds=30))
    try:
        code = process.wait()
    except BaseException:
        kill_group(process)
        raise
    if code:
        raise TrainingFailed(f"the ranks ended with code {code}; a retry resumes from the newest checkpoint")
    if not (folder / "model.safetensors").is_file():
        raise UserError(f"training ended without weights in {folder}")


def rank_environment(ranks: int) -> dict[str, str]:
    """Environment of the ranks: their share of the cores, and DeepSpeed's compiled operator kept with the
    installation, so that it is compiled once per machine."""
    cores = len(os.sched_getaffinity(0))
    defaults = {
        "OMP_NUM_THREADS": str(max(1, cores // ranks)),
        "TORCH_EXTENSIONS_DIR": str(Path(sys.prefix) / "torch_extensions"),
        "LOCAL_SIZE": str(ranks),
        "TOKENIZERS_PARALLELISM": "false",
        "GLOO_SOCKET_IFNAME": "lo",
    }
    if not Path("/dev/nvidiactl").exists():
        defaults["DS_ACCELERATOR"] = "cpu"
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    return {**defaults, **os.environ, "PATH": path}


if __name__ == "__main__":
    run_main(main)
