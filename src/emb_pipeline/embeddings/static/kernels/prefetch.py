"""A hint to the processor that a row of a matrix will be needed soon: it is fetched while other rows are worked on."""

from __future__ import annotations

from typing import Any

import numba as nb
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

_CACHE_LINE = 16
"""Numbers of float32."""


@intrinsic  # type: ignore[untyped-decorator]
def _fetch_line(typing_context: Any, row: Any, place: Any) -> Any:
    signature = types.void(row, types.intp)

    def generated(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        address = builder.bitcast(builder.gep(array.data, [arguments[1]]), ir.PointerType(ir.IntType(8)))
        flags = [ir.IntType(32)(flag) for flag in (1, 3, 1)]  # to be written; into all caches; data
        kind = ir.FunctionType(ir.VoidType(), [address.type, *(flag.type for flag in flags)])
        builder.call(builder.module.declare_intrinsic("llvm.prefetch", (address.type,), kind), [address, *flags])
        return context.get_dummy_value()

    return signature, generated


@nb.njit(nogil=True, boundscheck=False, inline="always")  # type: ignore[untyped-decorator]
def fetch(row):  # type: ignore[no-untyped-def]
    """Fetch a contiguous row of float32."""
    for place in range(0, row.shape[0], _CACHE_LINE):
        _fetch_line(row, place)  # type: ignore[call-arg, arg-type]
