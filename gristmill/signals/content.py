"""The `content` family: listed words, place holders, damage of encodings, code, entropy, compressibility."""

from __future__ import annotations

from gristmill.signals.signal import Signal, count, number, share

_LIST = "no list for the language"
_EMPTY = "empty text"
_LDNOOBW = "LDNOOBW word lists (Shutterstock); C4 and mC4 drop pages with one"

CONTENT: tuple[Signal, ...] = (
    count("ldnoobw_words", "occurrences", "listed words and phrases of the language, between characters that are no "
          "word characters; in Chinese, Japanese and Thai anywhere; mC4's allow-list aside", _LDNOOBW, null=_LIST),
    count("ldnoobw_distinct", "words", "different listed words and phrases that occur", _LDNOOBW, null=_LIST),
    count("lorem_ipsum", "occurrences", "'lorem ipsum', any case of a-z", "C4 (Raffel et al. 2020)"),
    count("curly_brackets", "characters", "{ and }", "C4 (Raffel et al. 2020)"),
    count("javascript", "occurrences", "'javascript', any case of a-z", "C4 (Raffel et al. 2020)"),
    count("replacement_chars", "characters", "U+FFFD: bytes that a decoder did not understand", "ours"),
    count("mojibake_pairs", "pairs", "UTF-8 read as Windows-1252 or Latin-1: a lead letter (Â, Ã, â, ...) and what a "
          "continuation byte becomes", "ours, after the idea of ftfy"),
    count("c1_controls", "characters", "U+0080 to U+009F but U+0085: Windows-1252 read as Latin-1", "ours"),
    count("control_chars", "characters", "U+0000 to U+001F but tab, line feed, carriage return; U+007F", "ours"),
    count("bidi_controls", "characters", "overrides and isolates of writing direction", "ours"),
    share("encoding_damage_share", "characters / characters", "replacement characters, both of mojibake pairs, C1 "
          "and control characters", "ours", null=_EMPTY),
    count("urls", "occurrences", "http://, https:// or www. and what follows to the next white space or bracket",
          "ours"),
    share("url_char_share", "characters / characters", "of these", "NeMo Curator Urls", null=_EMPTY),
    share("code_char_share", "characters / visible characters", "{ } [ ] ( ) < > = ; \\ | & $ ^ ~ ` _ and *", "ours",
          null="no visible character"),
    share("code_line_share", "lines / visible lines", "lines that end with { } ; or ), or start with #, $, //, /*, * "
          "or <, and hold a code character each 8 characters or more often", "ours", null="no visible line"),
    number("char_entropy", "bits / character", "entropy of the distribution of code points (those from U+10000 on "
           "by their low 16 bits)", "Shannon (1948)", null=_EMPTY),
    share("compression_ratio", "bytes / bytes", "size after a greedy LZ4-like parse (4-byte matches, 64 KiB window, 13 "
          "hash bits) over size before; at most 1", "ours; LZ4 block format for the sizes", null=_EMPTY),
)  # fmt: skip
