"""The `language` family: the language of a text, of its paragraphs, and its scripts."""

from __future__ import annotations

import pyarrow as pa

from gristmill.signals.signal import Signal, count, share

_MODEL = "fastText lid.176.ftz (Joulin et al. 2016), 176 languages"
_HEAD = "first 3,000 characters, white space runs as one space"
_PARAGRAPHS = "up to 8 paragraphs, 128 characters of each"


def _shares(name: str) -> pa.DataType:
    return pa.list_(pa.struct([(name, pa.string()), ("share", pa.float32())]))


LANGUAGE: tuple[Signal, ...] = (
    Signal("language", pa.string(), "ISO 639 code", "most probable language, 'und' for text without a letter", _MODEL,
           _HEAD),
    share("score", "probability", "of that language", _MODEL, _HEAD),
    count("paragraphs_identified", "paragraphs", "lines of 40 letters or more that the model read: where there are "
          "more than 8, evenly spaced ones", "ours", _PARAGRAPHS),
    Signal("paragraph_languages", _shares("language"), "bytes / bytes", "share of each language in the bytes of those "
           "paragraphs, greatest first, up to 4", _MODEL, _PARAGRAPHS),
    share("main_language_share", "bytes / bytes", "share of `language` among these paragraphs", _MODEL, _PARAGRAPHS,
          null="no paragraph identified"),
    Signal("scripts", _shares("script"), "letters / letters", "share of each script in the letters, greatest first, "
           "up to 4", "Unicode character names"),
    share("main_script_share", "letters / letters", "share of the commonest script", "Unicode character names",
          null="no letter"),
)  # fmt: skip
