"""What published filters compute, one look at a time: the oracle of the kernels."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from math import log
from statistics import median

import numpy as np

from spark_jobs.text.classes import SYMBOLS, TERMINAL_MARKS, classes
from spark_jobs.text.words import Tokens, split_words

CITATION = re.compile(r"\[\d*]|\[edit]|\[citation needed]")
POLICY = ("terms of use", "privacy policy", "cookie policy", "uses cookies", "use of cookies", "use cookies")
CONTROLS = set(map(chr, (*range(9), 11, 12, *range(13, 32), *range(127, 160))))
SYMBOL_SET = set(SYMBOLS) | set(TERMINAL_MARKS) | CONTROLS


def tokens_of(text: str) -> tuple[list[str], Tokens]:
    """The words of a text, and the kernel's figures of each."""
    points = np.array([ord(c) for c in text], np.int32)
    room = len(points)
    tokens = Tokens(
        np.empty(room, np.int32), np.empty(room, np.int32), np.empty(room, np.uint64), np.empty(room, np.uint8)
    )
    count = split_words(points, 0, len(points), classes(), tokens)
    spans = zip(tokens.start[:count].tolist(), tokens.length[:count].tolist(), strict=True)
    return [text[start : start + length] for start, length in spans], tokens


def share(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def repeats(parts: Sequence[str]) -> tuple[int, int]:
    """(second and later occurrences, their characters)."""
    seen: set[str] = set()
    again = [part for part in parts if part in seen or seen.add(part)]  # type: ignore[func-returns-value]
    return len(again), sum(map(len, again))


def all_occurrences(parts: Sequence[str]) -> tuple[int, int]:
    counts = Counter(parts)
    again = [part for part in parts if counts[part] > 1]
    return len(again), sum(map(len, again))


def top_gram(words: Sequence[str], n: int) -> int | None:
    grams = Counter(" ".join(words[i : i + n]) for i in range(len(words) - n + 1))
    if not grams:
        return None
    gram, count = grams.most_common(1)[0]
    return len(gram) * count


def scanned(words: Sequence[str], n: int) -> int:
    seen: set[str] = set()
    chars = i = 0
    while i < len(words) - n + 1:
        gram = "".join(words[i : i + n])
        if gram in seen:
            chars += len(gram)
            i += n
        else:
            seen.add(gram)
            i += 1
    return chars


def top_gram_rpv2(words: Sequence[str], n: int) -> int:
    grams = Counter(tuple(words[i : i + n]) for i in range(len(words) - n + 1))
    most = max(grams.values(), default=0)
    return most * max(sum(map(len, g)) for g, count in grams.items() if count == most) if most > 1 else 0


def covered(words: Sequence[str], n: int) -> int:
    grams = [tuple(words[i : i + n]) for i in range(len(words) - n + 1)]
    counts = Counter(grams)
    places = {k for i, gram in enumerate(grams) if counts[gram] > 1 for k in range(i, i + n)}
    return sum(len(words[k]) for k in places)


def fineweb(text: str, tokens: int, suffix: str = "") -> dict[str, float | None]:
    lines = [line for line in text.split("\n") if line.strip()]
    return {
        f"end_mark_line_share_fineweb{suffix}": share(sum(line[-1] in TERMINAL_MARKS for line in lines), len(lines)),
        f"short_line_share_fineweb{suffix}": share(sum(len(line) <= 30 for line in lines), len(lines)),
        f"dup_line_char_share_fineweb{suffix}": share(repeats(lines)[1], len(text.replace("\n", "")) * bool(lines)),
    } | ({f"newlines_per_token_fineweb{suffix}": share(text.count("\n"), tokens)} if tokens or not text else {})


def c4_reason(line: str, words: int, end_mark: bool) -> str:
    """The rule that drops a line; '' keeps it."""
    line = line.strip()
    runs = line.split()
    line = CITATION.sub("", line)
    if any(len(run) > 1000 for run in runs):
        return "long_word"
    if end_mark and (not line.endswith((".", "?", "!", '"')) or line.endswith("...")):
        return "no_end_mark"
    if len(runs) < words:
        return "few_word"
    low = line.lower()
    if "javascript" in low:
        return "javascript"
    return "policy" if any(phrase in low for phrase in POLICY) else ""


def c4_edit(text: str, words: int, end_mark: bool) -> str:
    kept = [CITATION.sub("", line.strip()) for line in text.splitlines() if not c4_reason(line, words, end_mark)]
    return "\n".join(kept).strip()


def gopher(text: str, tokens: Sequence[str]) -> dict[str, float | None]:
    words = [w for w in tokens if any(c not in SYMBOL_SET for c in w)]
    lines = text.splitlines()
    return {
        "tokens": len(tokens),
        "words": len(words),
        "mean_word_chars": share(sum(map(len, words)), len(words)),
        "hashes_per_token_datatrove": share(text.count("#"), len(tokens)),
        "ellipses_per_token_datatrove": share(text.count("...") + text.count("…"), len(tokens)),
        "bullet_line_share_datatrove": share(sum(s.lstrip()[:1] in ("•", "-") for s in lines if s.strip()), len(lines)),
        "ellipsis_line_share_datatrove": share(sum(s.rstrip().endswith(("...", "…")) for s in lines), len(lines)),
        "alpha_token_share_datatrove": share(sum(any(map(str.isalpha, w)) for w in tokens), len(tokens)),
        "median_word_chars_dolma": median(map(len, text.split())) if text.split() else None,
        "longest_word_chars": max(map(len, text.split()), default=0),
        "longest_line_chars": max(map(len, text.split("\n"))),
    }


def repetition(text: str, tokens: Sequence[str]) -> dict[str, float | None]:
    found: dict[str, float | None] = {}
    paragraphs = re.split(r"\n{2,}", text.strip())
    pieces = re.split(r"\n+", text)
    for name, parts in (("paragraph", paragraphs), ("line", pieces)):
        count, chars = repeats(parts)
        found[f"dup_{name}_share_datatrove"] = count / len(parts) if text else None
        found[f"dup_{name}_char_share_datatrove"] = share(chars, len(text))
    for n in (2, 3, 4):
        top = top_gram(tokens, n)
        found[f"top_{n}gram_char_share_datatrove"] = None if top is None else share(top, len(text))
    for n in range(5, 11):
        found[f"dup_{n}gram_char_share_datatrove"] = share(scanned(tokens, n), len(text))
    lines = [line for line in text.split("\n") if line.strip()]
    visible = [p for p in paragraphs if p.strip()]
    for name, parts in (("paragraph", visible), ("line", lines)):
        count, chars = all_occurrences(parts)
        found[f"dup_{name}_share_dclm"] = share(count, len(parts))
        found[f"dup_{name}_char_share_dclm"] = share(chars, sum(map(len, parts)))
    return found


def rpv2(words: Sequence[str]) -> dict[str, float | None]:
    chars = sum(map(len, words))
    parts = [count / len(words) for count in Counter(words).values()]
    found: dict[str, float | None] = {
        "words_rpv2": len(words),
        "mean_word_chars_rpv2": share(chars, len(words)),
        "unique_word_share_rpv2": share(len(set(words)), len(words)),
        "unigram_entropy_rpv2": -sum(p * log(p) for p in parts) if words else None,
    }
    found |= {f"top_{n}gram_char_share_rpv2": share(top_gram_rpv2(words, n), chars) for n in (2, 3, 4)}
    return found | {f"dup_{n}gram_char_share_rpv2": share(covered(words, n), chars) for n in range(5, 11)}
