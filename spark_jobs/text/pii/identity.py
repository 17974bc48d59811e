"""Numbers that carry a check: payment cards, bank accounts, resident identity numbers; and social security numbers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spark_jobs.text.kernel import leaf
from spark_jobs.text.pii.context import SAYS_CARD, SAYS_OTHER, SAYS_SSN
from spark_jobs.text.pii.kinds import ALNUM, ALPHA, DIGIT, WORD, signed
from spark_jobs.text.pii.numbers import (
    DOT,
    END,
    HYPHEN,
    SEPARATOR,
    SPACE,
    START,
    glued_right,
    length,
    total,
    value,
)

_IBAN_LENGTHS = (
    "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 EE20 "
    "EG29 ES24 FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 "
    "KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 "
    "PK24 PL28 PS29 PT25 QA29 RO24 RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 "
    "UA29 VA22 VG24 XK20 YE30"
)


def _iban_table() -> NDArray[np.int64]:
    table = np.zeros(26 * 26, np.int64)
    for entry in _IBAN_LENGTHS.split():
        table[(ord(entry[0]) - 65) * 26 + ord(entry[1]) - 65] = int(entry[2:])
    return table


_IBAN = _iban_table()
_PROVINCES = np.isin(
    np.arange(100),
    (11, 12, 13, 14, 15, 21, 22, 23, 31, 32, 33, 34, 35, 36, 37, 41, 42, 43, 44, 45, 46, 50, 51, 52, 53, 54,
     61, 62, 63, 64, 65, 71, 81, 82, 83),
)  # fmt: skip
_WEIGHTS = np.array([7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2])
_CHECKS = np.frombuffer(b"10X98765432", np.uint8)
_MONTH_DAYS = np.array([0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])


@leaf
def card(data: NDArray[np.uint8], hi: int, groups: NDArray[np.int64], count: int, says: int) -> int:
    """End of the card number that the first groups write, or -1. Forms: no separator, 4-4-4-4, 4-6-5 and 4-6-4."""
    used = _card_groups(groups, count)
    if used == 0 or glued_right(data, groups[used - 1, END], hi):
        return -1
    size = total(groups, 0, used)
    checksum = prefix = seen = 0
    for k in range(used):
        for i in range(groups[k, START], groups[k, END]):
            digit = signed(data[i]) - 48
            prefix = prefix * 10 + digit if seen < 6 else prefix
            if (size - seen) % 2 == 0:
                digit = digit * 2 - 9 if digit > 4 else digit * 2
            checksum += digit
            seen += 1
    if checksum % 10:
        return -1
    known = _issuer(prefix, size)
    if says & SAYS_CARD:
        return int(groups[used - 1, END]) if known else -1
    return int(groups[used - 1, END]) if known == 2 and not says & SAYS_OTHER else -1


@leaf
def _card_groups(groups: NDArray[np.int64], count: int) -> int:
    """How many of the groups make up a card number by their lengths; 0 if none do."""
    if count and 12 <= length(groups, 0) <= 19:
        return 1
    if count < 3 or length(groups, 0) != 4:
        return 0
    separator = groups[1, SEPARATOR]
    if groups[2, SEPARATOR] != separator or (separator != SPACE and separator != HYPHEN):
        return 0
    if length(groups, 1) == 6 and 4 <= length(groups, 2) <= 5:
        return 3
    if count < 4 or groups[3, SEPARATOR] != separator:
        return 0
    return 4 if length(groups, 1) == length(groups, 2) == length(groups, 3) == 4 else 0


@leaf
def _issuer(prefix: int, size: int) -> int:
    """2 for the usual length of an issuer, 1 for one that needs a word that says card, 0 for none.

    `prefix`: the first six digits. Issuer identification ranges as the networks publish them.
    """
    two, three, four = prefix // 10000, prefix // 1000, prefix // 100
    if prefix // 100000 == 4:
        return 2 if size == 16 else int(size == 13 or size == 19)
    if 51 <= two <= 55 or 222100 <= prefix <= 272099 or 2200 <= four <= 2204:
        return 2 if size == 16 else 0
    if two == 34 or two == 37:
        return 2 if size == 15 else 0
    if 300 <= three <= 305 or four == 3095 or two == 36 or two == 38 or two == 39:
        return 2 if size == 14 else int(size >= 15)
    if 3528 <= four <= 3589:
        return 2 if size == 16 else int(size >= 17)
    if four == 2131 or four == 1800:
        return int(size == 15)
    if four == 6011 or 644 <= three <= 649 or two == 65:
        return 2 if size == 16 else 1
    if two == 62:
        return 2 if size == 16 or size == 19 else 1
    return int(two == 50 or 56 <= two <= 58 or two // 10 == 6)


@leaf
def iban(data: NDArray[np.uint8], lo: int, start: int, hi: int) -> int:
    """End of the account number whose country letters are at `start`, or -1. Groups may be parted by single spaces."""
    lower = data[start] & 32
    if _joined(data, lo, start) or data[start + 1] & 32 != lower:
        return -1
    size = _IBAN[((data[start] | 32) - 97) * 26 + (data[start + 1] | 32) - 97]
    rest = seen = 0
    head = 0
    at = start
    while seen < size and at < hi:
        byte = data[at]
        if byte == SPACE and seen % 4 == 0 and data[at - 1] != SPACE:
            at += 1
            continue
        if not ALNUM[byte] or (seen >= 2 and ALPHA[byte] and byte & 32 != lower) or (2 <= seen < 4 and ALPHA[byte]):
            return -1
        number = signed(byte) - 48 if DIGIT[byte] else signed(byte | 32) - 87
        if seen < 4:
            head = head * (100 if number > 9 else 10) + number
        else:
            rest = (rest * (100 if number > 9 else 10) + number) % 97
        seen += 1
        at += 1
    if seen < max(size, 1) or glued_right(data, at, hi):
        return -1
    return at if (rest * 1000000 + head) % 97 == 1 else -1


@leaf
def _joined(data: NDArray[np.uint8], lo: int, start: int) -> bool:
    """Whether a word ends just before `start`, with or without a hyphen."""
    before = start - 1
    if before > lo and data[before] == HYPHEN:
        before -= 1
    return before >= lo and bool(WORD[data[before]])


@leaf
def resident_id(data: NDArray[np.uint8], start: int, end: int, hi: int) -> int:
    """End of the Chinese resident identity number that begins with the digits data[start:end], or -1."""
    last = start + 17
    if end - start == 17 and end < hi and data[end] | 32 == 120:
        end += 1
    if end - start != 18 or glued_right(data, end, hi) or not _PROVINCES[value(data, start, start + 2)]:
        return -1
    month, day = value(data, start + 10, start + 12), value(data, start + 12, start + 14)
    if not 1900 <= value(data, start + 6, start + 10) <= 2099 or not 1 <= month <= 12:
        return -1
    if not 1 <= day <= _MONTH_DAYS[month]:
        return -1
    checksum = 0
    for k in range(17):
        checksum += _WEIGHTS[k] * (data[start + k] - 48)
    check = data[last] if DIGIT[data[last]] else 88
    return end if _CHECKS[checksum % 11] == check else -1


@leaf
def ssn(data: NDArray[np.uint8], hi: int, groups: NDArray[np.int64], count: int, says: int) -> int:
    """End of the US social security number that the first groups write, or -1.

    123-45-6789 stands for itself; with spaces, dots or nothing between, a word before it has to say so.
    """
    first = groups[0, START]
    if count and length(groups, 0) == 9:
        used, plain = 1, False
    elif count >= 3 and length(groups, 0) == 3 and length(groups, 1) == 2 and length(groups, 2) == 4:
        used, plain = 3, groups[1, SEPARATOR] == HYPHEN and groups[2, SEPARATOR] == HYPHEN
        if groups[1, SEPARATOR] != groups[2, SEPARATOR] or groups[2, START] - first != 7:
            return -1
        if groups[1, SEPARATOR] != HYPHEN and groups[1, SEPARATOR] != SPACE and groups[1, SEPARATOR] != DOT:
            return -1
    else:
        return -1
    end = groups[used - 1, END]
    if glued_right(data, end, hi) or not (says & SAYS_SSN or (plain and not says & SAYS_OTHER)):
        return -1
    area, serial = value(data, first, first + 3), value(data, end - 4, end)
    group = value(data, end - 6, end - 4) if used == 1 else value(data, groups[1, START], groups[1, END])
    advertised = (area == 78 and group == 5 and serial == 1120) or (area == 219 and group == 9 and serial == 9999)
    return end if 0 < area < 900 and area != 666 and group and serial and not advertised else -1
