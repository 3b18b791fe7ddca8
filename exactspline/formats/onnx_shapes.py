"""Readers of ONNX operators that move entries: Reshape, Flatten, Transpose and the like."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np

from ..network import Flatten, Identity, Reshape
from ..rationals import exact_array
from .onnx_node import NodeView, Value, handles
from .onnx_values import Chain, Constant, Variable

__all__ = ["to_shape"]

Shape = tuple[int, ...]


def to_shape(
    chain: Chain, node: NodeView, x: Variable, shape: Shape, *, keep_batch: bool = False
) -> Variable:
    """The same entries of a variable under another shape (as the file has it).

    A leading axis of length 1 in front of others is taken as the batch axis again; with
    ``keep_batch`` the batch axis stays what it was.
    """
    batch = x.batch if keep_batch else len(shape) >= 2 and shape[0] == 1
    inner = shape[1:] if batch else shape
    if inner == x.inner:
        return Variable(inner, batch)
    y = chain.apply(x, Reshape(inner, name=node.name), node.where)
    return Variable(y.inner, batch)


def _reshaped(node: NodeView, chain: Chain, x: Value, shape: Shape) -> Value:
    if math.prod(shape) != math.prod(x.shape):
        raise node.wrong(f"an input of shape {x.shape} has no shape {shape}")
    if isinstance(x, Constant):
        return Constant(x.values.reshape(shape), x.integer)
    return to_shape(chain, node, x, shape)


@handles("Reshape", inputs=2, attributes=("allowzero",))
def _reshape(node: NodeView, chain: Chain) -> Value:
    x = node.value(0)
    wanted = node.constant_ints(1, "shape")
    # 0 copies the input's length, unless allowzero asks for an axis without entries
    if not node.int_attribute("allowzero", 0):
        for i, n in enumerate(wanted):
            if n == 0 and i >= len(x.shape):
                raise node.wrong(f"shape {wanted} copies axis {i} of an input of shape {x.shape}")
        wanted = [x.shape[i] if n == 0 else n for i, n in enumerate(wanted)]
    if any(n < -1 for n in wanted) or wanted.count(-1) > 1:
        raise node.wrong(f"shape {wanted} needs sizes >= 0 and at most one -1")
    if -1 in wanted:
        known = -math.prod(wanted)
        size = math.prod(x.shape)
        if known == 0 or size % known:
            raise node.wrong(f"an input of shape {x.shape} has no shape {wanted}")
        wanted[wanted.index(-1)] = size // known
    return _reshaped(node, chain, x, tuple(wanted))


@handles("Flatten", attributes=("axis",))
def _flatten(node: NodeView, chain: Chain) -> Value:
    x = node.value(0)
    axis, rank = node.int_attribute("axis", 1), len(x.shape)
    if not -rank <= axis <= rank:
        raise node.wrong(f"axis {axis} is beyond an input of shape {x.shape}")
    axis = axis + rank if axis < 0 else axis
    shape = math.prod(x.shape[:axis]), math.prod(x.shape[axis:])
    if isinstance(x, Variable) and shape[0] == 1:
        y = chain.apply(x, Flatten(), node.where, node.name)
        return Variable(y.inner, True)
    return _reshaped(node, chain, x, shape)


@handles("Squeeze", "Unsqueeze", inputs=(1, 2), attributes=("axes",))
def _squeeze(node: NodeView, chain: Chain) -> Value:
    x = node.value(0)
    # an attribute before opset 13, an input from there on
    axes = node.ints_attribute("axes")
    if node.optional(1) is not None:
        if axes is not None:
            raise node.wrong("gives its axes twice")
        axes = node.constant_ints(1, "axes")
    old = list(x.shape)
    if node.kind == "Unsqueeze":
        if axes is None:
            raise node.wrong("its axes are missing")
        rank = len(old) + len(axes)
        places = _axes(node, axes, rank)
        rest = iter(old)
        return _reshaped(
            node, chain, x, tuple(1 if i in places else next(rest) for i in range(rank))
        )
    if axes is None:
        places = {i for i, n in enumerate(old) if n == 1}
    else:
        places = _axes(node, axes, len(old))
    if any(old[i] != 1 for i in places):
        raise node.wrong(f"squeezes an axis of {x.shape} that is longer than 1")
    return _reshaped(node, chain, x, tuple(n for i, n in enumerate(old) if i not in places))


def _axes(node: NodeView, axes: list[int], rank: int) -> set[int]:
    places = {a + rank if a < 0 else a for a in axes}
    if rank > 32 or len(places) != len(axes) or any(not 0 <= a < rank for a in places):
        raise node.wrong(f"axes {axes[:33]} do not fit {rank} axes")
    return places


@handles("Transpose", attributes=("perm",))
def _transpose(node: NodeView, chain: Chain) -> Value:
    x = node.value(0)
    rank = len(x.shape)
    perm = node.ints_attribute("perm")
    perm = list(range(rank))[::-1] if perm is None else perm
    if sorted(perm) != list(range(rank)):
        raise node.wrong(f"perm {perm[:33]} is no permutation of {rank} axes")
    if isinstance(x, Constant):
        return Constant(x.values.transpose(perm), x.integer)
    long = [a for a in perm if x.shape[a] != 1]
    if long != sorted(long):
        raise node.unsupported(
            f"a transpose that reorders the entries of an input of shape {x.shape} "
            "is not supported yet"
        )
    return to_shape(chain, node, x, tuple(x.shape[a] for a in perm))


@handles("Identity")
def _identity(node: NodeView, chain: Chain) -> Value:
    x = node.value(0)
    return x if isinstance(x, Constant) else chain.apply(x, Identity(), node.where, node.name)


@handles("Dropout", inputs=(1, 3), attributes=("ratio", "seed"))
def _dropout(node: NodeView, chain: Chain) -> Value:
    # in inference the ratio does not matter
    if node.optional(2) is not None and node.constant(2, "training_mode").values.any():
        raise node.unsupported("training_mode is true: dropout is random then; export in eval mode")
    x = node.variable(0)
    return chain.apply(x, Identity(), node.where, node.name)


_CASTS = {1: np.float32, 11: np.float64, 10: np.float16, 6: np.int32, 7: np.int64}


@handles("Cast", attributes=("to", "saturate", "round_mode"))
def _cast(node: NodeView, chain: Chain) -> Value:
    x, to = node.value(0), node.int_attribute("to", 0)
    if isinstance(x, Variable):
        if to not in (1, 11):
            raise node.unsupported(f"a cast of the input to data type {to} rounds it")
        return chain.apply(x, Identity(), node.where, node.name)
    if to not in _CASTS or x.values.dtype == object:
        raise node.unsupported(f"a cast of this constant to data type {to} is not supported")
    chain.budget.about_to_compute(x.values.size, node.where)
    integer = to in (6, 7)
    if integer and np.abs(x.values).max(initial=0.0) >= 2.0 ** (31 if to == 6 else 53):
        raise node.unsupported("a constant is too large to be cast to an integer")
    with np.errstate(over="ignore"):  # an overflow becomes an infinity and is refused below
        values = x.values.astype(_CASTS[to])
    return Constant(exact_array(values, f"{node.where}: cast"), integer)


@handles(
    "Constant",
    inputs=0,
    attributes=("value", "value_float", "value_floats", "value_int", "value_ints"),
)
def _constant(node: NodeView, chain: Chain) -> Value:
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
    ints = np.array(node.ints_attribute(name), dtype=np.int64)
    return Constant(exact_array(ints, where), True)
