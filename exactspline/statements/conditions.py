"""Conditions: comparisons with 0, joined by and, or and not; always in negation normal form.

| relation | negated |
|---|---|
| d <= 0 | -d < 0 |
| d < 0 | -d <= 0 |
| d == 0 | d != 0 |
| d != 0 | d == 0 |
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import NoReturn

from ..errors import LimitError, ParameterError
from ..mode import guarded
from .affine import Affine

__all__ = [
    "FALSE", "TRUE", "And", "Condition", "Constant", "Literal", "Or", "conjunction", "cubes",
    "disjunction", "implies", "literals_of",
]  # fmt: skip

MOST_CUBES = 4096  # of a condition as alternatives of comparisons that all hold


@guarded
class Condition(ABC):
    """A condition on points, in terms of comparisons; it has no truth value of its own.

    Joined by ``&``, ``|``, ``~`` and `implies`.

    Examples
    --------
    >>> import exactspline as es
    >>> def condition(x):
    ...     return (x[0] <= x[1]) | ~(x[0] < "1/2")
    >>> es.prove(es.forall(es.Box([0, "1/2"], [1, 1]), condition)).holds
    True
    """

    def __bool__(self) -> NoReturn:
        raise ParameterError(
            "a condition about all points has no truth value: write (a <= b) & (b <= c) in place "
            "of a <= b <= c, & for and, | for or, ~ for not, es.implies(a, b) for if"
        )

    def __and__(self, other: object) -> Condition:
        return conjunction([self, as_condition(other)])

    def __or__(self, other: object) -> Condition:
        return disjunction([self, as_condition(other)])

    __rand__, __ror__ = __and__, __or__

    @abstractmethod
    def __invert__(self) -> Condition: ...

    @property
    @abstractmethod
    def parts(self) -> tuple[Condition, ...]:
        """What it is joined of; nothing of a comparison.

        Examples
        --------
        >>> import exactspline as es
        >>> seen = []
        >>> def condition(x):
        ...     seen.append((x[0] <= 1) & (x[0] >= 0))
        ...     return seen[0]
        >>> _ = es.forall(es.Box(0, 1, dim=1), condition)
        >>> len(seen[0].parts)
        2
        """


@dataclass(frozen=True)
class Constant(Condition):
    """True or false of every point."""

    value: bool

    def __invert__(self) -> Condition:
        return FALSE if self.value else TRUE

    @property
    def parts(self) -> tuple[Condition, ...]:
        """None."""
        return ()


TRUE, FALSE = Constant(True), Constant(False)


@dataclass(frozen=True)
class Literal(Condition):
    """A form compared with 0.

    Attributes
    ----------
    form : Affine
    relation : str
        "<=", "<", "==" or "!=".
    """

    form: Affine
    relation: str

    @staticmethod
    def of(form: Affine, relation: str) -> Condition:
        """The comparison, or its truth where the form is a number."""
        if form.terms:
            return Literal(form, relation)
        return TRUE if holds(relation, form.const) else FALSE

    def __invert__(self) -> Condition:
        if self.relation in ("<=", "<"):
            return Literal(self.form.times(Fraction(-1)), "<" if self.relation == "<=" else "<=")
        return Literal(self.form, "!=" if self.relation == "==" else "==")

    @property
    def parts(self) -> tuple[Condition, ...]:
        """None."""
        return ()

    @property
    def constant(self) -> bool:
        """Whether it is the same all over the inside of a region: of slopes and codes."""
        return self.form.atoms[0].constant


@dataclass(frozen=True)
class And(Condition):
    """All of several conditions."""

    inner: tuple[Condition, ...]

    def __invert__(self) -> Condition:
        return disjunction([~part for part in self.inner])

    @property
    def parts(self) -> tuple[Condition, ...]:
        """The conditions."""
        return self.inner


@dataclass(frozen=True)
class Or(Condition):
    """One of several conditions at least."""

    inner: tuple[Condition, ...]

    def __invert__(self) -> Condition:
        return conjunction([~part for part in self.inner])

    @property
    def parts(self) -> tuple[Condition, ...]:
        """The conditions."""
        return self.inner


def as_condition(value: object) -> Condition:
    """A condition, from one or from True and False.

    Raises
    ------
    ParameterError
    """
    if isinstance(value, Condition):
        return value
    if isinstance(value, bool):
        return TRUE if value else FALSE
    raise ParameterError(
        f"{type(value).__name__} is no condition; comparisons (<=, <, ==, ...) of symbolic values "
        "are. In (a <= b) & (c <= d) the brackets are needed"
    )


def conjunction(conditions: Sequence[Condition]) -> Condition:
    """All of them."""
    flat: dict[Condition, None] = {}
    for condition in conditions:
        for part in condition.inner if isinstance(condition, And) else (condition,):
            if part == FALSE:
                return FALSE
            if part != TRUE:
                flat[part] = None
    return TRUE if not flat else next(iter(flat)) if len(flat) == 1 else And(tuple(flat))


def disjunction(conditions: Sequence[Condition]) -> Condition:
    """One of them at least."""
    flat: dict[Condition, None] = {}
    for condition in conditions:
        for part in condition.inner if isinstance(condition, Or) else (condition,):
            if part == TRUE:
                return TRUE
            if part != FALSE:
                flat[part] = None
    return FALSE if not flat else next(iter(flat)) if len(flat) == 1 else Or(tuple(flat))


@guarded
def implies(premise: object, conclusion: object) -> Condition:
    """The conclusion wherever the premise holds.

    Examples
    --------
    >>> import exactspline as es
    >>> box = es.Box(0, 1, dim=2)
    >>> es.prove(es.forall(box, lambda x: es.implies(x[0] <= x[1], x[0] - x[1] <= 0))).holds
    True
    """
    return ~as_condition(premise) | as_condition(conclusion)


def holds(relation: str, value: Fraction) -> bool:
    """Whether a number compares so with 0."""
    if relation == "<=":
        return value <= 0
    if relation == "<":
        return value < 0
    return (value == 0) == (relation == "==")


def literals_of(condition: Condition) -> list[Literal]:
    """All comparisons, each once."""
    found: dict[Literal, None] = {}
    open_ = [condition]
    while open_:
        part = open_.pop()
        if isinstance(part, Literal):
            found[part] = None
        open_ += part.parts
    return list(reversed(found))


def truth(condition: Condition, of: Callable[[Literal], bool]) -> bool:
    """Whether a condition holds where one says of every comparison whether it does."""
    if isinstance(condition, Literal):
        return of(condition)
    if isinstance(condition, Constant):
        return condition.value
    results: Iterator[bool] = (truth(part, of) for part in condition.parts)
    return all(results) if isinstance(condition, And) else any(results)


def cubes(condition: Condition) -> list[tuple[Literal, ...]]:
    """A condition as alternatives, each some comparisons that all hold.

    Raises
    ------
    LimitError
        If there are over 4,096.
    """
    if isinstance(condition, Literal):
        return [(condition,)]
    if isinstance(condition, Constant):
        return [()] if condition.value else []
    out: list[tuple[Literal, ...]] = []
    if isinstance(condition, Or):
        out = list(dict.fromkeys(cube for part in condition.inner for cube in cubes(part)))
        _check_count(len(out))
        return out
    out = [()]
    for part in condition.parts:
        own = cubes(part)
        _check_count(len(out) * len(own))
        out = [tuple(dict.fromkeys((*a, *b))) for a in out for b in own]
    return out


def _check_count(count: int) -> None:
    if count > MOST_CUBES:
        raise LimitError(
            f"the condition has over {MOST_CUBES:,} alternatives where comparisons hold by "
            "equality; split the statement into several"
        )
