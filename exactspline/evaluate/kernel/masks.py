"""Codes of units with two pieces as bits, and which units the bits say are active (Numba)."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils

from .layout import WORD
from .vectors import Vectors, inside

__all__ = ["mask", "put_active"]

# the places of the bits of a byte, from the lowest on, and zeros
_PLACES = [([i for i in range(8) if byte >> i & 1] + [0] * 8)[:8] for byte in range(256)]


@inside
def mask(typing: Any, codes: Any, row: Any, column: Any) -> Any:
    """Which of WORD bytes of a row, from a column on, are not 0: a bit each.

    They are read even where the row, or the array, has fewer.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        vectors = Vectors(context, builder, signature, arguments, WORD)
        place = vectors.pointer(0, vectors.row(0, *arguments[1:]))
        own = builder.load(builder.bitcast(place, vectors.bytes.as_pointer()), align=1)
        bits = builder.icmp_unsigned("!=", own, ir.Constant(vectors.bytes, None))
        return builder.bitcast(bits, ir.IntType(WORD))

    return types.uint64(codes, types.intp, types.intp), generate


@inside
def put_active(typing: Any, byte: Any, first: Any, units: Any, place: Any) -> Any:
    """Which bits of a byte are set, numbered from ``first`` on, to units[place...]; how many.

    Eight 16-bit numbers are written, the last ones of no meaning.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        byte, first, units, place = arguments
        half, word, kind = ir.IntType(16), ir.IntType(32), ir.VectorType(ir.IntType(16), 8)
        lines = [ir.Constant(kind, places) for places in _PLACES]
        table = cgutils.global_constant(
            builder, "exactspline.places", ir.Constant(ir.ArrayType(kind, 256), lines)
        )
        integer = context.get_value_type(types.intp)
        line = builder.load(builder.gep(table, [ir.Constant(integer, 0), byte]), align=16)
        one = builder.insert_element(
            ir.Constant(kind, None), builder.trunc(first, half), ir.Constant(word, 0)
        )
        spread = ir.Constant(ir.VectorType(word, 8), [0] * 8)
        made = builder.add(line, builder.shuffle_vector(one, one, spread))
        data = context.make_array(signature.args[2])(context, builder, units).data
        target = builder.bitcast(builder.gep(data, [place]), kind.as_pointer())
        builder.store(made, target, align=2)
        return builder.zext(builder.ctpop(builder.trunc(byte, ir.IntType(8))), integer)

    return types.intp(types.uint64, types.intp, units, types.intp), generate
