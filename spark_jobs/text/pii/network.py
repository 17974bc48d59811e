"""Email addresses and public IP addresses."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spark_jobs.text.kernel import leaf
from spark_jobs.text.pii.context import SAYS_IP, SAYS_VERSION
from spark_jobs.text.pii.kinds import ALNUM, ALPHA, HEX, LOCAL, WORD, ascii_bytes, hex_value
from spark_jobs.text.pii.numbers import BRACKET, DOT, END, HYPHEN, SEPARATOR, SLASH, START, glued_left, length, value

COLON = 58
_LONGEST_LOCAL = 64
_LONGEST_DOMAIN = 253

_NOT_PERSONAL = tuple(
    ascii_bytes(" ".join(("", line, "")))
    for line in (
        "png jpg jpeg gif svg webp bmp ico css js ts tgz zip mp4 pdf avif example test invalid localhost local",
        "example.com example.org example.net",
    )
)
_LAST_LABELS, _DOMAINS = _NOT_PERSONAL
"""File names such as icon@2x.png, and the domains that RFC 2606 and RFC 6762 set aside."""


@leaf
def email(data: NDArray[np.uint8], lo: int, at: int, hi: int) -> tuple[int, int]:
    """(start, end) of the address around the @ at `at`, or (-1, -1)."""
    start = at
    floor = max(lo, at - _LONGEST_LOCAL - 1)
    while start > floor and LOCAL[data[start - 1]]:
        start -= 1
    if at - start > _LONGEST_LOCAL:
        return -1, -1
    while start < at and not ALNUM[data[start]] and data[start] != 95:
        start += 1
    if start == at or data[at - 1] == DOT:
        return -1, -1
    end, label = _domain_end(data, at + 1, hi)
    if end < 0 or _listed(data, label, end, _LAST_LABELS) or _example(data, at + 1, label, end):
        return -1, -1
    return start, end


@leaf
def _domain_end(data: NDArray[np.uint8], start: int, hi: int) -> tuple[int, int]:
    """(end, start of the last label) of the longest host name at `start` whose last label is 2-24 letters."""
    end = last = -1
    label = start
    i = start
    alpha = True
    stop = min(hi, start + _LONGEST_DOMAIN)
    while i <= stop:
        inside = i < stop and (ALNUM[data[i]] or data[i] == HYPHEN)
        if inside:
            alpha = alpha and ALPHA[data[i]] == 1
            i += 1
            continue
        if i == label or data[label] == HYPHEN or i - label > 63:
            break
        if alpha and label > start and 2 <= i - label <= 24 and not (i < hi and data[i] == 95):
            end, last = i, label
        if i >= stop or data[i] != DOT:
            break
        i += 1
        label = i
        alpha = True
    return end, last


@leaf
def _listed(data: NDArray[np.uint8], start: int, end: int, words: NDArray[np.uint8]) -> bool:
    """Whether data[start:end], in any case, is one of the words, which have spaces around them."""
    size = end - start
    for at in range(1, len(words) - size):
        if words[at - 1] != 32 or words[at + size] != 32:
            continue
        same = True
        for k in range(size):
            byte = data[start + k]
            same = same and (byte | 32 if ALPHA[byte] else byte) == words[at + k]
        if same:
            return True
    return False


@leaf
def _example(data: NDArray[np.uint8], start: int, last: int, end: int) -> bool:
    """Whether the last two labels of a host name are a reserved domain."""
    label = last - 1
    while label > start and data[label - 1] != DOT:
        label -= 1
    return _listed(data, label, end, _DOMAINS)


@leaf
def ipv4(data: NDArray[np.uint8], hi: int, groups: NDArray[np.int64], count: int, says: int) -> int:
    """End of the public address that the first four groups write, or -1. `says`: the words before it.

    Four small numbers are a section or a version far more often, so they need a word that says address.
    """
    if not dotted_quad(data, groups, count):
        return -1
    end = groups[3, END]
    if end < hi and (WORD[data[end]] or data[end] == 64):
        return -1
    if end + 1 < hi and (data[end] == HYPHEN or data[end] == DOT) and WORD[data[end + 1]]:
        return -1
    doubtful = says & SAYS_VERSION or _small(data, groups)
    return end if _public4(data, groups) and (not doubtful or says & SAYS_IP) else -1


@leaf
def _small(data: NDArray[np.uint8], groups: NDArray[np.int64]) -> bool:
    """Whether all four numbers are below 64, as one address in 250 has them."""
    for k in range(4):  # noqa: SIM110 - numba compiles no generator
        if value(data, groups[k, START], groups[k, END]) >= 64:
            return False
    return True


@leaf
def address_may_follow(data: NDArray[np.uint8], lo: int, start: int) -> bool:
    """Whether two slashes or an equals sign stand before, where an address may stand and another number may not."""
    if start == lo:
        return False
    return data[start - 1] == 61 or (data[start - 1] == SLASH and start - 2 >= lo and data[start - 2] == SLASH)


@leaf
def dotted_quad(data: NDArray[np.uint8], groups: NDArray[np.int64], count: int) -> bool:
    """Whether the first four groups are joined by single dots and each is 0-255 without a leading zero."""
    if count < 4:
        return False
    for k in range(4):
        size = length(groups, k)
        if size > 3 or (size > 1 and data[groups[k, START]] == 48):
            return False
        if value(data, groups[k, START], groups[k, END]) > 255:
            return False
        if k and (groups[k, SEPARATOR] != DOT or groups[k, START] - groups[k - 1, END] != 1):
            return False
    return True


@leaf
def _public4(data: NDArray[np.uint8], groups: NDArray[np.int64]) -> bool:
    """Whether the address is outside the special-purpose blocks and below multicast."""
    a = value(data, groups[0, START], groups[0, END])
    b = value(data, groups[1, START], groups[1, END])
    c = value(data, groups[2, START], groups[2, END])
    if a == 0 or a == 10 or a == 127 or a >= 224:
        return False
    if (a == 100 and 64 <= b < 128) or (a == 172 and 16 <= b < 32) or (a == 198 and (b == 18 or b == 19)):
        return False
    if (a == 169 and b == 254) or (a == 192 and b == 168) or (a == 192 and b == 0 and (c == 0 or c == 2)):
        return False
    return not ((a == 198 and b == 51 and c == 100) or (a == 203 and b == 0 and c == 113))


@leaf
def ipv6(data: NDArray[np.uint8], lo: int, at: int, hi: int) -> tuple[int, int]:
    """(start, end) of the public address whose first colon is at `at`, or (-1, -1)."""
    start = at - 4
    # Globally routable unicast is 2000::/3: four digits, the first of them 2 or 3.
    if start < lo or not 50 <= data[start] <= 51 or _hex4(data, start, hi) < 0:
        return -1, -1
    if glued_left(data, lo, start) and not address_may_follow(data, lo, start):
        return -1, -1
    if start > lo and data[start - 1] == COLON and start - 2 >= lo and WORD[data[start - 2]]:
        return -1, -1
    end, groups, gap = _groups6(data, at, hi)
    if groups < 2 or (groups < 8) != gap or _goes_on(data, end, hi):
        return -1, -1
    second = 0 if data[at + 1] == COLON else _hex4(data, at + 1, hi)
    return (start, end) if _public6(_hex4(data, start, hi), second) else (-1, -1)


@leaf
def _goes_on(data: NDArray[np.uint8], end: int, hi: int) -> bool:
    """Whether a word, or a placeholder in the place of one, is joined to the address that ends before `end`."""
    if end < hi and data[end] in (COLON, HYPHEN):
        end += 1
    return end < hi and (data[end] == BRACKET or bool(WORD[data[end]]))


@leaf
def _groups6(data: NDArray[np.uint8], end: int, hi: int) -> tuple[int, int, bool]:
    """(end, groups, whether zeros are left out) of an address whose first group ends at the colon `end`."""
    groups = 1
    gap = False
    while groups < 8 and end < hi and data[end] == COLON:
        double = end + 1 < hi and data[end + 1] == COLON
        if double and gap:
            return end, 0, gap
        first = end + 1 + double
        stop = first
        while stop < hi and stop - first < 4 and HEX[data[stop]]:
            stop += 1
        gap = gap or double
        if stop == first:
            return (first if double else end), groups, gap
        groups += 1
        end = stop
    return end, groups, gap


@leaf
def _hex4(data: NDArray[np.uint8], start: int, hi: int) -> int:
    """The number of up to four hexadecimal digits that a colon ends; -1 if there is none."""
    number = 0
    for k in range(start, min(hi, start + 4)):
        if not HEX[data[k]]:
            return number if k > start and data[k] == COLON else -1
        number = number * 16 + hex_value(data[k])
    return number


@leaf
def _public6(first: int, second: int) -> bool:
    """Outside 2001::/23 (protocols), 2001:db8::/32 and 3fff::/20 (documentation) and 2002::/16 (6to4)."""
    if first == 0x2001:
        return second >= 0x200 and second != 0xDB8
    return first != 0x2002 and not (first == 0x3FFF and second < 0x1000)
