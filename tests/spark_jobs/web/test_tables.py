"""Tables of documents: recognised by content, each row or line at its number, damage named."""

from __future__ import annotations

import gzip
import io
import json
import random
import tracemalloc
from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from spark_jobs.web.drafts import draft_of_record
from spark_jobs.web.tables import BLOCK, Blank, Row, TableError, read_table, table_kind, utc
from spark_jobs.web.warc import Damage, Record

CAP = 1000
NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


def parquet(columns: dict[str, Any], rows_per_group: int = 3) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink, row_group_size=rows_per_group)
    return sink.getvalue()


def lines(*rows: object) -> bytes:
    return b"".join((row if isinstance(row, bytes) else json.dumps(row).encode()) + b"\n" for row in rows)


def read(data: bytes, cap: int = CAP) -> list[Row | Blank | Damage]:
    kind = table_kind(memoryview(data))
    assert kind is not None
    return list(read_table(memoryview(data), kind, cap))


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (parquet({"text": ["a"]}), "parquet"),
        (b'{"text": "a"}', "jsonl"),
        (b'\xef\xbb\xbf\n  {"text": "a"}', "jsonl"),
        (gzip.compress(b'\n{"text": "a"}'), "jsonl"),
        (zstandard.compress(b'{"text": "a"}'), "jsonl"),
        (zstandard.compress(b'{"text": "' + bytes(range(32, 127)) * 20_000), "jsonl"),
        (b"WARC/1.0\r\n", None),
        (gzip.compress(b"WARC/1.0\r\n"), None),
        (zstandard.compress(b"WARC/1.0\r\n"), None),
        (b"\x1f\x8bnoise", None),
        (b"\x28\xb5\x2f\xfdnoise", None),
        (b"<html>", None),
        (b"", None),
    ],
)
def test_what_content_says(data: bytes, kind: str | None) -> None:
    assert table_kind(memoryview(data)) == kind


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstandard.compress], ids=["plain", "gzip", "zstd"])
def test_each_line_is_a_row_a_blank_or_a_problem(pack: Any) -> None:
    data = lines(
        {"text": "one", "url": "http://a.example/", "title": "T", "date": "2026-01-05T12:00:00Z", "more": [1]},
        b"",
        {"text": "two", "url": None, "timestamp": "2026-01-05T12:00:00"},
        {"text": None},
        {"url": "http://b.example/"},
        b'{"text": "broken',
        b"[1, 2]",
        {"text": 7},
        {"text": "x" * CAP},
        {"text": "é" * CAP},
        b'{"text": "' + b"[" * 5 + b'"' + b"[" * 900,
    )
    last = b'{"text": "no line end", "created": "yesterday"}'
    assert read(pack(data) + pack(last)) == [
        Row(0, "one", "http://a.example/", "T", NOON, 3),
        Blank(1),
        Row(2, "two", None, None, NOON, 3),
        Row(3),
        Row(4, url="http://b.example/"),
        Row(5, bytes=16, problem="bad_row"),
        Row(6, bytes=6, problem="bad_row"),
        Row(7, problem="bad_row"),
        Row(8, bytes=CAP + 12, problem="too_large"),
        Row(9, bytes=6 * CAP + 12, problem="too_large"),
        Row(10, bytes=916, problem="bad_row"),
        Row(11, "no line end", bytes=11),
    ]


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress], ids=["gzip", "zstd"])
def test_a_file_that_breaks_off_keeps_what_came_before(pack: Any) -> None:
    first = pack(lines(*({"text": str(n), "noise": random.Random(n).randbytes(2000).hex()} for n in range(3))))
    data = first + pack(lines({"text": "lost"}) * 99)[:-9]
    found = read(data, 10_000)
    assert found[:3] == [Row(n, str(n), bytes=1) for n in range(3)]
    assert isinstance(found[-1], Damage)
    assert found[-1].reason == "corrupt"
    assert 0 < found[-1].bytes <= BLOCK < len(data)
    assert [item.offset for item in found] == list(range(len(found)))


def test_rows_of_a_parquet_file() -> None:
    columns = {
        "id": [1, 2, 3, 4, 5],
        "text": ["one", "", None, "x" * (CAP + 1), "five"],
        "url": ["http://a.example/", None, None, None, ""],
        "date": [datetime(2026, 1, 5, 12), None, None, None, None],
    }
    assert read(parquet(columns)) == [
        Row(0, "one", "http://a.example/", None, NOON, 3),
        Row(1),
        Row(2),
        Row(3, bytes=CAP + 1, problem="too_large"),
        Row(4, "five", bytes=4),
    ]
    assert read(parquet({"text": pa.array(["a"], pa.large_string()), "added": [date(2026, 1, 5)]})) == [
        Row(0, "a", captured=datetime(2026, 1, 5, tzinfo=UTC), bytes=1)
    ]


@pytest.mark.parametrize(
    "dates",
    [
        pa.array([0, 10_000_000], pa.date32()),
        pa.array([0, 1 << 60], pa.timestamp("us")),
        pa.array([0, 1 << 60], pa.timestamp("us", "UTC")),
        pa.array([None, 0], pa.timestamp("us", "Nowhere/Town")),
        pa.array([0, 1 << 60], pa.timestamp("ms")),
    ],
    ids=lambda dates: str(dates.type),
)
def test_a_date_that_is_none_costs_itself(dates: Any) -> None:
    first, second = read(parquet({"text": ["a", "b"], "date": dates}))
    assert first == Row(0, "a", captured=datetime(1970, 1, 1, tzinfo=UTC) if dates[0].is_valid else None, bytes=1)
    assert second == Row(1, "b", bytes=1)


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string()], ids=str)
@pytest.mark.parametrize("limit", [1, 300, 1 << 20])
def test_texts_are_the_same_whether_the_file_has_a_dictionary_of_them(kind: Any, limit: int) -> None:
    texts = [None if n % 7 == 0 else f"text {n % 90}" for n in range(500)]
    sink = io.BytesIO()
    table = pa.table({"text": pa.array(texts, kind), "title": pa.array(texts, kind)})
    pq.write_table(table, sink, row_group_size=200, dictionary_pagesize_limit=limit, write_batch_size=10)
    assert read(sink.getvalue()) == [Row(n, t or "", title=t, bytes=len(t or "")) for n, t in enumerate(texts)]


@pytest.mark.parametrize("column", ["text", "title"])
def test_one_long_text_that_a_parquet_file_repeats_is_held_once(column: str) -> None:
    size = 4 << 20
    long = pa.DictionaryArray.from_arrays(pa.array([0] * 64, pa.int8()), ["x" * size])
    data = parquet({"text": ["a"] * 64, column: long}, rows_per_group=64)
    pool, usual = pa.proxy_memory_pool(pa.default_memory_pool()), pa.default_memory_pool()
    pa.set_memory_pool(pool)
    tracemalloc.start()
    try:
        found = read(data)
        peak = pool.max_memory() + tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
        pa.set_memory_pool(usual)
    assert found == [Row(n, bytes=size, problem="too_large") for n in range(64)]
    assert peak < 10 * size


def test_a_parquet_file_without_text_is_an_error() -> None:
    with pytest.raises(TableError, match="no column 'text' but content, url"):
        read(parquet({"content": ["a"], "url": ["b"]}))


def test_damage_in_a_parquet_file_is_counted() -> None:
    data = bytearray(parquet({"text": [f"{n} words" * 50 for n in range(400)]}, rows_per_group=100))
    middle = len(data) // 2
    data[middle : middle + 400] = bytes(400)
    found = read(bytes(data))
    assert isinstance(found[-1], Damage)
    assert [item.offset for item in found] == list(range(len(found)))
    assert read(b"PAR1" + bytes(50) + b"PAR1") == [Damage(0, 58, "corrupt")]


@given(st.lists(st.binary(max_size=30).map(lambda line: line.replace(b"\n", b"")), max_size=8), st.integers(1, 40))
def test_every_line_has_its_number_for_any_bytes(parts: list[bytes], cap: int) -> None:
    data = b"{\n" + b"\n".join(parts)
    found = list(read_table(memoryview(data), "jsonl", cap))
    wanted = data.split(b"\n")
    assert [item.offset for item in found] == list(range(len(wanted) - (wanted[-1] == b"")))
    for item in found:
        assert isinstance(item, Blank) or item.problem or not item.text.encode("utf-8", "replace")[cap:]


def test_a_line_above_the_cap_is_passed_over_and_not_held() -> None:
    data = gzip.compress(b'{"text": "' + b"x" * (20 << 20) + b'"}\n' + lines({"text": "after"}))
    tracemalloc.start()
    first, second = read_table(memoryview(data), "jsonl", CAP, max_ratio=2000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 16 << 20
    assert first == Row(0, bytes=(20 << 20) + 12, problem="too_large")
    assert second == Row(1, "after", bytes=5)


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress], ids=["gzip", "zstd"])
@pytest.mark.parametrize("filler", [b"\n", b"x"])
def test_lines_from_next_to_nothing_are_a_bomb(pack: Any, filler: bytes) -> None:
    first = pack(lines({"text": "before"}))
    data = first + pack(filler * (8 << 20))
    found = read(data)
    assert found[0] == Row(0, "before", bytes=6)
    assert isinstance(found[-1], Damage)
    assert found[-1].reason == "compression_bomb"
    assert 0 < found[-1].bytes <= len(data)
    assert len(found) < 1 << 20
    assert [item.offset for item in found] == list(range(len(found)))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("2026-01-05T12:00:00Z", NOON),
        ("2026-01-05T12:00:00", NOON),
        ("0001-01-01T00:00:00+23:00", None),
        ("9999-12-31T23:00:00-23:00", None),
        ("yesterday", None),
    ],
)
def test_a_time_is_one_of_utc_that_can_be_stored(text: str, wanted: datetime | None) -> None:
    assert utc(text) == wanted
    record = Record(0, "response", {"warc-date": text})
    assert draft_of_record(record, 0).captured == wanted
