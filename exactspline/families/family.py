"""A network with free parameters: where in (x, parameters) a code holds, and counts over a bias."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from ..clock import Clock
from ..domain import Box, Domain, Polytope, WholeSpace
from ..domain.rows import all_rows, dense_fractions
from ..driver.driver import Driver
from ..driver.partitions import enumerated
from ..driver.request import Request, checked_domain
from ..errors import DomainError, LimitError, ParameterError, ShapeError
from ..mode import guarded
from ..network.network import Network
from ..rationals import as_fractions, exact_array, to_fraction
from .building import joint_network
from .free import free_entries, with_values
from .parameters import ParameterSet
from .steps import RegionSteps

if TYPE_CHECKING:
    from ..partition.partition import Partition
    from ..partition.regions.region import Region

__all__ = ["Parametric", "parametric"]

_MOST_REGIONS = 1_000_000  # of the joint partition of a sweep


@guarded
class Parametric:
    """A network with some parameters left free; `parametric` makes it.

    Attributes
    ----------
    base : Network
        With the numbers that were stored.
    names : tuple of str
        One name a free parameter, in the order of the last inputs of ``network``.
    network : Network
        Over (t, parameters): t are the coordinates of the domain (the inputs x themselves, unless
        the domain is a slice or flat), none of them for a fixed ``x``.
    domain : Domain or None
        Of x; None for a fixed ``x``.
    joint_domain : Domain
        Of ``network``: t in the domain, parameters in their ranges.
    stored : tuple of Fraction
        What ``base`` has for the free parameters.

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Dense([[1], [1]], [0, -1]), es.ReLU()], (1,))
    >>> family = es.parametric(net, ["Dense.bias[1]"])
    >>> family
    <Parametric 1 -> 2, 2 units, free: Dense.bias[1]>
    >>> print(family.where([0, 1]))  # a point with x <= 0 and x + b >= 0
    Dense.bias[1] >= 0
    """

    def __init__(
        self, network: Network, free: Sequence[str], domain: Domain | None, x: Any, ranges: Any
    ) -> None:
        if not isinstance(network, Network):
            raise ParameterError(f"parametric: give a Network, not a {type(network).__name__}")
        self.base = network
        self._entries = free_entries(network, free)
        self.names: tuple[str, ...] = tuple(e.name for e in self._entries)
        self.stored: tuple[Fraction, ...] = tuple(
            to_fraction(getattr(network.nodes[e.node].operator, e.field)[e.index], e.name)
            for e in self._entries
        )
        self._x = None if x is None else _sample(network, x)
        if x is not None and domain is not None:
            raise ParameterError("parametric: give a domain or a fixed x, not both")
        if domain is not None and domain.chart.dim == 0:
            raise ParameterError("parametric: the domain is a single point; give it as a fixed x")
        self.domain: Domain | None = None if x is not None else checked_domain(network, domain)
        self._ranges = _checked_ranges(ranges, len(self.names))
        self.network: Network = joint_network(network, self._entries, self.domain, self._x)
        self.joint_domain: Domain = _product(self.domain, self._ranges)

    def __repr__(self) -> str:
        shown = ", ".join(self.names[:4]) + (", ..." if len(self.names) > 4 else "")
        units, out = self.network.program.n_units, self.network.output_dim
        return f"<Parametric {self.base.input_dim} -> {out}, {units} units, free: {shown}>"

    def at(self, values: Sequence[Any]) -> Network:
        """The ordinary network with these numbers in place of the free parameters.

        Parameters
        ----------
        values : sequence of numbers
            One a name; exact, as everywhere.

        Raises
        ------
        ShapeError
            If there are more or fewer than names.

        Examples
        --------
        >>> import exactspline as es
        >>> net = es.Network([es.Dense([[1]], [0]), es.ReLU()], (1,))
        >>> es.parametric(net, ["Dense.bias[0]"]).at(["1/3"]).operators[0].bias
        array([Fraction(1, 3)], dtype=object)
        """
        exact = self._values(values)
        nodes = []
        for i, node in enumerate(self.base.nodes):
            own = [
                (e.field, e.index, v)
                for e, v in zip(self._entries, exact, strict=True)
                if e.node == i
            ]
            name = node.operator.name
            operator = with_values(node.operator, name, own) if own else node.operator
            nodes.append((operator, node.inputs))
        return Network.from_nodes(nodes, self.base.input_shape)

    def _values(self, values: Sequence[Any]) -> list[Fraction]:
        given = list(values) if not isinstance(values, str) else []
        if len(given) != len(self.names):
            raise ShapeError(
                f"parametric: {len(given)} values for {len(self.names)} free parameters "
                f"({', '.join(self.names[:4])})"
            )
        return [to_fraction(v, name) for v, name in zip(given, self.names, strict=True)]

    def region(self, code: Sequence[int]) -> Region | None:
        """The exact polyhedron in (t, parameters) on which a code holds.

        Parameters
        ----------
        code : sequence of int
            A piece a unit, in the order of the units of ``network``.

        Returns
        -------
        Region or None
            Of ``network`` on ``joint_domain``; None if no open set of (t, parameters) has this
            code. Its last coordinates are the parameters.

        Raises
        ------
        ShapeError, ParameterError
            If the code does not fit.

        Examples
        --------
        >>> import exactspline as es
        >>> net = es.Network([es.Dense([[1], [1]], [0, -1]), es.ReLU()], (1,))
        >>> region = es.parametric(net, ["Dense.bias[1]"]).region([0, 1])
        >>> [str(v).split("  ")[0] for v in region.inequalities()]
        ['x[0] <= 0', 'x[0] + x[1] >= 0']
        """
        from ..cells.point import code_at
        from ..partition.regions.region import Region
        from ..polyhedra.decide import interior
        from ..rationals import fractions

        program, chart = self.network.program, self.joint_domain.chart
        known = Region._known(self.network, self.joint_domain, self._checked(code), None)
        rows = [c.row for c in known._conditions]
        inside = interior(rows, chart.dim)
        if inside is None:
            return None
        witness = fractions(inside)
        # conditions whose form is constant are no rows: the point tells whether they hold
        there, _ = code_at(program, chart.lift(witness))
        if np.any(there != known.code):
            return None
        return Region(self.network, self.joint_domain, known.code, witness)

    def _checked(self, code: Sequence[int]) -> np.ndarray:
        given, pieces = np.asarray(code), self.network.program.pieces
        if given.shape != pieces.shape or (given.size and given.dtype.kind not in "iub"):
            raise ShapeError(
                f"region: a code of shape {given.shape} and type {given.dtype}; give "
                f"{len(pieces)} whole numbers, one a unit"
            )
        if np.any(given.astype(np.int64) < 0) or np.any(given.astype(np.int64) >= pieces):
            raise ParameterError("region: the code names a piece that its unit does not have")
        return given.astype(np.int64)

    def where(self, code: Sequence[int]) -> ParameterSet:
        """The parameters for which the region of a code exists: its projection, exactly.

        Parameters
        ----------
        code : sequence of int

        Returns
        -------
        ParameterSet
            The region exists for the parameters strictly inside (and, by the rule for ties, may on
            the border: there some condition vanishes on all of it); empty if no open set of
            parameters has it.

        Notes
        -----
        Guarantee: for parameters strictly inside, {t : the code's conditions hold strictly} is
        open and not empty, outside of the closure it is empty. Proof: it is the polyhedron of
        `region` at these parameters, and the interior of a projection is the projection of the
        interior.

        Examples
        --------
        >>> import exactspline as es
        >>> net = es.Network([es.Dense([[1], [1]], [0, -1]), es.ReLU()], (1,))
        >>> family = es.parametric(net, ["Dense.bias"])
        >>> print(family.where([1, 0]))  # x + b0 >= 0 >= x + b1
        Dense.bias[0] - Dense.bias[1] >= 0
        >>> family.where([1, 0]).contains([1, 0]), family.where([1, 0]).contains([0, 0])
        (True, False)
        """
        from .shadow import shadow

        region = self.region(code)
        if region is None:
            return ParameterSet(self.names, None)
        rows = [c.row for c in region._conditions]
        return ParameterSet(self.names, shadow(rows, self.joint_domain.chart.dim, len(self.names)))

    def partition(self, *, progress: Any = None) -> Partition:
        """All regions of (t, parameters): every code that some open set of parameters has.

        Parameters
        ----------
        progress : callable or bool, optional
            As for `enumerate_regions`.

        Raises
        ------
        LimitError
            For more than a million regions.

        Examples
        --------
        >>> import exactspline as es
        >>> net = es.Network([es.Dense([[1], [1]], [0, -1]), es.ReLU()], (1,))
        >>> len(es.parametric(net, ["Dense.bias"]).partition())
        4
        """
        request = Request(self.network, self.joint_domain, _MOST_REGIONS + 1)
        found = enumerated(request, Clock(), progress)
        if not found.complete and len(found) <= _MOST_REGIONS:  # Ctrl-C
            raise KeyboardInterrupt
        if len(found) > _MOST_REGIONS:
            raise LimitError(
                f"parametric: more than {_MOST_REGIONS:,} regions in (x, parameters); take a "
                "smaller domain, or smaller ranges"
            )
        return found

    def count(self, values: Sequence[Any]) -> int:
        """The number of regions for given parameters, counted by an ordinary search.

        Raises
        ------
        ParameterError
            For a fixed ``x``: there are no regions of inputs.

        Examples
        --------
        >>> import exactspline as es
        >>> net = es.Network([es.Dense([[1], [1]], [0, -1]), es.ReLU()], (1,))
        >>> family = es.parametric(net, ["Dense.bias[1]"])
        >>> family.count([-1]), family.count([0])
        (3, 2)
        """
        if self.domain is None:
            raise ParameterError("count: x is fixed, so there are no regions of x to count")
        request = Request(self.at(values), self.domain, keep=False)
        outcome = Driver(request, Clock()).go()
        if outcome.interrupt is not None:  # a part of a count says nothing
            raise outcome.interrupt
        return int(outcome.regions)

    def sweep(self, *, progress: Callable[[int, int], None] | None = None) -> RegionSteps:
        """The number of regions as a function of the one free parameter: an exact step function.

        Parameters
        ----------
        progress : callable, optional
            Is given how many of the regions and of the breakpoints are done, and of how many.

        Returns
        -------
        RegionSteps
            Breakpoints, the count on every open interval between them, and at each of them.

        Raises
        ------
        ParameterError
            If several parameters are free, or x is fixed.

        Notes
        -----
        A region of (t, b) has a projection (low, high) on b, from two exact linear programs. Off
        the ends of all these intervals the number of regions at b is the number of intervals that
        hold b. At an end some condition may vanish on a whole region, so the counts there are
        counted anew, by the network with that number: never more than on either side (two points
        of different regions at an end are told apart by a unit that is not 0 at either; nearby it
        still tells them apart). One joint search, two linear programs a region of it, and one
        search a breakpoint.

        Examples
        --------
        >>> import exactspline as es
        >>> net = es.Network([es.Dense([[1], [1]], [0, -1]), es.ReLU()], (1,))
        >>> print(es.parametric(net, ["Dense.bias[1]"]).sweep())
        regions of x by Dense.bias[1]
          (-inf, 0)  3
                0    2
          (0, inf)   3
        """
        from .shadow import interval

        if self.domain is None:
            raise ParameterError("sweep: x is fixed, so there are no regions of x to count")
        if len(self.names) != 1:
            raise ParameterError(
                f"sweep: {len(self.names)} parameters are free; a sweep is over one"
            )
        low, high = self._ranges[0]
        if low is not None and low == high:
            raise ParameterError("sweep: the range is a single point; count([value]) counts there")
        found = self.partition()
        intervals = []
        watch = progress or (lambda done, total: None)
        for done, region in enumerate(found):
            watch(done, len(found))
            rows = [c.row for c in region._conditions]
            intervals.append(interval(rows, region._inside))
        return _steps(self.names[0], low, high, intervals, self.count, watch)


def _sample(network: Network, x: Any) -> np.ndarray:
    given = as_fractions(exact_array(x, "parametric: x"))
    if given.size != network.input_dim:
        raise ShapeError(
            f"parametric: x has {given.size} entries; the network has {network.input_dim} inputs "
            f"(shape {network.input_shape})"
        )
    return given.reshape(network.input_shape)


Range = tuple[Fraction | None, Fraction | None]


def _checked_ranges(ranges: Any, count: int) -> list[Range]:
    if ranges is None:
        return [(None, None)] * count
    if isinstance(ranges, Box):
        box = ranges
    else:
        try:
            low, high = ranges
        except (TypeError, ValueError):
            raise ParameterError(
                f"parametric: ranges={ranges!r}; give (low, high), or a Box of the parameters"
            ) from None
        scalars = np.ndim(low) == np.ndim(high) == 0
        try:
            box = Box(low, high, dim=count) if scalars else Box(low, high)
        except DomainError as error:
            raise ParameterError(f"parametric: ranges, as a {error}") from None
    if box.dim != count:
        raise ShapeError(f"parametric: ranges of {box.dim} parameters; {count} are free")
    return list(zip(box.low, box.high, strict=True))


def _product(domain: Domain | None, ranges: Sequence[Range]) -> Domain:
    """The domain's coordinates and the parameters together."""
    low: list[Any] = [a for a, _ in ranges]
    high: list[Any] = [b for _, b in ranges]
    if domain is not None:
        chart = domain.chart
        low, high = [*chart.low, *low], [*chart.high, *high]
        if len(chart.rows):
            G, h = dense_fractions(all_rows(chart.low, chart.high, chart.rows, chart.dim))
            rows = [[-v for v in row] + [Fraction(0)] * len(ranges) for row in G.tolist()]
            limits = list(h.tolist())
            for k, ends in enumerate(ranges):
                for sign, end in zip((-1, 1), ends, strict=True):
                    if end is not None:
                        unit = [Fraction(0)] * (chart.dim + len(ranges))
                        unit[chart.dim + k] = Fraction(sign)
                        rows.append(unit)
                        limits.append(sign * end)
            return Polytope(np.array(rows, dtype=object), np.array(limits, dtype=object))
    if not any(v is not None for v in (*low, *high)):
        return WholeSpace(len(low))
    infinity = float("inf")
    return Box([-infinity if v is None else v for v in low],
               [infinity if v is None else v for v in high])  # fmt: skip


def _steps(
    name: str, low: Fraction | None, high: Fraction | None,
    intervals: Sequence[tuple[Fraction | None, Fraction | None]],
    count: Callable[[list[Fraction]], int], watch: Callable[[int, int], None],
) -> RegionSteps:  # fmt: skip
    """Counts between and at the ends of the projections of all regions."""
    inner = {v for ends in intervals for v in ends if v is not None and v not in (low, high)}
    breaks = sorted(inner)
    place = {v: i for i, v in enumerate(breaks)}
    change = [0] * (len(breaks) + 2)
    for a, b in intervals:
        change[0 if a is None or a == low else place[a] + 1] += 1
        change[len(breaks) + 1 if b is None or b == high else place[b] + 1] -= 1
    between = np.cumsum(change)[:-1].tolist()
    at = []
    for done, value in enumerate(breaks):
        watch(done, len(breaks))
        at.append(count([value]))
    return RegionSteps(name, low, high, breaks, between, at)


@guarded
def parametric(
    network: Network, free: Sequence[str], domain: Domain | None = None, *, x: Any = None,
    ranges: Any = None,
) -> Parametric:  # fmt: skip
    """A network some of whose biases, or weights of one layer, are free parameters.

    Parameters
    ----------
    network : Network
    free : sequence of str
        Names of entries or of whole arrays: ``"Dense.0.bias[3]"``, ``"Dense.0.bias"``. The
        operator is named as in ``network.labels``. Biases of Dense, Conv and ConvTranspose, the
        shift of Elementwise, beta of BatchNorm; with ``x`` weights of Dense, Conv and
        ConvTranspose, too.
    domain : Domain, optional
        Of the inputs; all of R^D by default.
    x : array_like, optional
        A fixed sample in place of a domain. Weights can be free only then, and those of one layer
        only (behind other free parameters they would be multiplied by these).
    ranges : (low, high) or Box, optional
        Of the free parameters; all numbers by default. Scalars are for all of them.

    Returns
    -------
    Parametric
        ``region(code)`` is an exact polyhedron in (x, parameters), ``where(code)`` its projection
        on the parameters, ``sweep()`` the number of regions over one bias.

    Raises
    ------
    ParameterError
        For names that are none, and weights that cannot be free.
    ShapeError
        If x, the domain or the ranges do not fit.

    Notes
    -----
    A free bias is an input like others, so (x, biases) to the outputs is a network again, made of
    operators that there are, and all that holds of networks holds of it. The output operator
    (softmax) is left out.

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Dense([[1, 1], [1, -1]], [0, 0]), es.ReLU()], (2,))
    >>> weights = es.parametric(net, ["Dense.weight[0, 1]"], x=[1, 2])
    >>> print(weights.where([1, 0]))  # 1 + 2 w >= 0 at x = (1, 2)
    2 Dense.weight[0, 1] + 1 >= 0
    """
    return Parametric(network, free, domain, x, ranges)
