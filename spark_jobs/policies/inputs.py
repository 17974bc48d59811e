"""Which datasets and columns a policy reads, of which digests, and what to run where one is missing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from gristmill import ledger
from gristmill.datasets import command_of
from gristmill.errors import UserError
from gristmill.lake import FileEntry, Lake, LakeError, Manifest, declared
from gristmill.release import current
from spark_jobs.policies.model import Policy
from spark_jobs.policies.registry import Registry

SURVIVOR_COLUMNS = {"longest": "bytes", "surest_language": "score"}
_KEY = "doc_id"

Columns = Mapping[str, tuple[str, ...]]
"""family -> the columns to read of it, without doc_id"""


class MissingSignals(UserError):
    """A snapshot lacks what the policy needs; the message names the one job to run."""


def columns(policy: Policy, registry: Registry) -> dict[str, tuple[str, ...]]:
    """What deciding reads: the signals of the rules, their language, the length, and what survivors are chosen by."""
    names = {rule.signal for rule in policy.rules} | {"bytes", "language"}
    names |= {SURVIVOR_COLUMNS[each] for each in policy.survivor}
    found: dict[str, tuple[str, ...]] = {}
    for name in sorted(names):
        family = registry[name].family
        found[family] = (*found.get(family, ()), name)
    return dict(sorted(found.items()))


def families(policy: Policy, registry: Registry) -> tuple[str, ...]:
    """The datasets that deciding by this policy reads beside `duplicates`."""
    return tuple(columns(policy, registry))


def edit_families(policy: Policy) -> tuple[str, ...]:
    """The datasets that curate reads to edit text by this policy. Not `pii`: it looks through the edited text."""
    edits = policy.edits
    return (*(["lines"] if edits.lines else []), *(["boilerplate"] if edits.boilerplate else []))


def digest_of(lake: Lake, snapshot: str, dataset: str) -> str | None:
    """Digest of a snapshot's dataset: as released, else the newest in the ledger."""
    released = current(lake, snapshot)
    if released is not None and dataset in released.datasets:
        return released.datasets[dataset]
    return ledger.newest_output(lake, snapshot, dataset)


def manifests(lake: Lake, snapshot: str, policy: Policy, wanted: Columns) -> dict[str, Manifest]:
    """The dataset of each wanted family, as released, else the newest in the ledger; raises MissingSignals."""
    found = {family: digest_of(lake, snapshot, family) for family in wanted}
    return stored_manifests(lake, snapshot, policy, wanted, {k: digest for k, digest in found.items() if digest})


def stored_manifests(
    lake: Lake, snapshot: str, policy: Policy, wanted: Columns, digests: Mapping[str, str]
) -> dict[str, Manifest]:
    """The dataset of each wanted family among `digests`.

    Raises:
        MissingSignals: the snapshot has no such family, or one that was measured before a wanted signal was known.
    """
    found = {}
    for family, names in wanted.items():
        if family not in digests:
            raise MissingSignals(_missing(policy, snapshot, family, "does not have"))
        found[family] = lake.manifest(digests[family])
        stored = _stored(lake, found[family])
        if lacking := [name for name in names if name not in stored]:
            raise MissingSignals(_missing(policy, snapshot, family, f"has without {', '.join(lacking)}"))
    return found


def _missing(policy: Policy, snapshot: str, family: str, how: str) -> str:
    return (
        f"policy '{policy.name}' needs '{family}', which snapshot {snapshot} {how}; run {command_of(family, snapshot)}"
    )


def _stored(lake: Lake, manifest: Manifest) -> list[str]:
    """The columns that the files of a dataset have: those of its first file, as one stage wrote them all."""
    if not manifest.files:
        return list(declared(manifest.dataset).names)
    try:
        schema: Any = pq.read_schema(lake.path(manifest.files[0]))
    except (OSError, pa.ArrowException) as error:
        raise LakeError(f"{lake.path(manifest.files[0])} cannot be read ({error}); run `gristmill verify`") from error
    return list(schema.names)


def read_signals(lake: Lake, files: Mapping[str, FileEntry], wanted: Columns) -> pa.Table:
    """doc_id and the wanted columns of one unit, side by side.

    Raises LakeError when the families do not hold the same documents.
    """
    table: pa.Table | None = None
    for family, names in wanted.items():
        part = lake.read_file(files[family], [_KEY, *names])
        if table is None:
            table = part
            continue
        if not part.column(_KEY).equals(table.column(_KEY)):
            raise LakeError(f"unit {files[family].unit}: '{family}' does not hold the documents of the other families")
        for name in names:
            table = table.append_column(name, part.column(name))
    assert table is not None, "every policy reads the length and the language"
    return table
