"""The heuristic signals of Gopher (Rae et al. 2021), C4 and FineWeb in one compiled pass over Arrow buffers.

Words are runs between white space that hold more than punctuation. Lines are those with a visible character.
"Repeated" counts second and later occurrences. A top n-gram that occurs once counts as 0.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pyarrow as pa
from numba import njit
from numpy.typing import NDArray

from gristmill.schemas import RATIOS, SCHEMAS
from spark_jobs.text.decode import decode, mix
from spark_jobs.text.stopwords import STOP_WORDS
from spark_jobs.text.unicode import (
    ALPHA,
    DIGIT,
    PUNCTUATION,
    SCRIPTS,
    SPACE,
    TABLE_SIZE,
    UNSPACED,
    UPPER,
    tables,
    utf8_buffers,
)

TERMINAL = ".!?\"'”’。！？…｡؟۔।॥։።"
BULLETS = "•-*●◦▪‣·"
SHORT_LINE = 30
COUNTS = ["bytes", "chars", "words", "lines", "stop_words"]
_PRIME = np.uint64(0x100000001B3)
_BASIS = np.uint64(0xCBF29CE484222325)


def heuristics(doc_id: pa.Array, text: pa.Array, language: pa.Array) -> pa.Table:
    """The `heuristics` signals of n documents; `language` (ISO 639) selects the stop words."""
    offsets, data = utf8_buffers(text)
    rows = len(offsets) - 1
    counts = np.zeros((rows, len(COUNTS)), np.int32)
    ratios = np.zeros((rows, len(RATIOS)), np.float64)
    script = np.zeros(rows, np.int64)
    spaced = np.ones(rows, np.bool_)
    flags, scripts, _ = tables()
    codes = language.to_pylist()
    known = list(STOP_WORDS)
    which = np.array([known.index(c) if c in STOP_WORDS else -1 for c in codes], np.int64)
    words, starts = _stop_tables()
    _measure(offsets, data, flags, scripts, _points(TERMINAL), _points(BULLETS), words, starts, which,
             counts, ratios, script, spaced)  # fmt: skip
    unmeasured = (which < 0) | ~spaced
    rounded = np.round(ratios, 6).astype(np.float32)
    columns = {name: pa.array(counts[:, i]) for i, name in enumerate(COUNTS)}
    columns |= {name: pa.array(rounded[:, i]) for i, name in enumerate(RATIOS)}
    for name in ("stop_words", "stop_word_ratio"):
        values = counts[:, COUNTS.index(name)] if name in COUNTS else rounded[:, RATIOS.index(name)]
        columns[name] = pa.array(values, mask=unmeasured)
    columns["script"] = pa.array([SCRIPTS[s] for s in script], pa.string())
    columns["words_measurable"] = pa.array(spaced)
    schema = SCHEMAS["heuristics"]
    return pa.table([doc_id, *(columns[name] for name in schema.names[1:])], schema=schema)


def _points(chars: str) -> NDArray[np.int32]:
    return np.array([ord(c) for c in chars], np.int32)


@lru_cache(maxsize=1)
def _stop_tables() -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """(sorted word hashes of all languages one after the other, start of each language)."""
    hashed = [np.sort(np.array([_word_hash(_points(w)) for w in words.split()], np.uint64))
              for words in STOP_WORDS.values()]  # fmt: skip
    return np.concatenate(hashed), np.cumsum([0, *(len(h) for h in hashed)])


@njit(cache=True, nogil=True)
def _word_hash(points: NDArray[np.int32]) -> np.uint64:
    value = _BASIS
    for point in points:
        value = (value ^ np.uint64(point)) * _PRIME
    return mix(value)


@njit(cache=True, nogil=True)
def _contains(chars: NDArray[np.int32], point: int) -> bool:
    for char in chars:  # noqa: SIM110 - numba compiles no generator
        if char == point:
            return True
    return False


@njit(cache=True, nogil=True)
def _measure(
    offsets: NDArray[np.int64],
    data: NDArray[np.uint8],
    flags: NDArray[np.uint8],
    scripts: NDArray[np.uint8],
    terminal: NDArray[np.int32],
    bullets: NDArray[np.int32],
    stop_words: NDArray[np.uint64],
    stop_starts: NDArray[np.int64],
    which: NDArray[np.int64],
    counts: NDArray[np.int32],
    ratios: NDArray[np.float64],
    script: NDArray[np.int64],
    spaced: NDArray[np.bool_],
) -> None:
    longest = 1
    for row in range(len(offsets) - 1):
        longest = max(longest, offsets[row + 1] - offsets[row])
    points = np.empty(longest, np.int32)
    hashes = np.empty(longest, np.uint64)
    lengths = np.empty(longest, np.int64)
    for row in range(len(offsets) - 1):
        chars = decode(data, offsets[row], offsets[row + 1], points)
        counts[row, 0] = offsets[row + 1] - offsets[row]
        counts[row, 1] = chars
        if chars == 0:
            continue
        script[row], spaced[row] = _characters(points, chars, flags, scripts, ratios[row])
        _lines(points, chars, flags, terminal, bullets, hashes, lengths, counts[row], ratios[row])
        low, high = (stop_starts[which[row]], stop_starts[which[row] + 1]) if which[row] >= 0 else (0, 0)
        words = _words(points, chars, flags, stop_words[low:high], hashes, lengths, counts[row], ratios[row])
        for n in range(2, 5):
            ratios[row, 7 + n] = _top_gram(hashes, lengths, words, n) / chars


@njit(cache=True, nogil=True)
def _characters(
    points: NDArray[np.int32],
    chars: int,
    flags: NDArray[np.uint8],
    scripts: NDArray[np.uint8],
    ratios: NDArray[np.float64],
) -> tuple[int, bool]:
    """Shares of digits, capitals (of letters) and letters; (dominant script, written with spaces)."""
    alpha = digit = upper = unspaced = 0
    tally = np.zeros(16, np.int64)
    visible = 0
    for i in range(chars):
        if points[i] >= TABLE_SIZE:
            visible += 1
            continue
        flag = flags[points[i]]
        visible += (flag & SPACE) == 0
        digit += (flag & DIGIT) != 0
        if flag & (ALPHA | UNSPACED):
            alpha += 1
            upper += (flag & UPPER) != 0
            unspaced += (flag & UNSPACED) != 0
            tally[scripts[points[i]]] += 1
    ratios[12] = digit / max(1, visible)
    ratios[13] = upper / max(1, alpha)
    ratios[14] = alpha / max(1, visible)
    return int(np.argmax(tally)) if alpha else 0, 2 * unspaced <= alpha


@njit(cache=True, nogil=True)
def _lines(
    points: NDArray[np.int32],
    chars: int,
    flags: NDArray[np.uint8],
    terminal: NDArray[np.int32],
    bullets: NDArray[np.int32],
    hashes: NDArray[np.uint64],
    lengths: NDArray[np.int64],
    counts: NDArray[np.int32],
    ratios: NDArray[np.float64],
) -> None:
    """Per line, white space at both ends aside: ends, bullets, short ones, repeated ones."""
    lines = ended = bulleted = ellipsis = short = 0
    begin = 0
    for i in range(chars + 1):
        if i < chars and points[i] != 10:
            continue
        first, last = begin, i - 1
        while first <= last and points[first] < TABLE_SIZE and flags[points[first]] & SPACE:
            first += 1
        while last >= first and points[last] < TABLE_SIZE and flags[points[last]] & SPACE:
            last -= 1
        begin = i + 1
        if last < first:
            continue
        hashes[lines] = _word_hash(points[first : last + 1])
        lengths[lines] = last - first + 1
        dots = last - first >= 2 and points[last] == 46 and points[last - 1] == 46 and points[last - 2] == 46
        ended += _contains(terminal, points[last])
        bulleted += _contains(bullets, points[first])
        ellipsis += dots or points[last] == 0x2026
        short += last - first + 1 <= SHORT_LINE
        lines += 1
    counts[3] = lines
    total = max(1, lines)
    ratios[2], ratios[3], ratios[4], ratios[5] = ended / total, bulleted / total, ellipsis / total, short / total
    order = np.argsort(hashes[:lines], kind="mergesort")
    repeated = repeated_chars = 0
    for k in range(1, lines):
        if hashes[order[k]] == hashes[order[k - 1]]:
            repeated += 1
            repeated_chars += lengths[order[k]]
    ratios[7] = repeated / total
    ratios[8] = repeated_chars / chars


@njit(cache=True, nogil=True)
def _words(
    points: NDArray[np.int32],
    chars: int,
    flags: NDArray[np.uint8],
    stop_words: NDArray[np.uint64],
    hashes: NDArray[np.uint64],
    lengths: NDArray[np.int64],
    counts: NDArray[np.int32],
    ratios: NDArray[np.float64],
) -> int:
    """Counts of words, symbols (#, … and ...) and stop words; fills `hashes` and `lengths` per word, returns words."""
    words = letters = symbols = stops = dots = 0
    seen = np.zeros(64, np.bool_)
    begin = -1
    for i in range(chars + 1):
        if i < chars:
            symbols += points[i] == 35 or points[i] == 0x2026
            dots = dots + 1 if points[i] == 46 else 0
            symbols += dots > 0 and dots % 3 == 0
            if not (points[i] < TABLE_SIZE and flags[points[i]] & SPACE):
                begin = i if begin < 0 else begin
                continue
        if begin < 0:
            continue
        plain = False
        for j in range(begin, i):
            plain = plain or points[j] >= TABLE_SIZE or not flags[points[j]] & PUNCTUATION
        if plain:
            hashes[words] = _word_hash(points[begin:i])
            lengths[words] = i - begin
            letters += i - begin
            place = np.searchsorted(stop_words, hashes[words])
            if place < len(stop_words) and stop_words[place] == hashes[words]:
                stops += 1
                seen[place] = True
            words += 1
        begin = -1
    total = max(1, words)
    counts[2], counts[4] = words, seen.sum()
    ratios[0], ratios[1], ratios[6] = letters / total, symbols / total, stops / total
    return words


@njit(cache=True, nogil=True)
def _top_gram(hashes: NDArray[np.uint64], lengths: NDArray[np.int64], words: int, n: int) -> int:
    """Characters (with single spaces between words) that the n-gram which covers most of them covers, if repeated."""
    grams = words - n + 1
    if grams < 2:
        return 0
    keys = np.zeros(grams, np.uint64)
    size = np.full(grams, n - 1, np.int64)
    for start in range(grams):
        for k in range(n):
            keys[start] = mix(keys[start] * _PRIME + hashes[start + k])
            size[start] += lengths[start + k]
    order = np.argsort(keys, kind="mergesort")
    best = 0
    run = 1
    for k in range(1, grams + 1):
        if k < grams and keys[order[k]] == keys[order[k - 1]]:
            run += 1
            continue
        if run > 1:
            best = max(best, run * size[order[k - 1]])
        run = 1
    return best
