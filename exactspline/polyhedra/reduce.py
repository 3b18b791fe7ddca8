"""Half-spaces that others imply, found exactly: few of thousands matter in few dimensions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import flint

from .decisions import CellDecider
from .lp import Point, Row, interior_point
from .redundancy import FacetSearch

__all__ = ["essential_rows", "irredundant", "side_facets"]


def essential_rows(rows: Sequence[Row], dim: int) -> list[Row] | None:
    """Rows that describe the same set {x : row(x) >= 0 for all rows}.

    Parameters
    ----------
    rows : sequence of rows
    dim : int

    Returns
    -------
    list of rows, or None
        None if a constant row is negative: the set is empty. A set without interior, or an
        unbounded one, may keep rows that others imply.

    Notes
    -----
    Parallel rows are compared; then Clarkson's algorithm, whose linear programs have only the
    rows found so far: O(rows) small programs. See `FacetSearch`.

    Examples
    --------
    >>> from fractions import Fraction
    >>> from exactspline.polyhedra.lp import qrow
    >>> rows = [qrow(Fraction(0), [1]), qrow(Fraction(1), [-1]), qrow(Fraction(7), [-2])]
    >>> len(essential_rows(rows, 1))
    2
    """
    tightest: dict[tuple[flint.fmpq, ...], flint.fmpq] = {}
    for row in rows:
        size = next((abs(c) for c in row[1:] if c != 0), None)
        if size is None:
            if row[0] < 0:
                return None
            continue
        direction = tuple(c / size for c in row[1:])
        constant = row[0] / size
        if direction not in tightest or constant < tightest[direction]:
            tightest[direction] = constant
    distinct = [[constant, *direction] for direction, constant in tightest.items()]
    found = interior_point(_bounds_first(distinct), dim)
    if found is None or found[1]:
        return distinct
    search = FacetSearch(distinct, found[0], guided=False)
    for i in range(len(distinct)):
        search.settle(i)
    return [distinct[i] for i in sorted(search.proved())]


def _bounds_first(rows: list[Row]) -> list[Row]:
    """Rows on single coordinates first: they make the first linear programs short."""
    return sorted(rows, key=lambda row: sum(c != 0 for c in row[1:]))


def irredundant(rows: Sequence[Row], inside: Point) -> Iterator[tuple[int, Point]]:
    """The rows that are facets of {row >= 0 for all rows}, each with a point beyond it alone.

    From the last row to the first: one that the others imply is dropped for good, so that of
    several with one hyperplane the first remains. One exact linear program each; ``inside`` is
    a point strictly inside all rows.
    """
    cell = CellDecider(rows, inside)
    for i in reversed(range(len(rows))):
        rest = cell.without(i)
        found = rest.decide_integers(cell.rows[i])
        if found.kind == "cut":
            cell.go_on_from(rest, i)
            yield i, found.side(-1).inside
        else:
            cell = rest


def side_facets(rows: Sequence[Row], inside: Point) -> list[int]:
    """Which rows are facets of {row >= 0 for all rows}, the first of equal ones."""
    return sorted(i for i, _ in irredundant(rows, inside))
