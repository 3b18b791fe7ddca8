"""Sums, products with constants and norms of a PyTorch program."""

from __future__ import annotations

from typing import Any

import numpy as np

from ....errors import ParameterError, UnsupportedOperatorError
from ....network import (
    Add,
    BatchNorm,
    HardSwish,
)
from ....rationals import as_fractions, compact
from ...products import gated_by_itself, log_of
from ..values import Const, Gated, Lowering, Unreadable, Var, handler, refused
from .conditions import product, total

__all__ = ["add", "multiply"]


def _exact(values: Any) -> Const:
    return Const(compact(np.asarray(values, dtype=object)))


@handler("add", exact=True)
def add(t: Lowering, x: Any, other: Any, *, alpha: Any = 1) -> Any:
    """Add, Elementwise."""
    factor: Any = as_fractions(t.constant(alpha, "alpha"))[()]
    if isinstance(x, Gated) or isinstance(other, Gated):
        found = total(t, x, other, factor)
        if found is not None:
            return found
    a, b = t.operand(x), t.operand(other)
    if isinstance(a, Const) and isinstance(b, Const):
        return _exact(as_fractions(a.array) + factor * as_fractions(b.array))
    if isinstance(a, Var) and isinstance(b, Const):
        a, shift = t.beside(b, a)
        if factor != 1:
            shift = compact(np.asarray(factor * as_fractions(shift), dtype=object))
        return t.affine(a, 1, shift)
    if isinstance(a, Const) and isinstance(b, Var):
        b, shift = t.beside(a, b)
        return t.affine(b, factor, shift)
    return t.emit(Add(None if factor == 1 else [1, factor]), a, b)


@handler("sub", exact=True)
def _sub(t: Lowering, x: Any, other: Any, *, alpha: Any = 1) -> Any:
    """Add, Elementwise."""
    return add(t, x, other, alpha=-as_fractions(t.constant(alpha, "alpha"))[()])


@handler("rsub", exact=True)
def _rsub(t: Lowering, x: Any, other: Any, alpha: Any = 1) -> Any:
    """Add, Elementwise."""
    return _sub(t, other, x, alpha=alpha)


@handler("neg", exact=True)
def _neg(t: Lowering, x: Any) -> Any:
    """Elementwise."""
    return multiply(t, x, -1)


@handler("mul", exact=True)
def multiply(t: Lowering, x: Any, other: Any) -> Any:
    """Elementwise, by constants; SiLU, HardSwish; by a comparison where that is continuous."""
    if isinstance(x, Gated) or isinstance(other, Gated):
        found = product(t, x, other)
        if found is not None:
            return found
    a, b = t.operand(x), t.operand(other)
    if isinstance(a, Const) and isinstance(b, Const):
        return _exact(as_fractions(a.array) * as_fractions(b.array))
    for value, factor in ((a, b), (b, a)):
        if isinstance(value, Var) and isinstance(factor, Const):
            return t.affine(*t.beside(factor, value))
    if isinstance(a, Var) and isinstance(b, Var) and a.lead == b.lead:
        smooth = gated_by_itself(t.nodes, t.shape_of, a.node, b.node, t.numbers)
        if smooth is not None:
            operator, node, times = smooth
            out = t.emit(operator, t.value_of(node, a.lead))
            return out if times == 1 else t.affine(out, times)
    raise UnsupportedOperatorError(
        "multiplies two values that depend on the input; that is not piecewise affine"
    )


@handler("hardswish")
def _hardswish(t: Lowering, x: Any) -> Any:
    """HardSwish."""
    return t.emit(HardSwish(), t.operand(x))


@handler("div", "true_divide", exact=True)
def _div(t: Lowering, x: Any, other: Any, *, rounding_mode: str | None = None) -> Any:
    """Elementwise, by constants."""
    if rounding_mode is not None:
        raise UnsupportedOperatorError(f"rounds ({rounding_mode}), which jumps")
    divisor = t.constant(other, "the divisor")
    if not np.all(divisor != 0):
        raise ParameterError("divides by zero")
    return multiply(t, x, _exact(1 / as_fractions(divisor)))


@handler("reciprocal", exact=True)
def _reciprocal(t: Lowering, x: Any) -> Any:
    """Elementwise, by constants."""
    return _div(t, 1, x)


@handler("lerp", exact=True)
def _lerp(t: Lowering, x: Any, end: Any, weight: Any) -> Any:
    """Add, Elementwise."""
    return add(t, x, multiply(t, _sub(t, end, x), weight))


@handler("addcmul", exact=True)
def _addcmul(t: Lowering, x: Any, a: Any, b: Any, *, value: Any = 1) -> Any:
    """Add, Elementwise."""
    return add(t, x, multiply(t, multiply(t, a, b), value))


@handler("pow")
def _pow(t: Lowering, x: Any, exponent: Any) -> Any:
    """The identity for the first power, 1 for the power 0."""
    known, base = t.operand(exponent), x if isinstance(x, Gated) else t.operand(x)
    if isinstance(known, Const) and not isinstance(base, Const):
        powers = as_fractions(known.array)
        if np.all(powers == 1) and np.broadcast_shapes(known.shape, _full(base)) == _full(base):
            return x
        if np.all((powers == 0) | (powers == 1)):  # every number has the power 0, 0 too
            return add(t, multiply(t, x, _exact(powers)), _exact(1 - powers))
    raise UnsupportedOperatorError("takes a power, which is not piecewise affine")


def _full(x: Any) -> tuple[int, ...]:
    full: tuple[int, ...] = x.root.full if isinstance(x, Gated) else x.full
    return full


# --- normalisation with stored statistics -------------------------------------------------------


@handler("batch_norm", "native_batch_norm")
def _batch_norm(
    t: Lowering, x: Any, weight: Any, bias: Any, running_mean: Any, running_var: Any,
    training: bool, momentum: float, eps: float, cudnn_enabled: bool = False,
) -> Any:  # fmt: skip
    """BatchNorm, with running statistics."""
    if training or running_mean is None or running_var is None:
        raise UnsupportedOperatorError(
            "normalises with the statistics of the batch, not with running ones; "
            "a network acts on every sample alone"
        )
    arrays = [
        None if v is None else t.constant(v, "a parameter")
        for v in (running_mean, running_var, weight, bias)
    ]
    x = t.operand(x)
    return t.emit(BatchNorm(*arrays, epsilon=eps, axis=1 - x.lead), x)


@handler("_native_batch_norm_legit_no_training")
def _batch_norm_of_core(
    t: Lowering, x: Any, weight: Any, bias: Any, mean: Any, var: Any, momentum: float, eps: float
) -> Any:
    """BatchNorm, with running statistics."""
    out = _batch_norm(t, x, weight, bias, mean, var, False, momentum, eps)
    unread = Unreadable("the statistics of batch normalisation are no result of a network")
    return out, unread, unread


@handler("instance_norm")
def _instance_norm(
    t: Lowering, x: Any, weight: Any, bias: Any, running_mean: Any, running_var: Any,
    use_input_stats: bool, momentum: float, eps: float, cudnn_enabled: bool = False,
) -> Any:  # fmt: skip
    """BatchNorm, with running statistics."""
    if use_input_stats or running_mean is None:
        raise UnsupportedOperatorError(
            "divides by a deviation of its input, which is not piecewise affine; with "
            "track_running_stats=True an instance normalisation is affine in inference"
        )
    return _batch_norm(t, x, weight, bias, running_mean, running_var, False, momentum, eps)


# --- never piecewise affine: the message says why ------------------------------------------------

_APPROXIMATE = (
    "is not piecewise affine; an activation of a known name (Sigmoid, Tanh, GELU, SiLU, ...) can "
    "be approximated"
)


@handler("log")
def _log(t: Lowering, x: Any) -> Any:
    """Softplus of a sigmoid, LogSoftmax of a softmax; any other is not piecewise affine."""
    x = t.operand(x)
    found = log_of(t.nodes, x.node, t.numbers) if isinstance(x, Var) else None
    if found is None:
        raise UnsupportedOperatorError(_APPROXIMATE)
    out = t.value_of(found[1], x.lead)
    for operator in found[0]:
        out = t.emit(operator, out)
    return out


for _names, _what in {
    ("exp", "exp2", "expm1", "log2", "log10", "log1p", "sqrt", "rsqrt", "square", "cbrt",
     "sin", "cos", "tan", "sinh", "cosh", "asin", "acos", "atan", "atan2", "asinh",
     "acosh", "atanh", "erf", "erfc", "erfinv", "softsign", "mish", "logsumexp", "logaddexp",
     "logcumsumexp", "lgamma", "digamma", "hypot", "cumprod", "prod"):
        _APPROXIMATE,
    ("glu", "scaled_dot_product_attention", "multi_head_attention_forward",
     "_native_multi_head_attention", "_transformer_encoder_layer_fwd", "lstm", "gru"):
        "multiplies values that depend on the input; that is not piecewise affine",
    ("layer_norm", "native_layer_norm", "group_norm", "native_group_norm", "rms_norm", "std",
     "var", "std_mean", "var_mean", "_fused_rms_norm", "renorm"):
        "takes a deviation of its input, which is not piecewise affine; batch normalisation in "
        "inference is",
    ("floor", "ceil", "round", "trunc", "frac", "floor_divide", "remainder", "fmod", "fix"):
        "jumps where it rounds; networks here are continuous",
    ("argmax", "argmin", "argsort", "searchsorted", "bucketize", "nonzero", "one_hot"):
        "gives places, not values: it jumps",
    ("all", "any", "isclose", "equal", "signbit", "copysign"):
        "compares values, so the result jumps",
    ("_local_scalar_dense", "item", "is_nonzero"):
        "uses a value as a Python number: that is control flow on the data",
    ("embedding", "embedding_bag"):
        "looks rows up by integers, which depend on the input: it jumps",
}.items():  # fmt: skip
    refused(_what, *_names)
