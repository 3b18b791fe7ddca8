"""How far an input can be moved before something happens: exactly, or between certified bounds."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import reduce
from operator import and_
from typing import Any, TypeAlias

import numpy as np

from ..domain import Domain
from ..driver.request import checked_domain, clock_of
from ..errors import DomainError, ParameterError, UndecidedError
from ..mode import guarded
from ..network.network import Network
from ..partition.regions.coordinates import Coordinates, exact_point
from ..statements.exact import holds_at
from ..statements.guess import is_in
from ..statements.optimum import nearest, root_above
from ..statements.prove import check_options, proof_of
from ..statements.quantified import Statement, exists
from ..statements.terms import Term, argmax
from ..statements.values import l1_norm, max_norm
from .extremes import largest_of
from .sweep import checked_limit
from .wanted import Where, function_of

__all__ = ["Radius", "robust_radius"]

_NORMS = ("max", "l1", "l2")
_ROUNDS = 12  # searches of boxes around the point, before the exact radius is asked for
_NEAR = Fraction(5, 4)  # how near the bounds are then

Point: TypeAlias = tuple[Fraction, ...]
Bound: TypeAlias = Fraction | float


@guarded
@dataclass(frozen=True)
class Radius:
    """The distance from a point to the nearest input where a condition holds.

    Attributes
    ----------
    low, high : Fraction or float
        Certified: it is between them, and known exactly if they are equal. In the norm "l2" they
        are squares of distances. ``math.inf``: the condition holds nowhere.
    at : tuple of Fraction, or None
        An input at the distance ``high`` where the condition holds, or is approached.
    output : tuple of Fraction, or None
        What the network gives there, before a softmax or sigmoid at the end.
    attained : bool or None
        Whether the condition holds at ``at``, and is not only approached there.
    norm : str
    stopped : str
        Which limit was reached; empty if none.
    regions : int
    seconds : float

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Dense([[1, 0], [0, 1]]), es.ReLU()], (2,))
    >>> found = es.robust_radius(net, [1, 0], norm="l1")
    >>> str(found.radius), found.attained, found.complete
    ('1', False, True)
    """

    low: Bound
    high: Bound
    at: Point | None
    output: Point | None
    attained: bool | None
    norm: str
    stopped: str = ""
    regions: int = 0
    seconds: float = 0.0

    @property
    def complete(self) -> bool:
        """Whether the radius is known exactly.

        Examples
        --------
        >>> Radius(Fraction(1), Fraction(2), None, None, True, "max").complete
        False
        """
        return self.low == self.high

    @property
    def radius(self) -> Bound:
        """The radius, exactly; of "l2" its square.

        Raises
        ------
        UndecidedError
            If a limit came first: ``low`` and ``high`` are its bounds.

        Examples
        --------
        >>> str(Radius(Fraction(1, 2), Fraction(1, 2), None, None, True, "max").radius)
        '1/2'
        """
        if not self.complete:
            raise UndecidedError(
                f"robust_radius: the radius is between {float(self.low):.6g} and "
                f"{float(self.high):.6g} ({self.stopped}), see low and high; give more time"
            )
        return self.low


@guarded
def robust_radius(
    network: Network, x: Any, domain: Domain | None = None, *, norm: str = "max",
    condition: Where | None = None, limit: int | None = None, time_limit: float | None = None,
    progress: Any = None,
) -> Radius:  # fmt: skip
    """How far an input can be moved until another class is chosen, or a condition holds.

    Parameters
    ----------
    network : Network
    x : array_like
        The input: floats as they are, Fractions, texts such as "0.1".
    domain : Domain, optional
        Where it may be moved to; anywhere by default.
    norm : str
        "max", "l1" or "l2".
    condition : callable, str or path-like, optional
        What must not happen, as in `count_regions`; by default that the largest output (the first
        one of several) is another one than at x.
    limit : int, optional
        Regions of each search after which to stop.
    time_limit : float, optional
        Seconds after which to stop.
    progress : callable or bool, optional

    Returns
    -------
    Radius

    Raises
    ------
    ParameterError
        For other norms; without a condition, for networks of one output.
    ShapeError, DomainError, FormatError

    Notes
    -----
    Guarantee: exact. Where a limit comes first there are certified bounds on both sides: a box
    around x that was searched and holds nothing, and an input that was found, evaluated exactly.
    Cost: some searches of boxes as in `prove`; then a linear program (of "l2" a nearest point) in
    rationals for each region where the condition holds nearer than what was found.

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Dense([[1, 2], [2, -1]]), es.ReLU()], (2,))
    >>> found = es.robust_radius(net, [1, "0.1"], es.Box(-2, 2, dim=2))
    >>> str(found.radius), [str(v) for v in found.at]
    ('7/40', ['33/40', '11/40'])
    >>> far = es.robust_radius(net, [1, 0], condition=lambda x: net(x)[0] > 5)
    >>> str(far.radius), far.attained
    ('4/3', False)
    """
    if norm not in _NORMS:
        raise ParameterError(f"robust_radius: norm {norm!r}; give one of {', '.join(_NORMS)}")
    start = time.perf_counter()
    domain = checked_domain(network, domain)
    at = tuple(exact_point(x, network, "robust_radius: x"))
    t = Coordinates(domain.chart).of(at)
    if t is None or not is_in(domain.chart, t):
        raise DomainError(
            f"robust_radius: x is not in the domain ({domain.describe()}); give one that holds it"
        )
    limit = checked_limit(limit)
    check_options(limit, "auto", None)
    happens = _other_class(network, at) if condition is None else function_of(
        network, condition, "condition"
    )  # fmt: skip
    found = _Around(domain, at, norm, happens, limit, progress).search(time_limit)
    output = None if found.point is None else _values(network, found.point)
    return Radius(
        found.low, found.high, found.point, output, found.attained, norm, found.stopped,
        found.regions, time.perf_counter() - start,
    )  # fmt: skip


def _values(network: Network, x: Point) -> Point:
    point = np.empty(len(x), dtype=object)
    point[:] = x
    out = network.forward(point.reshape(network.input_shape), exact=True)
    return tuple(Fraction(v) for v in np.asarray(out, dtype=object).reshape(-1).tolist())


def _other_class(network: Network, at: Point) -> Callable[[Any], Any]:
    values = _values(network, at)
    if len(values) < 2:
        raise ParameterError(
            "robust_radius: a network of one output chooses no class; say what must not happen, "
            "condition=lambda x: net(x)[0] <= 0"
        )
    own = values.index(max(values))
    return lambda x: argmax(network(x).reshape(len(values))) != own


class _Around:
    """Searches around a point, each with what the ones before have shown."""

    def __init__(
        self, domain: Domain, at: Point, norm: str, happens: Callable[[Any], Any],
        limit: int | None, progress: Any,
    ) -> None:  # fmt: skip
        self.domain, self.at, self.norm, self.happens = domain, at, norm, happens
        self._limit, self._progress = limit, progress
        self.free = Fraction(0)  # half the side of a box around the point that holds nothing
        self.low: Bound = Fraction(0)
        self.high: Bound = math.inf
        self.point: Point | None = None
        self.attained: bool | None = None
        self.stopped, self.regions = "", 0

    def search(self, time_limit: float | None) -> _Around:
        """Boxes around the point first, then the exact distance."""
        clock = clock_of(time_limit)

        def left() -> float | None:
            return None if clock.deadline is None else max(0.0, clock.deadline - clock.now())

        whole = exists(self.domain, self.happens)
        if whole.inside_only:
            raise ParameterError(
                "robust_radius: slopes and codes hold on insides of regions alone, from which "
                "there is no nearest point; compare values"
            )
        (point,) = whole.points
        if holds_at(whole.condition, {point: self.at}):
            self.high, self.point, self.attained = Fraction(0), self.at, True
            return self
        if not self._find(whole, None, left()):
            return self
        reach = self._reach()  # a box around the point within which something is
        for _ in range(_ROUNDS):
            if self.free and reach <= _NEAR * self.free:
                break
            size = (reach + self.free) / 2 if self.free else reach / 8
            if not self._find(self._near(size), size, left()) and self.stopped:
                return self
            reach = self._reach()
        if self.norm == "l2":  # what is near in a norm with linear programs is near in this one
            for norm in (max_norm, l1_norm):
                self._linear(norm, self._near(reach), left())
                if self.stopped:
                    return self
                reach = self._reach()
            self._nearest(self._near(reach), left())
        else:
            norm = max_norm if self.norm == "max" else l1_norm
            self._linear(norm, self._near(reach), left())
        return self

    def _reach(self) -> Fraction:
        """Half the side of a box around the point that holds all that is not farther."""
        assert not isinstance(self.high, float)
        if self.norm == "l2":
            return root_above(self.high)
        return self.high

    def _near(self, size: Fraction) -> Statement:
        """That something happens in a box around the point."""

        def condition(x: Any) -> Any:
            flat = x.reshape(len(self.at))
            sides = [(v <= c + size) & (v >= c - size) for v, c in zip(flat, self.at, strict=True)]
            return reduce(and_, sides, self.happens(x))

        return exists(self.domain, condition)

    def _find(self, statement: Statement, size: Fraction | None, time_limit: float | None) -> bool:
        """Whether something is found; where nothing is, the bound from below is larger."""
        found = proof_of(
            statement, limit=self._limit, time_limit=time_limit, progress=self._progress
        )
        self.regions += found.regions
        self.stopped = found.stopped
        if found.holds:
            point: Point = found.witness  # type: ignore[assignment]
            if self._distance(point) < self.high:
                self.high, self.point, self.attained = self._distance(point), point, True
            return True
        if found.holds is False:
            if size is None:
                self.low = math.inf
            else:
                self.free = size
                self.low = max(self.low, size * size if self.norm == "l2" else size)
        return False

    def _distance(self, point: Point) -> Fraction:
        gaps = [abs(a - b) for a, b in zip(point, self.at, strict=True)]
        if self.norm == "max":
            return max(gaps)
        return sum(gaps, Fraction(0)) if self.norm == "l1" else sum(
            (g * g for g in gaps), Fraction(0)
        )  # fmt: skip

    def _linear(
        self, norm: Callable[..., Term], statement: Statement, time_limit: float | None
    ) -> None:
        """The exact distance in a norm of linear programs, or what it says of that in "l2"."""

        def value(x: Any) -> Term:
            flat = x.reshape(len(self.at))
            return -norm(flat - np.array(self.at, dtype=object))

        found = largest_of(
            statement, value, limit=self._limit, time_limit=time_limit, progress=self._progress
        )
        self.regions += found.regions
        self.stopped = found.stopped
        if found.at is not None and self._distance(found.at) <= self.high:
            self.high, self.point = self._distance(found.at), found.at
            self.attained = found.attained
        if self.norm != "l2":
            self.low = max(self.low, -found.high)
        elif norm is max_norm and found.high <= 0:
            self.low = max(self.low, Fraction(found.high) ** 2)

    def _nearest(self, statement: Statement, time_limit: float | None) -> None:
        found = nearest(
            statement, self.at, limit=self._limit, time_limit=time_limit, progress=self._progress
        )
        self.regions += found.regions
        self.stopped = found.stopped
        if found.optimum is not None and found.optimum <= self.high:
            self.high, self.attained = found.optimum, found.attained
            self.point = found.witness  # type: ignore[assignment]
        if not found.stopped:
            self.low = self.high
