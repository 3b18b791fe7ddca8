"""Operators written out: matrices, breakpoints and members from their stored fields alone.

What a check compares with, where the other side is compiled: nothing here lowers an operator,
reads a program or asks for a spline. All numbers are Fractions, all arrays dense: for toy networks.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from ...errors import LimitError, UnsupportedOperatorError
from ...network.activations import (
    Abs,
    Clip,
    HardSigmoid,
    LeakyReLU,
    MaxLeaky,
    PReLU,
    ReLU,
    ScalarSpline,
    Threshold,
)
from ...network.affine import Add, BatchNorm, Dense, Elementwise
from ...network.arrange import Concat, Flatten, Reshape
from ...network.convolution import Conv
from ...network.graph import Node
from ...network.maso import MASO, SimplifiedMASO
from ...network.maxima import Maximum, Maxout, Minimum
from ...network.operator import Operator, Shape
from ...network.pooling import (
    AveragePool,
    MaxPool,
    ReduceMax,
    ReduceMean,
    ReduceMin,
    ReduceSum,
    SumPool,
)
from ...rationals import as_fractions
from .matrices import Pieces, convolution_matrix, pooling_windows

__all__ = [
    "Affine",
    "affine_nodes",
    "affine_written",
    "composed",
    "is_scalar",
    "pieces_written",
    "scalar_pieces",
    "selected",
]

Affine = tuple[np.ndarray, np.ndarray]  # a matrix and a vector, in Fractions
Scalar = tuple[list[Fraction], list[tuple[Fraction, Fraction]]]  # breakpoints; slopes, offsets

_MOST_ENTRIES = 2_000_000  # of a dense matrix
_ZERO, _ONE = Fraction(0), Fraction(1)
_SCALARS = (Abs, Clip, HardSigmoid, LeakyReLU, MaxLeaky, PReLU, ReLU, ScalarSpline, Threshold)


def _zeros(*shape: int) -> np.ndarray:
    if math.prod(shape) > _MOST_ENTRIES:
        raise LimitError(
            f"a matrix of {' x '.join(f'{n:,}' for n in shape)} rationals is too large to be "
            "written out; take a toy network"
        )
    return np.full(shape, _ZERO, dtype=object)


# --- Affine operators -------------------------------------------------------------------------


def affine_written(operator: Operator, shapes: Sequence[Shape]) -> Affine:
    """W and b of an affine operator over its flattened inputs, one after the other.

    Dense, convolution, batch normalisation, scales and shifts, average pooling, sums and what
    only reshapes are written down entry by entry; of others, the columns are the exact forward's
    values at the unit vectors.
    """
    shape = tuple(shapes[0])
    if isinstance(operator, Dense):
        return _dense(operator, shape)
    if isinstance(operator, Conv):
        return _convolution(operator, shape)
    if isinstance(operator, BatchNorm):
        return _batch_norm(operator, shape)
    if isinstance(operator, Elementwise):
        return _elementwise(operator, shape)
    if isinstance(operator, (Flatten, Reshape)) or operator.kind == "Identity":
        return _zeros(math.prod(shape), math.prod(shape)) + _eye(math.prod(shape)), _zeros(
            math.prod(shape)
        )
    if type(operator) in (ReduceSum, ReduceMean):
        return _means(_reduced(operator, shape), shape, type(operator) is ReduceMean)
    if isinstance(operator, AveragePool) and not operator.ceil_mode and not operator.divisor:
        if not any(operator.padding):
            return _means(pooling_windows(operator, shape), shape, True)
    elif isinstance(operator, SumPool) and not operator.ceil_mode and not any(operator.padding):
        return _means(pooling_windows(operator, shape), shape, False)
    if isinstance(operator, Add):
        return _sum(operator, shapes)
    if isinstance(operator, Concat) and operator.axis == 0:
        total = sum(map(math.prod, shapes))
        return _eye(total), _zeros(total)
    return _by_forward(operator, shapes)


def _eye(n: int) -> np.ndarray:
    out = _zeros(n, n)
    for i in range(n):
        out[i, i] = _ONE
    return out


def _dense(operator: Dense, shape: Shape) -> Affine:
    """(W x + b) along an axis: y[.., o, ..] = sum_i W[o, i] x[.., i, ..] + b[o]."""
    W, b = as_fractions(operator.weight), as_fractions(operator.bias)
    axis = operator.axis % len(shape)
    out = [*shape[:axis], len(W), *shape[axis + 1 :]]
    entries = np.arange(math.prod(shape)).reshape(shape)
    A, B = _zeros(math.prod(out), math.prod(shape)), _zeros(math.prod(out))
    for row, index in enumerate(itertools.product(*map(range, out))):
        B[row] = b[index[axis]]
        for i in range(shape[axis]):
            A[row, entries[(*index[:axis], i, *index[axis + 1 :])]] = W[index[axis], i]
    return A, B


def _convolution(operator: Conv, shape: Shape) -> Affine:
    """C and b; of several groups, each group's own C in its rows and columns."""
    axes, groups = len(shape) - 1, operator.groups
    outputs = tuple(operator.output_shape(shape)[1:])
    weight, bias = as_fractions(operator.weight), as_fractions(operator.bias)
    inner, many = shape[0] // groups, len(weight) // groups
    image = math.prod(shape[1:])
    positions = math.prod(outputs)
    A = _zeros(len(weight) * positions, math.prod(shape))
    for g in range(groups):
        C = convolution_matrix(
            weight[g * many : (g + 1) * many], (inner, *shape[1:]), stride=operator.stride,
            before=operator.padding[:axes], dilation=operator.dilation, outputs=outputs,
            circular=operator.padding_mode == "circular",
        )  # fmt: skip
        rows = slice(g * many * positions, (g + 1) * many * positions)
        A[rows, g * inner * image : (g + 1) * inner * image] = C
    return A, np.repeat(bias, positions)


def _batch_norm(operator: BatchNorm, shape: Shape) -> Affine:
    """s (x - mean) + beta, one channel a scale."""
    n, axis = math.prod(shape), operator.axis % len(shape)
    s, mean, beta = (as_fractions(v) for v in (operator.scale, operator.mean, operator.beta))
    A, B = _zeros(n, n), _zeros(n)
    for row, index in enumerate(itertools.product(*map(range, shape))):
        channel = index[axis]
        A[row, row] = s[channel]
        B[row] = beta[channel] - s[channel] * mean[channel]
    return A, B


def _elementwise(operator: Elementwise, shape: Shape) -> Affine:
    """scale * x + shift, broadcast."""
    scale, shift = as_fractions(operator.scale), as_fractions(operator.shift)
    entries = np.arange(math.prod(shape)).reshape(shape)
    parts = np.broadcast_arrays(entries, scale, shift)
    rows = [part.reshape(-1).tolist() for part in parts]
    A, B = _zeros(len(rows[0]), math.prod(shape)), _zeros(len(rows[0]))
    for row, (j, factor, offset) in enumerate(zip(*rows, strict=True)):
        A[row, j], B[row] = Fraction(factor), Fraction(offset)
    return A, B


def _means(windows: Sequence[Sequence[int]], shape: Shape, mean: bool) -> Affine:
    """Means or sums of windows."""
    A = _zeros(len(windows), math.prod(shape))
    for row, window in enumerate(windows):
        for j in window:
            A[row, j] = Fraction(1, len(window)) if mean else _ONE
    return A, _zeros(len(windows))


def _sum(operator: Add, shapes: Sequence[Shape]) -> Affine:
    """The sum of the inputs, each with its coefficient, broadcast."""
    weights = [_ONE] * len(shapes)
    if operator.coefficients is not None:
        weights = as_fractions(operator.coefficients).tolist()
    out = tuple(np.broadcast_shapes(*shapes))
    A, offset = _zeros(math.prod(out), sum(map(math.prod, shapes))), 0
    for weight, shape in zip(weights, shapes, strict=True):
        entries = np.arange(math.prod(shape)).reshape(shape)
        for row, j in enumerate(np.broadcast_to(entries, out).reshape(-1).tolist()):
            A[row, offset + j] += weight
        offset += math.prod(shape)
    return A, _zeros(math.prod(out))


def _by_forward(operator: Operator, shapes: Sequence[Shape]) -> Affine:
    """Columns by the exact forward at 0 and the unit vectors."""
    sizes = [math.prod(shape) for shape in shapes]
    n = sum(sizes)
    points = np.concatenate([_zeros(1, n), _eye(n)])
    cuts = np.split(points, np.cumsum(sizes)[:-1], axis=1)
    parts = [part.reshape(n + 1, *shape) for part, shape in zip(cuts, shapes, strict=True)]
    values = as_fractions(np.asarray(operator.forward(*parts))).reshape(n + 1, -1)
    return (values[1:] - values[0]).T, values[0]


def composed(nodes: Sequence[tuple[Operator, Shape]]) -> Affine | None:
    """W and b of affine operators in a row, each with the shape that it reads; None for none."""
    out: Affine | None = None
    for operator, shape in nodes:
        W, b = affine_written(operator, [shape])
        out = (W, b) if out is None else (_product(W, out[0]), _applied(W, out[1]) + b)
    return out


def _product(W: np.ndarray, V: np.ndarray) -> np.ndarray:
    """W V, entry by entry."""
    out = _zeros(len(W), V.shape[1])
    for i, row in enumerate(W):
        for k in np.flatnonzero(row):
            for j in np.flatnonzero(V[k]):
                out[i, j] += row[k] * V[k, j]
    return out


def _applied(W: np.ndarray, b: np.ndarray) -> np.ndarray:
    out = _zeros(len(W))
    for i, row in enumerate(W):
        out[i] = sum((row[k] * b[k] for k in np.flatnonzero(row)), _ZERO)
    return out


def affine_nodes(nodes: Sequence[Node], shape: Shape) -> list[Affine | None]:
    """Per node of a network W and b over the input, as long as all before it are affine."""
    from ...network.operator import is_affine

    n = math.prod(shape)
    found: list[Affine | None] = []
    source: Affine = (_eye(n), _zeros(n))
    for node in nodes:
        read = [source if i < 0 else found[i] for i in node.inputs]
        shapes = [shape if i < 0 else nodes[i].shape for i in node.inputs]
        known = [part for part in read if part is not None]
        if len(known) < len(read) or not is_affine(node.operator, shapes):
            found.append(None)
            continue
        W, b = affine_written(node.operator, shapes)
        inner = np.concatenate([A for A, _ in known]), np.concatenate([c for _, c in known])
        found.append((_product(W, inner[0]), _applied(W, inner[1]) + b))
    return found


# --- What selects -----------------------------------------------------------------------------


def is_scalar(operator: Operator) -> bool:
    """Whether an operator is a function of every entry alone that is written down here."""
    return isinstance(operator, _SCALARS)


def scalar_pieces(operator: Operator, shape: Shape) -> list[Scalar] | None:
    """Per entry the breakpoints and the pieces of an activation; None for another operator.

    Neighbours that are one affine function count as one piece.
    """
    n = math.prod(shape)
    if isinstance(operator, PReLU):
        slopes = np.broadcast_to(as_fractions(operator.slope), shape).reshape(-1).tolist()
        return [_merged([_ZERO], [(slope, _ZERO), (_ONE, _ZERO)]) for slope in slopes]
    found = _scalar(operator)
    return None if found is None else [_merged(*found)] * n


def _scalar(operator: Operator) -> Scalar | None:
    if isinstance(operator, ReLU):
        return [_ZERO], [(_ZERO, _ZERO), (_ONE, _ZERO)]
    if isinstance(operator, Abs):
        return [_ZERO], [(-_ONE, _ZERO), (_ONE, _ZERO)]
    if isinstance(operator, LeakyReLU):
        return [_ZERO], [(operator.slope, _ZERO), (_ONE, _ZERO)]
    if isinstance(operator, MaxLeaky):  # max(eta u, u)
        low, high = sorted((operator.eta, _ONE))
        return [_ZERO], [(low, _ZERO), (high, _ZERO)]
    if isinstance(operator, Threshold):
        return [operator.threshold], [(_ZERO, operator.value), (_ONE, _ZERO)]
    if isinstance(operator, Clip):
        return _clipped(_ONE, _ZERO, operator.low, operator.high)
    if isinstance(operator, HardSigmoid):
        return _clipped(operator.alpha, operator.beta, _ZERO, _ONE)
    if isinstance(operator, ScalarSpline):
        pairs = zip(
            as_fractions(operator.slopes).tolist(), as_fractions(operator.offsets).tolist(),
            strict=True,
        )  # fmt: skip
        return as_fractions(operator.breakpoints).tolist(), list(pairs)
    return None


def _clipped(slope: Fraction, offset: Fraction, low: Any, high: Any) -> Scalar:
    """min(max(slope u + offset, low), high); None leaves a side open."""
    if slope == 0 or (low is not None and low == high):
        value = offset if low is None else max(offset, low)
        return [], [(_ZERO, value if high is None else min(value, high))]
    ends = [((v - offset) / slope, v) for v in (low, high) if v is not None]
    if slope < 0:
        ends.reverse()
    middle = (slope, offset)
    first = low if slope > 0 else high
    pieces = [middle] if first is None else [(_ZERO, first), middle]
    last = high if slope > 0 else low
    return [at for at, _ in ends], pieces if last is None else [*pieces, (_ZERO, last)]


def _merged(breaks: list[Fraction], pieces: list[tuple[Fraction, Fraction]]) -> Scalar:
    kept, out = [], pieces[:1]
    for at, piece in zip(breaks, pieces[1:], strict=True):
        if piece != out[-1]:
            kept.append(at)
            out.append(piece)
    return kept, out


def _members(operator: Operator, shapes: Sequence[Shape]) -> tuple[list[list[int]], bool] | None:
    """Per output the entries of which it is the maximum, or (True) the minimum."""
    shape = tuple(shapes[0])
    if type(operator) is MaxPool:
        return pooling_windows(operator, shape), False
    if type(operator) in (ReduceMax, ReduceMin):
        return _reduced(operator, shape), type(operator) is ReduceMin
    if isinstance(operator, Maxout):
        axis, entries = operator.axis % len(shape), np.arange(math.prod(shape)).reshape(shape)
        out = [*shape[:axis], shape[axis] // operator.rank, *shape[axis + 1 :]]
        groups = []
        for index in itertools.product(*map(range, out)):
            at = [index[axis] * operator.rank + r for r in range(operator.rank)]
            groups.append([int(entries[(*index[:axis], i, *index[axis + 1 :])]) for i in at])
        return groups, False
    if isinstance(operator, Maximum):
        out_shape, columns, offset = np.broadcast_shapes(*shapes), [], 0
        for s in shapes:
            own = offset + np.arange(math.prod(s)).reshape(s)
            columns.append(np.broadcast_to(own, out_shape).reshape(-1).tolist())
            offset += math.prod(s)
        return [list(group) for group in zip(*columns, strict=True)], isinstance(operator, Minimum)
    return None


def _reduced(operator: Any, shape: Shape) -> list[list[int]]:
    """The entries that go into one output of a reduction over axes."""
    axes = sorted({a % len(shape) for a in operator.axes} or range(len(shape)))
    entries = np.arange(math.prod(shape)).reshape(shape)
    rest = [i for i in range(len(shape)) if i not in axes]
    groups = []
    for outer in itertools.product(*(range(shape[i]) for i in rest)):
        group = []
        for inner in itertools.product(*(range(shape[i]) for i in axes)):
            at = dict(zip(rest, outer, strict=True)) | dict(zip(axes, inner, strict=True))
            group.append(int(entries[tuple(at[i] for i in range(len(shape)))]))
        groups.append(group)
    return groups


def _masos(operator: Operator) -> Pieces | None:
    """The stored pieces of a max-affine operator; one bias: B_kr = <A_kr, beta>."""
    if isinstance(operator, SimplifiedMASO):
        A, beta = as_fractions(operator.A), as_fractions(operator.beta)
        B = _zeros(*A.shape[:2])
        for k, r in np.ndindex(*B.shape):
            B[k, r] = sum((a * v for a, v in zip(A[k, r], beta, strict=True)), _ZERO)
        return A, B
    return (
        (as_fractions(operator.A), as_fractions(operator.B)) if isinstance(operator, MASO) else None
    )


def pieces_written(operator: Operator, shapes: Sequence[Shape]) -> Pieces | None:
    """A (K, R, n) and B (K, R) of what selects by the sign or the size of its entries.

    The last piece is repeated where an output has fewer than R. None where none are written down
    here: of sorting, say.
    """
    stored = _masos(operator)
    if stored is not None:
        return stored
    n = sum(map(math.prod, shapes))
    scalars = scalar_pieces(operator, tuple(shapes[0]))
    if scalars is not None:
        most = max(len(pieces) for _, pieces in scalars)
        A, B = _zeros(n, most, n), _zeros(n, most)
        for k, (_, pieces) in enumerate(scalars):
            for r in range(most):
                A[k, r, k], B[k, r] = pieces[min(r, len(pieces) - 1)]
        return A, B
    members = _members(operator, shapes)
    if members is None:
        return None
    most = max(map(len, members[0]))
    A = _zeros(len(members[0]), most, n)
    for k, group in enumerate(members[0]):
        for r in range(most):
            A[k, r, group[min(r, len(group) - 1)]] = _ONE
    return A, _zeros(len(members[0]), most)


def selected(operator: Operator, shapes: Sequence[Shape], z: np.ndarray) -> Affine:
    """A[z] and B[z]: what an operator is at a point of its flattened inputs, by its definition.

    Raises
    ------
    UnsupportedOperatorError
        If no definition is written down here.
    """
    from ...network.operator import is_affine

    scalars = scalar_pieces(operator, tuple(shapes[0]))
    if scalars is not None:
        A, B = _zeros(len(z), len(z)), _zeros(len(z))
        for k, (breaks, pieces) in enumerate(scalars):
            A[k, k], B[k] = pieces[sum(at < z[k] for at in breaks)]
        return A, B
    members = _members(operator, shapes)
    if members is not None:
        groups, least = members
        A = _zeros(len(groups), len(z))
        for k, group in enumerate(groups):
            values = [z[j] for j in group]
            A[k, group[values.index(min(values) if least else max(values))]] = _ONE
        return A, _zeros(len(groups))
    stored = _masos(operator)
    if stored is not None:
        slopes, offsets = stored
        A, B = _zeros(len(slopes), len(z)), _zeros(len(slopes))
        for k in range(len(slopes)):
            values = [_value(a, b, z) for a, b in zip(slopes[k], offsets[k], strict=True)]
            r = values.index(max(values))
            A[k], B[k] = slopes[k, r], offsets[k, r]
        return A, B
    if is_affine(operator, list(shapes)):
        return affine_written(operator, shapes)
    raise UnsupportedOperatorError(
        f"{operator.label}: its pieces are not written down in the theory's checks"
    )


def _value(slope: np.ndarray, offset: Fraction, z: np.ndarray) -> Fraction:
    return sum((a * v for a, v in zip(slope, z, strict=True) if a), offset)
