"""The metrics table: every fault that a stage may have shows in a figure, and equal data give equal bytes."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gristmill.lake import Account, declared, encode_table
from gristmill.schemas import SCHEMAS
from gristmill.scores import family
from quality.bounds import load_gates
from quality.expectations import judge
from quality.metrics import MAX_KEYS, MAX_ROWS, Metrics, snapshot_metrics, table_metrics
from quality.power import population, stages

Mills = Callable[..., Any]

C = 1 << 40 | 200
"""The kept document of the second file; 100 is a removed one of the first."""

SCORE, OTHER = (family("prose", digit * 64) for digit in "01")

SOUND = {
    "extract.residual": 0, "extract.unaccounted_rejects": 0, "extract.files_missing": 0, "extract.repeated_doc_ids": 0,
    "annotate.heuristics.residual": 0, "annotate.language.residual": 0, "annotate.minhash.residual": 0,
    "decide.residual": 0, "decide.unexplained_removals": 0, "decide.wrong_removals": 0,
    "curate.residual": 0, "curate.repeated_doc_ids": 0, "curate.empty_texts": 0,
}  # fmt: skip


def changed(totals: dict[str, float | None]) -> set[str]:
    """Which figures of a sound snapshot are not as they should be."""
    return {name for name, value in SOUND.items() if totals[name] != value}


def rewrite(dataset: str, **changes: Any) -> Callable[[dict[str, Any]], None]:
    """Change the row with the id `doc_id`."""

    def change(row: dict[str, Any]) -> None:
        if row["doc_id"] == changes["doc_id"]:
            row.update(changes["to"])

    return change


def never_fires(mill: Any, rule: str) -> None:
    """Publish the decisions with one more rule in the account of each file, with nothing removed."""
    files = mill.lake.manifest(mill.digests["decisions"]).files
    accounts = [replace(f.account, removed={**f.account.removed, rule: 0}) for f in files]
    tables = [(mill.lake.read_file(f), account) for f, account in zip(files, accounts, strict=True)]
    mill.publish("decisions", dict(zip((f.unit for f in files), tables, strict=True)))


def test_a_sound_snapshot_closes_and_is_counted(mills: Mills) -> None:
    totals = mills().measure()
    assert changed(totals) == set()
    expected = {
        "extract.records_in": 8, "extract.out": 5, "extract.quarantined": 1, "extract.files_listed": 2,
        "extract.quarantined_share": 1 / 8, "decide.kept_of_documents": 0.4,
        "extract.lost_bytes": 40, "extract.lost_share": 40 / 100_000, "deduplicate.clusters": 2,
        "deduplicate.exact_duplicates": 1, "decide.duplicates_removed": 2, "decide.kept_share": 0.4,
        "curate.documents": 2, "annotate.unknown_language_share": 0, "curate.shard_unevenness": 0,
    }  # fmt: skip
    assert {name: totals[name] for name in expected} == pytest.approx(expected, abs=1e-6)


def test_what_fixed_bounds_judge_rests_on_all_documents(mills: Mills) -> None:
    mill = mills()
    rows = snapshot_metrics(mill.lake, mill.snapshot, mill.digests).to_pylist()
    counts = {f"{r['stage']}.{r['metric']}": r["count"] for r in rows if r["scope"] == "total"}
    expected = {
        "extract.quarantined_share": 8, "decide.kept_of_documents": 5, "annotate.unknown_language_share": 5,
        "audit.below_threshold_share": 1, "safety.pii_per_1000": 2, "safety.damaged_chars_share": 2,
    }  # fmt: skip
    assert {name: counts[name] for name in expected} == expected


def test_figures_per_key_add_up_to_their_totals(mills: Mills) -> None:
    mill = mills()
    rows = snapshot_metrics(mill.lake, mill.snapshot, mill.digests).to_pylist()

    def figures(name: str, scope: str) -> dict[str, float]:
        return {r["key"]: r["value"] for r in rows if f"{r['stage']}.{r['metric']}" == name and r["scope"] == scope}

    assert figures("extract.documents", "host") == {"one.example": 2, "two.example": 3}
    assert figures("annotate.documents", "language") == {"en": 2, "de": 3}
    assert figures("decide.kept", "language") == {"en": 1, "de": 1}
    assert figures("decide.removed", "rule") == {"exact_duplicate": 1, "near_duplicate": 1, "too_short": 1}
    assert figures("extract.rejects", "rule") == {"corrupt": 1, "not_html": 1, "status_not_200": 1}
    assert sum(figures("annotate.chars", "bin").values()) == 5
    assert sum(figures("curate.chars", "bin").values()) == 2


def test_a_rule_that_never_fired_is_in_the_table_with_zero(mills: Mills) -> None:
    mill = mills()
    never_fires(mill, "no_such_text")
    rows = snapshot_metrics(mill.lake, mill.snapshot, mill.digests).to_pylist()
    assert [r["value"] for r in rows if (r["metric"], r["key"]) == ("removed", "no_such_text")] == [0]


def test_documents_to_which_word_rules_do_not_apply_are_counted_by_script(mills: Mills) -> None:
    mill = mills()
    assert mill.measure()["annotate.words_not_measurable"] == 0
    mill.edit("heuristics", rewrite("heuristics", doc_id=C, to={"script": "Han", "words_measurable": False}))
    assert mill.measure()["annotate.words_not_measurable"] == 1
    rows = mill.lake.read(mill.digests["metrics"]).to_pylist()
    found = [(r["key"], r["value"]) for r in rows if r["metric"] == "words_not_measurable" and r["scope"] == "script"]
    assert found == [("Han", 1)]


@pytest.mark.parametrize("dataset", ["heuristics", "language", "minhash"])
def test_a_document_that_was_not_measured_leaves_a_residual(mills: Mills, dataset: str) -> None:
    mill = mills()
    manifest = mill.lake.manifest(mill.digests[dataset])
    tables = {f.unit: (mill.lake.read_file(f), f.account) for f in manifest.files}
    short = tables["000001"][0].slice(1)
    mill.publish(dataset, {**tables, "000001": (short, Account(2, 2))})
    assert changed(mill.measure()) == {f"annotate.{dataset}.residual"}
    # The same with an account that claims all is well.
    mill.publish(dataset, {**tables, "000001": (short, Account(3, 3))})
    assert changed(mill.measure()) == {f"annotate.{dataset}.residual"}


def scored(mill: Any, *, rows: int = 3, account: int = 3, name: str = SCORE) -> None:
    """Publish scores of all documents, but of the second file `rows` rows, and `account` by its account."""
    units = {}
    for entry in mill.lake.manifest(mill.digests["documents"]).files:
        ids, count = mill.lake.read_file(entry, ["doc_id"]), entry.rows
        if entry.unit == "000001":
            ids, count = ids.slice(0, rows), account
        values = [{"doc_id": i, "prose_features": 0} for i in ids.column("doc_id").to_pylist()]
        units[entry.unit] = (pa.Table.from_pylist(values, schema=declared(name)), Account(count, count))
    mill.publish(name, units)


@pytest.mark.parametrize(("rows", "account", "missing"), [(3, 3, 0), (2, 2, 1), (2, 3, 1)])
def test_a_document_that_a_model_was_not_asked_leaves_a_residual(
    mills: Mills, rows: int, account: int, missing: int
) -> None:
    mill = mills()
    assert mill.measure()["annotate.scores.residual"] == 0
    scored(mill, rows=rows, account=account)
    scored(mill, name=OTHER)
    assert mill.measure()["annotate.scores.residual"] == missing
    assert rows_of(mill, "annotate.scores.residual", "family") == {SCORE: missing, OTHER: 0}
    (bound,) = (b for _, b in load_gates(mill.profile.gates)[0].bounds("snapshot") if b.name == "score balance")
    table = mill.lake.read(mill.digests["metrics"])
    (check,) = judge(table, {"contract": [bound]})
    assert (check.status, check.severity) == ("failed" if missing else "passed", "block")


def test_a_snapshot_without_scores_is_not_accused_of_any(mill: Any) -> None:
    (bound,) = (b for _, b in load_gates(mill.profile.gates)[0].bounds("snapshot") if b.name == "score balance")
    (check,) = judge(mill.lake.read(mill.digests["metrics"]), {"contract": [bound]})
    assert check.status == "passed"


@pytest.mark.parametrize(
    ("dataset", "change", "seen"),
    [
        ("decisions", {"doc_id": 100, "to": {"kept": True}}, {"decide.residual", "curate.residual"}),
        ("decisions", {"doc_id": 100, "to": {"value": None}}, {"decide.unexplained_removals"}),
        ("decisions", {"doc_id": 100, "to": {"reason": None}}, {"decide.unexplained_removals"}),
        ("decisions", {"doc_id": 100, "to": {"duplicate_of": C}}, {"decide.wrong_removals"}),
        ("documents", {"doc_id": 100, "to": {"doc_id": 0}}, {"extract.repeated_doc_ids"}),
        ("corpus", {"doc_id": C, "to": {"doc_id": 0}}, {"curate.repeated_doc_ids"}),
        ("corpus", {"doc_id": C, "to": {"chars": 0}}, {"curate.empty_texts"}),
    ],
)
def test_each_fault_shows_in_its_own_figure(mills: Mills, dataset: str, change: dict[str, Any], seen: set[str]) -> None:
    mill = mills()
    mill.edit(dataset, rewrite(dataset, **change))
    assert changed(mill.measure()) == seen


def test_a_lost_document_a_lost_reject_and_an_unread_file_show(mills: Mills) -> None:
    mill = mills()
    corpus = mill.lake.manifest(mill.digests["corpus"]).files[0]
    mill.publish("corpus", {corpus.unit: (mill.lake.read_file(corpus).slice(1), Account(1, 1))})
    rejects = mill.lake.manifest(mill.digests["rejects"]).files[0]
    mill.publish("rejects", {rejects.unit: (mill.lake.read_file(rejects).slice(1), None)})
    documents = mill.lake.manifest(mill.digests["documents"]).files[0]
    mill.publish("documents", {documents.unit: (mill.lake.read_file(documents), documents.account)})
    assert {"curate.residual", "extract.unaccounted_rejects", "extract.files_missing"} <= changed(mill.measure())


def rows_of(mill: Any, name: str, scope: str) -> dict[str, float]:
    table = snapshot_metrics(mill.lake, mill.snapshot, mill.digests).to_pylist()
    return {r["key"]: r["value"] for r in table if f"{r['stage']}.{r['metric']}" == name and r["scope"] == scope}


def test_a_file_whose_digest_was_never_pinned_and_one_without_a_record_show(mills: Mills) -> None:
    mill = mills()
    mill.lake.storage.local_path("pins/tiny/000001.json").unlink()
    assert mill.measure()["extract.files_unpinned"] == 1
    documents, rejects = (mill.lake.manifest(mill.digests[name]).files for name in ("documents", "rejects"))
    empty = mill.lake.read_file(documents[1]).slice(0, 0)
    mill.publish("documents", {"000000": (mill.lake.read_file(documents[0]), documents[0].account),
                               "000001": (empty, Account(0, 0))})  # fmt: skip
    assert mill.measure()["extract.files_without_records"] == 1
    assert rows_of(mill, "extract.files_without_records", "shard") == {"000001": 1}
    assert rejects[1].rows == 0


def test_lost_bytes_are_named_by_file_and_unread_ones_counted(mills: Mills) -> None:
    mill = mills()
    mill.edit("rejects", lambda row: row.update(doc_id=C + 9 if row["reason"] == "corrupt" else row["doc_id"]))
    assert rows_of(mill, "extract.lost_bytes", "shard") == {"000001": 40}
    first = mill.lake.manifest(mill.digests["documents"]).files[0]
    mill.publish("documents", {first.unit: (mill.lake.read_file(first), first.account)})
    assert mill.measure()["extract.bytes_unread"] == 50_000


def test_shares_are_given_by_rule_language_host_and_domain(mills: Mills) -> None:
    mill = mills()
    never_fires(mill, "silent")
    assert rows_of(mill, "decide.removed_share", "rule") == {
        "exact_duplicate": 0.2, "near_duplicate": 0.2, "too_short": 0.2, "silent": 0
    }  # fmt: skip
    assert rows_of(mill, "decide.kept_share", "language") == {"en": 0.5, "de": 0.333333}
    assert rows_of(mill, "decide.kept_share", "host") == {"one.example": 0.5, "two.example": 0.333333}
    assert rows_of(mill, "extract.source_share", "domain") == {"one.example": 0.4, "two.example": 0.6}
    totals = mill.measure()
    assert totals["extract.host_concentration"] == pytest.approx(0.4**2 + 0.6**2)
    assert totals["decide.duplicate_share"] == 0.4
    assert totals["extract.source_share"] == 0.6


def test_impossible_numbers_odd_codes_and_damage_show(mills: Mills) -> None:
    mill = mills()
    mill.edit("corpus", rewrite("corpus", doc_id=C, to={"bytes": 1, "language": "<b>"}))
    mill.edit("language", rewrite("language", doc_id=C, to={"language": "DE!"}))
    mill.edit("content", rewrite("content", doc_id=C, to={"encoding_damage_share": 0.5, "ldnoobw_words": 1}))
    totals = mill.measure()
    assert (totals["curate.impossible_rows"], totals["curate.bad_language_codes"]) == (1, 1)
    assert totals["annotate.bad_language_codes"] == 1
    assert (totals["safety.damaged_share"], totals["safety.listed_words_share"]) == (1, 1)


def test_a_file_with_other_columns_than_its_dataset_shows(mills: Mills) -> None:
    mill = mills()
    assert mill.measure()["contract.other_schemas"] == 0
    entry = mill.lake.manifest(mill.digests["url"]).files[0]
    path = mill.lake.path(entry)
    path.chmod(0o644)
    pq.write_table(pa.table({"doc_id": [1]}), path)
    assert rows_of(mill, "contract.other_schemas", "dataset") == {"url": 1}


def test_a_file_of_scores_with_other_columns_shows(mills: Mills) -> None:
    mill = mills()
    scored(mill)
    assert mill.measure()["contract.other_schemas"] == 0
    path = mill.lake.path(mill.lake.manifest(mill.digests[SCORE]).files[0])
    path.chmod(0o644)
    pq.write_table(pq.read_table(path).rename_columns(["doc_id", "prose_score", "prose_percentile", "b", "f"]), path)
    assert rows_of(mill, "contract.other_schemas", "dataset") == {SCORE: 1}


def test_the_table_of_a_crawl_of_any_size_has_at_most_50_000_rows() -> None:
    """As many hosts, domains, languages, rules and shards as there is room for."""
    rng, n = np.random.default_rng(0), 30_000
    documents = replace(
        population(0, hosts=2), hosts=tuple(f"h{i}.site{i}.example" for i in range(n)), host=np.arange(n),
        language=rng.integers(0, 9, n), reason=rng.integers(-1, 5, n), copy_of=np.full(n, -1),
        score=rng.random(n), chars=rng.integers(1, 10**5, n).astype(float), damage=np.zeros(n), listed=np.zeros(n),
        truncated=np.zeros(n, bool),
    )  # fmt: skip
    memory = stages(documents)
    memory.accounts["decisions"] = replace(
        memory.accounts["decisions"], other={f"not_measured:r{i}": 1 for i in range(5000)}
    )
    metrics = Metrics()
    table_metrics(metrics, memory, memory.listing)
    scopes = {(row["stage"], row["metric"], row["scope"]) for row in metrics.rows if row["scope"] != "total"}
    totals = sum(row["scope"] == "total" for row in metrics.rows)
    assert metrics.table().num_rows <= MAX_ROWS
    # What other tables could ever add, were each of these to have all the keys that it may.
    assert totals + (len(scopes) + 10) * (MAX_KEYS + 1) <= MAX_ROWS


def test_the_shards_farthest_from_the_mean_are_named() -> None:
    memory = stages(population(0, hosts=20))
    table = memory.tables["corpus"]["000000"]
    memory.tables["corpus"] = {f"{i:06d}": table.slice(0, 10 + (90 if i == 30 else 0)) for i in range(40)}
    rows = [r for r in memory.metrics().to_pylist() if (r["metric"], r["scope"]) == ("bytes", "shard")]
    assert len(rows) == 21
    assert rows[-1]["key"] == "(rest)"
    assert "000030" in [row["key"] for row in rows]


def test_equal_data_give_equal_bytes_in_any_order_of_arrival(mills: Mills) -> None:
    mill = mills()
    first = snapshot_metrics(mill.lake, mill.snapshot, mill.digests)
    for dataset in ("documents", "heuristics", "decisions", "corpus"):
        manifest = mill.lake.manifest(mill.digests[dataset])
        files = list(manifest.files)
        random.Random(1).shuffle(files)
        mill.publish(dataset, {f.unit: (mill.lake.read_file(f), f.account) for f in files})
    again = snapshot_metrics(mill.lake, mill.snapshot, dict(reversed(mill.digests.items())))
    assert encode_table("metrics", first) == encode_table("metrics", again)


def test_a_snapshot_without_a_document_is_measured_too(mills: Mills) -> None:
    mill = mills()
    for dataset in ("documents", "heuristics", "language", "minhash", "decisions", "corpus"):
        mill.publish(dataset, {"000000": (SCHEMAS[dataset].empty_table(), Account(0, 0))})
    for dataset in ("duplicates", "rejects"):
        mill.publish(dataset, {"000000": (SCHEMAS[dataset].empty_table(), None)})
    totals = mill.measure()
    assert totals["extract.out"] == 0
    assert totals["decide.kept_share"] is None
    assert totals["curate.least_language_score"] is None


def test_thousands_of_hosts_stay_one_small_table_that_still_adds_up() -> None:
    metrics = Metrics()
    metrics.per_key("extract", "documents", "host", {f"host-{i:05d}": float(i) for i in range(5000)})
    rows = metrics.table().to_pylist()
    assert len(rows) == MAX_KEYS + 1
    assert sum(row["value"] for row in rows) == sum(range(5000))
    assert (rows[0]["key"], rows[-1]["key"], rows[-1]["count"]) == ("host-04999", "(rest)", 5000 - MAX_KEYS)


def test_rows_are_ordered_by_name_and_figures_are_rounded() -> None:
    metrics = Metrics()
    metrics.total("b", "z", 1 / 3)
    metrics.total("a", "y", float("nan"))
    metrics.total("a", "x", 1)
    table = metrics.table()
    assert table.column("metric").to_pylist() == ["x", "y", "z"]
    assert table.column("value").to_pylist() == [1, None, 0.333333]
    assert table.schema == SCHEMAS["metrics"]
    assert isinstance(table, pa.Table)
