"""A pass over a range of samples, block by block (Numba).

The state is stored by rows, one row a state entry and one column a sample of the block, so that
every sum is a sum of long rows, whatever the sparsity. Dense layers are products of matrices.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba import types

from . import layout as lay
from .jit import kernel, part, without
from .masks import write_words
from .product import product
from .rows import copy_row, fill
from .running import of_members, of_units
from .unit_rows import extreme_unit, scalar_unit, some_units
from .vector_sums import rows_at_once, some_rows
from .vectors import Vectors, inside

__all__ = ["Results", "Scratch", "pass_batch", "pass_fused_batch"]


@part
def tiles(T, F, at, Z, U):
    """The members of a level in tiles."""
    const = T[at + lay.CONST]
    for k in range(T[at + lay.TILES]):
        t = T[at + lay.TILE_AT] + k * lay.TILE
        r = 0
        while r < T[t]:
            count = rows_at_once(T[t] - r)
            some_rows(F, T, Z, U, t, r, count, const, T[t + 2] + r)
            r += count


@part
def members(T, F, at, Z, U):
    """All members of a level into rows of U."""
    if T[at + lay.DENSE_T] >= 0:
        n, m, const = T[at + lay.ROWS], T[at + lay.READS], T[at + lay.CONST]
        product(F, Z, U, T[at + lay.DENSE_T], n, m)
        for i in range(n):
            row, c = U[i], F[const + i]
            for s in range(len(row)):
                row[s] += c
    else:
        tiles(T, F, at, Z, U)


@part
def fused_level(T, F, at, Z, Y, P, wanted, ends, track):
    """A level of scalar units of two pieces, each of its own member: no members are kept."""
    n_units, table, const = T[at + lay.UNITS], T[at + lay.UNIT_AT], T[at + lay.CONST]
    targets, numbers = table + 4 * n_units, table + 3 * n_units
    relu, add = int(T[at + lay.RELU] != 0), int(T[at + lay.MERGED] != 0)
    for k in range(T[at + lay.TILES]):
        tile = T[at + lay.TILE_AT] + k * lay.TILE
        some_units(F, T, Z, Y, P, ends, tile, const, targets, numbers, relu, add, wanted, track)


@inside
def _write_square(
    typing: Any, P: Any, codes: Any, k: Any, s: Any, row: Any, column: Any
) -> Any:  # fmt: skip
    """Codes of eight units from k on and eight samples from s on, to rows by samples."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        vectors = Vectors(context, builder, signature, arguments, 8)
        k, s, row, column = arguments[2:]
        word, eight = ir.IntType(32), range(8)
        parts = [
            vectors.load(0, vectors.row(0, builder.add(k, vectors.constant(i)), s)) for i in eight
        ]
        while len(parts) > 1:  # one vector of all
            n = 2 * parts[0].type.count
            both = ir.Constant(ir.VectorType(word, n), list(range(n)))
            parts = [
                builder.shuffle_vector(a, b, both)
                for a, b in zip(parts[::2], parts[1::2], strict=True)
            ]
        for i in eight:
            own = ir.Constant(ir.VectorType(word, 8), [8 * j + i for j in eight])
            made = builder.shuffle_vector(parts[0], parts[0], own)
            place = vectors.row(1, builder.add(row, vectors.constant(i)), column)
            vectors.store(made, 1, place)
        return context.get_dummy_value()

    return types.void(P, codes, *(types.intp,) * 4), generate


@part
def write_codes(P, codes, begin, n, first, n_units):
    """Codes of a block, by units in P, to rows by samples: squares of eight by eight bytes."""
    for k in range(0, n_units - 7, 8):
        for s in range(0, n - 7, 8):
            _write_square(P, codes, k, s, begin + s, first + k)
    whole, samples = n_units // 8 * 8, n // 8 * 8
    for s in range(n):
        for k in range(0 if s >= samples else whole, n_units):
            codes[begin + s, first + k] = P[k, s]


@part
def write_bits(P, bits, begin, n, word, n_units):
    """Codes of a block, by units in P, to rows of bits, by samples, from a word on."""
    for k in range(0, n_units, lay.WORD):
        count = min(lay.WORD, n_units - k)
        for s in range(0, n, lay.WORD):
            samples = min(lay.WORD, n - s)
            write_words(P, k, count, s, samples, bits, begin + s, 8 * (word + k // lay.WORD))


class Scratch(NamedTuple):
    """Room for one block of samples: its width is a multiple of 2 LANES.

    ``A`` and ``B`` have room for the largest state, ``U`` for the members (and 2 rows more), ``P``
    for a layer's codes, with room for WORD bytes more behind it. ``size`` and ``error`` have a
    number a sample.
    """

    A: np.ndarray
    B: np.ndarray
    U: np.ndarray
    P: np.ndarray
    size: np.ndarray
    error: np.ndarray


class Results(NamedTuple):
    """Where results go; all may be empty.

    ``stats`` gets, a sample, whether the code is proved, whether a form is zero, and the bound
    on the values' error. With ``as_bits``, which only `pass_fused_batch` knows, rows of codes are
    words of bits, as bytes: every layer begins a word.
    """

    values: np.ndarray
    codes: np.ndarray
    stats: np.ndarray
    as_bits: int


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


GENERAL = True  # layers may be other than `fused_level`, and outputs than tiles: see `without`


@kernel
def pass_batch(T, F, N, X, errors, start, stop, scratch, results):
    """Values, codes and bounds of the samples start..stop: see `Scratch` and `Results`."""
    S, values, codes, stats = scratch, results.values, results.codes, results.stats
    U, P = S.U, S.P
    width, n_out, n_levels = S.A.shape[1], values.shape[1], int(N[3])
    wanted, track = int(codes.shape[0] > 0), int(stats.shape[0] > 0)
    ends = U[len(U) - 2 :]
    inf, zero, has_values = X.dtype.type(np.inf), X.dtype.type(0), values.shape[0] > 0
    for begin in range(start, stop, width):
        n = min(width, stop - begin)
        take_samples(X, errors, begin, n, S, stats, track)
        Z, Y, word = S.A, S.B, 0
        for level in range(n_levels):
            at = level * lay.HEADER
            if GENERAL:
                fused = T[at + lay.FUSED] != 0
                if not fused and T[at + lay.SELECTION] < 0:
                    members(T, F, at, Z, U)
            elif level == n_levels - 1 and has_values:
                tiles(T, F, at, Z, U)
            if level == n_levels - 1:
                break
            fill(ends[0], inf)
            fill(ends[1], zero)
            if not GENERAL:
                fused_level(T, F, at, Z, Y, P, wanted, ends, track)
            else:
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
            units = T[at + lay.UNITS]
            if not GENERAL and results.as_bits:
                write_bits(P, codes, begin, n, word, units)
                word += (units + lay.WORD - 1) // lay.WORD
            elif wanted:
                write_codes(P, codes, begin, n, T[at + lay.CODE], units)
            if track:
                bounds = lay.BOUNDS + level * lay.N_BOUNDS
                bound_level(N, bounds, T[at + lay.KEEPS] > 0, begin, n, S, ends, stats)
            Z, Y = Y, Z
        for s in range(n if has_values else 0):
            for i in range(n_out):
                values[begin + s, i] = U[i, s]
        if track:
            bounds = lay.BOUNDS + (n_levels - 1) * lay.N_BOUNDS
            for s in range(n):
                stats[begin + s, 2] = of_members(N, bounds, S.size[s], S.error[s])


# for layers of two pieces a unit that are fused, and only handed on as they are
pass_fused_batch = without(pass_batch, "pass_fused_batch")
