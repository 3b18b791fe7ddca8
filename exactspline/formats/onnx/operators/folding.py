"""Readers of ONNX operators that make constants: stored ones, and the arithmetic of shapes.

The batch axis has length 1 here: the network is the model's function for a batch of one.
"""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np

from ....network import Identity
from ....rationals import as_fractions, exact_array
from ...limits import check_entries
from ..graph import Graph
from ..node import NodeView
from ..registry import handles
from ..values import Constant, Value, Variable

__all__: list[str] = []

# TensorProto.DataType
_CASTS = {
    1: np.float32, 6: np.int32, 7: np.int64, 9: np.bool_, 10: np.float16, 11: np.float64,
}  # fmt: skip
_INTEGERS = (6, 7, 9)
_NOT_CONTINUOUS = "is not continuous in the network's input"


def _integers(values: list[int], where: str) -> Constant:
    return Constant(exact_array(np.array(values, dtype=np.int64), where), True)


# --- stored ----------------------------------------------------------------------------------


@handles(
    "Constant",
    inputs=0,
    attributes=("value", "value_float", "value_floats", "value_int", "value_ints"),
)
def _constant(node: NodeView, graph: Graph) -> Value:
    if len(node.attributes) != 1:
        raise node.wrong("a Constant needs exactly one value")
    name = next(iter(node.attributes))
    where = f"{node.where}: {name!r}"
    if name == "value":
        tensor = node.tensor_attribute("value")
        assert tensor is not None
        return tensor
    if name == "value_float":
        values = np.empty((), dtype=object)
        values[()] = Fraction(node.float_attribute(name, 0.0))
        return Constant(exact_array(values, where))
    if name == "value_int":
        return Constant(exact_array(np.array(node.int_attribute(name, 0)), where), True)
    if name == "value_floats":
        return Constant(exact_array(np.array(node.floats_attribute(name)), where))
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
    return Constant(np.full(shape, fill.values.reshape(-1)[0], fill.values.dtype), fill.integer)


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
    return Constant(size, True)


# --- data types ------------------------------------------------------------------------------


@handles("Cast", attributes=("to", "saturate", "round_mode"))
def _cast(node: NodeView, graph: Graph) -> Value:
    x, to = node.value(0), node.int_attribute("to", 0)
    if isinstance(x, Variable):
        if to not in (1, 11):
            raise node.unsupported(f"a cast of the input to data type {to} rounds it")
        return graph.apply(node, Identity(), x)
    if to not in _CASTS or x.values.dtype == object:
        raise node.unsupported(f"a cast of this constant to data type {to} is not supported")
    graph.budget.about_to_compute(x.values.size, node.where)
    integer = to in _INTEGERS
    if integer and np.abs(x.values).max(initial=0.0) >= 2.0 ** (31 if to == 6 else 53):
        raise node.unsupported("a constant is too large to be cast to an integer")
    with np.errstate(over="ignore"):  # an overflow becomes an infinity and is refused below
        values: np.ndarray = x.values.astype(_CASTS[to])
    return Constant(exact_array(values, f"{node.where}: cast"), integer)


@handles("CastLike", inputs=2, attributes=("saturate", "round_mode"), since=15)
def _cast_like(node: NodeView, graph: Graph) -> Value:
    x, like = node.value(0), node.value(1)
    integer = isinstance(like, Constant) and like.integer
    if isinstance(x, Constant):
        if integer != x.integer:
            raise node.unsupported("a cast of a constant between integers and floats is not known")
        return x
    if integer:
        raise node.unsupported("a cast of the input to an integer rounds it")
    return graph.apply(node, Identity(), x)


# --- choices between constants ---------------------------------------------------------------


def _constants(node: NodeView, graph: Graph) -> list[np.ndarray]:
    values: list[np.ndarray] = []
    for i in range(len(node.inputs)):
        value = node.value(i)
        if isinstance(value, Variable):
            raise node.unsupported(f"{node.kind} {_NOT_CONTINUOUS}, or cannot be shown to be")
        values.append(value.values)
    try:
        shape = np.broadcast_shapes(*[v.shape for v in values])
    except ValueError:
        raise node.wrong(f"shapes {[v.shape for v in values]} do not broadcast") from None
    if 0 not in shape:
        check_entries(shape, node.where)
    graph.budget.about_to_compute(math.prod(shape), node.where)
    return [np.broadcast_to(v, shape) for v in values]


@handles("Equal", inputs=2)
def _equal(node: NodeView, graph: Graph) -> Value:
    a, b = _constants(node, graph)
    return Constant(np.asarray(a == b).astype(np.float64), True)


@handles("Where", inputs=3, since=9)
def _where(node: NodeView, graph: Graph) -> Value:
    condition, a, b = _constants(node, graph)
    if a.dtype != b.dtype:
        a, b = as_fractions(a), as_fractions(b)
    integer = all(isinstance(v, Constant) and v.integer for v in node.inputs[1:])
    return Constant(exact_array(np.where(condition != 0, a, b), node.where), integer)


@handles("ReduceProd", attributes=("axes", "keepdims"), until=17)
@handles("ReduceProd", inputs=(1, 2), attributes=("keepdims", "noop_with_empty_axes"), since=18)
def _reduce_prod(node: NodeView, graph: Graph) -> Value:
    x = node.value(0)
    if isinstance(x, Variable):
        raise node.unsupported("a product of entries is not piecewise affine")
    axes = node.ints_attribute("axes") if node.opset < 18 else node.optional_ints(1, "axes")
    if axes and node.axes(axes, len(x.shape)) != list(range(len(x.shape))):
        raise node.unsupported("a product of constants over some axes is not computed")
    if x.values.size > 32:
        raise node.unsupported("a product of more than 32 constants is not computed")
    out = math.prod(as_fractions(x.values).reshape(-1).tolist(), start=Fraction(1))
    graph.budget.number(out, node.where)
    keep = node.int_attribute("keepdims", 1)
    return Constant(exact_array(out).reshape((1,) * len(x.shape) if keep else ()), x.integer)
