"""Independent columns of a matrix of rationals, by elimination modulo primes.

What is independent modulo a prime is independent. That there is no more rests on the shape, or
on so many primes that a minor of the next size cannot be a multiple of them all unless it is 0.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import flint

from ..clock import check
from .linear import echelon, primitive_multiple
from .lp import ZERO

__all__ = ["independent_columns"]

_SMALL = 50_000  # entries times rank, up to which rationals are as fast
_PRIME = 2**61 - 1  # the first one; the others follow below it

Row = Mapping[int, flint.fmpq]  # entries that are not 0, by column


def independent_columns(rows: Sequence[Row], width: int) -> list[int]:
    """A largest set of independent columns of a sparse matrix.

    Parameters
    ----------
    rows : sequence of mappings from column to fmpq
    width : int

    Returns
    -------
    list of int
        Increasing: a basis of the column space.
    """
    if not rows or not width:
        return []
    if len(rows) * width * min(len(rows), width) <= _SMALL:
        dense = [[row.get(c, ZERO) for c in range(width)] for row in rows]
        return echelon(flint.fmpq_mat(dense))[1]
    different = {tuple(sorted(_integers(row).items())) for row in rows}
    integers = [dict(row) for row in sorted(different)]
    most = min(len(integers), width)
    best: list[int] = []
    bits, prime = 0.0, _PRIME
    while True:
        found = _modulo(integers, width, prime)
        if len(found) > len(best):
            best = found
        # a minor of one more row and column is 0 if that many primes divide it
        bits += math.log2(prime)
        if len(best) == most or bits > _hadamard(integers, len(best) + 1):
            return best
        prime = _before(prime)


def _integers(row: Row) -> dict[int, int]:
    """The multiple of a row with integer entries without common factor, the first one > 0."""
    check()
    sign = 1 if row[min(row)] > 0 else -1
    return {c: sign * v for c, v in zip(row, primitive_multiple(list(row.values())), strict=True)}


def _modulo(rows: Sequence[Mapping[int, int]], width: int, prime: int) -> list[int]:
    """The pivot columns modulo a prime."""
    entries = []
    for row in rows:
        check()
        dense = [0] * width
        for c, v in row.items():
            dense[c] = v % prime
        entries.append(dense)
    check()
    reduced, rank = flint.nmod_mat(entries, prime).rref()
    out, c = [], 0
    for r in range(rank):
        while int(reduced[r, c]) == 0:
            c += 1
        out.append(c)
    return out


def _hadamard(rows: Sequence[Mapping[int, int]], size: int) -> float:
    """Bits of the largest minor of a size, at most: the product of its rows' lengths."""
    lengths = []
    for row in rows:
        bits = max(v.bit_length() for v in row.values())
        lengths.append(bits + 0.5 * math.log2(len(row)) + 1e-6)
    lengths.sort(reverse=True)
    return 1.0 + sum(lengths[:size])


def _before(prime: int) -> int:
    """The prime before."""
    prime -= 2
    while not flint.fmpz(prime).is_prime():
        prime -= 2
    return prime
