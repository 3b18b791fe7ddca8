"""The choice of a spline for one function: few pieces, short coefficients, a proved error.

Two facts give the number of pieces. A chord of a function with second derivative f'' over an
interval of length h is off by at most h^2 max|f''| / 8, and shifted by half of that the error
alternates between its two bounds, so n pieces reach about (integral of sqrt|f''|)^2 / (16 n^2).
`tunnel.reach` finds such pieces one by one, each as long as it can be: where f is convex they
are its tangents, shifted up; across an inflection one line may serve both sides.

Breakpoints and slopes are rounded to short dyadic numbers and offsets follow exactly from
continuity, so the spline is continuous, and mostly float64; `proof.sup_error` then bounds the
error of the rounded spline.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import flint

from ..errors import LimitError, UndecidedError
from ..mode import guarded
from ..network.operator import Operator
from ..network.smooth import ELU, HardSwish
from ..rationals import format_rational
from .functions import Curve, ball, curve_of, exact
from .proof import Piece, sup_error
from .tunnel import Tail, reach, tail

__all__ = ["Spline", "fit"]

MAX_PIECES = 10_000
_ROUNDING = Fraction(1, 512)  # share of the error that one rounded number may take
_BALANCED = 64  # pieces up to which the error is made as small as it can be
Bound = Fraction | None
Point = tuple[Fraction, Fraction]


@guarded
@dataclass(frozen=True)
class Spline:
    """A continuous piecewise-affine function of one variable, and how well it does.

    Attributes
    ----------
    breaks, slopes, offsets : tuples of Fraction
        As `ScalarSpline` takes them.
    bound : Fraction
        Proved: |f - spline| is at most this on the interval it was made for.
    """

    breaks: tuple[Fraction, ...]
    slopes: tuple[Fraction, ...]
    offsets: tuple[Fraction, ...]
    bound: Fraction = Fraction(0)

    @property
    def convex(self) -> bool:
        """Whether it is a maximum of affine functions."""
        return all(a <= b for a, b in itertools.pairwise(self.slopes))

    def pieces(self, low: Bound, high: Bound) -> list[Piece]:
        """The affine pieces on an interval."""
        ends = [None, *self.breaks, None]
        out: list[Piece] = []
        for a, b, slope, offset in zip(ends, ends[1:], self.slopes, self.offsets, strict=False):
            if low is not None and (a is None or a < low):
                a = low
            if high is not None and (b is None or b > high):
                b = high
            if a is None or b is None or a < b or a == b == low == high:
                out.append((a, b, slope, offset))
        return out


def fit(operator: Operator, low: Bound, high: Bound, error: Fraction) -> Spline:
    """A spline within ``error`` of a smooth operator on an interval, with few pieces.

    Parameters
    ----------
    operator : Operator
        Smooth, and a function of one variable.
    low, high : Fraction or None
        None: without end.
    error : Fraction
        Positive.

    Returns
    -------
    Spline
        Its ``bound`` is proved and at most ``error``.

    Raises
    ------
    LimitError
        If more than 10,000 pieces are needed.
    """
    exact_one = _affine(operator, low, high)
    if exact_one is not None:
        return exact_one
    size = _size(operator, low, high)
    precision = 64 + max(0, _log2(size) - _log2(error)) + max(0, _log2(size))
    precision += max(0, -_log2(error) // 8)
    curve = curve_of(operator, precision + 32)
    fitter = _Fitter(operator, curve, (low, high), error, precision)
    for share in (Fraction(127, 128), Fraction(15, 16), Fraction(1, 2), Fraction(1, 8)):
        spline = fitter.best(error * share)
        pieces = spline.pieces(low, high)
        bound = sup_error(curve, pieces, spline.bound / 4096, 2 * precision)
        if bound <= error and (spline.convex or not curve.convex):
            return Spline(spline.breaks, spline.slopes, spline.offsets, bound)
    raise UndecidedError(
        f"{operator.label}: no spline within {_brief(error)} of {operator.kind} could be proved; "
        "give a larger error"
    )


def _affine(operator: Operator, low: Bound, high: Bound) -> Spline | None:
    """ELU is affine from 0 on, and with alpha 0 it is a ReLU: nothing to approximate.

    The hard swish is affine up to -3 and from 3 on.
    """
    zero, one = Fraction(0), Fraction(1)
    if isinstance(operator, HardSwish):
        if high is not None and high <= -3:
            return Spline((), (zero,), (zero,))
        return Spline((), (one,), (zero,)) if low is not None and low >= 3 else None
    if not isinstance(operator, ELU):
        return None
    if low is not None and low >= 0:
        return Spline((), (one,), (zero,))
    if operator.alpha:
        return None
    if high is not None and high <= 0:
        return Spline((), (zero,), (zero,))
    return Spline((zero,), (zero, one), (zero, zero))


def _brief(value: Fraction) -> str:
    text = format_rational(value)
    return text if len(text) <= 24 else f"about 2^{_log2(value)}"


def _log2(value: Fraction) -> int:
    """About the logarithm of a positive rational."""
    return value.numerator.bit_length() - value.denominator.bit_length()


def _size(operator: Operator, low: Bound, high: Bound) -> Fraction:
    """About the largest numbers that occur: slopes, and the interval where f bends."""
    beta, alpha = getattr(operator, "beta", Fraction(1)), getattr(operator, "alpha", Fraction(1))
    ends = [abs(end) for end in (low, high) if end is not None]
    return max(Fraction(1), abs(alpha), 1 / beta, *ends)


class _Fitter:
    """Finds splines of one function on one interval for any error."""

    def __init__(
        self, operator: Operator, curve: Curve, interval: tuple[Bound, Bound], error: Fraction,
        precision: int,
    ) -> None:  # fmt: skip
        self.operator, self.curve, self.error = operator, curve, error
        self.mirror = curve.mirrored()
        (self.low, self.high), self.precision = interval, precision
        self.parts = curve.without_brackets()
        self.mirror_parts = self.mirror.without_brackets()

    def best(self, eps: Fraction) -> Spline:
        """The fewest pieces found for an error, and then the smallest error for that many.

        ``bound`` of the result is the error aimed at.
        """
        with flint.ctx.workprec(self.precision):
            if self.low is not None and self.low == self.high:
                value = _on_grid(exact(self.curve.value(self.low)), eps * _ROUNDING, 0)
                return Spline((), (Fraction(0),), (value,), eps)
            self._refuse_too_many(eps)
            out = self._fewest(eps)
            n = len(out.slopes)
            if n > _BALANCED:
                return out
            worse, good = eps / 16, eps
            for _ in range(7):
                if good - worse < good / 64:
                    break
                middle = (worse + good) / 2
                found = self._fewest(middle)
                if len(found.slopes) <= n:
                    out, good = found, middle
                else:
                    worse = middle
            return out

    def _fewest(self, eps: Fraction) -> Spline:
        quantum = self._quantum(eps)
        starts = self._starts(eps, quantum)
        stops = self._stops(eps, quantum)
        found: list[Spline] = []
        for start in starts:
            for stop in stops:
                found.append(self._attempt(start, stop, eps, quantum))
                if len(found[0].slopes) > _BALANCED:  # one piece less would not matter
                    return found[0]
        return min(found, key=lambda s: len(s.slopes))

    def _quantum(self, eps: Fraction) -> Fraction:
        """A power of two that is small against every piece."""
        power = (_log2(eps) - _log2(self.curve.curvature) + 4) // 2
        if self.curve.jump:
            power = min(power, _log2(eps) - _log2(self.curve.jump) + 2)
        return _power(power - 6)

    def _starts(self, eps: Fraction, quantum: Fraction) -> list[_Line | int]:
        """Lines along the left asymptote, or above (1) or below (-1) f where f begins."""
        out: list[_Line | int] = []
        line = _tail_line(self.curve, self.low, self.high, eps, quantum)
        if line is not None:
            out.append(line)
        if self.low is not None and (line is None or _close(line.end, self.low, quantum)):
            bend = self.curve.part_at(self.low).bend or 1
            out += [-bend, bend]
        return out

    def _stops(self, eps: Fraction, quantum: Fraction) -> list[_Line | None]:
        """Lines along the right asymptote, or no condition where f ends."""
        out: list[_Line | None] = []
        line = _tail_line(self.mirror, _negative(self.high), _negative(self.low), eps, quantum)
        if line is not None:
            end = _negative(line.end)
            out.append(_Line(end, -line.slope, line.offset))
        if self.high is not None and (line is None or _close(line.end, -self.high, quantum)):
            out.append(None)
        return out

    def _refuse_too_many(self, eps: Fraction) -> None:
        """Estimate the integral of sqrt|f''| from above, and refuse what would take long."""
        quantum = self._quantum(eps)
        start, stop = self._starts(eps, quantum)[0], self._stops(eps, quantum)[0]
        a = start.end if isinstance(start, _Line) else self.low
        b = stop.end if isinstance(stop, _Line) else self.high
        if a is None or b is None or a >= b:
            return
        total = 0.0
        for part in self.parts:
            p, q = a, b
            if part.low is not None:
                p = max(p, part.low)
            if part.high is not None:
                q = min(q, part.high)
            if p >= q:
                continue
            step = (q - p) / 64
            slopes = [part.slope(ball(p + step * i)).mid() for i in range(65)]
            for s, t in itertools.pairwise(slopes):
                total += math.sqrt(float(abs(t - s) * ball(step / (16 * eps))))
        if total > 2 * MAX_PIECES:
            raise self._too_many(f"about {total:.2g}")

    def _too_many(self, count: str) -> LimitError:
        what = "" if self.operator.label == self.operator.kind else f" ({self.operator.kind})"
        return LimitError(
            f"{self.operator.label}{what}: an error of {_brief(self.error)} takes {count} pieces, "
            f"and at most {MAX_PIECES:,} are made; give a larger error or a smaller domain"
        )

    def _attempt(
        self, start: _Line | int, stop: _Line | None, eps: Fraction, quantum: Fraction
    ) -> Spline:
        for line in (start, stop):
            if isinstance(line, _Line) and line.end is None:
                return Spline((), (line.slope,), (line.offset,), eps)
        goal: Point | None = None
        if isinstance(start, _Line):
            assert start.end is not None
            first = start.end, start.at(start.end)
        else:
            assert self.low is not None
            a = math.floor(self.low / quantum) * quantum
            value = exact(self.curve.value(a)) + start * eps
            first = a, _on_grid(value, eps * _ROUNDING, -start)
        if stop is None:
            assert self.high is not None
            limit = math.ceil(self.high / quantum) * quantum
        else:
            assert stop.end is not None
            limit = stop.end
            goal = limit, stop.at(limit)
        if first[0] >= limit:
            first, goal, limit = self._overlap(start, stop, first[0], limit)
        points = [first] if first[0] == limit else self._walk(first, goal, limit, eps)
        return _assembled(points, start if isinstance(start, _Line) else None, stop, eps)

    def _overlap(
        self, start: _Line | int, stop: _Line | None, a: Fraction, b: Fraction
    ) -> tuple[Point, Point, Fraction]:
        """Both asymptotes hold on [b, a]: they cross there, or a line from one to the other."""
        assert isinstance(start, _Line)
        assert isinstance(stop, _Line)
        if start.slope != stop.slope:
            x = (stop.offset - start.offset) / (start.slope - stop.slope)
            if b <= x <= a:
                return (x, start.at(x)), (x, stop.at(x)), x
        return (b, start.at(b)), (a, stop.at(a)), a

    def _walk(
        self, first: Point, goal: Point | None, limit: Fraction, eps: Fraction
    ) -> list[Point]:
        """Corners of a spline from a point to a goal, or to any value at the limit."""
        path, behind = [first], list[Point]()
        e, step = ball(eps), ball(self._quantum(eps) * 64)
        while True:
            if len(path) + len(behind) > MAX_PIECES:
                raise self._too_many("more")
            a, y = path[-1]
            far = reach(self.parts, ball(a), ball(y), e, ball(limit), step)
            if far.side:
                path.append(_corner(self.curve, a, y, exact(far.end), far.side, eps))
                step = ball(path[-1][0] - a)
                continue
            if goal is None:
                middle = exact((far.low + far.high) / 2)
                path.append((limit, y + middle * (limit - a)))
                return path
            direct = (goal[1] - y) / (limit - a)
            forth = _clipped(direct, exact(far.low), exact(far.high))
            if abs(forth - direct) * (limit - a) <= eps * _ROUNDING:
                return [*path, goal, *behind]
            back = reach(self.mirror_parts, ball(-limit), ball(goal[1]), e, ball(-a), step)
            behind.insert(0, goal)
            if back.side:
                b, v = _corner(self.mirror, -limit, goal[1], exact(back.end), back.side, eps)
                goal, limit = (-b, v), -b
                continue
            # the direct line leaves the tunnel on one side; two lines round that place meet
            other = _clipped(direct, exact(-back.high), exact(-back.low))
            if other != forth:
                x = (goal[1] - other * limit - y + forth * a) / (forth - other)
                if a < x < limit:
                    x = a + _on_grid(x - a, min(x - a, limit - x) * _ROUNDING, 0)
                    path.append((x, y + forth * (x - a)))
            return [*path, *behind]


@dataclass(frozen=True)
class _Line:
    """A line along an asymptote, and where it ends (None: it serves the whole interval)."""

    end: Bound
    slope: Fraction
    offset: Fraction

    def at(self, x: Fraction) -> Fraction:
        return self.slope * x + self.offset


def _tail_line(
    curve: Curve, low: Bound, high: Bound, eps: Fraction, quantum: Fraction
) -> _Line | None:
    """The line along the left asymptote, None if the interval begins where it has ended."""
    found: Tail = tail(curve, ball(eps), ball(quantum * 64))
    end = None if found.end is None else math.floor(exact(found.end) / quantum) * quantum
    if end is not None and low is not None and end <= low:
        return None
    if end is not None and high is not None and end >= high:
        end = None
    slope, offset = curve.left
    offset = _on_grid(offset + exact(found.shift), eps * _ROUNDING, -found.side)
    return _Line(end, slope, offset)


def _close(end: Bound, low: Fraction, quantum: Fraction) -> bool:
    """Whether the end of an asymptote's line is some pieces at most from an end."""
    return end is not None and abs(end - low) <= 4096 * quantum


def _corner(
    curve: Curve, a: Fraction, y: Fraction, end: Fraction, side: int, eps: Fraction
) -> Point:
    """The last point of a piece, rounded towards the start and into the tunnel."""
    length = _on_grid(end - a, (end - a) * _ROUNDING, -1)
    value = exact(curve.value(a + length)) + side * eps
    slope = _on_grid((value - y) / length, eps * _ROUNDING / length, -side)
    return a + length, y + slope * length


def _assembled(
    points: Sequence[Point], start: _Line | None, stop: _Line | None, eps: Fraction
) -> Spline:
    """The spline through points (values but the first are aims) and along asymptotes."""
    x, y = points[0]
    breaks: list[Fraction] = []
    pieces: list[tuple[Fraction, Fraction]] = []
    if start is not None:
        pieces.append((start.slope, start.offset))
        breaks.append(x)
    for at, aim in points[1:]:
        slope = _on_grid((aim - y) / (at - x), eps * _ROUNDING / (at - x), 0)
        pieces.append((slope, y - slope * x))
        x, y = at, y + slope * (at - x)
        breaks.append(x)
    if stop is not None:
        pieces.append((stop.slope, y - stop.slope * x))
    else:
        breaks.pop()
    kept_breaks, kept = [], [pieces[0]]
    for at, piece in zip(breaks, pieces[1:], strict=True):
        if piece != kept[-1]:
            kept_breaks.append(at)
            kept.append(piece)
    slopes, offsets = zip(*kept, strict=True)
    return Spline(tuple(kept_breaks), slopes, offsets, eps)


def _power(exponent: int) -> Fraction:
    return Fraction(1 << exponent) if exponent >= 0 else Fraction(1, 1 << -exponent)


def _on_grid(value: Fraction, unit: Fraction, direction: int) -> Fraction:
    """A multiple of the power of two below ``unit``: nearest (0), at or above (1), or below."""
    grid = _power(_log2(unit) - 1)
    if direction == 0:
        return round(value / grid) * grid
    return (math.ceil(value / grid) if direction > 0 else math.floor(value / grid)) * grid


def _clipped(value: Fraction, low: Fraction, high: Fraction) -> Fraction:
    return min(max(value, low), high)


def _negative(value: Bound) -> Bound:
    return None if value is None else -value
