"""How far one line stays within eps of a function: the step of the greedy choice of pieces.

A line from a start inside the tunnel [f - eps, f + eps] stays in it on (a, b] exactly if its
slope is between L(b) = sup (f - eps - y) / (x - a) and U(b) = inf (f + eps - y) / (x - a).
Where f is convex U has one minimum, at the tangent from the start, and L grows only with its
last point; where f is concave the two change places. The line that reaches furthest leaves
through the boundary with the slope of the other bound.

All numbers here are guesses in high precision; `proof.py` proves the result.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction

import flint

from .functions import Curve, Part, ball

__all__ = ["Reach", "Tail", "reach", "root", "tail"]

Ball = flint.arb

_FINE = 2.0**-13


@dataclass(frozen=True)
class Reach:
    """How far a line can go from a start.

    Attributes
    ----------
    end : Ball
    side : int
        1: it leaves through f + eps there, -1: through f - eps, 0: it came to the limit.
    low, high : Ball
        Slopes of the lines that stay in the tunnel up to the end.
    """

    end: Ball
    side: int
    low: Ball
    high: Ball


@dataclass(frozen=True)
class Tail:
    """How far the line along the left asymptote can go, from minus infinity.

    Attributes
    ----------
    end : Ball or None
        None: without end.
    side : int
        As in `Reach`.
    shift : Ball
        How far it is above the asymptote.
    """

    end: Ball | None
    side: int
    shift: Ball


def root(
    function: Callable[[Ball], Ball],
    low: Ball,
    high: Ball,
    *,
    origin: Ball | None = None,
    small: Ball | None = None,
) -> Ball:
    """About where a function goes from negative to positive between two points.

    Parameters
    ----------
    function : callable
        With a value <= 0 at ``low`` and >= 0 at ``high``.
    origin : Ball, optional
        Stop when the bracket is small against the distance from there.
    small : Ball, optional
        Stop when the value is that small.

    Notes
    -----
    Regula falsi with the Illinois weights, and a bisection whenever it shrinks too slowly.
    """
    origin = low if origin is None else origin
    at_low, at_high = function(low), function(high)
    for attempt in range(400):
        width = high - low
        if width <= (high - origin) * _FINE and (small is None or attempt > 200):
            break
        span = at_high - at_low
        if attempt % 3 == 2 or not span > 0:
            middle = _between(low, high)
        else:
            middle = (low - at_low * width / span).mid()
            if not low < middle < high:
                middle = _between(low, high)
        if not low < middle < high:
            break
        value = function(middle)
        if small is not None and abs(value) <= small:
            return middle
        if value > 0:
            high, at_high, at_low = middle, value, at_low / 2
        else:
            low, at_low, at_high = middle, value, at_high / 2
        at_low, at_high = at_low.mid(), at_high.mid()
    return low


def _between(low: Ball, high: Ball) -> Ball:
    return ((low + high) / 2).mid()


def _outwards(
    function: Callable[[Ball], Ball], low: Ball, high: Ball, step: Ball, origin: Ball,
    small: Ball | None = None,
) -> Ball:  # fmt: skip
    """`root` near ``low``: doubles a step until the sign changes."""
    a, b = low, (low + step).mid()
    while b < high and not function(b) > 0:
        a, step = b, step * 2
        b = (b + step).mid()
    return root(function, a, b if b < high else high, origin=origin, small=small)


def _signed(part: Part, sign: int) -> tuple[Callable[[Ball], Ball], Callable[[Ball], Ball]]:
    """Value and slope of sign * f, which is convex on the part."""
    if sign > 0:
        return (lambda x: part.value(x).mid()), (lambda x: part.slope(x).mid())
    return (lambda x: -part.value(x).mid()), (lambda x: -part.slope(x).mid())


def reach(parts: Sequence[Part], a: Ball, y: Ball, eps: Ball, limit: Ball, step: Ball) -> Reach:
    """How far a line from (a, y) stays within eps of f, up to a limit.

    Parameters
    ----------
    parts : sequence of Part
        Without gaps.
    step : Ball
        About how far that may be; for speed only.
    """
    low, high = Ball("-inf"), Ball("inf")
    for part in parts:
        p = a if part.low is None else a.max(ball(part.low)).mid()
        q = limit if part.high is None else limit.min(ball(part.high)).mid()
        if not p < q:
            continue
        sign = part.bend or 1
        found = _through(part, sign, (a, y * sign), eps, (p, q), _turned(low, high, sign), step)
        low, high = _turned(found.low, found.high, sign)
        if found.side:
            return Reach(found.end, sign * found.side, low, high)
        step = step.max(q - a).mid()
    return Reach(limit, 0, low, high)


def _turned(low: Ball, high: Ball, sign: int) -> tuple[Ball, Ball]:
    return (low, high) if sign > 0 else (-high, -low)


def _through(
    part: Part, sign: int, start: tuple[Ball, Ball], eps: Ball, interval: tuple[Ball, Ball],
    slopes: tuple[Ball, Ball], step: Ball,
) -> Reach:  # fmt: skip
    """`reach` on one part, where sign * f is convex, with the slopes possible up to there."""
    (a, y), (p, q), (low, high) = start, interval, slopes
    f, df = _signed(part, sign)

    def above(x: Ball) -> Ball:
        return f(x) + eps - y

    def tangent(x: Ball) -> Ball:  # grows; zero where the line from the start touches f + eps
        return (df(x) * (x - a) - above(x)).mid()

    def out(x: Ball) -> Ball:
        return (low * (x - a) - above(x)).mid()

    def under(x: Ball) -> Ball:
        return (f(x) - eps - y - high * (x - a)).mid()

    if tangent(q) <= 0:
        touch = q
    elif tangent(p) >= 0:
        touch = p
    else:
        touch = _outwards(tangent, p, q, step / 2, a)
    top = (above(touch) / (touch - a)).mid() if touch > a else df(a)
    if top < low:  # the flattest line needed so far leaves through the upper boundary
        return Reach(root(out, p, touch, origin=a) if touch > p else p, 1, low, low)
    high = high.min(top).mid()
    if under(q) > 0:
        inside = touch if touch < q and under(touch) <= 0 else p
        return Reach(_outwards(under, inside, q, step / 2, a), -1, high, high)
    low = low.max(((f(q) - eps - y) / (q - a)).mid()).mid()
    return Reach(q, 0, low, high)


def tail(curve: Curve, eps: Ball, step: Ball) -> Tail:
    """How far the line along the left asymptote stays within eps, shifted as best it can be."""
    slope, offset = curve.left
    span = (Ball(0), Ball(0))  # of f minus the asymptote so far
    for part in curve.without_brackets():
        p = None if part.low is None else ball(part.low).mid()
        q = None if part.high is None else ball(part.high).mid()
        for first, last in _monotone(part, p, q, ball(slope)):
            if last is None and slope == curve.right[0]:
                final = ball(curve.right[1] - offset).mid()
                if final - span[0] <= 2 * eps and span[1] - final <= 2 * eps:
                    span = span[0].min(final), span[1].max(final)
                    continue
            found = _leaves(part, (slope, offset), eps, (first, last), span, step)
            if isinstance(found, Tail):
                return found
            span = found
    return Tail(None, 0, ((span[0] + span[1]) / 2).mid())


def _leaves(
    part: Part, asymptote: tuple[Fraction, Fraction], eps: Ball,
    interval: tuple[Ball | None, Ball | None], span: tuple[Ball, Ball], step: Ball,
) -> Tail | tuple[Ball, Ball]:  # fmt: skip
    """Where f minus its asymptote, monotone here, spans more than 2 eps; else its new span."""
    slope, offset = ball(asymptote[0]), ball(asymptote[1])
    (first, last), (least, most) = interval, span

    def gap(x: Ball) -> Ball:
        return (part.value(x) - slope * x - offset).mid()

    if last is None:
        last, jump = Ball(0) if first is None else first, step
        while gap(last) - least <= 2 * eps and most - gap(last) <= 2 * eps:
            last, jump = (last + jump).mid(), jump * 2
    here = gap(last)
    if here - least > 2 * eps:
        side, target, shift = -1, least + 2 * eps, least + eps
    elif most - here > 2 * eps:
        side, target, shift = 1, most - 2 * eps, most - eps
    else:
        return least.min(here), most.max(here)
    outermost = last

    def back(z: Ball) -> Ball:  # from outside of the tunnel, going left
        return (side * (gap(outermost - z) - target)).mid()

    far = step if first is None else (last - first).mid()
    while first is None and not back(far) > 0:
        far = far * 2
    # behind a kink f leaves the line steeply: there a place that is near is not yet near enough
    z = _outwards(back, Ball(0), far, step, -step, small=(eps / 512).mid())
    return Tail((last - z).mid(), side, shift.mid())


def _monotone(
    part: Part, p: Ball | None, q: Ball | None, slope: Ball
) -> list[tuple[Ball | None, Ball | None]]:
    """The part cut where f' has the slope, so that f minus the line is monotone."""
    if p is None or q is None or not part.bend:
        return [(p, q)]
    sign = part.bend

    def excess(x: Ball) -> Ball:
        return (sign * (part.slope(x) - slope)).mid()

    if excess(p) < 0 and excess(q) > 0:
        middle = root(excess, p, q)
        return [(p, middle), (middle, q)]
    return [(p, q)]
