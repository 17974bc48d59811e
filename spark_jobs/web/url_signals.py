"""The `url` family, measured on whole columns."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from gristmill.signals.url import URL
from spark_jobs.web.url_lists import UrlLists, url_key
from spark_jobs.web.urls import canonical, host_of, parents


def url_signals(doc_id: pa.Array, url: pa.Array, lists: UrlLists) -> pa.Table:
    """doc_id (int64) and the columns of the family, one row per URL; null where the URL is."""
    lower = pc.ascii_lower(url)
    words = pc.split_pattern_regex(lower, "[^a-z0-9]+")
    joined = pc.replace_substring_regex(lower, "[^a-z0-9]+", "")
    # Without words the pattern would match everywhere.
    pattern = "|".join(map(re.escape, lists.subwords)) or "[^\\x00-\\x{10FFFF}]"
    missing = np.asarray(pc.is_null(url))
    columns = [
        _categories(url, lists, missing),
        pa.array(_different(words, lists.hard), pa.int32(), mask=missing),
        pa.array(_different(words, lists.soft), pa.int32(), mask=missing),
        pc.count_substring_regex(joined, pattern).cast(pa.int32()),
    ]
    fields = [pa.field("doc_id", pa.int64(), nullable=False), *(signal.field for signal in URL)]
    return pa.table([doc_id, *columns], schema=pa.schema(fields))


def _different(words: pa.Array, listed: Sequence[str]) -> npt.NDArray[np.int64]:
    """How many of the listed words each row has."""
    place = pc.index_in(words.flatten(), value_set=pa.array(listed, pa.string()))
    found = np.flatnonzero(np.asarray(pc.is_valid(place)))
    rows = np.asarray(pc.list_parent_indices(words))[found]
    pairs = np.unique(rows * max(1, len(listed)) + np.asarray(place.take(pa.array(found))))
    return np.bincount(pairs // max(1, len(listed)), minlength=len(words))


def _categories(url: pa.Array, lists: UrlLists, missing: npt.NDArray[np.bool_]) -> pa.Array:
    found: list[set[int]] = [set() for _ in range(len(url))]
    names: dict[str, list[int]] = {}
    keys: dict[str, list[int]] = {}
    for row, text in enumerate(url.to_pylist()):
        if text is not None and lists.categories:
            form = canonical(text)
            names.setdefault(host_of(form), []).append(row)
            keys.setdefault(url_key(form), []).append(row)
    above = [(host, domain) for host in names for domain in parents(host)]
    for at, number in lists.domains.of([domain for _, domain in above]):
        for row in names[above[at][0]]:
            found[row].add(number)
    rows_of = list(keys.values())
    for at, number in lists.urls.of(list(keys)):
        for row in rows_of[at]:
            found[row].add(number)
    values = [
        None if gone else [lists.categories[n] for n in sorted(each)] for gone, each in zip(missing, found, strict=True)
    ]
    return pa.array(values, pa.list_(pa.string()))
