"""Personal data in strings that no span covers: addresses and titles of pages, masked where they are shown.

The detectors of quality.safety, and a wider one for e-mail: what is masked for nothing costs a reader little here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import unquote

from quality.safety import DETECTORS, is_address
from quality.views.words import safe

_HOST = re.compile(r"(?:[\w-]{1,63}\.){1,8}[^\W\d_]{2,24}")
_LOCAL = re.compile(r"""[^\s@/?&=:;,#<>()\[\]{}|"']+$""")
_PHONE = re.compile(
    r"(?<![\w+])(?:\+|00)[1-9](?:[ ().-]{0,2}\d){7,13}(?!\d)"
    r"|(?<![\w/=#&.$-])(?:1[ .-])?(?:\(\d{3}\) ?|\d{3}[.-])\d{3}[.-]\d{4}(?![\w-])"
    r"|(?:(?<![a-z])(?:tel|phone|telephone|telefon|mobile|fax|whatsapp)|电话|電話|тел)[=:. /]{1,3}"
    r"(?P<number>\(?\d(?:[ ().-]{0,2}\d){6,14})(?!\d)", re.IGNORECASE | re.ASCII,
)  # fmt: skip
"""With a country code (ITU E.164), in the form of the United States, or any after a word that says so."""

_IBAN = re.compile(
    r"(?<![A-Za-z0-9])(?:[A-Z]{2}\d{2}(?: [A-Z0-9]{4}){2,7}(?: [A-Z0-9]{1,3})?|(?i:[A-Z]{2}\d{2}[A-Z0-9]{11,30}))"
    r"(?![A-Za-z0-9])", re.ASCII,
)  # fmt: skip
_DELIMITERS = str.maketrans("=&?#/", "     ")
_ROUNDS = 3
"""Of percent-encoding; a percent sign that was encoded any number of times counts as one."""


def masked_text(text: object, length: int = 300) -> str:
    """Like `safe`, with a placeholder for each e-mail address, phone number, IBAN, card, public address and key.

    Percent-encoding is undone where something is found, and stays as it was otherwise.
    """
    whole = str(text or "")
    # Before the cut, which could leave half an address, and after the taking out of what could part one.
    plain = safe(_decoded(whole), len(whole) + 1)
    found = sorted(_personal(plain), key=lambda each: -len(each[1]))
    for kind, part in found:
        plain = plain.replace(part, f"[{kind}]")
    return safe(plain if found else whole, length)


def _decoded(text: str) -> str:
    for _ in range(_ROUNDS if "%" in text else 0):
        text = unquote(re.sub("%(?:25)+", "%", text))
    return text


def _personal(text: str) -> Iterator[tuple[str, str]]:
    """(type, what is to be masked)."""
    for at in re.finditer("@", text):
        host = _HOST.match(text, at.end())
        local = _LOCAL.search(text[max(0, at.start() - 64) : at.start()])
        if host and local and is_address(host[0]):
            yield "email", f"{local[0]}@{host[0]}"
    for phone in _PHONE.finditer(text):
        yield "phone", phone["number"] or phone[0]
    for iban in _IBAN.finditer(text):
        if _checked(iban[0].replace(" ", "")):
            yield "iban", iban[0]
    for kind, detect in DETECTORS.items():
        # A parameter of an address may be a card; the safety gate, which counts, leaves those alone.
        yield from ((kind, part) for part in detect(text.translate(_DELIMITERS) if kind == "credit_card" else text))


def _checked(number: str) -> bool:
    """The check digits of an IBAN (ISO 13616, mod 97-10)."""
    return int("".join(str(int(c, 36)) for c in number[4:] + number[:4])) % 97 == 1
