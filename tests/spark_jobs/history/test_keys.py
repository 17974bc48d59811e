"""Files of keys read within bounds, against reading everything; and bands and keys in one number."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill import lake as lake_module
from gristmill.lake import FileEntry, Lake, LakeError
from gristmill.schemas import SCHEMAS
from gristmill.storage import PosixStorage
from spark_jobs.history import keys
from spark_jobs.history.keys import bands_and_keys, buckets, digits_for, prefixes, sorted_blocks, sorted_rows


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Row groups of 7 rows, two in a block."""
    monkeypatch.setattr(lake_module, "ROW_GROUP_ROWS", 7)
    monkeypatch.setattr(keys, "GROUPS_AT_ONCE", 2)


def file_of_keys(lake: Lake, seed: int, rows: int, kind: str) -> tuple[FileEntry, list[tuple[int, int, str, int]]]:
    """A sorted file under prefix "b", and its rows (band, key, snapshot, doc_id); many share a key."""
    draw = np.random.default_rng(seed)
    some = (0xB << 60) + np.random.default_rng(0).integers(0, 1 << 60, 30, dtype=np.uint64)
    found = sorted(
        zip(
            draw.integers(0, 14, rows).tolist(), draw.choice(some, rows).tolist(),
            draw.choice(["x", "y", "z"], rows).tolist(), range(rows), strict=True,
        )
    )  # fmt: skip
    columns = dict(zip(SCHEMAS["history"].names, map(list, zip(*found, strict=True)), strict=True))
    table = pa.table({name: pa.array(columns[name], SCHEMAS[kind].field(name).type) for name in SCHEMAS[kind].names})
    return lake.write_table(kind, "b", table), found


def as_rows(blocks: Any) -> list[tuple[int, int, int]]:
    return [row for b in blocks for row in zip(*(c.tolist() for c in (b.bucket, b.place, b.doc_id)), strict=True)]


@pytest.mark.usefixtures("narrow")
@pytest.mark.parametrize("prefix", ["b", "b7", "bf3"])
def test_blocks_hold_what_is_asked_in_order_and_never_part_a_bucket(tmp_path: Path, prefix: str) -> None:
    lake = Lake(PosixStorage(tmp_path))
    entry, rows = file_of_keys(lake, 1, 900, "history")
    places = {"z": 0, "x": 1}
    wanted = [
        ((band << 60) | (key & (1 << 60) - 1), places[name], doc_id)
        for band, key, name, doc_id in rows
        if name in places and f"{key:016x}".startswith(prefix)
    ]
    values = sorted({bucket for bucket, _, _ in wanted})
    some = values[:: len(values) // 20 + 1]
    for low, high in ((0, (1 << 64) - 1), *zip(some, some, strict=True), *pairwise(some)):
        blocks = list(sorted_blocks(lake, entry, places, prefix, (low, high)))
        assert as_rows(blocks) == [row for row in wanted if low <= row[0] <= high]
        seen = [set(block.bucket.tolist()) for block in blocks]
        assert all(seen)
        assert sum(map(len, seen)) == len(set().union(*seen))


@pytest.mark.usefixtures("narrow")
def test_row_groups_that_cannot_hold_what_is_asked_are_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = Lake(PosixStorage(tmp_path))
    entry, _ = file_of_keys(lake, 2, 900, "index")
    read: list[int] = []
    decode: Callable[..., Any] = keys._decode
    monkeypatch.setattr(keys, "_decode", lambda table, *rest: (read.append(table.num_rows), decode(table, *rest))[1])
    found = sum(map(len, sorted_blocks(lake, entry, {"x": 0}, "b", ((3 << 60), (4 << 60) - 1))))
    assert 14 < found <= sum(read) <= found + 2 * 7


@pytest.mark.usefixtures("narrow")
@pytest.mark.parametrize("prefix", ["b", "b5"])
def test_rows_of_many_files_are_gathered_sorted(tmp_path: Path, prefix: str) -> None:
    lake = Lake(PosixStorage(tmp_path))
    files = [file_of_keys(lake, seed, 100, "index") for seed in range(3)]
    places = [{"x": 2}, {"y": 0}, {"z": 1}]
    found = sorted_rows(lake, [(entry, p) for (entry, _), p in zip(files, places, strict=True)], prefix)
    wanted = sorted(
        ((band << 60) | (key & (1 << 60) - 1), *p.values(), doc_id)
        for (_, rows), p in zip(files, places, strict=True)
        for band, key, _, doc_id in rows
        if f"{key:016x}".startswith(prefix)
    )
    assert as_rows([found]) == wanted


@given(st.lists(st.tuples(st.integers(0, 13), st.integers(0, (1 << 60) - 1)), min_size=1))
def test_buckets_order_as_bands_and_keys_and_lead_back_to_them(rows: list[tuple[int, int]]) -> None:
    band = np.array([b for b, _ in rows], np.int8)
    key = np.array([0xC << 60 | low for _, low in rows], np.uint64)
    bucket = buckets(band, key)
    assert [rows[i] for i in np.argsort(bucket, kind="stable")] == sorted(rows)
    back = bands_and_keys(bucket, "c4")
    assert (back[0].tolist(), back[1].tolist()) == (band.tolist(), key.tolist())


def test_prefixes_are_as_long_as_files_of_a_bounded_size_ask() -> None:
    assert prefixes(1) == list("0123456789abcdef")
    assert (prefixes(2)[0], prefixes(2)[-1], len(prefixes(2))) == ("00", "ff", 256)
    full = keys.FILE_ROWS * 16
    assert [digits_for(rows) for rows in (0, full, full + 1, 16 * full, 16 * full + 1)] == [1, 1, 2, 2, 3]


def test_a_lost_or_damaged_file_is_named(tmp_path: Path) -> None:
    lake = Lake(PosixStorage(tmp_path))
    entry, _ = file_of_keys(lake, 1, 9, "index")
    path = lake.path(entry)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(LakeError, match=f"{path} cannot be read"):
        list(sorted_blocks(lake, entry, {"x": 0}, "b", (0, 1)))
    path.unlink()
    with pytest.raises(LakeError, match=f"{path} cannot be read"):
        sorted_rows(lake, [(entry, {"x": 0})], "b")
