"""Evaluation sets in a corpus: runs of 13 words that a document shares with one.

13 words is the length that GPT-3 (Brown et al. 2020, appendix C) and most since have used; words are folded to lower
case after NFKC, and where a script has no spaces each character is a word.
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from gristmill.errors import UserError

WORDS = 13
Grams = frozenset[str]
_UNSPACED = "\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff"
_WORD = re.compile(f"[{_UNSPACED}]|[^\\W{_UNSPACED}]+")


def grams(text: str) -> Iterator[str]:
    """Every run of WORDS words, folded; none for a shorter text."""
    words = _WORD.findall(unicodedata.normalize("NFKC", text).lower())
    return (" ".join(words[i : i + WORDS]) for i in range(len(words) - WORDS + 1))


def contained(text: str, sets: Mapping[str, Grams]) -> list[str]:
    """Names of the sets of which the text holds a run."""
    if not sets:
        return []
    runs = set(grams(text))
    return sorted(name for name, wanted in sets.items() if not wanted.isdisjoint(runs))


def load(files: Sequence[Path]) -> dict[str, Grams]:
    """Name of each set (its file's stem and the start of its digest) -> its runs.

    A .jsonl file has one item a line, of which every string counts; any other file has one item a line of plain text.
    Raises UserError for a file that cannot be read.
    """
    found = {}
    for path in files:
        try:
            data = path.read_bytes()
            # No splitlines: U+2028 and its like may stand within the strings of a JSON line.
            lines = [line for line in data.decode("utf-8").split("\n") if line.strip()]
            items = [_strings(json.loads(line)) for line in lines] if path.suffix == ".jsonl" else [lines]
        except (OSError, ValueError) as error:
            raise _unreadable(path, error) from None
        runs = frozenset(gram for item in items for text in item for gram in grams(text))
        found[f"{path.stem}-{hashlib.sha256(data).hexdigest()[:12]}"] = runs
    return found


def digests(files: Sequence[Path]) -> dict[str, str]:
    """File name -> sha256, for the ledger. Raises UserError for a file that cannot be read."""
    try:
        return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    except OSError as error:
        raise _unreadable(Path(error.filename), error) from None


def _unreadable(path: Path, error: Exception) -> UserError:
    return UserError(f"evaluation set {path} cannot be read ({error}); mend it, or take it out of the gates file")


def _strings(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    nested = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for each in nested for text in _strings(each)]
