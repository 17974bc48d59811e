"""Where the documents of a token dataset were crawled: URL, crawl file and offset, from the datasets behind it."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from gristmill import release
from gristmill.catalogue import Catalogue, CatalogueError
from gristmill.lake import Lake, LakeError
from gristmill.schemas import OFFSET_BITS


@dataclass(frozen=True)
class Address:
    """`offset` counts what `offsets` says: bytes of the `file`, of its inflated `stream`, or a `row`.

    `url` is None where the documents are no longer in the lake, `file` where the snapshot is not in the catalogue.
    """

    url: str | None
    file: str | None
    offset: int
    offsets: str


def addresses(lake: Lake, tokens: str, snapshot: str, doc_ids: Collection[int]) -> dict[int, Address]:
    """doc_id -> address of documents of a snapshot, as the token dataset `tokens` was made of them."""
    urls, files = _urls(lake, tokens, snapshot, doc_ids), _files(lake, snapshot)
    catalogue = Catalogue(lake)
    found = {}
    for doc_id in doc_ids:
        index, offset = doc_id >> OFFSET_BITS, doc_id & ((1 << OFFSET_BITS) - 1)
        file = files[index] if index < len(files) else None
        found[doc_id] = Address(urls.get(doc_id), file, offset, catalogue.offsets(snapshot, index))
    return found


def _files(lake: Lake, snapshot: str) -> list[str]:
    try:
        return [file.path for file in Catalogue(lake).get(snapshot).files]
    except CatalogueError:
        return []


def _urls(lake: Lake, tokens: str, snapshot: str, doc_ids: Collection[int]) -> dict[int, str]:
    """What is found; the file of a document's crawl file is read, none else."""
    documents = _documents(lake, tokens, snapshot)
    by_unit: dict[str, list[int]] = defaultdict(list)
    for doc_id in doc_ids:
        by_unit[f"{doc_id >> OFFSET_BITS:06d}"].append(doc_id)
    urls: dict[int, str] = {}
    for unit, ids in by_unit.items():
        try:
            table = lake.read_file(lake.manifest(documents).file(unit), ["doc_id", "url"])
        except LakeError:  # collected as garbage, or of a release without this file
            continue
        rows = table.filter(pc.is_in(table.column("doc_id"), pa.array(ids, pa.int64()))).to_pydict()
        urls |= dict(zip(rows["doc_id"], rows["url"], strict=True))
    return urls


def _documents(lake: Lake, tokens: str, snapshot: str) -> str:
    """Digest of the documents that the tokens' corpus was made of, else of the snapshot's release; "" if unknown."""
    corpus = made_of(lake, tokens).get(f"corpus.{snapshot}", "")
    current = release.current(lake, snapshot)
    released = current.datasets["documents"] if current else ""
    return str(made_of(lake, corpus).get("documents", released))


def made_of(lake: Lake, digest: str) -> Mapping[str, Any]:
    """Inputs of a dataset as its newest provenance says."""
    keys = lake.storage.list(f"provenance/{digest}") if digest else []
    records = [json.loads(lake.storage.get(key) or b"{}") for key in keys]
    newest: dict[str, Any] = max(records, key=lambda record: str(record.get("time", "")), default={})
    inputs: Mapping[str, Any] = newest.get("inputs", {})
    return inputs
