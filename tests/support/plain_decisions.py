"""Whether a form changes sign on a cell, by a plain simplex table in Python's integers.

Every decision begins anew at the inner point and eliminates without fractions (Bareiss): the twin
of `exactspline.polyhedra.decisions`, and what its speed is compared with. They share nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import lcm

Vector = list[int]


def integers(values: Sequence[Fraction]) -> tuple[Vector, int]:
    """Rationals over their common denominator."""
    below = lcm(*(v.denominator for v in values))
    return [v.numerator * (below // v.denominator) for v in values], below


class PlainCell:
    """A cell {row >= 0} with a point strictly inside, rows constant first."""

    def __init__(self, rows: Sequence[Sequence[Fraction]], inside: Sequence[Fraction]) -> None:
        self.rows = [integers(row)[0] for row in rows]
        self.point, self.weight = integers([*inside, Fraction(1)])
        self.point.pop()

    def kind(self, form: Sequence[Fraction]) -> str:
        """'positive', 'negative', 'zero' or 'cut'."""
        row = integers(form)[0]
        if not any(row):
            return "zero"
        here = self._at(row)
        if here == 0:
            return "cut"
        sign = 1 if here > 0 else -1
        falls = any(row[1:]) and self._falls_below([sign * v for v in row])
        return "cut" if falls else ("positive" if sign > 0 else "negative")

    def _at(self, row: Vector) -> int:
        return row[0] * self.weight + sum(a * x for a, x in zip(row[1:], self.point, strict=True))

    def _falls_below(self, form: Vector) -> bool:
        """Whether the form is negative somewhere: its minimum, by Bland's rule."""
        # all rows over the steps from the inner point; constants carry its weight
        table = [[self._at(row), *row[1:]] for row in self.rows]
        table.append([self._at(form), *form[1:]])
        owners = [-1] * len(self.point)  # -1: a free coordinate, else a row
        last = 1
        while table[-1][0] >= 0:
            column, direction = self._entering(table[-1], owners)
            if not column:
                return False
            row = self._leaving(table, owners, column, direction)
            if row < 0:
                return True
            last = self._eliminate(table, row, column, last)
            old, owners[column - 1] = owners[column - 1], row
            if old >= 0:
                table[row], table[old] = table[old], table[row]
        return True

    @staticmethod
    def _entering(cost: Vector, owners: list[int]) -> tuple[int, int]:
        for k, owner in enumerate(owners, 1):
            if owner < 0 and cost[k]:
                return k, -1 if cost[k] > 0 else 1
        falling = [(owner, k) for k, owner in enumerate(owners, 1) if owner >= 0 and cost[k] < 0]
        return (min(falling)[1], 1) if falling else (0, 1)

    @staticmethod
    def _leaving(table: list[Vector], owners: list[int], column: int, direction: int) -> int:
        best = -1
        for i, row in enumerate(table[:-1]):
            if i in owners or row[column] * direction >= 0:
                continue
            if best < 0 or row[0] * abs(table[best][column]) < table[best][0] * abs(row[column]):
                best = i
        return best

    @staticmethod
    def _eliminate(table: list[Vector], row: int, column: int, last: int) -> int:
        """Exchange; the row of the table then belongs to what has entered. The new denominator."""
        source = table[row]
        pivot = source[column]
        sign = 1 if pivot > 0 else -1
        for i, other in enumerate(table):
            if i != row:
                factor = other[column]
                table[i] = [
                    sign * (a * pivot - factor * b) // last
                    for a, b in zip(other, source, strict=True)
                ]
                table[i][column] = sign * factor
        table[row] = [-sign * v for v in source]
        table[row][column] = sign * last
        return abs(pivot)
