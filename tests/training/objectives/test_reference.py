"""Rows against plain implementations of the papers: what is hidden, how often, and how the row is written down."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError

from gristmill.settings import SettingsError
from training.objectives.base import IGNORED, Objective, Row, Specials
from training.objectives.config import ObjectiveConfig, check_mixture, conflict, embedding_size

Make = Callable[..., Objective]
SPECIALS = Specials(300)


def document(size: int, start: int = 1) -> NDArray[np.uint32]:
    """Tokens that are all different and end with end-of-text."""
    return np.append(np.arange(start, start + size - 1), 0).astype(np.uint32)


def near(counts: Counter[Any], shares: dict[Any, float]) -> bool:
    """Whether counts are as `shares` say, up to five standard deviations of chance."""
    total = sum(counts.values())
    return counts.keys() <= shares.keys() and all(
        abs(counts[key] - total * share) < 5 * (total * share * (1 - share)) ** 0.5 + 1e-9
        for key, share in shares.items()
    )


def many(objective: Objective, documents: list[NDArray[np.uint32]], count: int) -> Iterator[Row]:
    for seed in range(count):
        yield objective.row(documents, 256, np.random.default_rng(seed))


# Causal


def test_a_causal_row_predicts_each_token_of_each_document_from_its_start(make: Make) -> None:
    whole, cut = document(4, 10), np.array([7, 8, 9], np.uint32)
    row = make(name="causal").row([whole, cut, whole], 16, np.random.default_rng())
    assert row.tokens.tolist() == [0, 10, 11, 12, 0, 7, 8, 0, 10, 11, 12]
    assert row.targets.tolist() == [10, 11, 12, 0, 7, 8, 9, 10, 11, 12, 0]
    assert row.segments.tolist() == [1] * 11
    row = make(name="causal", documents="separate").row([whole, cut, whole], 16, np.random.default_rng(), [0, 6, 0])
    assert row.tokens.tolist() == [0, 10, 11, 12, 6, 7, 8, 0, 10, 11, 12]
    assert row.segments.tolist() == [1, 1, 1, 1, 2, 2, 2, 3, 3, 3, 3]


# Masked


def test_masking_hides_as_bert_does(make: Make) -> None:
    text = document(101)
    fates, places, others = Counter[str](), Counter[int](), Counter[int]()
    for row in many(make(name="masked"), [text], 600):
        chosen = np.flatnonzero(row.targets != IGNORED)
        assert len(chosen) == 15  # 15 % of 100 words; the end of text is none
        assert (row.targets[chosen] == text[chosen]).all()
        untouched = row.targets == IGNORED
        assert (row.tokens[untouched] == text[untouched]).all()
        places.update(chosen.tolist())
        for token, target in zip(row.tokens[chosen].tolist(), row.targets[chosen].tolist(), strict=True):
            fates["mask" if token == SPECIALS.mask else "same" if token == target else "other"] += 1
            others.update([token] if token not in (SPECIALS.mask, target) else [])
    assert near(fates, {"mask": 0.8, "other": 0.1 * 298 / 299, "same": 0.1 + 0.1 / 299})
    assert near(places, dict.fromkeys(range(100), 0.01))
    assert min(others) > 0
    assert max(others) < 300
    assert len(others) > 200


def test_a_masked_row_of_ends_of_text_alone_has_no_target(make: Make) -> None:
    row = make(name="masked").row([np.zeros(1, np.uint32)], 8, np.random.default_rng(0))
    assert row.targets.tolist() == [IGNORED]


# Span


def compositions(total: int, parts: int) -> list[tuple[int, ...]]:
    """All ways to write `total` as a sum of `parts` whole numbers from 1."""
    cuts = combinations(range(1, total), parts - 1)
    return [tuple(b - a for a, b in zip((0, *cut), (*cut, total), strict=True)) for cut in cuts]


def lost_tokens(row: Row) -> set[int]:
    return {int(token) for token in row.targets if 0 <= token < 300}


@pytest.mark.parametrize(
    ("entry", "missing", "spans"),
    [({"mode": "R", "rate": 0.25, "mean_span": 2}, 3, 2), ({"mode": "X", "mean_span": 3}, 6, 2)],
)
def test_spans_lie_where_t5s_do(make: Make, entry: dict[str, Any], missing: int, spans: int) -> None:
    """T5 cuts the kept and the missing tokens into the same number of parts, each way as likely as any other."""
    text = document(12)
    text[-1] = 200
    expected = [
        (kept, lost) for kept in compositions(12 - missing, spans) for lost in compositions(missing, spans)
    ]  # fmt: skip
    found = Counter[Any]()
    for row in many(make(name="span", **entry), [text], 1500):
        lost = np.isin(text, sorted(lost_tokens(row)))
        edges = np.flatnonzero(np.diff(lost.astype(int), prepend=0, append=not lost[-1]))
        runs = np.diff([0, *edges.tolist()]).tolist()
        found[tuple(runs[::2]), tuple(runs[1::2])] += 1
    assert near(found, dict.fromkeys(expected, 1 / len(expected)))


@pytest.mark.parametrize("mode", ["R", "S", "X"])
def test_a_corrupted_row_is_what_a_plain_loop_writes(make: Make, mode: str) -> None:
    texts = [document(40, 1), document(30, 60), document(20, 100)]
    text = [t or 290 + i // 10 for i, t in enumerate(np.concatenate(texts).tolist())]
    for row in many(make(name="span", mode=mode), [np.array(text, np.uint32)], 20):
        lost, shown, answer, sentinel = lost_tokens(row), [SPECIALS.mode(mode)], [], -1
        for place, token in enumerate(text):
            if token not in lost:
                shown.append(token)
                continue
            if place == 0 or text[place - 1] not in lost:
                sentinel += 1
                shown.append(SPECIALS.sentinel(sentinel))
                answer.append(SPECIALS.sentinel(sentinel))
            answer.append(token)
        answer.append(SPECIALS.sentinel(sentinel + 1))
        assert row.tokens.tolist() == shown + answer[:-1]
        assert row.targets.tolist() == [IGNORED] * len(shown) + answer[1:]
        assert row.visible.tolist() == [True] * len(shown) + [False] * (len(answer) - 1)


def test_the_denoisers_lose_as_much_as_they_say(make: Make) -> None:
    text = document(200)
    text[-1] = 250
    for mode, share in (("R", 0.15), ("X", 0.5)):
        assert {len(lost_tokens(row)) for row in many(make(name="span", mode=mode), [text], 5)} == {200 * share}
    sizes = [len(lost_tokens(row)) for row in many(make(name="span", mode="S"), [text], 400)]
    assert np.mean(sizes) == pytest.approx(50, abs=5)
    assert min(sizes) < 5
    assert max(sizes) > 95


def test_more_spans_than_sentinels_are_refused(make: Make) -> None:
    assert make(name="span").capacity(4096) == 3723
    with pytest.raises(SettingsError, match="make mean_span greater or sequence_length smaller"):
        make(name="span", mode="X").capacity(4096)


# Prefix


def test_a_prefix_is_drawn_evenly_and_seen_by_its_document(make: Make) -> None:
    texts = [document(5), document(3, 20)]
    sizes = Counter[tuple[int, int]]()
    for row in many(make(name="prefix"), texts, 1500):
        assert row.tokens.tolist() == [0, 1, 2, 3, 4, 0, 20, 21]
        assert row.segments.tolist() == [1] * 5 + [2] * 3
        prefixes = int((row.targets[:5] == IGNORED).sum()), int((row.targets[5:] == IGNORED).sum())
        for first, text, prefix in zip((0, 5), texts, prefixes, strict=True):
            part = slice(first, first + len(text))
            assert row.targets[part].tolist() == [IGNORED] * prefix + text[prefix:].tolist()
            assert row.visible[part].tolist() == [place <= prefix for place in range(len(text))]
        sizes[prefixes] += 1
    assert near(sizes, {(a, b): 1 / 15 for a in range(5) for b in range(3)})


# Fill in the middle


def test_the_middle_goes_behind_in_both_orders(make: Make) -> None:
    """A row with the suffix first reads the same as one with an empty prefix, which is why the paper likes it."""
    text = document(6)
    p, s, m = SPECIALS.prefix, SPECIALS.suffix, SPECIALS.middle
    shares: Counter[tuple[int, ...]] = Counter({tuple(text.tolist()): 0.5})
    for first in range(6):
        for second in range(6):
            a, b = sorted((first, second))
            before, middle, after = text[:a].tolist(), text[a:b].tolist(), text[b:5].tolist()
            shares[p, *before, s, *after, m, *middle, 0] += 0.25 / 36
            shares[p, s, *after, m, *before, *middle, 0] += 0.25 / 36
    found = Counter[tuple[int, ...]]()
    for row in many(make(name="middle"), [text], 3000):
        assert row.tokens.tolist() == [0, *row.targets[:-1].tolist()]
        found[tuple(row.targets.tolist())] += 1
    assert near(found, shares)


def test_a_row_rearranges_no_more_documents_than_it_has_room_for(make: Make) -> None:
    texts = [document(20), document(60, 100), document(40, 200)]
    row = make(name="middle", rate=1.0).row(texts, 128, np.random.default_rng(0))
    assert len(row.tokens) == 123
    assert (row.targets == SPECIALS.middle).sum() == 1
    assert row.targets[:20].tolist() == texts[0].tolist()
    assert SPECIALS.prefix == row.targets[20]  # the longest stays


# Contrastive


def test_neighbours_are_the_document_cut_in_two(make: Make) -> None:
    texts = [document(9), document(5, 50), document(41, 100)]
    cuts = Counter[int]()
    for row in many(make(name="contrastive"), texts, 800):
        parts = [row.tokens[row.segments == k].tolist() for k in range(1, row.segments.max() + 1)]
        assert [parts[0] + parts[1], parts[2] + parts[3]] == [texts[0][:-1].tolist(), texts[2][:-1].tolist()]
        assert (row.targets == IGNORED).all()
        assert row.visible.all()
        cuts[len(parts[0])] += 1
    assert near(cuts, dict.fromkeys([2, 3, 4, 5, 6], 0.2))


def test_augmented_views_are_crops_less_a_tenth(make: Make) -> None:
    text = document(201)
    kept = crops = 0
    for row in many(make(name="contrastive", view="augmented"), [text], 300):
        for side in (1, 2):
            view = row.tokens[row.segments == side]
            assert (np.diff(view) > 0).all()
            assert 1 <= len(view) <= 100
            assert view[-1] - view[0] < 100
            kept, crops = kept + len(view), crops + int(view[-1] - view[0] + 1)
    assert kept / crops == pytest.approx(0.9, abs=0.01)
    short = make(name="contrastive").row([document(8)], 16, np.random.default_rng(0))
    assert len(short.tokens) == 0


# Configs


def parse(*entries: dict[str, Any]) -> list[ObjectiveConfig]:
    return TypeAdapter(list[ObjectiveConfig]).validate_python(entries)


def test_a_weight_follows_its_schedule() -> None:
    constant, falling = parse({"name": "causal", "weight": 2}, {"name": "span", "weight": {10: 1, 30: 0}})
    assert [constant.weight_at(step) for step in (0, 99)] == [2, 2]
    assert [falling.weight_at(step) for step in (0, 10, 15, 30, 99)] == [1, 1, 0.75, 0, 0]


def test_titles_tell_entries_apart() -> None:
    entries = parse({"name": "span"}, {"name": "span", "mode": "X"}, {"name": "span", "label": "long", "mean_span": 8})
    assert [entry.title for entry in entries] == ["span-r", "span-x", "long"]
    check_mixture(entries, 128)
    with pytest.raises(ValueError, match="two objectives are called 'causal'"):
        check_mixture(parse({"name": "causal"}, {"name": "causal", "documents": "separate"}), 128)
    with pytest.raises(ValueError, match=r"objective span-x: .* make mean_span greater or sequence_length smaller"):
        check_mixture(entries, 4096)
    with pytest.raises(ValueError, match="no objective has a weight above 0"):
        check_mixture(parse({"name": "causal", "weight": {0: 0, 10: 1}}), 128)
    with pytest.raises(ValueError, match="at step 1000 no objective"):
        check_mixture(parse({"name": "causal", "weight": {0: 1, 1000: 0}},
                            {"name": "masked", "weight": {1000: 0, 2000: 1}}), 128)  # fmt: skip


@pytest.mark.parametrize(
    "entry",
    [
        {"name": "causal", "weight": -1}, {"name": "causal", "weight": {}}, {"name": "causal", "rate": 0.1},
        {"name": "masked", "masked": 0.9, "random": 0.2}, {"name": "span", "mode": "S", "mean_span": 3},
        {"name": "causal", "weight": float("nan")}, {"name": "rewrite"}, {"name": "causal", "label": "a.b"},
    ],
    ids=str,
)  # fmt: skip
def test_an_entry_that_makes_no_sense_is_refused(entry: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        parse(entry)


def test_only_a_mixture_that_needs_special_tokens_has_them() -> None:
    plain = parse({"name": "causal"}, {"name": "prefix"}, {"name": "contrastive"})
    assert embedding_size(plain, 300) == 300
    assert embedding_size([*plain, *parse({"name": "masked"})], 300) == SPECIALS.total == 300 + 7 + 256


def test_a_model_in_parts_learns_what_its_parts_can() -> None:
    causal, span, pairs = ({"name": name} for name in ("causal", "span", "contrastive"))
    assert conflict(parse(causal, pairs), tensor=1, pipeline=1) is None
    assert conflict(parse(causal), tensor=2, pipeline=2) is None
    assert conflict(parse(causal, span), tensor=2, pipeline=1) is None
    assert "set pipeline to 1" in str(conflict(parse(causal, span), tensor=1, pipeline=2))
    assert "set pipeline to 1" in str(conflict(parse({**causal, "documents": "separate"}), tensor=1, pipeline=2))
    assert "set tensor to 1" in str(conflict(parse(causal, pairs), tensor=2, pipeline=1))
