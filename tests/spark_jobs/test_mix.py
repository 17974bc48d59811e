"""Splits: near-duplicates of held-out documents never train, and nothing but content decides."""

from __future__ import annotations

import hashlib

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from gristmill.mixes import Mix
from spark_jobs.mix import hold_out

MIX = Mix(name="test", snapshots=["a"], validation_share=0.3)


def content(i: int) -> bytes:
    return hashlib.md5(str(i).encode(), usedforsecurity=False).digest()


@given(st.lists(st.integers(0, 9), min_size=1, max_size=40), st.randoms())
def test_groups_fall_on_one_side_with_one_representative_in_any_order(labels: list[int], random: object) -> None:
    dense = np.unique(labels, return_inverse=True)[1].astype(np.int32)
    hashes = [content(i) for i in range(len(dense))]
    held_out, representative = hold_out(hashes, dense, MIX)
    for label in set(dense.tolist()):
        mine = dense == label
        assert len(set(held_out[mine].tolist())) == 1
        assert representative[mine].sum() == 1

    order = list(range(len(dense)))
    random.shuffle(order)  # type: ignore[attr-defined]
    again, chosen = hold_out([hashes[i] for i in order], dense[order], MIX)
    assert again.tolist() == held_out[order].tolist()
    assert chosen.tolist() == representative[order].tolist()


def test_the_share_is_met_and_the_seed_matters() -> None:
    hashes = [content(i) for i in range(4000)]
    groups = np.arange(4000, dtype=np.int32)
    held_out, _ = hold_out(hashes, groups, MIX)
    assert 0.27 < held_out.mean() < 0.33
    other, _ = hold_out(hashes, groups, MIX.model_copy(update={"seed": 1}))
    assert (other != held_out).any()
