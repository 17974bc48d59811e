"""train: start (or resume) the ranks of one training request, and publish its weights.

The run id is a function of the request, so a retry resumes the same run and a finished one is not repeated.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from tokenizers import Tokenizer

from gristmill import ledger, verdicts
from gristmill.children import signal_at_parents_death
from gristmill.errors import UserError
from gristmill.lake import Lake
from gristmill.mixes import load_mix, request_id
from gristmill.process import resolve_inputs, run_main, say, stage_parser, write_result
from gristmill.profile import Profile, load_profile
from training.config import PretrainConfig, load_config
from training.keeper import ERROR, EXIT_STOPPED, LOCK, STARTED_BY, is_held
from training.objectives.config import embedding_size
from training.parallel import refuse_machine, this_machine
from training.stream import approved_stream
from training.watch import run_kept

INPUTS = ("tokens", "tokenizer")
WEIGHT_FILES = ("model.safetensors", "config.json", "tokenizer.json", "metrics.jsonl", "request.json")


class TrainingFailed(Exception):
    """The ranks ended with an error; a retry resumes from the newest checkpoint."""


def main(argv: list[str] | None = None) -> None:
    """Run the stage as a process."""
    signal.signal(signal.SIGTERM, _stop)
    parser = stage_parser("Pretrain a model on an approved token dataset.", "--run")
    parser.add_argument("--mix", help="name of the mix that the model is for (default: the profile's)")
    parser.add_argument("--model-size", dest="size", help="one of the sizes in the profile's pretrain file")
    parser.add_argument("--zero-stage", type=int, choices=range(4), help="ZeRO stage")
    parser.add_argument("--steps", type=int, help="optimizer steps")
    parser.add_argument("--seed", type=int, help="seed of weights and data order")
    args = parser.parse_args(argv)
    profile = load_profile(args.profile)
    lake = Lake.open(profile)
    changes = {"size": args.size, "zero_stage": args.zero_stage, "steps": args.steps, "seed": args.seed}
    config = load_config(profile.pretrain, changes)
    mix = load_mix(profile.mix)
    asked = not args.run and not dict(args.input).keys() >= set(INPUTS)
    scope = request_id(lake, mix) if asked else args.run or ""
    given = resolve_inputs(lake, scope, args.input, INPUTS)
    inputs = {name: given[name] for name in INPUTS}
    judged = verdicts.require_approved(lake, inputs["tokens"]).digests["tokenizer"]
    if judged != inputs["tokenizer"]:
        raise UserError(f"these tokens were approved with tokenizer {judged[:12]}; give --input tokenizer={judged}")
    name = args.mix or mix.name
    run_id = config.run_id(name, **inputs)
    refuse_machine(config.parallel, *this_machine())
    if args.run_id != "manual":
        # A scheduler's worker died: the keeper of the ranks lives on, and the retry's launcher finds it.
        signal_at_parents_death(signal.SIGKILL)
    with alone(profile.work_dir / "runs" / run_id) as folder:
        weights = ledger.newest_output(lake, run_id, "weights")
        if weights is None:
            weights = pretrain(lake, profile, config, folder, inputs, name, args.run_id)
        else:
            say(f"training run {run_id} is finished already; nothing to do")
    write_result(args.result, {"weights": weights}, {"training_run": run_id})


def pretrain(
    lake: Lake,
    profile: Profile,
    config: PretrainConfig,
    folder: Path,
    inputs: Mapping[str, str],
    mix: str,
    started_by: str,
) -> str:
    """Train to the end and publish; the digest of the weights. `started_by` is for the ledger and the checkpoints."""
    attached = is_held(folder / LOCK)
    recorded = config.model_dump(mode="json")
    if attached:
        # What trains was started by an earlier request, perhaps on another layout.
        recorded = json.loads((folder / "request.json").read_bytes())["config"]
    with ledger.attempt(
        lake, stage="train", scope=folder.name, config=recorded, inputs=inputs, run_id=started_by
    ) as attempt:
        # Once, before each rank would do it; a damaged shard ends the run here.
        approved_stream(lake, inputs["tokens"], "train", profile.work_dir / "tokens", profile.objects)
        (folder / STARTED_BY).write_text(started_by, encoding="utf-8")
        if not attached:
            prepare(lake, profile, config, folder, inputs, mix)
        run_ranks(config, folder)
        entries = [lake.write_file("weights", name, folder / name) for name in WEIGHT_FILES]
        digest = lake.publish("weights", entries, attempt.provenance()).digest
        attempt.outputs["weights"] = digest
        attempt.summary["training_run"] = folder.name
    return digest


@contextmanager
def alone(folder: Path) -> Iterator[Path]:
    """The run's folder, for one launcher at a time: a second one waits, and then finds the run finished or
    resumes it. The kernel frees the lock when its holder dies."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"another process trains {folder.name}; waiting for it")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield folder


def prepare(
    lake: Lake, profile: Profile, config: PretrainConfig, folder: Path, inputs: Mapping[str, str], mix: str
) -> None:
    """Put the request, the tokenizer and the model's shape into the run's folder, whose name is the run id."""
    run_id = folder.name
    tokenizer = lake.path(lake.manifest(inputs["tokenizer"]).file("tokenizer.json"))
    (folder / "tokenizer.json").write_bytes(tokenizer.read_bytes())
    vocabulary = Tokenizer.from_file(str(tokenizer)).get_vocab_size()
    request: dict[str, Any] = {
        "run_id": run_id, "mix": mix, "profile": str(profile.source), "config": config.model_dump(mode="json"),
        "vocabulary": vocabulary, "checkpoints": str(lake.storage.local_path(f"checkpoints/{run_id}")), **inputs,
    }  # fmt: skip
    (folder / "request.json").write_text(json.dumps(request, indent=1), encoding="utf-8")
    entries = embedding_size(config.objectives, vocabulary)
    shape = {"architecture": "gristmill-decoder", "vocabulary": entries, "sequence_length": config.sequence_length}
    (folder / "config.json").write_text(json.dumps({**shape, **config.model.model_dump()}, indent=1), encoding="utf-8")
    say(f"training run {run_id}: {folder}")


def run_ranks(config: PretrainConfig, folder: Path) -> None:
    """torchrun on this machine, on a free loopback port, under a keeper that outlives this process.

    SIGTERM gives the ranks time to save a checkpoint and ends them. Raises UserError when a rank ended with a
    user's error, TrainingFailed for any other end.
    """
    command = [
        sys.executable, "-m", "torch.distributed.run", "--nnodes=1", f"--nproc-per-node={config.parallel.ranks}",
        "--rdzv-backend=c10d", "--rdzv-endpoint=127.0.0.1:0", "--local-addr=127.0.0.1", "--max-restarts=0",
        "-m", "training.train", "--run-folder", str(folder),
    ]  # fmt: skip
    code = run_kept(folder, command, rank_environment(config.parallel.ranks))
    if (folder / ERROR).is_file():
        raise UserError((folder / ERROR).read_text(encoding="utf-8"))
    if code:
        raise TrainingFailed(f"the ranks ended with code {code}; a retry resumes from the newest checkpoint")
    if not (folder / "model.safetensors").is_file():
        raise UserError(f"training ended without weights in {folder}")


def _stop(number: int, frame: FrameType | None) -> None:
    """Leave `wait` by an exception: waiting for the child again inside a handler would never return."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.exit(EXIT_STOPPED)


def rank_environment(ranks: int) -> dict[str, str]:
    """Environment of the ranks: their share of the cores, loopback, and the CPU where there is no GPU."""
    cores = len(os.sched_getaffinity(0))
    defaults = {
        "OMP_NUM_THREADS": str(max(1, cores // ranks)),
        "LOCAL_SIZE": str(ranks),
        "TOKENIZERS_PARALLELISM": "false",
        "GLOO_SOCKET_IFNAME": "lo",
    }
    if not Path("/dev/nvidiactl").exists():
        # Nothing here is compiled; DeepSpeed's import of its Muon optimizer would load Inductor all the same.
        defaults |= {"DS_ACCELERATOR": "cpu", "TORCHDYNAMO_DISABLE": "1"}
    return {**defaults, **os.environ}


if __name__ == "__main__":
    run_main(main)
