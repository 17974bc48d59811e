"""tokenize: a byte-level BPE of the mix, and globally shuffled token streams with document boundaries.

The shuffle of token streams is the only shuffle of content: Spark partitions by a hash of the document's key,
so the order depends on the mix and the seed alone.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from gristmill.errors import UserError
from gristmill.lake import Account, FileEntry, Lake, LakeError
from gristmill.ledger import Attempt
from gristmill.mixes import load_mix, request_id
from gristmill.process import resolve_inputs, run_main, say, stage_parser, write_result
from gristmill.profile import load_profile
from gristmill.schemas import SCHEMAS
from gristmill.settings import Settings
from gristmill.units import BalanceError
from spark_jobs.session import Refusal, SparkTasks, spark_tasks, unwrapped
from spark_jobs.stage import StageContext, corpus_inputs, mixed_corpora

NAME, VERSION = "tokenize", 1
END_OF_TEXT = "<|endoftext|>"
SPLITS = ("train", "validation")


class TokenizeConfig(Settings):
    """`vocabulary`: entries with the 256 bytes and the end-of-text token; `sample_bytes`: text the BPE learns from;
    `shard_bytes`: UTF-8 bytes of text per token shard; `seed` of the shuffle."""

    vocabulary: int = Field(default=32_768, ge=300, le=262_144)
    sample_bytes: int = Field(default=200_000_000, ge=1000)
    shard_bytes: int = Field(default=400_000_000, ge=1000)
    seed: int = Field(default=0, ge=0)


def run(context: StageContext, tasks: SparkTasks) -> Attempt:
    """The whole stage. Raises BalanceError when the tokens are not those of every document that has a split."""
    config = context.profile.stage(NAME, TokenizeConfig)
    lake = context.lake
    corpora = mixed_corpora(lake, context.inputs["mix"], context.scope)
    sources = corpus_sources(lake, context.inputs["mix"], corpora)
    with replace(context, inputs={**context.inputs, **corpus_inputs(corpora)}).attempt(NAME, config) as attempt:
        provenance = {**attempt.provenance(), "config": config.model_dump(mode="json"), "mix": context.inputs["mix"]}
        tokenizer = _publish_tokenizer(lake, sources, config, provenance)
        say(f"tokenize: byte-level BPE of {config.vocabulary} entries trained")
        path = str(lake.path(lake.manifest(tokenizer).files[0]))
        files = shuffle_tokens(lake, sources, path, config, tasks)
        _check_rows(lake, context.inputs["mix"], files)
        tokens = lake.publish("tokens", files, {**provenance, "tokenizer": tokenizer})
        attempt.outputs.update({"tokenizer": tokenizer, "tokens": tokens.digest})
        attempt.summary.update({"documents": tokens.rows, "shards": len(tokens.files)})
    return attempt


Source = tuple[str, FileEntry, dict[int, str]]
"""(snapshot, corpus shard, doc_id -> split of its documents that are in the mix)"""


def corpus_sources(lake: Lake, mix: str, corpora: Mapping[str, str]) -> list[Source]:
    """The shards of the corpora (snapshot -> digest) of a mix, whatever is released since.

    Raises LakeError when they are not those that were mixed.
    """
    rows = lake.read(mix)
    sources: list[Source] = []
    for snapshot in rows.column("snapshot").unique().to_pylist():
        if snapshot not in corpora:
            raise LakeError(f"nothing says which corpus of snapshot {snapshot} was mixed; mix again")
        mine = rows.filter(pc.equal(rows.column("snapshot"), snapshot))
        splits = dict(zip(mine.column("doc_id").to_pylist(), mine.column("split").to_pylist(), strict=True))
        for entry in lake.manifest(corpora[snapshot]).files:
            ids = lake.read_file(entry, ["doc_id"]).column("doc_id").to_pylist()
            if any(doc_id not in splits for doc_id in ids):
                raise LakeError(f"the corpus of snapshot {snapshot} is not the one that was mixed; mix again")
            sources.append((snapshot, entry, {d: splits[d] for d in ids if splits[d] is not None}))
    return sources


def _check_rows(lake: Lake, mix: str, files: Sequence[FileEntry]) -> None:
    split = lake.read(mix, ["split"]).column("split")
    wanted, found = len(split) - split.null_count, sum(entry.rows for entry in files)
    if found != wanted:
        raise BalanceError(f"tokenize: {found} documents have tokens, the mix has a split for {wanted}; mix again")


def _publish_tokenizer(lake: Lake, sources: Sequence[Source], config: TokenizeConfig, provenance: Any) -> str:
    tokenizer = train_tokenizer(_training_texts(lake, sources, config.sample_bytes), config.vocabulary)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tokenizer.json"
        tokenizer.save(str(path))
        entry = lake.write_file("tokenizer", "tokenizer.json", path)
    return lake.publish("tokenizer", [entry], provenance).digest


def _training_texts(lake: Lake, sources: Sequence[Source], sample_bytes: int) -> Iterator[str]:
    """Texts of the train split, shard by shard, an equal share of `sample_bytes` from each."""
    share = sample_bytes // max(1, len(sources))
    for _, entry, splits in sources:
        left = share
        for doc_id, text in _rows(lake, entry, ("doc_id", "text")):
            if left > 0 and splits.get(doc_id) == "train":
                left -= len(text.encode())
                yield text


def train_tokenizer(texts: Iterable[str], vocabulary: int) -> Tokenizer:
    """Byte-level BPE (GPT-2 pre-tokenisation); the end-of-text token has id 0; any bytes round-trip."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary, special_tokens=[END_OF_TEXT], show_progress=False,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
    )  # fmt: skip
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


@lru_cache(maxsize=1)
def _load_tokenizer(path: str) -> Tokenizer:
    tokenizer = Tokenizer.from_file(path)
    # Text that spells the end-of-text token out is encoded as bytes and cannot end a document.
    tokenizer.encode_special_tokens = True
    return tokenizer


Row = tuple[str, int, str, int, bytes]
"""(snapshot, doc_id, language, UTF-8 bytes of the text, tokens as little-endian uint32)"""


def encode(lake: Lake, source: Source, tokenizer_path: str, seed: int) -> Iterator[tuple[tuple[str, bytes], Row]]:
    """((split, shuffle key), row) of each document of a corpus shard; tokens end with end-of-text."""
    snapshot, entry, splits = source
    tokenizer = _load_tokenizer(tokenizer_path)
    for doc_id, text, language in _rows(lake, entry, ("doc_id", "text", "language")):
        if (split := splits.get(doc_id)) is None:
            continue
        ids = tokenizer.encode(text, add_special_tokens=False).ids
        key = hashlib.blake2b(f"{seed}/{snapshot}/{doc_id}".encode(), digest_size=16).digest()
        yield (split, key), (snapshot, doc_id, language, len(text.encode()), np.array([*ids, 0], "<u4").tobytes())


def shuffle_tokens(
    lake: Lake, sources: Sequence[Source], tokenizer_path: str, config: TokenizeConfig, tasks: SparkTasks
) -> list[FileEntry]:
    """Encode every shard and write the token shards in shuffled order; one Spark shuffle."""
    units = shard_units(text_bytes(lake, sources), config.shard_bytes)
    shards = {split: [u for u in units if u.startswith(split)] for split in SPLITS}
    starts = {split: units.index(names[0]) for split, names in shards.items()}

    def partition(key: tuple[str, bytes]) -> int:
        split, draw = key
        return starts[split] + int.from_bytes(draw[:4], "big") * len(shards[split]) // 2**32

    def encoded(source: Source) -> Iterator[tuple[tuple[str, bytes], Row | Refusal]]:
        try:
            yield from encode(lake, source, tokenizer_path, config.seed)
        except UserError as error:
            # Shuffled like a document, it reaches the driver without a retry.
            yield (SPLITS[0], bytes(16)), Refusal(error)

    def write(index: int, rows: Iterable[tuple[tuple[str, bytes], Row | Refusal]]) -> Iterator[FileEntry | Refusal]:
        try:
            table = token_table(unwrapped(row for _, row in rows))
            yield lake.write_table("tokens", units[index], table, Account(table.num_rows, table.num_rows))
        except UserError as error:
            yield Refusal(error)

    pairs = tasks.context.parallelize(sources, max(1, len(sources))).flatMap(encoded)
    shuffled = pairs.repartitionAndSortWithinPartitions(len(units), partition)
    return unwrapped(shuffled.mapPartitionsWithIndex(write).collect())


def text_bytes(lake: Lake, sources: Sequence[Source]) -> int:
    """UTF-8 bytes of text in the shards of the corpora."""
    return sum(pc.sum(lake.read_file(entry, ["bytes"]).column("bytes")).as_py() or 0 for _, entry, _ in sources)


def shard_units(size: int, shard_bytes: int) -> list[str]:
    """Names of the token shards: enough train shards for `size` bytes of text, one for validation."""
    train = max(1, round(size / shard_bytes))
    return [*(f"train-{i:05d}" for i in range(train)), "validation-00000"]


def token_table(rows: Sequence[Row]) -> pa.Table:
    """Rows in stream order; `stream_offset` counts tokens from the start of the shard."""
    lengths = [len(row[4]) // 4 for row in rows]
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    values = pa.array(np.frombuffer(b"".join(row[4] for row in rows), "<u4"))
    columns: Mapping[str, Any] = {
        "stream_offset": pa.array(offsets[:-1]),
        "snapshot": [row[0] for row in rows],
        "doc_id": [row[1] for row in rows],
        "language": [row[2] for row in rows],
        "bytes": [row[3] for row in rows],
        "tokens": pa.ListArray.from_arrays(pa.array(offsets.astype(np.int32)), values),
    }
    return pa.table(columns, schema=SCHEMAS["tokens"])


def _rows(lake: Lake, entry: FileEntry, columns: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    for batch in lake.read_file(entry, columns).to_batches():
        yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)


def main(argv: list[str] | None = None) -> None:
    """Run the stage as a process."""
    parser = stage_parser("Train the tokenizer of a mix and write its shuffled token shards.", "--run")
    args = parser.parse_args(argv)
    profile = load_profile(args.profile)
    lake = Lake.open(profile)
    scope = args.run or request_id(lake, load_mix(profile.mix))
    inputs = resolve_inputs(lake, scope, args.input, ("mix",))
    with spark_tasks(profile, f"tokenize {scope}") as tasks:
        attempt = run(StageContext(lake, profile, scope, inputs, tasks, args.run_id), tasks)
    write_result(args.result, attempt.outputs, attempt.summary)


if __name__ == "__main__":
    # Tasks unpickle what this module defines by its importable name, not by value from __main__.
    from spark_jobs.tokenize import main as importable_main

    run_main(importable_main)
