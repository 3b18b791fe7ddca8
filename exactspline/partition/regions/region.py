"""One region of a network: its inequalities, affine map, neighbours and geometry, all exact."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from ...clock import Clock
from ...errors import LimitError
from ...later import in_later_room
from ...mode import guarded
from ...rationals import fractions
from .facet import RegionFacet
from .inequalities import Inequality, describe_sides
from .of_code import RegionOfCode, work_of

if TYPE_CHECKING:
    from ...cells.facets import Condition, Facet
    from ...polyhedra.lp import Row
    from .polygon import Polygon
    from .settle import Settling
    from .settled import SettledFacets

__all__ = ["Region", "RegionFacet", "SymbolicRegion"]

_MOST_WORK = 300_000_000  # of linear programs, in some ten nanoseconds each

Watch = Callable[[int, int], None]


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
class Region(RegionOfCode):
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

    _watch: Watch = staticmethod(lambda done, total: None)

    @cached_property
    def _facets(self) -> list[Facet]:
        from .irredundant import irredundant_facets

        if self._partition is not None and self.index is not None:
            known = self._partition._facets_of(self.index)
            if known is not None:
                return known
        k = self.domain.chart.dim
        m = len(self._wide_rows if self._is_wide else self._conditions)
        if work_of(k, m) > _MOST_WORK:
            raise LimitError(
                f"facets: {m:,} conditions in {k} dimensions are too many for exact linear "
                "programs; settle_facets(time_limit=...) proves what it can, "
                "inequalities(irredundant=False) has them all, or take a slice of fewer dimensions"
            )
        return irredundant_facets(
            self._forms, self.code, self._inside, self._conditions, self._watch
        )

    def _polygon(self, exact: bool) -> Polygon:
        if self._partition is not None and self.index is not None:
            known = self._partition._polygon_of(self.index, exact)
            if known is not None:
                return known
        return super()._polygon(exact)

    @property
    def _rows(self) -> list[Row]:
        """Rows that describe the closure, one a facet."""
        return [facet.condition.row for facet in self._facets]

    @property
    def _any_rows(self) -> list[Row]:
        """Rows that describe the closure: one a facet if these are known, else all."""
        return self._rows if "_facets" in self.__dict__ else [c.row for c in self._conditions]

    @cached_property
    def _settling(self) -> Settling:
        from .settle import Settling

        return Settling(self._wide_rows, self._inside)

    @property
    def _begun(self) -> bool:
        """Whether `settle_facets` gives something at once."""
        return "_facets" in self.__dict__ or "_settling" in self.__dict__

    def _bounded_at_once(self) -> bool | None:
        """Whether the region is bounded, if that is known without more linear programs."""
        if not self._is_wide:
            return self.is_bounded
        chart = self.domain.chart
        if all(v is not None for v in (*chart.low, *chart.high)):
            return True
        few = len(self._wide_rows) <= chart.dim  # their normals do not span, or form a simple cone
        return False if few or self._settling.endless else None

    def settle_facets(
        self, time_limit: float | None = None, *, progress: Watch | None = None
    ) -> SettledFacets:
        """Which inequalities make facets, as far as it can be proved in some time.

        Parameters
        ----------
        time_limit : float, optional
            Seconds, to be exceeded by a step under way; None: until every inequality is settled,
            or everything has been tried. A later call goes on.
        progress : callable, optional
            Called with how many inequalities are settled, and how many there are.

        Returns
        -------
        SettledFacets

        Raises
        ------
        LimitError
            If the inequalities would hold more than 2^25 numbers.

        Notes
        -----
        Guarantee: what is settled is proved. In low dimension it is `facets`, and complete. In high
        dimension rays in float64 with error bounds find most facets and linear programs the rest,
        each answer proved by such a ray or in rationals.

        Examples
        --------
        >>> import exactspline as es
        >>> net = es.Network([es.ReLU(), es.Dense([[1, 2]])], (2,))
        >>> (region,) = es.regions_at(net, [3, 1])
        >>> [str(facet.inequality) for facet in region.settle_facets(time_limit=1).facets]
        ['x[0] >= 0   (ReLU[0], piece 1)', 'x[1] >= 0   (ReLU[1], piece 1)']
        """
        from .settled import SettledFacets, WideFacets, counts

        if "_facets" in self.__dict__ or not self._is_wide:
            found = self.facets(progress=progress)
            return SettledFacets(found, len(self._conditions) - len(found), 0)
        late = Clock.limit(time_limit).late
        self._settling.run(late, self._watch if progress is None else progress)
        return SettledFacets(WideFacets(self._settling, self._inequality), *counts(self._settling))

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

    def to_latex(self) -> str:
        r"""The region's map and its inequalities in LaTeX, if they fit on a page.

        Returns
        -------
        str
            For a mathematics environment.

        Raises
        ------
        LimitError
            For more than 4,000 characters; the message has the size.

        Examples
        --------
        >>> import exactspline as es
        >>> (region,) = es.regions_at(es.Network([es.ReLU(), es.Dense([["1/2", 2]])], (2,)), [3, 1])
        >>> print(region.to_latex())
        \begin{aligned}
        f(x) &= \frac{x_{0}}{2} + 2 x_{1} \\
        \text{where } & x_{0} \geq 0, \; x_{1} \geq 0
        \end{aligned}
        """
        text: str = in_later_room("Region.to_latex", self)
        return text

    def to_cvxpy(self, x: Any) -> list[Any]:
        """The region for cvxpy: the constraints that `constraints` gives.

        Parameters
        ----------
        x : cvxpy.Expression
            Of the network's input shape, or flat of D entries.

        Returns
        -------
        list of cvxpy constraints

        Raises
        ------
        ShapeError
            If the shape of ``x`` does not fit.

        See Also
        --------
        Network.to_cvxpy : the whole network.

        Examples
        --------
        >>> import cvxpy as cp
        >>> import exactspline as es
        >>> (region,) = es.regions_at(es.Network([es.ReLU()], (2,)), [3, 1])
        >>> len(region.to_cvxpy(cp.Variable(2)))
        1
        """
        return self.constraints(x)

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
