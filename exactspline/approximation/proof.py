"""Proved bounds on one function: the error of a spline, the slopes, the values on an interval.

Nothing here depends on how a spline was found. With f convex on an interval and p affine,
g = f - p is convex: it is largest at an end, and above each of its tangents. Both are bounded
in ball arithmetic, so every number returned is an upper bound in real arithmetic.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from fractions import Fraction

import flint
import numpy as np

from .functions import TINIEST, Ball, Curve, Part, ball, exact
from .tunnel import root

__all__ = ["Piece", "below", "image", "lipschitz", "sup_error", "up", "upwards"]

Bound = Fraction | None
Piece = tuple[Bound, Bound, Fraction, Fraction]  # low, high, slope, offset

_ZERO = Fraction(0)


def up(value: Fraction, bits: int = 53) -> Fraction:
    """A short rational at or above a nonnegative one: ``bits`` significant bits."""
    if value <= 0:
        return _ZERO
    shift = value.numerator.bit_length() - value.denominator.bit_length() - bits
    unit = Fraction(1 << shift) if shift >= 0 else Fraction(1, 1 << -shift)
    return math.ceil(value / unit) * unit


def upwards(value: Fraction) -> float:
    """The least convenient float64 at or above a rational."""
    try:
        out = float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.nextafter(math.inf, 0.0)
    return out if Fraction(out) >= value else math.nextafter(out, math.inf)


def below(value: Fraction) -> float:
    """A float64 at or below a rational."""
    return -upwards(-value)


def _above(value: Ball) -> Fraction:
    """At or above every absolute value in a ball."""
    if not value.is_finite():
        raise ArithmeticError("a value could not be enclosed")
    top = value.abs_upper()
    return exact(top) or (_ZERO if top.is_zero() else Fraction(1, 1 << TINIEST))


def sup_error(
    curve: Curve, pieces: Sequence[Piece], tolerance: Fraction, precision: int
) -> Fraction:
    """A proved bound on |f - p| over all pieces.

    Parameters
    ----------
    curve : Curve
    pieces : sequence of (low, high, slope, offset)
        None leaves a side open; the slope there must be that of the function's asymptote.
    tolerance : Fraction
        How tight the bound should be at interior extremes; it holds anyway.
    precision : int
        Of the ball arithmetic, in bits.
    """
    worst = _ZERO
    with flint.ctx.workprec(precision):
        for low, high, slope, offset in pieces:
            for part in curve.parts:
                cut = _meet(part, low, high)
                if cut is not None:
                    worst = max(worst, _on_part(curve, part, *cut, slope, offset, tolerance))
    return up(worst)


def _meet(part: Part, low: Bound, high: Bound) -> tuple[Bound, Bound] | None:
    """The interval [low, high] inside a part, None if they share no more than an end."""
    a = part.low if low is None else low if part.low is None else max(low, part.low)
    b = part.high if high is None else high if part.high is None else min(high, part.high)
    if a is not None and b is not None and (a > b or (a == b and low != high)):
        return None
    return a, b


def _on_part(
    curve: Curve, part: Part, a: Bound, b: Bound, slope: Fraction, offset: Fraction,
    tolerance: Fraction,
) -> Fraction:  # fmt: skip
    m, c = ball(slope), ball(offset)

    def gap(x: Fraction) -> Ball:
        return part.value(ball(x)) - (m * ball(x) + c)

    if a is None and b is None:  # convex between two asymptotes: the tangents have both slopes
        return max(
            _on_part(curve, part, None, _ZERO, slope, offset, tolerance),
            _on_part(curve, part, _ZERO, None, slope, offset, tolerance),
        )
    if a is None or b is None:
        # g is convex or concave and has a limit at the open end, hence monotone
        limit_slope, limit = curve.left if a is None else curve.right
        end = b if a is None else a
        assert end is not None
        if limit_slope != slope:
            raise ArithmeticError("an open piece must run along the asymptote")
        return max(abs(limit - offset), _above(gap(end)))
    worst = max(_above(gap(a)), _above(gap(b)))
    if part.bend == 0 or a == b:
        return worst
    if part.bend is None:  # so short that the mean value theorem does
        steep = part.slope(ball(a).union(ball(b))) - m
        return _above(gap(a)) + _above(steep) * (b - a)
    at = _extreme(part, a, b, slope, tolerance)
    tangent = part.slope(ball(at)) - m
    lowest = part.bend * gap(at) + _least(part.bend * tangent, at - a, b - at)
    return max(worst, _above(lowest.min(Ball(0))))


def _least(tangent: Ball, left: Fraction, right: Fraction) -> Ball:
    """The least value of a line through 0 on [-left, right]."""
    return (-tangent * ball(left)).min(tangent * ball(right))


def _extreme(
    part: Part, a: Fraction, b: Fraction, slope: Fraction, tolerance: Fraction
) -> Fraction:
    """About where f' equals the slope; any point of [a, b] gives a valid tangent."""
    m, sign = ball(slope), part.bend or 1

    def excess(x: Ball) -> Ball:
        return ((part.slope(x) - m) * sign).mid()

    first, last = ball(a).mid(), ball(b).mid()
    if excess(first) >= 0:
        return a
    if excess(last) <= 0:
        return b
    enough = ball(tolerance / (b - a)).mid()
    found = exact(root(excess, first, last, small=enough))
    return min(max(found, a), b)


def lipschitz(curve: Curve, low: Bound, high: Bound, precision: int) -> Fraction:
    """A proved bound on |f'| over an interval.

    Notes
    -----
    f' is monotone on every part, so its ends decide.
    """
    worst = _ZERO
    with flint.ctx.workprec(precision):
        for part in curve.parts:
            cut = _meet(part, low, high)
            if cut is None:
                continue
            a, b = cut
            worst = max(worst, *_slopes(curve, part, a, b))
    return up(worst)


def _slopes(curve: Curve, part: Part, a: Bound, b: Bound) -> Iterator[Fraction]:
    if part.bend is None:
        assert a is not None
        assert b is not None
        yield _above(part.slope(ball(a).union(ball(b))))
        return
    yield abs(curve.left[0]) if a is None else _above(part.slope(ball(a)))
    yield abs(curve.right[0]) if b is None else _above(part.slope(ball(b)))


def image(curve: Curve, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Per interval of float64 ends the range of f, rounded outwards.

    Notes
    -----
    f is monotone between its turns, so the ends and the turns inside decide. Every distinct
    end is evaluated once, at about 5 microseconds.
    """
    with flint.ctx.workprec(96):
        least, most = np.full(low.shape, math.inf), np.full(low.shape, -math.inf)
        for ends, limit in ((low, curve.left), (high, curve.right)):
            distinct, which = np.unique(ends, return_inverse=True)
            pairs = np.array([_value(curve, x, limit) for x in distinct.tolist()]).reshape(-1, 2)
            which = which.reshape(low.shape)
            least = np.minimum(least, pairs[which, 0])
            most = np.maximum(most, pairs[which, 1])
        for a, b in curve.turns:
            bottom, top = _floats(curve.part_at(b).value(ball(a).union(ball(b))))
            inside = (low <= upwards(b)) & (high >= below(a))
            least = np.where(inside, np.minimum(least, bottom), least)
            most = np.where(inside, np.maximum(most, top), most)
    return least, most


def _value(curve: Curve, x: float, limit: tuple[Fraction, Fraction]) -> tuple[float, float]:
    if math.isfinite(x):
        return _floats(curve.value(Fraction(x)))
    slope, offset = limit
    if slope:
        end = x if slope > 0 else -x
        return end, end
    return below(offset), upwards(offset)


def _floats(value: Ball) -> tuple[float, float]:
    """Float64 numbers at or below and at or above a ball."""
    if not value.is_finite():
        return -math.inf, math.inf
    low, high = exact(value.lower()), exact(value.upper())
    if value.is_zero():
        return 0.0, 0.0
    # what `exact` took for 0 may have either sign
    return below(low) if low else -math.ulp(0.0), upwards(high) if high else math.ulp(0.0)
