"""Operators that are not piecewise affine.

They can be evaluated in float64, `exactspline.approximate` replaces the scalar ones by affine
splines, and at the output of a network they are its output operator g, which is no part of the
partition. Nothing else here computes with them: lowering refuses.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from fractions import Fraction
from typing import Any, ClassVar

import numpy as np

from ..compile.builder import Builder, Tensor
from ..errors import ParameterError, ShapeError, UnsupportedOperatorError
from ..rationals import to_fraction
from .operator import Fields, Operator, Shape, decimal, one_integer, operator, rounded_once

__all__ = [
    "ELU",
    "GELU",
    "HardSwish",
    "LogSoftmax",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Tanh",
]


class Smooth(Operator):
    """Anything that is not piecewise affine."""

    smooth = True
    output_only = False  # only allowed at the output

    def output_shape(self, shape: Shape) -> Shape:
        return shape

    @abstractmethod
    def _float(self, x: np.ndarray) -> np.ndarray: ...

    def forward(self, x: np.ndarray) -> np.ndarray:
        if x.dtype == object:
            raise UnsupportedOperatorError(
                f"{self.label}: {self.kind} has no exact value in rationals; "
                "evaluate in float64, or approximate the network first"
            )
        with np.errstate(over="ignore", under="ignore"):  # the limits are the right values
            return self._float(x)

    def lower(self, builder: Builder, x: Tensor) -> Tensor:
        if self.output_only:
            advice = "it is only supported as the last operator of a network"
        else:
            advice = (
                "exactspline.approximate(net, error=..., domain=...) (on the command line: "
                "--approximate E) replaces it by an affine spline with a proved error"
            )
        where = f"operator {self.name!r} ({self.kind})" if self.name else self.kind
        raise UnsupportedOperatorError(
            f"{where} is not piecewise affine, so the network has no finite "
            f"partition into regions with affine pieces; {advice}"
        )


@operator
class Sigmoid(Smooth):
    """1 / (1 + exp(-u)); at the output of a network it is the output operator.

    Examples
    --------
    >>> Sigmoid().forward(np.array([[0.0, 2.0]])).round(3).tolist()
    [[0.5, 0.881]]
    """

    output_operator = True

    def _float(self, x: np.ndarray) -> np.ndarray:
        return _sigmoid(x)


@operator
class Tanh(Smooth):
    """The hyperbolic tangent.

    Examples
    --------
    >>> Tanh().forward(np.array([[0.0, 2.0]])).round(3).tolist()
    [[0.0, 0.964]]
    """

    def _float(self, x: np.ndarray) -> np.ndarray:
        return np.asarray(np.tanh(x))


@operator
class Softplus(Smooth):
    """log(1 + exp(beta u)) / beta.

    Parameters
    ----------
    beta : number
        Positive.

    Examples
    --------
    >>> Softplus().forward(np.array([[0.0, 2.0]])).round(3).tolist()
    [[0.693, 2.127]]
    """

    FIELDS: ClassVar[Fields] = {"beta": "number"}

    def __init__(self, beta: Any = 1, *, name: str = "") -> None:
        self.name = name
        self.beta = to_fraction(beta, f"beta of {self.label}")
        if self.beta <= 0:
            raise ParameterError(f"{self.label}: beta is {decimal(self.beta)}; it must be positive")

    def _float(self, x: np.ndarray) -> np.ndarray:
        beta = rounded_once(self.beta, x)
        return np.asarray(np.logaddexp(0.0, beta * x) / beta)


@operator
class SiLU(Smooth):
    """u / (1 + exp(-u)), also called swish.

    Examples
    --------
    >>> SiLU().forward(np.array([[-1.0, 2.0]])).round(3).tolist()
    [[-0.269, 1.762]]
    """

    def _float(self, x: np.ndarray) -> np.ndarray:
        return x * _sigmoid(x)


@operator
class GELU(Smooth):
    """u Phi(u) with the normal distribution function Phi, or its approximation by tanh.

    Parameters
    ----------
    approximate : {"none", "tanh"}
        "tanh" is u (1 + tanh(sqrt(2 / pi) (u + 0.044715 u^3))) / 2.

    Examples
    --------
    >>> GELU().forward(np.array([[-1.0, 2.0]])).round(3).tolist()
    [[-0.159, 1.954]]
    >>> GELU("tanh").forward(np.array([[-1.0, 2.0]])).round(3).tolist()
    [[-0.159, 1.955]]
    """

    FIELDS: ClassVar[Fields] = {"approximate": "text"}

    def __init__(self, approximate: str = "none", *, name: str = "") -> None:
        self.name = name
        self.approximate = approximate
        if approximate not in ("none", "tanh"):
            raise ParameterError(f"{self.label}: approximate is {approximate!r}; use none or tanh")

    def _float(self, x: np.ndarray) -> np.ndarray:
        if self.approximate == "tanh":
            inner = math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)
            return np.asarray(0.5 * x * (1 + np.tanh(inner)))
        erfc = np.vectorize(math.erfc, otypes=[np.float64])
        return np.asarray(0.5 * x * erfc(-x / math.sqrt(2)))


@operator
class ELU(Smooth):
    """u from 0 on, alpha (exp(u) - 1) below.

    Parameters
    ----------
    alpha : number
        Convex for 0 <= alpha <= 1.

    Examples
    --------
    >>> ELU().forward(np.array([[-1.0, 2.0]])).round(3).tolist()
    [[-0.632, 2.0]]
    """

    FIELDS: ClassVar[Fields] = {"alpha": "number"}

    def __init__(self, alpha: Any = Fraction(1), *, name: str = "") -> None:
        self.name = name
        self.alpha = to_fraction(alpha, f"alpha of {self.label}")

    def _float(self, x: np.ndarray) -> np.ndarray:
        return np.where(x > 0, x, rounded_once(self.alpha, x) * np.expm1(np.minimum(x, 0.0)))


@operator
class HardSwish(Smooth):
    """u min(max(u / 6 + 1/2, 0), 1): 0 up to -3, u from 3 on, and a parabola between.

    Examples
    --------
    >>> HardSwish().forward(np.array([[-4.0, 1.0, 5.0]])).round(3).tolist()
    [[0.0, 0.667, 5.0]]
    """

    def _float(self, x: np.ndarray) -> np.ndarray:
        return np.asarray(x * np.clip(x / 6 + 0.5, 0.0, 1.0) + 0.0)  # no -0.0


@operator
class Softmax(Smooth):
    """exp(u_i) / sum_j exp(u_j) along one axis; at the output only.

    Parameters
    ----------
    axis : int
        Without the batch axis; the last one by default.

    Examples
    --------
    >>> Softmax().forward(np.array([[0.0, 1.0]])).round(3).tolist()
    [[0.269, 0.731]]
    """

    output_operator = True
    output_only = True
    FIELDS: ClassVar[Fields] = {"axis": "integer"}

    def __init__(self, axis: int = -1, *, name: str = "") -> None:
        self.name = name
        self.axis = one_integer(axis, f"axis of {self.label}")

    def output_shape(self, shape: Shape) -> Shape:
        if not -len(shape) <= self.axis < len(shape):
            raise ShapeError(f"an input of shape {shape} has no axis {self.axis}")
        return shape

    def _float(self, x: np.ndarray) -> np.ndarray:
        axis = self.axis if self.axis < 0 else self.axis + 1
        powers = np.exp(x - x.max(axis=axis, keepdims=True))
        return np.asarray(powers / powers.sum(axis=axis, keepdims=True))


@operator
class LogSoftmax(Softmax):
    """The logarithm of `Softmax`; at the output only.

    Parameters
    ----------
    axis : int
        Without the batch axis; the last one by default.

    Examples
    --------
    >>> LogSoftmax().forward(np.array([[0.0, 0.0]])).round(3).tolist()
    [[-0.693, -0.693]]
    """

    def _float(self, x: np.ndarray) -> np.ndarray:
        axis = self.axis if self.axis < 0 else self.axis + 1
        shifted = x - x.max(axis=axis, keepdims=True)
        return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=axis, keepdims=True)))


def _sigmoid(x: np.ndarray) -> np.ndarray:
    small = np.exp(-np.abs(x))  # never overflows
    return np.asarray(np.where(x >= 0, 1.0, small) / (1.0 + small))
