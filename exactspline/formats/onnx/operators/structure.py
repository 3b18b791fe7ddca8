"""Readers of ONNX operators that choose, copy and join entries: Concat, Slice, Pad and the like."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import accumulate

import numpy as np

from ....network import Concat, Expand, Pad, Select
from ...limits import check_entries
from ..graph import Graph
from ..node import MIXES, NodeView
from ..registry import handles
from ..values import Constant, Value, Variable

__all__ = ["select"]


def select(node: NodeView, graph: Graph, x: Value, places: range, axis: int) -> Value:
    """Evenly spaced positions along an axis (as the file counts it)."""
    size = x.shape[axis]
    if places == range(size):
        return x
    if isinstance(x, Constant):  # a view
        stop = places.stop if places.stop >= 0 else None
        cut = slice(places.start, stop, places.step) if places else slice(0, 0)
        return Constant(x.values[(slice(None),) * axis + (cut,)], x.integer)
    shape = (*x.shape[:axis], len(places), *x.shape[axis + 1 :])
    if not places:  # a value without entries, which may be joined with others
        return Constant(np.zeros(shape), kind=graph.kind)
    check_entries(shape, node.where)
    return graph.apply(node, Select(places, axis=node.inner_axis(axis, x)), x)


# --- joining and taking apart ----------------------------------------------------------------


@handles("Concat", inputs=(1, 1 << 20), attributes=("axis",))
def _concat(node: NodeView, graph: Graph) -> Value:
    values = [node.value(i) for i in range(len(node.inputs))]
    if "axis" not in node.attributes:
        raise node.wrong("its axis is missing")
    rank = len(values[0].shape)
    axis = node.axis(node.int_attribute("axis", 0), rank)
    if any(len(v.shape) != rank for v in values):
        raise node.wrong(f"joins values of {sorted({len(v.shape) for v in values})} axes")
    variables = [v for v in values if isinstance(v, Variable)]
    constants = [v for v in values if isinstance(v, Constant)]
    if not variables:
        size = sum(c.values.size for c in constants)
        graph.budget.about_to_compute(size, node.where)
        try:
            joined = np.concatenate([c.values for c in constants], axis=axis)
        except ValueError as error:
            raise node.wrong(f"the values do not fit ({error})") from None
        return Constant(joined, all(c.integer for c in constants))
    if axis == 0 and graph.moved:
        values = [
            graph.without_batch_axis(node, v) if isinstance(v, Variable) else v for v in values
        ]
        variables = [v for v in values if isinstance(v, Variable)]
    batch = variables[0].batch
    # what reading one sample after the other would not give: a batch of several values
    if any(v.batch != batch for v in variables):
        raise node.unsupported(f"joins a batch of one and other values: {MIXES}")
    if batch and any(not c.shape or c.shape[0] != 1 for c in constants):
        raise node.unsupported(f"joins a constant with several rows in front: {MIXES}")
    inner = node.inner_axis(axis, variables[0])
    parts = []
    for value in values:
        if isinstance(value, Variable):
            parts.append(value)
        elif value.values.size:  # nothing to join otherwise
            array = value.values[0] if batch else value.values
            parts.append(graph.constant(node, array, batch))
    return graph.apply(node, Concat(inner), *parts, batch=batch)


@handles("Split", attributes=("axis", "split"), until=12, several=True)
@handles("Split", inputs=(1, 2), attributes=("axis",), since=13, until=17, several=True)
@handles("Split", inputs=(1, 2), attributes=("axis", "num_outputs"), since=18, several=True)
def _split(node: NodeView, graph: Graph) -> tuple[Value, ...]:
    x, n = node.value(0), node.outputs
    axis = node.axis(node.int_attribute("axis", 0), len(x.shape))
    size = x.shape[axis]
    sizes = node.ints_attribute("split") if node.opset < 13 else None
    if node.opset >= 13 and node.optional(1) is not None:
        constant = node.constant(1, "split")
        if not constant.integer or len(constant.shape) != 1 or constant.values.size != n:
            raise node.wrong(f"split is no list of {n} integers, one for each output")
        sizes = [int(v) for v in constant.values.tolist()]
    if sizes is None:
        if node.int_attribute("num_outputs", n) != n:
            raise node.wrong(f"num_outputs is not the number of its outputs, {n}")
        step = -(-size // n)
        if step * n != size and (node.opset < 18 or step * (n - 1) >= size):
            raise node.wrong(f"axis {axis} of shape {x.shape} does not split into {n} equal parts")
        sizes = [min(step, size - i * step) for i in range(n)]
    if len(sizes) != n or any(s < 0 for s in sizes) or sum(sizes) != size:
        raise node.wrong(f"sizes {sizes[:20]} do not split axis {axis} of shape {x.shape} in {n}")
    ends = list(accumulate(sizes))
    return tuple(
        select(node, graph, x, range(end - s, end), axis)
        for end, s in zip(ends, sizes, strict=True)
    )


# --- choosing --------------------------------------------------------------------------------


@handles("Slice", attributes=("starts", "ends", "axes"), until=9)
@handles("Slice", inputs=(3, 5), since=10)
def _slice(node: NodeView, graph: Graph) -> Value:
    x = node.value(0)
    if node.opset < 10:
        starts, ends = node.ints_attribute("starts"), node.ints_attribute("ends")
        axes, steps = node.ints_attribute("axes"), None
    else:
        starts, ends = node.constant_ints(1, "starts"), node.constant_ints(2, "ends")
        axes, steps = node.optional_ints(3, "axes"), node.optional_ints(4, "steps")
    if starts is None or ends is None:
        raise node.wrong("its starts or ends are missing")
    axes = list(range(len(starts))) if axes is None else axes
    steps = [1] * len(starts) if steps is None else steps
    if not len(starts) == len(ends) == len(axes) == len(steps):
        raise node.wrong("starts, ends, axes and steps have different lengths")
    for start, end, axis, step in zip(
        starts, ends, node.axes(axes, len(x.shape)), steps, strict=True
    ):
        if step == 0:
            raise node.wrong("a step is 0")
        # both ends clamped as ONNX says, which is what Python's slices do
        places = range(*slice(start, end, step).indices(x.shape[axis]))
        if len(places) == 1:
            places = range(places[0], places[0] + 1)
        x = select(node, graph, x, places, axis)
    return x


@handles("Gather", inputs=2, attributes=("axis",))
def _gather(node: NodeView, graph: Graph) -> Value:
    x, indices = node.value(0), node.constant(1, "indices")
    axis = node.axis(node.int_attribute("axis", 0), len(x.shape))
    size = x.shape[axis]
    if not indices.integer:
        raise node.wrong("its indices are no integers")
    shape = (*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :])
    check_entries(shape, node.where)
    wanted = [int(v) for v in indices.values.reshape(-1).tolist()]
    outside = [v for v in wanted if not -size <= v < size]
    if outside:
        raise node.wrong(f"index {outside[0]} does not fit axis {axis} of shape {x.shape}")
    if isinstance(x, Constant):
        graph.budget.about_to_compute(math.prod(shape), node.where)
        chosen = np.take(x.values, np.array(wanted, dtype=np.int64), axis=axis)
        return Constant(chosen.reshape(shape), x.integer)
    if x.batch and axis == 0 and not indices.shape:  # the one sample there is
        return graph.reshape(node, x, shape)
    inner = node.inner_axis(axis, x)
    y = graph.apply(node, Select(wanted, axis=inner), x)
    return y if len(indices.shape) == 1 else graph.reshape(node, y, shape, keep_batch=x.batch)


# --- padding and copying ---------------------------------------------------------------------


@handles("Pad", attributes=("pads", "mode", "value"), until=10)
@handles("Pad", inputs=(2, 3), attributes=("mode",), since=11, until=17)
@handles("Pad", inputs=(2, 4), attributes=("mode",), since=18)
def _pad(node: NodeView, graph: Graph) -> Value:
    x, rank = node.value(0), len(node.value(0).shape)
    mode = node.text_attribute("mode", "constant")
    # PyTorch writes "wrap" in opset 18 too, where it is not defined yet
    if mode not in ("constant", "reflect", "edge", "wrap"):
        raise node.wrong(f"mode {mode!r} is not known")
    if node.opset < 11:
        pads, fill = node.ints_attribute("pads"), node.float_attribute("value", 0.0)
        if pads is None:
            raise node.wrong("its pads are missing")
    else:
        pads = node.constant_ints(1, "pads")
        fill = Fraction(0)
        if node.optional(2) is not None:
            fill = node.constant_number(2, "fill value")
    axes = node.optional_ints(3, "axes")
    places = list(range(rank)) if axes is None else node.axes(axes, rank)
    n = len(places)
    if len(pads) != 2 * n:
        raise node.wrong(f"has {len(pads)} pads for {n} axes; it needs two for each")
    before, behind = [0] * rank, [0] * rank
    for i, axis in enumerate(places):
        before[axis], behind[axis] = pads[i], pads[n + i]
    if not any(pads):
        return x
    if x.batch and (before[0] or behind[0]):
        raise node.unsupported(f"pads axis 0: {MIXES}")
    cut = int(x.batch)
    return graph.run(node, Pad((*before[cut:], *behind[cut:]), value=fill, mode=mode), x)


@handles("Expand", inputs=2)
def _expand(node: NodeView, graph: Graph) -> Value:
    x, wanted = node.value(0), node.constant_ints(1, "shape")
    if any(n < 1 for n in wanted):
        raise node.wrong(f"shape {wanted} needs sizes of at least 1")
    try:
        shape = np.broadcast_shapes(x.shape, tuple(wanted))
    except ValueError:
        raise node.wrong(f"shape {wanted} does not broadcast with {x.shape}") from None
    check_entries(shape, node.where)
    if shape == x.shape:
        return x
    if isinstance(x, Variable) and x.batch:
        if math.prod(shape[: len(shape) - len(x.inner)]) != 1:
            raise node.unsupported(f"makes a batch of shape {shape}: {MIXES}")
        return graph.apply(node, Expand(shape[1:]), x)
    return graph.run(node, Expand(shape), x)


@handles("Tile", inputs=2)
def _tile(node: NodeView, graph: Graph) -> Value:
    x, repeats = node.value(0), node.constant_ints(1, "repeats")
    if len(repeats) != len(x.shape) or any(r < 1 for r in repeats):
        raise node.wrong(f"repeats {repeats} do not fit an input of shape {x.shape}")
    check_entries([n * r for n, r in zip(x.shape, repeats, strict=True)], node.where)
    for axis, times in enumerate(repeats):
        if times > 1:
            places = list(range(x.shape[axis])) * times
            x = graph.run(node, Select(places, axis=node.inner_axis(axis, x)), x)
    return x
