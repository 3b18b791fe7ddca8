"""Boxes: bounds of single coordinates."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np

from ..compile.forms import Forms
from ..errors import DomainError, ParameterError, ShapeError
from ..rationals import as_given, exact_array, format_rational, to_fraction
from .chart import Chart, Domain
from .rows import Bound, no_rows

__all__ = ["Box"]


class Box(Domain):
    """The set low <= x <= high.

    Parameters
    ----------
    low, high : array_like
        Numbers per coordinate: floats are taken as the dyadic rationals they are, texts such
        as ``"0.1"`` or ``"-1/3"`` exactly. ``-inf`` and ``inf`` leave a side open. Sides may
        coincide: the domain then has a lower dimension.
    dim : int, optional
        Needed only where both ends are scalars.

    Raises
    ------
    DomainError
        For NaN, low > high, +inf as a lower or -inf as an upper bound.
    ShapeError
        If the two ends differ in length.

    Examples
    --------
    >>> Box([0, "-1/3"], [1, float("inf")]).describe()
    '[0, 1] x [-1/3, inf)'
    """

    def __init__(self, low: Any, high: Any, *, dim: int | None = None) -> None:
        lows, highs = _ends(low, "low", -math.inf), _ends(high, "high", math.inf)
        n = dim if dim is not None else max(len(lows[0]), len(highs[0]))
        if not isinstance(n, int) or n < 0:
            raise DomainError(f"box: dimension {n!r}; give a whole number of coordinates")
        self.low = _broadcast(*lows, n, "low")
        self.high = _broadcast(*highs, n, "high")
        self.dim = n
        for i, (a, b) in enumerate(zip(self.low, self.high, strict=True)):
            if a is not None and b is not None and a > b:
                raise DomainError(
                    f"box: coordinate {i} has low {_brief(a)} > high {_brief(b)}: "
                    "the domain is empty"
                )

    def _chart(self) -> Chart:
        flat = [a is not None and a == b for a, b in zip(self.low, self.high, strict=True)]
        free = [i for i, f in enumerate(flat) if not f]
        k = len(free)
        if k == self.dim:
            point = Forms.selection(np.arange(k), k)
        else:
            indptr = np.concatenate([[0], np.cumsum([not f for f in flat])]).astype(np.int64)
            const = exact_array([a if f else 0 for a, f in zip(self.low, flat, strict=True)])
            point = Forms(indptr, np.arange(k, dtype=np.int64), np.ones(k), const, k)
        low = tuple(self.low[i] for i in free)
        high = tuple(self.high[i] for i in free)
        inside = tuple(_between(a, b) for a, b in zip(low, high, strict=True))
        return Chart(k, point, low, high, no_rows(k), inside)

    def describe(self) -> str:
        sides = [_side(a, b) for a, b in zip(self.low, self.high, strict=True)]
        if len(sides) > 1 and len(set(sides)) == 1:
            return f"{sides[0]}^{len(sides)}"
        return " x ".join(sides)


def _brief(value: Fraction) -> str:
    """A rational for a message, cut where it is long."""
    text = format_rational(value)
    return text if len(text) <= 60 else f"{text[:40]}... ({len(text)} characters)"


def _side(a: Bound, b: Bound) -> str:
    left = "(-inf" if a is None else f"[{format_rational(a)}"
    right = "inf)" if b is None else f"{format_rational(b)}]"
    return f"{left}, {right}"


def _ends(values: Any, name: str, infinite: float) -> tuple[list[Bound], bool]:
    """One end of a box as exact bounds, and whether it was a scalar."""
    array = np.asarray(values, dtype=object) if isinstance(values, Fraction) else as_given(values)
    scalar = array.ndim == 0
    out: list[Bound] = []
    for i, v in enumerate(array.reshape(-1).tolist()):
        if isinstance(v, str) and v.strip().lower() in ("inf", "+inf", "-inf", "nan"):
            v = float(v)
        if isinstance(v, float) and not math.isfinite(v):
            if v == infinite:
                out.append(None)
                continue
            raise DomainError(
                f"box: {name} of coordinate {i} is {v}; "
                + ("give a number" if v != v else f"only {infinite} can stand in {name}")
            )
        try:
            out.append(to_fraction(v, f"box: {name} of coordinate {i}"))
        except ParameterError as error:
            raise DomainError(str(error)) from None
    if array.ndim > 1:
        raise ShapeError(f"box: {name} has shape {array.shape}; give one number a coordinate")
    return out, scalar


def _broadcast(values: list[Bound], scalar: bool, n: int, name: str) -> tuple[Bound, ...]:
    if scalar:
        return tuple(values) * n
    if len(values) != n:
        raise ShapeError(f"box: {name} has {len(values)} entries, but the box has dimension {n}")
    return tuple(values)


def _between(a: Bound, b: Bound) -> Fraction:
    """A number strictly between two bounds."""
    if a is None and b is None:
        return Fraction(0)
    if a is None:
        assert b is not None
        return b - 1
    return a + 1 if b is None else (a + b) / 2
