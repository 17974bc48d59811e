"""UTF-8 decoding and bit mixing, compiled."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from spark_jobs.text.decode import decode, mix


@given(st.text(), st.text(max_size=5))
def test_code_points_are_those_of_python(text: str, before: str) -> None:
    start = len(before.encode())
    data = np.frombuffer((before + text + "tail").encode(), np.uint8)
    out = np.zeros(len(data), np.int32)
    count = decode(data, start, start + len(text.encode()), out)
    assert out[:count].tolist() == [ord(char) for char in text]


def test_every_length_of_utf8_at_its_limits() -> None:
    text = "\x00\x7f\x80\u07ff\u0800\ud7ff\ue000\uffff\U00010000\U0010ffff"
    data = np.frombuffer(text.encode(), np.uint8)
    out = np.zeros(len(data), np.int32)
    assert decode(data, 0, len(data), out) == len(text)
    assert out[: len(text)].tolist() == [ord(char) for char in text]


def test_the_mixer_is_that_of_splitmix64() -> None:
    # The first three outputs of the reference generator (Vigna, splitmix64.c) from state 0.
    step = 0x9E3779B97F4A7C15
    states = [np.uint64(step * (i + 1) % 2**64) for i in range(3)]
    assert [int(mix(s)) for s in states] == [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]
