"""How the kernels that allocate nothing are compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba import njit

F = TypeVar("F", bound=Callable[..., object])


def leaf(function: F) -> F:
    """Compile a kernel that makes no array: without reference counts, calls of small functions cost half as much."""
    return cast(F, cast(Any, njit)(cache=True, nogil=True, _nrt=False)(function))
