"""From inputs x to the coordinates t of a domain's chart, exactly; reading points of any kind."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import ShapeError
from ...rationals import exact_array, fraction, to_fraction

if TYPE_CHECKING:
    from ...domain import Chart
    from ...network.network import Network

__all__ = ["Coordinates", "exact_point", "exact_points"]

Terms = tuple[Fraction, dict[int, Fraction]]  # constant, and coefficients by coordinate


class Coordinates:
    """The inverse of a chart's map t -> x.

    Attributes
    ----------
    inputs : list of int
        k inputs that determine t.
    """

    def __init__(self, chart: Chart) -> None:
        self.chart = chart
        self.inputs = _determining(chart)

    @property
    def full(self) -> bool:
        """Whether t is x itself."""
        point = self.chart.point
        identity = self.chart.dim == len(point) and point.is_selection()
        return identity and bool(np.all(point.indices == np.arange(len(point))))

    @cached_property
    def inverse(self) -> list[Terms]:
        """Every t as an affine form over the inputs, by the index of the input."""
        k = self.chart.dim
        rows = [self._row(i) for i in self.inputs]
        if all(len(terms) == 1 for _, terms in rows):
            out: list[Terms] = [(Fraction(0), {})] * k
            for i, (const, terms) in zip(self.inputs, rows, strict=True):
                ((j, c),) = terms.items()
                out[j] = (-const / c, {i: 1 / c})
            return out
        from ...polyhedra.linear import matrix_of
        from ...polyhedra.lp import ZERO, q

        solved = matrix_of([r.get(j, 0) for j in range(k)] for _, r in rows).inv()
        out = []
        for j in range(k):
            terms = {}
            total = ZERO
            for m, i in enumerate(self.inputs):
                if solved[j, m] != 0:
                    terms[i] = fraction(solved[j, m])
                    total = total - solved[j, m] * q(rows[m][0])
            out.append((fraction(total), terms))
        return out

    @cached_property
    def dependent(self) -> list[tuple[int, Terms]]:
        """The other inputs, each as an affine form over t: the equalities of the domain."""
        chosen = set(self.inputs)
        return [(i, self._row(i)) for i in range(len(self.chart.point)) if i not in chosen]

    def of(self, x: Sequence[Fraction]) -> list[Fraction] | None:
        """The coordinates of a point of R^D; None if it is not in the domain's affine hull."""
        t = [value_of(form, x) for form in self.inverse]
        if any(value_of(form, t) != x[i] for i, form in self.dependent):
            return None
        return t

    def over_inputs(self, constant: Fraction, coefficients: Sequence[Fraction]) -> Terms:
        """An affine form over t as one over the inputs that determine t."""
        terms: dict[int, Fraction] = {}
        for c, (offset, inner) in zip(coefficients, self.inverse, strict=True):
            if c:
                constant = constant + c * offset
                for i, value in inner.items():
                    terms[i] = terms.get(i, Fraction(0)) + c * value
        return constant, {i: c for i, c in terms.items() if c}

    def _row(self, i: int) -> Terms:
        indices, data, const = self.chart.point.row(i)
        terms = zip(indices.tolist(), data.tolist(), strict=True)
        return const, {j: Fraction(c) for j, c in terms if c}


def value_of(form: Terms, at: Sequence[Fraction]) -> Fraction:
    """The value of an affine form at a point."""
    constant, terms = form
    return sum((c * at[j] for j, c in terms.items()), constant)


def _determining(chart: Chart) -> list[int]:
    """k inputs whose forms over t are linearly independent, simple ones preferred."""
    k, point = chart.dim, chart.point
    single: dict[int, int] = {}  # coordinate: an input that reads it alone
    for i, count in enumerate(np.diff(point.indptr).tolist()):
        if count == 1:
            single.setdefault(int(point.indices[point.indptr[i]]), i)
    if len(single) == k:
        return sorted(single.values())
    from ...domain.rows import dense_rows
    from ...polyhedra.linear import echelon, matrix_of

    columns = [row[1:] for row in dense_rows(point)]
    _, pivots = echelon(matrix_of(zip(*columns, strict=True)))
    assert len(pivots) == k  # a chart is injective
    return pivots


def exact_point(x: Any, network: Network, where: str = "point") -> list[Fraction]:
    """One input of a network as Fractions.

    Parameters
    ----------
    x : array_like
        Numbers, Fractions or texts, in the network's input shape or flat.

    Raises
    ------
    ShapeError, ParameterError
        If the shape does not fit; for NaN, infinities and what is no number.
    """
    array = _objects(x)
    if array.shape not in ((network.input_dim,), network.input_shape):
        raise ShapeError(
            f"{where}: shape {array.shape} does not fit the network's input shape "
            f"{network.input_shape}; give one point of {network.input_dim} numbers"
        )
    return [to_fraction(v, where) for v in array.reshape(-1)]


def exact_points(X: Any, shapes: Sequence[tuple[int, ...]], where: str = "points") -> np.ndarray:
    """Points as an exact array of shape (n, size): float64, or objects holding Fractions.

    Parameters
    ----------
    X : array_like
        One point or a batch of points of one of the shapes.
    shapes : sequence of shapes
        All of one size.

    Raises
    ------
    ShapeError, ParameterError
    """
    if not hasattr(X, "detach") and not isinstance(X, np.ndarray):
        X = _objects(X)
    array = exact_array(X, where)
    size = int(np.prod(shapes[0]))
    if array.shape in shapes:
        return array.reshape(1, size)
    if array.ndim >= 1 and array.shape[1:] in shapes:
        return array.reshape(len(array), size)
    raise ShapeError(
        f"{where}: shape {array.shape} does not fit; give points of shape {shapes[-1]}, "
        f"or a batch (n, {', '.join(map(str, shapes[-1]))})"
    )


def _objects(x: Any) -> np.ndarray:
    """An array that keeps every entry as it was given: 0.1 and "0.1" are two numbers."""
    if hasattr(x, "detach"):  # a torch tensor, without importing torch
        x = x.detach().cpu().numpy()
    try:
        return np.array(x, dtype=object)
    except ValueError as error:
        raise ShapeError(f"point: the values do not form an array ({error})") from None
