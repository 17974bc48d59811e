"""English words that the rules of punctuation would cut wrongly: contractions, abbreviations, clock times, smileys.

The set is that of spaCy 3.8's English tokenizer, so that counts of words agree with systems that use it.
"""

from __future__ import annotations

from functools import lru_cache

_PRONOUNS = {
    "i": ("'m", "'ma", "'ve"), "you": ("'ve", "'re"), "he": ("'s",), "she": ("'s",), "it": ("'s",),
    "we": ("'ve", "'re"), "they": ("'ve", "'re"),
}  # fmt: skip
_SHARED = ("'ll", "'ll've", "'d", "'d've")
_ASKING = "who what when where why how there that this these those"
_VERBS_NOT_HAVE = "ca could do does did had may might must need ought sha should wo would"
_VERBS_NOT = "ai are is was were have has dare"
_VERBS_HAVE = "could might must should would"
_DROPPED_G = "doin goin nothin nuthin ol somethin havin lovin"
_NO_CONTRACTION = "Ill ill Its its Hell hell Shell shell Shed shed were Were Well well Whore whore"

_SPLIT = (
    "y'|all y|all how|'d|'y How|'d|'y not|'ve not|ve Not|'ve Not|ve can|not Can|not gon|na Gon|na got|ta Got|ta "
    "let|'s Let|'s c'm|on C'm|on °|c|. °|f|. °|k|. °|C|. °|F|. °|K|."
)
_WHOLE = (
    "'S 's ‘S ‘s and/or w/o 're 'Cause 'cause 'cos 'Cos 'coz 'Coz 'cuz 'Cuz 'bout ma'am Ma'am o'clock O'clock em 'em "
    "ll 'll nuff 'nuff 'd a.m. p.m. Mt. Ak. Ala. Apr. Ariz. Ark. Aug. Calif. Colo. Conn. Dec. Del. Feb. Fla. Ga. Ia. "
    "Id. Ill. Ind. Jan. Jul. Jun. Kan. Kans. Ky. La. Mar. Mass. Mich. Minn. Miss. N.C. N.D. N.H. N.J. N.M. N.Y. Neb. "
    "Nebr. Nev. Nov. Oct. Okla. Ore. Pa. S.C. Sep. Sept. Tenn. Va. Wash. Wis. Adm. Bros. co. Co. Corp. D.C. Dr. e.g. "
    "E.g. E.G. Gen. Gov. i.e. I.e. I.E. Inc. Jr. Ltd. Md. Messrs. Mo. Mont. Mr. Mrs. Ms. Ph.D. Prof. Rep. Rev. Sen. "
    "St. vs. v.s. — ' \\\") <space> '' C++ \\t \\n ä. ö. ü."
)
_SMILEYS = (
    r":) :-) :)) :-)) :))) :-))) (: (-: =) (= :] :-] [: [-: [= =] :o) (o: :} :-} 8) 8-) (-8 ;) ;-) (; (-; :( :-( :(( "
    r":-(( :((( :-((( ): )-: =( >:( :') :'-) :'( :'-( :/ :-/ =/ =| :| :-| ]= =[ :1 :P :-P :p :-p :O :-O :o :-o :0 :-0 "
    r":() >:o :* :-* :3 :-3 =3 :> :-> :X :-X :x :-x :D :-D ;D ;-D =D xD XD xDD XDD 8D 8-D ^_^ ^__^ ^___^ >.< >.> <.< "
    r"._. ;_; -_- -__- v.v V.V v_v V_V o_o o_O O_o O_O 0_o o_0 0_0 o.O O.o O.O o.o 0.0 o.0 0.o @_@ <3 <33 <333 </3 "
    r"(^_^) (-_-) (._.) (>_<) (*_*) (¬_¬) ಠ_ಠ ಠ︵ಠ (ಠ_ಠ) ¯\(ツ)/¯ (╯°□°）╯︵┻━┻ ><(((*>"
)


@lru_cache(maxsize=1)
def exceptions() -> dict[str, tuple[str, ...]]:
    """Run of characters between white space and punctuation -> the words it is cut into, in order."""
    found: dict[str, tuple[str, ...]] = {}
    for word, endings in _contractions():
        parts = (word, *endings)
        found["".join(parts)] = parts
        bare = (word, *(ending.replace("'", "") for ending in endings))
        found["".join(bare)] = bare
    for hour in range(1, 13):
        for half in ("a.m.", "am", "p.m.", "pm"):
            found[f"{hour}{half}"] = (str(hour), half)
    for cut in _SPLIT.split():
        found[cut.replace("|", "")] = tuple(cut.split("|"))
    letters = [f"{letter}." for letter in "abcdefghijklmnopqrstuvwxyz"]
    for whole in (
        *_WHOLE.split(),
        *_SMILEYS.split(),
        *letters,
        *_both(_DROPPED_G),
        *(w + "'" for w in _both(_DROPPED_G)),
    ):
        found[whole] = (whole,)
    for word in _NO_CONTRACTION.split():
        found.pop(word, None)
    typographic = {word.replace("'", "’"): tuple(p.replace("'", "’") for p in parts) for word, parts in found.items()}
    return typographic | found


def _both(words: str) -> list[str]:
    return [word for lower in words.split() for word in (lower, lower.title())]


def _contractions() -> list[tuple[str, tuple[str, ...]]]:
    """(word, endings): "they", ("'d", "'ve")."""
    made: list[tuple[str, str]] = []
    made += [(p, e) for pronoun, own in _PRONOUNS.items() for p in _both(pronoun) for e in (*_SHARED, *own)]
    for word in _both(_ASKING):
        plural = word.lower() in ("these", "those")
        endings = [
            *_SHARED,
            *(() if plural else ("'s",)),
            *(() if word.lower() in ("that", "this") else ("'re", "'ve")),
        ]
        made += [(word, ending) for ending in endings]
    made += [(verb, ending) for verb in _both(_VERBS_NOT_HAVE) for ending in ("n't", "n't've")]
    made += [(verb, "n't") for verb in _both(_VERBS_NOT)]
    made += [(verb, "'ve") for verb in _both(_VERBS_HAVE)]
    return [(word, _cut(ending)) for word, ending in made]


def _cut(ending: str) -> tuple[str, ...]:
    if ending == "'ma":
        return ("'m", "a")
    head, have, _ = ending.partition("'ve")
    return tuple(part for part in (head, have) if part)
