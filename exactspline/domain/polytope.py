"""Polytopes: any linear inequalities; the set may be unbounded or flat."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from ..compile.forms import Forms
from ..errors import DomainError, ParameterError, ShapeError
from ..rationals import as_fractions, exact_array, fraction
from .chart import Chart, Domain
from .rows import Bound, no_rows

__all__ = ["Polytope"]


class Polytope(Domain):
    """The set G x <= h; it may be unbounded or of lower dimension.

    Parameters
    ----------
    G : array_like, shape (rows, D)
    h : array_like, shape (rows,)

    Raises
    ------
    DomainError
        If the set is empty (found when the domain is first used).
    ShapeError
        If the shapes do not fit.

    Notes
    -----
    Implicit equalities are found by exact linear programs, one a row at most.

    Examples
    --------
    >>> Polytope([[1, 0], [-1, 0]], [2, -2]).chart.dim   # x0 = 2: a line
    1
    """

    def __init__(self, G: Any, h: Any) -> None:
        try:
            self.G = exact_array(G, "polytope: G")
            self.h = exact_array(h, "polytope: h")
        except ParameterError as error:
            raise DomainError(str(error)) from None
        if self.G.ndim != 2 or self.h.shape != (self.G.shape[0],) or self.G.shape[1] < 1:
            raise ShapeError(
                f"polytope: G of shape {self.G.shape} and h of shape {self.h.shape} do not fit; "
                "give (rows, D) and (rows,)"
            )
        self.dim = self.G.shape[1]

    def _chart(self) -> Chart:
        from ..polyhedra.lp import interior_point, qrow

        rows = [
            qrow(b, [-c for c in a])
            for a, b in zip(as_fractions(self.G), as_fractions(self.h), strict=True)
        ]
        found = interior_point(rows, self.dim)
        if found is None:
            raise DomainError("polytope: G x <= h has no solution: the domain is empty")
        inside, equal = found
        columns, point = _solve_equalities([rows[i] for i in equal], self.dim)
        k = len(columns)
        kept = [row for i, row in enumerate(rows) if i not in set(equal)]
        restricted = _forms_of_rows(kept, self.dim).after(point) if kept else no_rows(k)
        low, high, general = _split_bounds(restricted)
        interior = tuple(fraction(inside[c]) for c in columns)
        return Chart(k, point, low, high, general, interior)

    def describe(self) -> str:
        return f"polytope of {self.G.shape[0]} inequalities in R^{self.dim}"


def _solve_equalities(rows: list, dim: int) -> tuple[list[int], Forms]:
    """Free coordinates of {row(x) = 0 for all rows}, and x as forms over them."""
    from ..polyhedra.linear import echelon, matrix_of

    equal = matrix_of([*row[1:], -row[0]] for row in rows)
    solved, pivots = echelon(equal) if rows else ([], [])
    free = [c for c in range(dim) if c not in set(pivots)]
    place = {c: j for j, c in enumerate(free)}
    solution: list[tuple[Fraction, dict[int, Fraction]]] = []
    for c in range(dim):
        if c in place:
            solution.append((Fraction(0), {place[c]: Fraction(1)}))
        else:
            row = solved[pivots.index(c)]
            terms = {place[f]: -fraction(row[f]) for f in free if row[f] != 0}
            solution.append((fraction(row[dim]), terms))
    return free, _forms_of_terms(solution, len(free))


def _forms_of_rows(rows: list, width: int) -> Forms:
    return _forms_of_terms(
        [
            (fraction(row[0]), {j: fraction(c) for j, c in enumerate(row[1:]) if c != 0})
            for row in rows
        ],
        width,
    )


def _forms_of_terms(terms: list[tuple[Fraction, dict[int, Fraction]]], width: int) -> Forms:
    indptr = np.concatenate([[0], np.cumsum([len(t) for _, t in terms])]).astype(np.int64)
    indices = np.array([j for _, t in terms for j in t], dtype=np.int64)
    data = exact_array([c for _, t in terms for c in t.values()])
    return Forms(indptr, indices, data, exact_array([c for c, _ in terms]), width)


def _split_bounds(rows: Forms) -> tuple[tuple[Bound, ...], tuple[Bound, ...], Forms]:
    """Separate rows that bound one coordinate (tightest kept) from the general ones."""
    low: list[Bound] = [None] * rows.width
    high: list[Bound] = [None] * rows.width
    general = []
    for i in range(len(rows)):
        indices, data, const = rows.row(i)
        if len(indices) == 0:
            continue  # a positive constant: no constraint
        if len(indices) > 1:
            general.append(i)
            continue
        j, c = int(indices[0]), Fraction(data[0])
        bound = -const / c
        current = low[j] if c > 0 else high[j]
        if c > 0:
            low[j] = bound if current is None else max(current, bound)
        else:
            high[j] = bound if current is None else min(current, bound)
    return tuple(low), tuple(high), rows.take(np.array(general, dtype=np.int64))
