"""Which regions hold given points: in float64 where that is proved, else in rationals."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import LimitError, UndecidedError
from ...mode import guarded
from ...rationals import as_float, as_fractions, rounded
from ..regions.coordinates import Coordinates, exact_points
from .signs import FloatForms, FloatProgram, Signs

if TYPE_CHECKING:
    from ...cells.space import SearchSpace
    from ..columns.table import RegionTable

__all__ = ["Locations", "Locator"]

MOST_AROUND = 100_000  # regions that meet in one point
_CHUNK = 1 << 18  # numbers in the largest array of a pass: they stay in the cache

Exact = list[Fraction]


@guarded
class Locations:
    """Where points lie in a partition.

    Attributes
    ----------
    region : int64 array, shape (n,)
        The id of the region that holds the point; on a boundary the lowest id of the regions
        whose closures hold it; -1 outside the domain.
    on_boundary : bool array, shape (n,)
        Whether the point is in the domain, but strictly inside no region: it lies on a
        boundary between regions or on the domain's border.

    Examples
    --------
    >>> import exactspline as es
    >>> omega = es.enumerate_regions(es.Network([es.ReLU()], (2,)))  # the four quadrants
    >>> found = omega.locate([[1, 2], [0, 3]])
    >>> found.region.tolist(), found.on_boundary.tolist()
    ([3, 1], [False, True])
    """

    def __init__(
        self, locator: Locator, points: _Points, region: np.ndarray, on_boundary: np.ndarray
    ) -> None:
        self.region, self.on_boundary = region, on_boundary
        self._locator, self._points = locator, points

    def __len__(self) -> int:
        return len(self.region)

    def __repr__(self) -> str:
        outside = int(np.count_nonzero(self.region < 0))
        return (
            f"<Locations of {len(self):,} points: {int(self.on_boundary.sum()):,} on boundaries, "
            f"{outside:,} outside>"
        )

    def all(self, i: int) -> tuple[int, ...]:
        """Ids of all regions whose closure holds point i, in order; exact.

        Raises
        ------
        IndexError
            If there is no such point.
        LimitError
            If more than 100,000 regions meet there.

        Examples
        --------
        >>> import exactspline as es
        >>> omega = es.enumerate_regions(es.Network([es.ReLU()], (2,)))  # the four quadrants
        >>> omega.locate([[0, 3]]).all(0)
        (1, 3)
        """
        if not -len(self) <= i < len(self):
            raise IndexError(f"point {i} of {len(self)}")
        if not self.on_boundary[i]:
            return (int(self.region[i]),) if self.region[i] >= 0 else ()
        t = self._points.coordinates_of(i)
        assert t is not None
        found = []
        for n, (index, _) in enumerate(self._locator._around(t)):
            if n == MOST_AROUND:
                raise LimitError(
                    f"locate: more than {MOST_AROUND:,} regions meet at point {i}; `region` has "
                    "the lowest id"
                )
            if index >= 0:
                found.append(index)
        return tuple(found)


class _Points:
    """A batch of points: inputs and coordinates in float64 with error bounds, and exactly."""

    def __init__(self, locator: Locator, X: Any, *, domain_coordinates: bool) -> None:
        network, chart = locator.partition.network, locator.partition.domain.chart
        self.coordinates = locator.coordinates
        self.given_t = domain_coordinates
        if domain_coordinates:
            self.array = exact_points(X, [(chart.dim,)])
            self.t, self.t_error = _floats(self.array)
            with np.errstate(all="ignore"):
                self.x, self.x_error = locator.inputs(self.t, self.t_error, exact=True)
            self.in_hull = np.ones(len(self.array), dtype=bool)
            return
        self.array = exact_points(X, [(network.input_dim,), network.input_shape])
        self.x, self.x_error = _floats(self.array)
        constants = locator.constants
        if constants is not None:
            self.t = self.x[:, self.coordinates.inputs]
            self.t_error = self.x_error[:, self.coordinates.inputs]
            self.in_hull = np.ones(len(self.array), dtype=bool)
            for i, c in constants:
                value, error = rounded(c)
                if self.array.dtype == object:
                    self.in_hull &= self.array[:, i] == c
                elif error:  # no float64 is that number
                    self.in_hull[:] = False
                else:
                    self.in_hull &= self.array[:, i] == value
            return
        found = [self.coordinates.of(row) for row in as_fractions(self.array)]
        self.in_hull = np.array([t is not None for t in found], dtype=bool)
        exact = np.full((len(found), chart.dim), Fraction(0), dtype=object)
        for row, t in zip(exact, found, strict=True):
            if t is not None:
                row[:] = t
        self.t, self.t_error = _floats(exact)

    def coordinates_of(self, i: int) -> Exact | None:
        """The exact coordinates t of point i; None outside the domain's hull."""
        row = as_fractions(self.array[i]).tolist()
        return row if self.given_t else self.coordinates.of(row)


def _floats(array: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    values, errors = as_float(array)
    return values, np.zeros_like(values) if errors is None else errors


class Locator:
    """Finds the regions of points in one partition."""

    def __init__(self, partition: RegionTable) -> None:
        self.partition = partition
        self.coordinates = Coordinates(partition.domain.chart)

    @cached_property
    def space(self) -> SearchSpace:
        """The domain's coordinates and sides."""
        from ...cells.space import whole_space

        return whole_space(self.partition.network.program, self.partition.domain.chart)

    @cached_property
    def inputs(self) -> FloatForms:
        """x over t."""
        return FloatForms(self.partition.domain.chart.point)

    @cached_property
    def sides(self) -> FloatForms:
        """The domain's inequalities over t."""
        return FloatForms(self.space.rows)

    @cached_property
    def program(self) -> FloatProgram:
        """The network in float64."""
        return FloatProgram(self.partition.network.program)

    @cached_property
    def constants(self) -> list[tuple[int, Fraction]] | None:
        """Where every input is a coordinate or a constant: the constants; else None."""
        point = self.partition.domain.chart.point
        single = set(self.coordinates.inputs)
        out = []
        for i in range(len(point)):
            indices, data, const = point.row(i)
            if i in single:
                if len(indices) != 1 or data[0] != 1 or const != 0:
                    return None
            elif len(indices):
                return None
            else:
                out.append((i, const))
        if [int(point.row(i)[0][0]) for i in self.coordinates.inputs] != list(range(len(single))):
            return None
        return out

    def __call__(self, X: Any, *, domain_coordinates: bool = False) -> Locations:
        """Locate a batch of points."""
        points = _Points(self, X, domain_coordinates=domain_coordinates)
        n = len(points.array)
        region = np.full(n, -1, dtype=np.int64)
        on_boundary = np.zeros(n, dtype=bool)
        todo = np.flatnonzero(points.in_hull)
        step = max(1, _CHUNK // max(1, self.program.width, len(self.sides)))
        for exact in (False, True):
            left = [
                self._pass(points, part, region, on_boundary, exact=exact)
                for part in np.array_split(todo, -(-len(todo) // step) or 1)
            ]
            todo = np.concatenate(left)
        for i in todo.tolist():
            t = points.coordinates_of(i)
            assert t is not None  # those outside the hull are settled
            for index, inside in self._around(t):
                if index >= 0:  # a stopped search may not have reached it
                    region[i], on_boundary[i] = index, not inside
                    break
        return Locations(self, points, region, on_boundary)

    def _pass(
        self, points: _Points, part: np.ndarray, region: np.ndarray, on_boundary: np.ndarray,
        *, exact: bool,
    ) -> np.ndarray:  # fmt: skip
        """Settle what float64 proves; returns the points that are left."""
        with np.errstate(all="ignore"):
            sides, bounds = self.sides(points.t[part], points.t_error[part], exact=exact)
        positive = np.all(sides > bounds, axis=1)
        outside = np.any(sides < -bounds, axis=1)
        within = np.all((sides > bounds) | ((sides == 0) & (bounds == 0)), axis=1)
        signs = self.program(points.x[part], points.x_error[part], exact=exact)
        able = np.flatnonzero(within & signs.proved & ~outside)
        ids = np.full(len(part), -1, dtype=np.int64)
        ids[able] = self.partition._code_index(signs.codes[able])
        tied = np.zeros(len(part), dtype=bool)
        tied[signs.zero_point] = True
        unknown = (ids < 0) & ~tied & ~outside
        unknown &= within & signs.proved
        if self.partition.complete and unknown.any():
            raise UndecidedError(
                "a point has a code that no region has; this is a defect of exactspline, please "
                "report it with the network"
            )
        done = (ids >= 0) & ~self._vanishing(signs, ids)
        region[part[done]] = ids[done]
        on_boundary[part[done]] = ~positive[done]
        return part[~(outside | done | unknown)]

    def _vanishing(self, signs: Signs, ids: np.ndarray) -> np.ndarray:
        """Points where a form vanishes that does not vanish identically on their region."""
        out = np.zeros(len(ids), dtype=bool)
        known = ids[signs.zero_point] >= 0
        if not known.any():
            return out
        which = np.stack(
            [ids[signs.zero_point[known]], signs.zero_layer[known], signs.zero_form[known]]
        )
        unique, place = np.unique(which, axis=1, return_inverse=True)
        forms = self.partition._exact_forms
        boundary = []
        for index, layer, form in unique.T.tolist():
            boundary.append(any(forms.form(layer, form, self.partition.code(index))))
        out[signs.zero_point[known][np.array(boundary)[place.reshape(-1)]]] = True
        return out

    def _around(self, t: Exact) -> Iterator[tuple[int, bool]]:
        """(id or -1, strictly inside) of the regions around a point; none outside the domain."""
        from ..regions.fan import regions_around

        forms, chart = self.partition._exact_forms, self.partition.domain.chart
        for around in regions_around(forms, chart, t):
            index = self.partition._code_index.find(around.code)
            if index is None and self.partition.complete:
                raise UndecidedError(
                    "a point has a region that the partition does not have; this is a defect of "
                    "exactspline, please report it with the network"
                )
            yield (-1 if index is None else index), around.inside
