"""Shares of documents, and how many independent documents each rests on.

Pages of one host are alike, so n documents tell less than n independent ones. A share p whose variance, estimated
with hosts as clusters (the linearised ratio estimator; Cochran, Sampling Techniques, 1977, sec. 11.7-11.8), is v
rests on p (1 - p) / v of them: its effective documents. They are at least Kish's number of equal hosts (sum n)^2 /
sum n^2, where all pages of a host would be copies, and at most n. Of a single host nothing is known of how much hosts
differ; there pages are taken for independent.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

Codes = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Shares:
    """Per key: documents, share, effective documents that the share rests on."""

    documents: Codes
    share: Floats
    effective: Codes


def codes(column: pa.ChunkedArray | pa.Array) -> tuple[Codes, list[str]]:
    """A column of strings as places in the list of its values, which is sorted; null is "(none)"."""
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    found = pc.fill_null(array, "(none)").dictionary_encode()
    values = np.array(found.dictionary.to_pylist(), dtype=object)
    order = np.argsort(values)
    places = np.empty(len(order), np.int64)
    places[order] = np.arange(len(order))
    if not len(values):
        return np.zeros(0, np.int64), []
    return places[found.indices.to_numpy().astype(np.int64)], [str(value) for value in values[order]]


def mixture(keys: Codes, size: int, hosts: Codes) -> tuple[Shares, int]:
    """The share of the documents that each of `size` keys has, and the effective documents of the whole mixture.

    The latter is n over the mean design effect (Rao and Scott, 1981, first-order correction), by which a statistic
    such as chi-square over all keys is to be judged.
    """
    hosts = _clusters(hosts)
    n, of_host = len(keys), np.bincount(hosts)
    counts = np.bincount(keys, minlength=size)
    if n == 0:
        return Shares(counts, np.zeros(size), np.zeros(size, np.int64)), 0
    share = counts / n
    pair, x = np.unique(keys * len(of_host) + hosts, return_counts=True)
    key, host = np.divmod(pair, len(of_host))
    square: Floats = np.bincount(key, (x * x).astype(float), size) - 2 * share * np.bincount(
        key, (x * of_host[host]).astype(float), size
    )
    square += share**2 * float((of_host.astype(float) ** 2).sum())
    variance: Floats = square * _bessel(np.array(np.count_nonzero(of_host))) / n**2
    least = n**2 / float((of_host.astype(float) ** 2).sum())
    effective = _effective(share, variance, np.full(size, n), np.full(size, least))
    there = share > 0
    effect = float((variance[there] * n / share[there]).sum()) / max(1, int(there.sum()) - 1)
    return Shares(counts, share, effective), int(np.clip(n / max(effect, 1e-9), least, n))


def of_keys(keys: Codes, size: int, flags: NDArray[np.bool_], hosts: Codes) -> Shares:
    """Of the documents of each of `size` keys, the share that has the flag."""
    hosts = _clusters(hosts)
    counts = np.bincount(keys, minlength=size)
    share = np.bincount(keys, flags.astype(float), size) / np.maximum(counts, 1)
    width = int(hosts.max(initial=0)) + 1
    pair, place, n = np.unique(keys * width + hosts, return_inverse=True, return_counts=True)
    key = pair // width
    flagged = np.bincount(place, flags.astype(float), len(pair))
    square = np.bincount(key, (flagged - share[key] * n) ** 2, size)
    clusters = np.bincount(key, minlength=size)
    variance = square * _bessel(clusters) / np.maximum(counts, 1) ** 2
    least = counts.astype(float) ** 2 / np.maximum(np.bincount(key, n.astype(float) ** 2, size), 1)
    return Shares(counts, share, _effective(share, variance, counts, least))


def one(flags: NDArray[np.bool_], hosts: Codes) -> tuple[float | None, int]:
    """The share of all documents that has the flag, and its effective documents; (None, 0) without documents."""
    if not len(flags):
        return None, 0
    found = of_keys(np.zeros(len(flags), np.int64), 1, flags, hosts)
    return float(found.share[0]), int(found.effective[0])


def mean(values: Floats, hosts: Codes) -> tuple[float | None, float | None]:
    """The mean over documents and its standard error with hosts as clusters; None without documents."""
    if not len(values):
        return None, None
    hosts, centre = _clusters(hosts), float(values.mean())
    residuals = np.bincount(hosts, values - centre)
    clusters = np.array(np.count_nonzero(np.bincount(hosts)))
    return centre, float(np.sqrt((residuals**2).sum() * _bessel(clusters)) / len(values))


def _clusters(hosts: Codes) -> Codes:
    return np.arange(len(hosts)) if len(hosts) and hosts.min() == hosts.max() else hosts


def _bessel(clusters: Codes) -> Floats:
    factor: Floats = clusters / np.maximum(clusters - 1, 1)
    return factor


def _effective(share: Floats, variance: Floats, most: Codes, least: Floats) -> Codes:
    with np.errstate(divide="ignore", invalid="ignore"):
        found = np.where(variance > 1e-12, share * (1 - share) / variance, least)
    return np.floor(np.clip(found, least, most) + 1e-9).astype(np.int64)
