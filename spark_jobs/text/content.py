"""The `content` family: listed words, place holders, encoding damage, addresses, code, entropy, compression."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numba import njit
from numpy.typing import NDArray

from gristmill.signals.content import CONTENT
from spark_jobs.text.classes import BLANK, classes, lower
from spark_jobs.text.compress import HASH_BITS, compressed_size
from spark_jobs.text.decode import decode
from spark_jobs.text.family import table_of
from spark_jobs.text.kernel import inner
from spark_jobs.text.listed import count_listed, list_of, listed_tables
from spark_jobs.text.stoplists import StopTable
from spark_jobs.text.unicode import TABLE_SIZE, utf8_buffers

(
    LOREM, CURLY, JAVASCRIPT, REPLACED, MOJIBAKE, C1, CONTROLS, BIDI, DAMAGED, URLS, URL_CHARS, CODE, CODE_LINES, LINES,
    VISIBLE,
) = range(15)  # fmt: skip
"""Places in the tally of a text."""

_WINDOWS = "€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ"
_CODE_CHARS = "{}[]()<>=;\\|&$^~`_*"
_URL_ENDS = "<>\"'()[]{}"
_LEAD, _CONTINUED, _CODE, _URL_END = 1, 2, 4, 8
_LOREM_IPSUM, _JAVASCRIPT, _HTTP, _HTTPS, _WWW = (
    np.array([ord(c) for c in word], np.int32) for word in ("lorem ipsum", "javascript", "http://", "https://", "www.")
)
_LEADS_OF_TWO = "ÂÃÄÅÎÏÐÑ×ØÙ"


def _damage() -> NDArray[np.uint8]:
    """Bits of the characters below U+2200 that this pass looks for."""
    table = np.zeros(0x2200, np.uint8)
    for chars, bit in ((_LEADS_OF_TWO, _LEAD), (_WINDOWS, _CONTINUED), (_CODE_CHARS, _CODE), (_URL_ENDS, _URL_END)):
        table[[ord(c) for c in chars]] |= bit
    table[0x80:0xC0] |= _CONTINUED
    table[0xE0:0xF5] |= _LEAD
    return table


_BITS = _damage()


def content(doc_id: pa.Array, text: pa.Array, language: pa.Array) -> pa.Table:
    """The `content` signals of n documents; `language` (ISO 639) selects the listed words."""
    offsets, data = utf8_buffers(text)
    figures = np.zeros((len(offsets) - 1, len(CONTENT)))
    if len(offsets) > 1:
        place = {code: list_of(code) for code in set(language.to_pylist())}
        lists = np.array([place[code] for code in language.to_pylist()], np.int64)
        _measure(offsets, data, classes(), lower(), _BITS, lists, *listed_tables(), figures)
    return table_of(doc_id, CONTENT, figures, {})


@njit(cache=True, nogil=True)
def _measure(
    offsets: NDArray[np.int64], data: NDArray[np.uint8], table: NDArray[np.uint32], low: NDArray[np.int32],
    bits: NDArray[np.uint8], lists: NDArray[np.int64], phrases: StopTable, first: StopTable,
    anywhere: NDArray[np.bool_], figures: NDArray[np.float64],
) -> None:  # fmt: skip
    longest = 0
    for row in range(len(offsets) - 1):
        longest = max(longest, offsets[row + 1] - offsets[row])
    points = np.empty(longest, np.int32)
    histogram = np.zeros(1 << 16, np.int64)
    places = np.full(1 << HASH_BITS, -1, np.int64)
    seen = np.zeros(len(phrases.keys), np.bool_)
    tally = np.zeros(16, np.int64)
    for row in range(len(offsets) - 1):
        out = figures[row]
        chars = decode(data, offsets[row], offsets[row + 1], points)
        which = lists[row]
        out[0] = out[1] = np.nan
        if which >= 0:
            out[0], out[1] = count_listed(points, chars, table, low, which, phrases, first, anywhere[which], seen)
        for k in range(16):
            tally[k] = 0
        _scan(points, chars, table, bits, tally)
        _fill(chars, tally, out)
        out[-2] = _entropy(points, chars, histogram)
        size = offsets[row + 1] - offsets[row]
        packed = compressed_size(data, offsets[row], offsets[row + 1], places)
        out[-1] = min(1.0, packed / size) if size else np.nan


@inner
def _fill(chars: int, tally: NDArray[np.int64], out: NDArray[np.float64]) -> None:
    for k in range(8):
        out[2 + k] = tally[k]
    out[10] = tally[DAMAGED] / chars if chars else np.nan
    out[11] = tally[URLS]
    out[12] = tally[URL_CHARS] / chars if chars else np.nan
    out[13] = tally[CODE] / tally[VISIBLE] if tally[VISIBLE] else np.nan
    out[14] = tally[CODE_LINES] / tally[LINES] if tally[LINES] else np.nan


@inner
def _entropy(points: NDArray[np.int32], chars: int, histogram: NDArray[np.int64]) -> float:
    """Bits per character; leaves `histogram` empty."""
    for i in range(chars):
        histogram[points[i] & 0xFFFF] += 1
    entropy = 0.0
    for i in range(chars):
        count = histogram[points[i] & 0xFFFF]
        if count:
            histogram[points[i] & 0xFFFF] = 0
            entropy -= count / chars * np.log2(count / chars)
    return entropy if chars else np.nan


@inner
def _word_at(points: NDArray[np.int32], at: int, chars: int, word: NDArray[np.int32]) -> bool:
    """Whether `word` (lower-case ASCII) is at `at`, A-Z as a-z."""
    if at + len(word) > chars:
        return False
    for k in range(len(word)):
        point = points[at + k]
        if (point + 32 if 65 <= point <= 90 else point) != word[k]:
            return False
    return True


@inner
def _scan(
    points: NDArray[np.int32], chars: int, table: NDArray[np.uint32], bits: NDArray[np.uint8], tally: NDArray[np.int64]
) -> None:
    """Count what single characters and the words at them show; lines that look like code."""
    url_to = code_in_line = 0
    first = last = -1
    for i in range(chars + 1):
        point = points[i] if i < chars else np.int32(10)
        if point == 10:
            if first >= 0:
                tally[LINES] += 1
                tally[CODE_LINES] += _is_code(points, first, last + 1, code_in_line)
            first, code_in_line = -1, 0
            continue
        if point < TABLE_SIZE and table[point] & np.uint32(BLANK):
            tally[CONTROLS] += 0x1C <= point <= 0x1F or point == 0x0B or point == 0x0C
            continue
        first = i if first < 0 else first
        last = i
        tally[VISIBLE] += 1
        if point < 128:
            code = bits[point] & _CODE
            tally[CODE] += code != 0
            code_in_line += code != 0
            tally[CONTROLS] += point < 32 or point == 127
            if point == 123 or point == 125:
                tally[CURLY] += 1
            elif i >= url_to:
                url_to = _words(points, i, chars, table, bits, tally, url_to)
        else:
            _damaged(points, i, chars, bits, tally)
    tally[DAMAGED] += tally[REPLACED] + 2 * tally[MOJIBAKE] + tally[C1] + tally[CONTROLS]


@inner
def _words(
    points: NDArray[np.int32], at: int, chars: int, table: NDArray[np.uint32], bits: NDArray[np.uint8],
    tally: NDArray[np.int64], url_to: int,
) -> int:  # fmt: skip
    """Count the words that start at `at`; where the last address ends."""
    point = points[at] | 32
    if point == 108:
        tally[LOREM] += _word_at(points, at, chars, _LOREM_IPSUM)
    elif point == 106:
        tally[JAVASCRIPT] += _word_at(points, at, chars, _JAVASCRIPT)
    elif (point == 104 and (_word_at(points, at, chars, _HTTP) or _word_at(points, at, chars, _HTTPS))) or (
        point == 119 and _word_at(points, at, chars, _WWW)
    ):
        end = at
        while end < chars and not _ends_url(points[end], table, bits):
            end += 1
        tally[URLS] += 1
        tally[URL_CHARS] += end - at
        return end
    return url_to


@inner
def _ends_url(point: np.int32, table: NDArray[np.uint32], bits: NDArray[np.uint8]) -> bool:
    blank = point < TABLE_SIZE and table[point] & np.uint32(BLANK) != 0
    return bool(blank or (point < 128 and bits[point] & _URL_END != 0))


@inner
def _damaged(points: NDArray[np.int32], at: int, chars: int, bits: NDArray[np.uint8], tally: NDArray[np.int64]) -> None:
    """Replacement characters, C1 controls, directions, and UTF-8 that was read byte by byte."""
    point = points[at]
    tally[REPLACED] += point == 0xFFFD
    tally[C1] += 0x80 <= point <= 0x9F and point != 0x85
    tally[BIDI] += 0x202A <= point <= 0x202E or 0x2066 <= point <= 0x2069
    if point >= 0x2200 or not bits[point] & _LEAD:
        return
    wanted = 1 if point < 0xE0 else 2 if point < 0xF0 else 3
    for k in range(1, wanted + 1):
        if at + k >= chars or points[at + k] >= 0x2200 or not bits[points[at + k]] & _CONTINUED:
            return
    tally[MOJIBAKE] += 1


@inner
def _is_code(points: NDArray[np.int32], start: int, end: int, code: int) -> bool:
    if 8 * code < end - start:
        return False
    first, last = points[start], points[end - 1]
    second = points[start + 1] if start + 1 < end else 0
    starts = (
        first == 35 or first == 36 or first == 42 or first == 60 or (first == 47 and (second == 47 or second == 42))
    )
    return starts or last == 123 or last == 125 or last == 59 or last == 41
