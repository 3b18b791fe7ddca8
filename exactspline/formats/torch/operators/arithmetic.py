"""Sums, products with constants, reductions and normalisation in a PyTorch trace."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from ....errors import ParameterError, ShapeError, UnsupportedOperatorError
from ....network import (
    Add,
    BatchNorm,
    Dense,
    Elementwise,
    Identity,
    Maximum,
    Minimum,
    ReduceMax,
    ReduceMean,
    ReduceMin,
    ReduceSum,
    Sigmoid,
    SiLU,
)
from ....rationals import as_fractions, compact
from ..values import Const, Lowering, Unreadable, Var, handler
from .activations import extreme

__all__ = ["Extreme"]


class Extreme(NamedTuple):
    """What torch gives for a maximum along an axis."""

    values: Any
    indices: Any = Unreadable("the indices of a maximum are no affine spline")


def _exact(values: Any) -> Const:
    return Const(compact(np.asarray(values, dtype=object)))


@handler("add", "iadd", "__add__", "__radd__", "__iadd__")
def _add(t: Lowering, x: Any, other: Any, *, alpha: Any = 1) -> Any:
    a, b = t.operand(x), t.operand(other)
    factor = t.constant(alpha, "alpha")
    if isinstance(a, Const) and isinstance(b, Const):
        return _exact(as_fractions(a.array) + as_fractions(factor) * as_fractions(b.array))
    if isinstance(a, Var) and isinstance(b, Const):
        shift = t.beside(b, a)
        if factor != 1:
            shift = compact(np.asarray(as_fractions(factor) * as_fractions(shift), dtype=object))
        return t.affine(a, 1, shift)
    if isinstance(a, Const) and isinstance(b, Var):
        return t.affine(b, factor, t.beside(a, b))
    return t.emit(Add(None if factor == 1 else [1, factor[()]]), a, b)


@handler("sub", "subtract", "isub")
def _sub(t: Lowering, x: Any, other: Any, *, alpha: Any = 1) -> Any:
    factor = as_fractions(t.constant(alpha, "alpha"))
    return _add(t, x, other, alpha=-factor[()])


@handler("rsub")
def _rsub(t: Lowering, x: Any, other: Any, *, alpha: Any = 1) -> Any:
    return _sub(t, other, x, alpha=alpha)


@handler("neg", "negative")
def _neg(t: Lowering, x: Any) -> Any:
    return t.pointwise(Elementwise(-1), x)


@handler("pos", "positive")
def _pos(t: Lowering, x: Any) -> Any:
    return t.pointwise(Identity(), x)


@handler("mul", "multiply", "imul")
def _mul(t: Lowering, x: Any, other: Any) -> Any:
    a, b = t.operand(x), t.operand(other)
    if isinstance(a, Const) and isinstance(b, Const):
        return _exact(as_fractions(a.array) * as_fractions(b.array))
    for value, factor in ((a, b), (b, a)):
        if isinstance(value, Var) and isinstance(factor, Const):
            return t.affine(value, t.beside(factor, value))
        made = t.made_by(factor)  # x * sigmoid(x)
        if made and isinstance(made[0], Sigmoid) and t.value_of(made[1][0]) == value:
            return t.emit(SiLU(), value)
    raise UnsupportedOperatorError(
        "multiplies two values that depend on the input; that is not piecewise affine"
    )


@handler("div", "divide", "true_divide", "truediv", "itruediv")
def _div(t: Lowering, x: Any, other: Any, *, rounding_mode: str | None = None) -> Any:
    if rounding_mode is not None:
        raise UnsupportedOperatorError(f"rounds ({rounding_mode}), which jumps")
    divisor = t.constant(other, "the divisor")
    if not np.all(divisor != 0):
        raise ParameterError("divides by zero")
    inverse = np.asarray(1 / as_fractions(divisor), dtype=object)
    return _mul(t, x, Const(compact(inverse)))


@handler("pow", "ipow")
def _pow(t: Lowering, x: Any, exponent: Any) -> Any:
    if isinstance(exponent, int) and exponent == 1:
        return t.pointwise(Identity(), x)
    raise UnsupportedOperatorError("takes a power, which is not piecewise affine")


@handler("square", "sqrt", "rsqrt", "exp", "log", "reciprocal", "sin", "cos", "erf")
def _curved(t: Lowering, x: Any) -> Any:
    raise UnsupportedOperatorError(
        "is not piecewise affine"
        if isinstance(x, Var)
        else "is computed of a constant; compute it before, and keep it as a buffer"
    )


@handler("gt", "ge", "lt", "le", "eq", "ne", "greater", "less", "isnan", "any", "all", "argmax")
def _compare(t: Lowering, *args: Any, **kwargs: Any) -> Any:
    raise UnsupportedOperatorError(
        "compares values, so the result jumps (or the control flow depends on the data)"
    )


# --- matrices ---------------------------------------------------------------------------------


@handler("linear")
def _linear(t: Lowering, x: Any, weight: Any, bias: Any = None) -> Any:
    matrix = t.constant(weight, "the weight")
    offset = None if bias is None else t.constant(bias, "the bias")
    if matrix.ndim == 1:
        out = _matmul(t, x, Const(matrix))
        return out if offset is None else _add(t, out, Const(offset))
    if offset is not None and offset.ndim < 2 and offset.size == 1:
        offset = np.broadcast_to(offset, matrix.shape[:1])
    return t.emit(Dense(matrix, offset), x)


@handler("matmul", "mm", "mv", "dot", "imatmul")
def _matmul(t: Lowering, x: Any, other: Any) -> Any:
    a, b = t.operand(x), t.operand(other)
    if isinstance(a, Const) and isinstance(b, Const):
        return _exact(np.matmul(as_fractions(a.array), as_fractions(b.array)))
    if isinstance(a, Var) and isinstance(b, Const):
        matrix = _matrix(b.array, a)
        if matrix.ndim == 2:
            return t.emit(Dense(matrix.T), a)
        out = t.emit(Dense(matrix[None]), a, part="dot")
        return t.reshape(out, out.shape[:-1])
    if isinstance(a, Const) and isinstance(b, Var):
        matrix = _matrix(a.array, b)
        if len(b.shape) < 2:
            raise UnsupportedOperatorError(
                "multiplies from the left along the batch axis; transpose it to x @ weight.T"
            )
        if matrix.ndim == 2:
            return t.emit(Dense(matrix, axis=-2), b)
        out = t.emit(Dense(matrix[None], axis=-2), b, part="dot")
        return t.reshape(out, (*out.shape[:-2], out.shape[-1]))
    raise UnsupportedOperatorError(
        "multiplies two values that depend on the input; that is not piecewise affine"
    )


def _matrix(array: np.ndarray, x: Var) -> np.ndarray:
    """A constant factor as a vector or matrix; leading axes of length 1 say nothing."""
    if array.ndim == 0 or math.prod(array.shape[:-2]) != 1 or array.ndim > len(x.full):
        raise ShapeError(
            f"a constant factor of shape {array.shape} is no vector or matrix; "
            "several matrices at once are not supported"
        )
    return array.reshape(array.shape[-2:]) if array.ndim > 2 else array


@handler("addmm")
def _addmm(t: Lowering, x: Any, a: Any, b: Any, *, beta: Any = 1, alpha: Any = 1) -> Any:
    return _add(t, _mul(t, beta, x), _matmul(t, a, b), alpha=alpha)


# --- along axes -------------------------------------------------------------------------------


@handler("sum")
def _sum(t: Lowering, x: Any, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    return t.emit(ReduceSum(t.axes(dim, x), keepdims=keepdim), _value(x))


@handler("mean")
def _mean(t: Lowering, x: Any, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    return t.emit(ReduceMean(t.axes(dim, x), keepdims=keepdim), _value(x))


@handler("amax")
def _amax(t: Lowering, x: Any, dim: Any = (), keepdim: bool = False) -> Any:
    return t.emit(ReduceMax(t.axes(dim, x), keepdims=keepdim), _value(x))


@handler("amin")
def _amin(t: Lowering, x: Any, dim: Any = (), keepdim: bool = False) -> Any:
    return t.emit(ReduceMin(t.axes(dim, x), keepdims=keepdim), _value(x))


@handler("max")
def _max(t: Lowering, x: Any, dim: Any = None, keepdim: bool = False, *, other: Any = None) -> Any:
    if other is not None or not isinstance(dim, int | None):
        return extreme(t, Maximum(), x, dim if other is None else other)
    return Extreme(_amax(t, x, dim, keepdim))


@handler("min")
def _min(t: Lowering, x: Any, dim: Any = None, keepdim: bool = False, *, other: Any = None) -> Any:
    if other is not None or not isinstance(dim, int | None):
        return extreme(t, Minimum(), x, dim if other is None else other)
    return Extreme(_amin(t, x, dim, keepdim))


def _value(x: Any) -> Var:
    if not isinstance(x, Var):
        raise UnsupportedOperatorError("reduces a constant; compute it before, keep it as a buffer")
    return x


@handler("batch_norm")
def _batch_norm(
    t: Lowering,
    x: Any,
    running_mean: Any,
    running_var: Any,
    weight: Any = None,
    bias: Any = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
    cudnn_enabled: bool = False,
) -> Any:
    if training or running_mean is None or running_var is None:
        raise UnsupportedOperatorError(
            "normalises with the statistics of the batch, not with running ones; "
            "a network acts on every sample alone"
        )
    arrays = [
        None if v is None else t.constant(v, "a parameter")
        for v in (running_mean, running_var, weight, bias)
    ]
    return t.emit(BatchNorm(*arrays, epsilon=eps), x)
