"""Activations in a PyTorch trace."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from ....errors import ShapeError, UnsupportedOperatorError
from ....network import (
    ELU,
    GELU,
    Abs,
    Add,
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


@handler("relu")
def _relu(t: Lowering, x: Any, inplace: bool = False) -> Any:
    return t.pointwise(ReLU(), x)


@handler("relu6")
def _relu6(t: Lowering, x: Any, inplace: bool = False) -> Any:
    return t.pointwise(Clip(0, 6), x)


@handler("leaky_relu")
def _leaky_relu(t: Lowering, x: Any, negative_slope: float = 0.01, inplace: bool = False) -> Any:
    return t.pointwise(LeakyReLU(negative_slope), x)


@handler("rrelu")
def _rrelu(
    t: Lowering, x: Any, lower: float = 1 / 8, upper: float = 1 / 3, training: bool = False,
    inplace: bool = False,
) -> Any:  # fmt: skip
    if training:
        raise UnsupportedOperatorError("is random in training; pass training=self.training")
    return t.pointwise(LeakyReLU((to_fraction(lower) + to_fraction(upper)) / 2), x)


@handler("prelu")
def _prelu(t: Lowering, x: Any, weight: Any) -> Any:
    slope = t.constant(weight, "the slope").reshape(-1)
    if slope.size == 1:
        return t.pointwise(PReLU(slope.reshape(())), x)
    if not isinstance(x, Var) or not x.shape or x.shape[0] != slope.size:
        raise ShapeError(f"{slope.size} slopes do not fit the channels of the input")
    return t.emit(PReLU(slope.reshape(-1, *[1] * (len(x.shape) - 1))), x)


@handler("abs", "absolute")
def _abs(t: Lowering, x: Any) -> Any:
    return t.pointwise(Abs(), x)


@handler("hardtanh")
def _hardtanh(
    t: Lowering, x: Any, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False
) -> Any:
    return t.pointwise(Clip(min_val, max_val), x)


@handler("hardsigmoid")
def _hardsigmoid(t: Lowering, x: Any, inplace: bool = False) -> Any:
    return t.pointwise(HardSigmoid(), x)


@handler("threshold", "_threshold")
def _threshold(t: Lowering, x: Any, threshold: float, value: float, inplace: bool = False) -> Any:
    return t.pointwise(Threshold(threshold, value), x)


@handler("clamp", "clip")
def _clamp(t: Lowering, x: Any, min: Any = None, max: Any = None) -> Any:
    bounds: list[Any] = []
    for bound in (min, max):
        known: Any = None if bound is None else t.operand(bound)
        if isinstance(known, Const) and known.array.ndim == 0:
            known = to_fraction(known.array[()])
        bounds.append(known)
    if not any(isinstance(b, Var | Const) for b in bounds):
        return t.pointwise(Clip(*bounds), x)
    for bound, operator in zip(bounds, (Maximum(), Minimum()), strict=True):
        if bound is not None:
            x = extreme(t, operator, x, bound)
    return x


@handler("clamp_min")
def _clamp_min(t: Lowering, x: Any, min: Any) -> Any:
    return _clamp(t, x, min)


@handler("clamp_max")
def _clamp_max(t: Lowering, x: Any, max: Any) -> Any:
    return _clamp(t, x, None, max)


@handler("maximum", "fmax")
def _maximum(t: Lowering, x: Any, other: Any) -> Any:
    return extreme(t, Maximum(), x, other)


@handler("minimum", "fmin")
def _minimum(t: Lowering, x: Any, other: Any) -> Any:
    return extreme(t, Minimum(), x, other)


def extreme(t: Lowering, operator: Maximum, x: Any, other: Any) -> Any:
    """The maximum or minimum of two operands, entry by entry."""
    a, b = (t.operand(v) if not isinstance(v, Fraction) else v for v in (x, other))
    for value, bound in ((a, b), (b, a)):
        if isinstance(bound, Const) and bound.array.ndim == 0:
            bound = to_fraction(bound.array[()])
        if isinstance(bound, Fraction):
            return t.pointwise(Clip(None, bound) if operator.concave else Clip(bound), value)
        if isinstance(value, Var) and isinstance(bound, Const):
            beside = t.beside(bound, value)
            widest = np.broadcast_shapes(beside.shape, value.shape)
            b = t.as_var(Const(np.broadcast_to(beside, widest)[None]))
            return t.emit(operator, value, b)
    return t.emit(operator, a, b)


@handler("softshrink")
def _softshrink(t: Lowering, x: Any, lambd: float = 0.5) -> Any:
    return _shrink(t, x, lambd, 1)


@handler("hardshrink")
def _hardshrink(t: Lowering, x: Any, lambd: float = 0.5) -> Any:
    return _shrink(t, x, lambd, 0)


def _shrink(t: Lowering, x: Any, lambd: float, continuous: int) -> Any:
    ends = to_fraction(lambd)
    if ends == 0:
        return t.pointwise(Identity(), x)
    shift = ends * continuous  # the hard one jumps: ScalarSpline says where
    return t.pointwise(ScalarSpline([-ends, ends], [1, 0, 1], [shift, 0, -shift]), x)


# --- not piecewise affine ---------------------------------------------------------------------


@handler("sigmoid", "expit")
def _sigmoid(t: Lowering, x: Any) -> Any:
    return t.pointwise(Sigmoid(), x)


@handler("tanh")
def _tanh(t: Lowering, x: Any) -> Any:
    return t.pointwise(Tanh(), x)


@handler("tanhshrink")
def _tanhshrink(t: Lowering, x: Any) -> Any:
    return t.emit(Add([1, -1]), x, t.emit(Tanh(), x, part="tanh"))


@handler("silu")
def _silu(t: Lowering, x: Any, inplace: bool = False) -> Any:
    return t.pointwise(SiLU(), x)


@handler("gelu")
def _gelu(t: Lowering, x: Any, approximate: str = "none") -> Any:
    return t.pointwise(GELU(approximate), x)


@handler("softplus")
def _softplus(t: Lowering, x: Any, beta: float = 1, threshold: float = 20) -> Any:
    if threshold < 20:
        raise UnsupportedOperatorError(
            f"becomes a line at threshold {threshold}, where it jumps; "
            "give a threshold of at least 20, which is a matter of rounding"
        )
    return t.pointwise(Softplus(beta), x)


@handler("logsigmoid", "log_sigmoid")
def _logsigmoid(t: Lowering, x: Any) -> Any:
    x = t.emit(Softplus(), t.affine(x, -1, part="negative"), part="softplus")
    return t.affine(x, -1)


@handler("elu")
def _elu(t: Lowering, x: Any, alpha: float = 1.0, inplace: bool = False) -> Any:
    return t.pointwise(ELU(alpha), x)


@handler("selu")
def _selu(t: Lowering, x: Any, inplace: bool = False) -> Any:
    return t.affine(t.emit(ELU(_SELU_ALPHA), x, part="elu"), _SELU_SCALE)


@handler("celu")
def _celu(t: Lowering, x: Any, alpha: float = 1.0, inplace: bool = False) -> Any:
    exact = to_fraction(alpha)
    if exact <= 0:
        raise UnsupportedOperatorError(f"has alpha {alpha}; it must be positive")
    if exact == 1:
        return t.emit(ELU(), x)
    x = t.emit(ELU(), t.affine(x, 1 / exact, part="scale"), part="elu")
    return t.affine(x, exact)


@handler("softmax")
def _softmax(
    t: Lowering, x: Any, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None
) -> Any:
    return t.emit(Softmax(_softmax_axis(t, x, dim)), x)


@handler("log_softmax")
def _log_softmax(
    t: Lowering, x: Any, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None
) -> Any:
    return t.emit(LogSoftmax(_softmax_axis(t, x, dim)), x)


@handler("softmin")
def _softmin(
    t: Lowering, x: Any, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None
) -> Any:
    return t.emit(Softmax(_softmax_axis(t, x, dim)), t.affine(x, -1, part="negative"))


def _softmax_axis(t: Lowering, x: Any, dim: int | None) -> int:
    if not isinstance(x, Var):
        raise UnsupportedOperatorError("is applied to a constant; compute it before")
    if dim is None:  # torch's rule from before there was a dimension to choose
        dim = 0 if len(x.full) in (0, 1, 3) else 1
    return t.axis(dim, x)


# known, and never piecewise affine or exact: the message says why
for _name, _what in {
    "hardswish": "is quadratic in between", "mish": "is not piecewise affine",
    "glu": "multiplies two values", "softsign": "is not piecewise affine",
    "interpolate": "resizes an image", "upsample": "resizes an image",
    "layer_norm": "divides by a deviation of its input",
    "group_norm": "divides by a deviation of its input",
    "instance_norm": "divides by a deviation of its input",
    "normalize": "divides by a norm of its input",
    "scaled_dot_product_attention": "multiplies values",
    "multi_head_attention_forward": "multiplies values",
    "einsum": "may multiply values; use matmul or linear with a constant weight",
    "where": "jumps where its condition changes",
    "sign": "jumps at 0", "floor": "jumps", "ceil": "jumps", "round": "jumps",
}.items():  # fmt: skip

    def _refuse(t: Lowering, *args: Any, _what: str = _what, **kwargs: Any) -> Any:
        raise UnsupportedOperatorError(f"{_what}; it is not supported")

    handler(_name)(_refuse)
