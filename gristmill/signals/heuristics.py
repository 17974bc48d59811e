"""The `heuristics` family: words, lines and repetition as the published rules measure them.

Words ("tokens") are those of `spark_jobs.text.words`: white space, then the English rules of punctuation,
contractions and abbreviations; text without spaces is cut by a stated rule. A suffix names the rules whose
variant a signal is; a second suffix `_c4` says that it measures the text after C4's line rules.
"""

from __future__ import annotations

import pyarrow as pa

from gristmill.signals.signal import Signal, count, flag, number, share

C4_LINES = "after C4's line rules as datatrove has them, without the end-mark rule"

_GOPHER = "Gopher (Rae et al. 2021, A1.1) as in datatrove 0.10.1"
_REPETITION = "Gopher (Rae et al. 2021, Table A1) as in datatrove 0.10.1"
_FINEWEB = "FineWeb (Penedo et al. 2024) as in datatrove 0.10.1"
_DCLM = "DCLM (Li et al. 2024), after RefinedWeb (Penedo et al. 2023)"
_RPV2 = "RedPajama-V2 (Weber et al. 2024)"
_DOLMA = "Dolma (Soldaini et al. 2024), gopher_v2"
_C4 = "C4 (Raffel et al. 2020)"
_NO_WORDS = "no word"
_NO_TOKENS = "no token"
_NO_LINES = "no visible line"
_NO_LIST = "no list of stop words for the language"
_EMPTY = "empty text"

GENERAL: tuple[Signal, ...] = (
    count("bytes", "bytes", "length in UTF-8", "ours"),
    count("chars", "code points", "length", "ours"),
    count("words", "words", "tokens that hold more than punctuation", _GOPHER),
    count("tokens", "tokens", "words and punctuation marks, blank ones aside; the denominator of most word shares",
          _GOPHER),
    count("lines", "lines", "lines (split at \\n) with a visible character", _FINEWEB),
    Signal("script", pa.string(), "name", "the script of most letters, 'Other' where there is none", "ours"),
    flag("words_measurable", "most letters are of scripts that put spaces between words; else words come from the "
         "segmentation rule", "ours"),
    count("longest_word_chars", "code points", "longest run between white space", _C4),
    count("longest_line_chars", "code points", "longest line (split at \\n)", "Data-Juicer maximum_line_length"),
    number("mean_line_chars", "code points / lines", "mean length of visible lines, unstripped",
           "Data-Juicer average_line_length", null=_NO_LINES),
    share("alpha_char_share", "letters / visible characters", "letters, and marks of scripts without spaces", "ours",
          null="no visible character"),
    share("digit_char_share", "digits / visible characters", "decimal digits of any script", "ours",
          null="no visible character"),
    share("alnum_char_share", "letters and digits / characters", "white space counts in the denominator",
          "NeMo Curator, Data-Juicer alphanumeric", null=_EMPTY),
    share("space_char_share", "white space / characters", "all Unicode white space", "NeMo Curator WhiteSpace",
          null=_EMPTY),
    share("punctuation_char_share", "punctuation and symbols / visible characters", "Unicode categories P and S",
          "ours", null="no visible character"),
    share("parenthesis_char_share", "parentheses / characters", "( and )", "NeMo Curator Parentheses", null=_EMPTY),
    share("uppercase_letter_share", "capitals / cased letters", "Lu and Lt of the letters that have case", "ours",
          null="no cased letter"),
)  # fmt: skip
"""For any use; the other groups follow a publication."""

GOPHER_QUALITY: tuple[Signal, ...] = (
    number("mean_word_chars", "code points / words", "mean length of `words`", _GOPHER, null=_NO_WORDS),
    number("median_word_chars_dolma", "code points", "median length of the runs between white space", _DOLMA,
           null="no visible character"),
    number("hashes_per_token_datatrove", "# / tokens", "the character # counted in the text", _GOPHER,
           null=_NO_TOKENS),
    number("ellipses_per_token_datatrove", "ellipses / tokens", "'...' (not overlapping) and '…' counted in the text",
           _GOPHER, null=_NO_TOKENS),
    share("symbol_word_share_dolma", "runs with # or … / runs between white space", "a run counts once", _DOLMA,
          null="no visible character"),
    share("bullet_line_share_datatrove", "lines / lines", "lines that start with • or - after white space; blank "
          "lines count, all Unicode line ends split", _GOPHER, null=_EMPTY),
    share("bullet_line_share_dclm", "lines / visible lines", "lines that start with ●, •, * or -", _DCLM,
          null=_NO_LINES),
    share("ellipsis_line_share_datatrove", "lines / lines", "lines that end with '...' or '…' before white space; "
          "blank lines count, all Unicode line ends split", _GOPHER, null=_EMPTY),
    share("alpha_token_share_datatrove", "tokens / tokens", "tokens with a letter; punctuation is in the denominator",
          _GOPHER, null=_NO_TOKENS),
    share("alpha_word_share", "words / words", "words with a letter: the share of the paper, without punctuation",
          "Gopher (Rae et al. 2021, A1.1)", null=_NO_WORDS),
    count("stop_words_distinct", "words", "different stop words of the language among the tokens, case-sensitive; "
          "English has the eight of Gopher, Chinese the 22 of FineWeb-2", _GOPHER, null=_NO_LIST),
    count("stop_words_dclm", "tokens", "stop words, each occurrence, any case", _DCLM, null=_NO_LIST),
)  # fmt: skip
"""Rules of Gopher's quality filter, and their namesakes elsewhere."""

GOPHER_REPETITION: tuple[Signal, ...] = (
    share("dup_paragraph_share_datatrove", "paragraphs / paragraphs", "second and later occurrences; paragraphs part "
          "at 2 or more \\n of the stripped text", _REPETITION, null=_EMPTY),
    share("dup_paragraph_char_share_datatrove", "code points / code points of the text",
          "characters of repeated paragraphs, first occurrences aside", _REPETITION, null=_EMPTY),
    share("dup_line_share_datatrove", "lines / lines", "second and later occurrences; lines part at runs of \\n of "
          "the unstripped text, an empty first or last one counts", _REPETITION, null=_EMPTY),
    share("dup_line_char_share_datatrove", "code points / code points of the text",
          "characters of repeated lines, first occurrences aside", _REPETITION, null=_EMPTY),
    *(number(f"top_{n}gram_char_share_datatrove", "code points / code points of the text", f"occurrences of the most "
             f"frequent {n}-gram of tokens (the first of equals) times its length with single spaces; one occurrence "
             "counts, overlaps count twice, so it can exceed 1", _REPETITION, null=f"fewer than {n} tokens")
      for n in (2, 3, 4)),
    *(share(f"dup_{n}gram_char_share_datatrove", "code points / code points of the text", f"a scan from the left "
            f"that jumps {n} tokens at a known {n}-gram and counts its characters without spaces, which understates",
            _REPETITION, null=_EMPTY)
      for n in range(5, 11)),
    share("dup_paragraph_share_dclm", "paragraphs / paragraphs", "all occurrences of paragraphs that occur twice; "
          "blank ones aside", _DCLM, null="no visible paragraph"),
    share("dup_paragraph_char_share_dclm", "code points / code points of paragraphs", "as above, in characters", _DCLM,
          null="no visible paragraph"),
    share("dup_line_share_dclm", "lines / visible lines", "all occurrences of lines that occur twice", _DCLM,
          null=_NO_LINES),
    share("dup_line_char_share_dclm", "code points / code points of visible lines", "as above, in characters", _DCLM,
          null=_NO_LINES),
)  # fmt: skip
"""Rules of Gopher's repetition filter. The n-gram shares of DCLM are those of RedPajama-V2 below."""

_FW = (
    ("end_mark_line_share_fineweb", "lines / visible lines", "lines that end (unstripped) with a terminal mark of any "
     "script"),
    ("short_line_share_fineweb", "lines / visible lines", "lines of at most 30 code points, unstripped"),
    ("dup_line_char_share_fineweb", "code points / code points without \\n", "characters of second and later "
     "occurrences of lines, unstripped"),
    ("newlines_per_token_fineweb", "\\n / tokens", "line breaks, blank lines too"),
)  # fmt: skip


def _fineweb(suffix: str, view: str) -> tuple[Signal, ...]:
    *shares, (name, unit, meaning) = _FW
    measured = [share(n + suffix, u, m, _FINEWEB, view, _NO_LINES) for n, u, m in shares]
    return (*measured, number(name + suffix, unit, meaning, _FINEWEB, view, null=_NO_TOKENS))


FINEWEB: tuple[Signal, ...] = (
    *_fineweb("", "raw"),
    count("lines_c4", "lines", "visible lines", _FINEWEB, C4_LINES),
    count("tokens_c4", "tokens", "tokens", _FINEWEB, C4_LINES),
    *_fineweb("_c4", C4_LINES),
    share("end_mark_line_share_stripped", "lines / visible lines", "as FineWeb, but white space, quotes and brackets "
          "after the mark are passed over", "ours", null=_NO_LINES),
)  # fmt: skip
"""FineWeb's own rules; its recipe runs them on what C4's line rules left. FineWeb-2 runs them on the raw text."""

C4: tuple[Signal, ...] = (
    count("sentences", "sentences", "a token that is a sentence mark, then one that is none, starts a new one",
          "datatrove 0.10.1 (rule-based sentence splitter)"),
    count("sentences_c4_datatrove", "sentences", "sum over the kept lines", "C4 as in datatrove 0.10.1", C4_LINES),
    count("sentences_c4_original", "sentences", "sum over the kept lines", "C4, code of TFDS; sentences as above",
          "after C4's line rules as in TFDS: 5 words and an end mark"),
)  # fmt: skip
"""Page rules of C4 that need tokens; those that look at characters alone are in the `lines` family."""

RPV2: tuple[Signal, ...] = (
    count("words_rpv2", "words", "normalised words: punctuation removed, lower case, split at white space; text "
          "without spaces by the segmentation rule", _RPV2 + " rps_doc_word_count"),
    number("mean_word_chars_rpv2", "code points / words", "normalised words, not decomposed",
           _RPV2 + " rps_doc_mean_word_length", null=_NO_WORDS),
    share("unique_word_share_rpv2", "distinct words / words", "normalised", _RPV2 + " rps_doc_frac_unique_words",
          null=_NO_WORDS),
    number("unigram_entropy_rpv2", "nats", "entropy of the distribution of normalised words",
           _RPV2 + " rps_doc_unigram_entropy", null=_NO_WORDS),
    count("sentences_rpv2", "sentences", "runs between . ! ? that start with a word character",
          _RPV2 + " rps_doc_num_sentences", null="script without these marks (words_measurable is false)"),
    share("curly_bracket_char_share_rpv2", "{ and } / characters", "counted in the text",
          _RPV2 + " rps_doc_curly_bracket", null=_EMPTY),
    share("all_caps_word_share_rpv2", "words / raw words", "all cased letters are capitals, and there is one; raw "
          "words are runs of word characters and runs of other visible characters",
          _RPV2 + " rps_doc_frac_all_caps_words", null="no cased letter, or no word"),
    share("no_alpha_word_share_rpv2", "words / raw words", "raw words without a letter a-z or A-Z",
          _RPV2 + " rps_doc_frac_no_alph_words",
          null="script is not Latin (published value: 1), most letters are of scripts without spaces, or no word"),
    share("lorem_ipsum_char_share_rpv2", "occurrences / normalised characters", "'lorem ipsum' in normalised text",
          _RPV2 + " rps_doc_lorem_ipsum", null=_NO_WORDS),
    number("symbols_per_word_rpv2", "#, ... and … / raw words", "counted in the text",
           _RPV2 + " rps_doc_symbol_to_word_ratio", null=_NO_WORDS),
    share("ellipsis_line_share_rpv2", "lines / visible lines", "lines that end with '...' or '…'",
          _RPV2 + " rps_doc_frac_lines_end_with_ellipsis", null=_NO_LINES),
    share("stop_word_share_rpv2", "tokens / raw words", "stop words, each occurrence, any case",
          _RPV2 + " rps_doc_stop_word_fraction; the jusText lists", null=_NO_LIST),
    share("end_mark_line_share_rpv2", "lines / visible lines", "lines that end with . ! ? or ”",
          _RPV2 + " rps_lines_ending_with_terminal_punctution_mark, mean", null=_NO_LINES),
    share("bullet_line_share_rpv2", "lines / visible lines", "lines that start with one of ten bullets; en dash is "
          "one, - is none", _RPV2 + " rps_lines_start_with_bulletpoint, mean", null=_NO_LINES),
    number("words_per_line_rpv2", "words / visible lines", "normalised words", _RPV2 + " rps_lines_num_words, mean",
           null=_NO_LINES),
    share("digit_char_share_rpv2", "digits / characters of normalised words", "over the document",
          _RPV2 + " rps_lines_numerical_chars_fraction, whole document", null=_NO_WORDS),
    share("uppercase_char_share_rpv2", "capitals / characters", "over the document",
          _RPV2 + " rps_lines_uppercase_letter_fraction, whole document", null="no cased letter"),
    *(number(f"top_{n}gram_char_share_rpv2", "code points / code points of words", f"occurrences of the most frequent "
             f"{n}-gram of normalised words (the longest of equals) times its characters; one occurrence is 0",
             _RPV2 + f" rps_doc_frac_chars_top_{n}gram, and DCLM", null=_NO_WORDS)
      for n in (2, 3, 4)),
    *(share(f"dup_{n}gram_char_share_rpv2", "code points / code points of words", f"words that any repeated {n}-gram "
            "of normalised words covers, each counted once",
            _RPV2 + f" rps_doc_frac_chars_dupe_{n}grams, and DCLM", null=_NO_WORDS)
      for n in range(5, 11)),
)  # fmt: skip
"""RedPajama-V2's annotations that need no model; line annotations as one figure per document."""

HEURISTICS: tuple[Signal, ...] = (*GENERAL, *GOPHER_QUALITY, *GOPHER_REPETITION, *FINEWEB, *C4, *RPV2)
