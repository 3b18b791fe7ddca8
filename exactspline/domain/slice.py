"""Slices: affine images of domains of fewer dimensions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..compile.forms import Forms
from ..errors import DomainError, ParameterError, ShapeError
from ..rationals import as_fractions, exact_array, fraction
from .box import Box
from .chart import Chart, Domain, WholeSpace
from .polytope import Polytope
from .rows import all_rows, dense_rows, no_rows

__all__ = ["Slice"]


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
        cls, *points: Any, domain: Domain | None = None, inputs: Box | None = None
    ) -> Slice:
        """The slice a + t_1 (b - a) + t_2 (c - a) + ... through points a, b, c, ...

        Parameters
        ----------
        *points : array_like
            At least two, of any one shape; they are flattened. Or one list of them.
        domain, inputs
            As for the class; they may also stand behind the points.

        Raises
        ------
        ShapeError
            If there are fewer than two points, or their shapes differ.
        DomainError
            If the points are not in general position.

        Examples
        --------
        >>> corners = Slice.through([0, 0], [2, 0], [0, 1], domain=Box(0, 1, dim=2))
        >>> corners.origin.tolist(), corners.directions.tolist()
        ([0.0, 0.0], [[2.0, 0.0], [0.0, 1.0]])
        >>> inside = Slice.through([[0, 0], [4, 2]], inputs=Box(0, 1, dim=2))
        >>> inside.chart.high  # beyond it inputs leave [0, 1]
        (Fraction(1, 4),)
        """
        given = [p for p in points if not (p is None or isinstance(p, Domain))]
        behind = points[len(given) :]
        if any(p is not q for p, q in zip(points, given, strict=False)) or len(behind) > 2:
            raise ShapeError("slice: give the points first, then the domain and the inputs' box")
        domain = behind[0] if behind else domain
        inputs = behind[1] if len(behind) > 1 else inputs
        points = tuple(given[0]) if len(given) == 1 else tuple(given)
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
        from ..polyhedra.linear import rank_of

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
    from ..polyhedra.reduce import essential_rows

    k, width = inner.dim, inputs.dim
    rows = dense_rows(all_rows(inner.low, inner.high, inner.rows, k))
    rows += dense_rows(all_rows(inputs.low, inputs.high, no_rows(width), width).after(point))
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
