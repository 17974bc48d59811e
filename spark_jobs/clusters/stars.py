"""Connected components by alternating large-star and small-star (Kiveris et al. 2014): O(log^2 n) rounds of joins."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from pyspark.sql import functions as f

from gristmill.lake import Lake
from gristmill.process import say

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


def star_components(session: SparkSession, lake: Lake, edges: DataFrame) -> DataFrame:
    """(doc_id, root) for every node of `edges` (a, b): root is the least node of its component.

    Each round is checkpointed, so the plan stays short and a lost executor costs one round.
    """
    # Of garbage collection's care: what a killed job leaves under tmp is taken after a while.
    session.sparkContext.setCheckpointDir(str(lake.storage.local_path(f"tmp/components-{uuid.uuid4().hex}")))
    edges = edges.selectExpr("least(a, b) as a", "greatest(a, b) as b").filter("a != b").distinct().checkpoint()
    before: Any = None
    rounds = 0
    while (now := _fingerprint(edges)) != before:
        before, rounds = now, rounds + 1
        edges = small_star(large_star(edges)).checkpoint()
        say(f"deduplicate: round {rounds} of components, {now['edges']} edges")
    return edges.selectExpr("b as doc_id", "a as root").union(edges.selectExpr("a as doc_id", "a as root").distinct())


def large_star(edges: DataFrame) -> DataFrame:
    """Join each node's greater neighbours to the least node of its neighbourhood."""
    both = edges.union(edges.selectExpr("b as a", "a as b"))
    least = both.groupBy("a").agg(f.least(f.col("a"), f.min("b")).alias("least"))
    return _edges(both.filter("b > a").join(least, "a").selectExpr("least as a", "b"))


def small_star(edges: DataFrame) -> DataFrame:
    """Join each node and its lesser neighbours to the least of them."""
    least = edges.groupBy("b").agg(f.min("a").alias("least"))
    lesser = edges.join(least, "b").selectExpr("least as a", "a as b")
    return _edges(lesser.union(least.selectExpr("least as a", "b")))


def _edges(edges: DataFrame) -> DataFrame:
    return edges.filter("a != b").distinct()


def _fingerprint(edges: DataFrame) -> Any:
    """Equal for equal sets of edges, whatever their order."""
    total = f.sum(f.xxhash64("a", "b").cast("decimal(38, 0)")).alias("hashes")
    return edges.agg(f.count("*").alias("edges"), total).first()
