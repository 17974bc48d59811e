"""The `language` family: the language of a text, of its paragraphs, and its scripts."""

from __future__ import annotations

import pyarrow as pa

from gristmill.signals.signal import Signal, count, share

_MODEL = "fastText lid.176.ftz (Joulin et al. 2016), 176 languages"
_HEAD = "first 3,000 characters, white space runs as one space"
_PARAGRAPHS = "up to 8 paragraphs, 128 characters of each"

_CODES = """
    af als am an ar arz as ast av az azb ba bar bcl be bg bh bn bo bpy br bs bxr ca cbk ce ceb ckb co cs cv cy
    da de diq dsb dty dv el eml en eo es et eu fa fi fr frr fy ga gd gl gn gom gu gv he hi hif hr hsb ht hu hy
    ia id ie ilo io is it ja jbo jv ka kk km kn ko krc ku kv kw ky la lb lez li lmo lo lrc lt lv mai mg mhr min
    mk ml mn mr mrj ms mt mwl my myv mzn nah nap nds ne new nl nn no oc or os pa pam pfl pl pms pnb ps pt qu rm
    ro ru rue sa sah sc scn sco sd sh si sk sl so sq sr su sv sw ta te tg th tk tl tr tt tyv ug uk ur uz vec vep
    vi vls vo wa war wuu xal xmf yi yo yue zh
"""
LANGUAGES = frozenset(_CODES.split())
"""The codes that the model can give; beside them there is `und`, which is none of them."""


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
