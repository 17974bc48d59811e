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
    LINE_ENDS,
    NEWLINES,
    NORMALISED,
    RAW_WORDS,
    RUNS,
    TOKENS,
    UNSPACED_LETTERS,
    Characters,
)
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
from spark_jobs.text.run_memo import Memo, memo
from spark_jobs.text.scans import scanned_repeats
from spark_jobs.text.stoplists import StopTable, frequent_lists, short_lists, stop_tables
from spark_jobs.text.unicode import SCRIPTS, tables, utf8_buffers
from spark_jobs.text.walk import Found, copy_bytes, counts, found, room_for_bytes, walk
from spark_jobs.text.words import Tokens, tokens_for


class Tables(NamedTuple):
    """What the kernels look up."""

    characters: Characters
    short: StopTable
    frequent: StopTable


def heuristics(doc_id: pa.Array, text: pa.Array, language: pa.Array, known: Memo | None = None) -> pa.Table:
    """The `heuristics` signals of n documents; `language` (ISO 639) selects the stop words.

    `known`: an empty memory of runs, for another size than the usual one; no signal depends on it.
    """
    offsets, data = utf8_buffers(text)
    rows = len(offsets) - 1
    figures = np.zeros((rows, len(HEURISTICS)))
    script = np.zeros(rows, np.int64)
    spaced = np.ones(rows, np.bool_)
    if rows:
        spoken = language.to_pylist()
        lists = np.array([_indices(spoken, list(names)) for names in (short_lists(), frequent_lists())], np.int64)
        look_up = Tables(Characters(classes(), tables()[1], lower()), *stop_tables())
        _measure(offsets, data, look_up, lists, known or memo(), figures, script, spaced)
    names = pa.array(SCRIPTS, pa.string()).take(pa.array(script))
    return table_of(doc_id, HEURISTICS, figures, {"script": names, "words_measurable": pa.array(spaced)})


def _indices(languages: list[str | None], known: list[str]) -> list[int]:
    place = {name: i for i, name in enumerate(known)}
    return [place.get(name or "", -1) for name in languages]


@njit(cache=True, nogil=True)
def _measure(
    offsets: NDArray[np.int64], data: NDArray[np.uint8], look_up: Tables, lists: NDArray[np.int64], known: Memo,
    figures: NDArray[np.float64], script: NDArray[np.int64], spaced: NDArray[np.bool_],
) -> None:  # fmt: skip
    longest = 0
    for row in range(len(offsets) - 1):
        longest = max(longest, offsets[row + 1] - offsets[row])
    points, line = np.empty(longest, np.int32), np.empty(longest, np.int32)
    text, spare, counted = found(longest), tokens_for(longest), counts()
    raw_text, visible = room_for_bytes(longest), room_for_bytes(longest)
    passages = np.zeros(TALLY, np.int64)
    seen = np.zeros(len(look_up.short.keys), np.bool_)
    space = room(1024)
    for row in range(len(offsets) - 1):
        chars = decode(data, offsets[row], offsets[row + 1], points)
        copy_bytes(data, offsets[row], offsets[row + 1], raw_text)
        walk(raw_text, points, chars, look_up.characters, known, text, visible, counted)
        tally = counted.tally
        most = max(tally[TOKENS], max(tally[NEWLINES], tally[LINE_ENDS]) + 1)
        if most >= len(space.gram):
            space = room(2 * most)
        out = figures[row]
        out[0], out[1] = offsets[row + 1] - offsets[row], chars
        spaced[row] = 2 * tally[UNSPACED_LETTERS] <= tally[LETTERS]
        raw = tally[RAW_WORDS] if spaced[row] else tally[TOKENS]
        script[row] = of_characters(chars, tally, counted.runs, counted.letters_of, spaced[row], raw, out)
        of_tokens(text.tokens, tally, out)
        _passages(points, chars, text, tally, look_up.characters.classes, space, line, spare, passages, out)
        _tokens_again(
            points, chars, text.tokens, tally[TOKENS], visible, lists[:, row], look_up.short, seen, space, out
        )
        _words_again(chars, text.words, text.lengths, raw, lists[1, row], look_up.frequent, tally, space, out)


@inner
def _passages(
    points: NDArray[np.int32], chars: int, text: Found, counted: NDArray[np.int64], table: NDArray[np.uint32],
    space: Room, line: NDArray[np.int32], spare: Tokens, tally: NDArray[np.int64], out: NDArray[np.float64],
) -> None:  # fmt: skip
    """Paragraphs and lines of the raw text, and of the text after C4's rules."""
    newlines = counted[NEWLINES]
    paragraphs(points, counted[RUNS], text.runs, text.hashes, newlines + 1, space, tally)
    of_paragraphs(chars, tally, out)
    visible_lines(points, chars, counted[RUNS], text.runs, text.hashes, newlines + 1, table, space, tally)
    of_lines(points, chars, newlines, counted[TOKENS], counted[NORMALISED], tally, out)
    tally_c4(points, chars, text, counted, table, space, line, spare, tally)
    of_c4(tally, out)


@inner
def _tokens_again(
    points: NDArray[np.int32], chars: int, tokens: Tokens, count: int, windows: NDArray[np.uint8],
    lists: NDArray[np.int64], short: StopTable, seen: NDArray[np.bool_], space: Room, out: NDArray[np.float64],
) -> None:  # fmt: skip
    """Stop words and repeated n-grams among the tokens."""
    different = number_words(tokens.hash, tokens.length, count, space)
    short_words(points, chars, tokens, different, lists[0], lists[1] < 0, short, seen, space, out)
    top_grams(count, space, bool(np.bool_(True)), out[AT_TOP:])
    scanned_repeats(tokens.hash, count, windows, space, out[AT_DUP:])


@inner
def _words_again(
    chars: int, hashes: NDArray[np.uint64], lengths: NDArray[np.int32], raw: int, frequent_list: int,
    frequent: StopTable, tally: NDArray[np.int64], space: Room, out: NDArray[np.float64],
) -> None:  # fmt: skip
    """Frequent, distinct and repeated ones among the normalised words; shares of all that is repeated."""
    words = tally[NORMALISED]
    different = number_words(hashes, lengths, words, space)
    frequent_words(hashes, different, frequent_list, frequent, raw, space, out)
    of_words(tally, hashes, words, different, space, out)
    repeated = top_grams(words, space, bool(np.bool_(False)), out[AT_TOP_RPV2:])
    covered_repeats(repeated, space, out[AT_DUP_RPV2:])
    as_shares(chars, space.until[words], out)
