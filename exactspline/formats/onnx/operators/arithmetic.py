"""Readers of ONNX's entrywise arithmetic: sums, differences, products, maxima, minima."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from ....network import (
    Add,
    Clip,
    Elementwise,
    Maximum,
    Minimum,
    ReLU,
)
from ....rationals import as_fractions, compact
from ...gates import Gate
from ...limits import check_entries
from ...products import gated_by_itself, log_of
from ..broadcast import broadcast, drop_batch_axis
from ..gated import gated_arithmetic
from ..graph import Graph
from ..node import MIXES, NodeView
from ..registry import handles
from ..values import AnyValue, Constant, Gated, Value, Variable, arithmetic

__all__: list[str] = []


def _together(node: NodeView, variables: Sequence[Variable]) -> bool:
    """Whether the entrywise result of several variables has the batch axis."""
    try:
        check_entries(np.broadcast_shapes(*[v.shape for v in variables]), node.where)
    except ValueError:
        shapes = ", ".join(str(v.shape) for v in variables[:8])
        raise node.wrong(f"inputs of shapes {shapes} do not broadcast") from None
    rank = max(len(v.shape) for v in variables)
    batches = {v.batch for v in variables if len(v.shape) == rank}
    if len(batches) > 1 and rank > 1:
        raise node.unsupported(f"combines a batch of one and other values: {MIXES}")
    return batches == {True}


def _shaped_like(
    node: NodeView, variables: Sequence[Variable], constants: Sequence[np.ndarray]
) -> list[np.ndarray]:
    """Constants without the batch axis of the variables that they are broadcast with."""
    longest = max(variables, key=lambda v: len(v.shape))
    return [drop_batch_axis(node, longest, c) for c in constants]


# --- two inputs ------------------------------------------------------------------------------


@handles("Add", "Sub", "Mul", "Div", inputs=2, gates=True)
def _arithmetic(node: NodeView, graph: Graph) -> AnyValue:
    if any(isinstance(v, Gated) for v in node.given):
        found = gated_arithmetic(node, graph)
        if found is not None:
            return found
        node.inputs = tuple(graph.plain(v) for v in node.given)
    a, b = node.value(0), node.value(1)
    if isinstance(a, Constant) and isinstance(b, Constant):
        return arithmetic(node.kind, a, b, node.where, graph.budget)
    if isinstance(a, Variable) and isinstance(b, Variable):
        return _two_variables(node, graph, a, b)
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
        scale = arithmetic("Div", one, Constant(c), node.where, graph.budget).values
    return graph.apply(node, Elementwise(scale, shift), x)


def _two_variables(node: NodeView, graph: Graph, a: Variable, b: Variable) -> Variable:
    batch = _together(node, (a, b))
    if node.kind in ("Add", "Sub"):
        return graph.apply(node, Add(None if node.kind == "Add" else [1, -1]), a, b, batch=batch)
    if node.kind == "Mul" and a.batch == b.batch:
        smooth = gated_by_itself(graph.nodes, graph.shape_of, a.node, b.node, graph.numbers)
        if smooth is not None:
            operator, read, times = smooth
            y = graph.apply(node, operator, Variable(a.inner, a.batch, read))
            return y if times == 1 else graph.apply(node, Elementwise(times), y)
    raise node.unsupported(
        f"both inputs depend on the network's input: their "
        f"{'product' if node.kind == 'Mul' else 'quotient'} is not piecewise affine"
    )


@handles("Pow", inputs=2, gates=True)
def _power(node: NodeView, graph: Graph) -> AnyValue:
    """The identity for the power 1, the number 1 for the power 0 (of 0 too)."""
    x, exponent = node.given[0], node.value(1)
    if isinstance(x, Constant) and isinstance(exponent, Constant):
        raise node.not_computed()
    if isinstance(x, Variable | Gated) and isinstance(exponent, Constant):
        powers = as_fractions(exponent.values)
        if np.all(powers == 1) and broadcast(node, x.shape, powers.shape) == x.shape:
            return x
        if np.all((powers == 0) | (powers == 1)):
            value = graph.plain(x)
            assert isinstance(value, Variable)
            powers = drop_batch_axis(node, value, exponent.values)
            return graph.apply(node, Elementwise(powers, 1 - powers), value)
    raise node.unsupported(
        "a power is not piecewise affine, but for exponents 0 and 1; such a network has no finite "
        "partition into regions with affine pieces"
    )


@handles("Log")
def _log(node: NodeView, graph: Graph) -> Value:
    """Of a sigmoid and of a softmax; of anything else it is not piecewise affine."""
    x = node.variable(0)
    found = log_of(graph.nodes, x.node, graph.numbers)
    if found is None:
        raise node.unsupported(
            "a logarithm is not piecewise affine; such a network has no finite partition into "
            "regions with affine pieces. Replace it by a piecewise-affine operator"
        )
    y = Variable(x.inner, x.batch, found[1])
    for operator in found[0]:
        y = graph.apply(node, operator, y)
    return y


@handles("Neg", gates=True)
def _neg(node: NodeView, graph: Graph) -> AnyValue:
    x = node.given[0]
    if isinstance(x, Gated):
        return Gated(x.root, Gate.affine(-1, 0).after(x.gate), node)
    return graph.run(node, Elementwise(-1), node.value(0))


# --- any number of inputs --------------------------------------------------------------------


def _parts(node: NodeView) -> tuple[list[Variable], list[Constant]]:
    values = [node.value(i) for i in range(len(node.inputs))]
    variables = [v for v in values if isinstance(v, Variable)]
    return variables, [v for v in values if isinstance(v, Constant)]


@handles("Sum", "Mean", inputs=(1, 1 << 16))
def _sum(node: NodeView, graph: Graph) -> Value:
    variables, constants = _parts(node)
    weight = Fraction(1, len(node.inputs)) if node.kind == "Mean" else Fraction(1)
    total = Constant(np.zeros(()), all(c.integer for c in constants))
    for c in constants:
        total = arithmetic("Add", total, c, node.where, graph.budget)
    if weight != 1:
        factor = Constant(np.array(weight, dtype=object))
        total = arithmetic("Mul", total, factor, node.where, graph.budget)
    if not variables:
        return total
    (shift,) = _shaped_like(node, variables, [total.values])
    if len(variables) == 1:
        return graph.apply(node, Elementwise(weight, shift), variables[0])
    batch = _together(node, variables)
    coefficients = None if weight == 1 else [weight] * len(variables)
    y = graph.apply(node, Add(coefficients), *variables, batch=batch)
    return graph.apply(node, Elementwise(shift=shift), y) if np.any(shift != 0) else y


@handles("Max", "Min", inputs=(1, 1 << 16))
def _max(node: NodeView, graph: Graph) -> Value:
    variables, constants = _parts(node)
    bound = _bound(node, graph, constants)
    if bound is None:
        if len(variables) == 1:
            return variables[0]
    elif not variables:
        return bound
    kind = Maximum if node.kind == "Max" else Minimum
    values = [] if bound is None else _shaped_like(node, variables, [bound.values])
    if len(variables) == 1:
        return _bounded(node, graph, variables[0], values[0])
    batch = _together(node, variables)
    # one unit an entry with a piece for each input: the constant is an input of its own
    parts = variables + [graph.constant(node, c, False) for c in values]
    return graph.apply(node, kind(), *parts, batch=batch)


def _bound(node: NodeView, graph: Graph, constants: Sequence[Constant]) -> Constant | None:
    """The maximum or minimum of all constants."""
    if not constants:
        return None
    try:
        shape = np.broadcast_shapes(*[c.shape for c in constants])
    except ValueError:
        raise node.wrong("its constants do not broadcast") from None
    check_entries(shape, node.where)
    if len(constants) == 1:
        return constants[0]
    graph.budget.about_to_compute(math.prod(shape) * len(constants), node.where)
    out = as_fractions(constants[0].values)
    for c in constants[1:]:
        take = np.maximum if node.kind == "Max" else np.minimum
        out = np.asarray(take(out, as_fractions(c.values)))
    return Constant(compact(out.reshape(shape)), all(c.integer for c in constants))


def _bounded(node: NodeView, graph: Graph, x: Variable, bound: np.ndarray) -> Variable:
    """max(x, c) or min(x, c) entry by entry: one unit with a breakpoint at c."""
    flat = bound.reshape(-1)
    if np.all(flat == flat[0]):
        value = as_fractions(flat[:1])[0]
        clip = Clip(low=value) if node.kind == "Max" else Clip(high=value)
        y = graph.apply(node, clip, x)
        enlarged = broadcast(node, bound.shape, y.inner)
        return y if enlarged == y.inner else graph.apply(node, Elementwise(np.ones(bound.shape)), y)
    sign = 1 if node.kind == "Max" else -1
    above = graph.apply(node, Elementwise(sign, -bound * sign), x)
    return graph.apply(node, Elementwise(sign, bound), graph.apply(node, ReLU(), above))
