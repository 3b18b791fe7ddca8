"""The number of regions as a function of one parameter: a step function with exact steps."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from ..errors import ParameterError
from ..mode import guarded
from ..rationals import format_rational, nearest_float, to_fraction

__all__ = ["RegionSteps"]


@guarded
class RegionSteps:
    """How many regions there are for every value of one parameter; `Parametric.sweep` makes it.

    It prints as a table, in which long rationals are rounded and marked by "~".

    Attributes
    ----------
    name : str
        Of the parameter.
    low, high : Fraction or None
        The open range that was swept; None without an end.
    breakpoints : tuple of Fraction
        Where the set of codes changes, in order.
    between : tuple of int
        The count on the open intervals before, between and behind them: one more.
    at : tuple of int
        The count at each of them.

    Examples
    --------
    >>> steps = RegionSteps("b", None, None, [Fraction(0)], [3, 3], [2])
    >>> steps(0), steps("1/7")
    (2, 3)
    """

    def __init__(
        self, name: str, low: Fraction | None, high: Fraction | None,
        breakpoints: Sequence[Fraction], between: Sequence[int], at: Sequence[int],
    ) -> None:  # fmt: skip
        self.name, self.low, self.high = name, low, high
        self.breakpoints: tuple[Fraction, ...] = tuple(breakpoints)
        self.between: tuple[int, ...] = tuple(between)
        self.at: tuple[int, ...] = tuple(at)

    def __call__(self, value: Any) -> int:
        """The number of regions at a value of the parameter.

        Raises
        ------
        ParameterError
            If it is not strictly inside the range.

        Examples
        --------
        >>> RegionSteps("b", Fraction(0), Fraction(1), [], [3], [])("1/2")
        3
        """
        exact = to_fraction(value, self.name)
        if (self.low is not None and exact <= self.low) or (
            self.high is not None and exact >= self.high
        ):
            raise ParameterError(
                f"{self.name} = {format_rational(exact)} is not inside the range that was swept"
            )
        place = bisect_left(self.breakpoints, exact)
        if place < len(self.breakpoints) and self.breakpoints[place] == exact:
            return self.at[place]
        return self.between[place]

    @property
    def intervals(self) -> list[tuple[Fraction | None, Fraction | None, int]]:
        """The open intervals with their counts: (low, high, regions).

        Examples
        --------
        >>> RegionSteps("b", None, None, [Fraction(0)], [3, 4], [2]).intervals
        [(None, Fraction(0, 1), 3), (Fraction(0, 1), None, 4)]
        """
        ends = [self.low, *self.breakpoints, self.high]
        return list(zip(ends[:-1], ends[1:], self.between, strict=True))

    def samples(self) -> list[Fraction]:
        """One value inside every open interval.

        Examples
        --------
        >>> RegionSteps("b", None, None, [Fraction(0), Fraction(1)], [3, 4, 3], [2, 2]).samples()
        [Fraction(-1, 1), Fraction(1, 2), Fraction(2, 1)]
        """
        out = []
        for a, b, _ in self.intervals:
            if a is not None and b is not None:
                out.append((a + b) / 2)
            elif a is None and b is None:
                out.append(Fraction(0))
            else:
                out.append(b - 1 if b is not None else (a or Fraction(0)) + 1)
        return out

    def to_json(self) -> dict[str, Any]:
        """A dict of what JSON knows; rationals are texts.

        Examples
        --------
        >>> RegionSteps("b", None, None, [Fraction(1, 3)], [3, 4], [2]).to_json()["breakpoints"]
        ['1/3']
        """
        ends = [None if v is None else format_rational(v) for v in (self.low, self.high)]
        return {
            "parameter": self.name, "range": ends,
            "breakpoints": [format_rational(v) for v in self.breakpoints],
            "between": list(self.between), "at": list(self.at),
        }  # fmt: skip

    def __str__(self) -> str:
        lines = []
        for k, (a, b, regions) in enumerate(self.intervals):
            left = "-inf" if a is None else _short(a)
            right = "inf" if b is None else _short(b)
            lines.append((f"({left}, {right})", regions))
            if k < len(self.breakpoints):
                lines.append((f"{_short(self.breakpoints[k])}  ", self.at[k]))
        wide = max(len(text) for text, _ in lines)
        rows = [
            f"  {text:<{wide}}  {n}" if text[0] == "(" else f"  {text:>{wide}}  {n}"
            for text, n in lines
        ]
        return "\n".join([f"regions of x by {self.name}", *rows])


def _short(value: Fraction) -> str:
    """A number for the eye: a long one is rounded, and marked so."""
    if max(value.numerator.bit_length(), value.denominator.bit_length()) <= 40:
        return format_rational(value)
    return f"~{nearest_float(value):.10g}"
