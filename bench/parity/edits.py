"""Seeded edits of real text, one family for each rule of the peer, with a whole-number dial.

`edit(text, rule, seed, amount)` is a pure function of its arguments; a larger amount edits what the smaller one did
and more. Standard library only, so that the peer's environment runs the same code as ours.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from random import Random

Edit = Callable[[str, Random, int], str]

STOP_WORDS = ("the", "be", "to", "of", "and", "that", "have", "with")
ENDS = (".", "?", "!", "。", "؟", ".", "!", "...", ".)", '."', "”", ":", ";", "…")
"""Marks at the end of a line: some are terminal, some only look so."""

_POLICY = ("terms of use", "privacy policy", "cookie policy", "uses cookies", "use of cookies", "use cookies")
_POLICY_MISSES = ("term of use", "privacy  policy", "cookies policy", "using cookies", "usage of cookies", "use cookie")
_CITATIONS = ("[1]", "[23]", "[]", "[edit]", "[citation needed]")
_CITATION_MISSES = ("[ 1 ]", "[12a]", "[Edit]", "[citation]", "(1)")
_SCRIPT_MISSES = ("Java script", "java-script", "JScript", "ECMAScript", "Java Script")


def edit(text: str, rule: str, seed: int, amount: int) -> str:
    """The text with `amount` steps of the edit that aims at `rule`; raises KeyError for a rule without one."""
    return EDITS[rule](text, Random(f"{rule}/{seed}"), amount)  # noqa: S311 - reproducible on purpose


def _scatter(text: str, rng: Random, amount: int, unit: Callable[[Random], str]) -> str:
    """`amount` units as words of their own, at random places between the words."""
    words = text.split(" ")
    placed = [(rng.random() * len(words), i, unit(rng)) for i in range(amount)]
    parts = [(float(i), -1, word) for i, word in enumerate(words)]
    return " ".join(part for _, _, part in sorted(parts + placed))


def _relined(text: str, rng: Random, low: int = 6, high: int = 16) -> list[str]:
    """The same words on lines of `low` to `high` words."""
    words, lines = text.split(), []
    while words:
        size = rng.randint(low, high)
        lines.append(" ".join(words[:size]))
        words = words[size:]
    return lines


def _scatter_lines(text: str, rng: Random, amount: int, unit: Callable[[Random], str]) -> str:
    lines = _relined(text, rng)
    placed = [(rng.random() * len(lines), i, unit(rng)) for i in range(amount)]
    parts = [(float(i), -1, line) for i, line in enumerate(lines)]
    return "\n".join(part for _, _, part in sorted(parts + placed))


def _chosen(rng: Random, size: int, amount: int) -> set[int]:
    """The first `amount` of a random order of range(size)."""
    order = list(range(size))
    rng.shuffle(order)
    return set(order[:amount])


def _tokens(units: tuple[str, ...]) -> Edit:
    return lambda text, rng, amount: _scatter(text, rng, amount, lambda draw: draw.choice(units))


def _first_words(text: str, rng: Random, amount: int) -> str:
    ends = [found.end() for found in re.finditer(r"\S+", text)]
    begin = rng.randrange(max(1, len(ends) // 2))
    start = ends[begin - 1] if begin else 0
    return text[start : ends[min(begin + amount, len(ends)) - 1] if amount else start].strip()


def _long(text: str, rng: Random, amount: int) -> str:
    words = sorted({word for word in text.split() if len(word) <= 4}) or ["a"]
    return " ".join(rng.choices(words, k=amount))


def _shorter_words(text: str, rng: Random, amount: int) -> str:
    words = text.split(" ")
    small = sorted({word for word in words if 0 < len(word) <= 2 and word.isalnum()} | {"a", "is"})
    for i in _chosen(rng, len(words), amount):
        words[i] = small[i % len(small)]
    return " ".join(words)


def _joined_words(text: str, rng: Random, amount: int) -> str:
    words = text.split()
    joined = _chosen(rng, len(words), amount)
    return "".join(word if i in joined else f"{word} " for i, word in enumerate(words)).strip()


def _bullets(text: str, rng: Random, amount: int) -> str:
    lines = _relined(text, rng)
    marks = ("- ", "• ", "-", "  • ", "\t- ")
    near = ("* ", "– ", "", "")
    chosen = _chosen(rng, len(lines), amount)
    return "\n".join((marks if i in chosen else near)[i % 4] + line for i, line in enumerate(lines))


def _ellipsis_lines(text: str, rng: Random, amount: int) -> str:
    lines = _relined(text, rng, 4, 9)
    chosen = _chosen(rng, len(lines), amount)
    marks = ("...", "…", " ...", "... ", "....")
    near = ("..", "", ". . .", "")
    return "\n".join(
        line.rstrip(".… ") + (marks[i % 5] if i in chosen else near[i % 4]) for i, line in enumerate(lines)
    )


def _few_stop_words(text: str, rng: Random, amount: int) -> str:
    kept = set(rng.sample(STOP_WORDS, len(STOP_WORDS))[:amount])
    return re.sub(
        r"[A-Za-z]+", lambda m: m[0] if m[0] in kept else (m[0].upper() if m[0] in STOP_WORDS else m[0]), text
    )


def _repeated(text: str, rng: Random, amount: int, gap: str, shortest: bool) -> str:
    """`amount` of the blocks again, elsewhere."""
    blocks = _relined(text, rng, 4, 24)
    source = sorted(blocks, key=len)[: len(blocks) // 2 + 1] if shortest else blocks
    again = [rng.choice(source) for _ in range(amount)]
    for block in again:
        blocks.insert(rng.randint(0, len(blocks)), block)
    return gap.join(blocks)


def _repeated_chars(text: str, rng: Random, amount: int, gap: str) -> str:
    """A block of `amount` characters twice, the rest once."""
    flat = " ".join(text.split())
    twice = flat[: max(1, amount)].strip()
    blocks = [twice, *_relined(flat[amount:], rng, 8, 24), twice] if amount else _relined(flat, rng, 8, 24)
    return gap.join(block for block in blocks if block)


def _phrase(text: str, rng: Random, amount: int, n: int) -> str:
    """A phrase of n words, `amount` times more."""
    words = text.split()
    start = rng.randrange(max(1, len(words) - n))
    phrase = " ".join(words[start : start + n])
    return _scatter(text, rng, amount, lambda _: phrase)


def _spans(text: str, rng: Random, amount: int, n: int) -> str:
    """`amount` different spans of n words or a few more, again."""
    words = text.split()

    def span(draw: Random) -> str:
        start = draw.randrange(max(1, len(words) - n))
        return " ".join(words[start : start + n + draw.randrange(3)])

    return _scatter(text, rng, amount, span)


def _variants(fires: tuple[str, ...], misses: tuple[str, ...]) -> Edit:
    """amount 0: a line that only looks like a hit; 1 and more: lines with one."""

    def change(text: str, rng: Random, amount: int) -> str:
        lines = _relined(text, rng)
        for units, count in ((misses, 1), (fires, amount)):
            for _ in range(count):
                words = lines[rng.randrange(len(lines))].split() or ["and"]
                words.insert(rng.randint(0, len(words)), rng.choice(units))
                lines.insert(rng.randint(0, len(lines)), " ".join(words))
        return "\n".join(lines)

    return change


def _cased(words: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(form for word in words for form in (word, word.capitalize(), word.upper()))


def _few_words_lines(text: str, rng: Random, amount: int) -> str:
    """Three lines of three words and `amount` lines of one or two."""
    sizes = iter([(3,)] * 3 + [(1, 2)] * amount)
    return _scatter_lines(text, rng, amount + 3, lambda draw: _some_words(text, next(sizes), draw))


def _some_words(text: str, sizes: tuple[int, ...], rng: Random) -> str:
    words = text.split()
    size = rng.choice(sizes)
    start = rng.randrange(max(1, len(words) - size))
    return " ".join(words[start : start + size])


def _long_word(text: str, rng: Random, amount: int) -> str:
    """A line with one word of 960 characters and `amount` more."""
    letters = "".join(text.split())
    word = (letters * (1 + 1100 // max(1, len(letters))))[: 960 + amount]
    return _scatter_lines(text, rng, 1, lambda draw: f"{_some_words(text, (3,), draw)} {word}")


def _first_sentences(text: str, rng: Random, amount: int) -> str:
    parts = re.split(r"(?<=[.?!]) +", " ".join(text.split()))
    begin = rng.randrange(max(1, len(parts) // 2))
    chosen = parts[begin : begin + amount]
    return "".join(part + rng.choice((" ", " ", "\n", "\n\n")) for part in chosen).strip()


def _ends(text: str, rng: Random, amount: int) -> str:
    """`amount` lines end in a mark, the others in none."""
    lines = [line.rstrip("".join(ENDS) + ",'\")") + " also" for line in _relined(text, rng, 4, 12)]
    chosen = _chosen(rng, len(lines), amount)
    return "\n".join(line + rng.choice(ENDS[:7]) if i in chosen else line + rng.choice((",", "", "", ":", "”"))
                     for i, line in enumerate(lines))  # fmt: skip


def _short_lines(text: str, rng: Random, amount: int) -> str:
    """`amount` lines of 28 to 30 characters, the others of 31 and more."""
    flat = " ".join(text.split())
    lines, place = [], 0
    while place + 80 < len(flat):
        size = rng.choice((31, 32, 40, 60))
        lines.append(flat[place : place + size].replace(" ", "_", 1).strip().ljust(size, "x"))
        place += size
    chosen = _chosen(rng, len(lines), amount)
    return "\n".join(f"{line[: rng.choice((13, 14, 15))]} {line[15:29]}"[:30] if i in chosen else line
                     for i, line in enumerate(lines))  # fmt: skip


def _lists(text: str, rng: Random, amount: int, plain: bool) -> str:
    """`amount` lines of three words (`plain`: letters only), the rest on one line."""
    words = [word for word in text.split() if word.isalpha() or not plain]
    cut = min(3 * amount, len(words))
    lines = [" ".join(words[i : i + 3]) for i in range(0, cut, 3)]
    gap = rng.choice(("\n", "\n", "\n\n"))
    return gap.join([*lines, " ".join(words[cut:])]).strip()


EDITS: dict[str, Edit] = {
    "gopher_short_doc": _first_words,
    "gopher_long_doc": _long,
    "gopher_below_avg_threshold": _shorter_words,
    "gopher_above_avg_threshold": _joined_words,
    "gopher_too_many_hashes": _tokens(("#", "#", "#1", "C#", "##")),
    "gopher_too_many_ellipsis": _tokens(("...", "…", "and...", "…so", ". .", "....")),
    "gopher_too_many_bullets": _bullets,
    "gopher_too_many_end_ellipsis": _ellipsis_lines,
    "gopher_below_alpha_threshold": _tokens(("12", "3.5", "--", "1999", "=", "10%", "(4)", "1,000", "+")),
    "gopher_enough_stop_words": _few_stop_words,
    "dup_para_frac": partial(_repeated, gap="\n\n", shortest=True),
    "dup_para_char_frac": partial(_repeated_chars, gap="\n\n"),
    "dup_line_frac": partial(_repeated, gap="\n", shortest=True),
    "dup_line_char_frac": partial(_repeated_chars, gap="\n"),
    **{f"top_{n}_gram": partial(_phrase, n=n) for n in (2, 3, 4)},
    **{f"duplicated_{n}_n_grams": partial(_spans, n=n) for n in range(5, 11)},
    "lorem_ipsum": _variants(_cased(("lorem ipsum",)), ("lorem  ipsum", "loremipsum", "lorem-ipsum", "Lorem, ipsum")),
    "curly_bracket": _variants(("{", "{x}", "a{", "[{]"), ("}", "()", "[]", "｛")),
    "too_few_sentences": _first_sentences,
    "too_long_word": _long_word,
    "too_few_words": _few_words_lines,
    "javascript": _variants(_cased(("javascript", "(javascript)", "javascript:x")), _SCRIPT_MISSES),
    "policy": _variants(_cased(_POLICY), _POLICY_MISSES),
    "citation": _variants(_CITATIONS, _CITATION_MISSES),
    **{f"{view}:line_punct_ratio": _ends for view in ("raw", "c4")},
    **{f"{view}:short_line_ratio": _short_lines for view in ("raw", "c4")},
    **{f"{view}:char_dup_ratio": partial(_repeated_chars, gap="\n") for view in ("raw", "c4")},
    "raw:list_ratio": partial(_lists, plain=False),
    "c4:list_ratio": partial(_lists, plain=True),
}
"""Rule of the peer -> the edit that moves a text across its threshold."""
