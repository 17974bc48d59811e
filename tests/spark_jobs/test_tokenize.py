"""Tokens: any text comes back from them, and their order is drawn, not inherited."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from gristmill import ledger
from gristmill.lake import FileEntry, LakeError
from gristmill.mixes import MixIncomplete, load_mix, request_id
from gristmill.reachable import read_json
from gristmill.units import BalanceError, in_process
from spark_jobs import mix as mix_stage
from spark_jobs import tokenize as tokenize_stage
from spark_jobs.session import SparkTasks, spark_tasks
from spark_jobs.stage import StageContext
from spark_jobs.tokenize import (
    END_OF_TEXT,
    TokenizeConfig,
    corpus_sources,
    encode,
    shard_units,
    shuffle_tokens,
    token_table,
    train_tokenizer,
)


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return train_tokenizer(["the cat and the dog and the cow", "그리고 고양이", "猫和狗"] * 20, 400)


@given(st.text())
def test_any_text_comes_back_from_its_tokens(tokenizer: Tokenizer, text: str) -> None:
    tokenizer.encode_special_tokens = True
    ids = tokenizer.encode(text, add_special_tokens=False).ids
    assert tokenizer.decode(ids) == text
    assert 0 not in ids, "the end-of-text token cannot be written by a page"


def test_a_page_that_spells_the_end_of_text_out_does_not_end_there(
    mill: Any, places: Any, tmp_path: Path, tokenizer: Tokenizer
) -> None:
    assert tokenizer.token_to_id(END_OF_TEXT) == 0
    path = tmp_path / "tokenizer.json"
    tokenizer.save(str(path))
    shard = mill.lake.read_file(mill.lake.manifest(mill.digests["A"]["corpus"]).files[0]).slice(0, 1)
    text = f"before {END_OF_TEXT} after"
    shard = shard.set_column(shard.schema.get_field_index("text"), "text", [[text]])
    lake = places.mill("end", {}).lake
    entry = lake.write_table("corpus", "00000", shard)
    doc_id = shard.column("doc_id")[0].as_py()
    ((_, row),) = encode(lake, ("A", entry, {doc_id: "train"}), str(path), 0)
    ids = np.frombuffer(row[4], "<u4").tolist()
    assert ids.index(0) == len(ids) - 1
    assert tokenizer.decode(ids[:-1]) == text


def test_the_same_texts_give_the_same_tokenizer() -> None:
    texts = [f"word{i % 17} other{i % 5} thing{i}" for i in range(500)]
    assert len({train_tokenizer(texts, 500).to_str() for _ in range(3)}) == 1


@given(st.lists(st.lists(st.integers(1, 2**32 - 1), max_size=6), max_size=8))
def test_offsets_count_tokens_from_the_start_of_the_shard(documents: list[list[int]]) -> None:
    rows = [("a", i, "en", 1, np.array([*ids, 0], "<u4").tobytes()) for i, ids in enumerate(documents)]
    table = token_table(rows)
    stream: list[int] = []
    for row, ids in zip(table.to_pylist(), documents, strict=True):
        assert row["stream_offset"] == len(stream)
        assert row["tokens"] == [*ids, 0]
        stream += row["tokens"]


@pytest.mark.parametrize(("size", "train"), [(0, 1), (1000, 1), (10_000, 10), (100_000, 100)])
def test_there_are_as_many_shards_as_bytes_ask_for(size: int, train: int) -> None:
    units = shard_units(size, 1000)
    assert len(units) == train + 1
    assert units[-1] == "validation-00000"
    assert len(set(units)) == len(units)


@pytest.fixture(scope="module")
def mixed(mill: Any) -> str:
    """Digest of the mix of both snapshots of the tiny crawl, as a person makes it: scope and mix from the profile."""
    wanted = load_mix(mill.profile.mix)
    context = StageContext(mill.lake, mill.profile, request_id(mill.lake, wanted), {}, in_process)
    digest: str = mix_stage.run(context, wanted).outputs["mix"]
    return digest


@pytest.fixture(scope="module")
def corpora(mill: Any) -> dict[str, str]:
    """snapshot -> digest of its corpus"""
    return {snapshot: mill.digests[snapshot]["corpus"] for snapshot in ("A", "B")}


def test_sources_are_the_mixed_documents(mill: Any, mixed: str, corpora: dict[str, str]) -> None:
    sources = corpus_sources(mill.lake, mixed, corpora)
    listed = [(snapshot, doc_id, split) for snapshot, _, splits in sources for doc_id, split in splits.items()]
    rows = [(r["snapshot"], r["doc_id"], r["split"]) for r in mill.lake.read(mixed).to_pylist() if r["split"]]
    assert sorted(listed) == sorted(rows)


def test_other_corpora_than_those_of_the_mix_are_refused(mill: Any, mixed: str, corpora: dict[str, str]) -> None:
    with pytest.raises(LakeError, match="the corpus of snapshot A is not the one that was mixed; mix again"):
        corpus_sources(mill.lake, mixed, {**corpora, "A": corpora["B"]})
    with pytest.raises(LakeError, match="nothing says which corpus of snapshot B was mixed; mix again"):
        corpus_sources(mill.lake, mixed, {"A": corpora["A"]})


def run_without_spark(
    mill: Any, mixed: str, monkeypatch: pytest.MonkeyPatch, lose: int = 0
) -> tuple[list[Any], dict[str, Any]]:
    """(sources that were encoded, provenance of the tokens) of the stage with a stand-in for the shuffle."""
    seen: list[Any] = []

    def shuffle(lake: Any, sources: Any, path: str, config: Any, tasks: Any) -> list[FileEntry]:
        seen.extend(sources)
        rows = [row for source in sources for _, row in encode(lake, source, path, config.seed)]
        return [lake.write_table("tokens", "train-00000", token_table(rows[lose:]))]

    monkeypatch.setattr(tokenize_stage, "shuffle_tokens", shuffle)
    inputs, tasks = {"mix": mixed}, SparkTasks(None)  # type: ignore[arg-type]
    attempt = tokenize_stage.run(StageContext(mill.lake, mill.profile, "here", inputs, tasks), tasks)
    keys = mill.lake.storage.list(f"provenance/{attempt.outputs['tokens']}")
    return seen, max((read_json(mill.lake, key) for key in keys), key=lambda record: record["attempt"])


def test_a_release_after_the_mix_does_not_change_what_is_tokenized(
    mill: Any, mixed: str, corpora: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gristmill.release.current", None)
    seen, provenance = run_without_spark(mill, mixed, monkeypatch)
    shards = [entry for digest in corpora.values() for entry in mill.lake.manifest(digest).files]
    assert [entry for _, entry, _ in seen] == shards
    assert provenance["inputs"] == {"mix": mixed, **{f"corpus.{s}": d for s, d in corpora.items()}}


def test_a_document_without_tokens_stops_the_stage(mill: Any, mixed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BalanceError, match="documents have tokens, the mix has a split for"):
        run_without_spark(mill, mixed, monkeypatch, lose=1)


def test_the_draw_depends_on_seed_and_address_alone(
    mill: Any, mixed: str, corpora: dict[str, str], tmp_path: Path, tokenizer: Tokenizer
) -> None:
    path = tmp_path / "tokenizer.json"
    tokenizer.save(str(path))
    source = corpus_sources(mill.lake, mixed, corpora)[0]
    first, again, other = (list(encode(mill.lake, source, str(path), seed)) for seed in (0, 0, 1))
    assert first == again
    assert [key for key, _ in first] != [key for key, _ in other]
    assert len({key for key, _ in first}) == len(first)


@pytest.mark.spark
def test_a_shard_that_is_lost_while_it_is_encoded_is_one_sentence(
    mill: Any, mixed: str, corpora: dict[str, str], tmp_path: Path, tokenizer: Tokenizer
) -> None:
    path = tmp_path / "tokenizer.json"
    tokenizer.save(str(path))
    snapshot, entry, splits = corpus_sources(mill.lake, mixed, corpora)[0]
    lost = (snapshot, replace(entry, path="objects/corpus/lost.parquet"), splits)
    with spark_tasks(mill.profile, "lost") as tasks, pytest.raises(LakeError, match=r"lost\.parquet cannot be read"):
        shuffle_tokens(mill.lake, [lost], str(path), TokenizeConfig(), tasks)


@pytest.mark.spark
def test_token_shards_hold_every_document_of_the_mix_once_in_a_drawn_order(mill: Any, mixed: str) -> None:
    # As a person starts it by hand: neither run nor digest is given.
    tokenize_stage.main(["--profile", str(mill.profile.source)])
    scope = request_id(mill.lake, load_mix(mill.profile.mix))
    outputs = ledger.ended(mill.lake, scope)[-1]["outputs"]
    manifest = mill.lake.manifest(outputs["tokens"])
    path = mill.lake.path(mill.lake.manifest(outputs["tokenizer"]).files[0])
    decoder = Tokenizer.from_file(str(path))
    texts = {(s, r["doc_id"]): r for s in ("A", "B") for r in mill.rows(s, "corpus")}
    splits = {(r["snapshot"], r["doc_id"]): r["split"] for r in mill.lake.read(mixed).to_pylist()}
    seen: Counter[tuple[str, int]] = Counter()
    order: list[tuple[str, int]] = []
    for entry in manifest.files:
        for row in mill.lake.read_file(entry).to_pylist():
            key = (row["snapshot"], row["doc_id"])
            assert entry.unit.startswith(splits[key])
            assert row["tokens"][-1] == 0
            assert 0 not in row["tokens"][:-1]
            assert decoder.decode(row["tokens"][:-1]) == texts[key]["text"]
            assert (row["bytes"], row["language"]) == (texts[key]["bytes"], texts[key]["language"])
            seen[key] += 1
            order.append(key)
    assert seen == Counter({key: 1 for key, split in splits.items() if split})
    assert order != sorted(order)
    trained = [f.rows for f in manifest.files if f.unit.startswith("train")]
    assert len(trained) > 1
    assert min(trained) > 0


def test_a_mix_that_was_not_made_is_asked_for_before_spark_starts(
    mill: Any, places: Any, tiny_crawl: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokenize_stage, "spark_tasks", None)
    bare = places.mill("bare", tiny_crawl.files)
    with pytest.raises(MixIncomplete, match="waits for the release of A, B"):
        tokenize_stage.main(["--profile", str(bare.profile.source)])
    other = places.profile("other", snapshots=["A"]).mix
    monkeypatch.setattr(tokenize_stage, "load_profile", lambda _: mill.profile.model_copy(update={"mix": other}))
    with pytest.raises(LakeError, match=r"no 'mix' for test-[0-9a-f]{12} yet; run its stage first"):
        tokenize_stage.main([])
