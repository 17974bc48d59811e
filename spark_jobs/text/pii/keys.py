"""Secrets: keys of known providers, values assigned to names such as api_key, and private keys in PEM blocks."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from spark_jobs.text.kernel import leaf
from spark_jobs.text.pii.kinds import ALNUM, ALPHA, DIGIT, WORD, ascii_bytes, matches

_HYPHEN, _DOT, _UNDERSCORE = 45, 46, 95
_LONGEST_NAME = 24
_SHORTEST_VALUE = 20
_RANDOM_BITS = 3.5
"""Bits per character from which a value counts as random; English words have less at this length."""

_GITHUB, _PAT, _LIVE = ascii_bytes("github"), ascii_bytes("pat_"), ascii_bytes("live_")
_SK, _RK, _XOX, _GH, _AI, _EY = (ascii_bytes(word) for word in ("sk", "rk", "xox", "gh", "AI", "ey"))
_IA, _BEGIN, _END, _PRIVATE = (ascii_bytes(word) for word in ("IA", "-----BEGIN ", "-----END ", "PRIVATE KEY-----"))
_DASHES = _BEGIN[:5]
_NAMES = tuple(
    ascii_bytes(name)
    for name in ("apikey", "api_key", "api-key", "secretkey", "secret_key", "secret-key", "accesskey", "access_key",
                 "access-key", "secret", "token", "api_token", "auth_key")
)  # fmt: skip


@leaf
def key(data: NDArray[np.uint8], lo: int, at: int, hi: int) -> tuple[int, int]:
    """(start, end) of the provider's key that has its rarest byte at `at`, or (-1, -1)."""
    byte = data[at]
    if byte == _UNDERSCORE:
        return _underscored(data, lo, at, hi)
    if byte == _HYPHEN:
        return _hyphened(data, lo, at, hi)
    if byte == 74:
        return _web_token(data, lo, at, hi)
    start = at - 1 if byte == 75 else at - 2
    if start < lo or not _free(data, lo, start):
        return -1, -1
    end = _run(data, at + 1, hi)
    if byte == 75:
        aws = data[start] == 65 and matches(data, at + 1, hi, _IA) and end - start == 20
        return (start, end) if aws and _upper(data, start, end) else (-1, -1)
    google = matches(data, start, hi, _AI) and at + 1 < hi and data[at + 1] == 97 and end - start == 39
    return (start, end) if google else (-1, -1)


@leaf
def _free(data: NDArray[np.uint8], lo: int, start: int) -> bool:
    return start == lo or not (WORD[data[start - 1]] or data[start - 1] == _HYPHEN)


@leaf
def _run(data: NDArray[np.uint8], start: int, hi: int) -> int:
    """Where the letters, digits, single hyphens and underscores from `start` on end."""
    while start < hi and (WORD[data[start]] or (data[start] == _HYPHEN and data[start - 1] != _HYPHEN)):
        start += 1
    return start


@leaf
def _upper(data: NDArray[np.uint8], start: int, end: int) -> bool:
    for i in range(start, end):  # noqa: SIM110 - numba compiles no generator
        if not (DIGIT[data[i]] or (ALPHA[data[i]] and data[i] < 97)):
            return False
    return True


@leaf
def _mixed(data: NDArray[np.uint8], start: int, end: int) -> bool:
    """Whether there is a capital and a small letter, which names of packages do not have."""
    capital = small = False
    for i in range(start, end):
        capital = capital or 65 <= data[i] <= 90
        small = small or 97 <= data[i] <= 122
    return capital and small


@leaf
def _plain(data: NDArray[np.uint8], start: int, end: int) -> bool:
    for i in range(start, end):  # noqa: SIM110
        if not ALNUM[data[i]]:
            return False
    return True


@leaf
def _underscored(data: NDArray[np.uint8], lo: int, at: int, hi: int) -> tuple[int, int]:
    """GitHub's ghp_, gho_, ghu_, ghs_, ghr_ and github_pat_; Stripe's sk_live_ and rk_live_."""
    start = at - 2
    if start >= lo and matches(data, at + 1, hi, _LIVE) and _free(data, lo, start):
        end = _run(data, at + 6, hi)
        stripe = matches(data, start, hi, _SK) or matches(data, start, hi, _RK)
        return (start, end) if stripe and end - at > 21 and _plain(data, at + 6, end) else (-1, -1)
    start = at - 3
    if start >= lo and matches(data, start, hi, _GH) and _free(data, lo, start):
        end = _run(data, at + 1, hi)
        return (start, end) if end - at > 36 and _plain(data, at + 1, end) else (-1, -1)
    start = at - 6
    if start >= lo and matches(data, start, hi, _GITHUB) and matches(data, at + 1, hi, _PAT) and _free(data, lo, start):
        end = _run(data, at + 5, hi)
        return (start, end) if end - at > 40 else (-1, -1)
    return -1, -1


@leaf
def _hyphened(data: NDArray[np.uint8], lo: int, at: int, hi: int) -> tuple[int, int]:
    """Slack's xoxb- and its like; sk- of OpenAI and others that took it over."""
    start = at - 2
    if start >= lo and matches(data, start, hi, _SK) and _free(data, lo, start):
        end = _run(data, at + 1, hi)
        mixed = _random(data, at + 1, end) and _mixed(data, at + 1, end)
        return (start, end) if end - at > 20 and mixed else (-1, -1)
    start = at - 4
    if start >= lo and matches(data, start, hi, _XOX) and ALPHA[data[at - 1]] and _free(data, lo, start):
        end = _run(data, at + 1, hi)
        return (start, end) if end - at > 20 and DIGIT[data[at + 1]] else (-1, -1)
    return -1, -1


@leaf
def _web_token(data: NDArray[np.uint8], lo: int, at: int, hi: int) -> tuple[int, int]:
    """A JSON web token: three parts of base64 with dots between, the first two of which begin with eyJ."""
    start = at - 2
    if start < lo or not matches(data, start, hi, _EY) or not _free(data, lo, start):
        return -1, -1
    end = _run(data, at, hi)
    if end - start < 12 or end >= hi or data[end] != _DOT or not matches(data, end + 1, hi, _EY):
        return -1, -1
    second = end + 1
    end = _run(data, second, hi)
    if end - second < 12 or end >= hi or data[end] != _DOT:
        return -1, -1
    third = end + 1
    end = _run(data, third, hi)
    return (start, end) if end - third >= 16 else (-1, -1)


@leaf
def assigned(data: NDArray[np.uint8], lo: int, at: int, hi: int) -> tuple[int, int]:
    """(start, end) of a random value after the = or : at `at` and a name that ends with api_key or the like."""
    name = at
    while name > lo and at - name < 3 and (data[name - 1] == 32 or data[name - 1] == 34 or data[name - 1] == 39):
        name -= 1
    if not _secret_name(data, lo, name):
        return -1, -1
    start = at + 1
    while start < hi and start - at < 6 and (data[start] == 32 or data[start] == 34 or data[start] == 39 or
                                             data[start] == 61 or data[start] == 62):  # fmt: skip
        start += 1
    end = start
    while end < hi and (WORD[data[end]] or 43 <= data[end] <= 47) and data[end] != 44:
        end += 1
    while end > start and data[end - 1] == _DOT:
        end -= 1
    if end - start < _SHORTEST_VALUE or not _random(data, start, end):
        return -1, -1
    padded = end
    while padded < hi and padded - end < 2 and data[padded] == 61:
        padded += 1
    return start, (end if padded < hi and (WORD[data[padded]] or data[padded] == 91) else padded)


@leaf
def _secret_name(data: NDArray[np.uint8], lo: int, end: int) -> bool:
    """Whether the word before `end` ends, in any case, with one of the names."""
    found = False
    for name in _NAMES:
        start = end - len(name)
        if found or start < lo:
            continue
        found = True
        for k in range(len(name)):
            byte = data[start + k]
            found = found and (byte | 32 if ALPHA[byte] else byte) == name[k]
    return found


@leaf
def _random(data: NDArray[np.uint8], start: int, end: int) -> bool:
    """Whether there are letters and digits, and _RANDOM_BITS of entropy per character among the first 256."""
    end = min(end, start + 256)
    letters = digits = 0
    bits = 0.0
    for i in range(start, end):
        same = 0
        for k in range(start, end):
            same += data[k] == data[i]
        bits -= math.log2(same / (end - start)) / (end - start)
        letters += ALPHA[data[i]]
        digits += DIGIT[data[i]]
    return letters > 0 and digits > 0 and bits >= _RANDOM_BITS


@leaf
def private_key(data: NDArray[np.uint8], at: int, hi: int) -> int:
    """End of the PEM block of a private key that begins at `at`, or -1.

    A block without its end line reaches to the last run of 32 base64 characters. One that has no such run is not
    a key but text about keys.
    """
    if not matches(data, at, hi, _BEGIN):
        return -1
    i = at + len(_BEGIN)
    label = i
    while i < hi and i - label < 40 and (data[i] == 32 or (ALNUM[data[i]] and data[i] < 97)):
        i += 1
    begin = i - len(_PRIVATE) + len(_DASHES)
    if begin < label or not matches(data, begin, hi, _PRIVATE):
        return -1
    i += len(_DASHES)
    run = 0
    last = -1
    while i < hi and not matches(data, i, hi, _DASHES):
        run = run + 1 if ALNUM[data[i]] or data[i] == 43 or data[i] == 47 or data[i] == 61 else 0
        if run >= 32:
            last = i + 1
        if not (run or _pem_filler(data[i])):
            return last
        i += 1
    if last < 0 or not matches(data, i, hi, _END):
        return last
    i += len(_END)
    stop = min(hi, i + 60)
    while i < stop and not matches(data, i, hi, _DASHES) and data[i] != 10:
        i += 1
    return i + len(_DASHES) if matches(data, i, hi, _DASHES) else last


@leaf
def _pem_filler(byte: int) -> bool:
    """White space, what headers hold (: , - .) and the backslash of an escaped line end."""
    return byte in (9, 10, 13, 32, 44, 45, 46, 58, 92)
