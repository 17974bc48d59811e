"""Telephone numbers: international, US and Chinese mobile; of any shape after a word that says phone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spark_jobs.text.kernel import leaf
from spark_jobs.text.pii.context import SAYS_OTHER, SAYS_PHONE
from spark_jobs.text.pii.network import dotted_quad
from spark_jobs.text.pii.numbers import (
    CLOSE,
    DOT,
    END,
    HYPHEN,
    OPEN,
    PLUS,
    SEPARATOR,
    SLASH,
    SPACE,
    START,
    extension,
    glued_right,
    length,
    total,
    value,
)

_FEWEST, _MOST = 7, 15
_TWO_DIGIT_CODES = np.isin(
    np.arange(100),
    (20, 27, 30, 31, 32, 33, 34, 36, 39, 40, 41, 43, 44, 45, 46, 47, 48, 49, 51, 52, 53, 54, 55, 56, 57, 58,
     60, 61, 62, 63, 64, 65, 66, 81, 82, 84, 86, 90, 91, 92, 93, 94, 95, 98),
)  # fmt: skip
_THREE_DIGIT_ZONES = np.isin(
    np.arange(100), (21, 22, 23, 24, 25, 26, 29, 35, 37, 38, 42, 50, 59, 67, 68, 69, 80, 85, 87, 88, 96, 97, 99)
)


@leaf
def phone(data: NDArray[np.uint8], start: int, hi: int, groups: NDArray[np.int64], count: int, says: int) -> int:
    """End of the number at `start` (a digit, + or opening bracket), or -1. `says`: the words before it."""
    if count == 0 or (says & SAYS_OTHER and not says & SAYS_PHONE):
        return -1
    if data[start] == PLUS:
        return _international(data, hi, groups, count, 0, says)
    if data[start] == OPEN and (count < 2 or groups[1, SEPARATOR] != CLOSE):
        return -1
    end = -1
    if count > 1 and length(groups, 0) > 2 and data[start] == 48 and data[start + 1] == 48:
        end = _international(data, hi, groups, count, 2, says)
    if end < 0:
        end = _american(data, hi, groups, count, says)
    if end < 0:
        end = _chinese_mobile(data, hi, groups, count)
    if end < 0 and says & SAYS_PHONE:
        end = _any_shape(data, hi, groups, count)
    return end


@leaf
def _end(data: NDArray[np.uint8], hi: int, groups: NDArray[np.int64], used: int) -> int:
    """End of the first `used` groups with an extension; -1 if the last runs into something else."""
    end = groups[used - 1, END]
    extra = extension(data, end, hi)
    return end + extra if extra or not glued_right(data, end, hi) else -1


@leaf
def _longest(data: NDArray[np.uint8], hi: int, groups: NDArray[np.int64], count: int, most: int) -> int:
    """The greatest number of groups of at most `most` digits in all that ends well; 0 if there is none."""
    for used in range(count, 0, -1):
        if total(groups, 0, used) <= most and _end(data, hi, groups, used) > 0:
            return used
    return 0


@leaf
def _international(
    data: NDArray[np.uint8], hi: int, groups: NDArray[np.int64], count: int, skip: int, says: int
) -> int:
    """A country code, its first digit `skip` digits after the start, and a national number."""
    first = groups[0, START] + skip
    code = _country_code(data, first, groups[0, END])
    # In the first group the code stands alone or is followed by the national number without a separator.
    if code == 0 or (skip and length(groups, 0) != skip + code):
        return -1
    american = code == 1 and data[first] == 49
    if american:
        used = 0
        for k in range(1, count + 1):
            used = k if total(groups, 0, k) - skip == 11 else used
        if used == 0 or not _national_starts(data, groups, first, code, 50):
            return -1
        return _end(data, hi, groups, used)
    used = _longest(data, hi, groups, count, 14 + skip)
    digits = total(groups, 0, used) - skip
    italy = data[first] == 51 and data[first + 1] == 57
    if digits < (8 if used > 1 else 10) or not (italy or _national_starts(data, groups, first, code, 49)):
        return -1
    quantity = _decimal(groups, used) or (_thousands(groups, used) and not says & SAYS_PHONE)
    return -1 if quantity else _end(data, hi, groups, used)


@leaf
def _decimal(groups: NDArray[np.int64], used: int) -> bool:
    """Whether a dot follows the first group and no further one."""
    return bool(used > 1 and groups[1, SEPARATOR] == DOT and (used == 2 or groups[2, SEPARATOR] != DOT))


@leaf
def _thousands(groups: NDArray[np.int64], used: int) -> bool:
    """Whether it can be a number below a thousand million with a space at each thousand, as +49 123 456."""
    if not 1 < used < 4:
        return False
    for k in range(1, used):  # noqa: SIM110 - numba compiles no generator
        if length(groups, k) != 3 or groups[k, SEPARATOR] != SPACE:
            return False
    return True


@leaf
def _country_code(data: NDArray[np.uint8], start: int, end: int) -> int:
    """Digits of the country code at `start`, within its group; 0 if none is assigned."""
    if end > start and (data[start] == 49 or data[start] == 55):
        return 1
    if end - start < 2:
        return 0
    two = value(data, start, start + 2)
    if _TWO_DIGIT_CODES[two]:
        return 2
    return 3 if _THREE_DIGIT_ZONES[two] and end - start >= 3 else 0


@leaf
def _national_starts(data: NDArray[np.uint8], groups: NDArray[np.int64], first: int, code: int, least: int) -> bool:
    """Whether the national number begins with a digit from `least` on, or with a zero in brackets."""
    at = first + code
    if at == groups[0, END]:
        at = groups[1, START]
        if groups[1, SEPARATOR] == OPEN and data[at] == 48:
            return True
    return bool(data[at] >= least)


@leaf
def _american(data: NDArray[np.uint8], hi: int, groups: NDArray[np.int64], count: int, says: int) -> int:
    """[1] NXX NXX XXXX, where N is 2-9. With spaces alone a word has to say phone."""
    j = int(count > 3 and length(groups, 0) == 1 and data[groups[0, START]] == 49)
    if count < j + 3 or length(groups, j) != 3 or length(groups, j + 1) != 3 or length(groups, j + 2) != 4:
        return -1
    if data[groups[j, START]] < 50 or data[groups[j + 1, START]] < 50:
        return -1
    second, third = groups[j + 1, SEPARATOR], groups[j + 2, SEPARATOR]
    if second in (SLASH, OPEN) or third not in (HYPHEN, DOT, SPACE):
        return -1
    spaces = second == SPACE and third == SPACE
    return -1 if spaces and j == 0 and not says & SAYS_PHONE else _end(data, hi, groups, j + 3)


@leaf
def _chinese_mobile(data: NDArray[np.uint8], hi: int, groups: NDArray[np.int64], count: int) -> int:
    """[86] 1[3-9]x xxxx xxxx, without separators or with the same two."""
    j = int(count > 1 and length(groups, 0) == 2 and value(data, groups[0, START], groups[0, END]) == 86)
    first = groups[j, START]
    if data[first] != 49 or length(groups, j) < 3 or data[first + 1] < 51:
        return -1
    if length(groups, j) == 11:
        return _end(data, hi, groups, j + 1)
    if count < j + 3 or length(groups, j) != 3 or length(groups, j + 1) != 4 or length(groups, j + 2) != 4:
        return -1
    separator = groups[j + 1, SEPARATOR]
    same = separator == groups[j + 2, SEPARATOR] and separator in (SPACE, HYPHEN)
    return _end(data, hi, groups, j + 3) if same else -1


@leaf
def _any_shape(data: NDArray[np.uint8], hi: int, groups: NDArray[np.int64], count: int) -> int:
    """7 to 15 digits that are no date, span of years, decimal or dotted quad."""
    used = _longest(data, hi, groups, count, _MOST)
    if total(groups, 0, used) < _FEWEST or dotted_quad(data, groups, used):
        return -1
    if used == 1 and length(groups, 0) == 8 and _date(data, groups[0, START]):
        return -1
    if used == 2 and (_decimal(groups, used) or (_year(data, groups, 0) and _year(data, groups, 1))):
        return -1
    if used >= 3 and length(groups, 1) <= 2 and (_year(data, groups, 0) or _year(data, groups, 2)):
        edge = 2 if _year(data, groups, 0) else 0
        if length(groups, edge) <= 2:
            return -1
    return _end(data, hi, groups, used)


@leaf
def _year(data: NDArray[np.uint8], groups: NDArray[np.int64], k: int) -> bool:
    return length(groups, k) == 4 and 1900 <= value(data, groups[k, START], groups[k, END]) < 2100


@leaf
def _date(data: NDArray[np.uint8], start: int) -> bool:
    """Whether the eight digits at `start` are a year, a month and a day."""
    month, day = value(data, start + 4, start + 6), value(data, start + 6, start + 8)
    return 1900 <= value(data, start, start + 4) < 2100 and 1 <= month <= 12 and 1 <= day <= 31
