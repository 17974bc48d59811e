"""Splits: near-duplicates of held-out documents never train, and nothing but content decides."""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.lake import LakeError
from gristmill.mixes import Mix, MixIncomplete, request_id
from gristmill.reachable import read_json
from gristmill.settings import SettingsError
from gristmill.units import in_process
from spark_jobs import mix as mix_stage
from spark_jobs.mix import NEAR_HELD_OUT, hold_out, selection
from spark_jobs.stage import StageContext, mixed_corpora
from spark_jobs.text.similarity import exact_jaccard

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


def mixed(mill: Any, **mix: Any) -> tuple[str, list[dict[str, Any]]]:
    """Digest and rows of a mix of the mill's releases."""
    wanted = Mix(**{"name": "test", "snapshots": ["A", "B"], "validation_share": 0.2, **mix})
    context = StageContext(mill.lake, mill.profile, request_id(mill.lake, wanted), {}, in_process)
    digest = mix_stage.run(context, wanted).outputs["mix"]
    return digest, mill.lake.read(digest).to_pylist()


def test_no_document_trains_that_is_like_a_held_out_one(mill: Any) -> None:
    _, rows = mixed(mill)
    texts = {(s, r["doc_id"]): r["text"] for s in ("A", "B") for r in mill.rows(s, "corpus")}
    assert [(r["snapshot"], r["doc_id"]) for r in rows] == list(texts), "every document, by snapshot and address"
    sides: dict[str | None, list[str]] = {"train": [], "validation": [], None: []}
    for row in rows:
        sides[row["split"]].append(texts[row["snapshot"], row["doc_id"]])
        assert (row["reason"] == NEAR_HELD_OUT) == (row["split"] is None)
    assert all(sides.values()), "this crawl has all three"
    nearest = max(exact_jaccard(a, b) for a in sides["train"] for b in sides["validation"])
    assert nearest < 0.7
    assert max(exact_jaccard(a, b) for a in sides["validation"] for b in sides["validation"] if a != b) < 0.7
    for excluded in sides[None]:
        assert max(exact_jaccard(excluded, kept) for kept in sides["validation"]) > 0.6


def test_the_balance_of_a_mix_closes(mill: Any) -> None:
    digest, rows = mixed(mill)
    account = mill.lake.manifest(digest).account
    splits = Counter(r["split"] for r in rows)
    assert (account.records_in, account.residual) == (len(rows), 0)
    assert account.removed == {NEAR_HELD_OUT: splits[None]}


def test_a_mix_says_which_corpora_it_was_made_of(mill: Any) -> None:
    digest, _ = mixed(mill)
    corpora = {snapshot: mill.digests[snapshot]["corpus"] for snapshot in ("A", "B")}
    assert mixed_corpora(mill.lake, digest, "any") == corpora
    records = [read_json(mill.lake, key) for key in mill.lake.storage.list(f"provenance/{digest}")]
    assert all(record["inputs"] == {f"corpus.{s}": d for s, d in corpora.items()} for record in records)


def test_of_a_mix_that_other_corpora_give_too_the_newest_attempt_of_the_scope_counts(places: Any) -> None:
    lake = places.mill("twice", {}).lake
    with pytest.raises(LakeError, match="nothing says which corpora the mix nothing was made of; mix again"):
        mixed_corpora(lake, "nothing", "mine")
    made = (("1", "mine", "a"), ("2", "mine", "b"), ("3", "other", "c"))
    for attempt, scope, corpus in made:
        digest = lake.publish("mix", [], {"attempt": attempt, "scope": scope, "inputs": {"corpus.A": corpus}}).digest
    assert mixed_corpora(lake, digest, "mine") == {"A": "b"}
    assert mixed_corpora(lake, digest, "elsewhere") == {"A": "c"}


def test_the_order_of_snapshots_in_a_mix_or_of_their_release_does_not_matter(mill: Any, backwards: Any) -> None:
    digest, _ = mixed(mill)
    assert mixed(mill, snapshots=["B", "A"])[0] == digest
    assert mixed(backwards)[0] == digest


def test_a_mix_is_made_once(mill: Any) -> None:
    wanted = Mix(name="once", snapshots=["A", "B"])
    context = StageContext(mill.lake, mill.profile, "once", {}, in_process)
    mix_stage.run(context, wanted)
    again = mix_stage.run(context, wanted).summary
    assert again["units_reused"] == again["units"]


def test_a_selection_takes_the_place_of_the_profiles_snapshots() -> None:
    chosen = selection(MIX, " b,a ,b,")
    assert (chosen.name, chosen.snapshots, chosen.validation_share) == ("selection", ["b", "a"], MIX.validation_share)
    with pytest.raises(SettingsError, match="--snapshots"):
        selection(MIX, " , ")


@pytest.mark.parametrize("given", ["A,unknown", "unreleased"])
def test_a_selection_that_is_not_released_is_refused_before_spark_starts(
    mill: Any, given: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mix_stage, "spark_tasks", None)
    missing = given.split(",")[-1]
    with pytest.raises(
        MixIncomplete, match=f"mix 'selection' waits for the release of {missing}; see `gristmill status`"
    ):
        mix_stage.main(["--profile", str(mill.profile.source), "--snapshots", given])
