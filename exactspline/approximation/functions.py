"""The smooth scalar functions: rigorous values and slopes, where they bend, and where they tend.

What is proved about a spline rests on four facts a function states here: enclosures of f and
f' in ball arithmetic; intervals on which f is convex or concave; brackets of the points where
f' changes its sign; and the affine functions f tends to.

The signs of f'' come from these identities (s is the logistic function, phi the normal density):

- sigmoid: s'' = s' (1 - 2 s). Tanh: t'' = -2 t (1 - t^2). Softplus: beta s' (beta u) > 0.
- SiLU: s' (2 - u tanh(u / 2)). GELU: phi (2 - u^2).
- GELU with tanh, w = c (u + a u^3): (1 - t^2) (c (1 + 6 a u^2) - u tanh(w) w'^2). Divided by
  c (1 + 6 a u^2) the bracket is 1 - c u tanh(w) (1 + 9 a^2 u^4 / (1 + 6 a u^2)).

The last factors of SiLU and both GELUs are even and fall on u > 0, so each has one positive
zero, the inflection. It is bracketed by signs that ball arithmetic proves.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

import flint

from ..errors import UnsupportedOperatorError
from ..network.operator import Operator
from ..network.smooth import ELU, GELU, HardSwish, Sigmoid, SiLU, Softplus, Tanh

__all__ = ["TINIEST", "Curve", "Part", "ball", "curve_of", "exact"]

Ball = flint.arb
Evaluate = Callable[[Ball], Ball]
Bracket = tuple[Fraction, Fraction]

TINIEST = 200_000  # exp(-1e30) has no place in a rational; parameters stay far above this

_ZERO, _ONE = Fraction(0), Fraction(1)


def ball(value: Fraction | int) -> Ball:
    """A rational as a ball of the working precision."""
    return Ball(flint.fmpq(value.numerator, value.denominator))


def exact(value: Ball) -> Fraction:
    """The midpoint of a finite ball as a rational; below 2^-TINIEST it counts as 0."""
    mantissa, exponent = value.mid().man_exp()
    m = int(mantissa)
    if m == 0 or exponent + m.bit_length() < -TINIEST:
        return _ZERO
    e = int(exponent)
    return Fraction(m << e) if e >= 0 else Fraction(m, 1 << -e)


@dataclass(frozen=True)
class Part:
    """An interval on which a function does not change its curvature.

    Attributes
    ----------
    low, high : Fraction or None
        None: without end.
    bend : int or None
        1: convex, -1: concave, 0: affine. None: unknown; only on the tiny bracket of an
        inflection.
    value, slope : callables
        Enclosures of f and f' on balls inside the part.
    """

    low: Fraction | None
    high: Fraction | None
    bend: int | None
    value: Evaluate
    slope: Evaluate


@dataclass(frozen=True)
class Curve:
    """A smooth scalar function, known well enough to prove bounds.

    Attributes
    ----------
    parts : tuple of Part
        From left to right, meeting at their ends.
    left, right : (Fraction, Fraction)
        Slope and offset of the affine functions f tends to.
    turns : tuple of (Fraction, Fraction)
        Brackets of the points where f' changes its sign or f has a kink: f is monotone between.
    curvature, jump : Fraction
        About the largest |f''| and |jump of f'|; for the choice of grids, never for a proof.
    convex : bool
        Whether f is convex on the whole line.
    """

    parts: tuple[Part, ...]
    left: tuple[Fraction, Fraction]
    right: tuple[Fraction, Fraction]
    turns: tuple[Bracket, ...]
    curvature: Fraction
    jump: Fraction = _ZERO
    convex: bool = False

    def part_at(self, x: Fraction) -> Part:
        """A part that holds a point."""
        return next(p for p in self.parts if p.high is None or x <= p.high)

    def value(self, x: Fraction) -> Ball:
        """An enclosure of f(x)."""
        return self.part_at(x).value(ball(x))

    def mirrored(self) -> Curve:
        """The function u -> f(-u)."""
        parts = tuple(_mirrored(p) for p in reversed(self.parts))
        (a, b), (c, d) = self.left, self.right
        turns = tuple((-high, -low) for low, high in reversed(self.turns))
        return Curve(parts, (-c, d), (-a, b), turns, self.curvature, self.jump, self.convex)

    def without_brackets(self) -> tuple[Part, ...]:
        """The parts with every bracket of an inflection shared between its neighbours."""
        out: list[Part] = []
        for part in self.parts:
            if part.bend is not None:
                out.append(part)
        for i in range(len(out) - 1):
            here, after = out[i], out[i + 1]
            if here.high != after.low:
                assert here.high is not None
                assert after.low is not None
                middle = (here.high + after.low) / 2
                out[i] = Part(here.low, middle, here.bend, here.value, here.slope)
                out[i + 1] = Part(middle, after.high, after.bend, after.value, after.slope)
        return tuple(out)


def _mirrored(part: Part) -> Part:
    low = None if part.high is None else -part.high
    high = None if part.low is None else -part.low
    value, slope = part.value, part.slope
    return Part(low, high, part.bend, lambda x: value(-x), lambda x: -slope(-x))


def curve_of(operator: Operator, precision: int) -> Curve:
    """The function of a smooth operator.

    Parameters
    ----------
    operator : Operator
    precision : int
        Brackets of inflections are 2^-precision wide at most.

    Raises
    ------
    UnsupportedOperatorError
        For an operator that is no scalar function.
    """
    if isinstance(operator, Softplus):
        return _softplus(operator.beta)
    if isinstance(operator, ELU):
        return _elu(operator.alpha)
    if isinstance(operator, Sigmoid):
        return _s_shaped(_sigmoid, _sigmoid_slope, _ZERO, Fraction(1, 10))
    if isinstance(operator, Tanh):
        return _s_shaped(_tanh, _tanh_slope, -_ONE, Fraction(77, 100))
    if isinstance(operator, HardSwish):
        return _hard_swish()
    if isinstance(operator, SiLU):
        return _gated("silu", precision)
    if isinstance(operator, GELU):
        return _gated(f"gelu {operator.approximate}", precision)
    raise UnsupportedOperatorError(
        f"{operator.label}: {operator.kind} is no smooth function of one variable that can be "
        "approximated; Softmax and LogSoftmax are only supported at the output of a network"
    )


def _sigmoid(x: Ball) -> Ball:
    if x.mid() >= 0:
        return 1 / (1 + (-x).exp())
    small = x.exp()
    return small / (1 + small)


def _sigmoid_slope(x: Ball) -> Ball:
    small = (-x if x.mid() >= 0 else x).exp()  # s' is even, and this never overflows
    return small / (1 + small) ** 2


def _tanh(x: Ball) -> Ball:
    return x.tanh()


def _tanh_slope(x: Ball) -> Ball:
    return 4 * _sigmoid_slope(2 * x)


def _s_shaped(value: Evaluate, slope: Evaluate, low: Fraction, curvature: Fraction) -> Curve:
    parts = Part(None, _ZERO, 1, value, slope), Part(_ZERO, None, -1, value, slope)
    return Curve(parts, (_ZERO, low), (_ZERO, _ONE), (), curvature)


def _softplus(beta: Fraction) -> Curve:
    def value(x: Ball) -> Ball:
        b = ball(beta)
        scaled = b * x
        if scaled.mid() > 0:
            return x + (-scaled).exp().log1p() / b
        return scaled.exp().log1p() / b

    def slope(x: Ball) -> Ball:
        return _sigmoid(ball(beta) * x)

    part = Part(None, None, 1, value, slope)
    return Curve((part,), (_ZERO, _ZERO), (_ONE, _ZERO), (), beta / 4, convex=True)


def _elu(alpha: Fraction) -> Curve:
    def value(x: Ball) -> Ball:
        return ball(alpha) * x.expm1()

    def slope(x: Ball) -> Ball:
        return ball(alpha) * x.exp()

    parts = (
        Part(None, _ZERO, (alpha > 0) - (alpha < 0), value, slope),
        Part(_ZERO, None, 0, lambda x: x, lambda x: Ball(1)),
    )
    left, right = (_ZERO, -alpha), (_ONE, _ZERO)
    kink = abs(1 - alpha)
    return Curve(parts, left, right, ((_ZERO, _ZERO),), abs(alpha), kink, 0 <= alpha <= 1)


def _hard_swish() -> Curve:
    """A parabola between two lines, which it meets in kinks: f' falls by 1/2 at -3 and at 3."""
    parts = (
        Part(None, Fraction(-3), 0, lambda x: Ball(0), lambda x: Ball(0)),
        Part(Fraction(-3), Fraction(3), 1, lambda x: x * (x + 3) / 6, lambda x: (2 * x + 3) / 6),
        Part(Fraction(3), None, 0, lambda x: x, lambda x: Ball(1)),
    )
    turns = tuple((at, at) for at in (Fraction(-3), Fraction(-3, 2), Fraction(3)))
    return Curve(parts, (_ZERO, _ZERO), (_ONE, _ZERO), turns, Fraction(1, 3), Fraction(1, 2))


@lru_cache(maxsize=64)
def _gated(kind: str, precision: int) -> Curve:
    """SiLU and GELU: convex around 0 and concave outside, u times something sigmoid."""
    value, slope, bend = _GATED[kind]
    with flint.ctx.workprec(precision + 64):
        at = _bracket(bend, Fraction(1), Fraction(4), precision)
        outer, inner = at[1], at[0]
        # f' grows on the convex part from f'(-outer) < 0 to f'(0) = 1/2, and on the concave
        # part left of it falls from 0, so f has one minimum and turns nowhere else
        turn = _bracket(lambda x: -slope(x), -inner, _ZERO, 60)
    parts = (
        Part(None, -outer, -1, value, slope),
        Part(-outer, -inner, None, value, slope),
        Part(-inner, inner, 1, value, slope),
        Part(inner, outer, None, value, slope),
        Part(outer, None, -1, value, slope),
    )
    return Curve(parts, (_ZERO, _ZERO), (_ONE, _ZERO), (turn,), Fraction(4, 5))


def _bracket(falling: Evaluate, low: Fraction, high: Fraction, bits: int) -> Bracket:
    """An interval of width 2^-bits at most round the one zero of a falling function."""
    while high - low > Fraction(1, 1 << bits):
        middle = (low + high) / 2
        sign = falling(ball(middle))
        if sign > 0:
            low = middle
        elif sign < 0:
            high = middle
        else:  # too close to the zero to tell: shrink from both sides
            quarter = (high - low) / 4
            if falling(ball(low + quarter)) > 0:
                low += quarter
            if falling(ball(high - quarter)) < 0:
                high -= quarter
    return low, high


def _silu(x: Ball) -> Ball:
    return x * _sigmoid(x)


def _silu_slope(x: Ball) -> Ball:
    return _sigmoid(x) + x * _sigmoid_slope(x)


def _silu_bend(x: Ball) -> Ball:
    return 2 - x * (x / 2).tanh()


def _gelu(x: Ball) -> Ball:
    return x / 2 * (-x / Ball(2).sqrt()).erfc()


def _gelu_slope(x: Ball) -> Ball:
    density = (-x * x / 2).exp() / (2 * Ball.pi()).sqrt()
    return (-x / Ball(2).sqrt()).erfc() / 2 + x * density


def _gelu_bend(x: Ball) -> Ball:
    return 2 - x * x


def _inner(x: Ball) -> tuple[Ball, Ball]:
    """w = sqrt(2 / pi) (u + 0.044715 u^3) and w'."""
    c, a = (2 / Ball.pi()).sqrt(), ball(Fraction(44715, 10**6))
    return c * x * (1 + a * x * x), c * (1 + 3 * a * x * x)


def _gelu_tanh(x: Ball) -> Ball:
    return x * _sigmoid(2 * _inner(x)[0])


def _gelu_tanh_slope(x: Ball) -> Ball:
    w, dw = _inner(x)
    return _sigmoid(2 * w) + 2 * x * dw * _sigmoid_slope(2 * w)


def _gelu_tanh_bend(x: Ball) -> Ball:
    w, dw = _inner(x)
    c, a = (2 / Ball.pi()).sqrt(), ball(Fraction(44715, 10**6))
    return c * (1 + 6 * a * x * x) - x * w.tanh() * dw * dw


_GATED: dict[str, tuple[Evaluate, Evaluate, Evaluate]] = {
    "silu": (_silu, _silu_slope, _silu_bend),
    "gelu none": (_gelu, _gelu_slope, _gelu_bend),
    "gelu tanh": (_gelu_tanh, _gelu_tanh_slope, _gelu_tanh_bend),
}
