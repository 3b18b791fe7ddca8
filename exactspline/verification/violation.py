"""By how much a condition can be satisfied: the largest margin on a domain."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from ..domain import Domain
from ..driver.request import checked_domain, clock_of
from ..errors import ParameterError, UndecidedError
from ..mode import guarded
from ..network.network import Network
from ..statements.conditions import FALSE, TRUE, And, Condition, Constant, Literal, conjunction
from ..statements.conditions import as_condition as as_one
from ..statements.quantified import Statement, exists
from ..statements.terms import Term, maximum, minimum
from .extremes import Largest, largest_of
from .sweep import checked_limit
from .wanted import Where, alternatives, function_of

__all__ = ["Violation", "max_violation"]


@guarded
@dataclass(frozen=True)
class Violation:
    """The largest margin by which a condition is satisfied.

    Attributes
    ----------
    low, high : Fraction or float
        Certified: the largest margin is between them, and is known exactly if they are equal.
        Positive: the condition is satisfied with so much room. Negative: it fails everywhere by so
        much. Infinite: there is no bound, or no input at all (``-math.inf``).
    at : tuple of Fraction, or None
        The input where ``low`` is the margin, or is approached.
    output : tuple of Fraction, or None
        What the network gives there, before a softmax or sigmoid at the end.
    attained : bool or None
        Whether ``low`` is the margin at an input, and not only approached; None if the time for
        that was over.
    stopped : str
        Which limit was reached; empty if none.
    regions : int
    seconds : float

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Dense([[1, 1]]), es.ReLU()], (2,))
    >>> worst = es.max_violation(net, es.Box(0, 1, dim=2), lambda x: net(x)[0] > "3/2")
    >>> str(worst.margin), [str(v) for v in worst.at], worst.complete
    ('1/2', ['1', '1'], True)
    """

    low: Fraction | float
    high: Fraction | float
    at: tuple[Fraction, ...] | None
    output: tuple[Fraction, ...] | None
    attained: bool | None
    stopped: str = ""
    regions: int = 0
    seconds: float = 0.0

    @property
    def complete(self) -> bool:
        """Whether the largest margin is known exactly.

        Examples
        --------
        >>> Violation(Fraction(1), Fraction(2), None, None, True).complete
        False
        """
        return self.low == self.high

    @property
    def margin(self) -> Fraction | float:
        """The largest margin, exactly.

        Raises
        ------
        UndecidedError
            If a limit came first: ``low`` and ``high`` are its bounds.

        Examples
        --------
        >>> str(Violation(Fraction(1, 2), Fraction(1, 2), None, None, True).margin)
        '1/2'
        """
        if not self.complete:
            raise UndecidedError(
                f"max_violation: the largest margin is between {float(self.low):.6g} and "
                f"{float(self.high):.6g} ({self.stopped}), see low and high; give more time"
            )
        return self.low


@guarded
def max_violation(
    network: Network, domain: Domain, condition: Where, *, where: Where | None = None,
    limit: int | None = None, time_limit: float | None = None, progress: Any = None,
) -> Violation:  # fmt: skip
    """The largest margin by which an input of a domain satisfies a condition.

    Parameters
    ----------
    network : Network
    domain : Domain
    condition : callable, str or path-like
        What a violation satisfies, as in `count_regions`; of a property that is to hold everywhere,
        its negation. The margin of a <= b and of a < b is b - a, that of a == b is -abs(a - b),
        that of a != b is abs(a - b); *and* is the smallest, *or* the largest. In a .vnnlib file,
        what is asked of inputs alone is no part of the margin but says where.
    where : callable, str or path-like, optional
        The inputs of the domain to look at: where this holds.
    limit : int, optional
        Regions after which to stop, of every alternative of a file.
    time_limit : float, optional
        Seconds after which to stop.
    progress : callable or bool, optional

    Returns
    -------
    Violation

    Raises
    ------
    ParameterError
        For slopes and codes, which have no margin; and for what is no condition.
    ShapeError, DomainError, FormatError

    Notes
    -----
    Guarantee: exact. Where a limit comes first there are certified bounds on both sides. Cost: a
    linear program in rationals a region of the network, cut where comparisons exchange which of
    them is the smallest or the largest.

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Dense([[1, -1], [1, 1]]), es.ReLU()], (2,))
    >>> box = es.Box(0, 1, dim=2)
    >>> def worse(x):
    ...     return (net(x)[0] >= "1/2") & (net(x)[1] <= 1)
    >>> str(es.max_violation(net, box, worse).margin)
    '1/4'
    """
    start, clock = time.perf_counter(), clock_of(time_limit)
    checked_domain(network, domain)
    _ = domain.chart
    limit = checked_limit(limit)
    best: Largest | None = None
    parts = alternatives(network, condition, "condition")
    for done, (first, rest) in enumerate(parts):
        left = None
        if clock.deadline is not None:
            left = max(0.0, clock.deadline - clock.now()) / (len(parts) - done)
        own = _one(network, domain, (first, where), rest, limit, left, progress)
        best = own if best is None else _better(best, own)
    if best is None:  # a formula without alternatives
        best = Largest(-math.inf, -math.inf, None, False)
    return Violation(
        best.low, best.high, best.at, _output(network, best.at), best.attained, best.stopped,
        best.regions, time.perf_counter() - start,
    )  # fmt: skip


def _one(
    network: Network, domain: Domain, wheres: tuple[Where | None, ...], rest: Any,
    limit: int | None, time_limit: float | None, progress: Any,
) -> Largest:  # fmt: skip
    given = [function_of(network, own) for own in wheres if own is not None]

    def inside(x: Any) -> Condition:
        return conjunction([as_one(own(x)) for own in given])

    statement = exists(domain, inside)
    whole = exists(domain, rest)  # says what is wrong with it
    _check(whole)
    _check(statement)
    if isinstance(whole.condition, Constant):
        return _constant(statement, whole.condition, time_limit)

    def margin(x: Any) -> Term:
        return _margin(as_one(rest(x)))

    return largest_of(statement, margin, limit=limit, time_limit=time_limit, progress=progress)


def _check(statement: Statement) -> None:
    if statement.inside_only:
        raise ParameterError(
            "max_violation: slopes and codes have no margin: compare values of points alone"
        )


def _constant(statement: Statement, value: Condition, time_limit: float | None) -> Largest:
    """Of what holds of all points, or of none."""
    if value == FALSE:
        return Largest(-math.inf, -math.inf, None, False)
    if statement.condition == TRUE:
        (point,) = statement.points
        return Largest(math.inf, math.inf, tuple(point.domain.chart.lift(
            point.domain.chart.interior)), True)  # fmt: skip
    from ..statements.prove import find

    found = find(statement, time_limit=time_limit)
    if found.holds is None:
        return Largest(-math.inf, math.inf, None, False, found.stopped)
    end = math.inf if found.holds else -math.inf
    return Largest(end, end, found.witness, bool(found.holds))  # type: ignore[arg-type]


def _margin(condition: Condition) -> Term:
    """How far a condition holds, as an expression."""
    if isinstance(condition, Literal):
        value = Term([condition.form], ())
        if condition.relation in ("<=", "<"):
            return -value
        return -abs(value) if condition.relation == "==" else abs(value)
    parts = [_margin(part) for part in condition.parts]
    return minimum(*parts) if isinstance(condition, And) else maximum(*parts)


def _better(a: Largest, b: Largest) -> Largest:
    """The largest value of two sets together."""
    best = b if (b.low, bool(b.attained)) > (a.low, bool(a.attained)) else a
    return Largest(
        best.low, max(a.high, b.high), best.at, best.attained, a.stopped or b.stopped,
        a.regions + b.regions,
    )  # fmt: skip


def _output(network: Network, at: tuple[Fraction, ...] | None) -> tuple[Fraction, ...] | None:
    if at is None:
        return None
    x = np.empty(len(at), dtype=object)
    x[:] = at
    values = network.forward(x.reshape(network.input_shape), exact=True)
    return tuple(np.asarray(values, dtype=object).reshape(-1).tolist())
