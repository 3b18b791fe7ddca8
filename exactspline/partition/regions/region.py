"""One region of a network: its inequalities, affine map, neighbours and geometry, all exact."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from ...errors import LimitError, ParameterError, ShapeError
from ...mode import guarded
from ...rationals import fractions, nearest_float, to_fraction
from .coordinates import Coordinates, exact_point
from .inequalities import Inequality, describe_sides
from .maps import affine_map, exact_forms
from .polyhedron import Shape

if TYPE_CHECKING:
    from ...cells.facets import Condition, Facet
    from ...cells.forms import ExactForms
    from ...compile.forms import Forms
    from ...domain import Domain
    from ...network.network import Network
    from ...polyhedra.lp import Point, Row

__all__ = ["Region", "RegionFacet", "SymbolicRegion"]

_MOST_WORK = 300_000_000  # of linear programs, in some ten nanoseconds each

Watch = Callable[[int, int], None]


@guarded
@dataclass(frozen=True)
class RegionFacet:
    """A facet of a region.

    Attributes
    ----------
    inequality : Inequality
        An equality on the facet. Where the hyperplanes of several units coincide, the first
        unit's.
    point : tuple of Fraction
        In the facet's relative interior, in the domain's coordinates.
    flips : tuple of (unit, piece)
        The units whose piece changes across the facet, with the piece there; empty on the
        domain's border.

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.ReLU(), es.Dense([[1, 2]])], (2,))
    >>> (region,) = es.regions_at(net, [3, 1])
    >>> facet = region.facets()[0]
    >>> facet.flips, facet.on_border
    (((0, 0),), False)
    """

    inequality: Inequality
    point: tuple[Fraction, ...]
    flips: tuple[tuple[int, int], ...]

    @property
    def on_border(self) -> bool:
        """Whether it lies in the domain's border, so that there is no region across.

        Examples
        --------
        >>> import exactspline as es
        >>> net = es.Network([es.ReLU()], (1,))
        >>> (region,) = es.regions_at(net, [1], es.Box([-1], [2]))
        >>> [facet.on_border for facet in region.facets()]
        [True, False]
        """
        return self.inequality.side is not None


class Holder(Protocol):
    """What a region asks of the partition that it is a part of."""

    @property
    def _exact_forms(self) -> ExactForms: ...

    def _facets_of(self, index: int) -> list[Facet] | None: ...

    def _region_of(self, code: np.ndarray) -> Region | None: ...


class SymbolicRegion(NamedTuple):
    """A region for sympy: ``symbols``, the ``inequalities`` of its closure, and the ``map``.

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.ReLU(), es.Dense([[1, 2]])], (2,))
    >>> (region,) = es.regions_at(net, [3, 1])
    >>> found = region.to_sympy()
    >>> found.symbols, found.map
    ((x0, x1), Matrix([[x0 + 2*x1]]))
    """

    symbols: tuple[Any, ...]
    inequalities: list[Any]
    map: Any


@guarded
class Region(Shape):
    """One activation region of a network on a domain; it needs no partition around it.

    ``partition[i]``, iteration over a partition, and `exactspline.regions_at` make regions.

    Parameters
    ----------
    network : Network
    domain : Domain
    code : array_like of int, shape (units,)
    witness : sequence of numbers
        A point strictly inside the region, in the domain's coordinates t.

    Attributes
    ----------
    network : Network
    domain : Domain
    index : int or None
        Its id in the partition; None without one.
    code : numpy.ndarray, shape (units,)
        Per unit the piece that holds on the region.

    Raises
    ------
    ParameterError
        If the witness is not strictly inside the region of the code.
    ShapeError
        If the code or the witness has the wrong length.

    Notes
    -----
    The domain's coordinates t are the inputs x themselves for a domain of full dimension that
    is no slice; else those of its affine hull (``domain.chart``). Inequalities, vertices,
    rays, volumes and balls are in t; points that are given or returned as x are inputs.

    Everything is exact (a ``Fraction`` is a proof) except where float64 is named. What is
    computed is kept.

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Dense([[1, 1], [1, -1]]), es.ReLU(), es.Dense([[1, 1]])], (2,))
    >>> region = es.enumerate_regions(net, es.Box([-1, -1], [1, 1]))[-1]
    >>> region.code.tolist(), region.affine()[0].tolist(), region.volume()
    ([1, 1], [[2.0, 0.0]], Fraction(1, 1))
    >>> for inequality in region.inequalities():
    ...     print(inequality)
    x[0] <= 1   (the domain)
    x[0] + x[1] >= 0   (ReLU[0], piece 1)
    x[0] - x[1] >= 0   (ReLU[1], piece 1)
    """

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

    _watch: Watch = staticmethod(lambda done, total: None)

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
    def _known(cls, *arguments: Any, **options: Any) -> Region:
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

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Region):
            return NotImplemented
        same = self.network is other.network and self.domain is other.domain
        return same and bool(np.array_equal(self.code, other.code))

    def __hash__(self) -> int:
        return hash((id(self.network), id(self.domain), self.code.tobytes()))

    # --- What it is made of ------------------------------------------------------------------

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
    def _facets(self) -> list[Facet]:
        from .irredundant import irredundant_facets

        if self._partition is not None and self.index is not None:
            known = self._partition._facets_of(self.index)
            if known is not None:
                return known
        m, k = len(self._conditions), self.domain.chart.dim
        if m * (k + min(m, 4 * k + 20)) * k > _MOST_WORK:
            raise LimitError(
                f"facets: {m:,} conditions in {k} dimensions are too many for exact linear "
                "programs; inequalities(irredundant=False) has them all, or take a slice of "
                "fewer dimensions"
            )
        return irredundant_facets(
            self._forms, self.code, self._inside, self._conditions, self._watch
        )

    @cached_property
    def _inside(self) -> Point:
        from ...polyhedra.lp import q

        return [q(v) for v in self.witness]

    @property
    def _rows(self) -> list[Row]:
        """Rows that describe the closure, one a facet."""
        return [facet.condition.row for facet in self._facets]

    @property
    def _any_rows(self) -> list[Row]:
        """Rows that describe the closure: one a facet if these are known, else all."""
        return self._rows if "_facets" in self.__dict__ else [c.row for c in self._conditions]

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

        assert self._segment is not None
        start, towards = self._segment
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

    # --- Its affine map ----------------------------------------------------------------------

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
        forms = self._map
        shape = (len(forms), forms.width)
        A = np.full(shape, Fraction(0), dtype=object) if exact else np.zeros(shape)
        b = np.empty(len(forms), dtype=object if exact else np.float64)
        for i in range(len(forms)):
            indices, data, const = forms.row(i)
            values = [Fraction(v) for v in data.tolist()]
            for j, v in zip(indices.tolist(), values, strict=True):
                A[i, j] = v if exact else nearest_float(v)
            b[i] = const if exact else nearest_float(const)
        return A, b

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

    # --- Inequalities and neighbours ---------------------------------------------------------

    def inequalities(self, irredundant: bool = True) -> list[Inequality]:
        """The inequalities of the region's closure, each with where it comes from.

        Parameters
        ----------
        irredundant : bool
            True: one a facet, none implied by the others. False: all conditions that are not
            constant on the region; cheap.

        Returns
        -------
        list of Inequality
            Over the domain's coordinates t (the inputs x themselves where the domain has full
            dimension and is no slice): the domain's sides first, then the units in order.

        Raises
        ------
        LimitError
            If the exact linear programs that find the facets would take too long.

        Examples
        --------
        >>> import exactspline as es
        >>> net = es.Network([es.ReLU(), es.Dense([[1, 2]])], (2,))
        >>> (region,) = es.regions_at(net, [3, 1])
        >>> for inequality in region.inequalities():
        ...     print(inequality)
        x[0] >= 0   (ReLU[0], piece 1)
        x[1] >= 0   (ReLU[1], piece 1)
        """
        if irredundant:
            return [facet.inequality for facet in self.facets()]
        return [self._inequality(c) for c in self._conditions]

    def facets(self, *, progress: Watch | None = None) -> list[RegionFacet]:
        """All facets, exactly, in the order of `inequalities`.

        Parameters
        ----------
        progress : callable, optional
            Called with how many conditions are settled, and how many there are.

        Raises
        ------
        LimitError
            If the exact linear programs would take too long.

        Examples
        --------
        >>> import exactspline as es
        >>> net = es.Network([es.ReLU(), es.Dense([[1, 2]])], (2,))
        >>> (region,) = es.regions_at(net, [3, 1])
        >>> for facet in region.facets():
        ...     print(facet.inequality, facet.flips)
        x[0] >= 0   (ReLU[0], piece 1) ((0, 0),)
        x[1] >= 0   (ReLU[1], piece 1) ((1, 0),)
        """
        if progress is not None:
            self._watch = progress
        return [
            RegionFacet(self._inequality(f.condition), fractions(f.point), f.flips)
            for f in self._facets
        ]

    @cached_property
    def _sides(self) -> list[str]:
        return describe_sides(self.domain, self._forms.domain_rows)

    def _inequality(self, condition: Condition) -> Inequality:
        constant, *coefficients = fractions(condition.row)
        letter = "x" if self._coordinates.full else "t"
        if condition.side >= 0:
            source = self._sides[condition.side]
            return Inequality(
                tuple(coefficients), constant, None, None, condition.side, source, letter
            )
        name = self.network.unit_name(condition.unit)
        source = f"{name}, piece {int(self.code[condition.unit])}"
        return Inequality(tuple(coefficients), constant, condition.unit, name, None, source, letter)

    def neighbors(self) -> list[Region]:
        """The regions across the facets, in the order of `facets`; border facets have none.

        Returns
        -------
        list of Region
            With their ids if this region has one and the partition holds them.

        Examples
        --------
        >>> import exactspline as es
        >>> net = es.Network([es.ReLU(), es.Dense([[1, 2]])], (2,))
        >>> (region,) = es.regions_at(net, [3, 1])
        >>> [other.code.tolist() for other in region.neighbors()]
        [[0, 1], [1, 0]]
        """
        out = []
        for facet in self._facets:
            if facet.condition.side >= 0:
                continue
            code = self.code.copy()
            for unit, piece in facet.flips:
                code[unit] = piece
            if self._partition is not None:
                known = self._partition._region_of(code)
                if known is not None:
                    out.append(known)
                    continue
            beyond = [2 * b - a for a, b in zip(self._inside, facet.point, strict=True)]
            out.append(
                Region._known(
                    self.network, self.domain, code, None, forms=self._forms,
                    segment=(facet.point, beyond),
                )
            )  # fmt: skip
        return out

    # --- Points ------------------------------------------------------------------------------

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

    # --- For other libraries -----------------------------------------------------------------

    def to_sympy(self) -> SymbolicRegion:
        """The region for sympy, exactly.

        Returns
        -------
        SymbolicRegion
            ``symbols`` (x0, x1, ... where t is the input itself, else t0, t1, ...),
            ``inequalities`` (relationals ``form >= 0``, one a facet) and ``map``: the outputs
            as a column ``Matrix`` of affine expressions in the symbols.

        Examples
        --------
        >>> import exactspline as es
        >>> net = es.Network([es.ReLU(), es.Dense([[1, 2]])], (2,))
        >>> (region,) = es.regions_at(net, [3, 1])
        >>> region.to_sympy().inequalities
        [x0 >= 0, x1 >= 0]
        """
        from .convert import to_sympy

        chart = self.domain.chart
        over_chart = self._map.after(chart.point)
        letter = "x" if self._coordinates.full else "t"
        return SymbolicRegion(*to_sympy(self.inequalities(), over_chart, chart.dim, letter))

    def constraints(self, x: Any) -> list[Any]:
        """Constraints for cvxpy that keep a variable in the region's closure.

        Parameters
        ----------
        x : cvxpy.Expression
            Of the network's input shape, or flat of D entries.

        Returns
        -------
        list of cvxpy constraints
            In a domain of lower dimension with the equations of its affine hull.

        Raises
        ------
        ShapeError
            If the shape of ``x`` does not fit.

        Notes
        -----
        Every row is scaled to a largest coefficient of 1; each number is rounded once.

        Examples
        --------
        >>> import cvxpy as cp
        >>> import exactspline as es
        >>> net = es.Network([es.ReLU(), es.Dense([[1, 2]])], (2,))
        >>> (region,) = es.regions_at(net, [3, 1])
        >>> x = cp.Variable(2)
        >>> problem = cp.Problem(cp.Minimize(cp.sum(x)), region.constraints(x))
        >>> bool(abs(problem.solve()) < 1e-6)
        True
        """
        from .convert import constraints

        return constraints(
            self.inequalities(), self._coordinates, self.network, self.domain.chart.dim, x
        )
