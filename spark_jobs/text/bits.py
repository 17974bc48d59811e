"""Two machine instructions that numba has no name for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.extending import intrinsic
from numpy.typing import NDArray

_BYTES, _WORD = ir.IntType(8).as_pointer(), ir.IntType(64)


def _eight_bytes(typing_context: Any, data: Any, place: Any) -> Any:

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        start = builder.gep(builder.bitcast(array.data, _BYTES), [arguments[1]])
        return builder.load(builder.bitcast(start, _WORD.as_pointer()), align=1)

    return types.uint64(data, types.int64), build


def _trailing_zeros(typing_context: Any, value: Any) -> Any:

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 0))

    return types.int64(types.uint64), build


eight_bytes: Callable[[NDArray[np.uint8], int], np.uint64] = cast(Any, intrinsic(_eight_bytes))
"""data[place:place + 8] as one little-endian number, wherever it lies; the caller knows that it is inside."""

trailing_zeros: Callable[[np.uint64], int] = cast(Any, intrinsic(_trailing_zeros))
"""Zero bits below the lowest set bit; 64 for 0."""
