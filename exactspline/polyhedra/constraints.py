"""The integer rows of a cell {row >= 0}, which its parts share: which of them blocks a move."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from operator import mul

import flint

from ..clock import check
from .dictionary import NONE, Dictionary, IntRow

__all__ = ["Constraints"]

_TAIL = 8  # rows that stay outside of the matrix


class Constraints:
    """Rows in order, never changed; one more, or one dropped, makes others.

    Most of them stand in a matrix of flint as well, so that what all are along a direction is one
    product. Cells that differ in their last rows alone have the matrix in common.
    """

    def __init__(self, rows: Iterable[IntRow]) -> None:
        self.rows = list(rows)
        self.dropped: frozenset[int] = frozenset()
        self._block: flint.fmpz_mat | None = None  # a column for each of the first rows

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[IntRow]:
        """Those that are not dropped."""
        return (row for i, row in enumerate(self.rows) if i not in self.dropped)

    def __getitem__(self, number: int) -> IntRow:
        return self.rows[number]

    def with_row(self, row: IntRow) -> Constraints:
        """These and a further row, the last."""
        return self._like([*self.rows, row], self.dropped)

    def without(self, *numbers: int) -> Constraints:
        """These but some; the others keep their numbers."""
        return self._like(self.rows, self.dropped.union(numbers))

    def _like(self, rows: list[IntRow], dropped: frozenset[int]) -> Constraints:
        out = Constraints.__new__(Constraints)
        out.rows, out.dropped, out._block = rows, dropped, self._block
        return out

    def hold_at(self, point: IntRow) -> bool:
        """Whether a homogeneous point satisfies all."""
        return all(sum(map(mul, row, point), NONE) >= 0 for row in self)

    def violated(self, point: IntRow) -> list[int]:
        """Which rows a homogeneous point does not satisfy."""
        values = enumerate(sum(map(mul, row, point), NONE) for row in self.rows)
        return [i for i, value in values if value < 0 and i not in self.dropped]

    def surround(self, point: IntRow) -> bool:
        """Whether a homogeneous point is strictly inside all."""
        return all(sum(map(mul, row, point), NONE) > 0 for row in self)

    def leaving(self, state: Dictionary, at: int, direction: int) -> int:
        """The first row that blocks a move along a direction, the lowest on ties; -1 if none does.

        ``direction`` is 1, or -1 for a coordinate that is to fall.
        """
        along, point = state.directions[at], state.point
        along = [NONE, *(along if direction > 0 else [-v for v in along])]
        rates, values = self._block_moves(along, point)
        first = len(rates)
        rates += [sum(map(mul, row, along), NONE) for row in self.rows[first:]]
        best, best_value, best_rate = -1, NONE, NONE
        for i, rate in enumerate(rates):
            if rate < 0 and i not in self.dropped:
                value = values[i] if i < first else sum(map(mul, self.rows[i], point), NONE)
                # steps are value / -rate: compared without a division
                if best < 0 or value * best_rate > best_value * rate:
                    best, best_value, best_rate = i, value, rate
        return best

    def gather(self) -> None:
        """Make the matrix, if there are many rows outside of it: those made from now on have it."""
        count = 0 if self._block is None else self._block.ncols()
        if len(self.rows) > count + _TAIL:
            check()
            self._block = flint.fmpz_mat(self.rows).transpose()

    def _block_moves(self, along: IntRow, point: IntRow) -> tuple[IntRow, IntRow]:
        """What the rows of the matrix are along a direction, and at a point."""
        self.gather()
        if self._block is None:
            return [], []
        count = self._block.ncols()
        found = (flint.fmpz_mat(2, len(point), [*along, *point]) * self._block).entries()
        return found[:count], found[count:]
