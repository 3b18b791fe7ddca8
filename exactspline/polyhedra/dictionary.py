"""A simplex dictionary in integers: one common denominator, exact divisions, no fractions.

Vectors are homogeneous and integers: a row (c0, c1, .., cd) stands for the form c0 + c . x, a
point (w, y1, .., yd) with w > 0 for y / w; positive factors change neither. A `Dictionary` holds
its point and, for every nonbasic variable, the direction in which it alone grows, as columns over
one denominator: the pivot of the exchange before. What it is worth for a row is a dot product;
rows are not stored in it, so it serves any number of forms, and the cell with further rows.

Every entry is a minor of the integer rows (Edmonds, Bareiss), so each exchange divides by the pivot
of the one before without a remainder, and numbers grow only as determinants do. Entries are
flint's integers in Python lists: for so few dimensions matrices of flint take longer to be made
and read than their products save. The many rows of a cell are another matter (`constraints.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from operator import mul

import flint

from ..clock import check
from .lp import Point, Row

__all__ = [
    "Dictionary", "IntRow", "at_basis", "at_point", "dot", "homogeneous", "int_row", "point_of",
    "reduced",
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


@dataclass(slots=True)
class Dictionary:
    """A point of a cell and the edges from there; never changed, so that cells can share it.

    Attributes
    ----------
    owners : tuple of int
        Whose variable each direction is: the number of a row, which is tight then, or -1 for a
        coordinate that no row holds yet.
    point : integer vector
    directions : list of integer vectors
        One for each owner: along it only that owner's variable grows.
    pivot : fmpz
        The denominator of the directions, > 0: moving by t times one of them makes its owner's
        variable grow by t * pivot.
    """

    owners: tuple[int, ...]
    point: IntRow
    directions: list[IntRow]
    pivot: flint.fmpz

    def value(self, row: IntRow) -> flint.fmpz:
        """A form at the point, up to a positive factor."""
        return sum(map(mul, row, self.point), NONE)

    def slopes(self, row: IntRow) -> IntRow:
        """A form along every direction, over the pivot."""
        normal = row[1:]
        return [sum(map(mul, normal, each), NONE) for each in self.directions]

    def exchanged(self, row: IntRow, slopes: IntRow, at: int, number: int) -> Dictionary:
        """The dictionary in which a row is tight in place of a direction's owner.

        Parameters
        ----------
        row : integer vector
        slopes : integer vector
            What the row is along the directions; not 0 along the one.
        at : int
            Which direction.
        number : int
            The row's.
        """
        check()
        slope, source, before = slopes[at], self.directions[at], self.pivot
        value, turned = self.value(row), source
        if slope < 0:  # its sign moves into everything else: pivots stay positive
            value, slope = -value, -slope
            slopes, turned = [-v for v in slopes], [-v for v in source]
        directions = []
        for k, (own, rise) in enumerate(zip(self.directions, slopes, strict=True)):
            if k % _EVERY == _EVERY - 1:
                check()
            if k == at:
                directions.append(turned)
            elif rise:
                directions.append(
                    [(a * slope - b * rise) // before for a, b in zip(own, source, strict=True)]
                )
            elif slope == before:
                directions.append(own)
            else:
                directions.append([a * slope // before for a in own])
        owners = list(self.owners)
        owners[at] = number
        weight, *place = self.point
        point = [weight * slope // before, *(
            (a * slope - b * value) // before for a, b in zip(place, source, strict=True)
        )]  # fmt: skip
        if -1 not in owners:
            point = _at_vertex(point, slope)
        return Dictionary(tuple(owners), point, directions, slope)

    def turned(self, number: int) -> Dictionary:
        """The same for a cell in which a row has the other sign."""
        if number not in self.owners:
            return self
        at = self.owners.index(number)
        directions = list(self.directions)
        directions[at] = [-v for v in directions[at]]
        return Dictionary(self.owners, self.point, directions, self.pivot)

    def freed(self, number: int) -> Dictionary:
        """The same for a cell that is without a row: its direction leads both ways."""
        if number not in self.owners:
            return self
        owners = tuple([-1 if own == number else own for own in self.owners])
        return Dictionary(owners, self.point, self.directions, self.pivot)


def _at_vertex(point: IntRow, pivot: flint.fmpz) -> IntRow:
    """A vertex over the pivot alone: it no longer depends on where the simplex method began."""
    common = point[0] // pivot
    return point if common == UNIT else [v // common for v in point]


def at_point(point: IntRow) -> Dictionary:
    """The dictionary at any point: every coordinate is free."""
    size = len(point) - 1
    directions = [[UNIT if i == j else NONE for i in range(size)] for j in range(size)]
    return Dictionary((-1,) * size, point, directions, UNIT)


def at_basis(rows: Sequence[IntRow], numbers: Sequence[int], point: IntRow) -> Dictionary | None:
    """The dictionary in which d given rows are tight; None if they have no single common point.

    It begins at any point; the one where it ends need not satisfy other rows.
    """
    out = at_point(point)
    for row, number in zip(rows, numbers, strict=True):
        slopes = out.slopes(row)
        at = next((k for k, own in enumerate(out.owners) if own < 0 and slopes[k]), -1)
        if at < 0:
            return None
        out = out.exchanged(row, slopes, at, number)
    return out
