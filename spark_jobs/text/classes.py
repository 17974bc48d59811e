"""Classes of characters that the kernels of words and lines look up: one table of bits per code point."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from spark_jobs.text.unicode import TABLE_SIZE, UNSPACED, tables

(
    LETTER, LOWER, UPPER, DIGIT, OPEN, CLOSE, QUOTE, ICON, BEFORE_DOT, BLANK, ALONE, SYMBOL, PUNCT, TERMINAL, WORD,
    HOST,
) = (1 << bit for bit in range(16))  # fmt: skip
"""LETTER, LOWER, UPPER: letters of the word rules, where letters without case are both; DIGIT: 0-9; OPEN, CLOSE: cut
off at the start or end of a word; BEFORE_DOT: a full stop after it is cut off; BLANK: white space; ALONE: scripts
without spaces; SYMBOL: a word of these alone is none; PUNCT: category P; TERMINAL: ends a sentence; WORD: regex \\w;
HOST: letters and digits of host names."""
ALPHABETIC, ASCII_PUNCT, CAPITAL, CASED, DECIMAL, LINE_END, KATAKANA, HIRAGANA, HAN, MARK, WATCHED = (
    1 << bit for bit in range(16, 27)
)
"""ALPHABETIC: str.isalpha; CAPITAL: Lu, Lt; CASED: has an other case; DECIMAL: Nd; LINE_END: of str.splitlines;
MARK: categories P and S; WATCHED: what line rules look for starts so."""

PUNCT_MARKS = "…,:;!?¿؟¡()[]{}<>_#*&。？！，、；：～·।،۔؛٪"
QUOTES = "'\"”“`‘´’‚,„»«「」『』（）〔〕【】《》〈〉〈〉⟦⟧"
CURRENCY = "$£€¥฿₽﷼₴₠₡₢₣₤₥₦₧₨₩₪₫₭₮₯₰₱₲₳₵₶₷₸₹₺₻₼₾₿"
SYMBOLS = "!/—”:％１〈&(、━\\【#%「」，】；+^]~“《„';’{|∶´[=-`*．（–？！：$～«〉,><》)?）。…@_.\"}►»"
"""With control characters and terminal marks, what datatrove 0.10.1 calls punctuation."""
CONTROLS = "".join(map(chr, (*range(9), 11, 12, *range(13, 32), *range(127, 160))))
LINE_ENDS = "\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"

_TERMINAL_RANGES = (
    "21 2e 3f 589 61d-61f 6d4 700-702 7f9 837 839 83d-83e 964-965 104a-104b 1362 1367-1368 166e 1735-1736 17d4-17d6 "
    "17d9-17da 1803 1809 1944-1945 1aa8-1aab 1b5a-1b5b 1b5e-1b5f 1b7d-1b7e 1c3b-1c3c 1c7e-1c7f 203c-203d 2047-2049 "
    "2e2e 2e3c 2e53-2e54 3002 a4ff a60e-a60f a6f3 a6f7 a876-a877 a8ce-a8cf a92f a9c8-a9c9 aa5d-aa5f aaf0-aaf1 abeb "
    "fe52 fe56-fe57 ff01 ff0e ff1f ff61 10a56-10a57 10f55-10f59 10f86-10f89 11047-11048 110be-110c1 11141-11143 "
    "111c5-111c6 111cd 111de-111df 11238-11239 1123b-1123c 112a9 1144b-1144c 115c2-115c3 115c9-115d7 11641-11642 "
    "1173c-1173e 11944 11946 11a42-11a43 11a9b-11a9c 11c41-11c42 11ef7-11ef8 11f43-11f44 16a6e-16a6f 16af5 "
    "16b37-16b38 16b44 16e98 1bc9f 1da88"
)


def _terminal() -> str:
    spans = (span.partition("-") for span in _TERMINAL_RANGES.split())
    return "".join(chr(c) for low, _, high in spans for c in range(int(low, 16), int(high or low, 16) + 1))


TERMINAL_MARKS = _terminal()
"""Sentence ends of all scripts: Unicode's Sentence_Terminal with the Khmer signs, as FineWeb has them."""

_MARKED = (
    (PUNCT_MARKS + QUOTES + CURRENCY + "§%=—–", OPEN),
    (PUNCT_MARKS + QUOTES + "—–", CLOSE),
    (QUOTES, QUOTE),
    (PUNCT_MARKS + QUOTES + "%²-+|(", BEFORE_DOT),
    ("0123456789", DIGIT | BEFORE_DOT),
    (SYMBOLS + CONTROLS + TERMINAL_MARKS, SYMBOL),
    (TERMINAL_MARKS, TERMINAL),
    ("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", ASCII_PUNCT),
    (LINE_ENDS, LINE_END),
    ("jJ{[", WATCHED),
)


@lru_cache(maxsize=1)
def classes() -> NDArray[np.uint32]:
    """Bits of every code point below TABLE_SIZE; all others have none."""
    table = np.zeros(TABLE_SIZE, np.uint32)
    flags, scripts, _ = tables()
    for code in range(TABLE_SIZE):
        category = unicodedata.category(chr(code))
        if category not in ("Cn", "Co", "Cs"):
            table[code] = _class(chr(code), category) | (ALONE if flags[code] & UNSPACED else 0)
    for chars, bit in _MARKED:
        for char in chars:
            table[ord(char)] |= bit
    for low, high, bit in (
        (0x3040, 0x30A0, HIRAGANA), (0x30A1, 0x3100, KATAKANA), (0x31F0, 0x3200, KATAKANA), (0xFF66, 0xFFA0, KATAKANA),
    ):  # fmt: skip
        table[low:high][(table[low:high] & ALONE) > 0] |= bit
    table[np.flatnonzero(scripts == 2)] |= HAN
    return table


def _class(char: str, category: str) -> int:
    """Bits that follow from the Unicode category and from Python's own classes of characters."""
    bits = BLANK * char.isspace() | PUNCT * (category[0] == "P") | ALPHABETIC * (category[0] == "L")
    bits |= CAPITAL * (category in ("Lu", "Lt")) | DECIMAL * (category == "Nd") | ICON * (category == "So")
    bits |= MARK * (category[0] in "PS")
    bits |= WORD * (char == "_" or char.isalnum()) | CASED * (category in ("Lu", "Ll", "Lt"))
    if category == "So":
        bits |= OPEN | CLOSE
    if category in ("Ll", "Lo", "Lm", "Mc", "Mn"):
        bits |= LETTER | LOWER | BEFORE_DOT
    if category in ("Lu", "Lt", "Lo", "Lm", "Mc"):
        bits |= LETTER | UPPER
    if category == "Mn":
        bits = (bits & ~(LETTER | LOWER | BEFORE_DOT)) if "\u0300" <= char <= "\u036f" else bits | UPPER
    if (char.isascii() and char.isalnum()) or "\u00a1" <= char <= "\uffff":
        bits |= HOST
    return bits


@lru_cache(maxsize=1)
def lower() -> NDArray[np.int32]:
    """Lower case of every code point below TABLE_SIZE, one to one."""
    table = np.arange(TABLE_SIZE, dtype=np.int32)
    for code in np.flatnonzero(classes() & CASED):
        changed = chr(code).lower()
        table[code] = ord(changed[0])
    return table
