"""Continuous scalar piecewise-affine units: one breakpoint or many.

All of them are breakpoints and one affine piece an interval; at a breakpoint the lower piece
counts. Pieces may differ from entry to entry (PReLU), breakpoints are shared.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from fractions import Fraction
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np

from ..compile.builder import Builder, Tensor
from ..errors import ParameterError, ShapeError, UnsupportedOperatorError
from ..rationals import as_fractions, exact_array, nearest_float, to_fraction
from .operator import Fields, Operator, Shape, brief, decimal, numeric, operator

__all__ = [
    "Abs",
    "Clip",
    "HardSigmoid",
    "LeakyReLU",
    "MaxLeaky",
    "PReLU",
    "ReLU",
    "ScalarSpline",
    "Threshold",
]

_ZERO, _ONE = Fraction(0), Fraction(1)
Coefficients = tuple[np.ndarray, np.ndarray]  # slope and offset: scalars, or of the input's shape


def scalars(*values: Fraction) -> tuple[np.ndarray, ...]:
    """Coefficients that are the same for every entry."""
    return tuple(exact_array(v) for v in values)


class Scalar(Operator):
    """A unit for every entry: increasing breakpoints, and one piece more than breakpoints."""

    @abstractmethod
    def spline(self, shape: Shape) -> tuple[tuple[Fraction, ...], list[Coefficients]]:
        """Breakpoints, and slope and offset of every piece for an input of the given shape.

        Examples
        --------
        >>> breaks, pieces = ReLU().spline((1,))
        >>> breaks, [(float(slope), float(offset)) for slope, offset in pieces]
        ((Fraction(0, 1),), [(0.0, 0.0), (1.0, 0.0)])
        """

    def output_shape(self, shape: Shape) -> Shape:
        return shape

    def forward(self, x: np.ndarray) -> np.ndarray:
        breaks, pieces = self.spline(x.shape[1:])
        zero: Any = _ZERO if x.dtype == object else 0.0
        slope, offset = pieces[0]
        out = numeric(slope, x)[()] * x + numeric(offset, x)[()]
        for at, (slope, offset) in zip(breaks, pieces[1:], strict=True):
            above = x > (at if x.dtype == object else _float_below(at))
            out = np.where(above, numeric(slope, x)[()] * x + numeric(offset, x)[()], out)
        return out + zero  # turns -0.0 into 0.0

    def lower(self, builder: Builder, x: Tensor) -> Tensor:
        breaks, pieces = self.spline(x.shape)
        n = math.prod(x.shape)
        if all(slope.ndim == 0 and offset.ndim == 0 for slope, offset in pieces):
            row: list[Any] = [(as_fractions(s)[()], as_fractions(c)[()]) for s, c in pieces]
            return builder.scalar_units(x, [breaks] * n, [row] * n)
        columns = []
        for slope, offset in pieces:
            slopes = np.broadcast_to(as_fractions(slope), x.shape).reshape(-1).tolist()
            offsets = np.broadcast_to(as_fractions(offset), x.shape).reshape(-1).tolist()
            columns.append(list(zip(slopes, offsets, strict=True)))
        rows = list(zip(*columns, strict=True))
        return builder.scalar_units(x, [breaks] * n, rows)


def _float_below(at: Fraction) -> float:
    """The largest float64 at or below a number: a float64 above it is above the number, too."""
    out = nearest_float(at)
    return out if Fraction(out) <= at else math.nextafter(out, -math.inf)


@operator
class ReLU(Scalar):
    """max(u, 0): piece 0 is off, piece 1 is on.

    Examples
    --------
    >>> ReLU().forward(np.array([[-1.0, 2.0]]))
    array([[0., 2.]])
    """

    def spline(self, shape: Shape) -> tuple[tuple[Fraction, ...], list[Coefficients]]:
        zero, one = scalars(_ZERO, _ONE)
        return (_ZERO,), [(zero, zero), (one, zero)]


@operator
class Abs(Scalar):
    """The absolute value: piece 0 is -u, piece 1 is u.

    Examples
    --------
    >>> Abs().forward(np.array([[-2.0, 3.0]])).tolist()
    [[2.0, 3.0]]
    """

    def spline(self, shape: Shape) -> tuple[tuple[Fraction, ...], list[Coefficients]]:
        zero, one, minus = scalars(_ZERO, _ONE, -_ONE)
        return (_ZERO,), [(minus, zero), (one, zero)]


@operator
class LeakyReLU(Scalar):
    """torch's and ONNX's leaky ReLU: slope * u for u < 0, u from 0 on, for every slope.

    Parameters
    ----------
    slope : number
        Any finite number; with slope 1 the unit is the identity and has no boundary.
        Above 1 the unit is concave. The theory's max(eta u, u) is `MaxLeaky`.

    Examples
    --------
    >>> LeakyReLU("1/10").forward(np.array([[-20.0, 3.0]])).tolist()
    [[-2.0, 3.0]]
    """

    FIELDS: ClassVar[Fields] = {"slope": "number"}

    def __init__(self, slope: Any = Fraction(1, 100), *, name: str = "") -> None:
        self.name = name
        self.slope = to_fraction(slope, f"slope of {self.label}")

    @property
    def parameters(self) -> int:
        return 1

    def describe(self) -> str:
        return f"LeakyReLU (slope {decimal(self.slope)})"

    def spline(self, shape: Shape) -> tuple[tuple[Fraction, ...], list[Coefficients]]:
        zero, one, slope = scalars(_ZERO, _ONE, self.slope)
        return (_ZERO,), [(slope, zero), (one, zero)]


@operator
class MaxLeaky(Scalar):
    """The theory's leaky ReLU max(eta u, u), convex for every eta.

    Parameters
    ----------
    eta : number
        Up to 1 it is `LeakyReLU`; above 1 it is u below 0 and eta u from 0 on.

    References
    ----------
    Balestriero, Baraniuk, "A Spline Theory of Deep Networks", ICML 2018, section 3.

    Examples
    --------
    >>> MaxLeaky(2).forward(np.array([[-1.0, 3.0]])).tolist()  # max(2 u, u)
    [[-1.0, 6.0]]
    """

    FIELDS: ClassVar[Fields] = {"eta": "number"}

    def __init__(self, eta: Any, *, name: str = "") -> None:
        self.name = name
        self.eta = to_fraction(eta, f"eta of {self.label}")

    @property
    def parameters(self) -> int:
        return 1

    def describe(self) -> str:
        return f"MaxLeaky (eta {decimal(self.eta)})"

    def spline(self, shape: Shape) -> tuple[tuple[Fraction, ...], list[Coefficients]]:
        zero, low, high = scalars(_ZERO, min(self.eta, _ONE), max(self.eta, _ONE))
        return (_ZERO,), [(low, zero), (high, zero)]


@operator
class PReLU(Scalar):
    """Leaky ReLU with stored slopes.

    Parameters
    ----------
    slope : array_like
        One number, or an array that broadcasts (NumPy's rule, as ONNX says) to the input's
        shape. For torch's one slope a channel give an array of shape (channels, 1, 1).

    Examples
    --------
    >>> PReLU([0, "1/2"]).forward(np.array([[-2.0, -2.0]])).tolist()
    [[0.0, -1.0]]
    """

    FIELDS: ClassVar[Fields] = {"slope": "array"}

    def __init__(self, slope: Any, *, name: str = "") -> None:
        self.name = name
        self.slope = exact_array(slope, f"slope of {self.label}")

    def describe(self) -> str:
        return f"PReLU ({self.slope.size} slopes)"

    def output_shape(self, shape: Shape) -> Shape:
        try:
            np.broadcast_to(self.slope, shape)
        except ValueError:
            raise ShapeError(
                f"slopes of shape {self.slope.shape} do not broadcast to an input of shape {shape}"
            ) from None
        return shape

    def spline(self, shape: Shape) -> tuple[tuple[Fraction, ...], list[Coefficients]]:
        self.output_shape(shape)
        zero, one = scalars(_ZERO, _ONE)
        return (_ZERO,), [(np.broadcast_to(self.slope, shape), zero), (one, zero)]


@operator
class Clip(Scalar):
    """min(max(u, low), high): ReLU6 is ``Clip(0, 6)``, hard tanh ``Clip(-1, 1)``.

    Parameters
    ----------
    low, high : number, optional
        None leaves a side open.

    Raises
    ------
    ParameterError
        If low > high.

    Examples
    --------
    >>> Clip(0, 6).forward(np.array([[-1.0, 2.0, 7.0]]))
    array([[0., 2., 6.]])
    """

    FIELDS: ClassVar[Fields] = {"low": "optional number", "high": "optional number"}
    DEFAULTS: ClassVar[dict[str, str]] = {"low": "none, that side is open", "high": "none"}

    def __init__(self, low: Any = None, high: Any = None, *, name: str = "") -> None:
        self.name = name
        self.low = None if low is None else to_fraction(low, f"low of {self.label}")
        self.high = None if high is None else to_fraction(high, f"high of {self.label}")
        if self.low is not None and self.high is not None and self.low > self.high:
            raise ParameterError(
                f"{self.label}: low {brief(self.low)} is above high {brief(self.high)}"
            )

    def describe(self) -> str:
        ends = [("-inf", self.low), ("inf", self.high)]
        low, high = (t if v is None else f"{decimal(v)}" for t, v in ends)
        return f"Clip to [{low}, {high}]"

    def spline(self, shape: Shape) -> tuple[tuple[Fraction, ...], list[Coefficients]]:
        zero, one = scalars(_ZERO, _ONE)
        if self.low is not None and self.low == self.high:
            return (), [(zero, exact_array(self.low))]
        breaks, pieces = [], [(one, zero)]
        if self.low is not None:
            breaks.append(self.low)
            pieces.insert(0, (zero, exact_array(self.low)))
        if self.high is not None:
            breaks.append(self.high)
            pieces.append((zero, exact_array(self.high)))
        return tuple(breaks), pieces


@operator
class HardSigmoid(Scalar):
    """min(max(alpha u + beta, 0), 1).

    Parameters
    ----------
    alpha, beta : number
        1/6 and 1/2 by default, exactly, as torch defines it. ONNX stores its alpha as a
        float32; Keras' is 1/5 (1/6 since version 3).

    Examples
    --------
    >>> HardSigmoid().forward(np.array([[-9.0, 0.0, 1.5, 9.0]])).tolist()
    [[0.0, 0.5, 0.75, 1.0]]
    """

    FIELDS: ClassVar[Fields] = {"alpha": "number", "beta": "number"}

    def __init__(
        self, alpha: Any = Fraction(1, 6), beta: Any = Fraction(1, 2), *, name: str = ""
    ) -> None:
        self.name = name
        self.alpha = to_fraction(alpha, f"alpha of {self.label}")
        self.beta = to_fraction(beta, f"beta of {self.label}")

    def describe(self) -> str:
        return f"HardSigmoid (slope {decimal(self.alpha)})"

    def spline(self, shape: Shape) -> tuple[tuple[Fraction, ...], list[Coefficients]]:
        zero, one, slope, offset = scalars(_ZERO, _ONE, self.alpha, self.beta)
        if self.alpha == 0:
            return (), [(zero, exact_array(min(max(self.beta, _ZERO), _ONE)))]
        ends = (-self.beta / self.alpha, (1 - self.beta) / self.alpha)
        outer = [(zero, zero), (zero, one)]
        if self.alpha < 0:
            outer.reverse()
        return (min(ends), max(ends)), [outer[0], (slope, offset), outer[1]]


@operator
class Threshold(Scalar):
    """torch's threshold: u above the threshold, else a value, which must be the threshold.

    Parameters
    ----------
    threshold, value : number

    Raises
    ------
    UnsupportedOperatorError
        If they differ: the function would jump.

    Examples
    --------
    >>> Threshold(1, 1).forward(np.array([[0.0, 3.0]])).tolist()
    [[1.0, 3.0]]
    """

    FIELDS: ClassVar[Fields] = {"threshold": "number", "value": "number"}

    def __init__(self, threshold: Any = 0, value: Any = 0, *, name: str = "") -> None:
        self.name = name
        self.threshold = to_fraction(threshold, f"threshold of {self.label}")
        self.value = to_fraction(value, f"value of {self.label}")
        _no_jump(self.threshold, self.value, self.threshold, self.label)

    def describe(self) -> str:
        return f"Threshold ({decimal(self.threshold)})"

    def spline(self, shape: Shape) -> tuple[tuple[Fraction, ...], list[Coefficients]]:
        zero, one, value = scalars(_ZERO, _ONE, self.value)
        return (self.threshold,), [(zero, value), (one, zero)]


@operator
class ScalarSpline(Scalar):
    """Any continuous scalar piecewise-affine function, applied to every entry.

    Parameters
    ----------
    breakpoints : sequence of numbers
        Increasing; none gives an affine function.
    slopes : sequence of numbers
        One more than breakpoints.
    offsets : sequence of numbers, optional
        Piece r is ``slopes[r] * u + offsets[r]``. Without offsets the function is made
        continuous, with the value 0 at u = 0.

    Raises
    ------
    UnsupportedOperatorError
        If the pieces do not meet at a breakpoint: the message has the point and the jump.
    ParameterError, ShapeError
        If the breakpoints do not increase, or the lengths do not fit.

    Examples
    --------
    >>> hat = ScalarSpline([0, 1, 2], [0, 1, -1, 0], [0, 0, 2, 0])
    >>> hat.forward(np.array([[-1.0, 0.5, 1.5, 3.0]]))
    array([[0. , 0.5, 0.5, 0. ]])
    """

    computes = True
    FIELDS: ClassVar[Fields] = {"breakpoints": "array", "slopes": "array", "offsets": "array"}
    DEFAULTS: ClassVar[dict[str, str]] = {"offsets": "those of the continuous spline through 0"}

    def __init__(
        self,
        breakpoints: Any,
        slopes: Any,
        offsets: Any = None,
        *,
        name: str = "",
    ) -> None:
        self.name = name
        self.breakpoints = exact_array(breakpoints, f"breakpoints of {self.label}")
        self.slopes = exact_array(slopes, f"slopes of {self.label}")
        n = self.breakpoints.size
        if self.breakpoints.ndim != 1 or self.slopes.shape != (n + 1,):
            raise ShapeError(
                f"{self.label}: {self.slopes.size} slopes do not fit {n} breakpoints; "
                "give one slope more than breakpoints"
            )
        breaks = as_fractions(self.breakpoints).tolist()
        for a, b in pairwise(breaks):
            if a >= b:
                raise ParameterError(
                    f"{self.label}: breakpoints {brief(a)}, {brief(b)} do not increase"
                )
        if offsets is None:
            offsets = _continuous(breaks, as_fractions(self.slopes).tolist())
        self.offsets = exact_array(offsets, f"offsets of {self.label}")
        if self.offsets.shape != (n + 1,):
            raise ShapeError(f"{self.label}: {self.offsets.size} offsets do not fit {n + 1} slopes")
        values = as_fractions(self.slopes).tolist(), as_fractions(self.offsets).tolist()
        pieces = list(zip(*values, strict=True))
        for at, (s, c), (t, d) in zip(breaks, pieces, pieces[1:], strict=False):
            _no_jump(at, s * at + c, t * at + d, self.label)

    def describe(self) -> str:
        return f"ScalarSpline ({self.slopes.size} pieces)"

    def spline(self, shape: Shape) -> tuple[tuple[Fraction, ...], list[Coefficients]]:
        pieces = [(self.slopes[r, ...], self.offsets[r, ...]) for r in range(self.slopes.size)]
        exact = [(exact_array(s[()]), exact_array(c[()])) for s, c in pieces]
        return tuple(as_fractions(self.breakpoints).tolist()), exact


def _continuous(breaks: list[Fraction], slopes: list[Fraction]) -> list[Fraction]:
    """Offsets that make the pieces meet, with the value 0 at 0."""
    offsets = [_ZERO]
    for at, s, t in zip(breaks, slopes, slopes[1:], strict=False):
        offsets.append(offsets[-1] + (s - t) * at)
    piece = sum(at < 0 for at in breaks)
    return [c - offsets[piece] for c in offsets]


def _no_jump(at: Fraction, left: Fraction, right: Fraction, label: str) -> None:
    if left != right:
        raise UnsupportedOperatorError(
            f"{label}: the function jumps at {brief(at)} by {brief(right - left)}; "
            "only continuous functions are affine splines in the sense of the theory"
        )
