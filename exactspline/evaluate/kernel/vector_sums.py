"""Sums of short vectors, held in registers: LANES numbers side by side (Numba).

Numba vectorises long loops only; here the vectors are a handful of numbers, so the loop is
written in LLVM's own terms, which every processor's compiler turns into what it has.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils

from .jit import part
from .layout import BYTES, WORD
from .vectors import Vectors, inside

__all__ = ["MOST", "combine", "rows_at_once", "some_rows", "tile_sums"]

MOST = 5  # rows of a tile that are summed at once: twice as many registers where they hold half


def _not_zero(vectors: Vectors, Z: int, begin: Any, n: Any) -> Any:
    """Bits of the entries begin + (0..WORD - 1) of argument Z that are not zero, below n only."""
    builder, word = vectors.builder, ir.IntType(WORD)
    bits: Any = ir.Constant(word, 0)
    for i in range(0, WORD, vectors.lanes):
        values = vectors.load(Z, builder.add(begin, vectors.constant(i)))
        some = builder.fcmp_unordered("!=", values, vectors.nothing)
        own = builder.zext(builder.bitcast(some, ir.IntType(vectors.lanes)), word)
        bits = builder.or_(bits, builder.shl(own, ir.Constant(word, i)))
    left = builder.sub(n, begin)
    below = builder.sub(builder.shl(ir.Constant(word, 1), left), ir.Constant(word, 1))
    whole = builder.icmp_signed(">=", left, vectors.constant(WORD))
    return builder.and_(bits, builder.select(whole, ir.Constant(word, -1), below))


def _without_lowest(builder: Any, bits: Any) -> Any:
    return builder.and_(bits, builder.sub(bits, ir.Constant(bits.type, 1)))


@contextmanager
def _while_bits(builder: Any, rest: Any, count: int) -> Iterator[Any]:
    """A loop for as long as at least ``count`` (1 or 2) bits of ``rest`` are set: gives them."""
    test, body, end = (builder.append_basic_block(name) for name in ("test", "body", "end"))
    builder.branch(test)
    builder.position_at_end(test)
    bits = builder.load(rest)
    others = bits if count == 1 else _without_lowest(builder, bits)
    builder.cbranch(builder.icmp_unsigned("!=", others, ir.Constant(bits.type, 0)), body, end)
    builder.position_at_end(body)
    yield bits
    builder.branch(test)
    builder.position_at_end(end)


def _rows(count: int) -> Any:
    @inside
    def rows(
        typing: Any, F: Any, const: Any, base: Any, pad: Any, k: Any, n: Any, Z: Any, U: Any
    ) -> Any:
        """U[k...] = F[const + k...] + the sum of columns of a matrix times entries of Z[:n]."""

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            vectors = Vectors(context, builder, signature, arguments, 0)
            _, const, base, pad, k, n, _, _ = arguments
            steps = [vectors.constant(vectors.lanes * c) for c in range(count)]
            places = [builder.add(k, step) for step in steps]
            turns = 1 if count > 2 else 2  # few sums would wait for each other: entries in turns
            sums = [
                [cgutils.alloca_once_value(builder, vectors.nothing) for _ in places]
                for _ in range(turns)
            ]
            start, no = builder.add(base, k), ir.Constant(ir.IntType(1), 1)
            rest = cgutils.alloca_once(builder, ir.IntType(WORD))

            def add(begin: Any, bits: Any, own: list[Any]) -> None:
                entry = builder.add(begin, builder.cttz(bits, no))
                value = vectors.spread(vectors.number_at(6, entry))
                column = builder.add(start, builder.mul(entry, pad))
                for total, step in zip(own, steps, strict=True):
                    vectors.add_product(total, value, vectors.load(0, builder.add(column, step)))

            words = builder.sdiv(builder.add(n, vectors.constant(WORD - 1)), vectors.constant(WORD))
            with cgutils.for_range(builder, words) as loop:
                begin = builder.mul(loop.index, vectors.constant(WORD))
                builder.store(_not_zero(vectors, 6, begin, n), rest)
                for at_once in range(turns, 0, -1):
                    with _while_bits(builder, rest, at_once) as bits:
                        for own in sums[:at_once]:
                            add(begin, bits, own)
                            bits = _without_lowest(builder, bits)
                        builder.store(bits, rest)
            for i, place in enumerate(places):
                total = vectors.load(0, builder.add(const, place))
                for own in sums:
                    total = builder.fadd(total, builder.load(own[i]))
                vectors.store(total, 7, place)
            return context.get_dummy_value()

        return types.void(F, *(types.intp,) * 5, Z, U), generate

    return rows


_four, _one = _rows(4), _rows(1)


def tile_sums(vectors: Vectors, count: Any, s: Any, at: tuple[Any, ...]) -> Any:
    """``count`` rows of a small dense matrix times rows of Z, for a vector of samples from s on.

    F, T and Z are the first arguments. Row r has the columns T[columns...] and the constant
    F[const + T[rows + r]]; ``at`` says where (weights, n, columns, const, rows). The sums are made
    in registers, whatever ``count`` is (at most MOST), and left behind the pointer that is given.
    """
    builder = vectors.builder
    weights, n, columns, const, rows = at
    kind = ir.ArrayType(vectors.type, MOST)
    room = builder.bitcast(cgutils.alloca_once(builder, kind), vectors.type.as_pointer())
    end = builder.append_basic_block("end")
    choice = builder.switch(count, end)
    for size in range(1, MOST + 1):
        block = builder.append_basic_block(f"rows_{size}")
        choice.add_case(vectors.constant(size), block)
        builder.position_at_end(block)
        lines = [vectors.constant(r) for r in range(size)]
        totals = []
        for line in lines:
            place = builder.add(const, vectors.number_at(1, builder.add(rows, line)))
            start = vectors.spread(vectors.number_at(0, place))
            totals.append(cgutils.alloca_once_value(builder, start))
        starts = [builder.add(weights, builder.mul(line, n)) for line in lines]
        with cgutils.for_range(builder, n) as loop:
            column = vectors.number_at(1, builder.add(columns, loop.index))
            value = vectors.load(2, vectors.row(2, column, s))
            for total, start in zip(totals, starts, strict=True):
                weight = vectors.number_at(0, builder.add(start, loop.index))
                vectors.add_product(total, vectors.spread(weight), value)
        for line, total in zip(lines, totals, strict=True):
            builder.store(builder.load(total), builder.gep(room, [line]), align=vectors.size)
        builder.branch(end)
    builder.position_at_end(end)
    return room


@inside
def _tile(
    typing: Any, F: Any, T: Any, Z: Any, U: Any, weights: Any, n: Any, columns: Any, const: Any,
    rows: Any, where: Any, count: Any, s: Any,
) -> Any:  # fmt: skip
    """See `tile_sums`; row r goes to row T[where + r] of U."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        vectors = Vectors(context, builder, signature, arguments, 0)
        where, count, s = arguments[9:]
        made = tile_sums(vectors, count, s, arguments[4:9])
        with cgutils.for_range(builder, count) as loop:
            total = builder.load(builder.gep(made, [loop.index]), align=vectors.size)
            row = vectors.number_at(1, builder.add(where, loop.index))
            vectors.store(total, 3, vectors.row(3, row, s))
        return context.get_dummy_value()

    return types.void(F, T, Z, U, *(types.intp,) * 8), generate


@part
def some_rows(F, T, Z, U, tile, r, count, const, where):
    """``count`` (at most MOST) rows of a tile from its row r on, into the rows T[where...] of U.

    The number of samples is a multiple of 2 LANES.
    """
    n, rows = T[tile + 1], T[tile + 2] + r
    weights, columns = T[tile + 4] + r * n, T[tile + 3]
    for s in range(0, Z.shape[1], BYTES // F.itemsize):
        _tile(F, T, Z, U, weights, n, columns, const, rows, where, count, s)


@part
def rows_at_once(left):
    """How many of so many rows go together: as few times as can be, about equally many."""
    times = (left + MOST - 1) // MOST
    return (left + times - 1) // times


@part
def combine(F, const, base, pad, n, Z, U):
    """U[:pad] = F[const:] + the first n columns of a matrix times Z[:n].

    Columns have ``pad`` numbers, a multiple of 2 LANES, and start at F[base]. Half of what ReLU
    gives is zero, and only other entries of Z count; it can be read WORD numbers on.
    """
    k, lanes = 0, BYTES // F.itemsize
    while k + 4 * lanes <= pad:
        _four(F, const, base, pad, k, n, Z, U)
        k += 4 * lanes
    while k < pad:
        _one(F, const, base, pad, k, n, Z, U)
        k += lanes
