"""The samples: who is drawn, what is said of each, and how little is read for it."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gristmill import ledger
from gristmill.lake import LakeError
from gristmill.schemas import SCHEMAS
from gristmill.signals.pii import PII_TYPES
from quality.marks import KEPT, RANDOM
from quality.sample_rows import rows_of
from quality.samples import FAR, HEAD_CHARS, KEPT_ROWS, MOST_ROWS, NEAR, PER_RULE, build, dropped_lines, masked, pick
from tests.quality.conftest import Mill, Mills, doc_id

TEXT = "one\r\ntwo\u2028three\x0bfour\nfive"
EMAIL, KEY = PII_TYPES.index("email"), PII_TYPES.index("private_key")


@pytest.fixture
def mill(mills: Mills) -> Mill:
    """Without its metrics, which samples do not read."""
    return mills()


def decisions(sizes: dict[str, int], kept: int, seed: int = 1) -> pa.Table:
    """As many removals per rule as `sizes` says, and kept documents, by id."""
    random = np.random.default_rng(seed)
    reasons: list[str | None] = [rule for rule, size in sizes.items() for _ in range(size)] + [None] * kept
    random.shuffle(reasons)
    values = [None if reason is None else round(float(random.random()), 3) for reason in reasons]
    return pa.table({
        "doc_id": np.sort(random.choice(1 << 41, len(reasons), replace=False)),
        "kept": [reason is None for reason in reasons], "reason": pa.array(reasons, pa.string()),
        "value": pa.array(values, pa.float64()),
        "threshold": pa.array([None if r is None else 0.25 for r in reasons], pa.float64()),
        "duplicate_of": pa.nulls(len(reasons), pa.int64()),
    })  # fmt: skip


def test_of_a_large_rule_half_is_drawn_by_chance_and_half_by_distance_from_the_threshold() -> None:
    table = decisions({"large": 1000, "small": 90}, kept=3000)
    rows = pick(table).to_pylist()
    counts = Counter((row["reason"], row["pick"]) for row in rows)
    assert counts[("large", RANDOM)] == PER_RULE // 2
    assert counts[("large", NEAR)] == counts[("large", FAR)] == PER_RULE // 4
    assert counts[("small", RANDOM)] == 90, "all of a rule with fewer than half of the room are drawn by chance"
    assert counts[(None, RANDOM)] == KEPT_ROWS
    assert len({row["doc_id"] for row in rows}) == len(rows)
    away = {
        row["doc_id"]: abs(row["value"] - row["threshold"]) for row in table.to_pylist() if row["reason"] == "large"
    }
    drawn = {row["doc_id"] for row in rows if row["reason"] == "large" and row["pick"] == RANDOM}
    left = sorted(distance for doc, distance in away.items() if doc not in drawn)
    quarter = PER_RULE // 4
    assert sorted(away[row["doc_id"]] for row in rows if row["pick"] == NEAR) == left[:quarter]
    assert sorted(away[row["doc_id"]] for row in rows if row["pick"] == FAR) == left[-quarter:]


def test_the_random_part_is_a_fair_draw() -> None:
    """Whether a document is drawn does not depend on its value: the mean of 100 stays near that of all 1,000."""
    values = [
        row["value"]
        for seed in range(20)
        for row in pick(decisions({"rule": 1000}, 0, seed)).to_pylist()
        if row["pick"] == RANDOM
    ]
    assert abs(np.mean(values) - 0.5) < 4 * (1 / 12**0.5) / len(values) ** 0.5


@pytest.mark.parametrize("seed", range(5))
def test_who_is_drawn_does_not_depend_on_the_order_of_rows(seed: int) -> None:
    table = decisions({"a": 300, "b": 3}, kept=1200, seed=seed)
    shuffled = table.take(np.random.default_rng(seed).permutation(table.num_rows))
    assert pick(shuffled).equals(pick(table))


def test_many_rules_share_the_room() -> None:
    rows = pick(decisions({f"rule_{n:02d}": 200 for n in range(60)}, kept=2000))
    assert MOST_ROWS - 60 <= rows.num_rows <= MOST_ROWS
    assert len(set(Counter(rows.column("reason").to_pylist()).values()) - {KEPT_ROWS}) == 1


def test_nothing_decided_is_nothing_to_show(mill: Mill) -> None:
    mill.publish("decisions", {"000000": (SCHEMAS["decisions"].empty_table(), None)})
    digest = build(mill.lake, "tiny", mill.digests, {})
    assert digest is not None
    assert mill.lake.read(digest).num_rows == 0


def shown(mill: Mill) -> dict[int, dict[str, Any]]:
    digest = build(mill.lake, "tiny", mill.digests, {})
    assert digest is not None
    return {row["doc_id"]: row for row in mill.lake.read(digest).to_pylist()}


def test_each_document_is_shown_with_its_decision_and_what_stayed_of_its_pair(mill: Mill) -> None:
    rows = shown(mill)
    assert set(rows) == {doc_id(key) for key in "abcde"}
    a, d, e = (rows[doc_id(key)] for key in "ade")
    assert (a["kept"], a["rule"], a["value"], a["duplicate_url"]) == (True, KEPT, None, None)
    assert (d["rule"], d["duplicate_of"], d["duplicate_url"]) == (
        "near_duplicate",
        doc_id("c"),
        "https://two.example/c",
    )
    assert (e["rule"], e["value"], e["threshold"], e["text"], e["chars"]) == ("too_short", 1.0, 0.8, "kurz", 4)
    assert (e["language"], e["score"], e["host"], e["title"]) == ("de", pytest.approx(0.9), "two.example", "E")
    assert {row["decisions"] for row in rows.values()} == {mill.digests["decisions"]}


def test_equal_datasets_have_equal_samples_and_files_hold_one_rule_each(mill: Mill) -> None:
    first, second = (build(mill.lake, "tiny", mill.digests, {"time": n}) for n in (1, 2))
    assert first == second
    files = mill.lake.manifest(str(first)).files
    assert [len(set(mill.lake.read_file(f, ["rule"]).column("rule").to_pylist())) for f in files] == [1] * len(files)


def test_a_run_that_failed_before_its_decisions_has_no_samples(mill: Mill) -> None:
    assert build(mill.lake, "tiny", {"documents": mill.digests["documents"]}, {}) is None


def test_signals_that_are_missing_are_only_not_shown(mill: Mill) -> None:
    few = {name: mill.digests[name] for name in ("decisions", "documents", "language")}
    digest = build(mill.lake, "tiny", few, {})
    assert digest is not None
    assert mill.lake.read(digest).num_rows == 5


def test_the_lines_that_curate_drops_of_a_kept_document_are_named(mill: Mill) -> None:
    mill.edit("documents", lambda row: row.update(text=TEXT))
    mill.edit("lines", lambda row: row.update(refinedweb=bytes([0b01010])))
    ids = sorted(doc_id(key) for key in "abcde")
    marked = [{"doc_id": each, "mask": bytes([0b00100]), "lines": 1, "bytes": 5, "capped": False} for each in ids]
    mill.publish("boilerplate", {
        f"{unit:06d}": (pa.Table.from_pylist(part, schema=SCHEMAS["boilerplate"]), None)
        for unit, part in ((0, marked[:2]), (1, marked[2:]))
    })  # fmt: skip
    assert {str(row["rule_lines"]) for row in shown(mill).values()} == {"[]"}, "no policy is on record"
    config = {"edits": {"lines": "refinedweb", "boilerplate": True}}
    with ledger.attempt(mill.lake, stage="decide", scope="tiny", config=config, inputs={}) as attempt:
        attempt.outputs["decisions"] = mill.digests["decisions"]
    rows = shown(mill)
    kept, removed = rows[doc_id("a")], rows[doc_id("e")]
    assert [kept["text"].splitlines()[n] for n in kept["rule_lines"]] == ["two", "four"]
    assert [kept["text"].splitlines()[n] for n in kept["repeated_lines"]] == ["three"]
    assert removed["rule_lines"] == removed["repeated_lines"] == [], "all of it left"


def test_a_text_is_cut_between_characters(mills: Mills) -> None:
    mill = mills({"e": ("https://two.example/e", "E", "🌾" * (HEAD_CHARS + 1), "de", "too_short", None, None)})
    row = shown(mill)[doc_id("e")]
    assert row["text"] == "🌾" * HEAD_CHARS
    assert row["chars"] == HEAD_CHARS + 1


def test_personal_data_is_masked_and_lines_keep_their_numbers() -> None:
    text = "grüße an ann@mill.org,\n-----KEY\r\nabc\n-----\nlast"
    mail, key = b"ann@mill.org", b"-----KEY\r\nabc\n-----"
    data = text.encode()
    spans = [
        {"type": kind, "start": data.index(part), "end": data.index(part) + len(part)}
        for kind, part in ((EMAIL, mail), (KEY, key))
    ]
    assert masked(text, spans) == "grüße an [email],\n[private_key]\n\n\nlast"
    assert len(masked(text, spans).splitlines()) == len(text.splitlines())
    assert masked("grüße an ann", spans) == "grüße an [email]", "a span that the cut has parted leaves nothing"
    assert masked("gr", spans) == "gr"


def test_the_bits_of_a_mask_are_the_lines_of_the_text() -> None:
    assert dropped_lines(bytes([0b10000001, 0b1]), "\n".join("abcdefghij")) == [0, 7, 8]
    assert dropped_lines(bytes([0b11]), "one line") == [0]
    assert dropped_lines(None, "one\ntwo") == dropped_lines(b"", "one") == dropped_lines(b"\xff", "") == []


def test_only_the_row_groups_that_hold_a_wanted_document_are_read(
    mills: Mills, monkeypatch: pytest.MonkeyPatch
) -> None:
    mill = mills()
    monkeypatch.setattr("gristmill.lake.ROW_GROUP_ROWS", 1)
    mill.edit("documents", lambda row: None)
    [entry] = [f for f in mill.lake.manifest(mill.digests["documents"]).files if f.unit == "000001"]
    path = mill.lake.path(entry)
    data = bytearray(path.read_bytes())
    url = pq.ParquetFile(path).metadata.row_group(0).column(1)
    start = url.dictionary_page_offset or url.data_page_offset
    data[start : start + url.total_compressed_size] = b"\xff" * url.total_compressed_size
    path.write_bytes(bytes(data))
    found = rows_of(mill.lake, mill.digests["documents"], np.array([doc_id("e"), doc_id("a"), 5]), ["url"])
    assert found.column("url").to_pylist() == ["https://one.example/a", "https://two.example/e"]
    with pytest.raises(LakeError, match="gristmill verify"):
        rows_of(mill.lake, mill.digests["documents"], np.array([doc_id("c")]), ["url"])
