"""Half-spaces that others imply, found exactly: few of thousands matter in few dimensions."""

from __future__ import annotations

from collections.abc import Sequence

import flint

from .lp import ZERO, Row, interior_point, minimise, value_at

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
    rows found so far: O(rows) small programs.

    References
    ----------
    K. L. Clarkson, "More output-sensitive geometric algorithms", FOCS 1994.

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
    return _clarkson(distinct, found[0])


def _bounds_first(rows: list[Row]) -> list[Row]:
    """Rows on single coordinates first: they make the first linear programs short."""
    return sorted(rows, key=lambda row: sum(c != 0 for c in row[1:]))


def _clarkson(rows: list[Row], inside: list[flint.fmpq]) -> list[Row]:
    """The rows that bound the set, for a point strictly inside."""
    kept: list[int] = []
    for i, row in enumerate(rows):
        while i not in kept:
            best = minimise([rows[k] for k in kept], row, inside)
            if best.value is not None and best.value >= 0:
                break  # implied by those kept
            if best.ray is not None:
                direction = best.ray
            else:
                direction = [a - b for a, b in zip(best.point, inside, strict=True)]
            kept.append(_first_hit(rows, inside, direction, i))
    return [rows[k] for k in sorted(kept)]


def _first_hit(
    rows: list[Row], inside: list[flint.fmpq], direction: list[flint.fmpq], row: int
) -> int:
    """The row that a ray from inside meets first, or ``row`` if several are met at once."""
    first, least = row, None
    for k, other in enumerate(rows):
        slope = sum((c * v for c, v in zip(other[1:], direction, strict=True)), ZERO)
        if slope < 0:
            at = value_at(other, inside) / -slope
            if least is None or at < least:
                first, least = k, at
            elif at == least:
                first = row if row in (first, k) else first
    return first


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
