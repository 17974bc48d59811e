"""Figures of a token dataset, counted again by hand; and every fault that must not train."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from gristmill import verdicts
from gristmill.lake import Lake
from gristmill.process import GateBlocked
from gristmill.schemas import SCHEMAS
from quality import gate
from quality.subjects import beside
from quality.tokens import token_metrics

DOCUMENTS = {
    "train-00000": [("s", 1, "en", 9, [3, 4, 5, 0]), ("s", 2, "de", 4, [7, 0])],
    "train-00001": [("t", 1, "en", 20, [1] * 9 + [0])],
    "validation-00000": [("s", 3, "de", 6, [7, 7, 0])],
}
Documents = dict[str, list[tuple[str, int, str, int, list[int]]]]


def publish(lake: Lake, folder: Path, documents: Documents) -> dict[str, str]:
    names = ["snapshot", "doc_id", "language", "bytes", "tokens"]
    entries = []
    for unit, rows in documents.items():
        table = pa.Table.from_pylist([dict(zip(names, row, strict=True)) for row in rows], schema=SCHEMAS["tokens"])
        entries.append(lake.write_table("tokens", unit, table))
    words = {"model": {"vocab": {f"w{i}": i for i in range(1, 8)}}, "added_tokens": [{"id": 0}]}
    (folder / "tokenizer.json").write_text(json.dumps(words))
    tokenizer = lake.write_file("tokenizer", "tokenizer.json", folder / "tokenizer.json")
    published = {"tokens": lake.publish("tokens", entries, {}), "tokenizer": lake.publish("tokenizer", [tokenizer], {})}
    return {name: manifest.digest for name, manifest in published.items()}


def measured(mill: Any, folder: Path, documents: Documents, length: int | None = None) -> pa.Table:
    found = publish(mill.lake, folder, documents)
    return token_metrics(mill.lake, found["tokens"], found["tokenizer"], length)


def totals(mill: Any, folder: Path, documents: Documents) -> dict[str, float]:
    table = measured(mill, folder, documents)
    return {f"{r['stage']}.{r['metric']}": r["value"] for r in table.to_pylist() if r["scope"] == "total"}


def test_documents_tokens_and_bytes_are_counted_by_split(mill: Any, tmp_path: Path) -> None:
    assert totals(mill, tmp_path, DOCUMENTS) == {
        "train.documents": 3, "train.tokens": 16, "train.bytes": 33,
        "validation.documents": 1, "validation.tokens": 3, "validation.bytes": 6,
        "tokens.in_both_splits": 0, "tokens.unknown_tokens": 0, "tokens.unended_documents": 0,
        "tokens.bytes_per_token": round(39 / 19, 6), "tokens.tokenizer_files": 1, "tokens.unknown_share": 0,
        "tokens.packing_waste": None, "tokens.cut_documents_share": None,
    }  # fmt: skip


def test_bytes_per_token_are_shown_by_language(mill: Any, tmp_path: Path) -> None:
    rows = measured(mill, tmp_path, DOCUMENTS).to_pylist()
    assert {r["key"]: r["value"] for r in rows if r["scope"] == "language"} == {"de": 2.0, "en": round(29 / 14, 6)}


@pytest.mark.parametrize(("length", "waste", "cut"), [(4, 0.0, 1 / 3), (5, 4 / 20, 1 / 3), (16, 0.0, 0.0)])
def test_places_that_hold_no_token_are_waste_and_longer_documents_are_cut(
    mill: Any, tmp_path: Path, length: int, waste: float, cut: float
) -> None:
    """Documents of 4, 2 and 10 tokens: 4 rows of 4 (2 and the rest of 10 share one), 4 of 5, 1 of 16."""
    table = measured(mill, tmp_path, DOCUMENTS, length)
    found = {r["metric"]: r["value"] for r in table.to_pylist()}
    assert (found["packing_waste"], found["cut_documents_share"]) == (round(waste, 6), round(cut, 6))


@pytest.mark.parametrize(
    ("unit", "row", "figure", "value"),
    [
        ("validation-00000", ("s", 1, "en", 9, [3, 0]), "tokens.in_both_splits", 1),
        ("validation-00000", ("other", 1, "en", 9, [3, 0]), "tokens.in_both_splits", 0),
        ("train-00001", ("s", 9, "en", 9, [8, 8, 0]), "tokens.unknown_tokens", 2),
        ("train-00001", ("s", 9, "en", 9, [0, 3]), "tokens.unended_documents", 1),
        ("train-00001", ("s", 9, "en", 0, []), "tokens.unended_documents", 1),
    ],
)
def test_a_fault_shows(mill: Any, tmp_path: Path, unit: str, row: Any, figure: str, value: float) -> None:
    documents = {**DOCUMENTS, unit: [row, *DOCUMENTS[unit]]}
    assert totals(mill, tmp_path, documents)[figure] == value


def test_no_held_out_document_blocks(mill: Any, tmp_path: Path) -> None:
    many: Documents = {"train-00000": [("m", i, "en", 3000, [1] * 999 + [0]) for i in range(20)]}
    good = publish(mill.lake, tmp_path, {**many, "validation-00000": DOCUMENTS["validation-00000"]})
    options = [f"--profile={mill.profile.source}", "--kind=tokens", "--run=r"]
    gate.main([*options, *(f"--input={k}={v}" for k, v in good.items())])
    empty = publish(mill.lake, tmp_path, {**many, "validation-00000": []})
    with pytest.raises(GateBlocked, match="held-out documents is 0"):
        gate.main([*options, *(f"--input={k}={v}" for k, v in empty.items())])


def test_another_row_length_or_tokenizer_gives_a_verdict_of_its_own(mill: Any, tmp_path: Path) -> None:
    documents: Documents = {"train-00000": [("m", i, "en", 3000, [1] * 999 + [0]) for i in range(20)]}
    digests = publish(mill.lake, tmp_path, {**documents, "validation-00000": DOCUMENTS["validation-00000"]})
    found = []
    for length in (16, 16, 64):
        mill.profile.pretrain.write_text(f"sequence_length: {length}\n")
        options = [f"--profile={mill.profile.source}", "--kind=tokens", "--run=r"]
        gate.main([*options, *(f"--input={k}={v}" for k, v in digests.items())])
        found.append(verdicts.require_approved(mill.lake, digests["tokens"]))
    assert found[0] == found[1]
    assert found[0].suite != found[2].suite
    assert beside("tokens", digests, mill.profile) != beside("tokens", {**digests, "tokenizer": "0"}, mill.profile)
