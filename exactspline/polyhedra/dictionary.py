"""A simplex dictionary in integers: one common denominator, exact divisions, no fractions.

Vectors are homogeneous and integers: a row (c0, c1, .., cd) stands for the form c0 + c . x, a
point (w, y1, .., yd) with w > 0 for y / w; positive factors change neither. A `Dictionary` holds
its point and, for every nonbasic variable, the direction in which it alone grows, as columns over
one denominator: the pivot of the exchange before. What it is worth for a row is a dot product;
rows are not stored in it, so it serves any number of forms, and the cell with further rows.

Every entry is a minor of the integer rows (Edmonds, Bareiss), so each exchange divides by the pivot
of the one before without a remainder, and numbers grow only as determinants do. Entries are
flint's integers in Python lists: matrices of flint take longer to be made and read, for as few
dimensions as these, than their products save.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from operator import mul

import flint

from ..clock import check
from .lp import Point, Row

__all__ = [
    "Dictionary", "IntRow", "at_basis", "at_point", "dot", "homogeneous", "int_row", "leaving",
    "point_of", "reduced",
]  # fmt: skip

IntRow = list[flint.fmpz]  # a form, a point or a direction; constant or weight first
NONE = flint.fmpz(0)
UNIT = flint.fmpz(1)
_EVERY = 16  # rows or columns between two looks at the clock


def dot(row: IntRow, column: IntRow) -> flint.fmpz:
    """The value of a form at a point or along a direction, up to the latter's positive factor."""
    return sum(map(mul, row, column), NONE)


def reduced(vector: IntRow) -> IntRow:
    """The primitive vector along an integer one."""
    common = NONE
    for value in vector:
        if value:
            common = common.gcd(value)
            if common == UNIT:
                return vector
    return [v // common for v in vector] if common else vector


def int_row(row: Row) -> IntRow:
    """A rational row as the primitive integer one that is a positive multiple of it."""
    entries = flint.fmpq_mat(1, len(row), row).numer_denom()[0].entries()
    return reduced(entries)


def homogeneous(point: Sequence[flint.fmpq]) -> IntRow:
    """A point with its common denominator in front."""
    if not point:
        return [UNIT]
    above, below = flint.fmpq_mat(1, len(point), list(point)).numer_denom()
    return [below, *above.entries()]


def point_of(vector: IntRow) -> Point:
    """The rational point of a homogeneous one."""
    weight = vector[0]
    return [flint.fmpq(v, weight) for v in vector[1:]]


@dataclass(frozen=True)
class Dictionary:
    """A point of a cell and the edges from there; never changed, so that cells can share it.

    Attributes
    ----------
    owners : tuple of int
        Whose variable each column is: the number of a row, which is tight then, or -1 for a
        coordinate that no row holds yet.
    columns : list of integer vectors
        The point, then a direction for each owner: along it only that owner's variable grows.
    pivot : fmpz
        The denominator of the directions, > 0: moving by t times column k makes the variable
        of owner k grow by t * pivot.
    """

    owners: tuple[int, ...]
    columns: list[IntRow]
    pivot: flint.fmpz

    def values(self, row: IntRow) -> IntRow:
        """A form as the dictionary writes it: at the point, then along every direction."""
        return [dot(row, column) for column in self.columns]

    def exchanged(self, values: IntRow, column: int, row: int) -> Dictionary:
        """The dictionary in which a row is tight in place of a column's owner.

        Parameters
        ----------
        values : integer vector
            The row as this dictionary writes it; not 0 in the column.
        column : int
            From 1 on.
        row : int
            Its number.
        """
        slope, source, before = values[column], self.columns[column], self.pivot
        if slope < 0:
            values = [-v for v in values]
            slope, negative = -slope, [-v for v in source]
        else:
            negative = source
        # with the sign of the slope moved into values and ``negative``, pivots stay positive
        out = []
        for k, (own, value) in enumerate(zip(self.columns, values, strict=True)):
            if k % _EVERY == 0:
                check()
            if k == column:
                out.append(negative)
            elif value:
                out.append(
                    [(a * slope - b * value) // before for a, b in zip(own, source, strict=True)]
                )
            elif slope == before:
                out.append(own)
            else:
                out.append([a * slope // before for a in own])
        owners = list(self.owners)
        owners[column - 1] = row
        if -1 not in owners:
            out[0] = _at_vertex(out[0], slope)
        return Dictionary(tuple(owners), out, slope)

    def turned(self, row: int) -> Dictionary:
        """The same for a cell in which a row has the other sign."""
        if row not in self.owners:
            return self
        at = self.owners.index(row) + 1
        columns = list(self.columns)
        columns[at] = [-v for v in columns[at]]
        return Dictionary(self.owners, columns, self.pivot)


def _at_vertex(point: IntRow, pivot: flint.fmpz) -> IntRow:
    """A vertex over the pivot alone: it no longer depends on where the simplex method began."""
    common = point[0] // pivot
    return point if common == UNIT else [v // common for v in point]


def at_point(point: IntRow) -> Dictionary:
    """The dictionary at any point: every coordinate is free."""
    size = len(point)
    columns = [point, *([UNIT if i == j else NONE for i in range(size)] for j in range(1, size))]
    return Dictionary((-1,) * (size - 1), columns, UNIT)


def at_basis(rows: Sequence[IntRow], owners: Sequence[int], point: IntRow) -> Dictionary | None:
    """The dictionary in which d given rows are tight; None if they have no single common point.

    It begins at any point; the one where it ends need not satisfy other rows.
    """
    out = at_point(point)
    for row, owner in zip(rows, owners, strict=True):
        values = out.values(row)
        free = [k for k, own in enumerate(out.owners, 1) if own < 0 and values[k]]
        if not free:
            return None
        out = out.exchanged(values, free[0], owner)
    return out


def leaving(rows: Iterable[IntRow], dictionary: Dictionary, column: int, direction: int) -> int:
    """The first row that blocks a move along a column, the lowest on ties; -1 if none does.

    ``direction`` is 1, or -1 for a coordinate that is to fall.
    """
    point, along = dictionary.columns[0], dictionary.columns[column]
    if direction < 0:
        along = [-v for v in along]
    best, best_value, best_rate = -1, NONE, NONE
    for i, row in enumerate(rows):
        if i % _EVERY == 0:
            check()
        rate = dot(row, along)
        if rate < 0:
            value = dot(row, point)
            # steps are value / -rate: compared without a division
            if best < 0 or value * best_rate > best_value * rate:
                best, best_value, best_rate = i, value, rate
    return best
