"""Flat arrays that kernels are handed by address: a call is quicker the fewer arguments it has.

The table of `pass_points` holds an address and a length for every such array, then how many samples
there are. Who makes a table keeps the arrays for as long as it may be used.
"""

from __future__ import annotations

from functools import reduce
from typing import Any

from llvmlite import ir
from numba import types

from .vectors import Vectors, inside

__all__ = ["array_at", "may_begin"]

# places in the table; in TELLING numbers that tell of the processor's floating-point mode
T, F, N, WORK, ERRORS, STATS, TELLING, CODE, SAMPLES = range(9)


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
def may_begin(typing: Any, table: Any, X: Any) -> Any:
    """Whether the numbers of X can be taken: as they stand in memory, and in this thread's mode.

    Compiled code that is called directly takes any array for one whose entries follow one another.
    The mode is told as in `exactspline.mode.is_standard`, from numbers that no compiler knows.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        vectors = Vectors(context, builder, signature, arguments)
        double, integer = ir.DoubleType(), vectors.integer
        address = vectors.number_at(0, vectors.constant(2 * TELLING))
        told = builder.inttoptr(address, double.as_pointer())
        least, half, two, one, below, above, after = (
            builder.load(builder.gep(told, [vectors.constant(i)])) for i in range(7)
        )
        again = builder.fmul(builder.fmul(least, half), two)
        total = builder.fadd(builder.fadd(one, below), above)
        array = context.make_array(signature.args[1])(context, builder, arguments[1])
        size = vectors.constant(context.get_abi_sizeof(array.data.type.pointee))
        odd = builder.urem(builder.ptrtoint(array.data, integer), size)
        checks = [
            builder.fcmp_ordered("==", again, least), builder.fcmp_ordered("==", total, after),
            builder.icmp_signed("==", builder.extract_value(array.strides, 0), size),
            builder.icmp_signed("==", odd, vectors.constant(0)),
        ]  # fmt: skip
        return reduce(builder.and_, checks)

    return types.boolean(table, X), generate
