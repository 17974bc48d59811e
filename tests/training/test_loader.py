"""The loader: what each rank gets, how much it reads for it, and that the fast way to a causal row changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.packing import plan
from training.batch import Batch, collate
from training.loader import Loader, Share
from training.objectives.base import Row, Tokens
from training.objectives.causal import Causal, CausalConfig
from training.objectives.config import ObjectiveConfig
from training.objectives.masked import MaskedConfig
from training.rows import causal_batch, read_spans
from training.sampler import Mixture, Sampler, SamplerError, Task
from training.stream import mapped_stream
from training.tasks import build_sampler, own_stream

LENGTH, BATCH, VOCABULARY = 16, 16, 61
Benches = Callable[..., Any]
Make = Callable[..., Sampler]


@pytest.fixture(scope="module")
def make(benches: Benches, tmp_path_factory: pytest.TempPathFactory) -> Make:
    """A sampler over a tiny corpus, of which an epoch is some 120 rows."""
    folder = tmp_path_factory.mktemp("loader")
    bench = benches(folder)
    stream = mapped_stream(bench.lake, bench.tokens, "train", folder / "maps")

    def sampler(*configs: ObjectiveConfig, seed: int = 3) -> Sampler:
        return build_sampler(
            configs, stream, folder / "maps", vocabulary=VOCABULARY, length=LENGTH, batch=lambda step: BATCH, seed=seed
        )

    return sampler


MIXTURES = {
    "causal": [CausalConfig()],
    "separate": [CausalConfig(documents="separate")],
    "mixed": [CausalConfig(weight=2), MaskedConfig()],
}


@contextmanager
def loader(sampler: Sampler, rank: int = 0, ranks: int = 1, micro_batch: int = 4) -> Iterator[Loader]:
    made = Loader(sampler, LENGTH, Share(rank, ranks, micro_batch))
    try:
        yield made
    finally:
        made.close()


def columns(batch: Batch) -> dict[str, Any]:
    values = {field.name: getattr(batch, field.name) for field in fields(batch)}
    return {k: (str(v.dtype), v.tolist()) if isinstance(v, torch.Tensor) else v for k, v in values.items()}


def rows_of(batches: Sequence[Batch]) -> list[dict[str, Any]]:
    """What is in the rows, padding aside, whose positions mean nothing."""
    names = [field.name for field in fields(Batch) if field.name not in ("plain", "objective")]
    return [
        {"objective": int(b.objective[i]), **{n: getattr(b, n)[i][b.segments[i] > 0].tolist() for n in names}}
        for b in batches
        for i in range(len(b.tokens))
    ]


@pytest.mark.parametrize("name", MIXTURES)
def test_a_step_is_the_same_rows_for_any_number_of_ranks(make: Make, name: str) -> None:
    steps = {}
    for ranks, micro_batch in ((1, 16), (1, 2), (2, 4), (2, 8), (4, 1), (4, 4)):
        found: list[list[Batch]] = []
        for rank in range(ranks):
            with loader(make(*MIXTURES[name]), rank, ranks, micro_batch) as one:
                found.append(one.step(7))
        # Micro-batch by micro-batch, rank by rank, is the order of the sequences.
        steps[ranks, micro_batch] = rows_of([batch for part in zip(*found, strict=True) for batch in part])
    assert len(steps[1, 16]) == BATCH
    assert all(rows == steps[1, 16] for rows in steps.values())


@pytest.mark.parametrize("name", MIXTURES)
@pytest.mark.parametrize("ranks", [1, 2, 4])
def test_a_rank_reads_its_share_and_hardly_more(make: Make, name: str, ranks: int) -> None:
    steps, read = 60, []
    for rank in range(ranks):
        with loader(make(*MIXTURES[name]), rank, ranks) as one:
            for step in range(steps):
                one.step(step)
        read.append(one.fetched_tokens)
    sampler = make(*MIXTURES[name])
    share = sum(span.tokens for step in range(steps) for span in sampler.documents(step)) / ranks
    assert max(read) <= 1.1 * share
    assert sum(read) >= ranks * share


@pytest.mark.parametrize("name", MIXTURES)
def test_the_step_is_all_that_a_checkpoint_needs(make: Make, name: str) -> None:
    with loader(make(*MIXTURES[name])) as whole:
        before = [[columns(b) for b in whole.step(step)] for step in range(25)]  # more than three epochs
    for start in (1, 8, 24):
        with loader(make(*MIXTURES[name])) as resumed:
            after = [[columns(b) for b in resumed.step(step)] for step in range(start, 25)]
        assert after == before[start:]


def test_steps_may_be_asked_for_in_any_order(make: Make) -> None:
    with loader(make(*MIXTURES["mixed"])) as one:
        first = [columns(b) for b in one.step(5)]
        for step in (6, 40, 2, 3):
            one.step(step)
        assert [columns(b) for b in one.step(5)] == first


def test_masks_differ_between_epochs_and_seeds(make: Make) -> None:
    sampler = make(MaskedConfig())
    count = sampler.tasks[0].plan.count

    def targets(one: Loader, epoch: int) -> tuple[int, ...]:
        rows = [one._row(0, epoch * count + row, row) for row in range(10)]
        return tuple(int(target) for row in rows for target in row.targets)

    with loader(sampler) as one, loader(make(MaskedConfig(), seed=4)) as other:
        found = [targets(one, 0), targets(one, 1), targets(one, 2), targets(other, 0)]
        assert len(set(found)) == 4
        assert targets(one, 0) == found[0]


def test_the_documents_of_a_step_are_those_whose_tokens_are_in_it() -> None:
    draw = np.random.default_rng(0)
    texts = [draw.integers(1, 99, size).astype(np.uint32) for size in (5, 40, 3, 16, 9, 20, 1)]
    stream = own_stream("t", texts)
    task = Task("t", Causal(CausalConfig()), stream, plan(stream.lengths, LENGTH))
    sampler = Sampler([task], Mixture(lambda step: [1], lambda step: BATCH, 0), 0)
    with loader(sampler, micro_batch=BATCH) as one:
        (batch,) = one.step(3)
        told = one.documents(3)
    for sequence in range(BATCH):
        mine = [t for t in told if t.sequence == sequence]
        row = [token for t in mine for token in texts[t.doc_id][t.start :][: t.tokens].tolist()]
        assert batch.targets[sequence, : len(row)].tolist() == row
        assert (batch.targets[sequence, len(row) :] == -100).all()


def test_what_goes_wrong_in_the_thread_reaches_the_loop(make: Make) -> None:
    with loader(make(CausalConfig()), ranks=3) as one, pytest.raises(SamplerError, match="no multiple of ranks"):
        one.step(0)


def test_waiting_is_counted(make: Make) -> None:
    with loader(make(CausalConfig())) as one:
        assert one.stall_seconds == 0
        one.step(0)
        assert one.stall_seconds > 0


class Plain:
    """A causal row by its definition: each token is predicted from the one before it in its document, or 0."""

    def __init__(self, separate: bool) -> None:
        self.separate = separate

    def row(self, documents: Sequence[Tokens], before: Sequence[int]) -> Row:
        tokens: list[int] = []
        for document, first in zip(documents, before, strict=True):
            tokens += [first, *document[:-1].tolist()]
        text = np.concatenate(documents).astype(np.int64)
        segments = [i + 1 if self.separate else 1 for i, document in enumerate(documents) for _ in document]
        return Row(np.array(tokens), text, np.array(segments, np.int32), np.zeros(len(text), bool))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(1, 30), min_size=1, max_size=20), st.integers(2, 12), st.booleans(), st.data(),
    st.sampled_from([np.uint16, np.uint32]),
)  # fmt: skip
def test_causal_rows_at_once_are_those_made_one_by_one(
    lengths: list[int], length: int, separate: bool, data: st.DataObject, kind: type
) -> None:
    draw = np.random.default_rng(sum(lengths))
    stream = own_stream("t", [draw.integers(1, 99, n).astype(kind) for n in lengths])
    objective = Causal(CausalConfig(documents="separate" if separate else "joined"))
    task = Task("t", objective, stream, plan(stream.lengths, length))
    rows = data.draw(st.lists(st.integers(0, task.plan.count - 1), min_size=1, max_size=5))
    wanted, plain = [], []
    for row in rows:
        documents, before = read_spans(stream, task.plan.row(row))
        wanted.append(objective.row(documents, length, draw, before))
        plain.append(Plain(separate).row(documents, before))
    batch, count = causal_batch(task, np.array(rows), length, 2)
    assert columns(batch) == columns(collate(wanted, [2] * len(rows), length))
    assert columns(batch) == columns(collate(plain, [2] * len(rows), length))
    assert count == sum(len(row.tokens) for row in wanted)


def test_the_token_before_a_cut_is_the_one_before_it_in_the_document() -> None:
    stream = own_stream("t", [np.arange(1, 12, dtype=np.uint32), np.arange(21, 24, dtype=np.uint32)])
    _, before = read_spans(stream, np.array([[0, 0, 8], [0, 8, 3], [1, 0, 3]]))
    assert before == [0, 8, 0]


def test_labelled_documents_take_part_beside_the_stream() -> None:
    tasks = [
        Task(t, Causal(CausalConfig()), own_stream(t, [np.full(5, i + 1, np.uint32)] * 8), plan(np.full(8, 5), 5))
        for i, t in enumerate(("one", "two"))
    ]
    sampler = Sampler(tasks, Mixture(lambda step: [1, 1], lambda step: 8, 0), 0)
    with loader(sampler, micro_batch=8) as made:
        (batch,) = made.step(0)
    assert [int(t) - 1 for t in batch.targets[:, 0]] == batch.objective.tolist()
    assert sorted(batch.objective.tolist()) == [0] * 4 + [1] * 4
