"""Readers of ONNX's affine operators: MatMul, Gemm, and arithmetic with constants."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from ..errors import ShapeError
from ..network import Dense, Elementwise, Reshape
from ..rationals import as_fractions, compact
from .limits import Budget, check_entries
from .onnx_node import NodeView, Value, handles
from .onnx_shapes import to_shape
from .onnx_values import Chain, Constant, Variable, arithmetic

__all__ = ["drop_batch_axis"]

_MIXES = "it would combine the batch axis with others; networks are read for one input at a time"


def _scaled(values: np.ndarray, factor: Fraction, where: str, budget: Budget) -> np.ndarray:
    """factor * values, exactly."""
    if factor == 1:
        return values
    budget.about_to_compute(values.size, where)
    out = np.asarray(as_fractions(values) * factor)
    budget.array(out, where)
    return compact(out.reshape(values.shape))


def drop_batch_axis(node: NodeView, x: Variable, values: np.ndarray) -> np.ndarray:
    """A constant that is broadcast with ``x``, shaped to be broadcast with ``x.inner``."""
    rank = len(x.shape)
    if not x.batch or values.ndim < rank:
        return values
    # the axes in front of x.inner are the batch axis and what broadcasting would put before it
    if any(n != 1 for n in values.shape[: values.ndim - len(x.inner)]):
        raise node.unsupported(
            f"a constant of shape {values.shape} would make a batch of an input of shape "
            f"{x.shape}; {_MIXES}"
        )
    return values.reshape(values.shape[1:])


# --- MatMul ----------------------------------------------------------------------------------


@handles("MatMul", inputs=2)
def _matmul(node: NodeView, chain: Chain) -> Value:
    a, b = node.value(0), node.value(1)
    if isinstance(a, Variable) and isinstance(b, Variable):
        raise node.unsupported("both factors depend on the input: the product is not affine")
    if isinstance(a, Variable):
        return _variable_times_matrix(node, chain, a, _matrix(node, node.constant(1, "matrix"), a))
    if isinstance(b, Variable):
        return _matrix_times_variable(node, chain, _matrix(node, a, b), b)
    raise node.unsupported("a product of two constants is not computed; simplify the model")


def _matrix(node: NodeView, constant: Constant, x: Variable) -> np.ndarray:
    """A vector or matrix; further axes of length 1 that broadcasting ignores are dropped."""
    values = constant.values
    if values.ndim == 0 or not x.shape:
        raise node.wrong("a factor is a scalar; MatMul needs axes")
    extra = values.ndim - 2
    if extra > 0:
        if values.ndim > len(x.shape) or any(n != 1 for n in values.shape[:extra]):
            raise node.unsupported(f"a stack of matrices of shape {values.shape} is not supported")
        values = values.reshape(values.shape[extra:])
    return values


def _variable_times_matrix(node: NodeView, chain: Chain, x: Variable, w: np.ndarray) -> Value:
    if not x.inner:
        raise node.unsupported(_MIXES)
    if w.ndim == 2:
        return chain.apply(x, Dense(w.T, name=node.name), node.where)
    y = chain.apply(x, Dense(w[np.newaxis], name=node.name), node.where)
    return to_shape(chain, node, y, y.shape[:-1], keep_batch=True)


def _matrix_times_variable(node: NodeView, chain: Chain, w: np.ndarray, x: Variable) -> Value:
    rows = w if w.ndim == 2 else w[np.newaxis]
    if len(x.shape) == 1 and not x.batch:
        y = chain.apply(x, Dense(rows, name=node.name), node.where)
        return y if w.ndim == 2 else to_shape(chain, node, y, (), keep_batch=True)
    if len(x.inner) < 2:  # the axis that is summed over is the batch axis
        raise node.unsupported(f"a matrix on the left of an input of shape {x.shape}: {_MIXES}")
    y = chain.apply(x, Dense(rows, axis=-2, name=node.name), node.where)
    if w.ndim == 2:
        return y
    return to_shape(chain, node, y, (*y.shape[:-2], y.shape[-1]), keep_batch=True)


# --- Gemm ------------------------------------------------------------------------------------


@handles("Gemm", inputs=(2, 3), attributes=("alpha", "beta", "transA", "transB"))
def _gemm(node: NodeView, chain: Chain) -> Value:
    alpha = node.float_attribute("alpha", 1.0)
    beta = node.float_attribute("beta", 1.0)
    trans_a, trans_b = node.int_attribute("transA", 0), node.int_attribute("transB", 0)
    a, b = node.value(0), node.value(1)
    c = None if node.optional(2) is None else node.constant(2, "C")
    if len(a.shape) != 2 or len(b.shape) != 2:
        raise ShapeError(f"{node.where}: A and B need two axes, not shapes {a.shape}, {b.shape}")
    shift = None if c is None else _scaled(c.values, beta, node.where, chain.budget)
    if isinstance(a, Variable) and isinstance(b, Constant):
        weight = b.values if trans_b else b.values.T
        x = _transposed(node, chain, a) if trans_a else a
        return _rows_times(node, chain, x, _scaled(weight, alpha, node.where, chain.budget), shift)
    if isinstance(a, Constant) and isinstance(b, Variable):
        matrix = a.values.T if trans_a else a.values
        weight = _scaled(matrix, alpha, node.where, chain.budget)
        x = _transposed(node, chain, b) if trans_b else b
        return _times_columns(node, chain, weight, x, shift)
    if isinstance(a, Variable):
        raise node.unsupported("A and B depend on the input: the product is not affine")
    raise node.unsupported("a product of two constants is not computed; simplify the model")


def _transposed(node: NodeView, chain: Chain, x: Variable) -> Variable:
    """The transpose of a matrix with one row or one column: the same entries in order."""
    if 1 not in x.shape:
        raise node.unsupported(f"the transpose of an input of shape {x.shape} is not supported")
    return to_shape(chain, node, x, x.shape[::-1])


def _gemm_shift(node: NodeView, shift: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    try:
        return np.broadcast_to(shift, shape)
    except ValueError:
        raise ShapeError(
            f"{node.where}: C of shape {shift.shape} does not broadcast to {shape}"
        ) from None


def _rows_times(
    node: NodeView, chain: Chain, x: Variable, weight: np.ndarray, shift: np.ndarray | None
) -> Value:
    """x weight^T + shift for x of shape (M, K) and weight of shape (N, K)."""
    m, n = x.shape[0], weight.shape[0]
    if not x.batch and m == 1:
        x = to_shape(chain, node, x, x.shape)
    if shift is None:
        return chain.apply(x, Dense(weight, name=node.name), node.where)
    check_entries((m, n), node.where)
    full = _gemm_shift(node, shift, (m, n))
    if m == 1 or shift.ndim < 2 or shift.shape[0] == 1:  # the same for every row: a bias
        return chain.apply(x, Dense(weight, full[0], name=node.name), node.where)
    y = chain.apply(x, Dense(weight, name=node.name), node.where)
    return chain.apply(y, Elementwise(shift=full, name=node.name), node.where)


def _times_columns(
    node: NodeView, chain: Chain, weight: np.ndarray, x: Variable, shift: np.ndarray | None
) -> Value:
    """weight x + shift for weight of shape (M, K) and x of shape (K, N)."""
    if x.shape == (1, 1):  # one entry: no batch is mixed
        x = Variable(chain.apply(x, Reshape((1, 1), name=node.name), node.where).inner, False)
    if x.batch and weight.shape[1] == 1:
        raise node.unsupported(_MIXES)
    if x.batch:
        raise ShapeError(f"{node.where}: shapes {weight.shape} and {x.shape} do not fit")
    y = chain.apply(x, Dense(weight, axis=-2, name=node.name), node.where)
    if shift is not None:
        full = _gemm_shift(node, shift, y.shape)
        y = chain.apply(y, Elementwise(shift=full, name=node.name), node.where)
    return to_shape(chain, node, y, y.shape)


# --- arithmetic with constants ---------------------------------------------------------------


@handles("Add", "Sub", "Mul", "Div", inputs=2)
def _arithmetic(node: NodeView, chain: Chain) -> Value:
    a, b = node.value(0), node.value(1)
    if isinstance(a, Constant) and isinstance(b, Constant):
        return arithmetic(node.kind, a, b, node.where, chain.budget)
    if isinstance(a, Variable) and isinstance(b, Variable):
        raise node.unsupported("both inputs depend on the network's input; see branches")
    if isinstance(a, Variable):
        x, c, first = a, node.constant(1, "constant").values, True
    else:
        x, c, first = node.variable(1), node.constant(0, "constant").values, False
    c = drop_batch_axis(node, x, c)
    scale: np.ndarray | int = 1
    shift: np.ndarray | int = 0
    if node.kind == "Add":
        shift = c
    elif node.kind == "Sub":
        scale, shift = (1, -c) if first else (-1, c)
    elif node.kind == "Mul":
        scale = c
    elif not first:
        raise node.unsupported("division by what depends on the input is not piecewise affine")
    else:
        one = Constant(np.ones(()))
        scale = arithmetic("Div", one, Constant(c), node.where, chain.budget).values
    return chain.apply(x, Elementwise(scale, shift, name=node.name), node.where)


@handles("Neg")
def _neg(node: NodeView, chain: Chain) -> Value:
    x = node.value(0)
    if isinstance(x, Constant):
        chain.budget.about_to_compute(x.values.size, node.where)
        return Constant(np.asarray(-x.values), x.integer)
    return chain.apply(x, Elementwise(-1, name=node.name), node.where)
