"""The region of a code: a point inside, its conditions, its affine map, and what it holds."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol, Self

import numpy as np

from ...domain.rows import dense_fractions
from ...errors import ParameterError, ShapeError
from ...later import in_later_room
from ...mode import guarded
from ...rationals import fractions, nearest_float, nearest_floats, to_fraction
from .coordinates import Coordinates, exact_point
from .maps import affine_map, exact_forms
from .polyhedron import Shape

if TYPE_CHECKING:
    from ...cells.facets import Condition, Facet
    from ...cells.forms import ExactForms
    from ...compile.forms import Forms
    from ...domain import Domain
    from ...network.network import Network
    from ...polyhedra.lp import Point
    from .wide_rows import WideRows

__all__ = ["Holder", "RegionOfCode", "work_of"]

_MUCH_WORK = 3_000_000  # of linear programs in rationals: that takes some seconds


def work_of(dim: int, conditions: int) -> int:
    """What exact linear programs for all conditions take, about."""
    return conditions * (dim + min(conditions, 4 * dim + 20)) * dim


class Holder(Protocol):
    """What a region asks of the partition that it is a part of."""

    @property
    def _exact_forms(self) -> ExactForms: ...

    def _facets_of(self, index: int) -> list[Facet] | None: ...

    def _region_of(self, code: np.ndarray) -> Any: ...

    def _polygon_of(self, index: int, exact: bool) -> Any: ...


@guarded
class RegionOfCode(Shape):
    """What a `Region` is by its code and a point inside; `Region` inherits it."""

    def __init__(self, network: Network, domain: Domain, code: Any, witness: Sequence[Any]) -> None:
        program = network.program
        given = np.asarray(code)
        if given.shape != (program.n_units,) or (given.dtype.kind not in "iub" and given.size):
            raise ShapeError(
                f"region: a code of shape {given.shape} and type {given.dtype}; give "
                f"{program.n_units} whole numbers, one a unit"
            )
        pieces = [layer.units.pieces for layer in program.layers]
        most = np.concatenate(pieces) if pieces else np.zeros(0, dtype=np.int64)
        if np.any(given.astype(np.int64) < 0) or np.any(given.astype(np.int64) >= most):
            raise ParameterError("region: the code names a piece that its unit does not have")
        if domain.dim != network.input_dim:
            raise ShapeError(
                f"the domain lies in R^{domain.dim}, but the network has "
                f"{network.input_dim} inputs (shape {network.input_shape})"
            )
        if len(witness) != domain.chart.dim:
            raise ShapeError(
                f"region: a witness of {len(witness)} numbers; the domain has "
                f"{domain.chart.dim} coordinates"
            )
        exact = tuple(to_fraction(v, "region: witness") for v in witness)
        self._set(network, domain, given, exact)
        if self._holds(list(exact)) != (True, True):
            raise ParameterError(
                "region: the witness is not strictly inside the region of this code; "
                "exactspline.regions_at finds the region of a point"
            )

    def _set(
        self, network: Network, domain: Domain, code: np.ndarray,
        witness: tuple[Fraction, ...] | None, index: int | None = None,
        partition: Holder | None = None, forms: ExactForms | None = None,
        segment: tuple[Point, Point] | None = None,
    ) -> None:  # fmt: skip
        self.network, self.domain, self.index = network, domain, index
        self.code = code.astype(np.min_scalar_type(network.program.max_pieces - 1))
        self._witness, self._partition, self._segment = witness, partition, segment
        if forms is not None:
            self._forms = forms

    @classmethod
    def _known(cls, *arguments: Any, **options: Any) -> Self:
        """A region that needs no check: its code is one, and so is its witness.

        With a ``segment`` (start, towards) in place of the witness: the open segment begins
        inside the region.
        """
        out = cls.__new__(cls)
        out._set(*arguments, **options)
        return out

    def __repr__(self) -> str:
        name = "" if self.index is None else f" {self.index}"
        return f"<Region{name} of {self.network!r} on {self.domain.describe()}>"

    def _repr_html_(self) -> str:
        text: str = in_later_room("RegionOfCode._repr_html_", self)
        return text

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, RegionOfCode):
            return NotImplemented
        same = self.network is other.network and self.domain is other.domain
        return same and bool(np.array_equal(self.code, other.code))

    def __hash__(self) -> int:
        return hash((id(self.network), id(self.domain), self.code.tobytes()))

    @cached_property
    def _forms(self) -> ExactForms:
        if self._partition is not None:
            return self._partition._exact_forms
        return exact_forms(self.network, self.domain)

    @cached_property
    def _coordinates(self) -> Coordinates:
        return Coordinates(self.domain.chart)

    @cached_property
    def _conditions(self) -> list[Condition]:
        """All conditions that are not constant."""
        from .conditions import conditions_of

        return conditions_of(self._forms, self.domain.chart.point, self.code)

    @cached_property
    def _most_conditions(self) -> int:
        """No fewer than there are conditions that are not constant."""
        every = [layer.units for layer in self.network.program.layers]
        most = [np.where(v.lead == 0, np.minimum(v.pieces, 3), v.pieces) - 1 for v in every]
        return len(self._forms.domain_rows) + sum(int(counts.sum()) for counts in most)

    @cached_property
    def _is_wide(self) -> bool:
        """Whether exact linear programs for all conditions take more than a few seconds."""
        return work_of(self.domain.chart.dim, self._most_conditions) > _MUCH_WORK

    @cached_property
    def _wide_rows(self) -> WideRows:
        """The same in float64 with bounds; exact ones when they are asked for."""
        from ...cells.space import whole_space
        from .wide_rows import WideRows

        chart = self.domain.chart
        sides = whole_space(self.network.program, chart).rows
        return WideRows(self._forms, chart.point, sides, self.code)

    @cached_property
    def _inside(self) -> Point:
        from ...polyhedra.lp import q

        return [q(v) for v in self.witness]

    @cached_property
    def witness(self) -> tuple[Fraction, ...]:
        """A point strictly inside the region, exactly, in the domain's coordinates t.

        Examples
        --------
        >>> import exactspline as es
        >>> net = es.Network([es.ReLU(), es.Dense([[1, 2]])], (2,))
        >>> (region,) = es.regions_at(net, [3, 1])
        >>> all(value > 0 for value in region.witness)
        True
        """
        if self._witness is not None:
            return self._witness
        from .fan import step_towards
        from .first_part import inner_point

        assert self._segment is not None
        start, towards = self._segment
        found = inner_point(self._wide_rows, start, towards) if self._is_wide else None
        if found is None:
            found = step_towards([c.row for c in self._conditions], start, towards)
        exact = list(fractions(found))
        near = [Fraction(nearest_float(v)) for v in exact]  # shorter, where it is inside as well
        return tuple(near if self._holds(near) == (True, True) else exact)

    @cached_property
    def point(self) -> tuple[Fraction, ...]:
        """The witness as an input x of the network, exactly.

        Examples
        --------
        >>> import exactspline as es
        >>> net = es.Network([es.ReLU()], (2,))
        >>> (region,) = es.regions_at(net, [3, 5], es.Slice([0, 5], [[1, 0]]))
        >>> len(region.witness), len(region.point), int(region.point[1])
        (1, 2, 5)
        """
        return tuple(self.domain.chart.lift(self.witness))

    @cached_property
    def _map(self) -> Forms:
        return affine_map(self.network, self.code)

    def affine(self, *, exact: bool = False) -> tuple[np.ndarray, np.ndarray]:
        """The network's affine map on the region: f(x) = A x + b.

        Parameters
        ----------
        exact : bool
            True gives object arrays of Fractions.

        Returns
        -------
        A : array, shape (C, D)
            Over the network's inputs, flattened; for its outputs, flattened.
        b : array, shape (C,)

        Notes
        -----
        The float64 numbers are the exact ones, each rounded once (and to the largest float64
        beyond the range).

        Examples
        --------
        >>> import exactspline as es
        >>> net = es.Network([es.ReLU(), es.Dense([[1, 2]])], (2,))
        >>> (region,) = es.regions_at(net, [3, 1])
        >>> A, b = region.affine()
        >>> A.tolist(), b.tolist()
        ([[1.0, 2.0]], [0.0])
        """
        A, b = dense_fractions(self._map)
        return (A, b) if exact else (nearest_floats(A), nearest_floats(b))

    def templates(self, *, exact: bool = False) -> np.ndarray:
        """The rows of A, shape (C, D): what the region's outputs are matched against.

        Examples
        --------
        >>> import exactspline as es
        >>> net = es.Network([es.ReLU(), es.Dense([[1, 2]])], (2,))
        >>> (region,) = es.regions_at(net, [3, 1])
        >>> region.templates(exact=True).tolist()
        [[Fraction(1, 1), Fraction(2, 1)]]
        """
        return self.affine(exact=exact)[0]

    def contains(self, x: Any, *, closure: bool = False) -> bool:
        """Whether the region holds a point, decided exactly.

        Parameters
        ----------
        x : array_like
            An input: floats (as the dyadic rationals they are), Fractions, texts.
        closure : bool
            False: strictly inside, off all boundaries and off the domain's border. True: in
            the closure.

        Notes
        -----
        A point that is not in the domain's affine hull is in no region. One evaluation of the
        network in rationals.

        Examples
        --------
        >>> import exactspline as es
        >>> net = es.Network([es.ReLU(), es.Dense([[1, 2]])], (2,))
        >>> (region,) = es.regions_at(net, [3, 1])
        >>> region.contains([1, 2]), region.contains([0, 2]), region.contains([0, 2], closure=True)
        (True, False, True)
        """
        t = self._coordinates.of(exact_point(x, self.network))
        if t is None:
            return False
        closed, strict = self._holds(t)
        return closed if closure else strict

    def _holds(self, t: list[Fraction]) -> tuple[bool, bool]:
        """Whether the closure holds a point of the domain's hull, and whether the region does."""
        from ...cells.point import values_at
        from ...polyhedra.lp import q, value_at
        from .fan import holds_at

        at = [q(v) for v in t]
        sides = [value_at(row, at) for row in self._forms.domain_rows]
        if any(v < 0 for v in sides):
            return False, False
        x = [q(v) for v in self.domain.chart.lift(t)]
        values = values_at(self.network.program, x)
        closed, strict = holds_at(self._forms, self.code, values)
        return closed, strict and all(v > 0 for v in sides)
