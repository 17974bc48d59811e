"""The stages one after the other, without Spark: what they account for, reuse and give the same again."""

from __future__ import annotations

import gzip
import shutil
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any, TypeVar

import pyarrow.compute as pc
import pytest
import yaml

from gristmill import ledger, units
from gristmill.catalogue import Catalogue, CatalogueError
from gristmill.datasets import SIGNAL_FAMILIES
from gristmill.lake import Lake
from gristmill.profile import PROJECT
from gristmill.schemas import BANDS, OFFSET_BITS
from quality.metrics import snapshot_metrics
from quality.removals import wrong_removals
from spark_jobs import annotate, curate, decide, deduplicate, extract
from spark_jobs.clusters import verification
from spark_jobs.policies.model import Edits
from spark_jobs.survivors import KINDS
from spark_jobs.text.similarity import exact_jaccard
from spark_jobs.web.documents import ExtractConfig

MEASURING = (extract, annotate)
T = TypeVar("T")
R = TypeVar("R")


def account(mill: Any, snapshot: str, dataset: str) -> Any:
    return mill.lake.manifest(mill.digests[snapshot][dataset]).account


def test_every_stage_accounts_for_every_record(mill: Any, tiny_crawl: Any) -> None:
    pages = tiny_crawl.pages["A"]
    kinds = Counter(kind for _, kind, _ in pages)
    documents, rejects = mill.rows("A", "documents"), mill.rows("A", "rejects")
    assert sorted([r["url"] for r in documents] + [r["url"] for r in rejects]) == sorted(url for url, _, _ in pages)
    assert {r["reason"] for r in rejects} == {"http_status"}
    assert len(rejects) == kinds["gone"]

    ids = [r["doc_id"] for r in documents]
    for family in SIGNAL_FAMILIES:
        assert [r["doc_id"] for r in mill.rows("A", family)] == ids
    decisions = mill.rows("A", "decisions")
    assert [r["doc_id"] for r in decisions] == ids
    kept = [r["doc_id"] for r in decisions if r["kept"]]
    assert [r["doc_id"] for r in mill.rows("A", "corpus")] == kept
    assert {r["doc_id"] for r in mill.rows("A", "duplicates")} <= set(ids)

    given_to = {"documents": pages, **dict.fromkeys(SIGNAL_FAMILIES, ids), "decisions": ids, "corpus": kept}
    for dataset, given in given_to.items():
        found = account(mill, "A", dataset)
        assert (found.records_in, found.residual) == (len(given), 0), dataset
    removed = Counter(r["reason"] for r in decisions if not r["kept"])
    accounted = account(mill, "A", "decisions").removed
    assert Counter(accounted) == removed
    rules = [rule["name"] for rule in policy()["rules"]]
    assert set(accounted) == {*rules, *KINDS}, "also rules that never fired"
    assert 0 in accounted.values()
    assert removed["short"] == kinds["short"]


def test_the_embedded_crawl_closes_its_balance_at_every_stage(places: Any, embedded: dict[str, list[Path]]) -> None:
    mill = places.mill("embedded", {"A": embedded["A"]}, stages={"curate": {"shard_bytes": 300_000}})
    mill.run("A")
    listed = sum(1 for _ in (PROJECT / "data/crawl/embedded/snapshot-A.manifest.jsonl").open())
    documents, decisions, corpus = (account(mill, "A", name) for name in ("documents", "decisions", "corpus"))
    assert documents.records_in >= listed
    assert decisions.records_in == documents.out
    assert corpus.records_in == decisions.out
    assert not any(a.residual for a in (documents, decisions, corpus))
    rows = mill.rows("A", "corpus")
    assert {r["language"] for r in rows} >= {"en", "fr", "ko", "ja", "tr"}
    texts = Counter(r["content_hash"] for r in rows)
    assert set(texts.values()) == {1}, "no exact duplicate stays"
    sizes = [f.rows for f in mill.lake.manifest(mill.digests["A"]["corpus"]).files]
    assert len(sizes) > 3


def test_copies_leave_and_pages_that_merely_share_a_site_stay(mill: Any, tiny_crawl: Any) -> None:
    texts = {url: text for url, _, text in tiny_crawl.pages["A"]}
    urls = {r["doc_id"]: r["url"] for r in mill.rows("A", "documents")}
    decisions = {urls[r["doc_id"]]: r for r in mill.rows("A", "decisions")}
    for i in range(40):
        page, copy, near = (f"http://site.example/{i}{suffix}" for suffix in ("", "?copy", "?near"))
        family = [url for url in (page, copy, near) if url in decisions]
        staying = [url for url in family if decisions[url]["kept"]]
        assert len(staying) == 1, family
        for url in family:
            row = decisions[url]
            if not row["kept"]:
                assert urls[row["duplicate_of"]] == staying[0]
                exact = texts[url] == texts[staying[0]]
                assert row["reason"] == ("exact_duplicate" if exact else "near_duplicate")
                assert row["value"] == pytest.approx(exact_jaccard(texts[url], texts[staying[0]]), abs=0.12)
                assert row["cluster_size"] == len(family)
        longest = max(len(texts[url].encode()) for url in family)
        assert len(texts[staying[0]].encode()) == longest, "the policy's survivor is the longest"


def test_pairs_stand_once_with_both_of_the_groups_that_they_join(mill: Any) -> None:
    rows = {r["doc_id"]: r for r in mill.rows("A", "duplicates")}
    pairs = {(doc_id, p["doc_id"]): p["jaccard"] for doc_id, r in rows.items() for p in r["pairs"]}
    assert len(pairs) == sum(len(r["pairs"]) for r in rows.values())
    assert pairs == {(b, a): jaccard for (a, b), jaccard in pairs.items()}
    for doc_id in {doc_id for pair in pairs for doc_id in pair}:
        assert rows[doc_id]["exact_group"] in (None, doc_id), "only a group's first document has pairs"


def test_no_two_kept_documents_are_near_duplicates(mill: Any) -> None:
    kept = {r["doc_id"] for r in mill.rows("B", "decisions") if r["kept"]}
    texts = [r["text"] for r in mill.rows("B", "documents") if r["doc_id"] in kept]
    assert max(exact_jaccard(a, b) for a, b in combinations(texts, 2)) < 0.8
    lake, digests = mill.lake, mill.digests["B"]
    assert wrong_removals(lake.read(digests["decisions"]), lake.read(digests["duplicates"])) == 0


def test_the_index_has_every_band_of_every_kept_document(mill: Any) -> None:
    kept = {r["doc_id"] for r in mill.rows("A", "decisions") if r["kept"]}
    signed = [row for row in mill.rows("A", "minhash") if row["doc_id"] in kept and row["shingles"]]
    equal = {(band, row[f"band_{band:02d}"], row["doc_id"]) for row in signed for band in range(BANDS)}
    found = {(r["band"], r["key"], r["doc_id"]) for r in mill.rows("A", "index")}
    value_of = {(band, doc_id): value for band, value, doc_id in equal}
    assert {(band, doc_id) for band, _, doc_id in found} == set(value_of)
    assert len({(band, key, value_of[band, doc_id]) for band, key, doc_id in found}) == len({k[:2] for k in equal})
    for entry in mill.lake.manifest(mill.digests["A"]["index"]).files:
        table = mill.lake.read_file(entry)
        assert {f"{key >> 60:x}" for key in table.column("key").to_pylist()} <= {entry.unit}
        assert table.equals(table.sort_by([("band", "ascending"), ("key", "ascending"), ("doc_id", "ascending")]))


def test_shards_are_contiguous_clean_and_measured_again(mill: Any) -> None:
    shards = mill.lake.manifest(mill.digests["A"]["corpus"]).files
    assert len(shards) > 2
    rows = mill.rows("A", "corpus")
    assert [r["doc_id"] for r in rows] == sorted(r["doc_id"] for r in rows)
    sizes = [pc.sum(mill.lake.read_file(shard, ["bytes"]).column("bytes")).as_py() for shard in shards]
    assert max(sizes) - min(sizes) <= 2 * max(r["bytes"] for r in rows)
    for row in rows:
        assert row["bytes"] == len(row["text"].encode())
        assert row["chars"] == len(row["text"])
    before = {r["doc_id"]: r for r in mill.rows("A", "documents")}
    assert all(r["edited_bytes"] == len(before[r["doc_id"]]["text"].encode()) - r["bytes"] for r in rows)


@pytest.mark.parametrize(("tasks", "hashes"), [(1, 1), (4, 5000)])
def test_the_grouping_of_work_does_not_change_a_byte(
    mill: Any, places: Any, tiny_crawl: Any, monkeypatch: pytest.MonkeyPatch, tasks: int, hashes: int
) -> None:
    monkeypatch.setattr(units, "MIN_TASKS", tasks)
    monkeypatch.setattr(verification, "SHINGLES_AT_ONCE", hashes)
    grouped = places.mill("grouped", tiny_crawl.files, stages=mill.profile.stages)
    grouped.run("A")
    assert grouped.digests["A"] == mill.digests["A"]


def test_the_order_of_snapshots_and_of_work_does_not_change_a_byte(mill: Any, backwards: Any) -> None:
    assert backwards.digests == mill.digests


def test_a_stage_that_failed_goes_on_where_it_stopped(mill: Any, places: Any, tiny_crawl: Any) -> None:
    failed = places.mill("failed", tiny_crawl.files, stages=mill.profile.stages)
    left = [3]

    def failing(function: Callable[[T], R], items: Sequence[T]) -> Iterable[R]:
        for item in items:
            if not left[0]:
                raise RuntimeError("lost an executor")
            left[0] -= 1
            yield function(item)

    with pytest.raises(RuntimeError, match="lost an executor"):
        failed.run("A", tasks=failing)
    assert [r["status"] for r in ledger.ended(failed.lake, "A")] == ["failed"]
    again = failed.run("A", stages=MEASURING)
    assert again["extract"].summary["units_reused"] == 3
    assert failed.digests["A"].items() <= mill.digests["A"].items()


def policy(**changes: Any) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((PROJECT / "configs/policies/gristmill.yaml").read_text())
    loaded["rules"] = [{**rule, **changes.get(rule["name"], {})} for rule in loaded["rules"]]
    return loaded


def test_a_changed_policy_decides_again_and_measures_nothing_again(mill: Any, places: Any, tiny_crawl: Any) -> None:
    shutil.copytree(mill.profile.lake, places.folder / "lenient" / "lake")
    lenient = policy(short={"min": 1}, few_words={"min": 1}, language_unsure={"min": 0.000001})
    lenient["edits"] = {}
    profile = places.profile("lenient", policy=lenient, stages=mill.profile.stages)
    second = type(mill)(profile, Lake.open(profile))
    after = second.run("A")
    for name in ("extract", "annotate", "deduplicate"):
        assert after[name].summary["units_reused"] == after[name].summary["units"], name
        assert after[name].outputs.items() <= mill.digests["A"].items()
    assert after["decide"].summary["units_reused"] == 0
    assert second.digests["A"]["decisions"] != mill.digests["A"]["decisions"]
    shorts = sum(kind == "short" for _, kind, _ in tiny_crawl.pages["A"])
    assert after["decide"].summary["kept"] == account(mill, "A", "decisions").out + shorts

    repeated = second.run("A")
    assert all(a.summary["units_reused"] == a.summary["units"] for a in repeated.values())


def test_a_file_that_is_added_is_the_only_one_that_is_read(mill: Any, places: Any, tiny_crawl: Any) -> None:
    files = tiny_crawl.files["A"]
    grown = places.mill("grown", {"A": files[:4]}, stages=mill.profile.stages)
    grown.run("A", stages=MEASURING)
    Catalogue(grown.lake).extend("A", files[4:])
    again = grown.run("A", stages=MEASURING)
    for name, each in (("extract", 1), ("annotate", len(SIGNAL_FAMILIES))):
        assert (again[name].summary["units"], again[name].summary["units_reused"]) == (6 * each, 4 * each)
    assert grown.digests["A"].items() <= mill.digests["A"].items()


def test_a_truncated_file_exceeds_the_tolerance_for_lost_bytes(
    mill: Any, places: Any, tiny_crawl: Any, tmp_path: Path
) -> None:
    def measured(of: Any) -> dict[str, float]:
        table = snapshot_metrics(of.lake, Catalogue(of.lake).get("A"), of.digests["A"]).to_pylist()
        return {f"{r['stage']}.{r['metric']}": r["value"] for r in table if r["scope"] == "total"}

    groups = yaml.safe_load((PROJECT / "configs/gates/default.yaml").read_text())["snapshot"]
    checks = [check for group in groups.values() for check in group]
    tolerance = next(check["max"] for check in checks if check["metric"] == "extract.lost_share")
    whole = measured(mill)
    assert whole["extract.lost_share"] == 0

    cut = tmp_path / "cut.warc.gz"
    data = tiny_crawl.files["A"][0].read_bytes()
    cut.write_bytes(data[:-400])
    damaged = places.mill("cut", {"A": [cut, *tiny_crawl.files["A"][1:]]})
    damaged.run("A")
    lost = measured(damaged)
    assert lost["extract.lost_share"] > tolerance
    assert lost["extract.quarantined"] == 1
    assert lost["extract.residual"] == lost["extract.unaccounted_rejects"] == 0
    assert lost["extract.out"] + 1 >= whole["extract.out"]


def test_a_crawl_without_a_document_passes_through_all_stages(places: Any, warc: Any, tmp_path: Path) -> None:
    paths = [tmp_path / f"{i}.warc.gz" for i in range(3)]
    gone = gzip.compress(warc.response(b"Not here.", status="404 Not Found"))
    info = gzip.compress(warc.record(b"", kind="warcinfo", url=None))
    for path, data in zip(paths, (gone, info, gone), strict=True):
        path.write_bytes(data)
    mill = places.mill("empty", {"A": paths})
    attempts = mill.run("A")
    assert attempts["extract"].summary["rejected"] == {"http_status": 2}
    assert mill.rows("A", "corpus") == mill.rows("A", "index") == []
    mill.release("A")


def test_a_file_that_changed_since_it_was_read_is_refused(places: Any, tiny_crawl: Any, tmp_path: Path) -> None:
    path = tmp_path / "copy.warc.gz"
    shutil.copy(tiny_crawl.files["A"][0], path)
    mill = places.mill("mill", {"A": [path]})
    mill.run("A", stages=[extract])
    data = bytearray(path.read_bytes())
    data[4] ^= 1  # the time in the header of the first gzip member
    path.write_bytes(data)
    profile = places.profile("mill", stages={"extract": {"max_record_bytes": 1 << 20}})
    with pytest.raises(CatalogueError, match="changed since it was first read"):
        type(mill)(profile, mill.lake).run("A", stages=[extract])


def test_a_file_that_is_lost_or_has_another_size_is_refused_even_where_its_unit_is_done(
    places: Any, tiny_crawl: Any, tmp_path: Path
) -> None:
    path = tmp_path / "copy.warc.gz"
    shutil.copy(tiny_crawl.files["A"][0], path)
    mill = places.mill("mill", {"A": [path]})
    data = path.read_bytes()

    def refused(message: str) -> None:
        with pytest.raises(CatalogueError, match=message):
            mill.run("A", stages=[extract])

    path.write_bytes(data[:-5])
    refused(f"{len(data) - 5} bytes, the listing says {len(data)}; restore it or fetch it again")
    assert Catalogue(mill.lake).pinned("A", 0) is None
    path.write_bytes(data)
    mill.run("A", stages=[extract])
    path.write_bytes(data + b"more")
    refused(f"{len(data) + 4} bytes, the listing says {len(data)}; restore it or fetch it again")
    path.unlink()
    refused(r"copy.warc.gz cannot be read \(No such file or directory\); mount its disk, restore it")


def test_a_file_is_checked_again_when_it_is_read(places: Any, tiny_crawl: Any, tmp_path: Path) -> None:
    path = tmp_path / "copy.warc.gz"
    shutil.copy(tiny_crawl.files["A"][0], path)
    mill = places.mill("mill", {"A": [path]})
    (unit,) = extract.units(mill.lake, Catalogue(mill.lake).get("A"), ExtractConfig())
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(CatalogueError, match="the listing says"):
        extract.compute(mill.lake, unit, ExtractConfig())
    path.unlink()
    with pytest.raises(CatalogueError, match="cannot be read"):
        extract.compute(mill.lake, unit, ExtractConfig())


def test_addresses_lead_back_to_the_records(mill: Any, tiny_crawl: Any) -> None:
    for row in mill.rows("A", "documents"):
        path = tiny_crawl.files["A"][row["doc_id"] >> OFFSET_BITS]
        member = path.read_bytes()[row["doc_id"] & ((1 << OFFSET_BITS) - 1) :]
        assert f"WARC-Target-URI: {row['url']}\r\n".encode() in zlib.decompressobj(31).decompress(member)


def test_the_ledger_has_every_stage_with_its_outputs(mill: Any) -> None:
    records = ledger.ended(mill.lake, "A")[:5]
    assert [r["stage"] for r in records] == [stage.NAME for stage in (extract, annotate, deduplicate, decide, curate)]
    assert all(r["status"] == "succeeded" for r in records)
    assert ledger.newest_output(mill.lake, "A", "corpus") == mill.digests["A"]["corpus"]


def test_what_changes_a_text_is_in_the_recipes_and_where_a_list_lies_is_not(
    mill: Any, tiny_crawl: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def recipes(config: ExtractConfig) -> list[Any]:
        return [unit.inputs for unit in extract.units(mill.lake, Catalogue(mill.lake).get("A"), config)]

    lists = [tmp_path / name for name in ("here.txt", "there.txt")]
    for path in lists:
        path.write_text("domain example.org\n")
    here, there = (ExtractConfig(opt_out=path) for path in lists)
    assert recipes(here) == recipes(there)
    assert recipes(here) != recipes(ExtractConfig())
    assert recipes(ExtractConfig(engine="trafilatura")) != recipes(ExtractConfig())

    def shards() -> list[Any]:
        return [unit.inputs for unit in curate._units(mill.lake, mill.digests["A"], [0, 1 << OFFSET_BITS], Edits())]

    before = shards()
    changed = [replace(f, version=f.version + (f.name == "pii")) for f in curate.FAMILIES]
    monkeypatch.setattr(curate, "FAMILIES", changed)
    assert shards() != before
