"""Addresses of documents: from the documents that tokens were made of, else from the snapshot's release."""

from __future__ import annotations

from datetime import date
from typing import Any

from gristmill.addresses import Address, addresses
from gristmill.schemas import OFFSET_BITS

TOKENS = "0" * 64
TWIN, LOST = 2 << 10, 9 << OFFSET_BITS | 5


def made_of(mill: Any, inputs: dict[str, str]) -> str:
    """A token dataset with this provenance."""
    entry = mill.write("tokens", "train-00000", [{"snapshot": "a", "doc_id": TWIN, "tokens": [1, 0]}], None)
    digest: str = mill.lake.publish("tokens", [entry], {"inputs": inputs, "time": "1"}).digest
    return digest


def test_a_released_document_has_url_file_and_offset(mill: Any) -> None:
    mill.release("a", date(2026, 3, 1))
    file = str(mill.folder / "a-0.warc.gz")
    assert addresses(mill.lake, TOKENS, "a", [0, TWIN]) == {
        0: Address("https://a.example/first", file, 0, "file"),
        TWIN: Address("https://a.example/twin", file, TWIN, "file"),
    }


def test_a_later_release_does_not_change_what_was_trained_on(mill: Any) -> None:
    mill.release("a", date(2026, 3, 1))
    old = mill.publish("documents", [{"doc_id": TWIN, "url": "https://a.example/as-it-was"}])
    entry = mill.write("corpus", "00000", [{"doc_id": TWIN}], None)
    corpus = mill.lake.publish("corpus", [entry], {"inputs": {"documents": old}}).digest
    tokens = made_of(mill, {"corpus.a": corpus})
    assert addresses(mill.lake, tokens, "a", [TWIN])[TWIN].url == "https://a.example/as-it-was"


def test_what_nobody_knows_is_none(mill: Any) -> None:
    assert addresses(mill.lake, TOKENS, "a", [TWIN])[TWIN] == Address(None, None, TWIN, "file")
    mill.release("a", date(2026, 3, 1))
    assert addresses(mill.lake, TOKENS, "a", [LOST])[LOST] == Address(None, None, 5, "file")
