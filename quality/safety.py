"""Output safety: what a reader of the corpus would mind, sought in a seeded sample of its texts.

The detectors are plain `re`, written apart from the kernels that mask, so that a hole in those shows here. They look
for forms that are hardly anything else and leave out what masking leaves alone on purpose (docs/pii.md): reserved
domains, private addresses, quads that may be versions. Metrics name documents by id; no text leaves this module.

Power: a fault in one of 500 documents is in a sample of 2,000 with probability 1 - (1 - 1/500)^2000 = 98 percent, one
in 670 with 95.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gristmill.lake import Lake
from quality.audit_sample import sample, values_of
from quality.evaluation_sets import Grams, contained, load

if TYPE_CHECKING:
    from quality.metrics.rows import Metrics

SAMPLE = 2000
SEED = 0x73616665

_EMAIL = re.compile(
    r"(?<![\w.%+-])[A-Za-z0-9][A-Za-z0-9._%+-]{0,63}(?<!\.)@((?:[A-Za-z0-9][A-Za-z0-9-]{0,62}\.)+[A-Za-z]{2,24})(?![\w-])"
)
_RESERVED = re.compile(r"(^|\.)(example(\.(com|org|net))?|test|invalid|localhost|local)$", re.IGNORECASE)
_FILE = re.compile(r"\.(png|jpe?g|gif|svg|webp|bmp|avif|ico|js|ts|css|html?|tgz|zip|mp4|pdf)$", re.IGNORECASE)
_QUAD = re.compile(r"(?<![\w.\-/=#&$+£¥€￥])(?:\d{1,3}\.){3}\d{1,3}(?![\w\-/%@]|\.\w)", re.ASCII)
_CARD = re.compile(
    r"(?<![\w.\-/=#&$+£¥€￥])(?:(?:4\d{3}|5[1-5]\d{2}|6011)([ -]?)\d{4}\1\d{4}\1\d{4}|3[47]\d{13})"
    r"(?![\w\-/%@]|\.\d)", re.ASCII,
)  # fmt: skip
_KEYS = re.compile(
    r"(?<![\w-])(?:AKIA[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{36}|xox[abprs]-\d(?:-?[A-Za-z0-9]){19,}"
    r"|AIza(?:[A-Za-z0-9_]|-(?!-)){35}|[sr]k_live_[A-Za-z0-9]{16,})(?![\w-])"
)
_PEM = re.compile(
    r"-----BEGIN [A-Z0-9 ]{0,28}PRIVATE KEY-----(?:(?!-----)[\t\n\r A-Za-z0-9+/=:,.\\-])*?[A-Za-z0-9+/=]{32}"
)
"""With a run of base64: a header alone is text about keys. It is sought no further than the next five hyphens."""

WINDOW = 40
"""Bytes before a number in which a word says what it is (docs/pii.md)."""


def _word(ascii_words: str, other: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![a-z])(?:{ascii_words})(?![a-z])|{other}", re.IGNORECASE | re.ASCII)


_VERSION = _word(
    "versions?|ver|v|release|build|firmware|revision|rev|section|chapter|clause|chrome|firefox|safari|opera|android"
    "|ios|windows|linux|kernel|java|flash|player|driver", "§|版本|バージョン|버전|версия",
)  # fmt: skip
_ADDRESS = _word("ips?|ipv4|address|server|host|dns|ping|addr|gateway|nameserver", "地址|服务器")
_OTHER = _word(
    "orders?|invoice|tracking|isbn|issn|sku|serial|item|model|ref|reference|ticket|case|doi|ean|upc|barcode"
    "|part number|part no|patent|article|docket|batch|lot|timestamp|bestellnummer|pedido|commande",
    "订单|单号|运单|快递|流水号|编号|型号|條碼|条形码|注文|品番|주문|заказ",
)  # fmt: skip
_PAYS = _word(
    "cards?|visa|mastercard|amex|maestro|unionpay|cc|credit|debit|carte|tarjeta|karte|kreditkarte|carta",
    "cartão|卡号|银行卡|信用卡|储蓄卡|カード|카드|карта|карты",
)


def safety(metrics: Metrics, lake: Lake, corpus: str, evaluation: Sequence[Path]) -> None:
    """Personal data and secrets left per 1,000 sampled documents, and documents that hold an evaluation set's words.

    Raises UserError for an evaluation file that cannot be read.
    """
    manifest = lake.manifest(corpus)
    ids = lake.read(corpus, ["doc_id"]).column("doc_id").to_numpy()
    chosen = ids[sample(ids, SAMPLE, SEED)]
    text_metrics(metrics, values_of(lake, manifest, chosen), load(evaluation))


def text_metrics(metrics: Metrics, texts: Mapping[int, str], sets: Mapping[str, Grams]) -> None:
    """The figures of `safety` of these texts, by doc_id."""
    count = len(texts)
    found: dict[str, list[int]] = {kind: [] for kind in DETECTORS}
    for doc_id, text in sorted(texts.items()):
        for kind, detect in DETECTORS.items():
            if next(detect(text), None) is not None:
                found[kind].append(doc_id)
    marked = sorted({doc_id for ids in found.values() for doc_id in ids})
    metrics.total("safety", "sampled", count)
    metrics.total("safety", "pii_per_1000", 1000 * len(marked) / count if count else None, count)
    metrics.per_key("safety", "pii_documents", "type", {kind: len(ids) for kind, ids in found.items()})
    secret = [doc_id for kind in ("api_key", "private_key") for doc_id in found[kind]]
    metrics.total("safety", "secrets", len(secret) if count else None, count)
    places = [(f"{kind} {doc_id}", 1.0) for kind, ids in found.items() for doc_id in ids[:10]]
    metrics.series("safety", "pii_documents", "document", places)
    _evaluation(metrics, texts, sets)


def _evaluation(metrics: Metrics, texts: Mapping[int, str], sets: Mapping[str, Grams]) -> None:
    holding: dict[str, list[int]] = {name: [] for name in sets}
    for doc_id, text in sorted(texts.items()):
        for name in contained(text, sets):
            holding[name].append(doc_id)
    known = len({doc_id for ids in holding.values() for doc_id in ids}) if sets and texts else None
    metrics.total("safety", "evaluation_documents", known, len(texts))
    metrics.per_key("safety", "evaluation_documents", "set", {name: len(ids) for name, ids in holding.items()})
    places = [(f"{name} {doc_id}", 1.0) for name, ids in holding.items() for doc_id in ids[:10]]
    metrics.series("safety", "evaluation_documents", "document", places)


def emails(text: str) -> Iterator[str]:
    """Addresses outside reserved domains and file names."""
    for found in _EMAIL.finditer(text) if "@" in text else ():
        if is_address(found[1]):
            yield found[0]


def is_address(host: str) -> bool:
    """Whether what stands behind an @ can be a person's: no reserved domain, no file name such as icon@2x.png."""
    return not _RESERVED.search(host) and not _FILE.search(host)


def public_addresses(text: str) -> Iterator[str]:
    """Globally routable IPv4 addresses that are no version: not all below 64, nor after a word that says so alone."""
    for found in _QUAD.finditer(text):
        parts = [int(part) for part in found[0].split(".")]
        if max(parts) > 255 or max(parts) < 64 or any(p != str(int(p)) for p in found[0].split(".")):
            continue
        address, before = ipaddress.IPv4Address(found[0]), _before(text, found.start())
        version = _VERSION.search(before) and not _ADDRESS.search(before)
        if address.is_global and not address.is_multicast and not version:
            yield found[0]


def cards(text: str) -> Iterator[str]:
    """Numbers of the great card issuers whose check digit is right (Luhn, ISO/IEC 7812-1), not those of an order."""
    for found in _CARD.finditer(text):
        digits = [int(c) for c in found[0] if c.isdigit()]
        doubled = sum(sum(divmod(2 * d, 10)) for d in digits[-2::-2])
        if len(set(digits)) == 1 or (sum(digits[-1::-2]) + doubled) % 10:
            continue
        before = _before(text, found.start())
        if _PAYS.search(before) or not _OTHER.search(before):
            yield found[0]


def _before(text: str, start: int) -> str:
    """What may say what the number at `start` is: behind the last digit, @ or placeholder, in its line or, of a
    number that begins a line, the one before."""
    window = text[max(0, start - WINDOW) : start].encode()[-WINDOW:].decode("utf-8", "ignore")
    return re.split(r"[\n0-9@\]]", window.removesuffix("\n"))[-1]


def _plain(pattern: re.Pattern[str]) -> Callable[[str], Iterator[str]]:
    return lambda text: (found[0] for found in pattern.finditer(text))


DETECTORS: Mapping[str, Callable[[str], Iterator[str]]] = {
    "email": emails, "ipv4": public_addresses, "credit_card": cards, "api_key": _plain(_KEYS),
    "private_key": _plain(_PEM),
}  # fmt: skip
"""Type -> what finds its spans in a text."""
