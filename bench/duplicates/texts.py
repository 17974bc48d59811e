"""Real texts as words, and seeded edits of them that aim at a given Jaccard similarity.

A word is what shingles are made of: letters between spaces, or one character of a script without spaces.
"""

from __future__ import annotations

import gzip
import json
import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from random import Random

import pyarrow as pa

from gristmill.errors import UserError
from spark_jobs.text.language import language
from spark_jobs.text.tokens import SHINGLE

Words = list[str]
SMALLEST_LANGUAGE = 20
"""Documents of a language that is drawn from."""
_UNSPACED = "\u0e00-\u0e7f\u3041-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
_WORD = re.compile(rf"[{_UNSPACED}]\s*|[^\s{_UNSPACED}]+\s*")


class NoTexts(UserError):
    """A source without usable texts."""


def read_texts(source: Path) -> list[str]:
    """The texts of docs.jsonl.gz in a folder; raises NoTexts."""
    path = source / "docs.jsonl.gz"
    if not path.is_file():
        raise NoTexts(f"{path} does not exist; give the folder of docs.jsonl.gz, one JSON object with a text per line")
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line)["text"] for line in lines]


def words_of(text: str) -> Words:
    """The words with the space behind them; a last word gets one, so that words can change places."""
    return [word if word[-1].isspace() or len(word) == 1 else word + " " for word in _WORD.findall(text)]


def by_language(texts: Sequence[str]) -> dict[str, Words]:
    """Language -> the words of its distinct texts, one text after the other; rare languages are left out."""
    distinct = sorted(set(texts))
    codes = language(pa.array(range(len(distinct)), pa.int64()), pa.array(distinct)).column("language").to_pylist()
    counts = Counter(codes)
    pools: dict[str, Words] = defaultdict(list)
    for code, text in zip(codes, distinct, strict=True):
        if counts[code] >= SMALLEST_LANGUAGE and code != "und":
            pools[code] += words_of(text)
    if not pools:
        raise NoTexts(f"no language has {SMALLEST_LANGUAGE} texts; give a larger source")
    return {code: pools[code] for code in sorted(pools)}


def window(pool: Words, length: int, rng: Random) -> Words:
    """`length` words in a row from anywhere."""
    start = rng.randrange(max(1, len(pool) - length))
    return pool[start : start + length]


def replaced(words: Words, pool: Words, jaccard: float, rng: Random) -> Words:
    """Single words replaced by others: each changes five shingles."""
    count = round(len(words) * (1 - jaccard) / (1 + jaccard) / SHINGLE)
    # Words that stand apart, so that no shingle is changed twice: one of each stretch.
    stretch = len(words) / max(1, count)
    found = list(words)
    for i in range(count):
        found[min(len(words) - 1, int((i + rng.random()) * stretch))] = rng.choice(pool)
    return found


def inserted(words: Words, pool: Words, jaccard: float, rng: Random) -> Words:
    """Passages of another text put in."""
    places = rng.randint(1, 3)
    broken = places * (SHINGLE - 1)
    total = round((len(words) - broken) / jaccard - len(words) - broken)
    found = list(words)
    for _ in range(places):
        at = rng.randrange(len(found))
        found[at:at] = window(pool, max(1, total // places), rng)
    return found


def deleted(words: Words, pool: Words, jaccard: float, rng: Random) -> Words:
    """Passages left out."""
    del pool
    places = rng.randint(1, 3)
    broken = places * (SHINGLE - 1)
    total = round(len(words) - broken - jaccard * (len(words) + broken))
    found = list(words)
    for _ in range(places):
        size = max(1, total // places)
        at = rng.randrange(max(1, len(found) - size))
        del found[at : at + size]
    return found


def moved(words: Words, pool: Words, jaccard: float, rng: Random) -> Words:
    """Paragraphs in another order: each cut breaks four shingles and makes four."""
    del pool
    cuts = max(1, round(len(words) * (1 - jaccard) / (1 + jaccard) / (SHINGLE - 1)))
    ends = [0, *sorted(rng.sample(range(1, len(words)), min(cuts, len(words) - 1))), len(words)]
    parts = [words[a:b] for a, b in pairwise(ends)]
    rng.shuffle(parts)
    return [word for part in parts for word in part]


def mixed(words: Words, pool: Words, jaccard: float, rng: Random) -> Words:
    """A little of each."""
    found, share = list(words), jaccard**0.25
    for edit in (deleted, moved, inserted, replaced):
        found = edit(found, pool, share, rng)
    return found


EDITS = {edit.__name__: edit for edit in (replaced, inserted, deleted, moved, mixed)}
