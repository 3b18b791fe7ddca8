"""Linear algebra in flint's rationals: systems, echelon forms, ranks; primitive integer vectors."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from fractions import Fraction

import flint

from .lp import ONE, ZERO, Point, q

__all__ = [
    "echelon", "matrix_of", "null_space", "one_solution", "primitive", "primitive_multiple",
    "rank_of", "solved",
]  # fmt: skip

Number = Fraction | int | float | flint.fmpq


def matrix_of(rows: Iterable[Iterable[Number]]) -> flint.fmpq_mat:
    """A flint matrix from rows of exact numbers of any kind."""
    return flint.fmpq_mat([[q(v) for v in row] for row in rows])


def rank_of(rows: Iterable[Iterable[Number]]) -> int:
    """The rank of a matrix that is given by its rows; 0 without any."""
    return int(matrix_of(rows).rank())


def solved(matrix: flint.fmpq_mat, right: Sequence[flint.fmpq]) -> Point | None:
    """The solution of a square system; None if the matrix is singular."""
    if not right:
        return []
    try:
        return list(matrix.solve(flint.fmpq_mat([[v] for v in right])).entries())
    except ZeroDivisionError:
        return None


def echelon(matrix: flint.fmpq_mat) -> tuple[list[Point], list[int]]:
    """The rows of the reduced echelon form that are not zero, and the column of each one's 1."""
    reduced, rank = matrix.rref()
    rows = [[reduced[r, c] for c in range(matrix.ncols())] for r in range(rank)]
    return rows, [next(c for c, v in enumerate(row) if v != 0) for row in rows]


def one_solution(matrix: flint.fmpq_mat, right: Sequence[flint.fmpq]) -> Point | None:
    """One solution of a system that may have redundant equations; None if it has none."""
    width = matrix.ncols()
    joined = [[*row, v] for row, v in zip(matrix.tolist(), right, strict=True)]
    rows, pivots = echelon(flint.fmpq_mat(joined))
    if width in pivots:
        return None
    out = [ZERO] * width
    for row, pivot in zip(rows, pivots, strict=True):
        out[pivot] = row[width]
    return out


def null_space(equations: Sequence[Sequence[flint.fmpq]], width: int) -> list[Point]:
    """A basis of the solutions of homogeneous equations in ``width`` unknowns."""
    rows, pivots = echelon(flint.fmpq_mat(equations)) if equations else ([], [])
    out = []
    for free in sorted(set(range(width)) - set(pivots)):
        vector = [ZERO] * width
        vector[free] = ONE
        for row, pivot in zip(rows, pivots, strict=True):
            vector[pivot] = -row[free]
        out.append(vector)
    return out


def primitive(vector: Sequence[int]) -> tuple[int, ...]:
    """Integers divided by what they have in common; zeros stay zeros."""
    common = math.gcd(*vector)
    return tuple(vector) if common <= 1 else tuple([v // common for v in vector])


def primitive_multiple(values: Iterable[Number]) -> tuple[int, ...]:
    """The primitive integer vector along a rational one."""
    numbers = [(int(v.p), int(v.q)) for v in map(q, values)]
    scale = math.lcm(*(below for _, below in numbers))
    return primitive([above * (scale // below) for above, below in numbers])
