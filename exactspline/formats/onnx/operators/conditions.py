"""Readers of ONNX's conditions and choices: what is continuous is a spline, see `formats.gates`.

A choice by a constant condition is affine in what it chooses from.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from ....errors import UnsupportedOperatorError
from ....network import Add, Elementwise
from ....rationals import as_fractions, compact, exact_array
from ...gates import Gate, added, chosen, compared, multiplied
from ...limits import check_entries
from ...multiples import UNKNOWN_STEP, multiple_of, step_taken
from ..broadcast import drop_batch_axis
from ..gated import functions_of_one
from ..graph import Graph
from ..node import NodeView
from ..registry import handles
from ..values import AnyValue, Constant, Gated, Infinite, Value, Variable

__all__ = ["choice"]

_ZERO, _ONE = Gate.affine(0, 0), Gate.affine(0, 1)
_RELATIONS = {
    "Equal": "==", "Greater": ">", "GreaterOrEqual": ">=", "Less": "<", "LessOrEqual": "<=",
}  # fmt: skip


def _finite(node: NodeView, graph: Graph) -> list[AnyValue]:
    values: list[AnyValue] = []
    for i, value in enumerate(node.given):
        if value is None:
            raise node.wrong(f"input {i} is missing")
        values.append(value.refused() if isinstance(value, Infinite) else value)
    return values


# --- conditions ------------------------------------------------------------------------------


@handles(*_RELATIONS, inputs=2, gates=True)
def _compared(node: NodeView, graph: Graph) -> AnyValue:
    a, b = _finite(node, graph)
    if isinstance(a, Constant) and isinstance(b, Constant):
        return _compared_constants(node, graph, a, b)
    relation = _RELATIONS[node.kind]
    ends = graph.interval(a), graph.interval(b)
    if graph.ranges is not None and ends[0] is not None and ends[1] is not None:
        settled = graph.ranges.compared(relation, ends[0], ends[1])
        if settled is not None:
            return settled
    with contextlib.suppress(UnsupportedOperatorError):  # another threshold for every entry
        found = functions_of_one(node, graph, (a, b))
        if found is not None:
            root, (f, g) = found
            return Gated(root, compared(relation, f, g), node)
    x, y = graph.plain(a), graph.plain(b)
    assert x is not None
    assert y is not None
    difference = _difference(node, graph, x, y)
    return Gated(difference, compared(relation, Gate.affine(), _ZERO), node)


def _compared_constants(node: NodeView, graph: Graph, a: Constant, b: Constant) -> Constant:
    try:
        shape = np.broadcast_shapes(a.shape, b.shape)
    except ValueError:
        raise node.wrong(f"inputs of shapes {a.shape}, {b.shape} do not broadcast") from None
    if 0 not in shape:
        check_entries(shape, node.where)
    graph.budget.about_to_compute(int(np.prod(shape)), node.where)
    left, right = np.broadcast_arrays(a.values, b.values)
    ufunc = {"==": np.equal, ">": np.greater, ">=": np.greater_equal, "<": np.less,
             "<=": np.less_equal}[_RELATIONS[node.kind]]  # fmt: skip
    held = ufunc(left, right) if left.dtype == right.dtype else ufunc(
        as_fractions(left), as_fractions(right)
    )  # fmt: skip
    return Constant(np.asarray(held).astype(np.float64).reshape(shape), True, 9)


def _difference(node: NodeView, graph: Graph, a: Value, b: Value) -> Variable:
    if isinstance(a, Variable) and isinstance(b, Variable):
        if (a.inner, a.batch) != (b.inner, b.batch):
            raise node.unsupported(
                f"compares values of shapes {a.shape} and {b.shape}, which both depend on the "
                "input; expand them to one shape before"
            )
        return graph.apply(node, Add([1, -1]), a, b)
    x, c, sign = (a, b, 1) if isinstance(a, Variable) else (b, a, -1)
    assert isinstance(x, Variable)
    assert isinstance(c, Constant)
    shift = drop_batch_axis(node, x, c.values)
    return graph.apply(node, Elementwise(sign, -shift * sign), x)


@handles("Not", gates=True)
def _not(node: NodeView, graph: Graph) -> AnyValue:
    (x,) = _finite(node, graph)
    if isinstance(x, Constant):
        raise node.not_computed()
    return _logical(node, graph, [x])


@handles("And", "Or", "Xor", inputs=2, gates=True)
def _logic(node: NodeView, graph: Graph) -> AnyValue:
    values = _finite(node, graph)
    if all(isinstance(v, Constant) for v in values):
        raise node.not_computed()
    return _logical(node, graph, values)


def _logical(node: NodeView, graph: Graph, values: Sequence[AnyValue]) -> Gated:
    found = functions_of_one(node, graph, values)
    if found is None:
        raise node.unsupported(
            "joins conditions on different values of the network: what is chosen by them cannot be "
            "shown to be continuous. Write it with Max, Min and Clip"
        )
    root, gates = found
    a = gates[0]
    both = gates[-1]
    if node.kind == "Not":
        out = chosen(a, _ZERO, _ONE)
    elif node.kind == "And":
        out = multiplied(a, both)
    elif node.kind == "Or":
        out = chosen(a, _ONE, both)
    else:
        out = compared("!=", a, both)
    return Gated(root, out, node)


@handles("Sign", gates=True, since=9)
def _sign(node: NodeView, graph: Graph) -> AnyValue:
    (x,) = _finite(node, graph)
    if isinstance(x, Constant):
        raise node.not_computed()
    found = functions_of_one(node, graph, [x])
    assert found is not None
    root, (f,) = found
    above, below = compared(">", f, _ZERO), compared("<", f, _ZERO)
    return Gated(root, added([above, below], [Fraction(1), Fraction(-1)]), node)


@handles("IsNaN", since=9)
@handles("IsInf", attributes=("detect_negative", "detect_positive"), since=10)
def _not_finite(node: NodeView, graph: Graph) -> Constant:
    """False everywhere: finite inputs give finite values."""
    x = node.variable(0)
    return Constant(np.zeros(x.shape), True, 9)


# --- choices ---------------------------------------------------------------------------------


@handles("Where", inputs=3, since=9, gates=True, infinite=True)
def _where(node: NodeView, graph: Graph) -> AnyValue:
    return choice(node, graph)


def choice(node: NodeView, graph: Graph) -> AnyValue:
    """Entries of two values by a condition; of constants, or where the result is continuous."""
    condition, a, b = node.given
    if condition is None or a is None or b is None or isinstance(condition, Infinite):
        raise node.wrong("needs a condition and two values")
    if isinstance(condition, Constant):
        if all(isinstance(v, Constant | Infinite) for v in (a, b)):
            return _constants_chosen(node, graph, condition, a, b)
        return _masked(node, graph, condition.values != 0, a, b)
    values = [condition, *(v.refused() if isinstance(v, Infinite) else v for v in (a, b))]
    with contextlib.suppress(UnsupportedOperatorError):  # other thresholds for every entry
        found = functions_of_one(node, graph, values)
        if found is not None:
            root, (test, f, g) = found
            return Gated(root, chosen(test, f, g), node)
    one, other = (graph.plain(v) for v in values[1:])
    assert one is not None
    assert other is not None
    return _by_difference(node, graph, condition, one, other)


def _by_difference(
    node: NodeView, graph: Graph, condition: AnyValue, a: Value, b: Value
) -> Variable:
    """b + (a - b, or 0), if a - b is a multiple of the value that is compared."""
    factors = None
    if isinstance(condition, Gated) and (isinstance(a, Variable) or isinstance(b, Variable)):
        step = _difference(node, graph, a, b)
        if step.shape == condition.shape:
            factors = multiple_of(
                graph.nodes, graph.shape_of, step.node, condition.root.node, graph.numbers
            )
    if factors is None:
        raise node.unsupported(UNKNOWN_STEP)
    assert isinstance(condition, Gated)
    taken = graph.plain(Gated(condition.root, step_taken(condition.gate, factors), node))
    assert isinstance(taken, Variable)
    if isinstance(b, Constant):
        return graph.apply(node, Elementwise(shift=drop_batch_axis(node, taken, b.values)), taken)
    return graph.apply(node, Add(), b, taken)


def _constants_chosen(
    node: NodeView, graph: Graph, condition: Constant, a: AnyValue, b: AnyValue
) -> Constant:
    if isinstance(a, Infinite) or isinstance(b, Infinite):
        raise node.not_computed()
    assert isinstance(a, Constant)
    assert isinstance(b, Constant)
    try:
        shape = np.broadcast_shapes(condition.shape, a.shape, b.shape)
    except ValueError:
        shapes = [condition.shape, a.shape, b.shape]
        raise node.wrong(f"shapes {shapes} do not broadcast") from None
    if 0 not in shape:
        check_entries(shape, node.where)
    graph.budget.about_to_compute(int(np.prod(shape)), node.where)
    one, other = a.values, b.values
    if one.dtype != other.dtype:
        one, other = as_fractions(one), as_fractions(other)
    out = np.where(condition.values != 0, one, other)
    return Constant(exact_array(out, node.where), a.integer and b.integer, a.kind)


def _masked(node: NodeView, graph: Graph, mask: np.ndarray, a: AnyValue, b: AnyValue) -> Variable:
    """A constant choice: every entry is one of a or one of b."""
    terms: list[Variable] = []
    total: np.ndarray | None = None
    for value, weight in ((a, mask), (b, ~mask)):
        if isinstance(value, Infinite):
            value = _where_unused(node, value, weight)
        x = graph.plain(value)
        factor = weight.astype(np.float64)
        if isinstance(x, Variable):
            terms.append(graph.apply(node, Elementwise(drop_batch_axis(node, x, factor)), x))
        elif isinstance(x, Constant):
            try:
                shape = np.broadcast_shapes(x.shape, factor.shape)
            except ValueError:
                raise node.wrong(
                    f"a condition of shape {factor.shape} does not broadcast with {x.shape}"
                ) from None
            check_entries(shape, node.where)
            graph.budget.about_to_compute(int(np.prod(shape)), node.where)
            total = compact(
                np.asarray(as_fractions(x.values) * as_fractions(factor)).reshape(shape)
            )
    if total is not None:
        return graph.apply(
            node, Elementwise(shift=drop_batch_axis(node, terms[0], total)), terms[0]
        )
    longest = max(terms, key=lambda x: len(x.shape))
    return graph.apply(node, Add(), *terms, batch=longest.batch)


def _where_unused(node: NodeView, value: Infinite, weight: np.ndarray) -> Constant:
    """A constant that is not finite, where it is not taken; 0 stands for what is not."""
    try:
        array, used = np.broadcast_arrays(value.array, weight)
    except ValueError:
        raise node.wrong(
            f"shapes {value.array.shape} and {weight.shape} do not broadcast"
        ) from None
    if np.any(used & ~np.isfinite(array)):
        raise node.unsupported(
            "chooses infinite values; a network's values are finite. Take a large number instead"
        )
    return Constant(
        exact_array(np.where(np.isfinite(array), array, 0), node.where), False, value.kind
    )
