"""Units on vectors of samples: outputs, codes, and what the running bound asks for (Numba)."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils

from .jit import part
from .layout import BYTES
from .vector_sums import rows_at_once, tile_sums
from .vectors import Vectors, inside, truth

__all__ = ["extreme_unit", "scalar_unit", "some_units"]


class _Results:
    """Where a vector of samples leaves its results.

    ``where``: which arguments are Y, P and the ends, (2, samples): the smallest condition form so
    far, and the largest member. ``flags``: outputs are added, codes are wanted, ends are kept.
    """

    def __init__(
        self, vectors: Vectors, where: tuple[int, int, int], s: Any, flags: list[Any]
    ) -> None:
        self.vectors, self.builder, self.s = vectors, vectors.builder, s
        self.outputs, self.codes, self.ends = where
        self.add, self.wanted, self.track = flags
        infinite = ir.Constant(vectors.type, [float("inf")] * vectors.lanes)
        self.least = cgutils.alloca_once_value(self.builder, infinite)
        self.largest = cgutils.alloca_once_value(self.builder, vectors.nothing)

    def unit(self, out: Any, code: Any, target: Any, row: Any) -> None:
        """An output to row ``target`` of Y, a code to a row of P."""
        vectors, builder = self.vectors, self.builder
        with builder.if_then(self.wanted):
            vectors.store_bytes(code, self.codes, vectors.row(self.codes, row, self.s))
        place = vectors.row(self.outputs, target, self.s)
        made = cgutils.alloca_once_value(builder, out)
        with builder.if_then(self.add):
            builder.store(builder.fadd(vectors.load(self.outputs, place), out), made)
        vectors.store(builder.load(made), self.outputs, place)

    def form(self, size: Any) -> None:
        """Of a condition form, which is to be large."""
        self.builder.store(self.vectors.smaller(size, self.builder.load(self.least)), self.least)

    def member(self, size: Any) -> None:
        self.builder.store(self.vectors.larger(size, self.builder.load(self.largest)), self.largest)

    def end(self) -> None:
        """Bring the ends up to date."""
        vectors, builder = self.vectors, self.builder
        with builder.if_then(self.track):
            for which, best, own in (
                (0, vectors.smaller, self.least), (1, vectors.larger, self.largest),
            ):  # fmt: skip
                place = vectors.row(self.ends, vectors.constant(which), self.s)
                value = best(builder.load(own), vectors.load(self.ends, place))
                vectors.store(value, self.ends, place)


@inside
def _tile_units(
    typing: Any, F: Any, T: Any, Z: Any, Y: Any, P: Any, ends: Any, weights: Any, n: Any,
    columns: Any, const: Any, rows: Any, targets: Any, numbers: Any, count: Any, s: Any,
    relu: Any, add: Any, wanted: Any, track: Any,
) -> Any:  # fmt: skip
    """See `tile_sums`; units of two pieces make outputs and codes of them at once.

    The member that is row r is of unit i = T[rows + r], whose output goes to row
    T[targets + i] of Y, its code to row i of P; its numbers stand at F[T[numbers + i]].
    ``ends`` (2, samples): the smallest form so far, and the largest member.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        vectors = Vectors(context, builder, signature, arguments, 0)
        rows, targets, numbers, count, s = arguments[10:15]
        relu, *flags = [truth(builder, a) for a in arguments[15:]]
        results = _Results(vectors, (3, 4, 5), s, flags)
        made = tile_sums(vectors, count, s, arguments[6:11])
        with cgutils.for_range(builder, count) as loop:
            u = builder.load(builder.gep(made, [loop.index]), align=vectors.size)
            i = vectors.number_at(1, builder.add(rows, loop.index))
            own = vectors.number_at(1, builder.add(numbers, i))
            form = builder.fadd(u, vectors.spread(vectors.number_at(0, own)))
            upper = builder.fcmp_ordered(">", form, vectors.nothing)
            out = cgutils.alloca_once_value(builder, builder.select(upper, u, vectors.nothing))
            with builder.if_then(builder.not_(relu)):
                slope0, slope1, offset0, offset1 = (
                    vectors.spread(vectors.number_at(0, builder.add(own, vectors.constant(j))))
                    for j in range(1, 5)
                )
                slope = builder.select(upper, slope1, slope0)
                offset = builder.select(upper, offset1, offset0)
                builder.store(builder.fadd(builder.fmul(slope, u), offset), out)
            target = vectors.number_at(1, builder.add(targets, i))
            results.unit(builder.load(out), builder.zext(upper, vectors.bytes), target, i)
            with builder.if_then(results.track):
                results.form(vectors.size_of(form))
                results.member(vectors.size_of(u))
        results.end()
        return context.get_dummy_value()

    return types.void(F, T, Z, Y, P, ends, *(types.intp,) * 13), generate


@part
def some_units(F, T, Z, Y, P, ends, tile, const, targets, numbers, relu, add, wanted, track):
    """All rows of a tile, and the outputs and codes of the units whose members they are."""
    n, r = T[tile + 1], 0
    while r < T[tile]:
        count, rows = rows_at_once(T[tile] - r), T[tile + 2] + r
        weights, columns = T[tile + 4] + r * n, T[tile + 3]
        for s in range(0, Z.shape[1], BYTES // F.itemsize):
            _tile_units(
                F, T, Z, Y, P, ends, weights, n, columns, const, rows, targets, numbers, count, s,
                relu, add, wanted, track,
            )  # fmt: skip
        r += count


@inside
def _scalar(
    typing: Any, F: Any, U: Any, Y: Any, P: Any, ends: Any, numbers: Any, pieces: Any, member: Any,
    target: Any, row: Any, s: Any, add: Any, wanted: Any, track: Any,
) -> Any:  # fmt: skip
    """A spline of a row of U. Its numbers in F: shifts, then slopes, then offsets.

    Piece r is the number of forms u + shift above zero: shifts fall, and so do rounded forms.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        vectors = Vectors(context, builder, signature, arguments, 0)
        numbers, pieces, member, target, row, s = arguments[5:11]
        results = _Results(vectors, (2, 3, 4), s, [truth(builder, a) for a in arguments[11:]])
        breaks = builder.sub(pieces, vectors.constant(1))

        def number(place: Any) -> Any:
            return vectors.spread(vectors.number_at(0, builder.add(numbers, place)))

        u = vectors.load(1, vectors.row(1, member, s))
        slope = cgutils.alloca_once_value(builder, number(breaks))
        offset = cgutils.alloca_once_value(builder, number(builder.add(breaks, pieces)))
        code = cgutils.alloca_once_value(builder, ir.Constant(vectors.bytes, [0] * vectors.lanes))
        with cgutils.for_range(builder, breaks) as loop:
            form = builder.fadd(u, number(loop.index))
            above = builder.fcmp_ordered(">", form, vectors.nothing)
            following = builder.add(builder.add(breaks, loop.index), vectors.constant(1))
            for own, place in ((slope, following), (offset, builder.add(following, pieces))):
                builder.store(builder.select(above, number(place), builder.load(own)), own)
            count = builder.add(builder.load(code), builder.zext(above, vectors.bytes))
            builder.store(count, code)
            results.form(vectors.size_of(form))
        results.member(vectors.size_of(u))
        out = builder.fadd(builder.fmul(builder.load(slope), u), builder.load(offset))
        results.unit(out, builder.load(code), target, row)
        results.end()
        return context.get_dummy_value()

    return types.void(F, U, Y, P, ends, *(types.intp,) * 9), generate


@inside
def _extreme(
    typing: Any, F: Any, U: Any, Y: Any, P: Any, ends: Any, T: Any, sign: Any, count: Any,
    members: Any, where: Any, target: Any, row: Any, s: Any, add: Any, wanted: Any, track: Any,
) -> Any:  # fmt: skip
    """The largest of the rows T[where + T[members...]] of U, times the sign F[sign].

    The lowest of equal members counts. The form of the piece is its distance to the second.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        vectors = Vectors(context, builder, signature, arguments, 0)
        sign, count, members, where, target, row, s = arguments[6:13]
        results = _Results(vectors, (2, 3, 4), s, [truth(builder, a) for a in arguments[13:]])
        turn = vectors.spread(vectors.number_at(0, sign))
        nothing = ir.Constant(vectors.type, [float("-inf")] * vectors.lanes)
        best, second = (cgutils.alloca_once_value(builder, nothing) for _ in range(2))
        code = cgutils.alloca_once_value(builder, ir.Constant(vectors.bytes, [0] * vectors.lanes))
        own = cgutils.alloca_once_value(builder, ir.Constant(vectors.bytes, [0] * vectors.lanes))
        one = ir.Constant(vectors.bytes, [1] * vectors.lanes)
        with cgutils.for_range(builder, count) as loop:
            member = vectors.number_at(5, builder.add(members, loop.index))
            member = vectors.number_at(5, builder.add(where, member))
            value = builder.fmul(turn, vectors.load(1, vectors.row(1, member, s)))
            before = builder.load(best)
            above = builder.fcmp_ordered(">", value, before)
            lower = vectors.larger(value, builder.load(second))
            builder.store(builder.select(above, before, lower), second)
            builder.store(builder.select(above, value, before), best)
            builder.store(builder.select(above, builder.load(own), builder.load(code)), code)
            builder.store(builder.add(builder.load(own), one), own)
            results.member(vectors.size_of(value))
        value = builder.load(best)
        results.form(builder.fsub(value, builder.load(second)))
        results.unit(builder.fmul(turn, value), builder.load(code), target, row)
        results.end()
        return context.get_dummy_value()

    return types.void(F, U, Y, P, ends, T, *(types.intp,) * 10), generate


@part
def scalar_unit(F, U, Y, P, ends, numbers, pieces, member, target, row, add, wanted, track):
    """A scalar unit of row ``member`` of U: an output in a row of Y, codes in a row of P."""
    for s in range(0, Y.shape[1], BYTES // F.itemsize):
        _scalar(F, U, Y, P, ends, numbers, pieces, member, target, row, s, add, wanted, track)


@part
def extreme_unit(F, T, U, Y, P, ends, unit, n_units, where, row, add, wanted, track):
    """A maximum or minimum of rows T[where...] of U, by its row in the table of units."""
    sign, members = T[unit + 3 * n_units], T[unit + 2 * n_units]
    count, target = T[unit + n_units], T[unit + 4 * n_units]
    for s in range(0, Y.shape[1], BYTES // F.itemsize):
        _extreme(
            F, U, Y, P, ends, T, sign, count, members, where, target, row, s, add, wanted, track
        )
