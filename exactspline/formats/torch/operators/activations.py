"""Activations in a PyTorch program."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import torch

from ....errors import ShapeError, UnsupportedOperatorError
from ....network import (
    ELU,
    GELU,
    Abs,
    Clip,
    HardSigmoid,
    Identity,
    LeakyReLU,
    LogSoftmax,
    Maximum,
    Minimum,
    PReLU,
    ReLU,
    ScalarSpline,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
    Threshold,
)
from ....rationals import to_fraction
from ..values import Const, Lowering, Var, handler

__all__: list[str] = []

# torch's own constants of SELU, as the doubles that it computes with
_SELU_ALPHA = 1.6732632423543772848170429916717
_SELU_SCALE = 1.0507009873554804934193349852946


@handler("relu", exact=True)
def _relu(t: Lowering, x: Any) -> Any:
    """ReLU."""
    return t.emit(ReLU(), t.operand(x))


@handler("relu6")
def _relu6(t: Lowering, x: Any) -> Any:
    """Clip."""
    return t.emit(Clip(0, 6), t.operand(x))


@handler("leaky_relu")
def _leaky_relu(t: Lowering, x: Any, negative_slope: float = 0.01) -> Any:
    """LeakyReLU."""
    return t.emit(LeakyReLU(negative_slope), t.operand(x))


@handler("rrelu")
def _rrelu(
    t: Lowering, x: Any, lower: float = 1 / 8, upper: float = 1 / 3, training: bool = False,
    inplace: bool = False,
) -> Any:  # fmt: skip
    """LeakyReLU, with the mean slope."""
    if training:
        raise UnsupportedOperatorError("is random in training; pass training=self.training")
    return t.emit(LeakyReLU((to_fraction(lower) + to_fraction(upper)) / 2), t.operand(x))


@handler("prelu", "_prelu_kernel")
def _prelu(t: Lowering, x: Any, weight: Any) -> Any:
    """PReLU."""
    slope, x = t.constant(weight, "the slope"), t.operand(x)
    if slope.size == 1:
        return t.emit(PReLU(slope.reshape(())), x)
    channels = x.full[1] if len(x.full) > 1 else 1  # torch's rule, also without a batch axis
    if channels != slope.size:
        raise ShapeError(f"{slope.size} slopes do not fit the channels of the input")
    behind = len(x.full) - 2
    return t.emit(PReLU(slope.reshape(-1, *[1] * behind)), x)


@handler("abs", "absolute", exact=True)
def _abs(t: Lowering, x: Any) -> Any:
    """Abs."""
    return t.emit(Abs(), t.operand(x))


@handler("hardtanh")
def _hardtanh(t: Lowering, x: Any, min_val: float = -1.0, max_val: float = 1.0) -> Any:
    """Clip."""
    return _clamp(t, x, min_val, max_val)


@handler("hardsigmoid")
def _hardsigmoid(t: Lowering, x: Any) -> Any:
    """HardSigmoid."""
    return t.emit(HardSigmoid(), t.operand(x))


@handler("threshold")
def _threshold(t: Lowering, x: Any, threshold: float, value: float) -> Any:
    """Threshold; refused where it jumps."""
    return t.emit(Threshold(threshold, value), t.operand(x))


@handler("clamp", "clip", exact=True)
def _clamp(t: Lowering, x: Any, min: Any = None, max: Any = None) -> Any:
    """Clip; Maximum and Minimum for constant tensors. An infinite end is none."""
    bounds = [_bound(t, min), _bound(t, max)]
    if not any(isinstance(b, Var | Const) for b in bounds):
        low, high = bounds
        if low is not None and high is not None and low > high:  # torch then gives the maximum
            return t.affine(t.operand(x), 0, high)
        return t.emit(Clip(low, high) if bounds != [None, None] else Identity(), t.operand(x))
    for bound, operator in zip(bounds, (Maximum(), Minimum()), strict=True):
        if bound is not None:
            x = extreme(t, operator, x, bound)
    return x


def _bound(t: Lowering, bound: Any) -> Any:
    """An end of an interval; None for one that is infinite."""
    if bound is None or (isinstance(bound, float) and math.isinf(bound)):
        return None
    known = t.operand(bound)
    if not isinstance(known, Const) or known.shape:
        return known
    if not known.is_float or torch.isfinite(known.tensor):
        return to_fraction(known.array[()])
    return None


@handler("clamp_min", exact=True)
def _clamp_min(t: Lowering, x: Any, min: Any) -> Any:
    """Clip; Maximum and Minimum for constant tensors. An infinite end is none."""
    return _clamp(t, x, min)


@handler("clamp_max", exact=True)
def _clamp_max(t: Lowering, x: Any, max: Any) -> Any:
    """Clip; Maximum and Minimum for constant tensors. An infinite end is none."""
    return _clamp(t, x, None, max)


@handler("maximum", "fmax", exact=True)
def _maximum(t: Lowering, x: Any, other: Any) -> Any:
    """Maximum; Clip for a number."""
    return extreme(t, Maximum(), x, other)


@handler("minimum", "fmin", exact=True)
def _minimum(t: Lowering, x: Any, other: Any) -> Any:
    """Minimum; Clip for a number."""
    return extreme(t, Minimum(), x, other)


def extreme(t: Lowering, operator: Maximum, x: Any, other: Any) -> Any:
    """The maximum or minimum of two operands, entry by entry."""
    a, b = (t.operand(v) if not isinstance(v, Fraction) else v for v in (x, other))
    for value, bound in ((a, b), (b, a)):
        if isinstance(bound, Const) and bound.array.ndim == 0:
            bound = to_fraction(bound.array[()])
        if isinstance(bound, Fraction):
            return t.emit(Clip(None, bound) if operator.concave else Clip(bound), value)
        if isinstance(value, Var) and isinstance(bound, Const):
            value, beside = t.beside(bound, value)
            widest = np.broadcast_shapes(beside.shape, value.shape)
            array = np.broadcast_to(beside, (1,) * value.lead + widest)
            return t.emit(operator, value, Const(array))
    return t.emit(operator, a, b)


@handler("softshrink")
def _softshrink(t: Lowering, x: Any, lambd: float = 0.5) -> Any:
    """ScalarSpline."""
    return _shrink(t, x, lambd, 1)


@handler("hardshrink")
def _hardshrink(t: Lowering, x: Any, lambd: float = 0.5) -> Any:
    """The identity for lambd 0; any other jumps."""
    return _shrink(t, x, lambd, 0)


def _shrink(t: Lowering, x: Any, lambd: float, continuous: int) -> Any:
    ends = to_fraction(lambd)
    if ends == 0:
        return t.emit(Identity(), t.operand(x))
    shift = ends * continuous  # the hard one jumps: ScalarSpline says where
    return t.emit(ScalarSpline([-ends, ends], [1, 0, 1], [shift, 0, -shift]), t.operand(x))


# --- not piecewise affine ---------------------------------------------------------------------


@handler("sigmoid")
def _sigmoid(t: Lowering, x: Any) -> Any:
    """Sigmoid."""
    return t.emit(Sigmoid(), t.operand(x))


@handler("tanh")
def _tanh(t: Lowering, x: Any) -> Any:
    """Tanh."""
    return t.emit(Tanh(), t.operand(x))


@handler("silu")
def _silu(t: Lowering, x: Any) -> Any:
    """SiLU."""
    return t.emit(SiLU(), t.operand(x))


@handler("gelu")
def _gelu(t: Lowering, x: Any, approximate: str = "none") -> Any:
    """GELU."""
    return t.emit(GELU(approximate), t.operand(x))


@handler("softplus")
def _softplus(t: Lowering, x: Any, beta: float = 1, threshold: float = 20) -> Any:
    """Softplus."""
    if threshold < 20:
        raise UnsupportedOperatorError(
            f"becomes a line at threshold {threshold}, where it jumps; "
            "give a threshold of at least 20, which is a matter of rounding"
        )
    return t.emit(Softplus(beta), t.operand(x))


@handler("log_sigmoid")
def _logsigmoid(t: Lowering, x: Any) -> Any:
    """Softplus."""
    x = t.emit(Softplus(), t.affine(t.operand(x), -1, part="negative"), part="softplus")
    return t.affine(x, -1)


@handler("elu")
def _elu(
    t: Lowering, x: Any, alpha: float = 1.0, scale: float = 1.0, input_scale: float = 1.0
) -> Any:
    """ELU."""
    x = t.operand(x)
    if (scale, input_scale) == (1, 1):
        return t.emit(ELU(alpha), x)
    # torch scales the input of the exponential alone: where it is positive, the input itself
    a, s, c = to_fraction(alpha), to_fraction(scale), to_fraction(input_scale)
    if c != 1:
        raise UnsupportedOperatorError(f"has input_scale {input_scale}; only 1 is read")
    return t.affine(t.emit(ELU(a), x, part="elu"), s)


@handler("selu")
def _selu(t: Lowering, x: Any) -> Any:
    """ELU, scaled."""
    return t.affine(t.emit(ELU(_SELU_ALPHA), t.operand(x), part="elu"), _SELU_SCALE)


@handler("celu")
def _celu(t: Lowering, x: Any, alpha: float = 1.0) -> Any:
    """ELU, scaled."""
    exact = to_fraction(alpha)
    if exact <= 0:
        raise UnsupportedOperatorError(f"has alpha {alpha}; it must be positive")
    if exact == 1:
        return t.emit(ELU(), t.operand(x))
    x = t.emit(ELU(), t.affine(t.operand(x), 1 / exact, part="scale"), part="elu")
    return t.affine(x, exact)


@handler("softmax", "_softmax")
def _softmax(
    t: Lowering, x: Any, dim: int, dtype: Any = None, *, half_to_float: bool = False
) -> Any:
    """Softmax."""
    return t.emit(Softmax(t.axis(dim, t.operand(x))), t.operand(x))


@handler("log_softmax", "_log_softmax")
def _log_softmax(
    t: Lowering, x: Any, dim: int, dtype: Any = None, *, half_to_float: bool = False
) -> Any:
    """LogSoftmax."""
    return t.emit(LogSoftmax(t.axis(dim, t.operand(x))), t.operand(x))
