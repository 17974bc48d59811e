"""What is told of lines that many pages of a host share: counted from masks, shown as text of one document."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from gristmill.lake import Account
from gristmill.schemas import OFFSET_BITS, SCHEMAS
from quality.boilerplate import SHOWN, examples, frequent_lines
from quality.report import context

Rows = list[dict[str, Any]]


def publish(mill: Any, dataset: str, rows: Rows, account: Account | None = None) -> None:
    units: dict[str, Rows] = {}
    for row in rows:
        units.setdefault(f"{row['doc_id'] >> OFFSET_BITS:06d}", []).append(row)
    mill.publish(
        dataset, {unit: (pa.Table.from_pylist(own, schema=SCHEMAS[dataset]), account) for unit, own in units.items()}
    )


def mask(doc_id: int, *lines: int, capped: bool = False) -> dict[str, Any]:
    bits = sum(1 << line for line in lines)
    data = bits.to_bytes((bits.bit_length() + 7) // 8, "little")
    return {"doc_id": doc_id, "mask": data, "lines": len(lines) or 1, "bytes": 9, "capped": capped}


def snapshot(mill: Any) -> None:
    """Four documents in two files: line 7 on two pages of one host and on one of another, line 8 on one."""
    second = 1 << OFFSET_BITS
    texts = {0: "x\nseven\nseven", 100: "seven", second: "\n".join([*"abcdefghi", "eight", "seven"]), second + 5: "x"}
    hosts = {0: "a.example", 100: "b.example", second: "a.example", second + 5: None}
    hashes = {"x": 9, "seven": (1 << 63) + 7, "eight": 8}
    documents = [{"doc_id": d, "host": hosts[d], "text": text} for d, text in texts.items()]
    lines = [{"doc_id": d, "line_hashes": [hashes.get(x, 1) for x in t.split("\n")]} for d, t in texts.items()]
    publish(mill, "documents", documents)
    publish(mill, "lines", lines)
    rows = [mask(0, 1, 2), mask(100, 0), mask(second, 9, 10), mask(second + 5, capped=True)]
    publish(mill, "boilerplate", rows)


def test_lines_are_counted_by_documents_of_a_host(mill: Any) -> None:
    snapshot(mill)
    second = 1 << OFFSET_BITS
    found = frequent_lines(mill.lake, mill.digests)
    assert found == [("a.example 0:1", 2), ("b.example 100:0", 1), (f"a.example {second}:9", 1)]
    publish(mill, "pii", [{"doc_id": d} for d in (0, 100, second)])
    named = [(key, float(pages)) for key, pages in found]
    shown = examples(mill.lake, mill.digests["documents"], mill.digests["pii"], named)
    assert [(row["host"], row["pages"], row["text"]) for row in shown] == [
        ("a.example", 2, "seven"), ("b.example", 1, "seven"), ("a.example", 1, "eight"),
    ]  # fmt: skip


def test_personal_data_in_a_shared_line_is_masked(mill: Any) -> None:
    text = "Über\nask ann@one.org\nor bob@two.org"
    spans = []
    for address in ("ann@one.org", "bob@two.org"):
        start = text.encode().index(address.encode())
        spans.append({"type": 0, "start": start, "end": start + len(address)})
    publish(mill, "documents", [{"doc_id": 0, "host": "a.example", "text": text}])
    publish(mill, "pii", [{"doc_id": 0, "pii_spans": spans}])
    lines = [("a.example 0:1", 2.0), ("a.example 0:2", 1.0)]
    documents, pii = mill.digests["documents"], mill.digests["pii"]
    assert [row["text"] for row in examples(mill.lake, documents, pii, lines)] == ["ask [email]", "or [email]"]
    unknown = [row["text"] for row in examples(mill.lake, documents, None, lines)]
    assert unknown == ["", ""], "nobody looked for personal data in it"


def test_the_most_frequent_lines_alone_are_named(mill: Any) -> None:
    ids = range(3)
    hashes = list(range(100, 140))
    publish(mill, "documents", [{"doc_id": d, "host": "a.example"} for d in ids])
    publish(mill, "lines", [{"doc_id": d, "line_hashes": hashes} for d in ids])
    publish(mill, "boilerplate", [mask(d, *range(d, 40)) for d in ids])
    found = frequent_lines(mill.lake, mill.digests)
    assert len(found) == SHOWN
    assert found[:2] == [("a.example 0:2", 3), ("a.example 0:3", 3)]


def test_the_report_shows_them_and_what_they_weigh(mill: Any) -> None:
    assert context(mill.lake, mill.snapshot, mill.digests, "run")["repeated"] == []
    markup = "<b>Menu</b> of the page"
    mill.edit("documents", lambda row: row.update(text=f"{row['text']}\n{markup}"))
    mill.edit("lines", lambda row: row.update(line_hashes=[5, 6]))
    publish(mill, "boilerplate", [mask(0, 1), mask(100, 1)])
    files = mill.lake.manifest(mill.digests["corpus"]).files
    other = {"boilerplate_documents": 1, "boilerplate_bytes": 24}
    accounts = {f.unit: Account(f.account.records_in, f.account.out, other=other) for f in files}
    mill.publish("corpus", {f.unit: (mill.lake.read_file(f), accounts[f.unit]) for f in files})
    totals = mill.measure()
    assert totals["deduplicate.boilerplate_documents"] == totals["deduplicate.boilerplate_lines"] == 2
    assert totals["curate.boilerplate_bytes"] == 24 * len(files)
    (line,) = context(mill.lake, mill.snapshot, mill.digests, "run")["repeated"]
    assert (line["host"], line["pages"], line["text"]) == ("one.example", 2.0, markup)
