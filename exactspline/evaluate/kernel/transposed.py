"""Affine maps from codes by the transposed layers, sample after sample (Numba).

From the outputs backwards every entry of a state has a row of C numbers: how the outputs depend on
it. A unit adds its row, times its slope, to the rows of the entries that its member reads; a unit
of slope 0 costs nothing. What a sample shares with the one before, from the outputs on, is kept,
and where the first layer that differs does so in few units, only these are taken back and put in:
changes of rank one.
"""

from __future__ import annotations

from typing import Any

from numba import types
from numba.core import cgutils

from . import layout as lay
from .jit import kernel, part
from .vectors import Vectors, inside

__all__ = ["pass_transposed"]


@inside
def _push(
    typing: Any, F: Any, T: Any, above: Any, below: Any, place: Any, row: Any, width: Any,
    last: Any, slope: Any, offset: Any,
) -> Any:  # fmt: skip
    """Add a row of C numbers, times ``slope``, to the rows that a member reads.

    T[place...]: how many entries, where they stand in T, where their weights stand in F. ``row``
    of ``above``, rows of ``width`` numbers, as those of ``below``; times ``offset`` it is added
    to its row ``last``.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        vectors = Vectors(context, builder, signature, arguments, 0)
        place, row, width, last, slope, offset = arguments[4:]
        count, entries, weights = (
            vectors.number_at(1, builder.add(place, vectors.constant(i))) for i in range(3)
        )
        lanes = vectors.constant(vectors.lanes)

        def add(row: Any, step: Any, value: Any, factor: Any) -> None:
            at = builder.add(builder.mul(row, width), step)
            product = builder.fmul(vectors.spread(factor), value, flags=("contract",))
            total = builder.fadd(vectors.load(3, at), product, flags=("contract",))
            vectors.store(total, 3, at)

        with cgutils.for_range(builder, builder.sdiv(width, lanes)) as steps:
            step = builder.mul(steps.index, lanes)
            own = vectors.load(2, builder.add(builder.mul(row, width), step))
            add(last, step, own, offset)
            value = builder.fmul(vectors.spread(slope), own)
            with cgutils.for_range(builder, count) as loop:
                entry = vectors.number_at(1, builder.add(entries, loop.index))
                weight = vectors.number_at(0, builder.add(weights, loop.index))
                add(entry, step, value, weight)
        return context.get_dummy_value()

    return types.void(F, T, above, below, *(types.intp,) * 4, F.dtype, F.dtype), generate


@inside
def _push_active(
    typing: Any, F: Any, T: Any, above: Any, below: Any, active: Any, count: Any, members: Any,
    targets: Any, const: Any, width: Any, last: Any,
) -> Any:  # fmt: skip
    """`_push` of the ReLU units active[:count], unit k of member k, with slope 1.

    T[members...] is the table of members, T[targets + k] a unit's row of ``above``.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        vectors = Vectors(context, builder, signature, arguments, 0)
        count, members, targets, const, width, last = arguments[5:]

        def add(total: Any, factor: Any, value: Any) -> Any:
            product = builder.fmul(vectors.spread(factor), value, flags=("contract",))
            return builder.fadd(total, product, flags=("contract",))

        lanes = vectors.constant(vectors.lanes)
        with cgutils.for_range(builder, builder.sdiv(width, lanes)) as steps:
            step = builder.mul(steps.index, lanes)
            end = builder.add(builder.mul(last, width), step)
            constant = cgutils.alloca_once_value(builder, vectors.load(3, end))
            with cgutils.for_range(builder, count) as units:
                k = vectors.number_at(4, units.index)
                row = vectors.number_at(1, builder.add(targets, k))
                own = vectors.load(2, builder.add(builder.mul(row, width), step))
                number = vectors.number_at(0, builder.add(const, k))
                builder.store(add(builder.load(constant), number, own), constant)
                place = builder.add(members, builder.mul(k, vectors.constant(lay.ROW)))
                size, entries, weights = (
                    vectors.number_at(1, builder.add(place, vectors.constant(i))) for i in range(3)
                )
                with cgutils.for_range(builder, size) as loop:
                    entry = vectors.number_at(1, builder.add(entries, loop.index))
                    weight = vectors.number_at(0, builder.add(weights, loop.index))
                    at = builder.add(builder.mul(entry, width), step)
                    vectors.store(add(vectors.load(3, at), weight, own), 3, at)
            vectors.store(builder.load(constant), 3, end)
        return context.get_dummy_value()

    return types.void(F, T, above, below, active, *(types.intp,) * 6), generate


@part
def _change(T, F, at, k, code, sign, above, below, width, rows):
    """Put a unit's piece in (sign 1) or take it out (-1); returns whether it is no constant."""
    n_units = T[at + lay.UNITS]
    unit = T[at + lay.UNIT_AT] + k
    count, member, numbers = T[unit + n_units], T[unit + 2 * n_units], T[unit + 3 * n_units]
    slope, offset = sign, F.dtype.type(0)
    if T[unit] == lay.SCALAR:
        slope = sign * F[numbers + count - 1 + code]
        offset = sign * F[numbers + 2 * count - 1 + code]
    else:
        member = T[member + code]
    if slope != 0 or offset != 0:
        if T[at + lay.SELECTION] < 0:
            offset += slope * F[T[at + lay.CONST] + member]
        row, place = T[unit + 4 * n_units], T[at + lay.ROW_AT] + lay.ROW * member
        _push(F, T, above, below, place, row, width, rows, slope, offset)
    return slope != 0


@part
def _outputs(T, F, at, block, width, rows):
    """How the outputs depend on the state before them, and their constants."""
    for i in range((rows + 1) * width):
        block[i] = 0
    for c in range(T[at + lay.ROWS]):
        place = T[at + lay.ROW_AT] + lay.ROW * c
        for e in range(T[place]):
            block[T[T[place + 1] + e] * width + c] += F[T[place + 2] + e]
        block[rows * width + c] = F[T[at + lay.CONST] + c]


@kernel
def pass_transposed(
    T, F, n_levels, codes, order, start, stop, S, work, active, fresh, maps, consts
):
    """A (n, C, D) and b (n, C) of the samples order[start..stop], from their codes.

    ``S`` (levels, (rows + 1) width): a block for the state before every level, with a last row of
    constants; width is C, filled up to whole vectors. ``work`` (2, levels): how many terms the
    sums of a block have, and how many changes it has seen since. These are never more than its
    terms, so that an entry is a sum of twice as many as it needs, at most. ``fresh``: no changes.
    ``active`` has room for a layer's units and one more.
    """
    n_out, dim = maps.shape[1], maps.shape[2]
    lanes, last = lay.BYTES // F.itemsize, n_levels - 1
    width = (n_out + lanes - 1) // lanes * lanes
    rows = S.shape[1] // width - 1
    one, before = F.dtype.type(1), -1
    terms, changes = work[0], work[1]
    _outputs(T, F, last * lay.HEADER, S[last], width, rows)
    for place in range(start, stop):
        sample = order[place]
        code, level, flips = codes[sample], last - 1, 0
        while before >= 0 and level >= 0:  # the first layer, from the outputs on, that differs
            first = T[level * lay.HEADER + lay.CODE]
            for k in range(first, first + T[level * lay.HEADER + lay.UNITS]):
                flips += code[k] != codes[before, k]
            if flips > 0:
                break
            level -= 1
        differs = level
        while level >= 0:
            at = level * lay.HEADER
            above, below, first = S[level + 1], S[level], T[at + lay.CODE]
            few = level == differs and before >= 0 and not fresh
            if few and changes[level] + 2 * flips <= terms[level]:
                for k in range(T[at + lay.UNITS]):
                    old, new = codes[before, first + k], code[first + k]
                    if old != new:
                        _change(T, F, at, k, old, -one, above, below, width, rows)
                        _change(T, F, at, k, new, one, above, below, width, rows)
                changes[level] += 2 * flips
            else:
                for i in range(T[at + lay.READS] * width):
                    below[i] = 0
                for c in range(rows * width, (rows + 1) * width):
                    below[c] = above[c]
                terms[level], changes[level] = 0, 0
                n_units = T[at + lay.UNITS]
                if T[at + lay.RELU] >= 2 and T[at + lay.SELECTION] < 0:
                    count = 0
                    for k in range(n_units):  # without a branch
                        active[count] = k
                        count += code[first + k] != 0
                    targets = T[at + lay.UNIT_AT] + 4 * n_units
                    _push_active(
                        F, T, above, below, active, count, T[at + lay.ROW_AT], targets,
                        T[at + lay.CONST], width, rows,
                    )  # fmt: skip
                    terms[level] = count
                else:
                    for k in range(n_units):
                        own = code[first + k]
                        terms[level] += _change(T, F, at, k, own, one, above, below, width, rows)
                for k in range(T[at + lay.KEEPS]):
                    pair = T[at + lay.KEEP] + 2 * k
                    source, target = T[pair + 1] * width, T[pair] * width
                    for c in range(width):
                        below[target + c] += above[source + c]
            level -= 1
        before = sample
        block = S[0]
        for c in range(n_out):
            consts[sample, c] = block[rows * width + c]
            for j in range(dim):
                maps[sample, c, j] = block[j * width + c]
    return before
