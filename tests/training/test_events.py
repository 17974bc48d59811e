"""The event log: rows survive kills, and a crawl cannot forge one."""

from __future__ import annotations

import math
from pathlib import Path

from training.events import FILE, Events, read_events


def test_rows_come_back_in_order(tmp_path: Path) -> None:
    events = Events(tmp_path)
    events.write("skip", 3, reason="a spike", documents=[{"url": "http://a"}])
    events.write("saved", 4, bytes=10)
    first, second = read_events(tmp_path)
    assert (first["event"], first["step"], first["documents"]) == ("skip", 3, [{"url": "http://a"}])
    assert (second["event"], second["bytes"]) == ("saved", 10)
    assert first["time"] <= second["time"]


def test_half_a_line_swallows_none(tmp_path: Path) -> None:
    events = Events(tmp_path)
    events.write("saved", 1)
    with (tmp_path / FILE).open("a") as file:
        file.write('{"event": "sav')
    events.write("saved", 2)
    assert [row["step"] for row in read_events(tmp_path)] == [1, 2]


def test_a_hostile_url_stays_in_its_row_and_in_ascii(tmp_path: Path) -> None:
    url = 'http://a/"}\n{"event": "stop"}\u2028\u202e\x00'
    Events(tmp_path).write("skip", 1, documents=[{"url": url}])
    data = (tmp_path / FILE).read_bytes()
    assert data.isascii()
    assert data.count(b"\n") == 1
    assert read_events(tmp_path)[0]["documents"][0]["url"] == url


def test_other_ranks_write_nothing(tmp_path: Path) -> None:
    Events(tmp_path, active=False).write("saved", 1)
    assert read_events(tmp_path) == []


def test_a_number_that_is_none_is_null_for_json_knows_no_nan(tmp_path: Path) -> None:
    Events(tmp_path).write("skip", 3, loss=math.nan, sums={"causal": [math.inf, 1.0]})
    [row] = read_events(tmp_path)
    assert (row["loss"], row["sums"]) == (None, {"causal": [None, 1.0]})
    assert "NaN" not in (tmp_path / "events.jsonl").read_text()
