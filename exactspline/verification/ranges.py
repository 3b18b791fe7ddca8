"""The exact range of every output on a domain, or of expressions of outputs."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from ..domain import Domain
from ..driver.request import checked_domain, clock_of
from ..errors import DomainError, ParameterError
from ..mode import guarded
from ..network.network import Network
from ..statements.quantified import exists
from ..statements.terms import Term, as_term
from ..statements.values import logits
from .extremes import Largest, largest_of
from .sweep import checked_limit
from .wanted import Where, function_of, statement_of

__all__ = ["OutputRange", "output_range"]


@guarded
@dataclass
class OutputRange:
    """The smallest and the largest value of an output, or of an expression.

    Attributes
    ----------
    low, high : Fraction or float
        Exact; infinite where there is no bound. Where a limit came first: the smallest and the
        largest value that was found (``math.inf`` and ``-math.inf`` if there was none).
    low_at, high_at : tuple of Fraction, or None
        Where they are attained or, under a condition with strict comparisons, approached; None
        where there is no bound.
    complete : bool
        Whether no limit was reached.
    low_bound, high_bound : Fraction or float
        Certified: no value is smaller, or larger. The same as ``low`` and ``high`` if complete.
    attained : tuple of bool or None
        Whether ``low`` and ``high`` are values at points, and not only approached; None if the time
        for that was over.

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Dense([[1, -1]]), es.ReLU()], (2,))
    >>> (found,) = es.output_range(net, es.Box(0, 1, dim=2))
    >>> found.low, found.high, found.high_at
    (Fraction(0, 1), Fraction(1, 1), (Fraction(1, 1), Fraction(0, 1)))
    """

    low: Fraction | float
    high: Fraction | float
    low_at: tuple[Fraction, ...] | None
    high_at: tuple[Fraction, ...] | None
    complete: bool
    low_bound: Fraction | float
    high_bound: Fraction | float
    attained: tuple[bool | None, bool | None] = (True, True)


@guarded
def output_range(
    network: Network, domain: Domain, *, of: Callable[[Any], Any] | None = None,
    where: Where | None = None, limit: int | None = None, time_limit: float | None = None,
    progress: Any = None,
) -> list[OutputRange]:  # fmt: skip
    """The exact range of every output on a domain, with where its ends are attained.

    Parameters
    ----------
    network : Network
    domain : Domain
    of : callable, optional
        A function of the outputs, flat: the expression whose range is asked for in place of that
        of every output, ``of=lambda y: y[0] - y[1]``; a vector gives a range an entry.
    where : callable, str or path-like, optional
        A condition, as in `count_regions`: the range where it holds.
    limit : int, optional
        Regions of each search.
    time_limit : float, optional
        Seconds in all.
    progress : callable or bool, optional

    Returns
    -------
    list of OutputRange
        One an output, before a softmax or sigmoid at the end, or one an entry of ``of``.

    Raises
    ------
    ShapeError
        If the domain does not fit.
    DomainError
        If it is empty, or the condition holds nowhere in it.
    ParameterError

    Notes
    -----
    Guarantee: exact. Where a limit comes first there are certified bounds on both sides: values
    that are attained, and numbers that no value is beyond, by boxes of inputs and intervals. Cost:
    for each end a linear program in rationals a region, some milliseconds.

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Dense([[1], [-2]]), es.ReLU()], (1,))
    >>> [(str(r.low), str(r.high)) for r in es.output_range(net, es.Box([-1], [3]))]
    [('0', '3'), ('0', '2')]
    >>> (r,) = es.output_range(net, es.Box([-1], [3]), of=lambda y: y[0] - y[1])
    >>> str(r.low), str(r.high)
    ('-2', '3')
    """
    checked_domain(network, domain)
    _ = domain.chart, clock_of(time_limit)  # what is wrong with them is said at once
    limit, start = checked_limit(limit), time.monotonic()
    condition = (lambda x: True) if where is None else function_of(network, where)
    expression = _expression(network, domain, of)
    size = as_term(_values(network, domain, expression), "of").size
    out = []
    for k in range(size):
        ends: list[Largest] = []
        for sign in (-1, 1):
            left = None
            if time_limit is not None:  # what is left, for this one and those behind it
                still = 2 * (size - k) - len(ends)
                left = max(0.0, time_limit - (time.monotonic() - start)) / still

            def value(x: Any, k: int = k, sign: int = sign) -> Any:
                own = expression(x)
                return sign * own.reshape(own.size)[k]

            ends.append(
                largest_of(
                    exists(domain, condition), value, limit=limit, time_limit=left,
                    progress=progress,
                )
            )  # fmt: skip
        out.append(_range(*ends))
    return out


def _range(low: Largest, high: Largest) -> OutputRange:
    """Of the largest value of the negative, and of the expression itself.

    Raises
    ------
    DomainError
    """
    stopped = bool(low.stopped or high.stopped)
    if low.at is None and not low.stopped and low.low < 0 and low.high == low.low == -_INF:
        raise DomainError("output_range: the condition where= holds nowhere in the domain")
    return OutputRange(
        -low.low, high.low, low.at, high.at, not stopped, -low.high, high.high,
        (low.attained, high.attained),
    )  # fmt: skip


_INF = float("inf")


def _expression(
    network: Network, domain: Domain, of: Callable[[Any], Any] | None
) -> Callable[[Any], Term]:
    if of is not None and not callable(of):
        raise ParameterError(
            f"output_range: of is a {type(of).__name__}; give a function of the outputs, "
            "of=lambda y: y[0] - y[1]"
        )

    def value(x: Any) -> Term:
        y = logits(network, x).reshape(network.output_dim)
        return as_term(y if of is None else of(y), "of")

    return value


def _values(network: Network, domain: Domain, expression: Callable[[Any], Term]) -> Any:
    """The expression at a symbolic point, to see its shape."""
    seen: list[Any] = []

    def condition(x: Any) -> bool:
        seen.append(expression(x))
        return True

    statement_of(network, domain, condition)
    return seen[0]
