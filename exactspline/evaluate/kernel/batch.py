"""A pass over a range of samples, block by block (Numba).

The state is stored by rows, one row a state entry and one column a sample of the block, so that
every sum is a sum of long rows, whatever the sparsity. Dense layers are products of matrices.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from . import layout as lay
from .jit import kernel, part
from .product import product
from .rows import copy_row, fill
from .running import of_members, of_units
from .unit_rows import extreme_unit, scalar_unit, some_units
from .vector_sums import some_rows

__all__ = ["Results", "Scratch", "pass_batch"]


@part
def members(T, F, at, Z, U):
    """All members of a level into rows of U."""
    n, m = T[at + lay.ROWS], T[at + lay.READS]
    const = T[at + lay.CONST]
    if T[at + lay.DENSE_T] >= 0:
        product(F, Z, U, T[at + lay.DENSE_T], n, m)
        for i in range(n):
            row, c = U[i], F[const + i]
            for s in range(len(row)):
                row[s] += c
        return
    for k in range(T[at + lay.TILES]):
        t = T[at + lay.TILE_AT] + k * lay.TILE
        for r in range(0, T[t], 4):
            some_rows(F, T, Z, U, t, r, min(4, T[t] - r), const, T[t + 2] + r)


@part
def fused_level(T, F, at, Z, Y, P, wanted, ends, track):
    """A level of scalar units of two pieces, each of its own member: no members are kept."""
    n_units, table, const = T[at + lay.UNITS], T[at + lay.UNIT_AT], T[at + lay.CONST]
    targets, numbers = table + 4 * n_units, table + 3 * n_units
    relu, add = int(T[at + lay.RELU] != 0), int(T[at + lay.MERGED] != 0)
    for k in range(T[at + lay.TILES]):
        tile = T[at + lay.TILE_AT] + k * lay.TILE
        some_units(F, T, Z, Y, P, ends, tile, const, targets, numbers, relu, add, wanted, track)


@part
def write_codes(words, P, Q, Q_bytes, codes, begin, n, first, n_units):
    """Codes of a block, by units in P (``words``: eight samples in one), to rows by samples.

    Squares of eight by eight bytes are transposed in registers.
    """
    halves, pairs = np.uint64(0xFFFFFFFF), np.uint64(0x0000FFFF0000FFFF)
    bytes_ = np.uint64(0x00FF00FF00FF00FF)
    d32, d16, d8 = np.uint64(32), np.uint64(16), np.uint64(8)
    for k0 in range(0, n_units, 64):
        k1 = min(k0 + 64, n_units)
        for k in range(k0, k1, 8):
            r0, r1, r2, r3 = words[k], words[k + 1], words[k + 2], words[k + 3]
            r4, r5, r6, r7 = words[k + 4], words[k + 5], words[k + 6], words[k + 7]
            group = (k - k0) // 8
            for s in range((n + 7) // 8):
                x0, x1, x2, x3 = r0[s], r1[s], r2[s], r3[s]
                x4, x5, x6, x7 = r4[s], r5[s], r6[s], r7[s]
                t0, t1 = ((x0 >> d32) ^ x4) & halves, ((x1 >> d32) ^ x5) & halves
                t2, t3 = ((x2 >> d32) ^ x6) & halves, ((x3 >> d32) ^ x7) & halves
                x4, x5, x6, x7 = x4 ^ t0, x5 ^ t1, x6 ^ t2, x7 ^ t3
                x0, x1 = x0 ^ (t0 << d32), x1 ^ (t1 << d32)
                x2, x3 = x2 ^ (t2 << d32), x3 ^ (t3 << d32)
                t0, t1 = ((x0 >> d16) ^ x2) & pairs, ((x1 >> d16) ^ x3) & pairs
                t2, t3 = ((x4 >> d16) ^ x6) & pairs, ((x5 >> d16) ^ x7) & pairs
                x2, x3, x6, x7 = x2 ^ t0, x3 ^ t1, x6 ^ t2, x7 ^ t3
                x0, x1 = x0 ^ (t0 << d16), x1 ^ (t1 << d16)
                x4, x5 = x4 ^ (t2 << d16), x5 ^ (t3 << d16)
                t0, t1 = ((x0 >> d8) ^ x1) & bytes_, ((x2 >> d8) ^ x3) & bytes_
                t2, t3 = ((x4 >> d8) ^ x5) & bytes_, ((x6 >> d8) ^ x7) & bytes_
                Q[8 * s, group], Q[8 * s + 1, group] = x0 ^ (t0 << d8), x1 ^ t0
                Q[8 * s + 2, group], Q[8 * s + 3, group] = x2 ^ (t1 << d8), x3 ^ t1
                Q[8 * s + 4, group], Q[8 * s + 5, group] = x4 ^ (t2 << d8), x5 ^ t2
                Q[8 * s + 6, group], Q[8 * s + 7, group] = x6 ^ (t3 << d8), x7 ^ t3
        for s in range(n):
            code, own = codes[begin + s, first + k0 : first + k1], Q_bytes[s]
            for k in range(len(code)):
                code[k] = own[k]


class Scratch(NamedTuple):
    """Room for one block of samples: its width is a multiple of 2 LANES.

    ``A`` and ``B`` have room for the largest state, ``U`` for the members (and 2 rows more); ``P``
    for a layer's codes and 8 more rows, and ``words`` is the same memory as uint64; ``Q`` (width,
    8) and ``Q_bytes`` likewise. ``size`` and ``error`` have a number a sample.
    """

    A: np.ndarray
    B: np.ndarray
    U: np.ndarray
    P: np.ndarray
    words: np.ndarray
    Q: np.ndarray
    Q_bytes: np.ndarray
    size: np.ndarray
    error: np.ndarray


class Results(NamedTuple):
    """Where results go; ``codes`` and ``stats`` may be empty.

    ``stats`` gets, a sample, whether the code is proved, whether a form is zero, and the bound
    on the values' error.
    """

    values: np.ndarray
    codes: np.ndarray
    stats: np.ndarray


@part
def take_samples(X, errors, begin, n, S, stats, track):
    """A block of samples as the first state, by rows; with what the running bound begins with."""
    A, size, error = S.A, S.size, S.error
    width, n_in = A.shape[1], X.shape[1]
    for j in range(n_in):
        z = A[j]
        for s in range(n):
            z[s] = X[begin + s, j]
        for s in range(n, width):
            z[s] = 0
    if track:
        for s in range(width):
            size[s] = 0.0
            error[s] = errors[begin + s] if s < n and errors.shape[0] > 0 else 0.0
        for j in range(n_in):
            z = A[j]
            for s in range(width):
                size[s] = max(size[s], abs(z[s]))
        for s in range(n):
            stats[begin + s, 0] = 1.0
            stats[begin + s, 1] = 0.0


@part
def units_of_level(T, F, at, Z, Y, U, P, wanted, ends, track):
    """The outputs of a level's units, one by one, from its members' rows."""
    n_units, table = T[at + lay.UNITS], T[at + lay.UNIT_AT]
    source = U if T[at + lay.SELECTION] < 0 else Z
    where = T[at + lay.SELECTION] if T[at + lay.SELECTION] >= 0 else T[at + lay.IDENTITY]
    for k in range(n_units):
        unit = table + k
        add = 1 - T[unit + 5 * n_units]
        if T[unit] == lay.SCALAR:
            scalar_unit(
                F, source, Y, P, ends, T[unit + 3 * n_units], T[unit + n_units],
                T[where + T[unit + 2 * n_units]], T[unit + 4 * n_units], k, add, wanted, track,
            )  # fmt: skip
        else:
            extreme_unit(F, T, source, Y, P, ends, unit, n_units, where, k, add, wanted, track)


@part
def bound_level(N, bounds, keeps, begin, n, S, ends, stats):
    """The running bound behind a level, and what it proves of the level's codes."""
    least, largest = ends[0], ends[1]
    size, error = S.size, S.error
    for s in range(n):
        e = of_members(N, bounds, size[s], error[s])
        form, next_size, next_error = of_units(N, bounds, float(largest[s]), e)
        if not least[s] > form:
            stats[begin + s, 0] = 0.0
        if least[s] == 0:
            stats[begin + s, 1] = 1.0
        if keeps:
            next_size = max(next_size, size[s])
            next_error = max(next_error, error[s])
        size[s], error[s] = next_size, next_error


@kernel
def pass_batch(T, F, N, X, errors, start, stop, scratch, results):
    """Values, codes and bounds of the samples start..stop: see `Scratch` and `Results`."""
    S, values, codes, stats = scratch, results.values, results.codes, results.stats
    U, P = S.U, S.P
    width, n_out, n_levels = S.A.shape[1], values.shape[1], int(N[3])
    wanted, track = int(codes.shape[0] > 0), int(stats.shape[0] > 0)
    ends = U[len(U) - 2 :]
    inf, zero = X.dtype.type(np.inf), X.dtype.type(0)
    for begin in range(start, stop, width):
        n = min(width, stop - begin)
        take_samples(X, errors, begin, n, S, stats, track)
        Z, Y = S.A, S.B
        for level in range(n_levels):
            at = level * lay.HEADER
            fused = T[at + lay.FUSED] != 0
            if not fused and T[at + lay.SELECTION] < 0:
                members(T, F, at, Z, U)
            if level == n_levels - 1:
                break
            fill(ends[0], inf)
            fill(ends[1], zero)
            if T[at + lay.MERGED]:
                for j in range(T[at + lay.STATE]):
                    fill(Y[j], zero)
            if fused:
                fused_level(T, F, at, Z, Y, P, wanted, ends, track)
            else:
                units_of_level(T, F, at, Z, Y, U, P, wanted, ends, track)
            for k in range(T[at + lay.KEEPS]):
                pair = T[at + lay.KEEP] + 2 * k
                copy_row(Y[T[pair + 1]], Z[T[pair]])
            if wanted:
                write_codes(
                    S.words, P, S.Q, S.Q_bytes, codes, begin, n, T[at + lay.CODE], T[at + lay.UNITS]
                )
            if track:
                bounds = lay.BOUNDS + level * lay.N_BOUNDS
                bound_level(N, bounds, T[at + lay.KEEPS] > 0, begin, n, S, ends, stats)
            Z, Y = Y, Z
        for s in range(n):
            for i in range(n_out):
                values[begin + s, i] = U[i, s]
        if track:
            bounds = lay.BOUNDS + (n_levels - 1) * lay.N_BOUNDS
            for s in range(n):
                stats[begin + s, 2] = of_members(N, bounds, S.size[s], S.error[s])
