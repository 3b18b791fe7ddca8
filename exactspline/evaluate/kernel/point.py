"""One sample with as little overhead as there can be (Numba)."""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from . import layout as lay
from .jit import kernel, part
from .running import of_members, of_units
from .vector_sums import combine
from .vectors import Vectors, truth
from .windows import all_windows

__all__ = ["pass_point"]


@kernel
def _tiles(T, F, table, count, const, Z, U):
    """Rows of U by tiles, one product after the other."""
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
            U[i] = total


@kernel
def _sparse(T, F, table, count, rest, n_rest, const, Z, U):
    all_windows(T, F, table, count, Z, U)
    _tiles(T, F, rest, n_rest, const, Z, U)


@kernel
def _members(T, F, at, Z, active, U):
    """All members of a level."""
    const = T[at + lay.CONST]
    if T[at + lay.DENSE] >= 0:
        count, zero = 0, F.dtype.type(0)
        for j in range(T[at + lay.READS]):  # without a branch: half of what ReLU gives is zero
            active[count] = j
            count += Z[j] != zero
        combine(F, const, T[at + lay.DENSE], T[at + lay.PAD], active, count, Z, U)
        return
    _sparse(
        T, F, T[at + lay.WINDOW_AT], T[at + lay.WINDOWS], T[at + lay.REST_AT], T[at + lay.REST],
        const, Z, U,
    )  # fmt: skip


@intrinsic
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
    """All units of a level, of one kind: the smallest form and the largest member."""
    lanes, n, first = lay.BYTES // F.itemsize, T[at + lay.UNITS], T[at + lay.CODE]
    whole = n // lanes
    _alike(F, U, Y, code, ends, numbers, whole, first, wanted, track)
    least, largest = ends[0], ends[lanes]
    for k in range(lanes):
        least, largest = min(least, ends[k]), max(largest, ends[lanes + k])
    for k in range(whole * lanes, n):
        u = U[k]
        form = u + F[numbers]
        upper = form > 0
        if wanted:
            code[first + k] = upper
        Y[k] = F[numbers + 1 + upper] * u + F[numbers + 3 + upper]
        least, largest = min(least, abs(form)), max(largest, abs(u))
    return least, largest


@kernel
def pass_point(T, F, N, x, error, work, active, values, code, stats):
    """Values and code of one sample; False (and nothing) where |x| is beyond what is safe.

    ``work`` has room for two states and the members, in equal thirds, and 4 LANES numbers more.
    ``code`` and ``stats`` may be empty; ``stats`` as in `pass_batch`.
    """
    third = (len(work) - 4 * lay.LANES) // 3
    Z, Y, U = work[:third], work[third : 2 * third], work[2 * third : 3 * third]
    n_levels = int(N[3])
    # typed: a float32 times 0 is a float64 in Numba
    zero, infinite = F.dtype.type(0), F.dtype.type(np.inf)
    safe, largest = True, zero
    for j in range(len(x)):
        a = abs(x[j])
        safe &= a <= N[0]  # not where it is NaN
        largest = a if a > largest else largest
        Z[j] = x[j]
    if not safe:
        return False
    track, wanted = int(len(stats) > 0), int(len(code) > 0)
    ends = work[3 * third :]
    size, proved, tied = float(largest), True, False
    for level in range(n_levels - 1):
        at = level * lay.HEADER
        n_units, table = T[at + lay.UNITS], T[at + lay.UNIT_AT]
        if T[at + lay.SELECTION] >= 0:
            for i in range(T[at + lay.ROWS]):
                U[i] = Z[T[T[at + lay.SELECTION] + i]]
        else:
            _members(T, F, at, Z, active, U)
        least, largest = infinite, zero
        own, relu, alike = code[T[at + lay.CODE] :], T[at + lay.RELU], T[at + lay.ALIKE]
        if relu == 2:  # unit k is that of member k
            numbers = T[table + 3 * n_units]
            least, largest = _units_alike(T, F, at, numbers, U, U, code, ends, wanted, track)
            _sparse(
                T, F, T[at + lay.SUM_AT], T[at + lay.SUMS], T[at + lay.SUM_REST_AT],
                T[at + lay.SUM_REST], T[at + lay.ZEROS], U, Y,
            )  # fmt: skip
        elif alike >= 0:
            least, largest = _units_alike(T, F, at, alike, U, Y, code, ends, wanted, track)
        else:
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
        for k in range(T[at + lay.KEEPS]):
            pair = T[at + lay.KEEP] + 2 * k
            Y[T[pair + 1]] = Z[T[pair]]
        if track:
            bounds = lay.BOUNDS + level * lay.N_BOUNDS
            e = of_members(N, bounds, size, error)
            form, next_size, next_error = of_units(N, bounds, float(largest), e)
            proved &= least > form
            tied |= least == 0
            if T[at + lay.KEEPS] > 0:
                next_size, next_error = max(next_size, size), max(next_error, error)
            size, error = next_size, next_error
        Z, Y = Y, Z
    at = (n_levels - 1) * lay.HEADER
    _members(T, F, at, Z, active, U)
    for i in range(len(values)):
        values[i] = U[i]
    if track:
        stats[0], stats[1] = 1.0 if proved else 0.0, 1.0 if tied else 0.0
        stats[2] = of_members(N, lay.BOUNDS + (n_levels - 1) * lay.N_BOUNDS, size, error)
    return True
