"""One sample with as little overhead as there can be (Numba)."""

from __future__ import annotations

import numpy as np

from . import layout as lay
from .jit import kernel
from .running import of_members, of_units
from .vector_sums import combine

__all__ = ["pass_point"]


@kernel
def _members(T, F, at, Z, active, U):
    """All members of a level."""
    m, const = T[at + lay.READS], T[at + lay.CONST]
    if T[at + lay.DENSE] >= 0:
        count, zero = 0, F.dtype.type(0)
        for j in range(m):  # without a branch: half of the entries behind a ReLU are zero
            active[count] = j
            count += Z[j] != zero
        combine(F, const, T[at + lay.DENSE], T[at + lay.PAD], active, count, Z, U)
        return
    for k in range(T[at + lay.TILES]):
        t = T[at + lay.TILE_AT] + k * lay.TILE
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
def pass_point(T, F, N, x, error, work, active, values, code, stats):
    """Values and code of one sample; False (and nothing) where |x| is beyond what is safe.

    ``work`` has room for two states and the members, in equal thirds. ``code`` and ``stats`` may
    be empty; ``stats`` as in `pass_batch`.
    """
    third = len(work) // 3
    Z, Y, U = work[:third], work[third : 2 * third], work[2 * third :]
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
    track, wanted = len(stats) > 0, len(code) > 0
    size, proved, tied = float(largest), True, False
    for level in range(n_levels - 1):
        at = level * lay.HEADER
        n_units, table = T[at + lay.UNITS], T[at + lay.UNIT_AT]
        if T[at + lay.SELECTION] >= 0:
            for i in range(T[at + lay.ROWS]):
                U[i] = Z[T[T[at + lay.SELECTION] + i]]
        else:
            _members(T, F, at, Z, active, U)
        least = infinite
        if track:
            largest = zero
            for i in range(T[at + lay.ROWS]):
                a = abs(U[i])
                largest = a if a > largest else largest
        if T[at + lay.MERGED]:
            for j in range(T[at + lay.STATE]):
                Y[j] = 0
        own = code[T[at + lay.CODE] :]
        if T[at + lay.RELU] >= 2:  # unit k is that of member k
            if wanted:
                for k in range(n_units):
                    own[k] = U[k] > zero
            if T[at + lay.RELU] == 3:  # and the state's row k
                for k in range(n_units):
                    Y[k] = U[k] if U[k] > zero else zero
            else:
                target = T[table + 4 * n_units : table + 5 * n_units]
                for k in range(n_units):
                    Y[target[k]] += U[k] if U[k] > zero else zero
            if track:
                for k in range(n_units):
                    a = abs(U[k])
                    least = a if a < least else least
        else:
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
