"""What compiled loops need beyond Python: addresses as arrays, reading ahead, writing past the caches, float16."""

from __future__ import annotations

from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

LANES = 8
"""Floats that are moved at once, `WIDTH` bytes."""
WIDTH = 4 * LANES
_VECTOR = ir.VectorType(ir.FloatType(), LANES)


def _to_pointer(typing_context: Any, address: Any) -> Any:
    """An address as a void pointer, which `carray` turns into an array."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], cgutils.voidptr_t)

    return types.voidptr(types.intp), code


def _to_prefetch(typing_context: Any, address: Any) -> Any:
    """Ask for the bytes at an address without waiting for them; harmless whatever the address."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        number = ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [cgutils.voidptr_t, number, number, number])
        function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
        pointer = builder.inttoptr(arguments[0], cgutils.voidptr_t)
        builder.call(function, [pointer, number(0), number(3), number(1)])  # to read, to keep close, data
        return context.get_dummy_value()

    return types.void(types.intp), code


def _to_float(typing_context: Any, number: Any) -> Any:
    """A float32 as it is, or that of the bits (uint16) of a float16."""
    if number == types.float32:
        return number(number), lambda context, builder, signature, arguments: arguments[0]

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        word, real = ir.IntType(32), ir.FloatType()
        bits = builder.zext(arguments[0], word)
        size = builder.shl(builder.and_(bits, word(0x7FFF)), word(13))
        # the exponents differ by 112: as a factor it is right for the smallest numbers, too
        finite = builder.bitcast(builder.fmul(builder.bitcast(size, real), ir.Constant(real, 2.0**112)), word)
        is_finite = builder.icmp_unsigned("<", size, word(0x1F << 23))
        size = builder.select(is_finite, finite, builder.or_(size, word(0xFF << 23)))
        return builder.bitcast(builder.or_(size, builder.shl(builder.and_(bits, word(0x8000)), word(16))), real)

    return types.float32(number), code


to_float: Any = intrinsic(_to_float)
pointer: Any = intrinsic(_to_pointer)
prefetch: Any = intrinsic(_to_prefetch)


def _store_past_caches(builder: Any, lanes: Any, address: Any) -> None:
    store = builder.store(lanes, builder.inttoptr(address, lanes.type.as_pointer()), align=WIDTH)
    store.set_metadata("nontemporal", builder.module.add_metadata([ir.Constant(ir.IntType(32), 1)]))


def _to_clear(typing_context: Any, address: Any) -> Any:
    """Zeros to the aligned address, past the caches."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        _store_past_caches(builder, ir.Constant(_VECTOR, [0.0] * LANES), arguments[0])
        return context.get_dummy_value()

    return types.void(types.intp), code


def _to_move(typing_context: Any, source: Any, target: Any) -> Any:
    """What is at the aligned source to the aligned target, past the caches; zeros stay behind."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer = builder.inttoptr(arguments[0], _VECTOR.as_pointer())
        _store_past_caches(builder, builder.load(pointer, align=WIDTH), arguments[1])
        builder.store(ir.Constant(_VECTOR, [0.0] * LANES), pointer, align=WIDTH)
        return context.get_dummy_value()

    return types.void(types.intp, types.intp), code


def _to_fence(typing_context: Any) -> Any:
    """What was written past the caches is there for every other thread."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        builder.fence("seq_cst")
        return context.get_dummy_value()

    return types.void(), code


clear: Any = intrinsic(_to_clear)
move: Any = intrinsic(_to_move)
fence: Any = intrinsic(_to_fence)
