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
    RUN_LENGTHS,
    SCRIPT,
    UNSPACED_LETTERS,
    normalised_words,
    tally_characters,
    tally_raw_words,
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
    of_c4,
    of_characters,
    of_lines,
    of_paragraphs,
    of_tokens,
    of_words,
    stop_words,
)
from spark_jobs.text.grams import Room, covered_repeats, room, scanned_repeats, top_grams
from spark_jobs.text.passages import paragraphs, visible_lines
from spark_jobs.text.stoplists import StopTable, frequent_lists, short_lists, stop_tables
from spark_jobs.text.unicode import SCRIPTS, tables, utf8_buffers
from spark_jobs.text.word_rules import rules
from spark_jobs.text.words import Tokens, split_words


class Tables(NamedTuple):
    """What the kernels look up."""

    classes: NDArray[np.uint32]
    scripts: NDArray[np.uint8]
    lower: NDArray[np.int32]
    keys: NDArray[np.uint64]
    cuts: NDArray[np.uint32]
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
        look_up = Tables(classes(), tables()[1], lower(), *rules(), *stop_tables())
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
    characters = np.zeros(CHARACTERS, np.int64)
    letters = np.zeros(16, np.int64)
    runs = np.zeros(RUN_LENGTHS + 1, np.int32)
    passages = np.zeros(TALLY, np.int64)
    seen = np.zeros(len(look_up.short.keys), np.bool_)
    space = room(1024)
    for row in range(len(offsets) - 1):
        chars = decode(data, offsets[row], offsets[row + 1], points)
        count = split_words(points, 0, chars, look_up.classes, look_up.keys, look_up.cuts, tokens)
        tally_characters(points, chars, look_up.classes, look_up.scripts, characters, letters)
        most = max(count, characters[NEWLINES] + 1)
        if most >= len(space.gram):
            space = room(2 * most)
        out = figures[row]
        out[0], out[1] = offsets[row + 1] - offsets[row], chars
        script[row] = characters[SCRIPT]
        spaced[row] = 2 * characters[UNSPACED_LETTERS] <= characters[LETTERS]
        _document(points, chars, tokens, count, look_up, lists[:, row], spaced[row], space, characters, runs, passages,
                  hashes, lengths, line, spare, seen, out)  # fmt: skip


@njit(cache=True, nogil=True)
def _document(
    points: NDArray[np.int32], chars: int, tokens: Tokens, count: int, look_up: Tables, lists: NDArray[np.int64],
    spaced: bool, space: Room, characters: NDArray[np.int64], runs: NDArray[np.int32], passages: NDArray[np.int64],
    hashes: NDArray[np.uint64], lengths: NDArray[np.int32], line: NDArray[np.int32], spare: Tokens,
    seen: NDArray[np.bool_], out: NDArray[np.float64],
) -> None:  # fmt: skip
    tally_raw_words(points, chars, look_up.classes, characters)
    words = normalised_words(
        points, chars, look_up.classes, look_up.lower, tokens, count, hashes, lengths, characters, runs
    )
    raw = characters[RAW_WORDS] if spaced else count
    of_characters(chars, characters, runs, spaced, raw, out)
    of_tokens(chars, tokens, count, characters, out)
    stop_words(points, chars, tokens, count, hashes, words, lists[0], lists[1], look_up.short, look_up.frequent, spaced,
               raw, seen, out)  # fmt: skip
    lines_at_most = characters[NEWLINES] + 1
    paragraphs(points, chars, lines_at_most, look_up.classes, space, passages)
    of_paragraphs(chars, passages, out)
    visible_lines(points, chars, lines_at_most, look_up.classes, space, passages)
    of_lines(points, chars, characters[NEWLINES], count, words, passages, out)
    tally_c4(points, chars, count, look_up.classes, look_up.keys, look_up.cuts, tokens, count, space, line, spare,
             passages)  # fmt: skip
    of_c4(passages, out)
    top_grams(tokens.hash, tokens.length, count, space, True, out[AT_TOP:])
    scanned_repeats(tokens.hash, tokens.length, count, space, 5, 10, out[AT_DUP:])
    if top_grams(hashes, lengths, words, space, False, out[AT_TOP_RPV2:]):
        covered_repeats(hashes, lengths, words, space, out[AT_DUP_RPV2:])
    of_words(chars, characters, hashes, lengths, words, space, out)
