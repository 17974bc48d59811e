"""Effective documents: against the spread of bootstraps, and at their limits."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from quality.metrics.sampling import codes, mean, mixture, of_keys, one

Ints = NDArray[np.int64]


def clustered(seed: int, hosts: int = 200, pages: int = 10, alike: float = 0.8) -> tuple[Ints, Ints]:
    """(key, host) of documents; `alike` of a host's pages have the host's own key."""
    rng = np.random.default_rng(seed)
    host = np.repeat(np.arange(hosts), rng.integers(1, 2 * pages, hosts))
    own = rng.choice(3, hosts, p=[0.6, 0.3, 0.1])[host]
    return np.where(rng.random(len(host)) < alike, own, rng.choice(3, len(host))), host


def bootstrap(host: Ints, rng: np.random.Generator) -> Ints:
    rows = [np.flatnonzero(host == h) for h in range(int(host.max()) + 1)]
    return np.concatenate([rows[h] for h in rng.integers(0, len(rows), len(rows))])


def test_the_variance_of_a_share_is_that_of_a_bootstrap_by_host() -> None:
    key, host = clustered(0)
    rng = np.random.default_rng(1)
    drawn = [np.bincount(key[rows], minlength=3) / len(rows) for rows in (bootstrap(host, rng) for _ in range(600))]
    found, _ = mixture(key, 3, host)
    expected = found.share * (1 - found.share) / np.var(drawn, axis=0)
    assert found.effective == pytest.approx(expected, rel=0.25)


def test_the_variance_of_a_share_within_a_key_and_of_a_mean_are_those_of_a_bootstrap() -> None:
    key, host = clustered(2)
    flags, values = key == 0, key.astype(float)
    rng = np.random.default_rng(3)
    rows = [bootstrap(host, rng) for _ in range(600)]
    share, effective = one(flags, host)
    assert share is not None
    assert effective == pytest.approx(share * (1 - share) / np.var([flags[r].mean() for r in rows]), rel=0.25)
    centre, error = mean(values, host)
    assert centre == values.mean()
    assert error == pytest.approx(np.std([values[r].mean() for r in rows]), rel=0.15)


def test_effective_documents_lie_between_hosts_and_documents() -> None:
    copies, host = clustered(4, alike=1.0)
    apart = np.random.default_rng(5).choice(3, len(host))
    n, hosts = len(host), len(np.unique(host))
    assert mixture(copies, 3, host)[1] < 1.1 * hosts
    assert 0.8 * n < mixture(apart, 3, host)[1] <= n
    single = np.zeros(n, np.int64)
    assert mixture(apart, 3, single)[1] > 0.8 * n


def test_a_key_that_all_or_none_have_rests_on_its_hosts() -> None:
    host = np.repeat(np.arange(5), 20)
    found = of_keys(np.zeros(100, np.int64), 1, np.ones(100, bool), host)
    assert (found.share[0], found.effective[0], found.documents[0]) == (1.0, 5, 100)


def test_nothing_has_no_share() -> None:
    none = np.zeros(0, np.int64)
    assert mixture(none, 3, none)[1] == 0
    assert one(np.zeros(0, bool), none) == (None, 0)
    assert mean(np.zeros(0), none) == (None, None)


def test_codes_are_places_in_the_sorted_values() -> None:
    column = pa.chunked_array([["b", None], ["a", "b"]], pa.string())
    places, names = codes(column)
    assert names == ["(none)", "a", "b"]
    assert places.tolist() == [2, 0, 1, 2]
    assert codes(pa.chunked_array([], pa.string()))[1] == []
