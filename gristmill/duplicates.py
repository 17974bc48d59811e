"""The duplicate cluster of a document: who is in it, who stayed, and how the texts differ; from releases alone."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from gristmill import release
from gristmill.catalogue import Catalogue
from gristmill.errors import UserError
from gristmill.explain import nearest_urls
from gristmill.lake import Lake
from gristmill.printable import printable
from gristmill.release import Release
from gristmill.schemas import OFFSET_BITS

_ADDRESS = re.compile(r"(?:([A-Za-z0-9._-]{1,64})/)?([0-9]{1,19})", re.ASCII)

Ids = NDArray[np.int64]


class DuplicatesError(UserError):
    """What was asked for is in no released snapshot; the message says what to do."""


@dataclass(frozen=True)
class Member:
    """A document of a cluster. `similarity`: Jaccard to the cluster's reference; None without a verified pair."""

    doc_id: int
    url: str
    captured: datetime | None
    kept: bool
    removed_by: dict[str, Any] | None
    exact_group: int | None
    similarity: float | None


@dataclass(frozen=True)
class Cluster:
    """A document's cluster. `reference`: the kept document that it is held against, or itself.

    `other`: the member that the text difference is about; `exact_copies`: members whose text another one before
    them has already; `members`: at most as many as asked for, the reference and other kept ones first.
    """

    cluster_id: int
    size: int
    kept: int
    exact_copies: int
    reference: int
    other: int
    members: list[Member]


@dataclass(frozen=True)
class Found:
    """A document of a release, and its cluster when it has duplicates."""

    snapshot: str
    document: Member
    cluster: Cluster | None


def find(lake: Lake, wanted: str) -> list[tuple[Release, int]]:
    """The (release, doc_id) of a URL as it was crawled or canonical, of a doc_id or of SNAPSHOT/doc_id.

    Raises DuplicatesError when no released snapshot has it, or the snapshot is not released.
    """
    releases = release.releases(lake)
    if not releases:
        raise DuplicatesError("no snapshot is released yet; `gristmill status` prints the command that runs one")
    address = _ADDRESS.fullmatch(wanted)
    if address and (address[1] is None or address[1] in Catalogue(lake).dates()):
        snapshot, doc_id = address[1], int(address[2])
        if snapshot is not None:
            releases = [r for r in releases if r.snapshot == snapshot]
        if not releases:
            raise DuplicatesError(f"snapshot '{snapshot}' is not released; `gristmill status` says what is missing")
        found = [(r, doc_id) for r in releases if _has(lake, r, doc_id)]
    else:
        wanted = wanted.encode(errors="replace").decode()
        found = [(r, d) for r in releases for d in _ids_of_url(lake, r, wanted)]
    if not found:
        raise DuplicatesError(_unknown(lake, releases, wanted))
    return found


def describe(lake: Lake, current: Release, doc_id: int, count: int | None, other: int | None = None) -> Found:
    """A document with at most `count` members of its cluster, compared with `other` or a member that we choose.

    Raises DuplicatesError when `other` is no other member of the cluster.
    """
    (decision,) = _rows(lake, current, "decisions", np.array([doc_id]), ["doc_id", "cluster_id"]).to_pylist()
    if decision["cluster_id"] is None:
        table = _judged(lake, current, pa.table({"doc_id": [doc_id], "exact_group": pa.nulls(1, pa.int64())}))
        return Found(current.snapshot, _members(lake, current, table, np.array([np.nan]), doc_id)[0], None)
    table = _judged(lake, current, _cluster_table(lake, current, decision["cluster_id"]))
    ids, survived = table.column("doc_id").to_numpy(), table.column("survived").to_numpy()
    reference = _reference(table, doc_id)
    similarity = _similarity(table, reference)
    if other is None:
        other = reference if reference != doc_id else _least_similar(ids, similarity, survived, doc_id)
    elif other == doc_id or other not in ids:
        raise DuplicatesError(f"doc_id {other} is no other member of the cluster of {doc_id} in {current.snapshot}; "
                              f"take one from the list of members (`--all` shows every one)")  # fmt: skip
    order = np.lexsort((ids, np.where(np.isnan(similarity), 1.0, -similarity), ~survived, ids != reference))[:count]
    shown = np.append(order, np.searchsorted(ids, doc_id))
    *members, document = _members(lake, current, table.take(pa.array(shown)), similarity[shown], reference)
    in_groups = table.column("exact_group").drop_null()
    kept, copies = pc.sum(table.column("kept")).as_py(), len(in_groups) - len(in_groups.unique())
    cluster = Cluster(decision["cluster_id"], len(ids), kept, copies, reference, other, members)
    return Found(current.snapshot, document, cluster)


def texts(lake: Lake, current: Release, doc_ids: tuple[int, int]) -> tuple[str, str]:
    """The extracted texts of two documents, which are what the signatures measure."""
    rows = _rows(lake, current, "documents", np.unique(doc_ids), ["doc_id", "text"]).to_pylist()
    by_id = {row["doc_id"]: row["text"] or "" for row in rows}
    return by_id[doc_ids[0]], by_id[doc_ids[1]]


def _ids_of_url(lake: Lake, current: Release, url: str) -> list[int]:
    """The documents of this address as it was crawled, or else in its canonical form."""
    exact: list[int] = []
    canonical: list[int] = []
    for entry in lake.manifest(current.datasets["documents"]).files:
        table = lake.read_file(entry, ["doc_id", "url", "canonical_url"])
        for found, column in ((exact, "url"), (canonical, "canonical_url")):
            found += table.filter(pc.equal(table.column(column), url)).column("doc_id").to_pylist()
    return exact or canonical


def _has(lake: Lake, current: Release, doc_id: int) -> bool:
    units = {entry.unit for entry in lake.manifest(current.datasets["documents"]).files}
    if _unit(doc_id) not in units:
        return False
    return bool(_rows(lake, current, "documents", np.array([doc_id]), ["doc_id"]).num_rows)


def _unknown(lake: Lake, releases: Sequence[Release], wanted: str) -> str:
    where = ", ".join(r.snapshot for r in releases)
    if _ADDRESS.fullmatch(wanted):
        return f"no document {wanted} in {where}; give a doc_id as `gristmill explain URL` prints it"
    near = ", ".join(printable(url) for url in nearest_urls(lake, wanted))
    return (f"no released snapshot ({where}) has a document {printable(wanted)}"
            + (f"; near it are {near}" if near else "")
            + "; `gristmill explain URL` says whether its record was rejected")  # fmt: skip


def _cluster_table(lake: Lake, current: Release, cluster_id: int) -> pa.Table:
    """The members' rows of `duplicates`, by doc_id."""
    columns = ["doc_id", "exact_group", "cluster_id", "pairs"]
    files = lake.manifest(current.datasets["duplicates"]).files
    tables = (lake.read_file(entry, columns) for entry in files)
    return pa.concat_tables([t.filter(pc.equal(t.column("cluster_id"), cluster_id)) for t in tables]).sort_by("doc_id")


def _judged(lake: Lake, current: Release, table: pa.Table) -> pa.Table:
    """`table` (sorted by doc_id) with its decisions; `survived`: the policy kept it, `kept`: the corpus has it too."""
    names = ["doc_id", "kept", "reason", "value", "threshold", "duplicate_of"]
    decisions = _rows(lake, current, "decisions", table.column("doc_id").to_numpy(), names)
    for name in names[2:]:
        table = table.append_column(name, decisions.column(name))
    survivors = decisions.filter(decisions.column("kept")).column("doc_id").combine_chunks()
    in_corpus = [pa.array([], pa.int64())]
    for entry in lake.manifest(current.datasets["corpus"]).files:
        ids = lake.read_file(entry, ["doc_id"]).column("doc_id").combine_chunks()
        in_corpus.append(ids.filter(pc.is_in(ids, survivors)))
    kept = pc.is_in(table.column("doc_id"), pa.concat_arrays(in_corpus))
    return table.append_column("survived", decisions.column("kept")).append_column("kept", kept)


def _reference(table: pa.Table, doc_id: int) -> int:
    """The kept document that this one is a duplicate of, or that is most similar to it; itself when none is kept."""
    ids, survived = table.column("doc_id").to_numpy(), table.column("survived").to_numpy()
    row = int(np.searchsorted(ids, doc_id))
    if (kept_one := table.column("duplicate_of")[row].as_py()) is not None:
        return int(kept_one)
    if survived[row] or not survived.any():
        return doc_id
    similarity = np.nan_to_num(_similarity(table, doc_id), nan=-1.0)
    return int(ids[np.argmax(np.where(survived, similarity, -2.0))])


def _similarity(table: pa.Table, doc_id: int) -> NDArray[np.float64]:
    """Jaccard of each row to one document: 1 in its exact group, that of the verified pair, else NaN.

    Pairs stand with the representative of an exact group, whose id is the group's.
    """
    ids = table.column("doc_id").to_numpy()
    group = pc.coalesce(table.column("exact_group"), table.column("doc_id")).to_numpy()
    own = group[np.searchsorted(ids, doc_id)]
    pairs = table.column("pairs")[int(np.searchsorted(ids, own))].as_py() or []
    to = np.array([own, *(pair["doc_id"] for pair in pairs)], np.int64)
    jaccard = np.array([1.0, *(pair["jaccard"] for pair in pairs)])
    order = np.argsort(to)
    at = np.minimum(np.searchsorted(to[order], group), len(to) - 1)
    return np.where(to[order][at] == group, np.round(jaccard[order][at], 6), np.nan)


def _least_similar(ids: Ids, similarity: NDArray[np.float64], survived: NDArray[np.bool_], doc_id: int) -> int:
    """Of the other members: removed before kept, with a verified pair before without, the least similar, least id."""
    order = np.lexsort((ids, similarity, np.isnan(similarity), survived, ids == doc_id))
    return int(ids[order[0]])


def _members(
    lake: Lake, current: Release, table: pa.Table, similarity: NDArray[np.float64], reference: int
) -> list[Member]:
    """The rows with what `documents` knows of them."""
    wanted = np.unique(table.column("doc_id").to_numpy())
    documents = _rows(lake, current, "documents", wanted, ["doc_id", "url", "captured"]).to_pylist()
    page = {row["doc_id"]: row for row in documents}
    return [
        Member(
            row["doc_id"], page[row["doc_id"]]["url"], page[row["doc_id"]]["captured"], row["kept"], _removal(row),
            row["exact_group"], None if np.isnan(alike) else float(alike),
        )
        for row, alike in zip(table.to_pylist(), similarity, strict=True)
    ]  # fmt: skip


def _removal(row: dict[str, Any]) -> dict[str, Any] | None:
    if row["kept"]:
        return None
    if row["survived"]:
        # The policy kept it, and after the edits too little of its text was left: `curate` removed it.
        return {"reason": "too_short_after_edits"}
    return {key: row[key] for key in ("reason", "value", "threshold", "duplicate_of") if row[key] is not None}


def _unit(doc_id: int) -> str:
    return f"{doc_id >> OFFSET_BITS:06d}"


def _rows(lake: Lake, current: Release, name: str, ids: Ids, columns: list[str]) -> pa.Table:
    """The rows of these documents, by doc_id, from their own files only."""
    manifest, wanted = lake.manifest(current.datasets[name]), pa.array(ids, pa.int64())
    units = [_unit(int(index) << OFFSET_BITS) for index in np.unique(ids >> OFFSET_BITS)]
    tables = (lake.read_file(manifest.file(unit), columns) for unit in units)
    return pa.concat_tables([t.filter(pc.is_in(t.column("doc_id"), wanted)) for t in tables]).sort_by("doc_id")
