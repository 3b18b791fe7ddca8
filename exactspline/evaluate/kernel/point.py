"""Samples one by one, with as little overhead as there can be (Numba)."""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils

from . import layout as lay
from . import packed
from .jit import kernel, part, without
from .packed import array_at, may_begin
from .running import of_members, of_units
from .stream import stream, streamed
from .vector_sums import combine
from .vectors import Vectors, inside, truth
from .windows import all_windows

__all__ = ["pass_dense_points", "pass_points"]


@part
def _tiles(T, F, table, count, const, Z, U, codes, ends, relu, wanted, track, first):
    """Rows of U by tiles, one product after the other; see `windows` for ``relu``."""
    for k in range(count):
        t = table + k * lay.TILE
        width, columns = T[t + 1], T[t + 3]
        for r in range(T[t]):
            i = T[T[t + 2] + r]
            w = T[t + 4] + r * width
            total = F[const + i]
            for c in range(0, width, 4):
                total += (F[w + c] * Z[T[columns + c]] + F[w + c + 1] * Z[T[columns + c + 1]]) + (
                    F[w + c + 2] * Z[T[columns + c + 2]] + F[w + c + 3] * Z[T[columns + c + 3]]
                )
            if wanted:
                codes[first + i] = total > 0
            if track:
                size, lanes = abs(total), lay.BYTES // F.itemsize
                ends[0], ends[lanes] = min(ends[0], size), max(ends[lanes], size)
            U[i] = F.dtype.type(0) if relu and not total > 0 else total


@part
def _dense(T, F, at, Z, U):
    """All members of a dense level."""
    const, columns = T[at + lay.CONST], T[at + lay.DENSE]
    combine(F, const, columns, T[at + lay.PAD], T[at + lay.READS], Z, U)


@part
def _members(T, F, at, Z, U, codes, ends, relu, wanted, track):
    """All members of a level; of a sparse one, with ``relu``, what ReLU makes of them."""
    const = T[at + lay.CONST]
    if T[at + lay.DENSE] >= 0:
        _dense(T, F, at, Z, U)
        return
    first, windows, rest = T[at + lay.CODE], T[at + lay.WINDOW_AT], T[at + lay.REST_AT]
    n_windows, n_rest = T[at + lay.WINDOWS], T[at + lay.REST]
    all_windows(T, F, windows, n_windows, Z, U, codes, ends, relu, wanted, track, first)
    _tiles(T, F, rest, n_rest, const, Z, U, codes, ends, relu, wanted, track, first)


@inside
def _sums(typing: Any, F: Any, T: Any, U: Any, Y: Any, table: Any, n: Any) -> Any:
    """n sums of entries of U, by a table of SUM columns, to entries of Y."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        vectors = Vectors(context, builder, signature, arguments, lay.QUAD)
        table, n = arguments[4:]
        with cgutils.for_range(builder, n) as loop:
            own = builder.add(table, builder.mul(loop.index, vectors.constant(lay.SUM)))
            row, n_quads, n_ones, quads, ones = (
                vectors.number_at(1, builder.add(own, vectors.constant(i))) for i in range(lay.SUM)
            )
            total = cgutils.alloca_once_value(builder, vectors.nothing)
            with cgutils.for_range(builder, n_quads) as inner:
                value = vectors.load(2, vectors.number_at(1, builder.add(quads, inner.index)))
                builder.store(builder.fadd(builder.load(total), value), total)
            four = builder.load(total)
            a, b, c, d = (
                builder.extract_element(four, ir.Constant(ir.IntType(32), i)) for i in range(4)
            )
            whole = cgutils.alloca_once_value(
                builder, builder.fadd(builder.fadd(a, c), builder.fadd(b, d))
            )
            with cgutils.for_range(builder, n_ones) as inner:
                value = vectors.number_at(2, vectors.number_at(1, builder.add(ones, inner.index)))
                builder.store(builder.fadd(builder.load(whole), value), whole)
            builder.store(builder.load(whole), vectors.pointer(3, row))
        return context.get_dummy_value()

    return types.void(F, T, U, Y, *(types.intp,) * 2), generate


@inside
def _sums_side_by_side(typing: Any, F: Any, T: Any, U: Any, Y: Any, table: Any, n: Any) -> Any:
    """n times QUAD sums of entries of U, by a table of SIDE columns, to entries of Y.

    They have as many QUADs of entries each, those of a sum right behind those of the sum before:
    one vector holds a QUAD of each.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        vectors = Vectors(context, builder, signature, arguments, lay.QUAD**2)
        made = Vectors(context, builder, signature, arguments, lay.QUAD)
        table, n = arguments[4:]
        with cgutils.for_range(builder, n) as loop:
            own = builder.add(table, builder.mul(loop.index, vectors.constant(lay.SIDE)))
            row, n_quads, quads = (
                vectors.number_at(1, builder.add(own, vectors.constant(i))) for i in range(lay.SIDE)
            )
            total = cgutils.alloca_once_value(builder, vectors.nothing)
            with cgutils.for_range(builder, n_quads) as inner:
                value = vectors.load(2, vectors.number_at(1, builder.add(quads, inner.index)))
                builder.store(builder.fadd(builder.load(total), value), total)
            whole = builder.load(total)
            while whole.type.count > lay.QUAD:  # neighbours
                even, odd = (
                    ir.Constant(
                        ir.VectorType(ir.IntType(32), whole.type.count // 2),
                        list(range(first, whole.type.count, 2)),
                    )
                    for first in range(2)
                )
                whole = builder.fadd(
                    builder.shuffle_vector(whole, whole, even),
                    builder.shuffle_vector(whole, whole, odd),
                )
            made.store(whole, 3, row)
        return context.get_dummy_value()

    return types.void(F, T, U, Y, *(types.intp,) * 2), generate


@inside
def _alike(
    typing: Any, F: Any, U: Any, Y: Any, codes: Any, ends: Any, numbers: Any, n: Any, first: Any,
    wanted: Any, track: Any,
) -> Any:  # fmt: skip
    """Units k < n of two pieces and the same numbers, unit k of member k, n times as many as fit.

    Codes go to codes[first...]. ``ends`` gets two vectors, the smallest forms and largest members.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        vectors = Vectors(context, builder, signature, arguments, 0)
        numbers, n, first, wanted, track = arguments[5:]
        wanted, track = truth(builder, wanted), truth(builder, track)
        shift, slope0, slope1, offset0, offset1 = (
            vectors.spread(vectors.number_at(0, builder.add(numbers, vectors.constant(i))))
            for i in range(5)
        )
        lanes = vectors.constant(vectors.lanes)
        infinite = ir.Constant(vectors.type, [float("inf")] * vectors.lanes)
        least = cgutils.alloca_once_value(builder, infinite)
        largest = cgutils.alloca_once_value(builder, vectors.nothing)
        with cgutils.for_range(builder, n) as loop:
            place = builder.mul(loop.index, lanes)
            u = vectors.load(1, place)
            form = builder.fadd(u, shift)
            upper = builder.fcmp_ordered(">", form, vectors.nothing)
            slope = builder.select(upper, slope1, slope0)
            offset = builder.select(upper, offset1, offset0)
            vectors.store(builder.fadd(builder.fmul(slope, u), offset), 2, place)
            with builder.if_then(wanted):
                vectors.store_bytes(
                    builder.zext(upper, vectors.bytes), 3, builder.add(first, place)
                )
            with builder.if_then(track):
                form, u = vectors.size_of(form), vectors.size_of(u)
                builder.store(vectors.smaller(form, builder.load(least)), least)
                builder.store(vectors.larger(u, builder.load(largest)), largest)
        vectors.store(builder.load(least), 4, vectors.constant(0))
        vectors.store(builder.load(largest), 4, lanes)
        return context.get_dummy_value()

    return types.void(F, U, Y, codes, ends, *(types.intp,) * 5), generate


@part
def _units_alike(T, F, at, numbers, U, Y, code, ends, wanted, track):
    """All units of a level, of one kind; ``ends`` as in `windows`."""
    lanes, n, first = lay.BYTES // F.itemsize, T[at + lay.UNITS], T[at + lay.CODE]
    whole = n // lanes
    _alike(F, U, Y, code, ends, numbers, whole, first, wanted, track)
    for k in range(whole * lanes, n):
        u = U[k]
        form = u + F[numbers]
        upper = form > 0
        if wanted:
            code[first + k] = upper
        Y[k] = F[numbers + 1 + upper] * u + F[numbers + 3 + upper]
        ends[0], ends[lanes] = min(ends[0], abs(form)), max(ends[lanes], abs(u))


@part
def _units(T, F, at, U, Y, code, ends, wanted, track):
    """All units of a level, one after the other; ``ends`` as in `windows`."""
    n_units, table = T[at + lay.UNITS], T[at + lay.UNIT_AT]
    own = code[T[at + lay.CODE] :]
    # typed: a float32 times 0 is a float64 in Numba
    least, largest = F.dtype.type(np.inf), F.dtype.type(0)
    if track:
        for i in range(T[at + lay.ROWS]):
            a = abs(U[i])
            largest = a if a > largest else largest
    if T[at + lay.MERGED]:
        for j in range(T[at + lay.STATE]):
            Y[j] = 0
    for k in range(n_units):
        unit = table + k
        n, numbers = T[unit + n_units], T[unit + 3 * n_units]
        r = 0
        if T[unit] == lay.SCALAR:
            u = U[T[unit + 2 * n_units]]
            for p in range(n - 1):
                g = u + F[numbers + p]
                r += g > 0
                if track and abs(g) < least:
                    least = abs(g)
            v = F[numbers + n - 1 + r] * u + F[numbers + 2 * n - 1 + r]
        else:
            sign = F[numbers]
            v = sign * U[T[T[unit + 2 * n_units]]]
            second = F.dtype.type(-np.inf)
            for p in range(1, n):
                g = sign * U[T[T[unit + 2 * n_units] + p]]
                if g > v:
                    second, v, r = v, g, p
                elif g > second:
                    second = g
            if track and v - second < least:
                least = v - second
            v = sign * v
        if wanted:
            own[k] = r
        if T[unit + 5 * n_units]:
            Y[T[unit + 4 * n_units]] = v
        else:
            Y[T[unit + 4 * n_units]] += v
    ends[0], ends[lay.BYTES // F.itemsize] = least, largest


@part
def _begin(x, limit, Z):
    """A sample as the first state; its largest size, negative beyond what is safe."""
    safe, largest = True, x.dtype.type(0)
    for j in range(len(x)):
        a = abs(x[j])
        safe &= a <= limit  # not where it is NaN
        largest = a if a > largest else largest
        Z[j] = x[j]
    return largest if safe else x.dtype.type(-1)


GENERAL = True  # layers may be sparse, and units other than ReLU: see `without`


@kernel
def pass_points(table, X, values, codes):
    """Values and codes of samples, one by one; False if they cannot be computed here.

    That is where |x| is beyond what is safe, or NaN, where the numbers of X are not as many as
    the samples have or do not follow one another, and in another floating-point mode than the
    standard one (see `exactspline.mode`).

    All arrays are flat, a sample's numbers after those of the sample before; ``table`` holds where
    the others are (see `packed`). ``work`` has room for two states and the members, in equal
    thirds, and SPARE numbers more. ``codes`` and ``stats`` may be empty; ``stats`` as in
    `pass_batch`, then ``errors`` bounds the inputs'. Where the table has room for a code, codes are
    made there and streamed to ``codes``, which are too many for the caches then.
    """
    T, F = array_at(table, table, packed.T), array_at(table, X, packed.F)
    N, stats = array_at(table, np.float64, packed.N), array_at(table, np.float64, packed.STATS)
    errors, work = array_at(table, np.float64, packed.ERRORS), array_at(table, X, packed.WORK)
    room = array_at(table, np.uint8, packed.CODE)
    third = (len(work) - lay.SPARE) // 3
    Z, Y, U = work[:third], work[third : 2 * third], work[2 * third : 3 * third]
    ends, last, lanes = work[3 * third :], int(N[3]) - 1, lay.BYTES // F.itemsize
    dim, n_out = T[lay.READS], T[last * lay.HEADER + lay.ROWS]
    units = T[last * lay.HEADER + lay.CODE]  # as many as all layers have
    track, wanted = int(len(stats) > 0), int(len(codes) > 0)
    zero, infinite = F.dtype.type(0), F.dtype.type(np.inf)
    n = table[2 * packed.SAMPLES]
    if len(X) != n * dim or not may_begin(table, X):
        return False
    for s in range(n):
        largest = _begin(X[s * dim : (s + 1) * dim], N[0], Z)
        if largest < 0:
            return False
        aside = wanted and len(room) > 0
        code = room if aside else codes[s * units : (s + 1) * units]
        size, error = float(largest), errors[s] if track else 0.0
        proved, tied = True, False
        for level in range(last + 1):
            at = level * lay.HEADER
            if GENERAL:
                summed, alike = T[at + lay.RELU] == 2, T[at + lay.ALIKE]  # unit k is of member k
                made = U if summed else Y
                # units of ReLU at once
                at_once = T[at + lay.RELU] >= 2 and T[at + lay.DENSE] < 0
                at_once &= T[at + lay.SELECTION] < 0
            for i in range(lanes if track else 0):
                ends[i], ends[lanes + i] = infinite, zero
            if not GENERAL:
                _dense(T, F, at, Z, U)
            elif T[at + lay.SELECTION] >= 0:
                for i in range(T[at + lay.ROWS]):
                    U[i] = Z[T[T[at + lay.SELECTION] + i]]
            else:
                target = made if at_once else U
                w, t = at_once and wanted, at_once and track
                _members(T, F, at, Z, target, code, ends, at_once, w, t)
            if level == last:
                break
            if not GENERAL:
                _units_alike(T, F, at, T[at + lay.ALIKE], U, Y, code, ends, wanted, track)
            else:
                if not at_once and (summed or alike >= 0):
                    numbers = T[T[at + lay.UNIT_AT] + 3 * T[at + lay.UNITS]] if summed else alike
                    _units_alike(T, F, at, numbers, U, made, code, ends, wanted, track)
                elif not at_once:
                    _units(T, F, at, U, Y, code, ends, wanted, track)
                if summed:
                    _sums_side_by_side(F, T, U, Y, T[at + lay.SIDE_AT], T[at + lay.SIDES])
                    _sums(F, T, U, Y, T[at + lay.SUM_AT], T[at + lay.SUMS])
                for k in range(T[at + lay.KEEPS]):
                    pair = T[at + lay.KEEP] + 2 * k
                    Y[T[pair + 1]] = Z[T[pair]]
            if track:
                bounds = lay.BOUNDS + level * lay.N_BOUNDS
                least, largest = ends[0], ends[lanes]
                for i in range(1, lanes):
                    least, largest = min(least, ends[i]), max(largest, ends[lanes + i])
                e = of_members(N, bounds, size, error)
                form, next_size, next_error = of_units(N, bounds, float(largest), e)
                proved &= least > form
                tied |= least == 0
                if T[at + lay.KEEPS] > 0:
                    next_size, next_error = max(next_size, size), max(next_error, error)
                size, error = next_size, next_error
            Z, Y = Y, Z
        if aside:
            stream(codes, s * units, room, units)
        for i in range(n_out):
            values[s * n_out + i] = U[i]
        if track:
            bounds = lay.BOUNDS + last * lay.N_BOUNDS
            stats[3 * s], stats[3 * s + 1] = 1.0 if proved else 0.0, 1.0 if tied else 0.0
            stats[3 * s + 2] = of_members(N, bounds, size, error)
    if len(room) > 0:
        streamed()
    return True


# for dense layers of ReLU units, one after the other
pass_dense_points = without(pass_points, "pass_dense_points")
