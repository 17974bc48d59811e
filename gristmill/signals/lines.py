"""The `lines` family: which lines published line rules drop, as bit masks, and why.

Lines are those of Python's `str.splitlines` (all Unicode line ends), as in the published code. Bit i of a mask,
the least significant of byte i // 8 first, is set where line i is dropped; `apply_line_mask` in
`spark_jobs.text.lines` edits a text by it. A line counts for the first rule that drops it. `line_hashes` are what
lines that many pages of a host share are found by.
"""

from __future__ import annotations

import pyarrow as pa

from gristmill.signals.signal import Signal, count, flag, share

_ORIGINAL = "C4 (Raffel et al. 2020), code of TFDS: 5 words, an end mark"
_DATATROVE = "C4 as in datatrove 0.10.1: 3 words, without the end-mark rule (as FineWeb runs it)"
_DCLM = "DCLM (Li et al. 2024) after RefinedWeb (Penedo et al. 2023, G.2)"

_LONG = "a run of more than 1,000 code points between white space"
_SCRIPT = "the word 'javascript', any case"
_POLICY = "terms of use, privacy policy, cookie policy, uses cookies, use of cookies or use cookies, any case"
_LOREM = "a line that passes the rules before has 'lorem ipsum', any case"
_CURLY = "a line that passes the rules before has {"


def _mask(name: str, source: str) -> Signal:
    return Signal(name, pa.binary(), "bits", "set where the line is dropped; no trailing zero byte", source)


def _c4(name: str, source: str, words: int) -> tuple[Signal, ...]:
    return (
        count(f"{name}_dropped_lines", "lines", "lines dropped for any reason", source),
        share(f"{name}_dropped_char_share", "code points / code points of lines", "of the lines dropped", source,
              null="empty text"),
        count(f"{name}_long_word_lines", "lines", _LONG, source),
        count(f"{name}_few_word_lines", "lines", f"fewer than {words} runs between white space, citations counted",
              source),
        count(f"{name}_javascript_lines", "lines", _SCRIPT, source),
        count(f"{name}_policy_lines", "lines", _POLICY, source),
        flag(f"{name}_lorem_ipsum", _LOREM, source),
        flag(f"{name}_curly_bracket", _CURLY, source),
    )  # fmt: skip


LINES: tuple[Signal, ...] = (
    _mask("c4_original", _ORIGINAL),
    _mask("c4_datatrove", _DATATROVE),
    _mask("refinedweb", _DCLM),
    Signal("line_hashes", pa.list_(pa.uint64()), "48-bit hash << 16 | bytes", "one per line, equal for equal "
           "lines in lower case, digit runs as 0, white space collapsed; 0 for a blank line", "ours", "folded lines"),
    count("split_lines", "lines", "lines by str.splitlines, blank ones too", "ours"),
    count("citations", "markers", "[n], [], [edit] and [citation needed]: removed from kept lines under C4", _ORIGINAL),
    count("c4_original_no_end_mark_lines", "lines", "no . ? ! \" at the end, or ... there", _ORIGINAL),
    *_c4("c4_original", _ORIGINAL, 5),
    *_c4("c4_datatrove", _DATATROVE, 3),
    count("refinedweb_dropped_lines", "lines", "visible lines dropped for any reason", _DCLM),
    share("refinedweb_dropped_word_share", "words / words", "runs between white space of the lines dropped", _DCLM,
          null="no word"),
    count("refinedweb_uppercase_lines", "lines", "more than half of the characters are capitals", _DCLM),
    count("refinedweb_numeric_lines", "lines", "digits alone, white space aside", _DCLM),
    count("refinedweb_counter_lines", "lines", "a number and a word such as likes, shares or comments", _DCLM),
    count("refinedweb_one_word_lines", "lines", "one word; not asked of scripts without spaces", _DCLM),
    count("refinedweb_boilerplate_lines", "lines", "of at most 10 words: starts with sign-in, ends with read more..., "
          "or holds items in cart, any case", _DCLM),
)  # fmt: skip
