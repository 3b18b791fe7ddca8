"""Affine maps of samples from their codes, from the outputs backwards (Numba).

The C output rows are carried through the layers, so that a layer costs C products a sample; the
slopes are those of the chosen pieces. A block has one column an output and a sample.
"""

from __future__ import annotations

import numpy as np

from . import layout as lay
from .jit import kernel
from .product import product
from .rows import fill
from .vector_sums import some_rows

__all__ = ["pass_back", "suffix_keys"]


@kernel
def _spread(T, F, at, U, Z):
    """Rows of the state before a level from rows of its members: the transposed matrix."""
    n, m = T[at + lay.ROWS], T[at + lay.READS]
    if T[at + lay.SELECTION] >= 0:
        for j in range(m):
            fill(Z[j], 0)
        for i in range(n):
            target, source = Z[T[T[at + lay.SELECTION] + i]], U[i]
            for s in range(len(source)):
                target[s] += source[s]
        return
    if T[at + lay.BACK] < 0:  # dense, stored by columns of so many rows
        product(F, U, Z, T[at + lay.DENSE], m, T[at + lay.PAD])
        return
    for k in range(T[at + lay.BACK_TILES]):
        t = T[at + lay.BACK] + k * lay.TILE
        for r in range(0, T[t], 4):
            some_rows(F, T, U, Z, t, r, min(4, T[t] - r), T[at + lay.ZEROS], T[t + 2] + r)


@kernel
def pass_back(T, F, n_levels, codes, start, stop, A, B, U, maps, constants, total):
    """A (n, C, D) and b (n, C) of the samples start..stop, from their codes.

    ``A`` and ``B`` have room for the largest state, ``U`` for the members of a level padded as
    in DENSE; all of a width that is a multiple of 2 LANES, and at least C times the samples of
    a block. ``total`` is one row of such a width.
    """
    n_out, dim = maps.shape[1], maps.shape[2]
    width = A.shape[1]
    block = width // n_out
    for begin in range(start, stop, block):
        n = min(block, stop - begin)
        at = (n_levels - 1) * lay.HEADER
        for i in range(max(T[at + lay.PAD], T[at + lay.ROWS])):
            fill(U[i], 0)
        for c in range(n_out):
            const = F[T[at + lay.CONST] + c]
            for s in range(block):  # column s C + c: output c of sample s
                U[c, s * n_out + c] = 1
                total[s * n_out + c] = const
        Z, Y = A, B
        _spread(T, F, at, U, Z)
        for level in range(n_levels - 2, -1, -1):
            at = level * lay.HEADER
            rows = T[at + lay.ROWS]
            for i in range(max(rows, T[at + lay.PAD])):
                fill(U[i], 0)
            table, first = T[at + lay.UNIT_AT], T[at + lay.CODE]
            n_units = T[at + lay.UNITS]
            for k in range(n_units):
                unit = table + k
                z, count = Z[T[unit + 4 * n_units]], T[unit + n_units]
                numbers = T[unit + 3 * n_units]
                if T[unit] == lay.SCALAR:
                    u = U[T[unit + 2 * n_units]]
                    for s in range(n):
                        r = codes[begin + s, first + k]
                        slope, offset = F[numbers + count - 1 + r], F[numbers + 2 * count - 1 + r]
                        if slope != 0:
                            for c in range(s * n_out, (s + 1) * n_out):
                                u[c] += slope * z[c]
                        if offset != 0:
                            for c in range(s * n_out, (s + 1) * n_out):
                                total[c] += offset * z[c]
                else:
                    for s in range(n):
                        i = T[T[unit + 2 * n_units] + codes[begin + s, first + k]]
                        for c in range(s * n_out, (s + 1) * n_out):
                            U[i, c] += z[c]
            if T[at + lay.SELECTION] < 0:
                for i in range(rows):
                    const, u = F[T[at + lay.CONST] + i], U[i]
                    if const != 0:
                        for c in range(n * n_out):
                            total[c] += const * u[c]
            _spread(T, F, at, U, Y)
            for k in range(T[at + lay.KEEPS]):
                pair = T[at + lay.KEEP] + 2 * k
                target, source = Y[T[pair]], Z[T[pair + 1]]
                for s in range(width):
                    target[s] += source[s]
            Z, Y = Y, Z
        for s in range(n):
            for c in range(n_out):
                constants[begin + s, c] = total[s * n_out + c]
                for j in range(dim):
                    maps[begin + s, c, j] = Z[j, s * n_out + c]


@kernel
def suffix_keys(T, n_levels, codes, start, stop, random, keys):
    """A number a sample that sorts equal endings of codes next to each other.

    16 bits each of hashes of the last layer's code, the last two layers', the last three's and
    the whole. Only speed depends on them.
    """
    for sample in range(start, stop):
        total, key, taken = np.uint64(0), np.uint64(0), 0  # a product with 0 would be signed
        for level in range(n_levels - 2, -1, -1):
            at = level * lay.HEADER
            code = codes[sample, T[at + lay.CODE] : T[at + lay.CODE] + T[at + lay.UNITS]]
            own = random[T[at + lay.CODE] :]
            for k in range(len(code)):
                total += own[k] if code[k] != 0 else np.uint64(0)
            if taken < 3 or level == 0:
                while True:  # a short network's last hash fills the rest
                    key = (key << np.uint64(16)) | (total >> np.uint64(48))
                    taken += 1
                    if level > 0 or taken == 4:
                        break
        keys[sample] = key
