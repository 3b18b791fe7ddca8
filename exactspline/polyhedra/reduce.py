"""Half-spaces that others imply, found exactly: few of thousands matter in few dimensions."""

from __future__ import annotations

from collections.abc import Sequence

import flint

from .lp import ZERO, Row, interior_point, minimise
from .redundancy import FacetSearch

__all__ = ["essential_rows", "side_facets"]


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


def side_facets(rows: Sequence[Row], inside: list[flint.fmpq]) -> list[int]:
    """Which rows are facets of {row >= 0 for all rows}, the first of equal ones.

    ``inside`` is a point strictly inside all rows.
    """
    rest = list(range(len(rows)))
    for i in range(len(rows) - 1, -1, -1):
        others = [rows[j] for j in rest if j != i]
        best = minimise(others, rows[i], inside, stop_below=ZERO)
        if best.value is not None and best.value >= 0:
            rest.remove(i)
    return rest
