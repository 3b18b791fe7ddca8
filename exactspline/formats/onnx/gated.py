"""Functions of one value of an ONNX graph that may jump: how they are found and computed with."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from ...rationals import as_fractions, compact
from ..gates import Gate, added, common_root, expressed, multiplied
from .broadcast import drop_batch_axis
from .graph import Graph
from .node import NodeView
from .values import AnyValue, Constant, Gated, Infinite, Variable

__all__ = ["functions_of_one", "gated_arithmetic"]


def functions_of_one(
    node: NodeView, graph: Graph, values: Sequence[AnyValue]
) -> tuple[Variable, list[Gate]] | None:
    """The values as functions of one value of the network, entry by entry; None if they are not.

    Returns
    -------
    root : Variable
    functions : list of Gate
    """
    tested = [v.root if isinstance(v, Gated) else v for v in values]
    variables = [v for v in tested if isinstance(v, Variable)]
    first = variables[0]
    if any((v.inner, v.batch) != (first.inner, first.batch) for v in variables):
        return None
    constants: dict[int, Gate] = {}
    for i, value in enumerate(values):
        if isinstance(value, Constant):
            array = drop_batch_axis(node, first, value.values)
            try:
                np.broadcast_to(array, first.inner)  # it may not enlarge what is tested
            except ValueError:
                return None
            constants[i] = Gate.affine(0, as_fractions(array))
    root = common_root(
        graph.nodes, [v.node for v in variables], first.inner, graph.shape_of, graph.numbers
    )
    if root is None:
        return None
    out = []
    for i, (value, place) in enumerate(zip(values, tested, strict=True)):
        if isinstance(place, Variable):
            inner = expressed(graph.nodes, place.node, root, first.inner, graph.numbers)
            assert inner is not None  # see common_root
            out.append(value.gate.after(inner) if isinstance(value, Gated) else inner)
        else:
            out.append(constants[i])
    return Variable(first.inner, first.batch, root), out


def gated_arithmetic(node: NodeView, graph: Graph) -> AnyValue | None:
    """Add, Sub, Mul, Div of functions of one value that may jump; None if they are not."""
    a, b = node.given
    assert a is not None
    assert b is not None
    if isinstance(a, Infinite) or isinstance(b, Infinite):
        return None
    if node.kind == "Div":
        if not isinstance(b, Constant) or any(v == 0 for v in b.values.reshape(-1).tolist()):
            return None
        inverse = 1 / as_fractions(b.values)
        b = Constant(compact(np.asarray(inverse).reshape(b.shape)))
    found = functions_of_one(node, graph, (a, b))
    if found is None:
        return None
    root, (f, g) = found
    if node.kind in ("Mul", "Div"):
        return Gated(root, multiplied(f, g), node)
    weights = [Fraction(1), Fraction(-1 if node.kind == "Sub" else 1)]
    return Gated(root, added([f, g], weights), node)
