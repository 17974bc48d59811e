"""Jaccard similarity a second time, in plain Python without hashes: what the kernels are held against."""

from __future__ import annotations

import re
import unicodedata

from spark_jobs.text.unicode import UNSPACED, tables

_NUMBER = re.compile(r"\d+([.,،٫⎖⎗⎘]\d+)?")
_FLAGS = tables()[0]


def folded_words(text: str) -> list[str]:
    """Lower case, numbers as 0, marks and symbols as spaces, accents off; letters of unspaced scripts alone."""
    text = _NUMBER.sub("0", text.lower())
    text = "".join(" " if unicodedata.category(c)[0] in "PSZC" else c for c in text)
    text = "".join(c for c in unicodedata.normalize("NFD", text) if unicodedata.category(c) != "Mn")
    return "".join(f" {c} " if _FLAGS[ord(c)] & UNSPACED else c for c in text).split()


def plain_jaccard(left: str, right: str) -> float:
    """Of the sets of five words in a row; 0 when both are empty."""
    a, b = (set(zip(*(words[i:] for i in range(5)), strict=False)) for words in map(folded_words, (left, right)))
    return len(a & b) / len(a | b) if a or b else 0.0
