"""Sums of short vectors, held in registers: LANES numbers side by side (Numba).

Numba vectorises long loops only; here the vectors are a handful of numbers, so the loop is
written in LLVM's own terms, which every processor's compiler turns into what it has.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .jit import kernel
from .layout import LANES

__all__ = ["COLUMNS", "combine", "some_rows", "weigh"]

COLUMNS = 4  # sums that are made at once, from the same vectors


class _Vectors:
    """Vectors of LANES numbers in arrays that an intrinsic is given."""

    def __init__(self, context: Any, builder: Any, signature: Any, arguments: Any) -> None:
        self.context, self.builder = context, builder
        self.signature, self.arguments = signature, arguments
        number = context.get_data_type(signature.args[0].dtype)
        self.size = context.get_abi_sizeof(number)
        self.type = ir.VectorType(number, LANES)
        self.nothing = ir.Constant(self.type, [0.0] * LANES)
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
        places = ir.Constant(ir.VectorType(word, LANES), [0] * LANES)
        return self.builder.shuffle_vector(one, self.nothing, places)

    def add_product(self, total: Any, a: Any, b: Any) -> None:
        """total += a b, fused where the processor can: error bounds count on neither."""
        product = self.builder.fmul(a, b, flags=("contract",))
        self.builder.store(
            self.builder.fadd(self.builder.load(total), product, flags=("contract",)), total
        )


def _make_sums(
    typing: Any, F: Any, bases: Any, k: Any, active: Any, count: Any, G: Any, H: Any
) -> Any:
    """COLUMNS rows of H from k on: sums over i < count of F[base + active[i]] times row i of G."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        vectors = _Vectors(context, builder, signature, arguments)
        k, lanes = arguments[2], vectors.constant(LANES)
        places = [builder.add(k, vectors.constant(c)) for c in range(COLUMNS)]
        columns = [vectors.pointer(0, builder.load(vectors.pointer(1, c))) for c in places]
        sums = [cgutils.alloca_once_value(builder, vectors.nothing) for _ in places]
        with cgutils.for_range(builder, arguments[4]) as loop:
            entry = builder.load(vectors.pointer(3, loop.index))
            values = vectors.load(5, builder.mul(loop.index, lanes))
            for total, column in zip(sums, columns, strict=True):
                weight = builder.load(builder.gep(column, [entry]))
                vectors.add_product(total, vectors.spread(weight), values)
        for total, place in zip(sums, places, strict=True):
            vectors.store(builder.load(total), 6, builder.mul(place, lanes))
        return context.get_dummy_value()

    return types.void(F, bases, types.intp, active, types.intp, G, H), generate


_sums: Any = intrinsic(_make_sums)


def _rows(count: int) -> Any:
    @intrinsic
    def rows(
        typing: Any, F: Any, const: Any, base: Any, pad: Any, k: Any, active: Any, n: Any, Z: Any,
        U: Any,
    ) -> Any:  # fmt: skip
        """U[k...] = F[const + k...] + the sum of columns of a matrix times active entries of Z."""

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            vectors = _Vectors(context, builder, signature, arguments)
            _, const, base, pad, k, _, n, _, _ = arguments
            steps = [vectors.constant(LANES * c) for c in range(count)]
            places = [builder.add(k, step) for step in steps]
            sums = [
                cgutils.alloca_once_value(builder, vectors.load(0, builder.add(const, place)))
                for place in places
            ]
            start = builder.add(base, k)
            with cgutils.for_range(builder, n) as loop:
                entry = builder.load(vectors.pointer(5, loop.index))
                value = vectors.spread(builder.load(vectors.pointer(7, entry)))
                column = builder.add(start, builder.mul(entry, pad))
                for total, step in zip(sums, steps, strict=True):
                    vectors.add_product(total, value, vectors.load(0, builder.add(column, step)))
            for total, place in zip(sums, places, strict=True):
                vectors.store(builder.load(total), 8, place)
            return context.get_dummy_value()

        integer = types.intp
        kinds = (F, integer, integer, integer, integer, active, integer, Z, U)
        return types.void(*kinds), generate

    return rows


_four, _two = _rows(4), _rows(2)


def _tile(count: int) -> Any:
    @intrinsic
    def tile(
        typing: Any, F: Any, T: Any, Z: Any, U: Any, weights: Any, n: Any, columns: Any, const: Any,
        rows: Any, where: Any, s: Any,
    ) -> Any:  # fmt: skip
        """``count`` rows of a small dense matrix times rows of Z, for some samples from s on.

        Row r: the columns T[columns...], the constant F[const + T[rows + r]]; it goes to row
        T[where + r] of U. Of float32 there are 2 LANES samples, of float64 LANES.
        """

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            vectors = _Vectors(context, builder, signature, arguments)
            _, _, _, _, weights, n, columns, const, rows, where, s = arguments
            steps = [vectors.constant(LANES * v) for v in range(8 // vectors.size)]
            lines = [vectors.constant(r) for r in range(count)]

            def place(n: int, row: Any) -> Any:
                """Where the samples stand in a row of the array that is argument n."""
                array = context.make_array(signature.args[n])(context, builder, arguments[n])
                width = cgutils.unpack_tuple(builder, array.shape, 2)[1]
                return builder.add(builder.mul(row, width), s)

            def entry(index: Any) -> Any:
                return builder.load(vectors.pointer(1, index))

            totals = []
            for line in lines:
                at = builder.add(const, entry(builder.add(rows, line)))
                start = vectors.spread(builder.load(vectors.pointer(0, at)))
                totals.append([cgutils.alloca_once_value(builder, start) for _ in steps])
            starts = [builder.add(weights, builder.mul(line, n)) for line in lines]
            with cgutils.for_range(builder, n) as loop:
                source = place(2, entry(builder.add(columns, loop.index)))
                values = [vectors.load(2, builder.add(source, step)) for step in steps]
                for own, start in zip(totals, starts, strict=True):
                    at = builder.add(start, loop.index)
                    weight = vectors.spread(builder.load(vectors.pointer(0, at)))
                    for total, value in zip(own, values, strict=True):
                        vectors.add_product(total, weight, value)
            for own, line in zip(totals, lines, strict=True):
                target = place(3, entry(builder.add(where, line)))
                for total, step in zip(own, steps, strict=True):
                    vectors.store(builder.load(total), 3, builder.add(target, step))
            return context.get_dummy_value()

        return types.void(F, T, Z, U, *(types.intp,) * 7), generate

    return tile


_tile_of_four, _tile_of_one = _tile(4), _tile(1)


@kernel
def some_rows(F, T, Z, U, tile, r, count, const, where):
    """``count`` (at most 4) rows of a tile from its row r on, into the rows T[where...] of U.

    The number of samples is a multiple of 2 LANES.
    """
    n, rows = T[tile + 1], T[tile + 2] + r
    weights, columns = T[tile + 4] + r * n, T[tile + 3]
    step = 2 * LANES if F.itemsize == 4 else LANES
    for s in range(0, Z.shape[1], step):
        if count == 4:
            _tile_of_four(F, T, Z, U, weights, n, columns, const, rows, where, s)
        else:
            for k in range(count):
                _tile_of_one(F, T, Z, U, weights + k * n, n, columns, const, rows + k, where + k, s)


@kernel
def combine(F, const, base, pad, active, count, Z, U):
    """U[:pad] = F[const:] + the ``count`` active columns of a matrix times their entries of Z.

    Columns have ``pad`` numbers, a multiple of 2 LANES, and start at F[base].
    """
    k = 0
    while k + 4 * LANES <= pad:
        _four(F, const, base, pad, k, active, count, Z, U)
        k += 4 * LANES
    if k < pad:
        _two(F, const, base, pad, k, active, count, Z, U)


@kernel
def weigh(F, bases, n, active, count, G, H):
    """Rows k < n of H: the sums over i < count of F[bases[k] + active[i]] times row i of G.

    Rows have LANES numbers. ``bases`` and ``H`` have room for COLUMNS more.
    """
    for k in range(n, n + COLUMNS):
        bases[k] = bases[0]
    for k in range(0, n, COLUMNS):
        _sums(F, bases, k, active, count, G, H)
