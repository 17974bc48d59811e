"""Scores on one core: speed of each kind over web pages, beside public or plain implementations of the same in the same
run; and what a classifier learns from honest labels.

    python -m bench.scores TEXTS.jsonl.gz [--labels FOLDER] [--out FILE.json]

TEXTS: objects with `text`. LABELS: a folder with positive.jsonl and negative.jsonl (`text`, `group`). Speeds are per
second of processor time, so that other work on the machine does not count.
"""

from __future__ import annotations

import argparse
import gzip
import json
import math
import time
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow as pa

from gristmill.lake import Lake
from gristmill.process import run_main, say
from gristmill.storage import PosixStorage
from spark_jobs.scoring import classifier, importance, perplexity
from spark_jobs.scoring.family import OF_TEXT
from spark_jobs.scoring.model import Arrays, Model
from spark_jobs.scoring.recipe import Recipe, Source
from spark_jobs.scoring.tokens import in_slices
from spark_jobs.scoring.training import train
from spark_jobs.text.language import language, predict

PEER_BYTES = 2 << 20
"""Text that the plain implementations are measured on; their speed does not depend on how much it is."""


def pages(path: Path) -> pa.Table:
    """text, language and group of every page."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        text = pa.array([json.loads(line)["text"] for line in file], pa.large_string())
    spoken = language(pa.array(range(len(text))), text)["language"]
    return pa.table({"text": text, "language": spoken, "group": pa.array([str(i) for i in range(len(text))])})


def rate(call: Callable[[], Any], size: float) -> float:
    """MB per second of processor time, warm; `size` in bytes."""
    call()
    start = time.process_time()
    call()
    return round(size / 1e6 / (time.process_time() - start), 1)


def speeds(table: pa.Table) -> dict[str, Any]:
    """MB/s of tokens alone and of each kind, with the seconds that training on all pages took."""
    text, spoken = table.column("text").combine_chunks(), table.column("language").to_pylist()
    half = table.num_rows // 2
    size = float(text.nbytes)
    recipe = Recipe.model_construct(name="bench", min_labels=20, min_tokens=1000, order=3, seed=0)
    parts = table.slice(0, half), table.slice(half)
    trained: dict[str, Callable[[], tuple[tuple[str, ...], Arrays, dict[str, Any]]]] = {
        "classifier": lambda: classifier.train(recipe, *parts), "importance": lambda: importance.train(recipe, *parts),
        "perplexity": lambda: perplexity.train(recipe, table),
    }  # fmt: skip
    found: dict[str, Any] = {"megabytes": round(size / 1e6, 1), "documents": table.num_rows}
    found["tokens alone"] = {"mb_per_second": rate(lambda: list(in_slices(text)), size)}
    for kind, learn in trained.items():
        learn()
        start = time.process_time()
        languages, arrays, _ = learn()
        seconds = round(time.process_time() - start, 2)
        model = Model("bench", kind, languages, arrays, {}, True)
        scorer = OF_TEXT[kind]
        found[kind] = {"mb_per_second": rate(lambda s=scorer, m=model: s(m, text, spoken), size),  # type: ignore[misc]
                       "training_seconds": seconds, "model_megabytes": round(_size(arrays), 1)}  # fmt: skip
        say(f"{kind}: {found[kind]}")
    return found


def _size(arrays: Arrays) -> float:
    return sum(array.nbytes for array in arrays.values()) / 1e6


def plain(table: pa.Table) -> dict[str, Any]:
    """MB/s of plain Python over the same kinds of features, and of fastText's own reading of whole texts."""
    texts, size = [], 0
    for text in table.column("text").to_pylist():
        texts.append(text)
        size += len(text.encode())
        if size > PEER_BYTES:
            break
    weights, model = np.zeros(1 << 20).tolist(), Counter[tuple[str, ...]]()
    for text in texts:
        words = text.lower().split()
        model.update(zip(words, words[1:], words[2:], strict=False))
    return {
        "plain Python, bag of words and pairs": rate(lambda: [_bag(text, weights) for text in texts], size),
        "plain Python, look-ups of 3 words": rate(lambda: [_trigrams(text, model) for text in texts], size),
        "fastText lid.176.ftz, whole texts": rate(lambda: [_fasttext(text) for text in texts], size),
    }


def _bag(text: str, weights: list[float]) -> float:
    words = text.lower().split()
    pairs = [hash(pair) for pair in pairwise(words)]
    return sum(weights[h % len(weights)] for h in [*map(hash, words), *pairs]) / max(1, len(words) + len(pairs))


def _trigrams(text: str, model: Counter[tuple[str, ...]]) -> float:
    words = text.lower().split()
    return sum(math.log(model[gram] + 1) for gram in zip(words, words[1:], words[2:], strict=False))


def _fasttext(text: str) -> float:
    return predict(text.replace("\n", " "))[1]


def learned(folder: Path) -> dict[str, Any]:
    """How a classifier that learned from seven tenths of the labels tells two tenths apart, by group."""
    positive, negative = (Source(name=name, path=folder / f"{name}.jsonl") for name in ("positive", "negative"))
    sets = {"positive": [positive], "negative": [negative], "reference": [positive, negative]}
    recipe = Recipe.model_validate({"name": "labels", "kind": "classifier", "min_labels": 100, **sets})
    with TemporaryDirectory(prefix="gristmill-") as home:
        card = train(Lake(PosixStorage(Path(home))), recipe)[1].card
    return {key: card[key] for key in ("labels", "too_few_labels", "test")}


def main(argv: list[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("texts", type=Path, help="gzipped JSON lines with `text`")
    parser.add_argument("--labels", type=Path, help="folder with positive.jsonl and negative.jsonl")
    parser.add_argument("--out", type=Path, help="JSON file to write")
    args = parser.parse_args(argv)
    table = pages(args.texts)
    result = {"speeds": speeds(table), "peers": plain(table)}
    if args.labels is not None:
        result["labels"] = learned(args.labels)
    if args.out is not None:
        args.out.write_text(json.dumps(result, indent=1))
    say(json.dumps(result, indent=1))


if __name__ == "__main__":
    run_main(main)
