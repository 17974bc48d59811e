"""Two masks as one, and the bytes that a mask drops, against Python's own bits and lines."""

from __future__ import annotations

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from spark_jobs.text.line_masks import either, masked_bytes

masks = st.lists(st.one_of(st.none(), st.binary(max_size=3)), max_size=6)


def bits(mask: bytes | None) -> int:
    return int.from_bytes(mask or b"", "little")


@given(masks, masks)
def test_a_line_goes_where_either_drops_it(one: list[bytes | None], other: list[bytes | None]) -> None:
    rows = min(len(one), len(other))
    left, right = pa.array([None, *one], pa.binary()).slice(1, rows), pa.array(other[:rows], pa.binary())
    joined = either(left, right).to_pylist()
    assert [bits(mask) for mask in joined] == [bits(a) | bits(b) for a, b in zip(one, other, strict=False)]
    assert [mask is None for mask in joined] == [a is b is None for a, b in zip(one, other, strict=False)]


@given(st.lists(st.tuples(st.text(alphabet="aé漢🙂 \n\r\u2028", max_size=12), st.binary(max_size=2)), max_size=4))
def test_the_bytes_of_dropped_lines(rows: list[tuple[str, bytes]]) -> None:
    found = masked_bytes(pa.array([t for t, _ in rows], pa.string()), pa.array([m for _, m in rows], pa.binary()))
    expected = [
        sum(len(line.encode()) for i, line in enumerate(text.splitlines(keepends=True)) if bits(mask) >> i & 1)
        for text, mask in rows
    ]
    assert found.tolist() == expected
