"""Readers of ONNX operators that make constants: stored ones, and the arithmetic of shapes.

The batch axis has length 1 here: the network is the model's function for a batch of one.
"""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np

from ....network import Identity
from ....rationals import as_fractions, exact_array
from ...gates import Gate, compared
from ...limits import check_entries
from ..graph import Graph
from ..node import NodeView
from ..registry import handles
from ..values import AnyValue, Constant, Gated, Infinite, Value, Variable, arithmetic

__all__: list[str] = []

_FLOATS, _INTEGERS = (1, 11), (2, 3, 4, 5, 6, 7, 9, 12, 13)  # TensorProto.DataType


def _integers(values: list[int], where: str) -> Constant:
    return Constant(exact_array(np.array(values, dtype=np.int64), where), True, 7)


# --- stored ----------------------------------------------------------------------------------


@handles(
    "Constant",
    inputs=0,
    attributes=("value", "value_float", "value_floats", "value_int", "value_ints"),
)
def _constant(node: NodeView, graph: Graph) -> AnyValue:
    if len(node.attributes) != 1:
        raise node.wrong("a Constant needs exactly one value")
    name = next(iter(node.attributes))
    where = f"{node.where}: {name!r}"
    if name == "value":
        return node.stored("value")
    if name == "value_float":
        values = np.empty((), dtype=object)
        values[()] = Fraction(node.float_attribute(name, 0.0))
        return Constant(exact_array(values, where), kind=1)
    if name == "value_int":
        return Constant(exact_array(np.array(node.int_attribute(name, 0)), where), True, 7)
    if name == "value_floats":
        return Constant(exact_array(np.array(node.floats_attribute(name)), where), kind=1)
    return _integers(node.ints_attribute(name) or [], where)


@handles("ConstantOfShape", attributes=("value",), since=9)
def _constant_of_shape(node: NodeView, graph: Graph) -> Value:
    shape = tuple(node.constant_ints(0, "shape"))
    fill = node.tensor_attribute("value") or Constant(np.zeros(1))
    if fill.values.size != 1:
        raise node.wrong(f"its value has shape {fill.shape}, not one entry")
    if len(shape) > 32 or any(n < 0 for n in shape):
        raise node.wrong(f"shape {list(shape[:33])} needs at most 32 sizes >= 0")
    check_entries([n for n in shape if n], node.where)  # NumPy limits empty arrays too
    graph.budget.about_to_compute(math.prod(shape), node.where)
    # every entry is the same object: no memory for numbers that float64 cannot hold
    filled = np.full(shape, fill.values.reshape(-1)[0], fill.values.dtype)
    return Constant(filled, fill.integer, fill.kind or 1)


@handles("Range", inputs=3, since=11)
def _range(node: NodeView, graph: Graph) -> Value:
    start, limit, step = (
        node.constant_number(i, what) for i, what in enumerate(("start", "limit", "delta"))
    )
    if step == 0:
        raise node.wrong("its delta is 0")
    count = max(0, math.ceil((limit - start) / step))
    graph.budget.about_to_compute(count, node.where)
    integer = all(v.integer for v in node.inputs if isinstance(v, Constant))
    values = np.empty(count, dtype=object)
    values[:] = [start + i * step for i in range(count)]
    return Constant(exact_array(values, node.where) if count else np.zeros(0), integer)


# --- shapes ----------------------------------------------------------------------------------


@handles("Shape", attributes=("start", "end"))
def _shape(node: NodeView, graph: Graph) -> Value:
    shape = node.value(0).shape
    if node.opset < 15 and node.attributes:
        raise node.wrong(f"has no attributes in opset {node.opset}")
    start, end = node.int_attribute("start", 0), node.int_attribute("end", len(shape))
    return _integers(list(shape[slice(start, end)]), node.where)


@handles("Size")
def _size(node: NodeView, graph: Graph) -> Value:
    size = exact_array(np.array(math.prod(node.value(0).shape)), node.where)
    return Constant(size, True, 7)


# --- data types ------------------------------------------------------------------------------


@handles("Cast", attributes=("to", "saturate", "round_mode"), gates=True)
def _cast(node: NodeView, graph: Graph) -> AnyValue:
    x, to = node.given[0], node.int_attribute("to", 0)
    if isinstance(x, Gated) and to in (*_FLOATS, *_INTEGERS):
        return _cast_gate(node, x, to)
    x = graph.plain(x)
    if not isinstance(x, Variable):
        raise node.not_computed()
    if to not in (*_FLOATS, graph.kind):
        settled = _settled(graph, x, to)
        if settled is not None:
            return settled
        raise node.unsupported(
            f"a cast of what depends on the input to data type {to} rounds it: it jumps. Cast to "
            "float or double, or leave it out of the model"
        )
    return graph.apply(node, Identity(), x)


def _settled(graph: Graph, x: Variable, to: int) -> Constant | None:
    """A cast that gives the same everywhere on the box that the model is read for."""
    ends = graph.interval(x)
    if graph.ranges is None or ends is None or to not in _INTEGERS:
        return None
    return graph.ranges.truth(ends) if to == 9 else graph.ranges.truncated(ends, to)


def _cast_gate(node: NodeView, x: Gated, to: int) -> Gated:
    """A condition is 0 or 1 in every type; to a truth value all but 0 is 1."""
    if to == 9:
        return Gated(x.root, compared("!=", x.gate, Gate.affine(0, 0)), node)
    if to in _INTEGERS and not x.gate.is_integer():
        raise node.unsupported(f"a cast to data type {to} rounds: it jumps; leave it out")
    return Gated(x.root, x.gate, node)


@handles("CastLike", inputs=2, attributes=("saturate", "round_mode"), since=15, gates=True)
def _cast_like(node: NodeView, graph: Graph) -> AnyValue:
    x, like = node.given[0], node.given[1]
    kind = like.kind if isinstance(like, Constant | Infinite) else graph.kind
    if isinstance(x, Gated):
        return _cast_gate(node, x, kind or 1)
    x = graph.plain(x)
    if isinstance(x, Constant) and not isinstance(like, Constant | Infinite):
        return Constant(x.values, False, kind)
    if not isinstance(x, Variable):
        raise node.not_computed()
    if kind not in (0, graph.kind, *_FLOATS):
        settled = _settled(graph, x, kind)
        if settled is not None:
            return settled
        raise node.unsupported("a cast of what depends on the input to an integer rounds it")
    return graph.apply(node, Identity(), x)


@handles("DequantizeLinear", inputs=(2, 3), attributes=("axis",), since=10, until=20)
@handles(
    "DequantizeLinear", inputs=(2, 3), attributes=("axis", "block_size", "output_dtype"), since=21
)
def _dequantized(node: NodeView, graph: Graph) -> Value:
    """scale * (x - zero point) of stored integers, exactly: weights that were quantized."""
    x, scale = node.value(0), node.constant(1, "scale")
    if isinstance(x, Variable):
        raise node.unsupported(
            "reads integers that depend on the network's input: they were rounded, which jumps. "
            "Export the model before it is quantized"
        )
    if node.int_attribute("block_size", 0):
        raise node.unsupported("blocks of an axis are not read; export one scale for an axis")
    zero = Constant(np.zeros(()), True) if node.optional(2) is None else node.constant(2, "zero")
    shape = [1] * len(x.shape)
    if scale.shape not in ((), (1,)):
        shape[node.axis(node.int_attribute("axis", 1), len(x.shape))] = scale.values.size
    if len(scale.shape) > 1 or zero.values.size not in (1, scale.values.size):
        raise node.wrong(f"scale {scale.shape} and zero point {zero.shape} do not fit {x.shape}")
    point = Constant(zero.values.reshape([-1 if n > 1 else 1 for n in shape] or []), True)
    if zero.values.size == 1:
        point = Constant(zero.values.reshape([1] * len(shape)), True)
    factor = Constant(scale.values.reshape(shape), False, scale.kind)
    shifted = arithmetic("Sub", x, point, node.where, graph.budget)
    return arithmetic("Mul", factor, shifted, node.where, graph.budget)


@handles("ReduceProd", attributes=("axes", "keepdims"), until=17)
@handles("ReduceProd", inputs=(1, 2), attributes=("keepdims", "noop_with_empty_axes"), since=18)
def _reduce_prod(node: NodeView, graph: Graph) -> Value:
    x = node.value(0)
    if isinstance(x, Variable):
        raise node.unsupported(
            "a product of entries that depend on the input is not piecewise affine"
        )
    axes = node.ints_attribute("axes") if node.opset < 18 else node.optional_ints(1, "axes")
    everything = not axes or node.axes(axes, len(x.shape)) == list(range(len(x.shape)))
    if not everything or x.values.size > 32 or not x.integer:
        raise node.not_computed()
    out = math.prod(as_fractions(x.values).reshape(-1).tolist(), start=Fraction(1))
    graph.budget.number(out, node.where)
    keep = node.int_attribute("keepdims", 1)
    return Constant(exact_array(out).reshape((1,) * len(x.shape) if keep else ()), x.integer)
