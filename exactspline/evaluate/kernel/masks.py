"""Codes of units with two pieces as bits, and which units the bits say are active (Numba)."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils

from .layout import WORD
from .vectors import Vectors, inside

__all__ = ["mask", "put_active", "write_words"]

_SIDE = 8  # words of a vector
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


@inside
def write_words(
    typing: Any, P: Any, first: Any, count: Any, s: Any, n: Any, bits: Any, row: Any, column: Any
) -> Any:  # fmt: skip
    """WORD codes of ``count`` units (at most WORD) as bits: units in rows of P, samples in columns.

    Those of sample s + i go to the eight bytes from column ``column`` on of row ``row + i`` of
    ``bits``, for i < n. Columns of P are read even where there are fewer.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        vectors = Vectors(context, builder, signature, arguments, WORD)
        first, count, s, n, _, row, column = arguments[1:]
        word = ir.IntType(WORD)
        room = cgutils.alloca_once(builder, ir.ArrayType(word, WORD))
        room.align = WORD
        place = builder.bitcast(room, word.as_pointer())
        with cgutils.for_range(builder, count) as loop:
            at = vectors.pointer(0, vectors.row(0, builder.add(first, loop.index), s))
            own = builder.load(builder.bitcast(at, vectors.bytes.as_pointer()), align=1)
            some = builder.icmp_unsigned("!=", own, ir.Constant(vectors.bytes, None))
            builder.store(builder.bitcast(some, word), builder.gep(place, [loop.index]))
        rest = builder.sub(vectors.constant(WORD), count)
        with cgutils.for_range(builder, rest) as loop:
            at = builder.add(count, loop.index)
            builder.store(ir.Constant(word, 0), builder.gep(place, [at]))
        kind = ir.VectorType(word, _SIDE)
        blocks = builder.bitcast(room, kind.as_pointer())
        parts = [
            builder.load(builder.gep(blocks, [vectors.constant(i)]), align=WORD)
            for i in range(WORD // _SIDE)
        ]
        for i, part in enumerate(_transposed(builder, parts)):
            builder.store(part, builder.gep(blocks, [vectors.constant(i)]), align=WORD)
        with cgutils.for_range(builder, n) as loop:
            own = builder.load(builder.gep(place, [loop.index]))
            at = vectors.pointer(5, vectors.row(5, builder.add(row, loop.index), column))
            builder.store(own, builder.bitcast(at, word.as_pointer()), align=1)
        return context.get_dummy_value()

    return types.void(P, *(types.intp,) * 4, bits, types.intp, types.intp), generate


def _transposed(builder: Any, parts: list[Any]) -> list[Any]:
    """A square of bits, WORD words in vectors of _SIDE, by its columns.

    Halves are exchanged, and halves of those (H. S. Warren, Hacker's Delight, section 7-3).
    """
    kind, lane = parts[0].type, ir.IntType(32)

    def same(value: int) -> Any:
        return ir.Constant(kind, [value] * _SIDE)

    half = WORD // 2
    while half:
        low = sum(1 << i for i in range(WORD) if not i & half)

        def differing(a: Any, b: Any, low: int = low, half: int = half) -> Any:
            moved = builder.xor(builder.lshr(a, same(half)), b)
            return builder.and_(moved, same(low))

        if half >= _SIDE:  # words of different vectors
            step = half // _SIDE
            for i in range(len(parts)):
                if not i & step:
                    t = differing(parts[i], parts[i + step])
                    parts[i + step] = builder.xor(parts[i + step], t)
                    parts[i] = builder.xor(parts[i], builder.shl(t, same(half)))
        else:
            others = ir.Constant(ir.VectorType(lane, _SIDE), [i ^ half for i in range(_SIDE)])
            upper = ir.Constant(
                ir.VectorType(ir.IntType(1), _SIDE), [bool(i & half) for i in range(_SIDE)]
            )
            for i, part in enumerate(parts):
                other = builder.shuffle_vector(part, part, others)
                a, b = builder.select(upper, other, part), builder.select(upper, part, other)
                t = differing(a, b)
                t = builder.select(upper, t, builder.shl(t, same(half)))
                parts[i] = builder.xor(part, t)
        half //= 2
    return parts
