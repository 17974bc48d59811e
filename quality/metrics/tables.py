"""Where the figures of a snapshot come from: its datasets in the lake, or tables in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa

from gristmill.lake import Account, Lake
from gristmill.schemas import SCHEMAS
from gristmill.scores import among


class Tables(Protocol):
    """The datasets of one snapshot by name; each is split into units of some rows."""

    def scores(self) -> Sequence[str]:
        """The names of the score families among the datasets, in order."""
        ...

    def units(self, dataset: str) -> Sequence[str]:
        """The units of a dataset, in order."""
        ...

    def rows(self, dataset: str) -> int:
        """Rows of a dataset by its manifest."""
        ...

    def account(self, dataset: str) -> Account | None:
        """The mass balance of a dataset; None where its stage keeps none."""
        ...

    def read_unit(self, dataset: str, unit: str, columns: Sequence[str]) -> pa.Table:
        """Some columns of one unit."""
        ...


@dataclass(frozen=True)
class LakeTables:
    """Datasets of a lake, given by digest."""

    lake: Lake
    digests: Mapping[str, str]

    def scores(self) -> Sequence[str]:
        return list(among(self.digests))

    def units(self, dataset: str) -> Sequence[str]:
        return [entry.unit for entry in self.lake.manifest(self.digests[dataset]).files]

    def rows(self, dataset: str) -> int:
        return self.lake.manifest(self.digests[dataset]).rows

    def account(self, dataset: str) -> Account | None:
        return self.lake.manifest(self.digests[dataset]).account

    def read_unit(self, dataset: str, unit: str, columns: Sequence[str]) -> pa.Table:
        return self.lake.read_file(self.lake.manifest(self.digests[dataset]).file(unit), columns)


def read(tables: Tables, dataset: str, columns: Sequence[str]) -> pa.Table:
    """Some columns of a whole dataset, in unit order, one chunk each."""
    parts = [tables.read_unit(dataset, unit, columns) for unit in tables.units(dataset)]
    if not parts:
        return SCHEMAS[dataset].empty_table().select(list(columns))
    return pa.concat_tables(parts).combine_chunks()


def account(tables: Tables, dataset: str) -> Account:
    """The mass balance of a dataset; an empty one where it has none."""
    return tables.account(dataset) or Account(0, 0)
