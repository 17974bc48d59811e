"""Words and figures as a person reads them. Crawled text becomes one harmless line; escaping is the template's."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from jinja2 import Undefined

_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u034f\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff"
    "\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e0fff]"
)
NOTHING = "–"


def safe(text: object, length: int = 300) -> str:
    """Untrusted text on one line, without control, direction and invisible characters, cut to `length`."""
    clean = " ".join(_UNSAFE.sub("", str(text or "")[: 8 * length]).split())
    return clean if len(clean) <= length else clean[: length - 1] + "…"


def figure(value: object) -> str:
    """A figure with at most four digits that count; a dash for one that was not measured."""
    if isinstance(value, Undefined) or value is None:
        return NOTHING
    if isinstance(value, bool) or not isinstance(value, int | float):
        return safe(value)
    if not math.isfinite(value):
        return str(value)
    if value == int(value) or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.6f}".rstrip("0").rstrip(".") if abs(value) < 0.001 else f"{value:.4g}"


def compact(value: float) -> str:
    """A figure of an axis: three digits that count, thousands and more by a letter."""
    for letter, scale in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if abs(value) >= scale:
            return f"{value / scale:.3g}{letter}"
    return figure(float(f"{value:.3g}"))


def percent(value: object) -> str:
    """A share between 0 and 1 as a percentage; a dash for one that was not measured."""
    if not isinstance(value, int | float) or not math.isfinite(value):
        return NOTHING
    return f"{100 * value:.1f} %" if value == 0 or abs(value) >= 0.0005 else f"{100 * value:.2g} %"


def points(value: object) -> str:
    """A difference of shares in percentage points; a dash for one that was not measured."""
    return percent(value).replace(" %", " points")


def size(value: object) -> str:
    """Bytes in the largest decimal unit of which there is one."""
    if not isinstance(value, int | float):
        return NOTHING
    amount = float(value)
    for unit in ("bytes", "kB", "MB", "GB"):
        if abs(amount) < 1000:
            return f"{amount:.0f} {unit}" if unit == "bytes" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:,.1f} TB"


def duration(seconds: object) -> str:
    """Seconds as a person says them."""
    if not isinstance(seconds, int | float):
        return NOTHING
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:,.1f} h"


def moment(text: object) -> str:
    """An ISO 8601 time to the minute; a dash for none."""
    if isinstance(text, Undefined) or not text:
        return NOTHING
    return safe(text, 40).replace("T", " ")[:16]


def counted(count: int, thing: str) -> str:
    """`1 check`, `2 checks`."""
    return f"{count:,} {thing}" if count == 1 else f"{count:,} {thing}s"


def decided(rule: str, value: object, threshold: object) -> str:
    """What a rule saw in a document that it removed."""
    if rule == "exact_duplicate":
        return "another document has the same text"
    if rule == "url_duplicate":
        return "another document has the same address"
    if rule == "near_duplicate":
        return f"another document is like it: similarity {figure(value)}, removed from {figure(threshold)} on"
    return f"value {figure(value)}, threshold {figure(threshold)}"


def bounds(bound: Mapping[str, Any]) -> str:
    """What a check allows: `0`, `0.1 or less`, `more than 1`, `0.2 to 0.4`."""
    low, high, strict = bound.get("min"), bound.get("max"), bound.get("strict")
    if low is not None and high is not None:
        return figure(low) if low == high else f"{figure(low)} to {figure(high)}"
    if low is not None:
        return f"more than {figure(low)}" if strict else f"{figure(low)} or more"
    if high is not None:
        return f"less than {figure(high)}" if strict else f"{figure(high)} or less"
    return NOTHING
