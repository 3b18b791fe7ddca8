"""Two steps in LLVM's own terms: the sums that make a row, and the bits of a float (Numba).

Numba vectorises long loops only; a row here is a sum of a few vectors of four numbers. Where
kernels are plain functions, the same is done by plain means.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..kernel.block import NOT_COMPILED

__all__ = ["bits", "row_sums"]

bits: Any
row_sums: Any

if NOT_COMPILED:

    def _plain_bits(value: float) -> Any:
        """A float as an integer: equal floats have equal ones."""
        return np.float64(value + 0.0).view(np.int64)

    def _plain_sums(
        table: Any, columns: Any, weights: Any, at: int, begin: int, end: int, out: Any
    ) -> None:
        """Sum rows of a table of eight columns: by weights, from column 4 on by their sizes."""
        out[:8] = 0.0
        for s in range(begin, end):
            row, weight = table[at + columns[s]], weights[s]
            out[:4] += weight * row[:4]
            out[4:8] += abs(weight) * row[4:8]

    bits, row_sums = _plain_bits, _plain_sums

else:
    from llvmlite import ir
    from numba.core import cgutils, types
    from numba.extending import intrinsic

    WORD, HALF = ir.IntType(64), ir.IntType(32)
    VECTOR = ir.VectorType(ir.DoubleType(), 4)

    @intrinsic
    def _bits(typing: Any, value: Any) -> Any:
        def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            zero = ir.Constant(ir.DoubleType(), 0.0)  # -0 + 0 is 0
            return builder.bitcast(builder.fadd(values[0], zero), WORD)

        return types.int64(types.float64), code

    @intrinsic
    def _row_sums(
        typing: Any, table: Any, columns: Any, weights: Any, at: Any, begin: Any, end: Any, out: Any
    ) -> Any:  # fmt: skip
        word = types.int64
        signature = types.void(table, columns, weights, word, word, word, out)

        def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            data = [
                context.make_array(signature.args[n])(context, builder, values[n]).data
                for n in (0, 1, 2, 6)
            ]
            _, _, _, at, begin, end, _ = values
            nothing = ir.Constant(VECTOR, [0.0] * 4)
            sums = [cgutils.alloca_once_value(builder, nothing) for _ in range(2)]

            def half(pointer: Any, place: Any) -> Any:
                return builder.bitcast(builder.gep(pointer, [place]), VECTOR.as_pointer())

            def spread(number: Any) -> Any:
                one = builder.insert_element(nothing, number, ir.Constant(HALF, 0))
                places = ir.Constant(ir.VectorType(HALF, 4), [0] * 4)
                return builder.shuffle_vector(one, nothing, places)

            size = builder.module.declare_intrinsic("llvm.fabs", [ir.DoubleType()])
            with cgutils.for_range_slice(builder, begin, end, ir.Constant(WORD, 1)) as (s, _):
                row = builder.add(at, builder.load(builder.gep(data[1], [s])))
                row = builder.shl(row, ir.Constant(WORD, 3))
                weight = builder.load(builder.gep(data[2], [s]))
                for n, factor in enumerate((weight, builder.call(size, [weight]))):
                    place = builder.add(row, ir.Constant(WORD, 4 * n))
                    entries = builder.load(half(data[0], place), align=8)
                    product = builder.fmul(spread(factor), entries)
                    builder.store(builder.fadd(builder.load(sums[n]), product), sums[n])
            for n in range(2):
                place = half(data[3], ir.Constant(WORD, 4 * n))
                builder.store(builder.load(sums[n]), place, align=8)
            return context.get_dummy_value()

        return signature, code

    bits, row_sums = _bits, _row_sums
