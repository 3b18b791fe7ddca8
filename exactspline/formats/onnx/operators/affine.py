"""Readers of ONNX's products with constants: MatMul and Gemm."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np

from ....errors import ShapeError
from ....network import Add, Conv, Dense, Elementwise, Expand, Transpose
from ....rationals import as_fractions, compact
from ...limits import Budget, check_entries
from ..broadcast import broadcast
from ..graph import Graph
from ..node import MIXES, NodeView
from ..registry import handles
from ..values import Constant, Value, Variable

__all__: list[str] = []

Shape = tuple[int, ...]


def _scaled(values: np.ndarray, factor: Fraction, where: str, budget: Budget) -> np.ndarray:
    """factor * values, exactly."""
    if factor == 1:
        return values
    budget.about_to_compute(values.size, where)
    out = np.asarray(as_fractions(values) * factor)
    budget.array(out, where)
    return compact(out.reshape(values.shape))


# --- MatMul ----------------------------------------------------------------------------------


@handles("MatMul", inputs=2)
def _matmul(node: NodeView, graph: Graph) -> Value:
    a, b = node.value(0), node.value(1)
    if isinstance(a, Variable) and isinstance(b, Variable):
        raise node.unsupported("both factors depend on the input: the product is not affine")
    if not a.shape or not b.shape:
        raise node.wrong("a factor is a scalar; MatMul needs axes")
    if isinstance(a, Variable):
        w = _few_axes(node.constant(1, "matrix").values, a)
        if w.ndim > 2:
            return _stacked(node, graph, np.swapaxes(w, -1, -2), a, left=False)
        return _variable_times_matrix(node, graph, a, w)
    if isinstance(b, Variable):
        w = _few_axes(node.constant(0, "matrix").values, b)
        if w.ndim > 2:
            return _stacked(node, graph, w, b, left=True)
        return _matrix_times_variable(node, graph, w, b)
    raise node.not_computed()


def _few_axes(w: np.ndarray, x: Variable) -> np.ndarray:
    """Without the leading axes of length 1 that broadcasting ignores."""
    while w.ndim > 2 and w.shape[0] == 1 and w.ndim <= len(x.shape):
        w = w.reshape(w.shape[1:])
    return w


def _variable_times_matrix(node: NodeView, graph: Graph, x: Variable, w: np.ndarray) -> Value:
    if not x.inner:
        raise node.unsupported(MIXES)
    if w.ndim == 2:
        return graph.apply(node, Dense(w.T), x)
    y = graph.apply(node, Dense(w[np.newaxis]), x)
    return graph.inner_reshape(node, y, y.inner[:-1], y.batch)


def _matrix_times_variable(node: NodeView, graph: Graph, w: np.ndarray, x: Variable) -> Value:
    rows = w if w.ndim == 2 else w[np.newaxis]
    if len(x.shape) == 1 and not x.batch:
        y = graph.apply(node, Dense(rows), x)
        return y if w.ndim == 2 else graph.inner_reshape(node, y, (), False)
    if len(x.inner) < 2:  # the axis that is summed over is the batch axis
        raise node.unsupported(f"a matrix on the left of an input of shape {x.shape}: {MIXES}")
    y = graph.apply(node, Dense(rows, axis=-2), x)
    if w.ndim == 2:
        return y
    return graph.inner_reshape(node, y, (*y.inner[:-2], y.inner[-1]), y.batch)


def _stacked(node: NodeView, graph: Graph, w: np.ndarray, x: Variable, *, left: bool) -> Value:
    """A stack of matrices: w_i x_i, or x_i w_i^T, as a convolution with a group for each i."""
    if len(x.shape) == 1 and not x.batch:  # one vector for all matrices of the stack
        y = graph.apply(node, Dense(w.reshape(-1, w.shape[-1])), x)
        return graph.reshape(node, y, (*w.shape[:-2], w.shape[-2]))
    if len(x.inner) < 2:
        raise node.unsupported(
            f"a stack of matrices of shape {w.shape} on an input of shape {x.shape}: {MIXES}"
        )
    if x.batch and w.ndim >= len(x.shape):
        if any(n != 1 for n in w.shape[: w.ndim - len(x.inner)]):
            raise node.unsupported(f"a stack of matrices of shape {w.shape} makes a batch: {MIXES}")
        w = w.reshape(w.shape[w.ndim - len(x.inner) :])
    try:
        stack = np.broadcast_shapes(w.shape[:-2], x.inner[:-2])
    except ValueError:
        raise ShapeError(
            f"{node.where}: a stack of matrices of shape {w.shape} does not broadcast with an "
            f"input of shape {x.shape}"
        ) from None
    n_out, n_in = w.shape[-2:]
    if n_in != x.inner[-2 if left else -1]:
        raise ShapeError(f"{node.where}: factors of shape {w.shape} and {x.shape} do not fit")
    check_entries((*stack, n_out, n_in), node.where)
    w = np.broadcast_to(w, (*stack, n_out, n_in)).reshape(-1, n_in, 1)
    if x.inner[:-2] != stack:
        x = graph.apply(node, Expand((*stack, *x.inner[-2:])), x)
    swap = (*range(len(stack)), len(stack) + 1, len(stack))
    x = x if left else graph.apply(node, Transpose(swap), x)
    groups, columns = math.prod(stack), x.inner[-1]
    flat = graph.inner_reshape(node, x, (groups * n_in, columns), True)
    y = graph.apply(node, Conv(w, groups=groups), flat)
    y = graph.inner_reshape(node, y, (*stack, n_out, columns), x.batch)
    return y if left else graph.apply(node, Transpose(swap), y)


# --- Gemm ------------------------------------------------------------------------------------


@handles("Gemm", inputs=(2, 3), attributes=("alpha", "beta", "transA", "transB"))
def _gemm(node: NodeView, graph: Graph) -> Value:
    alpha = node.float_attribute("alpha", 1.0)
    beta = node.float_attribute("beta", 1.0)
    trans_a, trans_b = node.int_attribute("transA", 0), node.int_attribute("transB", 0)
    a, b, c = node.value(0), node.value(1), node.optional(2)
    if len(a.shape) != 2 or len(b.shape) != 2:
        raise ShapeError(f"{node.where}: A and B need two axes, not shapes {a.shape}, {b.shape}")
    shift = None
    if isinstance(c, Constant):
        shift = _scaled(c.values, beta, node.where, graph.budget)
    if isinstance(a, Variable) and isinstance(b, Constant):
        weight = b.values if trans_b else b.values.T
        x = _transposed(node, graph, a) if trans_a else a
        weight = _scaled(weight, alpha, node.where, graph.budget)
        y = _rows_times(node, graph, x, weight, shift)
    elif isinstance(a, Constant) and isinstance(b, Variable):
        matrix = a.values.T if trans_a else a.values
        weight = _scaled(matrix, alpha, node.where, graph.budget)
        x = _transposed(node, graph, b) if trans_b else b
        y = _times_columns(node, graph, weight, x, shift)
    elif isinstance(a, Variable):
        raise node.unsupported("A and B depend on the input: the product is not affine")
    else:
        raise node.not_computed()
    if not isinstance(c, Variable):
        return y
    if broadcast(node, c.shape, y.shape) != y.shape:
        raise ShapeError(f"{node.where}: C of shape {c.shape} does not broadcast to {y.shape}")
    return graph.apply(node, Add([1, beta]), y, c)


def _transposed(node: NodeView, graph: Graph, x: Variable) -> Variable:
    if 1 in x.shape:  # the same entries in order
        return graph.reshape(node, x, x.shape[::-1])
    return graph.apply(node, Transpose((1, 0)), x)


def _gemm_shift(node: NodeView, shift: np.ndarray, shape: Shape) -> np.ndarray:
    try:
        return np.broadcast_to(shift, shape)
    except ValueError:
        raise ShapeError(
            f"{node.where}: C of shape {shift.shape} does not broadcast to {shape}"
        ) from None


def _rows_times(
    node: NodeView, graph: Graph, x: Variable, weight: np.ndarray, shift: np.ndarray | None
) -> Variable:
    """x weight^T + shift for x of shape (M, K) and weight of shape (N, K)."""
    m, n = x.shape[0], weight.shape[0]
    if shift is None:
        return graph.apply(node, Dense(weight), x)
    check_entries((m, n), node.where)
    full = _gemm_shift(node, shift, (m, n))
    if m == 1 or shift.ndim < 2 or shift.shape[0] == 1:  # the same for every row: a bias
        return graph.apply(node, Dense(weight, full[0]), x)
    y = graph.apply(node, Dense(weight), x)
    return graph.apply(node, Elementwise(shift=full), y)


def _times_columns(
    node: NodeView, graph: Graph, weight: np.ndarray, x: Variable, shift: np.ndarray | None
) -> Variable:
    """weight x + shift for weight of shape (M, K) and x of shape (K, N)."""
    if x.shape == (1, 1):  # one entry: no batch is mixed
        y = graph.apply(node, Dense(weight), graph.inner_reshape(node, x, (1,), False))
        y = graph.inner_reshape(node, y, (weight.shape[0], 1), False)
    elif x.batch:
        if weight.shape[1] == 1:
            raise node.unsupported(MIXES)
        raise ShapeError(f"{node.where}: shapes {weight.shape} and {x.shape} do not fit")
    else:
        y = graph.apply(node, Dense(weight, axis=-2), x)
    if y.shape[0] == 1:
        y = graph.reshape(node, y, y.shape)
    if shift is None:
        return y
    full = _gemm_shift(node, shift, y.shape)
    return graph.apply(node, Elementwise(shift=full[0] if y.batch else full), y)
