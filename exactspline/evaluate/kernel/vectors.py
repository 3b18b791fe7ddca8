"""Vectors of numbers in LLVM's own terms, for kernels whose loops Numba would not vectorise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .layout import BYTES, LANES

__all__ = ["Vectors", "inside", "truth"]


def inside(function: Callable[..., Any]) -> Any:
    """A function of kernels whose code is written in LLVM's terms."""
    return intrinsic(function)


class Vectors:
    """Vectors of ``lanes`` numbers in arrays that an intrinsic is given; 0: as BYTES hold."""

    def __init__(
        self, context: Any, builder: Any, signature: Any, arguments: Any, lanes: int = LANES
    ) -> None:
        self.context, self.builder = context, builder
        self.signature, self.arguments = signature, arguments
        number = context.get_data_type(signature.args[0].dtype)
        self.size = context.get_abi_sizeof(number)
        self.lanes = lanes or BYTES // self.size
        self.number, self.type = number, ir.VectorType(number, self.lanes)
        self.nothing = ir.Constant(self.type, None)
        self.bytes = ir.VectorType(ir.IntType(8), self.lanes)
        self.integer = context.get_value_type(types.intp)

    def constant(self, value: int) -> Any:
        return ir.Constant(self.integer, value)

    def pointer(self, n: int, index: Any) -> Any:
        """To entry ``index`` of the array that is argument n."""
        array = self.context.make_array(self.signature.args[n])
        data = array(self.context, self.builder, self.arguments[n]).data
        return self.builder.gep(data, [index])

    def load(self, n: int, index: Any) -> Any:
        return self.builder.load(self._at(n, index), align=self.size)

    def store(self, value: Any, n: int, index: Any) -> None:
        self.builder.store(value, self._at(n, index), align=self.size)

    def _at(self, n: int, index: Any) -> Any:
        return self.builder.bitcast(self.pointer(n, index), self.type.as_pointer())

    def spread(self, number: Any) -> Any:
        """A vector of equal numbers."""
        word = ir.IntType(32)
        one = self.builder.insert_element(self.nothing, number, ir.Constant(word, 0))
        places = ir.Constant(ir.VectorType(word, self.lanes), [0] * self.lanes)
        return self.builder.shuffle_vector(one, self.nothing, places)

    def add_product(self, total: Any, a: Any, b: Any) -> None:
        """total += a b, fused where the processor can: error bounds count on neither."""
        product = self.builder.fmul(a, b, flags=("contract",))
        self.builder.store(
            self.builder.fadd(self.builder.load(total), product, flags=("contract",)), total
        )

    def row(self, n: int, row: Any, column: Any) -> Any:
        """The index of an entry in the array that is argument n, of two axes."""
        array = self.context.make_array(self.signature.args[n])
        shape = array(self.context, self.builder, self.arguments[n]).shape
        width = cgutils.unpack_tuple(self.builder, shape, 2)[1]
        return self.builder.add(self.builder.mul(row, width), column)

    def number_at(self, n: int, index: Any) -> Any:
        """One entry of the array that is argument n."""
        return self.builder.load(self.pointer(n, index))

    def smaller(self, a: Any, b: Any) -> Any:
        return self.builder.select(self.builder.fcmp_ordered("<", a, b), a, b)

    def larger(self, a: Any, b: Any) -> Any:
        return self.builder.select(self.builder.fcmp_ordered(">", a, b), a, b)

    def size_of(self, a: Any) -> Any:
        """|a|."""
        return self.larger(a, self.builder.fsub(self.nothing, a))

    def store_bytes(self, values: Any, n: int, index: Any) -> None:
        place = self.builder.bitcast(self.pointer(n, index), self.bytes.as_pointer())
        self.builder.store(values, place, align=1)


def truth(builder: Any, flag: Any) -> Any:
    """Whether an integer is not zero."""
    return builder.icmp_signed("!=", flag, ir.Constant(flag.type, 0))
