"""Classes of characters, as text statistics need them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spark_jobs.text.kernel import inner

OTHER, CAPITAL, SMALL, NUMBER, STOP, COLON, COMMA, WIDE, BULLET, MONEY, WHITE, NOTHING = range(12)
"""Classes of characters. NOTHING: control characters, byte order marks and soft hyphens, which are dropped."""


def _ascii() -> NDArray[np.uint8]:
    classes = np.zeros(128, np.uint8)
    classes[:32] = NOTHING
    classes[127] = NOTHING
    for chars, kind in ((" \t\n\r\x0b\x0c", WHITE), (".!?", STOP), (":;", COLON), (",", COMMA), ("|>*-+~", BULLET),
                        ("$", MONEY), ("0123456789", NUMBER)):  # fmt: skip
        for char in chars:
            classes[ord(char)] = kind
    classes[65:91], classes[97:123] = CAPITAL, SMALL
    return classes


ASCII = _ascii()


@inner
def class_of(point: int) -> int:
    """The class of a character beyond ASCII; letters of scripts with spaces count as SMALL."""
    if point < 0x300:
        if point < 0xA0 or point == 0xAD:
            return NOTHING
        if point == 0xA0:
            return WHITE
        if point == 0xA3 or point == 0xA5:
            return MONEY
        if point == 0xAB or point == 0xBB or point == 0xB7:
            return BULLET
        return SMALL if point >= 0xC0 or point == 0xAA or point == 0xBA or point == 0xB5 else OTHER
    if point < 0x2000:
        if 0x0E00 <= point < 0x0F00 or 0x1000 <= point < 0x10A0 or 0x1780 <= point < 0x1800:
            return WIDE
        if point == 0x61F or point == 0x6D4 or point == 0x964:
            return STOP
        return COMMA if point == 0x60C else SMALL
    if point < 0x2E80:
        if point <= 0x200A or point == 0x2028 or point == 0x2029 or point == 0x202F or point == 0x205F:
            return WHITE
        if point == 0x20AC or point == 0x20B9 or point == 0x20A9:
            return MONEY
        return BULLET if 0x2013 <= point <= 0x2022 or 0x2190 <= point < 0x2800 else OTHER
    return _class_of_wide(point)


@inner
def _class_of_wide(point: int) -> int:
    if point < 0x3040:
        if point == 0x3000:
            return WHITE
        if point == 0x3002:
            return STOP
        return COMMA if point == 0x3001 else (WIDE if point < 0x3000 else OTHER)
    if 0xAC00 <= point < 0xD7B0:
        return SMALL
    if 0xD800 <= point < 0xF900:
        return NOTHING if point < 0xE000 else OTHER
    if point < 0xFB00:
        return WIDE
    if 0xFF00 <= point < 0xFFF0:
        if point == 0xFF01 or point == 0xFF1F or point == 0xFF0E:
            return STOP
        if point == 0xFF0C:
            return COMMA
        return WIDE if point >= 0xFF10 and (point < 0xFF1A or point > 0xFF20) else OTHER
    if point == 0xFEFF:
        return NOTHING
    return WIDE if 0x20000 <= point < 0x32000 else (SMALL if point < 0xFF00 else OTHER)
