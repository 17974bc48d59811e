"""How the kernels that allocate nothing are compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba import njit

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
