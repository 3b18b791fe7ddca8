"""Statements: a condition on points, for all of them or for some."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ..domain import Domain
from ..errors import ParameterError, ShapeError
from ..mode import guarded
from .affine import Affine
from .atoms import PointAtom, points_of
from .conditions import Condition, as_condition, literals_of
from .terms import Term

__all__ = ["Statement", "exists", "forall"]

Domains = Domain | Sequence[Domain]


@guarded
@dataclass(frozen=True, repr=False)
class Statement:
    """A condition on the points of some domains; made by `forall` and `exists`.

    Attributes
    ----------
    universal : bool
        Whether it is said of all points.
    points : tuple of PointAtom
    condition : Condition

    Examples
    --------
    >>> import exactspline as es
    >>> statement = es.forall(es.Box(0, 1, dim=2), lambda x: x[0] <= 1)
    >>> statement, es.prove(statement).holds
    (<forall x in [0, 1]^2: ...>, True)
    """

    universal: bool
    points: tuple[PointAtom, ...]
    condition: Condition

    def __bool__(self) -> bool:
        raise ParameterError(
            "a statement has no truth value before it is proved: es.prove(statement)"
        )

    @property
    def sought(self) -> Condition:
        """What a point must satisfy that decides it: a counterexample, or a witness.

        Examples
        --------
        >>> import exactspline as es
        >>> es.forall(es.Box(0, 1, dim=2), lambda x: x[0] <= 1).sought.relation
        '<'
        """
        return ~self.condition if self.universal else self.condition

    @property
    def inside_only(self) -> bool:
        """Whether slopes or codes are compared, which only the inside of regions has.

        Examples
        --------
        >>> import exactspline as es
        >>> net = es.Network([es.ReLU()], (1,))
        >>> es.forall(es.WholeSpace(1), lambda x: net.slope(x)[0, 0] >= 0).inside_only
        True
        """
        return any(literal.constant for literal in literals_of(self.condition))

    def __repr__(self) -> str:
        word = "forall" if self.universal else "exists"
        places = ", ".join(f"{p.name} in {_brief(p.domain)}" for p in self.points)
        return f"<{word} {places}: ...>"


def _brief(domain: Domain) -> str:
    text = domain.describe()
    return text if len(text) <= 60 else f"a domain in R^{domain.dim}"


@guarded
def forall(domains: Domains, condition: Callable[..., Any]) -> Statement:
    """The statement that a condition holds at all points of a domain.

    Parameters
    ----------
    domains : Domain or sequence of Domain
        One a point that the condition speaks of.
    condition : callable
        Is given symbolic points, and returns a condition on them: comparisons of what networks
        and arithmetic make of the points, joined by ``&``, ``|``, ``~``, ``es.implies``.

    Returns
    -------
    Statement
        For `prove`.

    Raises
    ------
    ParameterError
        If the function does not take as many points, or returns no condition on them.

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Dense([[1], [-1]]), es.ReLU(), es.Dense([[1, 1]])], (1,))
    >>> box = es.Box([-1], [1])
    >>> verdict = es.prove(es.forall(box, lambda x: net(x)[0] == abs(x[0])))
    >>> verdict.holds, verdict.regions
    (True, 2)
    """
    return _quantified(True, domains, condition)


@guarded
def exists(domains: Domains, condition: Callable[..., Any]) -> Statement:
    """The statement that some point of a domain satisfies a condition; as `forall`.

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Dense([[1, 2]], [-3]), es.ReLU()], (2,))
    >>> found = es.find(es.exists(es.Box(0, 1, dim=2), lambda x: net(x)[0] >= 0.5))
    >>> found.holds
    False
    """
    return _quantified(False, domains, condition)


def _quantified(universal: bool, domains: Domains, condition: Callable[..., Any]) -> Statement:
    given = (domains,) if isinstance(domains, Domain) else tuple(domains)
    for domain in given:
        if not isinstance(domain, Domain):
            raise ShapeError(
                f"a domain is needed (Box, Polytope, Slice, WholeSpace), not a "
                f"{type(domain).__name__}"
            )
    if not given:
        raise ParameterError("give at least one domain to take points from")
    if not callable(condition):
        raise ParameterError(
            "give the condition as a function of the points: es.forall(box, lambda x: ...)"
        )
    points = tuple(
        PointAtom(name, domain)
        for name, domain in zip(_names(condition, len(given)), given, strict=True)
    )
    terms = [Term([Affine.entry(p, i) for i in range(p.size)], (p.size,)) for p in points]
    result = as_condition(condition(*terms))
    used = points_of([literal.form for literal in literals_of(result)])
    foreign = [p.name for p in used if p not in points]
    if foreign:
        raise ParameterError(
            f"the condition uses {', '.join(foreign)} of another statement: a point is known "
            "inside its own function alone"
        )
    return Statement(universal, points, result)


def _names(function: Callable[..., Any], count: int) -> list[str]:
    """What the function calls its points."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return [f"x{i}" for i in range(count)]
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return [f"x{i}" for i in range(count)]
    places = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    needed = [p for p in places if p.default is p.empty]
    if not len(needed) <= count <= len(places):
        raise ParameterError(
            f"the condition takes {len(needed)} points, and {count} domains are given; "
            "give a domain for each: es.forall((box, box), lambda x, y: ...)"
        )
    return [p.name for p in places[:count]]
