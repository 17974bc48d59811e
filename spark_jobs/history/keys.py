"""Files of keys, read within bounds: row groups that cannot hold what is asked are never touched.

Segments are cut by prefix: the first hexadecimal digits of a key name its file. Keys are uniform hashes, so the
files of a segment are of one size, and a longer prefix is a subset of a shorter one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from gristmill.lake import FileEntry, Lake, LakeError

Keys = NDArray[np.uint64]
DIGITS = "0123456789abcdef"
FILE_ROWS = 1 << 22
"""Rows of a segment file at most, about: 67 MB as stored, 400 MB while they are gathered, sorted and written."""
GROUPS_AT_ONCE = 64
"""Row groups of 16,384 rows that a block holds: 1,048,576 keys, 19 MB, and four times that while they are decoded."""
_LOW = np.uint64((1 << 60) - 1)
_BAND = np.uint64(60)


@dataclass(frozen=True)
class Block:
    """Rows (n,) of keys: `bucket` is (band, key without its first digit) in one number, which orders as the pair does
    within a prefix; `place` says which snapshot, as an index into those that are asked for."""

    bucket: Keys
    place: NDArray[np.int16]
    doc_id: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.bucket)

    def __getitem__(self, rows: Any) -> Block:
        """The rows of a slice, mask or order."""
        return Block(self.bucket[rows], self.place[rows], self.doc_id[rows])


def join_blocks(blocks: Sequence[Block]) -> Block:
    """All rows, in the order given."""
    return Block(
        np.concatenate([np.empty(0, np.uint64), *(block.bucket for block in blocks)]),
        np.concatenate([np.empty(0, np.int16), *(block.place for block in blocks)]),
        np.concatenate([np.empty(0, np.int64), *(block.doc_id for block in blocks)]),
    )


def prefixes(digits: int) -> list[str]:
    """All prefixes of so many digits, in order."""
    return ["".join(each) for each in product(DIGITS, repeat=digits)]


def digits_for(rows: int) -> int:
    """Least length of prefixes at which a file of a segment of `rows` keys holds FILE_ROWS of them or fewer."""
    digits = 1
    while rows > FILE_ROWS * 16**digits:
        digits += 1
    return digits


def buckets(band: NDArray[np.int8], key: Keys) -> Keys:
    """`Block.bucket` of bands and keys."""
    return band.astype(np.uint64) << _BAND | key & _LOW


def bands_and_keys(bucket: Keys, prefix: str) -> tuple[NDArray[np.int8], Keys]:
    """What `buckets` was made of, under one prefix."""
    digit = np.uint64(DIGITS.index(prefix[0]))
    return (bucket >> _BAND).astype(np.int8), digit << _BAND | bucket & _LOW


def sorted_rows(lake: Lake, files: Sequence[tuple[FileEntry, Mapping[str, int]]], prefix: str) -> Block:
    """All rows of `files` whose keys start with `prefix`, by (bucket, place, doc_id); files may be in any order.

    Each file comes with the places of the wanted snapshots; one without a column of snapshots is all of one.
    """
    found = []
    for entry, places in files:
        with opened(lake, entry) as file:
            groups = [group for group, (_, _, low, high) in _statistics(file) if _meets(low, high, prefix)]
            for start in range(0, len(groups), GROUPS_AT_ONCE):
                found.append(_decode(file.read_row_groups(groups[start : start + GROUPS_AT_ONCE]), places, prefix))
    return _sorted(join_blocks(found))


def _sorted(rows: Block) -> Block:
    """By (bucket, place, doc_id): a fast sort by bucket, then a slow one of the rows that share theirs."""
    order = np.argsort(rows.bucket)
    bucket = rows.bucket[order]
    same = bucket[1:] == bucket[:-1]
    tied = np.flatnonzero(np.append(same, False) | np.append(False, same)) if len(order) else order
    some = rows[order[tied]]
    order[tied] = order[tied][np.lexsort((some.doc_id, some.place, some.bucket))]
    return rows[order]


def sorted_blocks(
    lake: Lake, entry: FileEntry, places: Mapping[str, int], prefix: str, between: tuple[int, int]
) -> Iterator[Block]:
    """The rows of a sorted file under `prefix` with `between[0] <= bucket <= between[1]`; none of a bucket's rows is
    in another block than the rest."""
    left = join_blocks([])
    with opened(lake, entry) as file:
        groups = [g for g, low, high in _bucket_bounds(file, prefix) if low <= between[1] and high >= between[0]]
        for start in range(0, len(groups), GROUPS_AT_ONCE):
            found = _decode(file.read_row_groups(groups[start : start + GROUPS_AT_ONCE]), places, prefix)
            inside = (found.bucket >= np.uint64(between[0])) & (found.bucket <= np.uint64(between[1]))
            left = join_blocks([left, found[inside]])
            # The last bucket may go on in the next row group.
            end = int(np.searchsorted(left.bucket, left.bucket[-1])) if len(left) else 0
            if end:
                yield left[:end]
            left = left[end:]
    if len(left):
        yield left


@contextmanager
def opened(lake: Lake, entry: FileEntry) -> Iterator[pq.ParquetFile]:
    """An open file of the lake, snapshots as dictionaries; what goes wrong while it is read is a LakeError."""
    path = lake.path(entry)
    try:
        metadata = pq.read_metadata(path)
        coded = [name for name in metadata.schema.names if name == "snapshot"]
        with pq.ParquetFile(path, metadata=metadata, read_dictionary=coded) as file:
            yield file
    except (OSError, pa.ArrowException) as error:
        raise LakeError(f"{path} cannot be read ({error}); run `gristmill verify`") from error


def _bucket_bounds(file: pq.ParquetFile, prefix: str) -> list[tuple[int, int, int]]:
    """(row group, bounds of its buckets) of those that can hold keys under the prefix."""
    found = []
    for group, (first, last, low, high) in _statistics(file):
        if _meets(low, high, prefix):
            found.append((group, first << 60 | low & int(_LOW), last << 60 | high & int(_LOW)))
    return found


def _statistics(file: pq.ParquetFile) -> Iterator[tuple[int, tuple[int, int, int, int]]]:
    """(row group, (least band, greatest band, least key, greatest key)) of those with rows, from the footer."""
    metadata = file.metadata
    band, key = (metadata.schema.names.index(name) for name in ("band", "key"))
    for group in range(metadata.num_row_groups):
        rows = metadata.row_group(group)
        if rows.num_rows:
            bands, keys = rows.column(band).statistics, rows.column(key).statistics
            yield group, (bands.min, bands.max, keys.min, keys.max)


def _meets(low: int, high: int, prefix: str) -> bool:
    """Whether keys from `low` to `high` can start with the prefix."""
    shift = 64 - 4 * len(prefix)
    return low >> shift <= int(prefix, 16) <= high >> shift


def _decode(table: pa.Table, places: Mapping[str, int], prefix: str) -> Block:
    """The wanted rows of a table of keys."""
    key = table.column("key").to_numpy()
    wanted = key >> np.uint64(64 - 4 * len(prefix)) == np.uint64(int(prefix, 16))
    if "snapshot" in table.column_names:
        names = table.column("snapshot").unify_dictionaries()
        lookup = np.array([places.get(name, -1) for name in names.chunk(0).dictionary.to_pylist()], np.int16)
        place = lookup[np.concatenate([chunk.indices.to_numpy() for chunk in names.chunks])]
        wanted &= place >= 0
    else:
        (only,) = places.values()
        place = np.full(len(key), only, np.int16)
    bucket = buckets(table.column("band").to_numpy(), key)
    return Block(bucket, place, table.column("doc_id").to_numpy())[wanted]
