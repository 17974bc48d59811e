"""Kept arrays: made once, whole or not there, and not one changed byte is read."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gristmill.kept import RECORD, KeptError, Writer, kept

PAIR = np.dtype([("key", "<i8"), ("value", "<i4")])


def make(writer: Writer) -> Mapping[str, Any]:
    for part in (range(5), range(5, 9)):
        writer.array("numbers", np.array(part, "<u2"))
        writer.array("pairs", np.array([(i, -i) for i in part], PAIR))
    writer.array("none", np.empty(0, "<i8"))
    return {"name": "é", "count": 9}


def refuse(writer: Writer) -> Mapping[str, Any]:
    raise AssertionError("made again")


def test_arrays_come_back_as_they_were_written_and_are_made_once(tmp_path: Path) -> None:
    kept(tmp_path / "maps", "x", make)
    found = kept(tmp_path / "maps", "x", refuse)
    assert found.arrays["numbers"].tolist() == list(range(9))
    assert found.arrays["numbers"].dtype == np.uint16
    assert found.arrays["pairs"].dtype == PAIR
    assert found.arrays["pairs"]["value"].tolist() == [-i for i in range(9)]
    assert len(found.arrays["none"]) == 0
    assert found.facts == {"name": "é", "count": 9}
    with pytest.raises(ValueError, match="read-only"):
        found.arrays["numbers"][0] = 1


def test_parts_of_one_array_have_one_type_and_a_cleared_array_starts_anew(tmp_path: Path) -> None:
    def changes(writer: Writer) -> Mapping[str, Any]:
        writer.array("a", np.zeros(3, "<u2"))
        with pytest.raises(ValueError, match="of type"):
            writer.array("a", np.zeros(3, "<u4"))
        writer.clear("a")
        writer.array("a", np.ones(2, "<u4"))
        return {}

    assert kept(tmp_path, "x", changes).arrays["a"].tolist() == [1, 1]


def test_a_maker_that_fails_leaves_nothing_and_a_kill_s_rest_is_in_nobody_s_way(tmp_path: Path) -> None:
    def fails(writer: Writer) -> Mapping[str, Any]:
        make(writer)
        raise RuntimeError("lost")

    with pytest.raises(RuntimeError, match="lost"):
        kept(tmp_path, "x", fails)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "x.tmp").mkdir()
    (tmp_path / "x.tmp" / "numbers").write_bytes(b"half")
    assert kept(tmp_path, "x", make).arrays["numbers"].tolist() == list(range(9))
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


@pytest.mark.parametrize(
    ("name", "harm"),
    [
        *((name, harm) for name in ("numbers", "pairs", RECORD) for harm in ("flip", "cut", "longer", "lost")),
        ("none", "longer"),
        ("none", "lost"),
    ],
)
def test_damage_is_seen_at_opening(tmp_path: Path, name: str, harm: str) -> None:
    kept(tmp_path, "x", make)
    path = tmp_path / "x" / name
    data = bytearray(path.read_bytes())
    if harm == "flip":
        # Of the record, a digit of a digest: other bytes may mean the same.
        place = data.index(b'"sha256": "') + 11 if name == RECORD else len(data) // 2
        data[place] ^= 1
    path.write_bytes(data[:-1] if harm == "cut" else data + b"\x00" * 28 if harm == "longer" else data)
    if harm == "lost":
        path.unlink()
    with pytest.raises(KeptError, match="delete it and run again"):
        kept(tmp_path, "x", refuse)


def test_of_many_that_ask_at_once_one_makes_it(tmp_path: Path) -> None:
    made, together = [], threading.Barrier(4)

    def slowly(writer: Writer) -> Mapping[str, Any]:
        made.append(threading.get_ident())
        return make(writer)

    found = []

    def ask() -> None:
        together.wait()
        found.append(kept(tmp_path, "x", slowly).arrays["numbers"].tolist())

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [list(range(9))] * 4
    assert len(made) == 1


def test_a_folder_that_cannot_be_written_is_a_user_s_error(tmp_path: Path) -> None:
    (tmp_path / "maps").write_text("a file")
    with pytest.raises(KeptError, match="cannot be written"):
        kept(tmp_path / "maps", "x", make)


def test_the_record_names_every_array(tmp_path: Path) -> None:
    kept(tmp_path, "x", make)
    record = json.loads((tmp_path / "x" / RECORD).read_bytes())
    assert set(record["arrays"]) == {"numbers", "pairs", "none"}
