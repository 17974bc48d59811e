"""Personal data and secrets in one compiled pass over an Arrow string buffer.

The scan stops at bytes that every example of a type has (a digit, an @, a colon, some letters of key prefixes)
and looks around them, within fixed bounds or over bytes that it does not visit again: time is linear in the input.
A document with spans is looked at again as it will be when masked, so that masking once is enough.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numba import njit
from numpy.typing import NDArray

from gristmill.signals.pii import PII, PII_TYPES, SPANS
from spark_jobs.text.kernel import leaf
from spark_jobs.text.pii import kinds
from spark_jobs.text.pii.context import SAYS_IP, context
from spark_jobs.text.pii.identity import card, iban, resident_id, ssn
from spark_jobs.text.pii.keys import assigned, key, private_key
from spark_jobs.text.pii.kinds import ALPHA, ANCHOR, NONE, WORD
from spark_jobs.text.pii.network import address_may_follow, dotted_quad, email, ipv4, ipv6
from spark_jobs.text.pii.numbers import GROUPS, PLUS, SLASH, digits_end, glued_left, parse_groups, total
from spark_jobs.text.pii.phone import phone
from spark_jobs.text.pii.settle import fill, merge
from spark_jobs.text.unicode import utf8_buffers

_SHORTEST = 6
"""Bytes of the shortest span, which bounds their number."""

_LONGEST_RUN = 40

_ROUNDS = 16
"""Of looking again at the masked text of a document; one or two do, save for chains made on purpose."""


def pii(doc_id: pa.Array, text: pa.Array) -> pa.Table:
    """The `pii` signals of n documents: a count per type, and the spans as byte offsets in each document."""
    offsets, data = utf8_buffers(text)
    rows = len(offsets) - 1
    # No placeholder is three times as long as the shortest span.
    scratch = np.empty(3 * int(np.diff(offsets).max(initial=0)), np.uint8)
    found, bounds = _scan(offsets, _readonly(data), scratch, _readonly(scratch))
    row = np.repeat(np.arange(rows), np.diff(bounds))
    counts = np.zeros((rows, len(PII_TYPES)), np.int32)
    np.add.at(counts, (row, found[:, 0]), 1)
    fields = [pa.array(found[:, 0].astype(np.int8)), pa.array(found[:, 1]), pa.array(found[:, 2])]
    items = pa.StructArray.from_arrays(fields, fields=list(SPANS.value_type))
    spans = pa.ListArray.from_arrays(pa.array(bounds), items, type=SPANS)
    schema = pa.schema([pa.field("doc_id", pa.int64(), nullable=False), *(signal.field for signal in PII)])
    columns = [pa.array(counts[:, kind]) for kind in range(len(PII_TYPES))]
    return pa.table([doc_id, *columns, spans], schema=schema)


def _readonly(data: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The same bytes as an array that cannot be written; a kernel is compiled anew for each kind."""
    view = data.view()
    view.flags.writeable = False
    return view


@njit(cache=True, nogil=True)
def _scan(
    offsets: NDArray[np.int64], data: NDArray[np.uint8], scratch: NDArray[np.uint8], masked: NDArray[np.uint8]
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """(spans (n x 3: type, start, end), where the spans of each document begin (rows + 1)).

    `masked` is `scratch`, three times the longest document, as an array that cannot be written.
    """
    rows = len(offsets) - 1
    longest = 0
    for row in range(rows):
        longest = max(longest, offsets[row + 1] - offsets[row])
    spans = np.empty((longest // _SHORTEST + 1, 3), np.int64)
    more = np.empty_like(spans)
    groups = np.empty((GROUPS, 3), np.int64)
    found = np.empty((1024, 3), np.int32)
    bounds = np.zeros(rows + 1, np.int32)
    count = 0
    # Not the literal 0, which is a type of its own for which everything would be compiled again.
    start = rows - rows
    for row in range(rows):
        lo = offsets[row]
        hi = offsets[row + 1]
        new = _scan_document(data, lo, hi, spans, groups)
        for _ in range(_ROUNDS if new else 0):
            size = fill(data, lo, hi, spans, new, scratch)
            shown = _scan_document(masked, start, size, more, groups)
            if not shown:
                break
            new = merge(spans, new, lo, more, shown)
        while count + new > len(found):
            larger = np.empty((2 * len(found), 3), np.int32)
            larger[:count] = found[:count]
            found = larger
        for k in range(new):
            found[count + k, 0], found[count + k, 1], found[count + k, 2] = (
                spans[k, 0],
                spans[k, 1] - lo,
                spans[k, 2] - lo,
            )
        count += new
        bounds[row + 1] = count
    return found[:count].copy(), bounds


@leaf
def _scan_document(
    data: NDArray[np.uint8], lo: int, hi: int, spans: NDArray[np.int64], groups: NDArray[np.int64]
) -> int:
    """Fill `spans` (type, start, end in `data`) from data[lo:hi]; their number.

    A type that is seen only at its middle (email) takes over what it overlaps of the spans before it.
    """
    count = 0
    i = lo
    while i < hi:
        anchor = ANCHOR[data[i]]
        if anchor == 0:
            i += 1
            continue
        kind, start, end = _look(data, lo, hi, i, anchor, groups)
        if kind != NONE:
            while count and spans[count - 1, 2] > start:
                start = min(start, spans[count - 1, 1])
                count -= 1
            spans[count, 0], spans[count, 1], spans[count, 2] = kind, start, end
            count += 1
        i = end
    return count


@leaf
def _look(
    data: NDArray[np.uint8], lo: int, hi: int, i: int, anchor: int, groups: NDArray[np.int64]
) -> tuple[int, int, int]:
    """(type, start, end) of what the anchor at `i` belongs to; or (NONE, i, where to go on)."""
    kind = NONE
    start = end = -1
    if anchor == kinds.ANCHOR_DIGIT:
        return _number(data, lo, hi, i, groups)
    if anchor == kinds.ANCHOR_OPEN:
        return _opened(data, lo, hi, i, groups)
    if anchor == kinds.ANCHOR_AT:
        kind = kinds.EMAIL
        start, end = email(data, lo, i, hi)
    elif anchor == kinds.ANCHOR_KEY:
        kind = kinds.API_KEY
        start, end = key(data, lo, i, hi)
        if end < 0 and data[i] == 45:
            kind, start, end = kinds.PRIVATE_KEY, i, private_key(data, i, hi)
    else:
        if anchor == kinds.ANCHOR_COLON:
            kind = kinds.IPV6
            start, end = ipv6(data, lo, i, hi)
        if end < 0:
            kind = kinds.API_KEY
            start, end = assigned(data, lo, i, hi)
    return (kind, start, end) if end > 0 else (NONE, i, i + 1)


@leaf
def _opened(
    data: NDArray[np.uint8], lo: int, hi: int, i: int, groups: NDArray[np.int64]
) -> tuple[int, int, int]:  # fmt: skip
    """A telephone number that begins with a plus sign or a bracket."""
    if data[i] == PLUS and i > lo and (WORD[data[i - 1]] or data[i - 1] == 93):
        return NONE, i, i + 1
    count = parse_groups(data, i + 1, hi, groups)
    if total(groups, 0, count) < 7:
        return NONE, i, i + 1
    end = phone(data, i, hi, groups, count, context(data, lo, i))
    return (kinds.PHONE, i, end) if end > 0 else (NONE, i, i + 1)


@leaf
def _number(
    data: NDArray[np.uint8], lo: int, hi: int, i: int, groups: NDArray[np.int64]
) -> tuple[int, int, int]:  # fmt: skip
    """What begins with the run of digits at `i`; without any, the scan goes on behind the run."""
    run = digits_end(data, i, hi)
    if run - i > _LONGEST_RUN:
        return NONE, i, run
    if i - 2 >= lo and ALPHA[data[i - 1]] and ALPHA[data[i - 2]]:
        end = iban(data, lo, i - 2, hi)
        return (kinds.IBAN, i - 2, end) if end > 0 else (NONE, i, run)
    glued = glued_left(data, lo, i)
    if glued and not address_may_follow(data, lo, i):
        return NONE, i, run
    end = -1 if glued else resident_id(data, i, run, hi)
    if end > 0:
        return kinds.RESIDENT_ID, i, end
    count = parse_groups(data, i, hi, groups)
    if total(groups, 0, count) < 7 and not dotted_quad(data, groups, count):
        return NONE, i, run
    says = context(data, lo, i) | (SAYS_IP if glued and data[i - 1] == SLASH else 0)
    kind, end = _grouped(data, hi, i, groups, count, says, glued)
    return (kind, i, end) if end > 0 else (NONE, i, run)


@leaf
def _grouped(
    data: NDArray[np.uint8], hi: int, i: int, groups: NDArray[np.int64], count: int, says: int, glued: bool
) -> tuple[int, int]:
    """(type, end) of the first type that the groups fit, or end -1. `glued`: only an address may stand here."""
    end = ipv4(data, hi, groups, count, says)
    if end > 0 or glued:
        return kinds.IPV4, end
    end = card(data, hi, groups, count, says)
    if end > 0:
        return kinds.CARD, end
    end = ssn(data, hi, groups, count, says)
    if end > 0:
        return kinds.SSN, end
    return kinds.PHONE, phone(data, i, hi, groups, count, says)
