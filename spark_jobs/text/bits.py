"""Machine instructions that numba has no name for; places are not checked, the caller knows that they are inside."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.extending import intrinsic
from numpy.typing import NDArray

_BYTE, _WORD = ir.IntType(8), ir.IntType(64)
_EIGHT_BYTES, _EIGHT_POINTS = ir.VectorType(_BYTE, 8), ir.VectorType(ir.IntType(32), 8)


def _pointer(context: Any, builder: Any, array: Any, argument: Any, place: Any, to: ir.Type) -> Any:
    """array[place], as the address of a `to`."""
    start = builder.gep(context.make_array(array)(context, builder, argument).data, [place])
    return builder.bitcast(start, to.as_pointer())


def _eight_bytes(typing_context: Any, data: Any, place: Any) -> Any:

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.load(_pointer(context, builder, signature.args[0], arguments[0], arguments[1], _WORD), align=1)

    return types.uint64(data, types.int64), build


def _put_eight_bytes(typing_context: Any, data: Any, place: Any, value: Any) -> Any:

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        target = _pointer(context, builder, signature.args[0], arguments[0], arguments[1], _WORD)
        builder.store(arguments[2], target, align=1)
        return context.get_dummy_value()

    return types.void(data, types.int64, types.uint64), build


def _widen_eight(typing_context: Any, data: Any, place: Any, out: Any, at: Any) -> Any:

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        source = _pointer(context, builder, signature.args[0], arguments[0], arguments[1], _EIGHT_BYTES)
        target = _pointer(context, builder, signature.args[2], arguments[2], arguments[3], _EIGHT_POINTS)
        builder.store(builder.zext(builder.load(source, align=1), _EIGHT_POINTS), target, align=4)
        return context.get_dummy_value()

    return types.void(data, types.int64, out, types.int64), build


def _trailing_zeros(typing_context: Any, value: Any) -> Any:

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 0))

    return types.int64(types.uint64), build


eight_bytes: Callable[[NDArray[np.uint8], int], np.uint64] = cast(Any, intrinsic(_eight_bytes))
"""data[place:place + 8] as one little-endian number, wherever it lies."""

put_eight_bytes: Callable[[NDArray[np.uint8], int, np.uint64], None] = cast(Any, intrinsic(_put_eight_bytes))
"""Write a number to data[place:place + 8], so that `eight_bytes` reads it there."""

widen_eight: Callable[[NDArray[np.uint8], int, NDArray[np.int32], int], None] = cast(Any, intrinsic(_widen_eight))
"""out[at:at + 8] = data[place:place + 8]"""

trailing_zeros: Callable[[np.uint64], int] = cast(Any, intrinsic(_trailing_zeros))
"""Zero bits below the lowest set bit; 64 for 0."""
