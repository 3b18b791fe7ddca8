"""Windows of one sample: positions that read alike, side by side in vectors (Numba).

What a convolution does at every position, and a pooling window, is one small matrix over entries
that move along with the position. Positions whose entries and outputs follow one another are
loaded and stored as they stand; others (at the edge of an image, with strides) by lists.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils

from . import layout as lay
from .jit import part
from .vectors import Vectors, inside, truth

__all__ = ["all_windows"]


def _gathered(vectors: Vectors, place: Any) -> Any:
    """The entries of Z, argument 2, whose numbers stand at T[place...]."""
    builder, out = vectors.builder, vectors.nothing
    for lane in range(vectors.lanes):
        entry = vectors.number_at(1, builder.add(place, vectors.constant(lane)))
        value = vectors.number_at(2, entry)
        out = builder.insert_element(out, value, ir.Constant(ir.IntType(32), lane))
    return out


def _scatter(
    vectors: Vectors, totals: list[Any], rows: list[Any], place: Any, relu: Any, wanted: Any,
    first: Any,
) -> None:  # fmt: skip
    """Totals to the entries T[place...] + row of U, argument 3; or what ReLU makes of them."""
    builder, lanes = vectors.builder, vectors.constant(vectors.lanes)
    kind = ir.ArrayType(vectors.type, len(totals))
    room = builder.bitcast(cgutils.alloca_once(builder, kind), vectors.type.as_pointer())
    for r, total in enumerate(totals):
        own = builder.gep(room, [vectors.constant(r)])
        builder.store(total, own, align=vectors.size)
    numbers = builder.bitcast(room, vectors.number.as_pointer())
    with cgutils.for_range(builder, lanes) as loop:
        start = vectors.number_at(1, builder.add(place, loop.index))
        for r, row in enumerate(rows):
            at = builder.add(builder.mul(vectors.constant(r), lanes), loop.index)
            value = builder.load(builder.gep(numbers, [at]))
            upper = builder.fcmp_ordered(">", value, ir.Constant(vectors.number, 0.0))
            target = builder.add(start, row)
            with builder.if_then(wanted):
                code = builder.zext(upper, ir.IntType(8))
                builder.store(code, vectors.pointer(4, builder.add(first, target)))
            made = builder.select(upper, value, ir.Constant(vectors.number, 0.0))
            builder.store(builder.select(relu, made, value), vectors.pointer(3, target))


def _window(count: int) -> Any:
    @inside
    def window(
        typing: Any, F: Any, T: Any, Z: Any, U: Any, codes: Any, ends: Any, window: Any, relu: Any,
        wanted: Any, track: Any, first: Any,
    ) -> Any:  # fmt: skip
        """``count`` rows at vectors of positions; T[window...] is a row of the table of windows.

        F[weights...]: ``count`` constants, and as many weights for every tap. T[places...]: for a
        vector whether it goes by lists, then its base and its first row, or where the lists of
        its entries (a vector for every tap) and of its rows stand. With ``relu`` U gets what ReLU
        makes of the members, and codes[first...] their codes, if they are ``wanted``. To ``track``
        is to keep the smallest and the largest size of a member in two vectors, ``ends``.
        """

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            vectors = Vectors(context, builder, signature, arguments, 0)
            window, relu, wanted, track, first = arguments[6:]
            relu, wanted, track = (truth(builder, flag) for flag in (relu, wanted, track))
            lanes = vectors.constant(vectors.lanes)
            least = cgutils.alloca_once_value(builder, vectors.load(5, vectors.constant(0)))
            largest = cgutils.alloca_once_value(builder, vectors.load(5, lanes))
            weights, taps, offsets, rows, places, n = (
                vectors.number_at(1, builder.add(window, vectors.constant(i)))
                for i in range(1, lay.WINDOW)
            )
            lines = [vectors.constant(r) for r in range(count)]
            own_rows = [vectors.number_at(1, builder.add(rows, line)) for line in lines]

            def add(totals: list[Any], tap: Any, value: Any) -> None:
                start = builder.add(tap, vectors.constant(1))
                start = builder.add(weights, builder.mul(start, vectors.constant(count)))
                for line, total in zip(lines, totals, strict=True):
                    weight = vectors.number_at(0, builder.add(start, line))
                    vectors.add_product(total, vectors.spread(weight), value)

            with cgutils.for_range(builder, n) as loop:
                place = builder.add(places, builder.mul(loop.index, vectors.constant(lay.PLACE)))
                listed, base, row = (
                    vectors.number_at(1, builder.add(place, vectors.constant(i))) for i in range(3)
                )
                totals = []
                for line in lines:
                    constant = vectors.number_at(0, builder.add(weights, line))
                    totals.append(cgutils.alloca_once_value(builder, vectors.spread(constant)))
                with builder.if_else(truth(builder, listed)) as (by_list, direct):
                    with by_list:
                        with cgutils.for_range(builder, taps) as tap:
                            lists = builder.mul(tap.index, vectors.constant(vectors.lanes))
                            add(totals, tap.index, _gathered(vectors, builder.add(base, lists)))
                        sums = [builder.load(total) for total in totals]
                        _scatter(vectors, sums, own_rows, row, relu, wanted, first)
                    with direct:
                        with cgutils.for_range(builder, taps) as tap:
                            offset = vectors.number_at(1, builder.add(offsets, tap.index))
                            value = vectors.load(2, builder.add(base, offset))
                            add(totals, tap.index, value)
                        for own, total in zip(own_rows, totals, strict=True):
                            target, value = builder.add(row, own), builder.load(total)
                            upper = builder.fcmp_ordered(">", value, vectors.nothing)
                            with builder.if_then(wanted):
                                code = builder.zext(upper, vectors.bytes)
                                vectors.store_bytes(code, 4, builder.add(first, target))
                            made = builder.select(upper, value, vectors.nothing)
                            vectors.store(builder.select(relu, made, value), 3, target)
                with builder.if_then(track):
                    for total in totals:
                        size = vectors.size_of(builder.load(total))
                        builder.store(vectors.smaller(size, builder.load(least)), least)
                        builder.store(vectors.larger(size, builder.load(largest)), largest)
            vectors.store(builder.load(least), 5, vectors.constant(0))
            vectors.store(builder.load(largest), 5, lanes)
            return context.get_dummy_value()

        return types.void(F, T, Z, U, codes, ends, *(types.intp,) * 5), generate

    return window


_eight, _four, _one = _window(8), _window(4), _window(1)


@part
def all_windows(T, F, table, count, Z, U, codes, ends, relu, wanted, track, first):
    """All windows of a level, ``count`` groups of rows: entries of Z to rows of U."""
    for k in range(count):
        window = table + k * lay.WINDOW
        if T[window] == 8:
            _eight(F, T, Z, U, codes, ends, window, relu, wanted, track, first)
        elif T[window] == 4:
            _four(F, T, Z, U, codes, ends, window, relu, wanted, track, first)
        else:
            _one(F, T, Z, U, codes, ends, window, relu, wanted, track, first)
