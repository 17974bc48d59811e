"""The `pii` family: personal data and secrets, counted per type, with their places in the text."""

from __future__ import annotations

import pyarrow as pa

from gristmill.signals.signal import Signal, count

PII_TYPES = (
    "email", "phone", "ipv4", "ipv6", "credit_card", "iban", "cn_resident_id", "us_ssn", "api_key", "private_key",
)  # fmt: skip
"""The code of a type in `pii_spans` is its place here."""

SPANS = pa.list_(pa.struct([("type", pa.int8()), ("start", pa.int32()), ("end", pa.int32())]))
"""Byte offsets in the raw UTF-8 text, `end` exclusive, sorted, without overlap."""

_DEFINITIONS = {
    "email": ("addresses outside reserved domains", "RFC 5321 dot-atoms and host names; RFC 2606 for reserved ones"),
    "phone": ("international, US and Chinese mobile numbers; any shape after a word such as tel",
              "ITU E.164 country codes, NANP"),
    "ipv4": ("dotted quads that are globally routable unicast", "IANA IPv4 special-purpose registry"),
    "ipv6": ("addresses in 2000::/3 that are not reserved", "IANA IPv6 special-purpose registry"),
    "credit_card": ("card numbers by issuer prefix, length and check digit", "ISO/IEC 7812 (Luhn)"),
    "iban": ("account numbers by country length and check digits", "ISO 13616 (mod 97-10)"),
    "cn_resident_id": ("18 characters with province, birth date and check digit", "GB 11643-1999 (mod 11-2)"),
    "us_ssn": ("social security numbers outside unassigned ranges", "US Social Security Administration, 2011"),
    "api_key": ("keys of known providers, JSON web tokens, assigned random values", "the providers' published forms"),
    "private_key": ("PEM blocks", "RFC 7468"),
}  # fmt: skip

PII: tuple[Signal, ...] = (
    *(count(f"pii_{kind}", "spans", *_DEFINITIONS[kind]) for kind in PII_TYPES),
    Signal("pii_spans", SPANS, "byte offsets", "type (place in PII_TYPES), start and end of each span", "ours"),
)
