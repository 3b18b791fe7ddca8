"""Rows of affine maps, LANES outputs side by side: sums of them, weighted by a matrix (Numba)."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils

from .layout import LANES
from .vectors import Vectors, inside

__all__ = ["COLUMNS", "add_lanes", "copy_lanes", "fetch", "put_map", "put_product", "weigh"]

COLUMNS = 8  # sums that are made at once, from the same rows


@inside
def weigh(
    typing: Any, F: Any, matrix: Any, width: Any, units: Any, own: Any, n: Any, above: Any,
    size: Any, rows: Any, source: Any, target: Any,
) -> Any:  # fmt: skip
    """Rows k < n from rows[target] on: sums of rows, weighted by a column of a matrix each.

    Column units[own + k] of the matrix F[matrix...], by rows of ``width`` numbers: the sum over
    i < size of its entry units[above + i] times row i from rows[source] on. Rows have LANES
    numbers; there is room for COLUMNS more, and units there, of columns that there are.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        vectors = Vectors(context, builder, signature, arguments)
        _, matrix, width, _, own, n, above, size, _, source, target = arguments
        lanes = vectors.constant(LANES)

        def unit(place: Any) -> Any:
            return builder.zext(vectors.number_at(3, place), vectors.integer)

        def columns(begin: Any, count: int) -> None:
            places = [builder.add(begin, vectors.constant(c)) for c in range(count)]
            entries = [unit(builder.add(own, place)) for place in places]
            totals = [cgutils.alloca_once(builder, vectors.type) for _ in places]
            for total in totals:  # once a turn
                builder.store(vectors.nothing, total)
            with cgutils.for_range(builder, size) as loop:
                line = builder.mul(width, unit(builder.add(above, loop.index)))
                line = vectors.pointer(0, builder.add(matrix, line))
                values = vectors.load(8, builder.add(source, builder.mul(loop.index, lanes)))
                for total, entry in zip(totals, entries, strict=True):
                    weight = builder.load(builder.gep(line, [entry]))
                    vectors.add_product(total, vectors.spread(weight), values)
            for total, place in zip(totals, places, strict=True):
                row = builder.add(target, builder.mul(place, lanes))
                vectors.store(builder.load(total), 8, row)

        all_, half = vectors.constant(COLUMNS), COLUMNS // 2
        whole = builder.sdiv(builder.add(n, vectors.constant(half - 1)), all_)
        with cgutils.for_range(builder, whole) as loop:
            columns(builder.mul(loop.index, all_), COLUMNS)
        begin = builder.mul(whole, all_)
        with builder.if_then(builder.icmp_signed("<", begin, n)):
            columns(begin, half)
        return context.get_dummy_value()

    integer = types.intp
    kinds = (F, integer, integer, units, *(integer,) * 4, rows, integer, integer)
    return types.void(*kinds), generate


@inside
def copy_lanes(typing: Any, F: Any, place: Any, rows: Any, target: Any) -> Any:
    """LANES numbers of F, to rows."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        vectors = Vectors(context, builder, signature, arguments)
        vectors.store(vectors.load(0, arguments[1]), 2, arguments[3])
        return context.get_dummy_value()

    return types.void(F, types.intp, rows, types.intp), generate


@inside
def add_lanes(typing: Any, rows: Any, source: Any, target: Any) -> Any:
    """Add a row of LANES numbers to another."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        vectors = Vectors(context, builder, signature, arguments)
        source, target = arguments[1:]
        total = builder.fadd(vectors.load(0, source), vectors.load(0, target))
        vectors.store(total, 0, target)
        return context.get_dummy_value()

    return types.void(rows, types.intp, types.intp), generate


@inside
def put_map(
    typing: Any, rows: Any, place: Any, maps: Any, consts: Any, sample: Any, begin: Any, lanes: Any
) -> Any:  # fmt: skip
    """Rows of inputs and constants, LANES outputs side by side, to maps and consts[sample]."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        vectors = Vectors(context, builder, signature, arguments)
        _, place, given, _, sample, begin, lanes = arguments
        made = context.make_array(signature.args[2])(context, builder, given)
        _, n_out, dim = cgutils.unpack_tuple(builder, made.shape, 3)
        first = builder.add(builder.mul(sample, n_out), begin)
        each = vectors.constant(LANES)

        def put(row: Any, n: int, start: Any, step: Any) -> None:
            source = builder.add(place, builder.mul(row, each))
            for lane in range(LANES):
                own = vectors.constant(lane)
                with builder.if_then(builder.icmp_signed("<", own, lanes)):
                    number = vectors.number_at(0, builder.add(source, own))
                    target = builder.add(start, builder.mul(own, step))
                    builder.store(number, vectors.pointer(n, target))

        with cgutils.for_range(builder, dim) as loop:
            put(loop.index, 2, builder.add(builder.mul(first, dim), loop.index), dim)
        put(dim, 3, first, vectors.constant(1))
        return context.get_dummy_value()

    return types.void(rows, types.intp, maps, consts, *(types.intp,) * 3), generate


@inside
def put_product(
    typing: Any, F: Any, matrix: Any, units: Any, above: Any, size: Any, rows: Any, source: Any,
    maps: Any, consts: Any, sample: Any, begin: Any, lanes: Any,
) -> Any:  # fmt: skip
    """The first layer of few inputs and `put_map` at once, inputs and the constant side by side.

    Output o < lanes of the sample's map is the sum over i < size of entry o of row i from
    rows[source] on times row units[above + i] of the matrix F[matrix...], whose rows are the
    inputs' weights and the constant: fewer than LANES, or as many. Row ``size`` holds what the
    outputs' constants have already. LANES numbers of F are read from each row on.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        vectors = Vectors(context, builder, signature, arguments)
        _, matrix, _, above, size, _, source, given, _, sample, begin, lanes = arguments
        made = context.make_array(signature.args[7])(context, builder, given)
        _, n_out, dim = cgutils.unpack_tuple(builder, made.shape, 3)
        each, width = vectors.constant(LANES), builder.add(dim, vectors.constant(1))
        first = builder.add(builder.mul(sample, n_out), begin)
        word = ir.IntType(32)
        numbers = ir.Constant(ir.VectorType(word, LANES), list(range(LANES)))
        last = builder.insert_element(
            ir.Constant(numbers.type, None), builder.trunc(dim, word), ir.Constant(word, 0)
        )
        zeros = ir.Constant(numbers.type, [0] * LANES)
        last = builder.shuffle_vector(last, last, zeros)
        inputs = builder.icmp_unsigned("<", numbers, last)
        name = f"llvm.masked.store.v{LANES}f{8 * vectors.size}.p0"
        place = vectors.type.as_pointer()
        kind = ir.FunctionType(ir.VoidType(), [vectors.type, place, word, inputs.type])
        store = cgutils.get_or_insert_function(builder.module, kind, name)

        def outputs(count: int) -> None:
            sums = [
                [cgutils.alloca_once(builder, vectors.type) for _ in range(count)] for _ in range(2)
            ]  # in turns: few would wait for each other
            for total in (*sums[0], *sums[1]):
                builder.store(vectors.nothing, total)

            def add(i: Any, totals: list[Any]) -> None:
                own = vectors.number_at(2, builder.add(above, i))
                line = builder.mul(width, builder.zext(own, vectors.integer))
                values = vectors.load(0, builder.add(matrix, line))
                row = builder.add(source, builder.mul(i, each))
                for o, total in enumerate(totals):
                    weight = vectors.number_at(5, builder.add(row, vectors.constant(o)))
                    vectors.add_product(total, vectors.spread(weight), values)

            one = vectors.constant(1)
            with cgutils.for_range(builder, builder.lshr(size, one)) as loop:
                i = builder.shl(loop.index, one)
                add(i, sums[0])
                add(builder.add(i, one), sums[1])
            odd = builder.icmp_signed("!=", builder.and_(size, one), vectors.constant(0))
            with builder.if_then(odd):
                add(builder.sub(size, one), sums[0])
            row = builder.add(source, builder.mul(size, each))
            for o, total in enumerate(sums[0]):
                own = builder.add(first, vectors.constant(o))
                target = vectors.pointer(7, builder.mul(own, dim))
                align = ir.Constant(word, vectors.size)
                value = builder.fadd(builder.load(total), builder.load(sums[1][o]))
                builder.call(store, [value, builder.bitcast(target, place), align, inputs])
                const = builder.extract_element(value, builder.trunc(dim, word))
                before = vectors.number_at(5, builder.add(row, vectors.constant(o)))
                builder.store(builder.fadd(const, before), vectors.pointer(8, own))

        end = builder.append_basic_block("end")
        choice = builder.switch(lanes, end)
        for count in range(1, LANES + 1):
            block = builder.append_basic_block(f"outputs_{count}")
            choice.add_case(vectors.constant(count), block)
            builder.position_at_end(block)
            outputs(count)
            builder.branch(end)
        builder.position_at_end(end)
        return context.get_dummy_value()

    integer = types.intp
    kinds = (F, integer, units, integer, integer, rows, integer, maps, consts, *(integer,) * 3)
    return types.void(*kinds), generate


@inside
def fetch(typing: Any, array: Any, place: Any) -> Any:
    """Have the numbers from a place on brought into the nearest cache: they are wanted soon."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        vectors = Vectors(context, builder, signature, arguments)
        word, letter = ir.IntType(32), ir.IntType(8).as_pointer()
        kind = ir.FunctionType(ir.VoidType(), [letter, word, word, word])
        function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
        start = builder.bitcast(vectors.pointer(0, arguments[1]), letter)
        # to be read; near; data
        builder.call(function, [start, *(ir.Constant(word, value) for value in (0, 3, 1))])
        return context.get_dummy_value()

    return types.void(array, types.intp), generate
