"""Readers of ONNX operators that gather, scatter and cut by constant indices: moves of entries."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ....network import Concat, Elementwise, Maximum, Minimum, SparseLinear
from ...limits import check_entries
from ..broadcast import drop_batch_axis
from ..graph import Graph
from ..moves import flat, moved, numbered
from ..node import NodeView
from ..registry import handles
from ..values import Constant, Value, Variable

__all__: list[str] = []

Shape = tuple[int, ...]


def _indices(node: NodeView, i: int) -> np.ndarray:
    """A constant array of integers."""
    value = node.optional(i)
    if isinstance(value, Variable):
        raise node.unsupported(
            "its indices depend on the network's input: it jumps where one of them changes. Make "
            "them constants"
        )
    constant = node.constant(i, "indices")
    if not constant.integer:
        raise node.wrong(f"its indices (input {i}) are no integers")
    check_entries(constant.shape, node.where)
    return np.array([int(v) for v in constant.values.reshape(-1).tolist()]).reshape(constant.shape)


def _counted(node: NodeView, indices: np.ndarray, size: int) -> np.ndarray:
    """Indices counted from the front."""
    if np.any((indices < -size) | (indices >= size)):
        wrong = indices[(indices < -size) | (indices >= size)][0]
        raise node.wrong(f"index {wrong} does not fit an axis of {size} entries")
    return np.where(indices < 0, indices + size, indices)


# --- gathering -------------------------------------------------------------------------------


@handles("GatherElements", inputs=2, attributes=("axis",), since=11)
def _gather_elements(node: NodeView, graph: Graph) -> Value:
    x, indices = node.value(0), _indices(node, 1)
    axis = node.axis(node.int_attribute("axis", 0), len(x.shape))
    places = _along_axis(node, x.shape, indices, axis)
    return moved(node, graph, [x], numbered(x.shape)[places])


def _along_axis(
    node: NodeView, shape: Shape, indices: np.ndarray, axis: int
) -> tuple[np.ndarray, ...]:
    """Where every index points: along one axis, all others as they stand."""
    if indices.ndim != len(shape) or any(
        n > m for i, (n, m) in enumerate(zip(indices.shape, shape, strict=True)) if i != axis
    ):
        raise node.wrong(f"indices of shape {indices.shape} do not fit an input of shape {shape}")
    grid: list[np.ndarray] = list(np.indices(indices.shape))
    grid[axis] = _counted(node, indices, shape[axis])
    return tuple(grid)


@handles("GatherND", inputs=2, attributes=("batch_dims",), since=11)
def _gather_nd(node: NodeView, graph: Graph) -> Value:
    x, indices = node.value(0), _indices(node, 1)
    lead = node.int_attribute("batch_dims", 0) if node.opset >= 12 else 0
    rank, depth = len(x.shape), indices.shape[-1] if indices.ndim else 0
    if not 0 <= lead < min(rank, indices.ndim) or not 1 <= depth <= rank - lead:
        raise node.wrong(f"indices of shape {indices.shape} do not fit an input of shape {x.shape}")
    if indices.shape[:lead] != x.shape[:lead]:
        raise node.wrong(f"batch axes of {indices.shape} and {x.shape} differ")
    check_entries((*indices.shape[:-1], *x.shape[lead + depth :]), node.where)
    grid = list(np.indices(indices.shape[:-1])[:lead])
    for k in range(depth):
        grid.append(_counted(node, indices[..., k], x.shape[lead + k]))
    return moved(node, graph, [x], numbered(x.shape)[tuple(grid)])


@handles("Compress", inputs=2, attributes=("axis",), since=9)
def _compress(node: NodeView, graph: Graph) -> Value:
    x = node.value(0)
    if isinstance(node.value(1), Variable):
        raise node.unsupported("its condition depends on the network's input: it jumps")
    condition = node.constant(1, "condition").values.reshape(-1) != 0
    entries = numbered(x.shape)
    if "axis" in node.attributes:
        axis = node.axis(node.int_attribute("axis", 0), len(x.shape))
    else:
        entries, axis = entries.reshape(-1), 0
    chosen = np.flatnonzero(condition[: entries.shape[axis]])
    return moved(node, graph, [x], np.take(entries, chosen, axis=axis))


@handles("ReverseSequence", inputs=2, attributes=("batch_axis", "time_axis"), since=10)
def _reverse_sequence(node: NodeView, graph: Graph) -> Value:
    x, lengths = node.value(0), _indices(node, 1)
    batch, time = node.int_attribute("batch_axis", 1), node.int_attribute("time_axis", 0)
    if len(x.shape) < 2 or {batch, time} != {0, 1} or lengths.shape != (x.shape[batch],):
        raise node.wrong(f"lengths of shape {lengths.shape} do not fit an input of {x.shape}")
    entries = numbered(x.shape).swapaxes(0, batch).copy()  # the sequences first
    for i, n in enumerate(lengths.tolist()):
        if not 0 <= n <= x.shape[time]:
            raise node.wrong(f"a sequence of {n} entries does not fit an input of {x.shape}")
        entries[i, :n] = entries[i, :n][::-1].copy()
    return moved(node, graph, [x], entries.swapaxes(0, batch))


@handles("CenterCropPad", inputs=2, attributes=("axes",), since=18)
def _centre_crop_pad(node: NodeView, graph: Graph) -> Value:
    x, sizes = node.value(0), node.constant_ints(1, "shape")
    stated = node.ints_attribute("axes")
    axes = list(range(len(x.shape))) if stated is None else node.axes(stated, len(x.shape))
    if len(sizes) != len(axes) or any(n < 1 for n in sizes):
        raise node.wrong(f"shape {sizes[:20]} does not fit axes {axes[:20]}")
    shape = list(x.shape)
    for axis, n in zip(axes, sizes, strict=True):
        shape[axis] = n
    check_entries(shape, node.where)
    entries = numbered(x.shape)
    for axis, wanted in zip(axes, sizes, strict=True):
        size = entries.shape[axis]
        if wanted <= size:  # what is cut off or added is one more behind than before
            first = (size - wanted) // 2
            entries = np.take(entries, range(first, first + wanted), axis=axis)
        else:
            width = [(0, 0)] * entries.ndim
            width[axis] = ((wanted - size) // 2, (wanted - size) - (wanted - size) // 2)
            entries = np.pad(entries, width, constant_values=-1)
    return _with_zeros(node, graph, x, entries)


def _with_zeros(node: NodeView, graph: Graph, x: Value, entries: np.ndarray) -> Value:
    """Chosen entries, and 0 where the index is -1."""
    if np.all(entries >= 0):
        return moved(node, graph, [x], entries)
    zero = Constant(np.zeros(1))
    size = math.prod(x.shape)
    return moved(node, graph, [x, zero], np.where(entries < 0, size, entries))


@handles("Trilu", inputs=(1, 2), attributes=("upper",), since=14)
def _trilu(node: NodeView, graph: Graph) -> Value:
    x = node.variable(0)
    if len(x.shape) < 2:
        raise node.wrong(f"an input of shape {x.shape} has no matrices")
    k = 0 if node.optional(1) is None else int(node.constant_number(1, "diagonal"))
    rows, columns = x.shape[-2:]
    k = min(max(k, -rows - 1), columns + 1)
    mask = np.triu(np.ones((rows, columns)), k)
    if not node.int_attribute("upper", 1):
        mask = np.tril(np.ones((rows, columns)), k)
    return graph.apply(node, Elementwise(drop_batch_axis(node, x, mask)), x)


# --- scattering ------------------------------------------------------------------------------


@handles("Scatter", inputs=3, attributes=("axis",), since=9, until=10)
@handles("ScatterElements", inputs=3, attributes=("axis",), since=11, until=15)
@handles("ScatterElements", inputs=3, attributes=("axis", "reduction"), since=16)
def _scatter_elements(node: NodeView, graph: Graph) -> Value:
    data, indices, updates = node.value(0), _indices(node, 1), node.value(2)
    if updates.shape != indices.shape:
        raise node.wrong(f"updates of shape {updates.shape} do not fit indices {indices.shape}")
    axis = node.axis(node.int_attribute("axis", 0), len(data.shape))
    places = numbered(data.shape)[_along_axis(node, data.shape, indices, axis)]
    return _scattered(node, graph, data, places, updates)


@handles("ScatterND", inputs=3, since=11, until=15)
@handles("ScatterND", inputs=3, attributes=("reduction",), since=16)
def _scatter_nd(node: NodeView, graph: Graph) -> Value:
    data, indices, updates = node.value(0), _indices(node, 1), node.value(2)
    depth = indices.shape[-1] if indices.ndim else 0
    if not 1 <= depth <= len(data.shape):
        raise node.wrong(f"indices of shape {indices.shape} do not fit data of {data.shape}")
    if updates.shape != (*indices.shape[:-1], *data.shape[depth:]):
        raise node.wrong(f"updates of shape {updates.shape} do not fit indices {indices.shape}")
    grid = [_counted(node, indices[..., k], data.shape[k]) for k in range(depth)]
    return _scattered(node, graph, data, numbered(data.shape)[tuple(grid)], updates)


@handles("TensorScatter", inputs=(2, 3), attributes=("axis", "mode"), since=24)
def _tensor_scatter(node: NodeView, graph: Graph) -> Value:
    """Updates written into a cache from a place on, one for each sample of the batch."""
    cache, updates = node.value(0), node.value(1)
    rank = len(cache.shape)
    axis = node.axis(node.int_attribute("axis", -2), rank)
    starts = np.zeros(cache.shape[0], dtype=np.int64)
    if node.optional(2) is not None:
        starts = _indices(node, 2).reshape(-1)
    fits = len(updates.shape) == rank and all(
        n == m or i == axis for i, (n, m) in enumerate(zip(updates.shape, cache.shape, strict=True))
    )
    if axis == 0 or not fits or starts.shape != cache.shape[:1]:
        raise node.wrong(f"updates of shape {updates.shape} do not fit a cache of {cache.shape}")
    size, circular = cache.shape[axis], node.text_attribute("mode", "linear") == "circular"
    grid = list(np.indices(updates.shape))
    at = grid[axis] + starts[grid[0]]
    grid[axis] = at % size if circular else _counted(node, at, size)
    return _scattered(node, graph, cache, numbered(cache.shape)[tuple(grid)], updates)


@handles("MaxUnpool", inputs=(2, 3), attributes=("kernel_shape", "pads", "strides"), since=9)
def _max_unpool(node: NodeView, graph: Graph) -> Value:
    """Entries put at constant places of an image of zeros."""
    x, places = node.variable(0), _indices(node, 1)
    n = len(x.shape) - 2
    if n < 1 or places.shape != x.shape or "kernel_shape" not in node.attributes:
        raise node.wrong(f"indices of shape {places.shape} do not fit an input of {x.shape}")
    kernel, strides = node.sizes("kernel_shape", n, 1, 1), node.sizes("strides", n, 1, 1)
    pads = node.sizes("pads", 2 * n, 0, 0)
    least = tuple(
        (x.shape[2 + i] - 1) * strides[i] - pads[i] - pads[n + i] + kernel[i] for i in range(n)
    )
    shape = (*x.shape[:2], *least)
    # the indices are of the image before pooling, of the least size that fits
    check_entries(shape, node.where)
    grid = np.unravel_index(_counted(node, places, math.prod(shape)), shape)
    if node.optional(2) is not None:
        shape = tuple(node.constant_ints(2, "output_shape"))
        if len(shape) != len(x.shape) or any(n < m for n, m in zip(shape, (*x.shape[:2], *least),
                                                                  strict=True)):  # fmt: skip
            raise node.wrong(f"output_shape {shape[:16]} does not hold an image of {least}")
        check_entries(shape, node.where)
    zeros = Constant(np.zeros(shape))
    return _scattered(node, graph, zeros, numbered(shape)[grid], x)


def _scattered(
    node: NodeView, graph: Graph, data: Value, places: np.ndarray, updates: Value
) -> Value:
    """Data with updates written over or joined with the entries at flat places."""
    how = node.text_attribute("reduction", "none")
    size, flat_places = math.prod(data.shape), places.reshape(-1)
    entries = numbered(data.shape).reshape(-1)
    if how == "none":
        if len(np.unique(flat_places)) != len(flat_places):
            raise node.wrong("two updates have one place, so which of them counts is not defined")
        entries[flat_places] = size + np.arange(len(flat_places))
        return moved(node, graph, [data, updates], entries.reshape(data.shape))
    if how not in ("add", "max", "min", "mul"):
        raise node.wrong(f"reduction {how!r} is not known")
    if how == "mul":
        return _multiplied(node, graph, data, flat_places, updates)
    members: list[list[int]] = [[i] for i in range(size)]
    for k, place in enumerate(flat_places.tolist()):
        members[place].append(size + k)
    parts = [flat(node, graph, data), flat(node, graph, updates)]
    return _joined(node, graph, parts, members, how, data.shape)


def _joined(
    node: NodeView,
    graph: Graph,
    parts: Sequence[Variable],
    members: Sequence[Sequence[int]],
    how: str,
    shape: Shape,
) -> Value:
    """Sums, maxima or minima of chosen entries of all parts together."""
    sizes = [math.prod(x.inner) for x in parts]
    graph.budget.about_to_compute(sum(map(len, members)), node.where)

    joined = graph.apply(node, Concat(), *parts) if len(parts) > 1 else parts[0]
    if how == "add":
        operator = SparseLinear(
            sum(sizes), [len(m) for m in members], [i for m in members for i in m]
        )
        return graph.reshape(node, graph.apply(node, operator, joined), shape)
    most = max(map(len, members))
    kind: Callable[..., Any] = Maximum if how == "max" else Minimum
    # the k-th member of every entry; a shorter row repeats its last one, which changes nothing
    rows = [
        moved(node, graph, [joined], np.array([m[min(k, len(m) - 1)] for m in members]))
        for k in range(most)
    ]
    y = graph.apply(node, kind(), *(r for r in rows if isinstance(r, Variable)))
    return graph.reshape(node, y, shape)


def _multiplied(
    node: NodeView, graph: Graph, data: Value, places: np.ndarray, updates: Value
) -> Value:
    """Products: affine where at most one factor of every product depends on the input."""
    factor = np.ones(math.prod(data.shape), dtype=object)
    if isinstance(data, Variable) and isinstance(updates, Constant):
        np.multiply.at(factor, places, updates.values.reshape(-1))
        y = graph.apply(node, Elementwise(factor), flat(node, graph, data))
        return graph.reshape(node, y, data.shape)
    alone = len(np.unique(places)) == len(places)
    if isinstance(data, Constant) and isinstance(updates, Variable) and alone:
        factor = data.values.reshape(-1)[places]
        y = graph.apply(node, Elementwise(factor), flat(node, graph, updates))
        entries = numbered(data.shape).reshape(-1)
        entries[places] = len(entries) + np.arange(len(places))
        return moved(node, graph, [data, y], entries.reshape(data.shape))
    raise node.unsupported(
        "multiplies values that depend on the network's input: their product is not piecewise "
        "affine"
    )
