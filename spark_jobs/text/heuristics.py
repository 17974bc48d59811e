"""The `heuristics` family in one compiled pass over Arrow buffers; definitions in gristmill/signals/heuristics.py."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numba import njit
from numpy.typing import NDArray

from gristmill.signals.heuristics import HEURISTICS
from spark_jobs.text.c4_view import TALLY, tally_c4
from spark_jobs.text.characters import (
    LETTERS,
    NEWLINES,
    RAW_WORDS,
    SCRIPT,
    UNSPACED_LETTERS,
    tally_characters,
)
from spark_jobs.text.characters import TALLY as CHARACTERS
from spark_jobs.text.classes import classes, lower
from spark_jobs.text.decode import decode
from spark_jobs.text.family import table_of
from spark_jobs.text.figures import (
    AT_DUP,
    AT_DUP_RPV2,
    AT_TOP,
    AT_TOP_RPV2,
    as_shares,
    frequent_words,
    of_c4,
    of_characters,
    of_lines,
    of_paragraphs,
    of_tokens,
    of_words,
    short_words,
)
from spark_jobs.text.grams import Room, covered_repeats, number_words, room, top_grams
from spark_jobs.text.kernel import inner
from spark_jobs.text.passages import paragraphs, visible_lines
from spark_jobs.text.runs import LENGTHS, tally_runs
from spark_jobs.text.scans import scanned_repeats
from spark_jobs.text.stoplists import StopTable, frequent_lists, short_lists, stop_tables
from spark_jobs.text.unicode import SCRIPTS, tables, utf8_buffers
from spark_jobs.text.words import Tokens, split_words


class Tables(NamedTuple):
    """What the kernels look up."""

    classes: NDArray[np.uint32]
    scripts: NDArray[np.uint8]
    lower: NDArray[np.int32]
    short: StopTable
    frequent: StopTable


def heuristics(doc_id: pa.Array, text: pa.Array, language: pa.Array) -> pa.Table:
    """The `heuristics` signals of n documents; `language` (ISO 639) selects the stop words."""
    offsets, data = utf8_buffers(text)
    rows = len(offsets) - 1
    figures = np.zeros((rows, len(HEURISTICS)))
    script = np.zeros(rows, np.int64)
    spaced = np.ones(rows, np.bool_)
    if rows:
        spoken = language.to_pylist()
        lists = np.array([_indices(spoken, list(names)) for names in (short_lists(), frequent_lists())], np.int64)
        look_up = Tables(classes(), tables()[1], lower(), *stop_tables())
        _measure(offsets, data, look_up, lists, figures, script, spaced)
    names = pa.array(SCRIPTS, pa.string()).take(pa.array(script))
    return table_of(doc_id, HEURISTICS, figures, {"script": names, "words_measurable": pa.array(spaced)})


def _indices(languages: list[str | None], known: list[str]) -> list[int]:
    place = {name: i for i, name in enumerate(known)}
    return [place.get(name or "", -1) for name in languages]


@njit(cache=True, nogil=True)
def _tokens(size: int) -> Tokens:
    return Tokens(
        np.empty(size, np.int32), np.empty(size, np.int32), np.empty(size, np.uint64), np.empty(size, np.uint8)
    )


@njit(cache=True, nogil=True)
def _measure(
    offsets: NDArray[np.int64], data: NDArray[np.uint8], look_up: Tables, lists: NDArray[np.int64],
    figures: NDArray[np.float64], script: NDArray[np.int64], spaced: NDArray[np.bool_],
) -> None:  # fmt: skip
    longest = 0
    for row in range(len(offsets) - 1):
        longest = max(longest, offsets[row + 1] - offsets[row])
    # Pages of these that no token reaches are never touched, so they cost no memory.
    points, line = np.empty(longest, np.int32), np.empty(longest, np.int32)
    tokens, spare = _tokens(longest), _tokens(longest)
    hashes, lengths = np.empty(longest, np.uint64), np.empty(longest, np.int32)
    joined = np.empty(longest + 1, np.uint64)
    characters, letters, ascii_counts = np.zeros(CHARACTERS, np.int64), np.zeros(16, np.int64), np.zeros(128, np.int32)
    runs = np.zeros(LENGTHS + 1, np.int32)
    passages = np.zeros(TALLY, np.int64)
    seen = np.zeros(len(look_up.short.keys), np.bool_)
    space = room(1024)
    for row in range(len(offsets) - 1):
        chars = decode(data, offsets[row], offsets[row + 1], points)
        count = split_words(points, 0, chars, look_up.classes, tokens)
        tally_characters(points, chars, look_up.classes, look_up.scripts, joined, characters, letters, ascii_counts)
        most = max(count, characters[NEWLINES] + 1)
        if most >= len(space.gram):
            space = room(2 * most)
        out = figures[row]
        out[0], out[1] = offsets[row + 1] - offsets[row], chars
        script[row] = characters[SCRIPT]
        spaced[row] = 2 * characters[UNSPACED_LETTERS] <= characters[LETTERS]
        words = tally_runs(points, look_up.classes, look_up.lower, tokens, count, hashes, lengths, characters, runs)
        raw = characters[RAW_WORDS] if spaced[row] else count
        of_characters(chars, characters, runs, spaced[row], raw, out)
        of_tokens(chars, tokens, count, characters, out)
        _passages(points, chars, count, words, look_up.classes, characters[NEWLINES], space, passages, out)
        tally_c4(points, chars, count, look_up.classes, tokens, count, space, line, spare, passages)
        of_c4(passages, out)
        _tokens_again(points, chars, tokens, count, joined, lists[:, row], look_up.short, seen, space, out)
        _words_again(chars, hashes, lengths, words, raw, lists[1, row], look_up.frequent, characters, space, out)


@inner
def _passages(
    points: NDArray[np.int32], chars: int, tokens: int, words: int, table: NDArray[np.uint32], newlines: int,
    space: Room, tally: NDArray[np.int64], out: NDArray[np.float64],
) -> None:  # fmt: skip
    """Paragraphs and lines of the raw text."""
    paragraphs(points, chars, newlines + 1, table, space, tally)
    of_paragraphs(chars, tally, out)
    visible_lines(points, chars, newlines + 1, table, space, tally)
    of_lines(points, chars, newlines, tokens, words, tally, out)


@inner
def _tokens_again(
    points: NDArray[np.int32], chars: int, tokens: Tokens, count: int, joined: NDArray[np.uint64],
    lists: NDArray[np.int64], short: StopTable, seen: NDArray[np.bool_], space: Room, out: NDArray[np.float64],
) -> None:  # fmt: skip
    """Stop words and repeated n-grams among the tokens."""
    number_words(tokens.hash, tokens.length, count, space)
    short_words(points, chars, tokens, count, lists[0], lists[1] < 0, short, seen, space, out)
    top_grams(count, space, bool(np.bool_(True)), out[AT_TOP:])
    scanned_repeats(joined, count, space, out[AT_DUP:])


@inner
def _words_again(
    chars: int, hashes: NDArray[np.uint64], lengths: NDArray[np.int32], words: int, raw: int, frequent_list: int,
    frequent: StopTable, characters: NDArray[np.int64], space: Room, out: NDArray[np.float64],
) -> None:  # fmt: skip
    """Frequent, distinct and repeated ones among the normalised words; shares of all that is repeated."""
    number_words(hashes, lengths, words, space)
    frequent_words(hashes, words, frequent_list, frequent, raw, space, out)
    of_words(characters, hashes, words, space, out)
    repeated = top_grams(words, space, bool(np.bool_(False)), out[AT_TOP_RPV2:])
    covered_repeats(repeated, space, out[AT_DUP_RPV2:])
    as_shares(chars, space.until[words], out)
