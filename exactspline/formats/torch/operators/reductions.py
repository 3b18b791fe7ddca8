"""Sums, extremes, order statistics and norms along axes of a PyTorch program."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch

from ....errors import UnsupportedOperatorError
from ....network import Abs, Maximum, Minimum, ReduceMax, ReduceMean, ReduceMin, ReduceSum, Sort
from ....network.sparse import running_sum
from ..values import Const, Lowering, Unreadable, handler
from .activations import extreme
from .conditions import difference
from .shapes import move

__all__ = ["reduce_sum", "with_places"]


def with_places(values: Any) -> tuple[Any, Unreadable]:
    """What torch gives for a maximum along an axis: values, and where they stand."""
    return values, Unreadable("the places of maxima or of sorted entries jump; take the values")


def reduce_sum(t: Lowering, x: Any, axes: Sequence[int], keepdim: bool = False) -> Any:
    """A sum over axes of a value, counted without the batch axis."""
    return t.emit(ReduceSum(axes, keepdims=keepdim), x) if axes else x


@handler("sum", exact=True)
def _sum(t: Lowering, x: Any, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    """ReduceSum."""
    x = t.operand(x)
    return reduce_sum(t, x, t.axes(dim, x), keepdim)


@handler("mean", exact=True)
def _mean(t: Lowering, x: Any, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    """ReduceMean."""
    x = t.operand(x)
    axes = t.axes(dim, x)
    return t.emit(ReduceMean(axes, keepdims=keepdim), x) if axes else x


@handler("cumsum")
def _cumsum(t: Lowering, x: Any, dim: int, *, dtype: Any = None) -> Any:
    """SparseLinear: running sums."""
    x = t.operand(x)
    axis = t.axis(dim, x)
    return t.emit(running_sum(x.shape[axis], axis=axis), x)


@handler("amax", exact=True)
def _amax(t: Lowering, x: Any, dim: Any = (), keepdim: bool = False) -> Any:
    """ReduceMax."""
    x = t.operand(x)
    axes = t.axes(dim, x)
    return t.emit(ReduceMax(axes, keepdims=keepdim), x) if axes else x


@handler("amin", exact=True)
def _amin(t: Lowering, x: Any, dim: Any = (), keepdim: bool = False) -> Any:
    """ReduceMin."""
    x = t.operand(x)
    axes = t.axes(dim, x)
    return t.emit(ReduceMin(axes, keepdims=keepdim), x) if axes else x


@handler("aminmax")
def _aminmax(t: Lowering, x: Any, *, dim: Any = None, keepdim: bool = False) -> Any:
    """ReduceMin and ReduceMax."""
    return _amin(t, x, dim, keepdim), _amax(t, x, dim, keepdim)


@handler("max")
def _max(t: Lowering, x: Any, dim: Any = None, keepdim: bool = False) -> Any:
    """ReduceMax, or Maximum of two; the places of maxima are refused."""
    if dim is None or isinstance(dim, int):
        return _amax(t, x, dim, keepdim) if dim is None else with_places(_amax(t, x, dim, keepdim))
    return extreme(t, Maximum(), x, dim)


@handler("min")
def _min(t: Lowering, x: Any, dim: Any = None, keepdim: bool = False) -> Any:
    """ReduceMin, or Minimum of two; the places of minima are refused."""
    if dim is None or isinstance(dim, int):
        return _amin(t, x, dim, keepdim) if dim is None else with_places(_amin(t, x, dim, keepdim))
    return extreme(t, Minimum(), x, dim)


# --- order -------------------------------------------------------------------------------------


def _ranked(t: Lowering, x: Any, dim: int, ranks: Any, keepdim: bool = True) -> Any:
    x = t.operand(x)
    axis = t.axis(dim, x)
    out = t.emit(Sort(ranks(x.shape[axis]), axis=axis), x)
    if not keepdim:
        out = t.reshape(out, (*out.shape[:axis], *out.shape[axis + 1 :]))
    return with_places(out)


@handler("sort")
def _sort(
    t: Lowering, x: Any, dim: int = -1, descending: bool = False, *, stable: Any = None
) -> Any:
    """Sort: a network of maxima; the places of entries are refused."""
    return _ranked(t, x, dim, lambda n: range(n - 1, -1, -1) if descending else ())


@handler("msort")
def _msort(t: Lowering, x: Any) -> Any:
    """Sort: a network of maxima; the places of entries are refused."""
    return _sort(t, x, 0)[0]


@handler("topk")
def _topk(
    t: Lowering, x: Any, k: int, dim: int = -1, largest: bool = True, sorted: bool = True
) -> Any:
    """Sort: the largest or smallest entries in order; their places are refused."""
    return _ranked(t, x, dim, lambda n: range(-1, -1 - k, -1) if largest else range(k))


@handler("kthvalue")
def _kthvalue(t: Lowering, x: Any, k: int, dim: int = -1, keepdim: bool = False) -> Any:
    """Sort: one rank."""
    return _ranked(t, x, dim, lambda n: [k - 1], keepdim)


@handler("median", "nanmedian")
def _median(t: Lowering, x: Any, dim: Any = None, keepdim: bool = False) -> Any:
    """Sort: the lower median."""
    if dim is None:
        raise UnsupportedOperatorError(
            "takes the median of all entries, with the batch axis; flatten them and name dim=1"
        )
    return _ranked(t, x, dim, lambda n: [(n - 1) // 2], keepdim)


# --- norms -------------------------------------------------------------------------------------


@handler("linalg_vector_norm", "norm")
def _norm(
    t: Lowering, x: Any, ord: Any = 2, dim: Any = None, keepdim: bool = False, *, dtype: Any = None
) -> Any:
    """ReduceSum, ReduceMax, ReduceMin of Abs: p = 1 and infinity; others are refused."""
    x = t.operand(x)
    if isinstance(x, Const) or ord not in (1, math.inf, -math.inf):
        raise UnsupportedOperatorError(
            f"takes the norm with p = {2 if ord is None else ord}, which is not piecewise affine; "
            "with p = 1 or infinity it is"
        )
    axes = t.axes(dim, x)
    sizes = t.emit(Abs(), x, part="abs")
    if not axes:
        return sizes
    kind: Any = {1: ReduceSum, math.inf: ReduceMax, -math.inf: ReduceMin}[ord]
    return t.emit(kind(axes, keepdims=keepdim), sizes)


@handler("cdist")
def _cdist(t: Lowering, x: Any, other: Any, p: float = 2.0, compute_mode: Any = None) -> Any:
    """ReduceSum, ReduceMax, ReduceMin of Abs: p = 1 and infinity; others are refused."""
    unsqueeze = torch.ops.aten.unsqueeze.default
    rows = move(t, unsqueeze, (t.operand(x), -2), {})
    columns = move(t, unsqueeze, (t.operand(other), -3), {})
    return _norm(t, difference(t, rows, columns), p, [-1])
