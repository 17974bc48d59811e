"""Web and mail addresses among words, by spaCy's rule: they are not cut at the marks inside."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spark_jobs.text.classes import HOST, LOWER, WORD
from spark_jobs.text.kernel import inner
from spark_jobs.text.unicode import TABLE_SIZE

_AT, _COLON, _DOT, _SLASH, _HASH, _QUERY, _DASH, _PLUS, _UNDERSCORE = 64, 58, 46, 47, 35, 63, 45, 43, 95
_LONGEST_LABEL = 64
_LONGEST_DOMAIN = 63


@inner
def is_address(points: NDArray[np.int32], start: int, end: int, table: NDArray[np.uint32]) -> bool:
    """Whether points[start:end] is [scheme://][user@]host[:port][/path], its top domain in lower case letters."""
    dotted = False
    for i in range(start, end):
        dotted = dotted or points[i] == _DOT
    if not dotted:
        return False
    if _host(points, start, end, table):
        return True
    scheme = start
    while scheme < end and (_is(points[scheme], WORD, table) or points[scheme] in (_DASH, _PLUS, _DOT)):
        scheme += 1
    if (
        scheme - start >= 2 and scheme + 3 < end and points[scheme] == _COLON
        and points[scheme + 1] == _SLASH and points[scheme + 2] == _SLASH
        and _host(points, scheme + 3, end, table)
    ):  # fmt: skip
        return True
    tried = 0
    for i in range(end - 1, start, -1):
        if points[i] == _AT:
            tried += 1
            if _host(points, i + 1, end, table):
                return True
            if tried == 3:
                return False
    return False


@inner
def _is(point: np.int32, bit: int, table: NDArray[np.uint32]) -> bool:
    return bool(point < TABLE_SIZE and table[point] & np.uint32(bit) != 0)


@inner
def _host(points: NDArray[np.int32], start: int, end: int, table: NDArray[np.uint32]) -> bool:
    """Host, port and path from `start` to `end`, nothing before or after."""
    stop = start
    last_dot = label = -1
    while stop < end and points[stop] not in (_SLASH, _QUERY, _HASH, _COLON):
        point = points[stop]
        if point == _DOT:
            begin = label if label >= 0 else start
            if not _label(points, begin, stop, table):
                return False
            last_dot, label = stop, stop + 1
        stop += 1
    if last_dot < 0:
        return False
    if not _port(points, stop, end):
        return False
    if _address_of_numbers(points, start, stop):
        return True
    if not 2 <= stop - last_dot - 1 <= _LONGEST_DOMAIN:
        return False
    for i in range(last_dot + 1, stop):  # noqa: SIM110 - numba compiles no generator
        if not _is(points[i], LOWER, table):
            return False
    return True


@inner
def _label(points: NDArray[np.int32], start: int, end: int, table: NDArray[np.uint32]) -> bool:
    if not 1 <= end - start <= _LONGEST_LABEL:
        return False
    for i in range(start, end):
        inner = start < i < end - 1 and points[i] in (_DASH, _UNDERSCORE)
        if not (_is(points[i], HOST, table) or inner):
            return False
    return True


@inner
def _port(points: NDArray[np.int32], start: int, end: int) -> bool:
    """Nothing, a port, or a path from `start` to `end`."""
    if start == end or points[start] != _COLON:
        return True
    i = start + 1
    while i < end and 48 <= points[i] <= 57:
        i += 1
    return 2 <= i - start - 1 <= 5 and (i == end or points[i] in (_SLASH, _QUERY, _HASH))


@inner
def _address_of_numbers(points: NDArray[np.int32], start: int, end: int) -> bool:
    """A public IPv4 address."""
    at = digits = 0
    packed = octet = np.int64(0)
    for i in range(start, end):
        if points[i] == _DOT:
            if digits == 0 or octet > 255:
                return False
            at, packed = at + 1, packed << 8 | octet
            digits, octet = 0, np.int64(0)
        elif 48 <= points[i] <= 57 and digits < 3:
            octet = octet * 10 + points[i] - 48
            digits += 1
        else:
            return False
    a, b = packed >> 16, packed >> 8 & 255
    if at != 3 or digits == 0 or not 1 <= a <= 223 or not 1 <= octet <= 254:
        return False
    private = a == 10 or a == 127 or (a == 169 and b == 254) or (a == 192 and b == 168) or (a == 172 and 16 <= b <= 31)
    return not private
