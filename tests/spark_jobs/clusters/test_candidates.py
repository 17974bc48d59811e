"""Representatives and candidate pairs against brute force."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from gristmill.schemas import HASHES
from spark_jobs.clusters.candidates import (
    ALL_PAIRS_BELOW,
    bucket_pairs,
    candidate_pairs,
    exact_representatives,
    signature_representatives,
)
from spark_jobs.clusters.shape import Shape
from spark_jobs.clusters.signatures import Signatures


def unpacked(pairs: NDArray[np.uint64]) -> list[tuple[int, int]]:
    return [(int(pair) >> 32, int(pair) & 0xFFFFFFFF) for pair in pairs]


@given(st.lists(st.integers(0, 6), max_size=40))
def test_bucket_pairs_are_all_pairs_with_equal_keys(keys: list[int]) -> None:
    found = unpacked(bucket_pairs(np.array(keys, np.uint64)))
    assert sorted(found) == [(i, j) for i, j in combinations(range(len(keys)), 2) if keys[i] == keys[j]]


def test_a_large_bucket_gives_a_star_on_its_first_member() -> None:
    size = ALL_PAIRS_BELOW * 4
    assert sorted(unpacked(bucket_pairs(np.zeros(size, np.uint64)))) == [(0, i) for i in range(1, size)]


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), max_size=30))
def test_the_representative_is_the_first_of_equals_also_where_half_of_a_hash_agrees(
    content: list[tuple[int, int]],
) -> None:
    found = exact_representatives(np.array(content, np.uint64).reshape(-1, 2))
    assert found.tolist() == [content.index(each) for each in content]


def signatures_of(rows: list[list[int]], content: list[int]) -> Signatures:
    """Rows name the value of each band of 8."""
    values = np.repeat(np.array(rows, np.uint16).reshape(-1, 14), 8, axis=1)
    hashes = np.stack([np.array(content, np.uint64)] * 2, axis=1).reshape(-1, 2)
    return Signatures(np.arange(len(rows), dtype=np.int64), hashes, np.ones(len(rows), np.int32), values)


bands = st.lists(st.lists(st.integers(0, 30), min_size=14, max_size=14), max_size=14)


@given(bands, st.data())
def test_candidates_are_the_representatives_that_share_a_band(rows: list[list[int]], data: st.DataObject) -> None:
    content = data.draw(st.lists(st.integers(0, 9), min_size=len(rows), max_size=len(rows)))
    signatures = signatures_of(rows, content)
    exact = exact_representatives(signatures.content)
    found = {(int(a), int(b)) for a, b in candidate_pairs(signatures, exact, Shape(), threads=2)}
    left = [i for i in range(len(rows)) if content.index(content[i]) == i]
    assert found == {
        (a, b) for a, b in combinations(left, 2) if any(x == y for x, y in zip(rows[a], rows[b], strict=True))
    }


def test_a_signature_that_many_share_is_one_row_of_the_search() -> None:
    size = 3 * ALL_PAIRS_BELOW
    signatures = signatures_of([*([[1] * 14] * size), [1] * 7 + [2] * 7], list(range(size + 1)))
    found = candidate_pairs(signatures, np.arange(size + 1), Shape(), threads=1)
    assert found.tolist() == [[0, i] for i in range(1, size + 1)]


def test_documents_without_a_shingle_are_no_candidates() -> None:
    signatures = signatures_of([[0] * 14] * 3, [1, 2, 3])
    signatures.shingles[:2] = 0
    assert len(candidate_pairs(signatures, np.arange(3), Shape(), threads=1)) == 0


def test_a_collision_of_hashes_does_not_make_signatures_equal(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [[1] * 14, [2] * 14] * ALL_PAIRS_BELOW
    values = signatures_of(rows, list(range(len(rows)))).values
    monkeypatch.setattr("spark_jobs.clusters.candidates.band_keys", lambda v, *_: np.zeros(len(v), np.uint64))
    found = signature_representatives(values, np.arange(len(rows)))
    assert found.tolist() == [0 if row == rows[0] else i for i, row in enumerate(rows)]


@pytest.mark.parametrize(("bands", "rows", "wanted"), [(14, 8, 0.924), (28, 4, 1.0), (9, 12, 0.477)])
def test_other_shapes_find_what_their_curve_says(bands: int, rows: int, wanted: float) -> None:
    shape = Shape(bands=bands, rows=rows)
    assert shape.probability(0.8) == pytest.approx(wanted, abs=0.01)
    draw = np.random.default_rng(bands)
    left = draw.integers(0, 2**16, (4000, HASHES), np.uint16)
    right = np.where(draw.random(left.shape) < 0.8, left, left + np.uint16(1)).astype(np.uint16)
    shared = [shape.keys(left, band) == shape.keys(right, band) for band in range(bands)]
    assert np.any(shared, axis=0).mean() == pytest.approx(shape.probability(0.8), abs=0.03)
    assert "0.8: " in shape.curve()


def test_a_shape_beyond_the_stored_hashes_is_refused() -> None:
    with pytest.raises(ValueError, match="20 bands x 13 rows need more than the 112 stored hashes"):
        Shape(bands=20, rows=13)
