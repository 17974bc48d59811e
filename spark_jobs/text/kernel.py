"""How the kernels that allocate nothing are compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np
from numba import njit
from numpy.typing import NDArray

F = TypeVar("F", bound=Callable[..., object])
_LEAF = {"cache": True, "nogil": True, "_nrt": False}
_INNER = _LEAF | {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}


def leaf(function: F) -> F:
    """Compile a kernel that makes no array: without reference counts, calls of small functions cost half as much."""
    return cast(F, cast(Any, njit)(**_LEAF)(function))


def inner(function: F) -> F:
    """A `leaf` that only kernels call: what Python would need to call it is not compiled."""
    return cast(F, cast(Any, njit)(**_INNER)(function))


def inlined(function: F) -> F:
    """An `inner` put into its callers: a call that hands over many arrays costs more than a small function does."""
    return cast(F, cast(Any, njit)(**_INNER, forceinline=True)(function))


@inlined
def eight_bytes(wide: NDArray[np.uint64], at: int) -> np.uint64:
    """The eight bytes from byte `at` on of little-endian numbers, of which one more is read."""
    word, shift = at >> 3, np.uint64((at & 7) * 8)
    return np.uint64(wide[word] >> shift | (wide[word + 1] << np.uint64(1)) << (np.uint64(63) - shift))


@inlined
def put_eight_bytes(wide: NDArray[np.uint64], at: int, value: np.uint64) -> None:
    """Write eight bytes from byte `at` on; the bytes behind them, up to the end of a number, become 0."""
    word, shift = at >> 3, np.uint64((at & 7) * 8)
    below = (np.uint64(1) << shift) - np.uint64(1)
    wide[word] = (wide[word] & below) | value << shift
    wide[word + 1] = (value >> np.uint64(1)) >> (np.uint64(63) - shift)
