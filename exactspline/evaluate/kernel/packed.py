"""Flat arrays that kernels are handed by address: a call is quicker the fewer arguments it has.

The table of `pass_points` holds an address and a length for every such array, then how many samples
there are. Who makes a table keeps the arrays for as long as it may be used.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types

from .vectors import Vectors, inside

__all__ = ["array_at", "is_plain"]

# places in the table; in TELLING numbers that tell of the processor's floating-point mode
T, F, N, WORK, ERRORS, STATS, TELLING, SAMPLES = range(8)


@inside
def array_at(typing: Any, table: Any, kind: Any, part: Any) -> Any:
    """A flat array whose entries are of the type of ``kind``, which is an array or a type."""
    made = types.Array(kind.dtype, 1, "C")

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        vectors = Vectors(context, builder, signature, arguments)
        place = builder.shl(arguments[2], vectors.constant(1))
        address, length = (
            vectors.number_at(0, builder.add(place, vectors.constant(i))) for i in range(2)
        )
        array = context.make_array(made)(context, builder)
        size = vectors.constant(context.get_abi_sizeof(context.get_data_type(made.dtype)))
        for name, value in (("shape", length), ("strides", size)):
            setattr(array, name, builder.insert_value(getattr(array, name), value, 0))
        array.data = builder.inttoptr(address, array.data.type)
        array.itemsize, array.nitems = size, length
        return array._getvalue()

    return made(table, kind, types.intp), generate


@inside
def is_plain(typing: Any, X: Any) -> Any:
    """Whether entries follow one another, and begin where such numbers may.

    Compiled code that is called directly takes any array for one that does.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        vectors = Vectors(context, builder, signature, arguments)
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        stride = builder.extract_value(array.strides, 0)
        odd = builder.urem(
            builder.ptrtoint(array.data, vectors.integer), vectors.constant(vectors.size)
        )
        return builder.and_(
            builder.icmp_signed("==", stride, vectors.constant(vectors.size)),
            builder.icmp_signed("==", odd, ir.Constant(vectors.integer, 0)),
        )

    return types.boolean(X), generate
