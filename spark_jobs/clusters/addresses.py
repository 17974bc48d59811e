"""Documents with one canonical URL: captures of the same page within a snapshot."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numba import njit
from numpy.typing import NDArray

from gristmill.lake import FileEntry, Lake
from spark_jobs.clusters.candidates import exact_representatives
from spark_jobs.clusters.signatures import Ids
from spark_jobs.text.bits import eight_bytes
from spark_jobs.text.decode import mix
from spark_jobs.text.unicode import utf8_buffers

SCHEME = "://"
"""What an address has; a source may fill its column of URLs with anything, such as `N/A` in every row."""


def same_address(lake: Lake, files: Sequence[FileEntry], threads: int) -> tuple[Ids, NDArray[np.int64]]:
    """(first place with the same canonical URL, capture time in seconds or the least number) of each document.

    `files` of `documents` in file order; a document without an address is its own first.
    """
    with ThreadPoolExecutor(threads) as pool:
        parts = list(pool.map(lambda entry: _file(lake, entry), sorted(files, key=lambda entry: int(entry.unit))))
    known = np.concatenate([np.empty(0, np.bool_), *(part[1] for part in parts)])
    hashes = np.concatenate([np.empty((0, 2), np.uint64), *(part[0] for part in parts)])
    places = np.flatnonzero(known)
    first = np.arange(len(known))
    first[places] = places[exact_representatives(hashes[places])]
    return first, np.concatenate([np.empty(0, np.int64), *(part[2] for part in parts)])


def _file(lake: Lake, entry: FileEntry) -> tuple[NDArray[np.uint64], NDArray[np.bool_], NDArray[np.int64]]:
    table = lake.read_file(entry, ["canonical_url", "captured"])
    urls = table.column("canonical_url").combine_chunks()
    captured = (
        table.column("captured").cast(pa.timestamp("s", "UTC")).cast(pa.int64()).fill_null(np.iinfo(np.int64).min)
    )
    known = pc.match_substring(urls, SCHEME).fill_null(False).to_numpy(zero_copy_only=False)
    return string_hashes(*utf8_buffers(urls)), known, captured.to_numpy()


@njit(cache=True, nogil=True)
def string_hashes(offsets: NDArray[np.int64], data: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """128-bit hashes (n, 2) of n strings."""
    found = np.empty((len(offsets) - 1, 2), np.uint64)
    for row in range(len(offsets) - 1):
        i, end = offsets[row], offsets[row + 1]
        low, high = np.uint64(end - i), np.uint64(0x9E3779B97F4A7C15)
        while i < end:
            if i + 8 <= end:
                word = eight_bytes(data, i)
            else:
                word = np.uint64(0)
                for k in range(i, end):
                    word = word << np.uint64(8) | np.uint64(data[k])
            low = mix(low * np.uint64(0x9E3779B97F4A7C15) + word)
            high = mix((high ^ word) * np.uint64(0xD6E8FEB86659FD93) + np.uint64(1))
            i += 8
        found[row, 0], found[row, 1] = low, high
    return found
