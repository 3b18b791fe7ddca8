"""Readers of ONNX operators that keep every entry: Reshape, Flatten, Transpose and the like."""

from __future__ import annotations

import math

import numpy as np

from ....network import Flatten, Identity, Reshape, Transpose
from ..graph import Graph
from ..node import MIXES, NodeView
from ..registry import handles
from ..values import Constant, Value, Variable

__all__: list[str] = []

Shape = tuple[int, ...]


def _reshaped(node: NodeView, graph: Graph, x: Value, shape: Shape) -> Value:
    if math.prod(shape) != math.prod(x.shape):
        raise node.wrong(f"an input of shape {x.shape} has no shape {shape}")
    if isinstance(x, Constant):
        return Constant(x.values.reshape(shape), x.integer)
    return graph.reshape(node, x, shape)


@handles("Reshape", inputs=2, attributes=("allowzero",))
def _reshape(node: NodeView, graph: Graph) -> Value:
    x = node.value(0)
    wanted = node.constant_ints(1, "shape")
    # 0 copies the input's length, unless allowzero asks for an axis without entries
    if not node.int_attribute("allowzero", 0):
        for i, n in enumerate(wanted):
            if n == 0 and i >= len(x.shape):
                raise node.wrong(f"shape {wanted} copies axis {i} of an input of shape {x.shape}")
        wanted = [x.shape[i] if n == 0 else n for i, n in enumerate(wanted)]
    if any(n < -1 for n in wanted) or wanted.count(-1) > 1 or len(wanted) > 32:
        raise node.wrong(f"shape {wanted} needs at most 32 sizes >= 0 and at most one -1")
    if -1 in wanted:
        known = -math.prod(wanted)
        size = math.prod(x.shape)
        if known == 0 or size % known:
            raise node.wrong(f"an input of shape {x.shape} has no shape {wanted}")
        wanted[wanted.index(-1)] = size // known
    return _reshaped(node, graph, x, tuple(wanted))


@handles("Flatten", attributes=("axis",))
def _flatten(node: NodeView, graph: Graph) -> Value:
    x = node.value(0)
    axis, rank = node.int_attribute("axis", 1), len(x.shape)
    if not -rank <= axis <= rank:
        raise node.wrong(f"axis {axis} is beyond an input of shape {x.shape}")
    axis = axis + rank if axis < 0 else axis
    shape = math.prod(x.shape[:axis]), math.prod(x.shape[axis:])
    if isinstance(x, Variable) and shape[0] == 1:
        return graph.apply(node, Flatten(), x, batch=True)
    return _reshaped(node, graph, x, shape)


@handles("Squeeze", attributes=("axes",), until=12)
@handles("Squeeze", inputs=(1, 2), since=13)
def _squeeze(node: NodeView, graph: Graph) -> Value:
    x = node.value(0)
    axes = node.ints_attribute("axes") if node.opset < 13 else node.optional_ints(1, "axes")
    old = x.shape
    if axes is None:
        places = [i for i, n in enumerate(old) if n == 1]
    else:
        places = node.axes(axes, len(old))
    if any(old[i] != 1 for i in places):
        raise node.wrong(f"squeezes an axis of {old} that is longer than 1")
    return _reshaped(node, graph, x, tuple(n for i, n in enumerate(old) if i not in places))


@handles("Unsqueeze", attributes=("axes",), until=12)
@handles("Unsqueeze", inputs=2, since=13)
def _unsqueeze(node: NodeView, graph: Graph) -> Value:
    x = node.value(0)
    axes = node.ints_attribute("axes") if node.opset < 13 else node.constant_ints(1, "axes")
    if axes is None:
        raise node.wrong("its axes are missing")
    rank = len(x.shape) + len(axes)
    places = node.axes(axes, rank)
    if rank > 32:
        raise node.wrong(f"gives a value of {rank} axes; up to 32 are read")
    rest = iter(x.shape)
    return _reshaped(node, graph, x, tuple(1 if i in places else next(rest) for i in range(rank)))


@handles("Transpose", attributes=("perm",))
def _transpose(node: NodeView, graph: Graph) -> Value:
    x = node.value(0)
    rank = len(x.shape)
    perm = node.ints_attribute("perm")
    perm = list(range(rank))[::-1] if perm is None else perm
    if sorted(perm) != list(range(rank)):
        raise node.wrong(f"perm {perm[:33]} is no permutation of {rank} axes")
    if isinstance(x, Constant):
        return Constant(x.values.transpose(perm), x.integer)
    long = [a for a in perm if x.shape[a] != 1]
    if long == sorted(long):  # only axes of length 1 move
        graph.moved = graph.moved or (x.batch and perm[0] != 0)
        return graph.reshape(node, x, tuple(x.shape[a] for a in perm))
    if x.batch and perm[0] != 0:
        raise node.unsupported(f"perm {perm} moves the batch axis: {MIXES}")
    return graph.apply(node, Transpose([a - x.batch for a in perm if a >= x.batch]), x)


@handles("DepthToSpace", attributes=("blocksize",), until=10)
@handles("DepthToSpace", attributes=("blocksize", "mode"), since=11)
def _depth_to_space(node: NodeView, graph: Graph) -> Value:
    x, block = _blocks(node)
    channels, height, width = x.shape[1:]
    mode = node.text_attribute("mode", "DCR")
    if mode not in ("DCR", "CRD"):
        raise node.wrong(f"mode {mode!r} is not known")
    if channels % block**2:
        raise node.wrong(f"{channels} channels form no blocks of {block} x {block}")
    rest = channels // block**2
    if mode == "DCR":
        split, order = (block, block, rest, height, width), (2, 3, 0, 4, 1)
    else:
        split, order = (rest, block, block, height, width), (0, 3, 1, 4, 2)
    return _permuted(node, graph, x, split, order, (rest, height * block, width * block))


@handles("SpaceToDepth", attributes=("blocksize", "mode"))
def _space_to_depth(node: NodeView, graph: Graph) -> Value:
    """``mode`` is in no version before 28, but is what exporters write before."""
    x, block = _blocks(node)
    channels, height, width = x.shape[1:]
    mode = node.text_attribute("mode", "DCR")
    if mode not in ("DCR", "CRD"):
        raise node.wrong(f"mode {mode!r} is not known; it is DCR or CRD")
    if height % block or width % block:
        raise node.wrong(f"an image of {height} x {width} has no blocks of {block} x {block}")
    split = channels, height // block, block, width // block, block
    out = channels * block**2, height // block, width // block
    order = (2, 4, 0, 1, 3) if mode == "DCR" else (0, 2, 4, 1, 3)
    return _permuted(node, graph, x, split, order, out)


def _blocks(node: NodeView) -> tuple[Variable, int]:
    x, block = node.image(0), node.int_attribute("blocksize", 0)
    if len(x.shape) != 4:
        raise node.wrong(f"needs an image with two spatial axes, not shape {x.shape}")
    if not 1 <= block <= max(x.shape):
        raise node.wrong(f"blocksize {block} does not fit an input of shape {x.shape}")
    return x, block


def _permuted(
    node: NodeView, graph: Graph, x: Variable, split: Shape, order: Shape, out: Shape
) -> Variable:
    lead = () if x.batch else x.shape[:1]  # of several images
    order = (*range(len(lead)), *(a + len(lead) for a in order))
    parts = graph.apply(node, Reshape((*lead, *split)), x)
    y = graph.apply(node, Transpose(order), parts)
    return graph.inner_reshape(node, y, (*lead, *out), x.batch)


@handles("Identity")
def _identity(node: NodeView, graph: Graph) -> Value:
    x = node.value(0)
    return x if isinstance(x, Constant) else graph.apply(node, Identity(), x)


@handles("Dropout", attributes=("ratio",), until=11, several=True)
@handles("Dropout", inputs=(1, 3), attributes=("seed",), since=12, several=True)
def _dropout(node: NodeView, graph: Graph) -> tuple[Value, ...]:
    """The identity: in inference, and with a ratio of 0."""
    training = node.optional(2) is not None and node.constant(2, "training_mode").values.any()
    if training and (node.optional(1) is None or node.constant(1, "ratio").values.any()):
        raise node.unsupported(
            "training_mode is true and its ratio is not 0: dropout is random then; export the "
            "model in eval mode"
        )
    x = node.value(0)
    graph.budget.about_to_compute(math.prod(x.shape), node.where)
    mask = Constant(np.ones(x.shape), True, 9)
    return (x if isinstance(x, Constant) else graph.apply(node, Identity(), x)), mask
