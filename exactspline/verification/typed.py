"""Points of declared element types: rounded ones that satisfy the same formula, exactly."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from ..formats.vnnlib.query import All, Compared, Formula
from ..rationals import nearest_float

__all__ = ["decimal", "holds", "is_integer_type", "nearest", "typed_point"]

_SHARES = (0.0, 2.0**-20, 2.0**-8, 2.0**-3, 0.5, 1.0)  # of the way to another point
_BITS = {"bfloat16": (8, -133, 127), "float8e4m3fn": (4, -9, 8), "float8e5m2": (3, -16, 15),
         "float8e4m3fnuz": (4, -10, 7), "float8e5m2fnuz": (3, -17, 15),
         "float4e2m1": (2, -1, 2)}  # fmt: skip
_DTYPES: dict[str, Any] = {"float16": np.float16, "float32": np.float32, "float64": np.float64}
Ends = Sequence[Fraction | None]


def is_integer_type(kind: str) -> bool:
    """Whether an element type has integers alone."""
    return kind.startswith(("int", "uint", "bool"))


def holds(formula: Formula, x: Sequence[Fraction], y: Sequence[Fraction]) -> bool:
    """Whether a formula holds of given numbers, exactly."""
    if isinstance(formula, Compared):
        total = formula.constant
        for (kind, index), c in formula.terms:
            total += c * (x if kind == "X" else y)[index]
        return total < 0 if formula.strict else total <= 0
    if isinstance(formula, All):
        return all(holds(part, x, y) for part in formula.parts)
    return any(holds(part, x, y) for part in formula.parts)


def nearest(value: Fraction, kind: str) -> Fraction | None:
    """The nearest number of an element type; None if it has none that is finite.

    Of real numbers: one that is printed as it is, the shortest decimal of the nearest float64.
    """
    if kind == "real":
        return Fraction(decimal(value, kind))
    if is_integer_type(kind):
        return _integer(value, kind)
    if kind in _BITS:
        return _of_bits(value, *_BITS[kind])
    with np.errstate(all="ignore"):
        # a float64 first may round twice: the neighbours are compared exactly
        first = _DTYPES[kind](nearest_float(value))
        near = [first, np.nextafter(first, _DTYPES[kind](-np.inf)),
                np.nextafter(first, _DTYPES[kind](np.inf))]  # fmt: skip
    exact = [Fraction(float(v)) for v in near if np.isfinite(v)]
    return min(exact, key=lambda v: abs(v - value)) if exact else None


def _integer(value: Fraction, kind: str) -> Fraction | None:
    if kind == "bool":
        low, high = 0, 1
    else:
        bits = int(kind.lstrip("uint"))
        low, high = (
            (0, 2**bits - 1) if kind[0] == "u" else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
        )
    return Fraction(min(max(round(value), low), high))


def _of_bits(value: Fraction, digits: int, least: int, most: int) -> Fraction | None:
    """The nearest number with so many binary digits, no finer than 2^least, below 2^(most + 1)."""
    if value == 0:
        return value
    size = math.floor(math.log2(abs(value))) if abs(value) < 2**1000 else most + 1
    if size > most:
        return None
    step = Fraction(2) ** max(size - digits + 1, least)
    return round(value / step) * step


def decimal(value: Fraction, kind: str) -> str:
    """The shortest decimal that stands for a number of a type, or the nearest float64's."""
    if is_integer_type(kind) and value.denominator == 1:
        return str(value.numerator)
    near = nearest_float(value)
    if kind in ("float16", "float32"):
        with np.errstate(all="ignore"):
            short = _DTYPES[kind](near)
        if Fraction(float(short)) == value if np.isfinite(short) else False:
            return str(np.format_float_positional(short, unique=True, trim="0"))
    if abs(value) > Fraction(sys.float_info.max):
        return f"{round(value)}.0"
    return str(np.format_float_positional(near, unique=True, trim="0"))


def typed_point(
    point: Sequence[Fraction], other: Sequence[Fraction], kinds: Sequence[str],
    box: tuple[Ends, Ends], good: Callable[[tuple[Fraction, ...]], bool],
) -> tuple[Fraction, ...] | None:  # fmt: skip
    """A point of the given types, at a point or on the way to another one, that is good.

    Parameters
    ----------
    point, other : sequences of Fraction
        Good ones.
    kinds : sequence of str
        The type of every coordinate.
    box : (sequence, sequence)
        Lower and upper bounds of the coordinates: what is rounded stays inside.
    good : callable
        Decides exactly.
    """
    seen = set()
    for share in map(Fraction, _SHARES):
        near = [
            _inside(a + share * (b - a), kind, low, high)
            for a, b, kind, low, high in zip(point, other, kinds, *box, strict=True)
        ]
        if any(v is None for v in near):
            continue
        found = tuple(v for v in near if v is not None)
        if found in seen:
            continue
        seen.add(found)
        if good(found):
            return found
    return None


def _inside(
    value: Fraction, kind: str, low: Fraction | None, high: Fraction | None
) -> Fraction | None:
    """The nearest number of a type between bounds."""
    found = nearest(value, kind)
    if found is None:
        return None
    if high is not None and found > high:
        found = _next(found, kind, -1)
    elif low is not None and found < low:
        found = _next(found, kind, 1)
    outside = found is None or (high is not None and found > high)
    return None if outside or (low is not None and found < low) else found  # type: ignore[operator]


def _next(value: Fraction, kind: str, step: int) -> Fraction | None:
    if is_integer_type(kind):
        return nearest(value + step, kind)
    if kind in _BITS:
        return None
    dtype = _DTYPES.get(kind, np.float64)
    with np.errstate(all="ignore"):
        moved = np.nextafter(dtype(nearest_float(value)), dtype(step * np.inf))
    return nearest(Fraction(float(moved)), kind) if np.isfinite(moved) else None
