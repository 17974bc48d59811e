"""What C4's and DCLM's line rules see in one line, as bits; kernels that decide on lines share it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spark_jobs.text.classes import ALONE, BLANK, CAPITAL, DECIMAL, LINE_END, WATCHED, WORD
from spark_jobs.text.kernel import inlined, inner
from spark_jobs.text.unicode import TABLE_SIZE

LONG_WORD, NO_END_MARK, BELOW_FIVE, BELOW_THREE, LOREM, JAVASCRIPT, CURLY, POLICY, CITED = (1 << b for b in range(9))
UPPERCASE, NUMERIC, COUNTER, ONE_WORD, BOILERPLATE = (1 << b for b in range(9, 14))
BULLETED, ELLIPSIS = 1 << 14, 1 << 15

LONGEST_WORD = 1000
FEW_FOR_BOILERPLATE = 10

_PHRASES = (
    "lorem ipsum", "javascript", "terms of use", "privacy policy", "cookie policy", "uses cookies", "use of cookies",
    "use cookies", "edit]", "citation needed]", "sign-in", "read more...", "items in cart",
)  # fmt: skip
_TEXT = np.array([ord(c) for phrase in _PHRASES for c in phrase], np.int32)
_FROM = np.cumsum([0, *(len(phrase) for phrase in _PHRASES)])
_JOINED = np.zeros(1024, np.uint32)
"""Letters after the first space of the phrases by the two letters before it, each as five bits."""
for _second, _before, _after in ("emi", "mso", "cyp", "iep", "esc", "seo", "sec", "msi"):
    _JOINED[(ord(_second) & 31) << 5 | ord(_before) & 31] |= 1 << (ord(_after) & 31)
_EDIT, _NEEDED, _SIGN_IN, _READ_MORE = 8, 9, 10, 11
_BITS = np.array([LOREM, JAVASCRIPT, *[POLICY] * 6, 0, 0, 0, 0, BOILERPLATE])
"""What a phrase at any place of a line shows."""
_BEFORE_SPACE = np.array([max(0, phrase.find(" ")) if bit else 0 for phrase, bit in zip(_PHRASES, _BITS, strict=True)])
_COUNTED = (
    "likes", "shares", "comments", "retweets", "reposts", "quotes", "bookmarks", "upvotes", "downvotes", "downloads",
    "views", "followers",
)  # fmt: skip
_NOUNS = np.array([ord(c) for noun in _COUNTED for c in noun], np.int32)
_NOUN_FROM = np.cumsum([0, *(len(noun) for noun in _COUNTED)])


@inner
def _bits(point: np.int32, table: NDArray[np.uint32]) -> np.uint32:
    return table[point] if point < TABLE_SIZE else np.uint32(0)


@inner
def _same(points: NDArray[np.int32], at: int, end: int, phrase: int) -> bool:
    """Whether a phrase is at `at`, A-Z as a-z."""
    first = _FROM[phrase]
    length = _FROM[phrase + 1] - first
    if at + length > end:
        return False
    for k in range(length):
        point = points[at + k]
        point = point + 32 if 65 <= point <= 90 else point
        if point != _TEXT[first + k]:
            return False
    return True


@inlined
def phrases_at(points: NDArray[np.int32], start: int, space: int, end: int) -> int:
    """Bits of the phrases in points[start:end] whose first space is at `space`, which is not the first or last."""
    before = (points[space - 2] & 31) << 5 | points[space - 1] & 31
    if _JOINED[before] >> (points[space + 1] & 31) & 1:
        return _phrases(points, start, space, end)
    return 0


@inner
def _phrases(points: NDArray[np.int32], start: int, space: int, end: int) -> int:
    """Bits of the phrases in points[start:end] whose first space is at `space`."""
    found = 0
    for phrase in range(len(_BITS)):
        at = space - _BEFORE_SPACE[phrase]
        if _BEFORE_SPACE[phrase] and at >= start and _same(points, at, end, phrase):
            found |= _BITS[phrase]
    return found


@inner
def citation(points: NDArray[np.int32], at: int, end: int, table: NDArray[np.uint32]) -> int:
    """Length of the marker [n], [], [edit] or [citation needed] at `at`, 0 where there is none."""
    if points[at] != 91:
        return 0
    i = at + 1
    while i < end and _bits(points[i], table) & np.uint32(DECIMAL):
        i += 1
    if i < end and points[i] == 93:
        return i + 1 - at
    if i == at + 1 and i < end and points[i] == 101 and _plain(points, i, end, _EDIT):
        return 6
    return 17 if i == at + 1 and i < end and points[i] == 99 and _plain(points, i, end, _NEEDED) else 0


@inner
def _plain(points: NDArray[np.int32], at: int, end: int, phrase: int) -> bool:
    """Whether a phrase is at `at`, in lower case."""
    first = _FROM[phrase]
    length = _FROM[phrase + 1] - first
    if at + length > end:
        return False
    for k in range(length):  # noqa: SIM110 - numba compiles no generator
        if points[at + k] != _TEXT[first + k]:
            return False
    return True


@inner
def line_end(points: NDArray[np.int32], start: int, end: int, table: NDArray[np.uint32]) -> int:
    """Where the line that starts at `start` ends: its first line end of `str.splitlines`, or `end`."""
    i = start
    while i < end and not _bits(points[i], table) & np.uint32(LINE_END):
        i += 1
    return i


@inner
def next_line(points: NDArray[np.int32], stop: int, end: int) -> int:
    """Where the line after a line end at `stop` starts; \\r\\n is one."""
    return stop + 2 if stop + 1 < end and points[stop] == 13 and points[stop + 1] == 10 else stop + 1


@inner
def strip(points: NDArray[np.int32], start: int, end: int, table: NDArray[np.uint32]) -> tuple[int, int]:
    """The bounds without white space at both ends; (end, end) for a blank line."""
    while start < end and _bits(points[start], table) & np.uint32(BLANK):
        start += 1
    while end > start and _bits(points[end - 1], table) & np.uint32(BLANK):
        end -= 1
    return start, end


@inner
def line_facts(
    points: NDArray[np.int32], start: int, end: int, table: NDArray[np.uint32]
) -> tuple[int, int, int, int, int, int]:
    """(bits, words between white space, citation markers, first, last, stop) of the line that starts at `start`.

    points[first:last] is the line without white space at both ends; at `stop` is its line end, or `end`.
    """
    facts = words = citations = capitals = digits = visible = alone = 0
    first = last = i = cited_to = start
    while i < end:
        point = points[i]
        bits = _bits(point, table)
        if bits & np.uint32(BLANK):
            if bits & np.uint32(LINE_END):
                break
            if point == 32 and i > start and i + 1 < end:
                facts |= phrases_at(points, first, i, end)
            i += 1
            continue
        run = i
        if words == 0:
            first = cited_to = i
        words += 1
        while True:
            if bits & np.uint32(CAPITAL | DECIMAL | ALONE | WATCHED):
                capitals += (bits & np.uint32(CAPITAL)) != 0
                digits += (bits & np.uint32(DECIMAL)) != 0
                alone += (bits & np.uint32(ALONE)) != 0
                if bits & np.uint32(WATCHED):
                    length = citation(points, i, end, table) if point == 91 and i >= cited_to else 0
                    citations += length > 0
                    cited_to = max(cited_to, i + length)
                    facts |= _watched(points, i, end)
            i += 1
            if i >= end:
                break
            point = points[i]
            bits = _bits(point, table)
            if bits & np.uint32(BLANK):
                break
        last = i
        visible += i - run
        facts |= LONG_WORD if i - run > LONGEST_WORD else 0
    return (
        _judged(points, facts, words, citations, capitals, digits, alone, visible, first, last, table),
        words,
        citations,
        first,
        last,
        i,
    )


@inner
def watched(points: NDArray[np.int32], at: int, end: int, table: NDArray[np.uint32]) -> int:
    """Bits of what starts at a WATCHED character at `at`, citation markers among it; 0 at other characters."""
    if points[at] == 91:
        return CITED if citation(points, at, end, table) else 0
    return _watched(points, at, end)


@inner
def _watched(points: NDArray[np.int32], at: int, end: int) -> int:
    """Bits of a curly bracket or a phrase without a space at `at`."""
    if points[at] == 123:
        return CURLY
    return JAVASCRIPT if points[at] | 32 == 106 and _same(points, at, end, 1) else 0


@inner
def _judged(
    points: NDArray[np.int32], facts: int, words: int, citations: int, capitals: int, digits: int, alone: int,
    visible: int, start: int, end: int, table: NDArray[np.uint32],
) -> int:  # fmt: skip
    """`facts` and those of the stripped line points[start:end] as a whole."""
    facts |= CITED if citations else 0
    facts |= facts_of_line(points, start, end, words, table)
    if end > start:
        facts |= UPPERCASE if 2 * capitals > end - start else 0
        facts |= NUMERIC if digits == visible else 0
        facts |= ONE_WORD if words < 2 and alone == 0 else 0
        facts |= COUNTER if words < 8 and digits and _counter(points, start, end, table) else 0
    if facts & BOILERPLATE or (end > start and _boilerplate(points, start, end)):
        facts = facts | BOILERPLATE if words <= FEW_FOR_BOILERPLATE else facts & ~BOILERPLATE
    return facts


@inner
def facts_of_line(points: NDArray[np.int32], start: int, end: int, words: int, table: NDArray[np.uint32]) -> int:
    """Bits of the number of words of the stripped line points[start:end], of its start and its end."""
    facts = (BELOW_FIVE if words < 5 else 0) | (BELOW_THREE if words < 3 else 0)
    return facts | (0 if _ends(points, start, end, table) else NO_END_MARK) | _shape(points, start, end)


@inner
def _uncited(points: NDArray[np.int32], start: int, end: int, table: NDArray[np.uint32]) -> int:
    """The end of points[start:end] without the citation markers at its end."""
    while end > start and points[end - 1] == 93:
        opening = end - 2
        while opening >= start and points[opening] != 91 and points[opening] != 93:
            opening -= 1
        if opening < start or citation(points, opening, end, table) != end - opening:
            break
        end = opening
    return end


@inner
def _ends(points: NDArray[np.int32], start: int, end: int, table: NDArray[np.uint32]) -> bool:
    """Whether the line, citations removed, ends with . ? ! or \" and not with three dots."""
    end = _uncited(points, start, end, table)
    if end == start:
        return False
    last = points[end - 1]
    dots = 0
    while dots < 3 and end > start and points[end - 1] == 46:
        dots += 1
        end = _uncited(points, start, end - 1, table)
    return dots < 3 and (last == 46 or last == 63 or last == 33 or last == 34)


@inner
def _shape(points: NDArray[np.int32], start: int, end: int) -> int:
    """Gopher's bits: starts with a bullet, ends with an ellipsis."""
    if end == start:
        return 0
    last = points[end - 1]
    dots = end - start >= 3 and last == 46 and points[end - 2] == 46 and points[end - 3] == 46
    bullet = points[start] == 0x2022 or points[start] == 45
    return (BULLETED if bullet else 0) | (ELLIPSIS if dots or last == 0x2026 else 0)


@inner
def _boilerplate(points: NDArray[np.int32], start: int, end: int) -> bool:
    length = _FROM[_READ_MORE + 1] - _FROM[_READ_MORE]
    return _same(points, start, end, _SIGN_IN) or (
        end - length >= start and _same(points, end - length, end, _READ_MORE)
    )


@inner
def _counter(points: NDArray[np.int32], start: int, end: int, table: NDArray[np.uint32]) -> bool:
    """A number, white space, a noun such as "likes", and nothing else that is of words."""
    i = start
    while i < end and not _bits(points[i], table) & np.uint32(WORD):
        i += 1
    digits = i
    while i < end and (_bits(points[i], table) & np.uint32(DECIMAL) or (i > digits and points[i] in (44, 46))):
        i += 1
    if i == digits:
        return False
    if i < end and points[i] | 32 in (107, 109, 98):
        i += 1
    noun = i
    while noun < end and _bits(points[noun], table) & np.uint32(BLANK):
        noun += 1
    if noun == i:
        return False
    stop = noun
    while stop < end and _bits(points[stop], table) & np.uint32(WORD):
        stop += 1
    for k in range(stop, end):
        if _bits(points[k], table) & np.uint32(WORD):
            return False
    return _counted(points, noun, stop)


@inner
def _counted(points: NDArray[np.int32], start: int, end: int) -> bool:
    for which in range(len(_NOUN_FROM) - 1):
        first = _NOUN_FROM[which]
        if _NOUN_FROM[which + 1] - first != end - start:
            continue
        equal = True
        for k in range(end - start):
            point = points[start + k]
            equal = equal and (point + 32 if 65 <= point <= 90 else point) == _NOUNS[first + k]
        if equal:
            return True
    return False


@inner
def dropped_original(facts: int) -> int:
    """The first of C4's rules (as code) that drops the line, as its bit; 0 keeps it."""
    for bit in (LONG_WORD, NO_END_MARK, BELOW_FIVE, JAVASCRIPT, POLICY):
        if facts & bit:
            return bit
    return 0


@inner
def dropped_datatrove(facts: int) -> int:
    """The first rule of datatrove's C4 filter, without the end-mark rule, that drops the line; 0 keeps it."""
    for bit in (LONG_WORD, BELOW_THREE, JAVASCRIPT, POLICY):
        if facts & bit:
            return bit
    return 0


@inner
def dropped_refinedweb(facts: int) -> int:
    """The first of DCLM's line rules that drops a visible line; 0 keeps it."""
    for bit in (UPPERCASE, NUMERIC, COUNTER, ONE_WORD, BOILERPLATE):
        if facts & bit:
            return bit
    return 0
