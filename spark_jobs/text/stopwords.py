"""The commonest words of some languages. English: the eight of Gopher (Rae et al. 2021, A1.1)."""

from __future__ import annotations

STOP_WORDS: dict[str, str] = {
    "en": "the be to of and that have with",
    "fr": "de la le et les des en un du que est pour",
    "de": "der die und in den von zu das mit sich des auf",
    "es": "de la que el en y a los del se las por",
    "pt": "de a o que e do da em um para é com",
    "it": "di e il la che in a per un del è non",
    "nl": "de van het een en in te dat is op voor met",
    "tr": "ve bir bu için ile de da olarak olan daha",
    "ru": "и в не на что с по как это для из к",
    "pl": "w i na z się do nie to że o jest za",
    "sv": "och i att en det som på är av för med",
    "da": "og i at det en den til er som på de med",
}
"""Language -> words. Where a language is absent, the signal is null and no rule over it applies."""
