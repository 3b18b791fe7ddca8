"""Convex sets of parameters, by exact inequalities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..domain import Polytope
from ..errors import ParameterError, ShapeError
from ..mode import guarded
from ..rationals import to_fraction

__all__ = ["ParameterSet"]


@guarded
class ParameterSet:
    """A convex set of parameters by exact inequalities, or no parameters at all.

    Attributes
    ----------
    names : tuple of str
    empty : bool
        No open set.
    inequalities : tuple of tuple of int
        Constant first, then a coefficient a parameter, each >= 0; irredundant.

    Examples
    --------
    >>> print(ParameterSet(("b",), [(1, 2)]))
    2 b + 1 >= 0
    """

    def __init__(self, names: Sequence[str], rows: Sequence[Sequence[int]] | None) -> None:
        self.names: tuple[str, ...] = tuple(names)
        self.empty: bool = rows is None
        self.inequalities: tuple[tuple[int, ...], ...] = tuple(tuple(r) for r in rows or ())

    def contains(self, values: Sequence[Any], *, closure: bool = False) -> bool:
        """Whether parameters lie strictly inside, or in the closure; exact.

        Raises
        ------
        ShapeError
            If there are more or fewer values than names.

        Examples
        --------
        >>> inside = ParameterSet(("b",), [(1, 2)])
        >>> inside.contains(["-1/2"]), inside.contains(["-1/2"], closure=True)
        (False, True)
        """
        if isinstance(values, str) or len(values) != len(self.names):
            raise ShapeError(f"contains: give {len(self.names)} values, one a free parameter")
        given = [to_fraction(v, name) for v, name in zip(values, self.names, strict=True)]
        forms = [
            row[0] + sum(c * v for c, v in zip(row[1:], given, strict=True))
            for row in self.inequalities
        ]
        return not self.empty and all(v > 0 or (closure and v == 0) for v in forms)

    def polytope(self) -> Polytope:
        """The closed set as a domain.

        Raises
        ------
        ParameterError
            If it is empty, or all of space.

        Examples
        --------
        >>> ParameterSet(("b",), [(1, 2)]).polytope().h
        array([1.])
        """
        if self.empty or not self.inequalities:
            raise ParameterError("polytope: the set of parameters is empty, or all of space")
        return Polytope(
            [[-c for c in row[1:]] for row in self.inequalities],
            [row[0] for row in self.inequalities],
        )

    def __str__(self) -> str:
        if self.empty:
            return "no parameters"
        if not self.inequalities:
            return "all parameters"
        return "\n".join(_shown(self.names, row) for row in self.inequalities)


def _shown(names: Sequence[str], row: Sequence[int]) -> str:
    text = ""
    for name, c in zip(names, row[1:], strict=True):
        if c:
            sign = "-" if c < 0 else "+"
            head = f" {sign} " if text else ("-" if c < 0 else "")
            text += head + (f"{abs(c)} " if abs(c) != 1 else "") + name
    if row[0]:
        text += f" {'-' if row[0] < 0 else '+'} {abs(row[0])}"
    return f"{text} >= 0"
