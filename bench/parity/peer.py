"""Runs in the peer's environment: datatrove's own filters on real and edited texts, one rule at a time.

A rule fires when the filter, with all its other thresholds off, removes the text. A text is near a rule's threshold
when moving that by 5 percent (small counts: by one) changes the answer; for a rule without a number the near texts are
those of its own edit. Needs nothing but the standard library and datatrove.

    python -m bench.parity.peer BASES.json GOLDEN.json
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import sys
from collections import Counter
from collections.abc import Callable
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from datatrove.data import Document
from datatrove.pipeline.filters import (
    C4QualityFilter,
    FineWebQualityFilter,
    GopherQualityFilter,
    GopherRepetitionFilter,
    c4_filters,
    fineweb_quality_filter,
    gopher_quality_filter,
    gopher_repetition_filter,
)

from bench.parity.edits import edit

FIRING, PASSING, TRIES = 206, 102, 640
"""Edited texts per rule that are wanted just beyond and just within the threshold, and seeds tried for them."""

LONG = "gopher_long_doc"
LONG_TEXTS = 212

QUALITY: dict[str, tuple[str, float]] = {
    "gopher_short_doc": ("min_doc_words", 50),
    "gopher_long_doc": ("max_doc_words", 100_000),
    "gopher_below_avg_threshold": ("min_avg_word_length", 3),
    "gopher_above_avg_threshold": ("max_avg_word_length", 10),
    "gopher_too_many_bullets": ("max_bullet_lines_ratio", 0.9),
    "gopher_too_many_end_ellipsis": ("max_ellipsis_lines_ratio", 0.3),
    "gopher_below_alpha_threshold": ("max_non_alpha_words_ratio", 0.8),
    "gopher_enough_stop_words": ("min_stop_words", 2),
}
SYMBOLS: dict[str, tuple[str, ...]] = {"gopher_too_many_hashes": ("#",), "gopher_too_many_ellipsis": ("...", "…")}
"""Two rules with one threshold in the filter, so that the second cannot be run alone."""

FRACTIONS = {"dup_para_frac": 0.3, "dup_para_char_frac": 0.2, "dup_line_frac": 0.3, "dup_line_char_frac": 0.2}
TOP = {2: 0.2, 3: 0.18, 4: 0.16}
DUPLICATED = {5: 0.15, 6: 0.14, 7: 0.13, 8: 0.12, 9: 0.11, 10: 0.10}
FINEWEB: dict[str, tuple[str, float]] = {
    "line_punct_ratio": ("line_punct_thr", 0.12),
    "short_line_ratio": ("short_line_thr", 0.67),
    "char_dup_ratio": ("char_duplicates_ratio", 0.01),
    "list_ratio": ("new_line_ratio", 0.3),
}
LINE_RULES = ("too_long_word", "too_few_words", "javascript", "policy")
COUNTS = {"gopher_enough_stop_words": 1.0, "too_few_sentences": 1.0}
"""Rules whose threshold is a small count, with its step."""

UNNUMBERED = ("lorem_ipsum", "curly_bracket", "too_few_words", "javascript", "policy", "citation")
FINEWEB_OFF = {"line_punct_thr": 0.0, "short_line_thr": 9.0, "char_duplicates_ratio": 9e9, "new_line_ratio": 9e9}
PAGE_OFF = {"filter_no_terminal_punct": False, "filter_lorem_ipsum": False, "filter_curly_bracket": False}

Fires = Callable[[str, float], bool]


class CountingC4(C4QualityFilter):  # type: ignore[misc]
    """Keeps the counters of the last text."""

    def filter(self, doc: Document) -> Any:
        self.counted: Counter[str] = Counter()
        return super().filter(doc)

    def stat_update(self, *labels: str, value: int = 1, unit: str = "doc") -> None:
        self.counted.update(labels)

    def lines(self, text: str) -> tuple[str, Counter[str]]:
        """(edited text, counters)"""
        document = Document(text=text, id="")
        self.filter(document)
        return document.text, self.counted


def memoise() -> None:
    """Cut each text into words and n-grams once, although a hundred filters read it."""
    repetition: Any = gopher_repetition_filter
    split, cut, grams = gopher_quality_filter.split_into_words, c4_filters.split_into_sentences, repetition.get_n_grams
    words = lru_cache(maxsize=8)(lambda text, language: tuple(split(text, language)))
    for module in (gopher_quality_filter, repetition, fineweb_quality_filter):
        module.split_into_words = words
    repetition.get_n_grams = lru_cache(maxsize=16)(lambda words, n: tuple(grams(words, n)))
    repetition.find_top_duplicate = lru_cache(maxsize=16)(repetition.find_top_duplicate)
    repetition.find_all_duplicate = lru_cache(maxsize=16)(repetition.find_all_duplicate)
    c4_filters.split_into_sentences = lru_cache(maxsize=4096)(lambda text, language: tuple(cut(text, language)))


def reason(judge: Any, text: str) -> str:
    """Why a filter removes a text; "" if it does not. A text without a word, on which some divide by 0, passes."""
    try:
        result = judge.filter(Document(text=text, id=""))
    except ZeroDivisionError:
        return ""
    return result[1] if isinstance(result, tuple) else ""


@lru_cache(maxsize=512)
def _fineweb(option: str, threshold: float) -> FineWebQualityFilter:
    return FineWebQualityFilter(**{**FINEWEB_OFF, option: threshold})


@lru_cache(maxsize=512)
def _quality(option: str, threshold: float) -> GopherQualityFilter:
    return GopherQualityFilter(**{**{name: None for name, _ in QUALITY.values()}, "max_symbol_word_ratio": None,
                                  option: threshold})  # fmt: skip


@lru_cache(maxsize=512)
def _repetition(rule: str, threshold: float) -> GopherRepetitionFilter:
    options: dict[str, Any] = {**dict.fromkeys(FRACTIONS), "top_n_grams": (), "dup_n_grams": ()}
    if rule in FRACTIONS:
        options[rule] = threshold
    else:
        kind, n = ("top_n_grams", rule.split("_")[1]) if rule.startswith("top") else ("dup_n_grams", rule.split("_")[1])
        options[kind] = ((int(n), threshold),)
    return GopherRepetitionFilter(**options)


@lru_cache(maxsize=512)
def _c4(**options: Any) -> CountingC4:
    return CountingC4(**{**PAGE_OFF, "min_num_sentences": -1, **options})


def _symbols(rule: str) -> Fires:
    def fires(text: str, threshold: float) -> bool:
        words = gopher_quality_filter.split_into_words(text, "eng")
        return bool(words) and sum(map(text.count, SYMBOLS[rule])) / len(words) > threshold

    return fires


def _quality_rule(option: str) -> Fires:
    return lambda text, threshold: bool(reason(_quality(option, threshold), text))


def _repetition_rule(rule: str) -> Fires:
    return lambda text, threshold: reason(_repetition(rule, threshold), text) == rule


def _fineweb_rule(rule: str, option: str) -> Fires:
    return lambda text, threshold: reason(_fineweb(option, threshold), text) == rule


def _after_c4(run: Fires) -> Fires:
    return lambda text, threshold: run(_c4().lines(text)[0], threshold)


def _line_rule(rule: str) -> Fires:
    return lambda text, threshold: _c4().lines(text)[1][f"line-filter-{rule}"] > 0


def _rules() -> dict[str, tuple[Fires, float]]:
    """rule -> (fires(text, threshold), the filter's own threshold)"""
    rules: dict[str, tuple[Fires, float]] = {}
    for rule, (option, own) in QUALITY.items():
        rules[rule] = (_quality_rule(option), own)
    for rule in SYMBOLS:
        rules[rule] = (_symbols(rule), 0.1)
    repetition = {**FRACTIONS, **{f"top_{n}_gram": at for n, at in TOP.items()},
                  **{f"duplicated_{n}_n_grams": at for n, at in DUPLICATED.items()}}  # fmt: skip
    for rule, own in repetition.items():
        rules[rule] = (_repetition_rule(rule), own)
    rules["lorem_ipsum"] = (lambda text, at: bool(reason(_c4(filter_lorem_ipsum=True), text)), 0)
    rules["curly_bracket"] = (lambda text, at: bool(reason(_c4(filter_curly_bracket=True), text)), 0)
    rules["too_few_sentences"] = (lambda text, at: bool(reason(_c4(min_num_sentences=at), text)), 5)
    rules["too_long_word"] = (
        lambda text, at: _c4(max_word_length=at).lines(text)[1]["line-filter-too_long_word"] > 0, 1000
    )  # fmt: skip
    for rule in LINE_RULES[1:]:
        rules[rule] = (_line_rule(rule), 0)
    kept = _c4(remove_citations=False)
    rules["citation"] = (lambda text, at: _c4().lines(text)[0] != kept.lines(text)[0], 0)
    for rule, (option, own) in FINEWEB.items():
        run = _fineweb_rule(rule, option)
        rules[f"raw:{rule}"], rules[f"c4:{rule}"] = (run, own), (_after_c4(run), own)
    return rules


RULES = _rules()


def fires(rule: str, text: str) -> bool:
    """Whether a rule, alone, removes a text."""
    run, own = RULES[rule]
    return run(text, own)


def near(rule: str, text: str) -> bool:
    """Whether a slightly moved threshold changes the answer."""
    run, own = RULES[rule]
    step = COUNTS.get(rule, 0.05 * own)
    return run(text, own - step) != run(text, own + step)


@lru_cache(maxsize=1)
def _recipe() -> dict[str, Any]:
    return {"gopher_repetition": GopherRepetitionFilter(), "gopher_quality": GopherQualityFilter(),
            "c4": CountingC4(filter_no_terminal_punct=False), "fineweb": FineWebQualityFilter()}  # fmt: skip


def measure(text: str, aim: str) -> dict[str, Any]:
    """All that is compared of one text."""
    if aim == LONG:
        return {"fired": [LONG] * fires(LONG, text), "near": [LONG] * near(LONG, text)}
    edited, counted = _c4().lines(text)
    recipe = _recipe()
    return {
        "fired": [rule for rule in RULES if fires(rule, text)],
        "near": [rule for rule in RULES if rule not in UNNUMBERED and near(rule, text)]
        + ([aim] if aim in UNNUMBERED else []),
        "reasons": {**{name: reason(judge, text) for name, judge in recipe.items()},
                    "fineweb_c4": reason(recipe["fineweb"], edited)},
        "dropped": [counted[f"line-filter-{rule}"] for rule in LINE_RULES],
        "edited": digest(edited),
    }  # fmt: skip


def digest(text: str) -> str:
    """The first 8 bytes of a text's sha256, in hex."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def crossing(rule: str, text: str, seed: int) -> int | None:
    """The smallest amount found whose text fires unlike that of the amount before it; None: no amount does."""
    first = fires(rule, edit(text, rule, seed, 0))
    low, high = 0, 1
    while fires(rule, edit(text, rule, seed, high)) == first:
        low, high = high, high * 2
        if high > 8192:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        if fires(rule, edit(text, rule, seed, middle)) == first:
            low = middle
        else:
            high = middle
    return high


def aimed(job: tuple[str, list[str]]) -> list[dict[str, Any]]:
    """Edited texts on both sides of one rule's threshold."""
    rule, bases = job
    wanted = {True: FIRING, False: PASSING}
    found: list[dict[str, Any]] = []
    for seed in range(TRIES):
        base = seed % len(bases)
        amount = crossing(rule, bases[base], seed) if any(wanted.values()) else None
        # A third at the very edge, the others up to 4 percent from it.
        away = round((amount or 0) * 0.02 * (seed % 3))
        for each in (amount + away, max(0, amount - 1 - away)) if amount else ():
            text = edit(bases[base], rule, seed, each)
            side = fires(rule, text)
            if wanted[side] and (rule in UNNUMBERED or near(rule, text)):
                wanted[side] -= 1
                found.append(_row(base, rule, seed, each, text))
    return found


def long_texts(bases: list[str]) -> list[dict[str, Any]]:
    """Texts around the greatest number of words."""
    found = []
    for seed in range(LONG_TEXTS + LONG_TEXTS // 5):
        base = seed % len(bases)
        sample = edit(bases[base], LONG, seed, 2000)
        words = gopher_quality_filter.split_into_words(sample, "eng")
        plain = sum(any(char not in gopher_quality_filter.PUNCTUATION_SET for char in word) for word in words)
        amount = round(100_000 * 2000 / plain * (1.002 + 0.0002 * (seed % 200) - (0.04 if seed >= LONG_TEXTS else 0)))
        found.append(_row(base, LONG, seed, amount, edit(bases[base], LONG, seed, amount)))
    return found


def _row(base: int, aim: str, seed: int, amount: int, text: str) -> dict[str, Any]:
    return {"base": base, "aim": aim, "seed": seed, "amount": amount, "text": digest(text), **measure(text, aim)}


def natural(item: tuple[int, str]) -> list[dict[str, Any]]:
    """One text as it is."""
    return [_row(item[0], "", 0, 0, item[1])]


def main(source: str, target: str) -> None:
    """BASES.json holds `texts` (measured as they are) and `pieces` (what the edits start from)."""
    given = json.loads(Path(source).read_text())
    pieces: list[str] = given["pieces"]
    with multiprocessing.Pool(2, memoise) as pool:
        rows = pool.map_async(natural, list(enumerate(given["texts"])), 8)
        edited = pool.map_async(aimed, [(rule, pieces) for rule in RULES if rule != LONG], 1)
        long = pool.apply_async(long_texts, (pieces,))
        found = [row for part in (*rows.get(), *edited.get(), long.get()) for row in part]
    versions = {name: version(name) for name in ("datatrove", "spacy")}
    Path(target).write_text(json.dumps({"versions": versions, "rules": list(RULES), "rows": found}))


if __name__ == "__main__":
    main(*sys.argv[1:3])
