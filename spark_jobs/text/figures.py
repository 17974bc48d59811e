"""From the tallies of a text to its signals; NaN is null. Places in `out` are those of the registry."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gristmill.signals.heuristics import HEURISTICS
from spark_jobs.text import c4_view as c4
from spark_jobs.text import characters as of
from spark_jobs.text import passages as p
from spark_jobs.text.grams import Room
from spark_jobs.text.kernel import inner
from spark_jobs.text.runs import median_run
from spark_jobs.text.stoplists import LONGEST, StopTable, stop_slot
from spark_jobs.text.unicode import SCRIPTS
from spark_jobs.text.word_rules import BASE, word_hash
from spark_jobs.text.words import Tokens

_AT = {signal.name: place for place, signal in enumerate(HEURISTICS)}
AT_TOP, AT_DUP = _AT["top_2gram_char_share_datatrove"], _AT["dup_5gram_char_share_datatrove"]
AT_TOP_RPV2, AT_DUP_RPV2 = _AT["top_2gram_char_share_rpv2"], _AT["dup_5gram_char_share_rpv2"]
_WORDS, _TOKENS, _LINES, _LONGEST_WORD = _AT["words"], _AT["tokens"], _AT["lines"], _AT["longest_word_chars"]
_LONGEST_LINE, _MEAN_LINE = _AT["longest_line_chars"], _AT["mean_line_chars"]
_ALPHA, _UPPERCASE = _AT["alpha_char_share"], _AT["uppercase_letter_share"]
_MEAN_WORD, _BULLETS = _AT["mean_word_chars"], _AT["bullet_line_share_datatrove"]
_ALPHA_TOKENS = _AT["alpha_token_share_datatrove"]
_STOP_WORDS, _PARAGRAPHS = _AT["stop_words_distinct"], _AT["dup_paragraph_share_datatrove"]
_DUP_LINES, _DUP_DCLM = _AT["dup_line_share_datatrove"], _AT["dup_paragraph_share_dclm"]
_FINEWEB, _C4, _STRIPPED = _AT["end_mark_line_share_fineweb"], _AT["lines_c4"], _AT["end_mark_line_share_stripped"]
_SENTENCES, _RPV2, _SENTENCES_RPV2 = _AT["sentences"], _AT["words_rpv2"], _AT["sentences_rpv2"]
_STOP_SHARE, _ELLIPSIS_RPV2 = _AT["stop_word_share_rpv2"], _AT["ellipsis_line_share_rpv2"]
_SYMBOLS_RPV2, _LOREM = _AT["symbols_per_word_rpv2"], _AT["lorem_ipsum_char_share_rpv2"]
_DIGITS_RPV2 = _AT["digit_char_share_rpv2"]
_LATIN = SCRIPTS.index("Latin")
_LOREM_HASH, _IPSUM_HASH = (
    np.uint64(word_hash(np.array([ord(c) for c in word], np.int32), 0, 5)) for word in ("lorem", "ipsum")
)


@inner
def share(part: float, whole: float) -> float:
    """part / whole, NaN for nothing of nothing."""
    return part / whole if whole > 0 else np.nan


@inner
def of_characters(
    chars: int, tally: NDArray[np.int64], runs: NDArray[np.int32], letters_of: NDArray[np.int64], spaced: bool,
    raw: int, out: NDArray[np.float64],
) -> int:  # fmt: skip
    """Signals of the pass over characters; `raw`: the raw words. Returns the script of most letters."""
    script = 0
    for which in range(len(letters_of)):
        script = which if letters_of[which] > letters_of[script] else script
    visible = tally[of.VISIBLE]
    out[_LONGEST_WORD] = tally[of.LONGEST_RUN]
    out[_ALPHA] = share(tally[of.LETTERS], visible)
    out[_ALPHA + 1] = share(tally[of.DIGITS], visible)
    out[_ALPHA + 2] = share(tally[of.LETTERS] + tally[of.DIGITS], chars)
    out[_ALPHA + 3] = share(chars - visible, chars)
    out[_ALPHA + 4] = share(tally[of.MARKED], visible)
    out[_ALPHA + 5] = share(tally[of.PARENTHESES], chars)
    out[_UPPERCASE] = share(tally[of.CAPITALS], tally[of.CASED_LETTERS])
    out[_MEAN_WORD + 1] = median_run(runs, tally[of.RUNS])
    out[_MEAN_WORD + 4] = share(tally[of.SYMBOL_RUNS], tally[of.RUNS])
    out[_SENTENCES_RPV2] = tally[of.SENTENCES] if spaced else np.nan
    out[_SENTENCES_RPV2 + 1] = share(tally[of.CURLY], chars)
    out[_SENTENCES_RPV2 + 2] = share(tally[of.CAPS_WORDS], raw if tally[of.CASED_LETTERS] else 0)
    out[_SENTENCES_RPV2 + 3] = share(tally[of.NO_LATIN_WORDS], raw if spaced and script == _LATIN else 0)
    out[_SYMBOLS_RPV2] = share(tally[of.HASHES] + tally[of.ELLIPSES], raw)
    out[_DIGITS_RPV2 + 1] = share(tally[of.CAPITALS], chars if tally[of.CASED_LETTERS] else 0)
    return script


@inner
def of_tokens(tokens: Tokens, tally: NDArray[np.int64], out: NDArray[np.float64]) -> None:
    """Words, their length and letters; # and ellipses per token; sentences."""
    words, count = tally[of.WORDS], tally[of.TOKENS]
    out[_WORDS], out[_TOKENS] = words, count
    out[_MEAN_WORD] = share(tally[of.WORD_LETTERS], words)
    out[_MEAN_WORD + 2] = share(tally[of.HASHES], count)
    out[_MEAN_WORD + 3] = share(tally[of.ELLIPSES], count)
    out[_ALPHA_TOKENS] = share(tally[of.ALPHA_TOKENS], count)
    out[_ALPHA_TOKENS + 1] = share(tally[of.ALPHA_WORDS], words)
    out[_SENTENCES] = p.sentences(tokens, 0, int(count))


@inner
def of_paragraphs(chars: int, tally: NDArray[np.int64], out: NDArray[np.float64]) -> None:
    """Repeated paragraphs; text of white space alone is one empty paragraph to datatrove."""
    whole = 1 if chars else 0
    out[_PARAGRAPHS] = share(tally[p.EXTRAS], max(tally[p.COUNT], whole))
    out[_PARAGRAPHS + 1] = share(tally[p.EXTRA_CHARS], chars)
    out[_DUP_DCLM] = share(tally[p.ALL], tally[p.COUNT])
    out[_DUP_DCLM + 1] = share(tally[p.ALL_CHARS], tally[p.CHARS])


@inner
def of_lines(
    points: NDArray[np.int32], chars: int, newlines: int, tokens: int, words: int, tally: NDArray[np.int64],
    out: NDArray[np.float64],
) -> None:  # fmt: skip
    """Signals of the visible lines of the raw text."""
    lines = tally[p.COUNT]
    out[_LINES], out[_LONGEST_LINE], out[_MEAN_LINE] = lines, tally[p.LONGEST], share(tally[p.CHARS], lines)
    before = 1 if chars and points[0] == 10 else 0
    after = 1 if chars and points[chars - 1] == 10 else 0
    pieces = lines + tally[p.BLANK_LINES] + before + after
    extras = tally[p.EXTRAS] + tally[p.BLANK_EXTRAS] + (1 if before and after else 0)
    out[_DUP_LINES] = share(extras, pieces)
    out[_DUP_LINES + 1] = share(tally[p.EXTRA_CHARS] + tally[p.BLANK_EXTRA_CHARS], chars)
    out[_DUP_DCLM + 2] = share(tally[p.ALL], lines)
    out[_DUP_DCLM + 3] = share(tally[p.ALL_CHARS], tally[p.CHARS])
    out[_BULLETS + 1] = share(tally[p.DCLM_BULLETS], lines)
    _fineweb(lines, newlines, tokens, chars - newlines, tally, out, _FINEWEB)
    out[_STRIPPED] = share(tally[p.ENDED_STRIPPED], lines)
    out[_ELLIPSIS_RPV2] = share(tally[p.ELLIPSIS], lines)
    out[_STOP_SHARE + 1] = share(tally[p.RPV2_ENDED], lines)
    out[_STOP_SHARE + 2] = share(tally[p.RPV2_BULLETS], lines)
    out[_STOP_SHARE + 3] = share(words, lines)


@inner
def _fineweb(
    lines: int, newlines: int, tokens: int, chars: int, tally: NDArray[np.int64], out: NDArray[np.float64], at: int
) -> None:
    out[at] = share(tally[p.ENDED], lines)
    out[at + 1] = share(tally[p.SHORT], lines)
    out[at + 2] = share(tally[p.EXTRA_CHARS], chars if lines else 0)
    out[at + 3] = share(newlines, tokens)


@inner
def of_c4(tally: NDArray[np.int64], out: NDArray[np.float64]) -> None:
    """Signals of the text after C4's line rules, and Gopher's of all lines."""
    out[_BULLETS] = share(tally[c4.BULLET_LINES], tally[c4.LINES])
    out[_BULLETS + 2] = share(tally[c4.ELLIPSIS_LINES], tally[c4.LINES])
    out[_C4], out[_C4 + 1] = tally[p.COUNT], tally[c4.TOKENS]
    _fineweb(tally[p.COUNT], max(0, tally[c4.KEPT] - 1), tally[c4.TOKENS], tally[p.CHARS], tally, out, _C4 + 2)
    out[_SENTENCES + 1], out[_SENTENCES + 2] = tally[c4.SENTENCES_DATATROVE], tally[c4.SENTENCES_ORIGINAL]


@inner
def short_words(
    points: NDArray[np.int32], chars: int, tokens: Tokens, different: int, which: int, anywhere: bool, short: StopTable,
    seen: NDArray[np.bool_], space: Room, out: NDArray[np.float64],
) -> None:  # fmt: skip
    """Distinct words of the short list among the `different` numbered tokens; with `anywhere` their occurrences too."""
    out[_STOP_WORDS] = out[_STOP_WORDS + 1] = np.nan
    if which < 0:
        return
    first, last = short.start[which], short.start[which] + short.mask[which] + 1
    for slot in range(first, last):
        seen[slot] = False
    if anywhere:
        out[_STOP_WORDS + 1] = _anywhere(points, chars, which, short, seen)
    for k in range(0 if anywhere else different):
        i = space.firsts[k]
        if tokens.length[i] <= LONGEST:
            slot = stop_slot(tokens.hash[i], which, short)
            if slot >= 0:
                seen[slot] = True
    distinct = 0
    for slot in range(first, last):
        distinct += seen[slot]
    out[_STOP_WORDS] = distinct


@inner
def frequent_words(
    hashes: NDArray[np.uint64], different: int, which: int, frequent: StopTable, raw: int, space: Room,
    out: NDArray[np.float64],
) -> None:  # fmt: skip
    """Occurrences of frequent words among the `different` numbered words; null without a list."""
    occurrences = 0
    for k in range(different if which >= 0 else 0):
        i = space.firsts[k]
        if stop_slot(hashes[i], which, frequent) >= 0:
            occurrences += space.counts[i]
    if which >= 0:
        out[_STOP_WORDS + 1] = occurrences
    out[_STOP_SHARE] = share(min(occurrences, raw), raw if which >= 0 else 0)


@inner
def _anywhere(points: NDArray[np.int32], chars: int, which: int, table: StopTable, seen: NDArray[np.bool_]) -> int:
    """Occurrences of listed words at any place of a text without spaces."""
    occurrences = 0
    longest = min(LONGEST, table.longest[which])
    for i in range(chars):
        if not table.opens[(which << 8) + (points[i] & 255)]:
            continue
        value = np.uint64(0)
        for k in range(i, min(chars, i + longest)):
            value = value * BASE + np.uint64(points[k] + 1)
            slot = stop_slot(value, which, table)
            if slot >= 0:
                seen[slot] = True
                occurrences += 1
    return occurrences


@inner
def of_words(
    tally: NDArray[np.int64], hashes: NDArray[np.uint64], words: int, different: int, space: Room,
    out: NDArray[np.float64],
) -> None:  # fmt: skip
    """Signals of the numbered normalised words."""
    lorem = 0
    letters = space.until[words]
    for i in range(words - 1):
        lorem += hashes[i] == _LOREM_HASH and hashes[i + 1] == _IPSUM_HASH
    out[_RPV2], out[_RPV2 + 1] = words, share(letters, words)
    out[_RPV2 + 2], out[_RPV2 + 3] = share(different, words), _entropy(words, different, space)
    out[_LOREM] = share(lorem, letters + max(0, words - 1))
    out[_DIGITS_RPV2] = share(min(tally[of.DIGITS], letters), letters)


@inner
def as_shares(chars: int, letters: int, out: NDArray[np.float64]) -> None:
    """Divide the characters of repeated n-grams by those of the text or of the normalised words."""
    for n in range(9):
        out[AT_TOP + n] = share(out[AT_TOP + n], chars)
        out[AT_TOP_RPV2 + n] = share(out[AT_TOP_RPV2 + n], letters)


@inner
def _entropy(words: int, different: int, space: Room) -> float:
    """Entropy of the distribution of the `different` words, in nats; NaN without one."""
    entropy = 0.0
    once = np.log(1 / words) / words if words else 0.0
    for k in range(different):
        count = space.counts[space.firsts[k]]
        part = count / words
        entropy -= part * np.log(part) if count > 1 else once
    return entropy if words else np.nan
