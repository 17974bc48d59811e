"""Our signals and thresholds against what the peer's filters said: per rule, per document, per edited line.

Usage:

    python -m bench.parity.agreement data/crawl/embedded tests/parity/embedded.parquet --examples 3
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from bench.parity.texts import Golden, remake
from gristmill.process import run_main, say
from spark_jobs.text.heuristics import heuristics
from spark_jobs.text.lines import apply_line_mask, lines

Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Bound:
    """Our form of a rule: it fires below `low`, above `high`, or where a flag is set (`low` and `high` None)."""

    signal: str
    low: float | None = None
    high: float | None = None


def _fineweb(suffix: str) -> dict[str, Bound]:
    return {
        "line_punct_ratio": Bound(f"end_mark_line_share_fineweb{suffix}", low=0.12),
        "short_line_ratio": Bound(f"short_line_share_fineweb{suffix}", high=0.67),
        "char_dup_ratio": Bound(f"dup_line_char_share_fineweb{suffix}", high=0.01),
        "list_ratio": Bound(f"newlines_per_token_fineweb{suffix}", high=0.3),
    }


REPETITION: dict[str, Bound] = {
    "dup_para_frac": Bound("dup_paragraph_share_datatrove", high=0.3),
    "dup_para_char_frac": Bound("dup_paragraph_char_share_datatrove", high=0.2),
    "dup_line_frac": Bound("dup_line_share_datatrove", high=0.3),
    "dup_line_char_frac": Bound("dup_line_char_share_datatrove", high=0.2),
    **{f"top_{n}_gram": Bound(f"top_{n}gram_char_share_datatrove", high=at)
       for n, at in ((2, 0.2), (3, 0.18), (4, 0.16))},
    **{f"duplicated_{n}_n_grams": Bound(f"dup_{n}gram_char_share_datatrove", high=(20 - n) / 100)
       for n in range(5, 11)},
}  # fmt: skip
QUALITY: dict[str, Bound] = {
    "gopher_short_doc": Bound("words", low=50),
    "gopher_long_doc": Bound("words", high=100_000),
    "gopher_below_avg_threshold": Bound("mean_word_chars", low=3),
    "gopher_above_avg_threshold": Bound("mean_word_chars", high=10),
    "gopher_too_many_hashes": Bound("hashes_per_token_datatrove", high=0.1),
    "gopher_too_many_ellipsis": Bound("ellipses_per_token_datatrove", high=0.1),
    "gopher_too_many_bullets": Bound("bullet_line_share_datatrove", high=0.9),
    "gopher_too_many_end_ellipsis": Bound("ellipsis_line_share_datatrove", high=0.3),
    "gopher_below_alpha_threshold": Bound("alpha_token_share_datatrove", low=0.8),
    "gopher_enough_stop_words": Bound("stop_words_distinct", low=2),
}
C4: dict[str, Bound] = {
    "lorem_ipsum": Bound("c4_datatrove_lorem_ipsum"),
    "curly_bracket": Bound("c4_datatrove_curly_bracket"),
    "too_few_sentences": Bound("sentences_c4_datatrove", low=5),
}
LINES: dict[str, Bound] = {
    "too_long_word": Bound("c4_datatrove_long_word_lines", high=0),
    "too_few_words": Bound("c4_datatrove_few_word_lines", high=0),
    "javascript": Bound("c4_datatrove_javascript_lines", high=0),
    "policy": Bound("c4_datatrove_policy_lines", high=0),
    "citation": Bound("citations", high=0),
}
"""These edit; here one fires on a text in which it drops a line (or a marker)."""

FILTERS: dict[str, dict[str, Bound]] = {
    "gopher_repetition": REPETITION, "gopher_quality": QUALITY, "c4": C4, "fineweb": _fineweb(""),
    "fineweb_c4": _fineweb("_c4"),
}  # fmt: skip
"""Filter -> its rules, in the order in which it asks them."""

RECIPE = ("gopher_repetition", "gopher_quality", "c4", "fineweb_c4")
"""FineWeb's own order."""

RULES: dict[str, Bound] = {
    **REPETITION, **QUALITY, **C4, **LINES,
    **{f"raw:{rule}": bound for rule, bound in FILTERS["fineweb"].items()},
    **{f"c4:{rule}": bound for rule, bound in FILTERS["fineweb_c4"].items()},
}  # fmt: skip


@dataclass(frozen=True)
class Score:
    """How well we fire where the peer fires; `f1_near` looks at the texts close to the threshold alone."""

    rule: str
    fired: int
    near: int
    both: int
    ours_only: int
    peer_only: int
    f1: float
    f1_near: float


@dataclass(frozen=True)
class Agreement:
    """`decisions`: share of the crawl's own texts that both keep or both remove, by filter and for the recipe;
    `edited`: share of all texts that C4's line rules leave equal; `differ`: (row, rule) of each disagreement."""

    scores: list[Score]
    decisions: dict[str, float]
    edited: float
    differ: list[tuple[int, str]]


def measure(texts: Sequence[str]) -> pa.Table:
    """The signals of the texts, as English."""
    doc_id, text = pa.array(range(len(texts)), pa.int64()), pa.array(texts, pa.string())
    spoken = pa.array(["en"] * len(texts), pa.string())
    found = heuristics(doc_id, text, spoken)
    for name, column in zip((other := lines(doc_id, text, spoken)).column_names, other.columns, strict=True):
        found = found if name == "doc_id" else found.append_column(name, column)
    edited = apply_line_mask(text, other.column("c4_datatrove").combine_chunks(), True)
    hashes = [hashlib.sha256(each.encode()).digest()[:8] for each in edited.to_pylist()]
    return found.append_column("edited", pa.array(hashes, pa.binary(8)))


def fires(bound: Bound, signals: pa.Table) -> Bools:
    """Where our form of a rule fires; a null never does. Thresholds are compared in the signal's own type."""
    column = signals.column(bound.signal)
    present: Bools = ~column.is_null().to_numpy()
    values = column.fill_null(False if pa.types.is_boolean(column.type) else 0).to_numpy()
    fired: Bools = values.astype(bool)
    if bound.low is not None:
        fired = values < values.dtype.type(bound.low)
    elif bound.high is not None:
        fired = values > values.dtype.type(bound.high)
    return present & fired


def agreement(golden: Golden, rows: pa.Table, signals: pa.Table) -> Agreement:
    """Compare row by row; texts of the longest kind speak on their own rule only."""
    aims = np.array([aim or "" for aim in rows.column("aim").to_pylist()])
    long = aims == "gopher_long_doc"
    fired, near = (rows.column(name).to_numpy() for name in ("fired", "near"))
    scores, differ = [], []
    for bit, rule in enumerate(golden.rules):
        asked = (aims == rule) | ~long
        peer, close = (fired >> bit & 1).astype(bool) & asked, (near >> bit & 1).astype(bool) & asked
        ours = fires(RULES[rule], signals) & asked
        scores.append(_score(rule, peer, ours, close))
        differ += [(int(row), rule) for row in np.flatnonzero(peer != ours)]
    equal = np.array(rows.column("edited").to_pylist()) == np.array(signals.column("edited").to_pylist())
    return Agreement(scores, _decisions(rows, signals, aims == ""), round(float(equal[~long].mean()), 6), differ)


def _score(rule: str, peer: Bools, ours: Bools, close: Bools) -> Score:
    both, ours_only, peer_only = (int(x.sum()) for x in (peer & ours, ours & ~peer, peer & ~ours))
    f1, f1_near = (_f1(peer[where], ours[where]) for where in (slice(None), close))
    return Score(rule, int(peer.sum()), int(close.sum()), both, ours_only, peer_only, f1, f1_near)


def _f1(peer: Bools, ours: Bools) -> float:
    total = int(peer.sum() + ours.sum())
    return round(2 * int((peer & ours).sum()) / total, 6) if total else 1.0


def removes(name: str, signals: pa.Table) -> Bools:
    """Which texts a filter removes, by our signals."""
    removed: Bools = np.logical_or.reduce([fires(bound, signals) for bound in FILTERS[name].values()])
    return removed


def recipe_removes(signals: pa.Table) -> Bools:
    """Which texts FineWeb's recipe removes, by our signals."""
    removed: Bools = np.logical_or.reduce([removes(name, signals) for name in RECIPE])
    return removed


def _decisions(rows: pa.Table, signals: pa.Table, whole: Bools) -> dict[str, float]:
    ours = {name: removes(name, signals) for name in FILTERS} | {"recipe": recipe_removes(signals)}
    peer = {name: np.array([reason != "" for reason in rows.column(name).to_pylist()]) for name in FILTERS}
    peer["recipe"] = np.logical_or.reduce([peer[name] for name in RECIPE])
    return {name: round(float((ours[name] == peer[name])[whole].mean()), 6) for name in ours}


def compare(golden_file: Path, crawl: Path, long: bool) -> tuple[Golden, list[str], pa.Table, Agreement]:
    """Read, remake, measure, compare; `long`: also the texts of 100,000 words."""
    golden = Golden.read(golden_file)
    rows = golden.rows if long else golden.rows.filter(pa.compute.invert(golden.long))
    texts = remake(golden, rows, crawl)
    return golden, texts, rows, agreement(golden, rows, measure(texts))


def main(argv: list[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("crawl", type=Path, help="folder with the WARC files that the golden file was made of")
    parser.add_argument("golden", type=Path)
    parser.add_argument("--examples", type=int, default=0, help="disagreements to show per rule")
    parser.add_argument("--long", action="store_true", help="also the texts around 100,000 words")
    parser.add_argument("--json", type=Path, help="write the scores to this file")
    args = parser.parse_args(argv)
    _, texts, rows, found = compare(args.golden, args.crawl, args.long)
    for score in found.scores:
        say(f"{score.rule:30} fired {score.fired:5} near {score.near:5} ours only {score.ours_only:4} "
            f"peer only {score.peer_only:4} F1 {score.f1:.4f} near {score.f1_near:.4f}")  # fmt: skip
        if args.examples:
            _show([row for row, rule in found.differ if rule == score.rule][: args.examples], texts, rows)
    say(f"decisions {found.decisions}\nedited texts equal {found.edited}")
    if args.json:
        args.json.write_text(json.dumps({**asdict(found), "differ": len(found.differ)}, indent=1))


def _show(which: Sequence[int], texts: Sequence[str], rows: pa.Table) -> None:
    for row in which:
        made = {name: rows.column(name)[row].as_py() for name in ("base", "aim", "seed", "amount")}
        say(f"    row {row} {made} {texts[row][:100]!r}")


if __name__ == "__main__":
    run_main(main)
