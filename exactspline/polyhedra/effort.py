"""How long flint takes: what cannot be interrupted is not begun where the time is too short."""

from __future__ import annotations

from collections.abc import Sequence

import flint

from ..clock import current, expect

__all__ = ["expect_elimination", "expect_solution"]

_SOLUTION = 1e-7  # seconds per n^3 for entries of _BITS bits, measured and rounded up
_ELIMINATION = 2e-8  # seconds per n^2 m^2
_BITS = 64


def _factor(entries: Sequence[flint.fmpq]) -> float:
    """How much longer it takes for long entries: some of them tell."""
    step = max(1, len(entries) // 64)
    bits = max((int(v.p).bit_length() + int(v.q).bit_length() for v in entries[::step]), default=1)
    return float(max(1.0, bits / _BITS) ** 1.5)


def expect_solution(matrix: Sequence[Sequence[flint.fmpq]]) -> None:
    """Leave by ``OutOfTime`` if a square system would not be solved in time."""
    clock, n = current(), len(matrix)
    if clock is not None and clock.limited:
        expect(_SOLUTION * n**3 * _factor([matrix[i][i] for i in range(n)]))


def expect_elimination(matrix: Sequence[Sequence[flint.fmpq]]) -> None:
    """Leave by ``OutOfTime`` if a reduced echelon form would not be found in time."""
    clock, n = current(), len(matrix)
    if clock is not None and clock.limited and n:
        m = len(matrix[0])
        entries = [matrix[i][i] for i in range(min(n, m))]
        expect(_ELIMINATION * (n * m * min(n, m)) ** (4 / 3) * _factor(entries))
