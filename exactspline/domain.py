"""Domains: the whole space, boxes, polytopes and slices, and their exact charts.

A chart parametrises a domain by coordinates of its own affine hull, so that the search only
ever meets full-dimensional sets: a box side of length zero or an implicit equality of a
polytope is gone from there on.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np

from .compile.forms import Forms
from .errors import DomainError, ParameterError, ShapeError
from .mode import guarded
from .rationals import (
    as_fractions,
    as_given,
    exact_array,
    format_rational,
    fraction,
    to_fraction,
)

__all__ = ["Box", "Chart", "Domain", "Polytope", "Slice", "WholeSpace"]

Bound = Fraction | None


@guarded
@dataclass(frozen=True)
class Chart:
    """A domain in coordinates t of its affine hull: full-dimensional there.

    Attributes
    ----------
    dim : int
        k, the domain's dimension.
    point : Forms
        x as exact affine forms over t; injective.
    low, high : tuple of Fraction or None
        Bounds of single coordinates (None: none), with low < high.
    rows : Forms
        Further inequalities, each form >= 0; none vanishes on the domain.
    interior : tuple of Fraction
        A point t strictly inside.
    """

    dim: int
    point: Forms
    low: tuple[Bound, ...]
    high: tuple[Bound, ...]
    rows: Forms
    interior: tuple[Fraction, ...]

    def lift(self, t: Sequence[Fraction]) -> list[Fraction]:
        """The point x of R^D with the given coordinates, exactly."""
        out = []
        for i in range(len(self.point)):
            indices, data, total = self.point.row(i)
            for j, c in zip(indices.tolist(), data.tolist(), strict=True):
                total += Fraction(c) * t[j]
            out.append(total)
        return out


@guarded
class Domain(ABC):
    """A convex set of inputs.

    Attributes
    ----------
    dim : int
        D, the dimension of the space it lies in.

    Examples
    --------
    >>> domains = WholeSpace(2), Box([0, 1], [1, 1]), Slice([0, 0], [[1, 1]])
    >>> [domain.chart.dim for domain in domains]
    [2, 1, 1]
    """

    dim: int

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        guarded(cls)

    @cached_property
    def chart(self) -> Chart:
        """The exact parametrisation; ``DomainError`` if the domain is empty.

        Examples
        --------
        >>> chart = Box([0, 2], [1, 2]).chart  # a segment: one coordinate varies
        >>> chart.dim, chart.low, chart.high
        (1, (Fraction(0, 1),), (Fraction(1, 1),))
        """
        return self._chart()

    @abstractmethod
    def _chart(self) -> Chart: ...

    @abstractmethod
    def describe(self) -> str:
        """One line with the exact numbers, for reports.

        Examples
        --------
        >>> Polytope([[1, 1]], ["1/3"]).describe()
        'polytope of 1 inequalities in R^2'
        >>> Slice([0, 0, 0], [[1, 0, 0]], Box([0], [1])).describe()
        '1-dimensional slice of R^3, parameters in [0, 1]'
        """


def _no_rows(width: int) -> Forms:
    return Forms(
        np.zeros(1, dtype=np.int64), np.zeros(0, dtype=np.int64), np.zeros(0), np.zeros(0), width
    )


class WholeSpace(Domain):
    """All of R^D: no box, no bound.

    Examples
    --------
    >>> WholeSpace(3).describe()
    'all of R^3'
    """

    def __init__(self, dim: int) -> None:
        self.dim = int(dim)
        if self.dim < 1:
            raise DomainError(f"a space of dimension {dim} holds no input; give at least 1")

    def _chart(self) -> Chart:
        d = self.dim
        return Chart(
            d,
            Forms.selection(np.arange(d), d),
            (None,) * d,
            (None,) * d,
            _no_rows(d),
            (Fraction(0),) * d,
        )

    def describe(self) -> str:
        return f"all of R^{self.dim}"


class Box(Domain):
    """The set low <= x <= high.

    Parameters
    ----------
    low, high : array_like
        Numbers per coordinate: floats are taken as the dyadic rationals they are, texts such
        as ``"0.1"`` or ``"-1/3"`` exactly. ``-inf`` and ``inf`` leave a side open. Sides may
        coincide: the domain then has a lower dimension.
    dim : int, optional
        Needed only where both ends are scalars.

    Raises
    ------
    DomainError
        For NaN, low > high, +inf as a lower or -inf as an upper bound.
    ShapeError
        If the two ends differ in length.

    Examples
    --------
    >>> Box([0, "-1/3"], [1, float("inf")]).describe()
    '[0, 1] x [-1/3, inf)'
    """

    def __init__(self, low: Any, high: Any, *, dim: int | None = None) -> None:
        lows, highs = _ends(low, "low", -math.inf), _ends(high, "high", math.inf)
        n = dim if dim is not None else max(len(lows[0]), len(highs[0]))
        if not isinstance(n, int) or n < 0:
            raise DomainError(f"box: dimension {n!r}; give a whole number of coordinates")
        self.low = _broadcast(*lows, n, "low")
        self.high = _broadcast(*highs, n, "high")
        self.dim = n
        for i, (a, b) in enumerate(zip(self.low, self.high, strict=True)):
            if a is not None and b is not None and a > b:
                raise DomainError(
                    f"box: coordinate {i} has low {_brief(a)} > high {_brief(b)}: "
                    "the domain is empty"
                )

    def _chart(self) -> Chart:
        flat = [a is not None and a == b for a, b in zip(self.low, self.high, strict=True)]
        free = [i for i, f in enumerate(flat) if not f]
        k = len(free)
        position = {i: j for j, i in enumerate(free)}
        indptr = np.concatenate([[0], np.cumsum([not f for f in flat])]).astype(np.int64)
        const = exact_array([a if f else 0 for a, f in zip(self.low, flat, strict=True)])
        point = Forms(
            indptr,
            np.array([position[i] for i in free], dtype=np.int64),
            np.ones(k),
            const,
            k,
        )
        low = tuple(self.low[i] for i in free)
        high = tuple(self.high[i] for i in free)
        inside = tuple(_between(a, b) for a, b in zip(low, high, strict=True))
        return Chart(k, point, low, high, _no_rows(k), inside)

    def describe(self) -> str:
        sides = [_side(a, b) for a, b in zip(self.low, self.high, strict=True)]
        if len(sides) > 1 and len(set(sides)) == 1:
            return f"{sides[0]}^{len(sides)}"
        return " x ".join(sides)


def _brief(value: Fraction) -> str:
    """A rational for a message, cut where it is long."""
    text = format_rational(value)
    return text if len(text) <= 60 else f"{text[:40]}... ({len(text)} characters)"


def _side(a: Bound, b: Bound) -> str:
    left = "(-inf" if a is None else f"[{format_rational(a)}"
    right = "inf)" if b is None else f"{format_rational(b)}]"
    return f"{left}, {right}"


def _ends(values: Any, name: str, infinite: float) -> tuple[list[Bound], bool]:
    """One end of a box as exact bounds, and whether it was a scalar."""
    array = np.asarray(values, dtype=object) if isinstance(values, Fraction) else as_given(values)
    scalar = array.ndim == 0
    out: list[Bound] = []
    for i, v in enumerate(array.reshape(-1).tolist()):
        if isinstance(v, str) and v.strip().lower() in ("inf", "+inf", "-inf", "nan"):
            v = float(v)
        if isinstance(v, float) and not math.isfinite(v):
            if v == infinite:
                out.append(None)
                continue
            raise DomainError(
                f"box: {name} of coordinate {i} is {v}; "
                + ("give a number" if v != v else f"only {infinite} can stand in {name}")
            )
        try:
            out.append(to_fraction(v, f"box: {name} of coordinate {i}"))
        except ParameterError as error:
            raise DomainError(str(error)) from None
    if array.ndim > 1:
        raise ShapeError(f"box: {name} has shape {array.shape}; give one number a coordinate")
    return out, scalar


def _broadcast(values: list[Bound], scalar: bool, n: int, name: str) -> tuple[Bound, ...]:
    if scalar:
        return tuple(values) * n
    if len(values) != n:
        raise ShapeError(f"box: {name} has {len(values)} entries, but the box has dimension {n}")
    return tuple(values)


def _between(a: Bound, b: Bound) -> Fraction:
    """A number strictly between two bounds."""
    if a is None and b is None:
        return Fraction(0)
    if a is None:
        assert b is not None
        return b - 1
    return a + 1 if b is None else (a + b) / 2


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
        from .polyhedra.lp import interior_point, qrow

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
        restricted = _forms_of_rows(kept, self.dim).after(point) if kept else _no_rows(k)
        low, high, general = _split_bounds(restricted)
        interior = tuple(fraction(inside[c]) for c in columns)
        return Chart(k, point, low, high, general, interior)

    def describe(self) -> str:
        return f"polytope of {self.G.shape[0]} inequalities in R^{self.dim}"


def _solve_equalities(rows: list, dim: int) -> tuple[list[int], Forms]:
    """Free coordinates of {row(x) = 0 for all rows}, and x as forms over them."""
    from .polyhedra.linear import echelon, matrix_of

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


class Slice(Domain):
    """The image of a domain of parameters: x = origin + sum_i t_i directions_i.

    Parameters
    ----------
    origin : array_like, shape (D,)
    directions : array_like, shape (k, D)
        Linearly independent; none, of shape (0, D), for a single point.
    domain : Domain, optional
        Of dimension k, in the parameters t; all of R^k by default.
    inputs : Box, optional
        Bounds of x itself: pixels that stay pixels, say.

    Raises
    ------
    DomainError
        If the directions are linearly dependent, or (found when the domain is first used) no
        point of the parameters' domain has its x within the bounds.
    ShapeError
        If the shapes do not fit.

    Notes
    -----
    The parametrisation is exact. Of the 2 D bounds of ``inputs`` those that others imply are
    dropped, by exact linear programs in k dimensions.

    Examples
    --------
    >>> Slice([0, 0, 0], [[1, 0, 0], [0, 1, 1]], Box([0, 0], [1, 1])).chart.dim
    2
    >>> through = Slice.through([[0, 0], [2, 0], [0, 1]], Box(0, 1, dim=2))
    >>> through.directions.tolist()
    [[2.0, 0.0], [0.0, 1.0]]
    """

    @classmethod
    def through(
        cls, points: Sequence[Any], domain: Domain | None = None, inputs: Box | None = None
    ) -> Slice:
        """The slice a + t_1 (b - a) + t_2 (c - a) + ... through points a, b, c, ...

        Parameters
        ----------
        points : sequence of array_like
            At least two, of any one shape; they are flattened.
        domain, inputs
            As for the class.

        Examples
        --------
        >>> corners = Slice.through([[0, 0], [2, 0], [0, 1]], Box(0, 1, dim=2))
        >>> corners.origin.tolist(), corners.directions.tolist()
        ([0.0, 0.0], [[2.0, 0.0], [0.0, 1.0]])
        >>> inside = Slice.through([[0, 0], [4, 2]], inputs=Box(0, 1, dim=2))
        >>> inside.chart.high  # beyond it inputs leave [0, 1]
        (Fraction(1, 4),)
        """
        exact = [as_fractions(exact_array(p, "slice: point")).reshape(-1) for p in points]
        if len(exact) < 2 or any(len(p) != len(exact[0]) for p in exact):
            raise ShapeError(
                f"slice: points with {[len(p) for p in exact]} entries; give at least two, "
                "with equally many"
            )
        return cls(exact[0], np.array([p - exact[0] for p in exact[1:]]), domain, inputs)

    def __init__(
        self,
        origin: Any,
        directions: Any,
        domain: Domain | None = None,
        inputs: Box | None = None,
    ) -> None:
        try:
            self.origin = exact_array(origin, "slice: origin").reshape(-1)
            directions = exact_array(directions, "slice: directions")
        except ParameterError as error:
            raise DomainError(str(error)) from None
        dim = len(self.origin)
        if directions.ndim < 2 or math.prod(directions.shape[1:]) != dim or dim < 1:
            raise ShapeError(
                f"slice: directions of shape {directions.shape} do not fit an origin of "
                f"{len(self.origin)} entries; give (k, {len(self.origin)})"
            )
        self.directions = directions.reshape(len(directions), dim)
        self.dim = dim
        if domain is None:  # no direction: a point
            domain = WholeSpace(len(directions)) if len(directions) else Box([], [])
        self.domain = domain
        if self.domain.dim != len(self.directions):
            raise ShapeError(
                f"slice: {len(self.directions)} directions, but a parameter domain of "
                f"dimension {self.domain.dim}"
            )
        from .polyhedra.linear import rank_of

        if rank_of(as_fractions(self.directions)) < len(self.directions):
            raise DomainError("slice: the directions are linearly dependent; drop one")
        self.inputs = inputs
        if inputs is not None and inputs.dim != self.dim:
            raise ShapeError(
                f"slice: bounds of {inputs.dim} inputs do not fit an origin of {self.dim} entries"
            )

    def _chart(self) -> Chart:
        inner = self.domain.chart
        k = len(self.directions)
        dense = Forms(
            np.arange(self.dim + 1, dtype=np.int64) * k,
            np.tile(np.arange(k, dtype=np.int64), self.dim),
            np.ascontiguousarray(self.directions.T).reshape(-1),
            self.origin,
            k,
        ).without_zeros()
        point = dense.after(inner.point)
        if self.inputs is None:
            return Chart(inner.dim, point, inner.low, inner.high, inner.rows, inner.interior)
        return _bounded_chart(inner, point, self.inputs)

    def describe(self) -> str:
        k = len(self.directions)
        if k == 0:
            return f"a point of R^{self.dim}"
        text = f"{k}-dimensional slice of R^{self.dim}, parameters in {self.domain.describe()}"
        return text + (f", inputs in {self.inputs.describe()}" if self.inputs else "")


def _bounded_chart(inner: Chart, point: Forms, inputs: Box) -> Chart:
    """The part of a chart where low <= point(t) <= high."""
    from .polyhedra.lp import qrow
    from .polyhedra.reduce import essential_rows

    k, rows = inner.dim, []

    def add(indices: Any, data: Any, const: Fraction, sign: int = 1) -> None:
        dense = [Fraction(0)] * k
        for j, c in zip(indices.tolist(), data.tolist(), strict=True):
            dense[j] += sign * Fraction(c)
        rows.append(qrow(const, dense))

    for j in range(k):
        for bound, sign in ((inner.low[j], 1), (inner.high[j], -1)):
            if bound is not None:
                add(np.array([j]), np.array([1.0]), -sign * bound, sign)
    for i in range(len(inner.rows)):
        add(*inner.rows.row(i))
    for i, (low, high) in enumerate(zip(inputs.low, inputs.high, strict=True)):
        indices, data, const = point.row(i)
        if low is not None:
            add(indices, data, const - low)
        if high is not None:
            add(indices, data, high - const, -1)
    if k == 0:  # a point lies within the bounds or not
        if any(row[0] < 0 for row in rows):
            raise DomainError("slice: no point of it lies within the bounds of the inputs")
        rows = []
    needed = essential_rows(rows, k) if rows else []
    if needed is None:
        raise DomainError("slice: no point of it lies within the bounds of the inputs")
    if not needed:
        return Chart(k, point, inner.low, inner.high, inner.rows, inner.interior)
    exact = [[fraction(c) for c in row] for row in needed]
    try:
        chart = Polytope([[-c for c in row[1:]] for row in exact], [row[0] for row in exact]).chart
    except DomainError:
        raise DomainError("slice: no point of it lies within the bounds of the inputs") from None
    return Chart(
        chart.dim, point.after(chart.point), chart.low, chart.high, chart.rows, chart.interior
    )
