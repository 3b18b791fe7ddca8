"""Products of large matrices, in BLAS (Numba).

``numpy.dot`` in a kernel is the same call, but compiles with reference counting, half a second.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils

from .vectors import Vectors, inside

__all__ = ["product"]


@inside
def product(typing: Any, F: Any, Z: Any, U: Any, at: Any, n: Any, m: Any) -> Any:
    """The first n rows of U: the dense matrix F[at...] (n, m) times the first m rows of Z."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        vectors = Vectors(context, builder, signature, arguments)
        letter, whole = ir.IntType(8), vectors.integer
        pointer = letter.as_pointer()
        # kind, two for transposing, sizes, alpha, a, lda, b, ldb, beta, c, ldc; matrices by columns
        kinds = [letter] * 3 + [whole] * 3 + [pointer] * 2 + [whole, pointer, whole]
        kinds += [pointer, pointer, whole]
        function = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(ir.IntType(32), kinds), "numba_xxgemm"
        )
        one, none = (
            builder.bitcast(
                cgutils.alloca_once_value(builder, ir.Constant(vectors.number, value)), pointer
            )
            for value in (1.0, 0.0)
        )
        kind, plain = (
            ir.Constant(letter, ord(c)) for c in ("s" if vectors.size == 4 else "d", "n")
        )
        at, n, m = arguments[3:]
        zero = vectors.constant(0)
        z = context.make_array(signature.args[1])(context, builder, arguments[1])
        width = cgutils.unpack_tuple(builder, z.shape, 2)[1]
        weights, states, made = (
            builder.bitcast(vectors.pointer(i, place), pointer)
            for i, place in ((0, at), (1, zero), (2, zero))
        )
        builder.call(
            function,
            [kind, plain, plain, width, n, m, one, states, width, weights, m, none, made, width],
        )
        return context.get_dummy_value()

    return types.void(F, Z, U, *(types.intp,) * 3), generate
