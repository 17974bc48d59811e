"""Speed of the data loader: decoding, packing, and batches beside the loaders of well-known trainers, on one process.

python -m bench.loader                 # about a minute; nothing else should run on the machine

A dataset of made-up tokens with lengths of documents like those of real pages is published in a temporary lake. The
peers read the same memory map in the ways of nanoGPT (`get_batch`: random windows of the map, stacked) and of
torch.utils.data (a dataset over the map, DataLoader with its default collation). They do less: no documents, no
packing, no order that a resume could find again.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Dataset

from gristmill.lake import Lake
from gristmill.packing import plan, stored_plan
from gristmill.profile import PROJECT
from gristmill.schemas import SCHEMAS
from gristmill.storage import PosixStorage
from training.loader import Loader, Share
from training.objectives.causal import CausalConfig
from training.objectives.config import ObjectiveConfig
from training.objectives.masked import MaskedConfig
from training.objectives.span import SpanConfig
from training.stream import TokenStream, mapped_stream
from training.tasks import build_sampler

VOCABULARY = 32_768
SHARDS = 4
LOG_LENGTH = (7.6, 0.97)
"""Mean and deviation of the logarithm of a document's tokens: those of the embedded crawl."""

SHAPES = ((128, 8), (128, 64), (1024, 16))
"""(tokens of a row, rows of a micro-batch)"""

MIXED: Sequence[ObjectiveConfig] = (CausalConfig(), MaskedConfig(), SpanConfig())
ROUNDS, SECONDS = 5, 0.4
BEGIN, END = "<!-- begin: python -m bench.loader -->\n", "<!-- end -->\n"

Step = Callable[[], int]
"""Makes the batch of one step; its tokens."""


def publish(lake: Lake, tokens: int) -> str:
    """A token dataset of about so many tokens."""
    draw = np.random.default_rng(0)
    entries = []
    for shard in range(SHARDS):
        count = max(1, int(tokens / SHARDS / np.exp(LOG_LENGTH[0] + LOG_LENGTH[1] ** 2 / 2)))
        lengths = np.exp(draw.normal(*LOG_LENGTH, count)).astype(np.int64).clip(20, 100_000)
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        values = (draw.zipf(1.2, offsets[-1]) % (VOCABULARY - 1) + 1).astype(np.uint32)
        values[offsets[1:] - 1] = 0
        columns = {
            "stream_offset": offsets[:-1], "snapshot": ["one"] * count, "doc_id": shard << 40 | np.arange(count),
            "language": ["en"] * count, "bytes": (4 * lengths).astype(np.int32),
            "tokens": pa.ListArray.from_arrays(pa.array(offsets.astype(np.int32)), pa.array(values)),
        }  # fmt: skip
        entries.append(lake.write_table("tokens", f"train-{shard:05d}", pa.table(columns, schema=SCHEMAS["tokens"])))
    return lake.publish("tokens", entries, {}).digest


def once(stream: TokenStream, lake: Lake, folder: Path) -> dict[str, float]:
    """What a run does once per dataset, in seconds, and the share of places that packing wastes."""
    figures: dict[str, float] = {"tokens": len(stream.tokens), "documents": len(stream.documents)}
    plan(stream.lengths[:9], 8)  # compiled or read from the cache before the clock starts
    figures["decode"] = _seconds(lambda: mapped_stream(lake, stream.digest, "train", folder / "again"))
    figures["open, verified"] = _seconds(lambda: mapped_stream(lake, stream.digest, "train", folder / "again"))
    figures["plan"] = _seconds(lambda: plan(stream.lengths, 1024))
    for capacity in (128, 1024, 2048):
        figures[f"waste {capacity}"] = stored_plan(folder, stream.digest, "train", stream.lengths, capacity).waste
    return figures


def _seconds(call: Callable[[], Any]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def ours(stream: TokenStream, folder: Path, configs: Sequence[ObjectiveConfig], length: int, rows: int) -> Step:
    """`Loader.step`, thread included: what a training loop waits for when it does nothing else."""
    sampler = build_sampler(
        configs, stream, folder, vocabulary=VOCABULARY, length=length, batch=lambda step: rows, seed=0
    )
    loader, steps = Loader(sampler, length, Share(micro_batch=rows)), iter(range(1 << 40))
    return lambda: sum(batch.tokens.numel() for batch in loader.step(next(steps)))


def nanogpt(tokens: NDArray[Any], length: int, rows: int) -> Step:
    """The way of nanoGPT's get_batch."""

    def step() -> int:
        starts = torch.randint(len(tokens) - length, (rows,))
        x = torch.stack([torch.from_numpy(tokens[i : i + length].astype(np.int64)) for i in starts])
        y = torch.stack([torch.from_numpy(tokens[i + 1 : i + 1 + length].astype(np.int64)) for i in starts])
        return x.numel() if y.numel() else 0

    return step


class Windows(Dataset[tuple[torch.Tensor, torch.Tensor]]):
    """Windows of the map, as of a torch dataset."""

    def __init__(self, tokens: NDArray[Any], length: int) -> None:
        self.tokens, self.length = tokens, length

    def __len__(self) -> int:
        return (len(self.tokens) - 1) // self.length

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        window = torch.from_numpy(self.tokens[index * self.length :][: self.length + 1].astype(np.int64))
        return window[:-1], window[1:]


def torch_loader(tokens: NDArray[Any], length: int, rows: int, workers: int) -> Step:
    """A shuffled DataLoader, begun anew when it ends."""
    loader = DataLoader(
        Windows(tokens, length), rows, shuffle=True, num_workers=workers, drop_last=True, multiprocessing_context=None
    )

    def forever() -> Iterator[Any]:
        while True:
            yield from loader

    batches = forever()
    return lambda: int(next(batches)[0].numel())


def naive(stream: TokenStream, length: int, rows: int) -> Step:
    """One document a row, cut or padded, token by token as lists: what a first version of a loader does. Tokens are
    places of the batch, padding included."""
    draw = np.random.default_rng(0)

    def step() -> int:
        batch = []
        for document in stream.documents[draw.integers(len(stream.documents), size=rows)]:
            ids = stream.tokens[document["start"] : document["start"] + document["length"]].tolist()[: length + 1]
            batch.append(ids + [0] * (length + 1 - len(ids)))
        whole = torch.tensor(batch)
        return int(whole[:, :-1].numel())

    return step


def contenders(stream: TokenStream, folder: Path, length: int, rows: int) -> dict[str, Step]:
    """All that is measured for one shape of a batch."""
    tokens = stream.tokens
    return {
        "causal": ours(stream, folder, [CausalConfig()], length, rows),
        "causal, documents separate": ours(stream, folder, [CausalConfig(documents="separate")], length, rows),
        "masked": ours(stream, folder, [MaskedConfig()], length, rows),
        "causal + masked + span": ours(stream, folder, MIXED, length, rows),
        "naive, a document a row": naive(stream, length, rows),
        "as nanoGPT": nanogpt(tokens, length, rows),
        "torch DataLoader, no worker": torch_loader(tokens, length, rows, 0),
        "torch DataLoader, 2 workers": torch_loader(tokens, length, rows, 2),
    }


def rates(steps: dict[str, Step]) -> dict[str, list[float]]:
    """Median tokens per second of the clock, and of this process's processor time, over ROUNDS in which all take
    turns, so that a busy machine slows all alike. What worker processes compute is not in the second."""
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in steps}
    for number in range(ROUNDS + 1):
        for name, step in steps.items():
            start, processor, tokens = time.perf_counter(), time.process_time(), 0
            while (spent := time.perf_counter() - start) < SECONDS:
                tokens += step()
            if number:  # the first round warms up
                found[name].append((tokens / spent, tokens / (time.process_time() - processor)))
    return {name: [statistics.median(values) for values in zip(*pairs, strict=True)] for name, pairs in found.items()}


def fetched(stream: TokenStream, folder: Path) -> dict[str, float]:
    """Most tokens that a rank read, as a multiple of its share, over 100 steps of a mixture."""
    found = {}
    for ranks in (1, 2, 4):
        read, share = [], 0.0
        for rank in range(ranks):
            sampler = build_sampler(
                MIXED, stream, folder, vocabulary=VOCABULARY, length=256, batch=lambda step: 16, seed=0
            )
            loader = Loader(sampler, 256, Share(rank, ranks, 4))
            for step in range(100):
                loader.step(step)
            loader.close()
            read.append(loader.fetched_tokens)
            share = sum(span.tokens for step in range(100) for span in loader.documents(step)) / ranks
        found[str(ranks)] = round(max(read) / share, 4)
    return found


def page(result: dict[str, Any]) -> str:
    """The tables of docs/data-loading.md."""
    names = [f"{rows} x {length}" for length, rows in SHAPES]
    lines = [
        f"| million tokens/s, by the clock / of processor time | {' | '.join(names)} |",
        "|---|" + "---:|" * len(names),
    ]
    for name in result["rates"][names[0]]:
        values = " | ".join(_pair(result["rates"][shape][name], "workers" in name) for shape in names)
        lines.append(f"| {name} | {values} |")
    first = result["once"]
    lines += [
        "",
        f"Once per dataset, here of {first['tokens'] / 1e6:.0f} million tokens in {first['documents']:,} documents: "
        f"decoding {first['decode']:.2f} s, opening with verification {first['open, verified']:.2f} s, packing "
        f"{first['plan']:.2f} s. Places without a token in rows of 128, 1024 and 2048: "
        + ", ".join(f"{100 * first[f'waste {n}']:.3f} %" for n in (128, 1024, 2048))
        + ".",
        "",
        "Tokens that the busiest rank read, as a multiple of its share: "
        + ", ".join(f"{value} with {ranks}" for ranks, value in result["fetched"].items())
        + " ranks.",
    ]
    return "\n".join(lines) + "\n"


def _pair(rate: Sequence[float], apart: bool) -> str:
    clock, processor = rate
    return f"{clock / 1e6:.1f} / {'-' if apart else f'{processor / 1e6:.1f}'}"


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokens", type=int, default=32_000_000)
    parser.add_argument("--result", type=Path, default=PROJECT / "bench" / "results" / "loader.json")
    parser.add_argument("--docs", type=Path, default=PROJECT / "docs" / "data-loading.md")
    args = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "maps"
        lake = Lake(PosixStorage(Path(name) / "lake"))
        stream = mapped_stream(lake, publish(lake, args.tokens), "train", folder)
        result: dict[str, Any] = {"torch": torch.__version__, "numpy": np.__version__}
        result["once"] = once(stream, lake, folder)
        result["rates"] = {f"{n} x {length}": rates(contenders(stream, folder, length, n)) for length, n in SHAPES}
        result["fetched"] = fetched(stream, folder)
    args.result.write_text(json.dumps(result, indent=1) + "\n")
    before, _, rest = args.docs.read_text(encoding="utf-8").partition(BEGIN)
    args.docs.write_text(before + BEGIN + page(result) + END + rest.partition(END)[2], encoding="utf-8")
    print(page(result))


if __name__ == "__main__":
    main()
