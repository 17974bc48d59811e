"""The same groups as DataFrames, for snapshots that one process cannot hold: nothing is collected but manifest rows.

Candidates, verification and components give what the in-process path gives, row for row.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from pyspark.sql import functions as f

from gristmill.lake import FileEntry, Lake
from gristmill.schemas import OFFSET_BITS, ROWS_PER_BAND, SCHEMAS
from spark_jobs.clusters import candidates as in_process
from spark_jobs.clusters.addresses import SCHEME
from spark_jobs.clusters.shape import Shape, band_keys
from spark_jobs.clusters.signatures import BAND_COLUMNS, signature_rows
from spark_jobs.clusters.stars import star_components
from spark_jobs.clusters.verification import Files, files_by_index, unsure
from spark_jobs.text.similarity import estimates, exact_similarities, shingle_sets

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

Batches = Iterator[pa.RecordBatch]
DOCUMENTS_PER_PARTITION = 250_000
"""Of a shuffle: 14 rows a document, about 100 MB."""


@dataclass(frozen=True)
class Search:
    """What is searched with: the lake, the shape of the bands, and the least similarity of a pair."""

    lake: Lake
    shape: Shape
    min_jaccard: float


def write_duplicates(
    session: SparkSession, search: Search, minhash: Sequence[FileEntry], documents: Sequence[FileEntry]
) -> dict[str, FileEntry]:
    """unit -> its file of `duplicates`; a unit without a row has none."""
    rows = sum(entry.rows for entry in minhash)
    partitions = max(session.sparkContext.defaultParallelism, rows // DOCUMENTS_PER_PARTITION)
    session.conf.set("spark.sql.shuffle.partitions", str(partitions))
    signed = session.read.parquet(*(str(search.lake.path(entry)) for entry in minhash))
    keys = signed.mapInArrow(_keys(search.shape), "doc_id long, content binary, signature long, keys array<long>")
    keys = keys.persist()
    try:
        exact = _least("content", keys).select("doc_id", "first")
        pairs = verified(session, search, signed, candidates(keys, exact), files_by_index(documents))
        captures = session.read.parquet(*(str(search.lake.path(entry)) for entry in documents))
        found = _rows(session, search.lake, exact, _same_address(captures), pairs)
        return _write(search.lake, found, minhash)
    finally:
        keys.unpersist()


def _keys(shape: Shape) -> Callable[[Batches], Batches]:
    def compute(batches: Batches) -> Batches:
        for batch in batches:
            table = pa.table(batch)
            bands = [table.column(name).cast(pa.binary(2 * ROWS_PER_BAND)) for name in BAND_COLUMNS]
            values = signature_rows(pa.table(bands, BAND_COLUMNS))
            without = table.column("shingles").to_numpy() == 0
            keys = np.stack([shape.keys(values, band) for band in range(shape.bands)], axis=1).view(np.int64)
            offsets = pa.array(np.arange(len(values) + 1, dtype=np.int32) * shape.bands)
            yield pa.record_batch(
                [
                    batch["doc_id"], batch["content_hash"].cast(pa.binary()),
                    pa.array(band_keys(values, 0, values.shape[1]).view(np.int64), mask=without),
                    pa.ListArray.from_arrays(offsets, pa.array(keys.reshape(-1)), mask=pa.array(without)),
                ],
                names=["doc_id", "content", "signature", "keys"],
            )  # fmt: skip

    return compute


def _least(key: str, rows: DataFrame) -> DataFrame:
    """`rows` with `first`, the least doc_id of an equal `key`, and `size`, how many there are: one row per key and task
    is shuffled to find them."""
    return rows.join(rows.groupBy(key).agg(f.min("doc_id").alias("first"), f.count("*").alias("size")), key)


def candidates(keys: DataFrame, exact: DataFrame) -> DataFrame:
    """(a, b), a < b: representatives of exact groups that share a band; a common signature with its first alone."""
    own = exact.filter("doc_id = first").select("doc_id")
    representatives = keys.join(own, "doc_id").filter("signature is not null")
    firsts = _least("signature", representatives).persist()
    collapsed = f"size >= {in_process.ALL_PAIRS_BELOW} and doc_id != first"
    equal = firsts.filter(collapsed).selectExpr("first as a", "doc_id as b")
    buckets = firsts.filter(f"not ({collapsed})").select("doc_id", f.posexplode("keys").alias("band", "key"))
    sizes = buckets.groupBy("band", "key").agg(f.min("doc_id").alias("first"), f.count("*").alias("size"))
    members = buckets.join(sizes.filter("size > 1"), ["band", "key"])
    stars = members.filter(f"size >= {in_process.ALL_PAIRS_BELOW} and doc_id != first").selectExpr(
        "first as a", "doc_id as b"
    )
    few = members.filter(f"size < {in_process.ALL_PAIRS_BELOW}").select("band", "key", f.col("doc_id").alias("a"))
    pairs = few.join(few.withColumnRenamed("a", "b"), ["band", "key"]).filter("a < b").select("a", "b")
    return pairs.union(stars).union(equal).distinct()


def verified(session: SparkSession, search: Search, signed: DataFrame, pairs: DataFrame, documents: Files) -> DataFrame:
    """(a, b, jaccard) of the pairs that are similar enough."""
    values = signed.select("doc_id", f.concat(*BAND_COLUMNS).alias("values"))
    both = _beside(pairs, values, "values")
    estimated = both.mapInArrow(
        _estimate(search.min_jaccard), "a long, b long, jaccard float, unsure boolean"
    ).persist()
    close = estimated.filter("unsure").select("a", "b")
    texts = close.selectExpr("a as doc_id").union(close.selectExpr("b as doc_id")).distinct()
    by_file = texts.groupBy(f.shiftright("doc_id", OFFSET_BITS).alias("file")).agg(
        f.collect_list("doc_id").alias("ids")
    )
    sets = by_file.mapInArrow(_read_sets(search.lake, documents), "doc_id long, hashes binary")
    settled = _beside(close, sets, "hashes").mapInArrow(_settle, "a long, b long, jaccard float")
    sure = estimated.filter("not unsure").select("a", "b", "jaccard")
    return sure.union(settled).filter(f.col("jaccard") >= f.lit(search.min_jaccard).cast("float"))


def _beside(pairs: DataFrame, values: DataFrame, name: str) -> DataFrame:
    """`pairs` with the value of both sides as `left` and `right`."""
    left = values.select(f.col("doc_id").alias("a"), f.col(name).alias("left"))
    right = values.select(f.col("doc_id").alias("b"), f.col(name).alias("right"))
    return pairs.join(left, "a").join(right, "b").select("a", "b", "left", "right")


def _estimate(threshold: float) -> Callable[[Batches], Batches]:
    def compute(batches: Batches) -> Batches:
        for batch in batches:
            sides = [np.frombuffer(b"".join(batch[name].to_pylist()), np.uint16) for name in ("left", "right")]
            count = batch.num_rows
            places = np.stack([np.arange(count)] * 2, axis=1)
            found = estimates(sides[0].reshape(count, -1), sides[1].reshape(count, -1), places)
            columns = [batch["a"], batch["b"], pa.array(found), pa.array(unsure(found, threshold))]
            yield pa.record_batch(columns, names=["a", "b", "jaccard", "unsure"])

    return compute


def _read_sets(lake: Lake, documents: Files) -> Callable[[Batches], Batches]:
    def compute(batches: Batches) -> Batches:
        for batch in batches:
            for file, wanted in zip(batch["file"].to_pylist(), batch["ids"].to_pylist(), strict=True):
                table = lake.read_file(documents[file], ["doc_id", "text"])
                places = np.flatnonzero(np.isin(table.column("doc_id").to_numpy(), wanted))
                table = table.take(places)
                hashes, offsets = shingle_sets(table.column("text").combine_chunks())
                sets = [hashes[start:end].tobytes() for start, end in pairwise(offsets)]
                ids = table.column("doc_id").combine_chunks()
                yield pa.record_batch([ids, pa.array(sets, pa.binary())], names=["doc_id", "hashes"])

    return compute


def _settle(batches: Batches) -> Batches:
    for batch in batches:
        parts = [np.frombuffer(each, np.uint64) for name in ("left", "right") for each in batch[name].to_pylist()]
        offsets = np.concatenate(([0], np.cumsum([len(part) for part in parts])))
        places = np.arange(batch.num_rows)
        found = exact_similarities(
            np.concatenate([np.empty(0, np.uint64), *parts]), offsets,
            np.stack([places, places + batch.num_rows], axis=1),
        )  # fmt: skip
        yield pa.record_batch([batch["a"], batch["b"], pa.array(found)], names=["a", "b", "jaccard"])


def _same_address(documents: DataFrame) -> DataFrame:
    """(doc_id, url_group, captured) of the documents whose canonical URL has others."""
    known = documents.select("doc_id", "canonical_url", "captured").filter(f.col("canonical_url").contains(SCHEME))
    return _least("canonical_url", known).filter("size > 1").selectExpr("doc_id", "first as url_group", "captured")


def _rows(session: SparkSession, lake: Lake, exact: DataFrame, addresses: DataFrame, pairs: DataFrame) -> DataFrame:
    """The rows of `duplicates`, with their file."""
    pairs = pairs.persist()
    copies = exact.filter("doc_id != first")
    edges = pairs.select("a", "b").union(copies.selectExpr("first as a", "doc_id as b"))
    edges = edges.union(addresses.selectExpr("url_group as a", "doc_id as b"))
    labels = star_components(session, lake, edges)
    sizes = labels.groupBy("root").agg(f.count("*").cast("int").alias("cluster_size"))
    groups = copies.selectExpr("doc_id", "first").union(copies.selectExpr("first as doc_id", "first")).distinct()
    both = pairs.union(pairs.selectExpr("b as a", "a as b", "jaccard"))
    lists = both.groupBy("a").agg(f.sort_array(f.collect_list(f.struct(f.col("b").alias("doc_id"), "jaccard"))))
    lists = lists.toDF("doc_id", "pairs")
    rows = labels.join(sizes, "root").join(groups, "doc_id", "left").join(lists, "doc_id", "left")
    rows = rows.join(addresses, "doc_id", "left")
    file = f.shiftright("doc_id", OFFSET_BITS).alias("file")
    return rows.select(
        "doc_id", f.col("first").alias("exact_group"), "url_group", "captured",
        f.col("root").alias("cluster_id"), "cluster_size",
        f.coalesce("pairs", f.expr("cast(array() as array<struct<doc_id: bigint, jaccard: float>>)")).alias("pairs"),
        file,
    )  # fmt: skip


def _write(lake: Lake, rows: DataFrame, files: Sequence[FileEntry]) -> dict[str, FileEntry]:
    units = {int(entry.unit): entry.unit for entry in files}

    def write(table: pa.Table) -> pa.Table:
        unit = units[table.column("file")[0].as_py()]
        own = table.drop_columns("file").sort_by("doc_id").cast(SCHEMAS["duplicates"])
        entry = lake.write_table("duplicates", unit, own)
        return pa.table({"entry": [json.dumps(asdict(entry))]})

    written = rows.groupBy("file").applyInArrow(write, "entry string").collect()
    entries = [FileEntry.from_json(json.loads(row["entry"])) for row in written]
    return {entry.unit: entry for entry in entries}
