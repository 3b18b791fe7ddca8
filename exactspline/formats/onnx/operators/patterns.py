"""Smooth scalar functions that exporters write as several ONNX operators, put together again.

Before opset 20 a GELU is u/2 (1 + erf(u / sqrt(2))) in five nodes, or the form with tanh, and
PyTorch writes softplus with its switch to the identity at 20, which jumps by 2e-9. Both are
read as the function that is meant: the constants of such a pattern are rounded anyway, and the
function is no affine spline in either form. ``x[x < 0] = 0`` is written with the places where the
condition holds, and is a choice.
"""

from __future__ import annotations

import math
from itertools import permutations
from typing import TYPE_CHECKING

from ....errors import ExactSplineError
from ....network import GELU
from ..graph import Graph
from ..node import NodeView
from ..registry import handles
from ..values import AnyValue, Constant, Value, decode_tensor
from .conditions import choice

if TYPE_CHECKING:
    from onnx import GraphProto, NodeProto, TensorProto

__all__ = ["put_together"]

_DOMAIN = "exactspline"  # of nodes that stand for a pattern
_SWITCH = 20.0  # where PyTorch's softplus becomes the identity
_MOST_FACTORS = 6


@handles("Gelu", attributes=("approximate",), domain=_DOMAIN)
def _gelu(node: NodeView, graph: Graph) -> Value:
    return graph.run(node, GELU(node.text_attribute("approximate", "none")), node.value(0))


@handles("Masked", inputs=3, domain=_DOMAIN, gates=True)
def _masked(node: NodeView, graph: Graph) -> AnyValue:
    """The value where a condition of the data's own shape holds, the data elsewhere."""
    condition, number, x = node.given
    if (
        not isinstance(number, Constant)
        or condition is None
        or x is None
        or condition.shape != x.shape
    ):
        raise node.unsupported(
            "NonZero, the places of a condition of another shape than what is changed there, is "
            "not continuous; write the choice with Where"
        )
    scalar = Constant(number.values.reshape(()), number.integer, number.kind)
    view = node.with_inputs(node.inputs)
    view.given = (condition, scalar, x)
    return choice(view, graph)


def put_together(graph: GraphProto, stored: dict[str, TensorProto], makers: dict[str, int]) -> None:
    """Replace, in place, the last node of every pattern by one node that reads its input."""
    kinds = {node.op_type for node in graph.node}
    patterns = _Patterns(graph, stored, makers)
    for node in graph.node:
        if node.op_type == "Mul" and kinds & {"Erf", "Tanh"}:
            found = patterns.gelu(node)
            if found is not None:
                _replace(node, "Gelu", found[0], approximate=found[1])
        elif node.op_type == "Where" and "Softplus" in kinds:
            value = patterns.softplus(node)
            if value is not None:
                _replace(node, "Identity", value)
        elif node.op_type == "ScatterND" and "NonZero" in kinds:
            inputs = patterns.masked(node)
            if inputs is not None:
                _replace(node, "Masked", *inputs)


def _replace(node: NodeProto, kind: str, *sources: str, approximate: str = "") -> None:
    del node.input[:], node.attribute[:]
    node.op_type, node.domain = kind, "" if kind == "Identity" else _DOMAIN
    node.input.extend(sources)
    if approximate:
        node.attribute.add(name="approximate", type=3, s=approximate.encode())


class _Patterns:
    def __init__(
        self, graph: GraphProto, stored: dict[str, TensorProto], makers: dict[str, int]
    ) -> None:
        self.graph, self.stored, self.makers = graph, stored, makers

    def made(self, name: str, *kinds: str) -> NodeProto | None:
        """The node that makes a value, if it is of one of the kinds."""
        index = self.makers.get(name)
        node = None if index is None else self.graph.node[index]
        if node is None or node.op_type not in kinds or node.domain not in ("", "ai.onnx"):
            return None
        return node

    def number(self, name: str) -> float | None:
        """A constant with one entry."""
        tensor = self.stored.get(name)
        node = self.made(name, "Constant")
        if node is not None and len(node.attribute) == 1 and node.attribute[0].name == "value":
            tensor = node.attribute[0].t
        if tensor is None or math.prod(tensor.dims) != 1:
            return None
        try:
            return float(decode_tensor(tensor, name[:80]).values.reshape(-1)[0])
        except (ExactSplineError, OverflowError):  # said where the constant is read
            return None

    def is_near(self, name: str, value: float) -> bool:
        """Whether it is a constant and, up to the rounding of float32, this number."""
        number = self.number(name)
        return number is not None and abs(number - value) <= 1e-6 * value

    def factors(self, name: str) -> list[str]:
        """The factors of a product of products."""
        out: list[str] = []
        waiting = [name]
        while waiting and len(out) + len(waiting) <= _MOST_FACTORS:
            name = waiting.pop()
            node = self.made(name, "Mul")
            if node is not None and len(node.input) == 2:
                waiting += node.input
            else:
                out.append(name)
        return out if not waiting else []

    def two(self, name: str, kind: str) -> list[tuple[str, str]]:
        """The inputs of a node that makes a value, in both orders."""
        node = self.made(name, kind)
        if node is None or len(node.input) != 2:
            return []
        a, b = node.input
        return [(a, b), (b, a)]

    def gelu(self, node: NodeProto) -> tuple[str, str] | None:
        """u and the kind of approximation if this product is u/2 (1 + ...)."""
        factors = self.factors(node.output[0]) if node.output else []
        if len(factors) != 3:
            return None
        for half, u, gate in permutations(factors):
            if not self.is_near(half, 0.5):
                continue
            for one, curve in self.two(gate, "Add"):
                if self.is_near(one, 1.0):
                    if self.is_erf(curve, u):
                        return u, "none"
                    if self.is_tanh(curve, u):
                        return u, "tanh"
        return None

    def is_erf(self, name: str, u: str) -> bool:
        """erf(u / sqrt(2))."""
        node = self.made(name, "Erf")
        if node is None or len(node.input) != 1:
            return False
        inner = self.made(node.input[0], "Div")
        if inner is not None and len(inner.input) == 2:
            return inner.input[0] == u and self.is_near(inner.input[1], math.sqrt(2))
        return any(
            a == u and self.is_near(b, math.sqrt(0.5)) for a, b in self.two(node.input[0], "Mul")
        )

    def is_tanh(self, name: str, u: str) -> bool:
        """tanh(sqrt(2 / pi) (u + 0.044715 u^3))."""
        node = self.made(name, "Tanh")
        if node is None or len(node.input) != 1:
            return False
        return any(
            self.is_near(c, math.sqrt(2 / math.pi)) and self.is_cubic(s, u)
            for c, s in self.two(node.input[0], "Mul")
        )

    def is_cubic(self, name: str, u: str) -> bool:
        """u + 0.044715 u^3."""
        for a, cube in self.two(name, "Add"):
            if a != u:
                continue
            rest = []
            for factor in self.factors(cube):
                power = self.made(factor, "Pow")
                if power is not None and len(power.input) == 2:
                    number = self.number(power.input[1])
                    rest += [power.input[0]] * int(number) if number in (2.0, 3.0) else [factor]
                else:
                    rest.append(factor)
            constants = [f for f in rest if f != u]
            if rest.count(u) == 3 and len(constants) == 1 and self.is_near(constants[0], 0.044715):
                return True
        return False

    def masked(self, node: NodeProto) -> tuple[str, str, str] | None:
        """Condition, value and data if one value is put where a condition holds: x[x < 0] = 0.

        The places are NonZero's, transposed; the value is a number, made as long as they are many.
        """
        if len(node.input) != 3 or node.attribute or not node.output:
            return None
        x, indices, updates = node.input
        moved = self.made(indices, "Transpose")
        if moved is None or [list(a.ints) for a in moved.attribute] != [[1, 0]]:
            return None
        places = self.made(moved.input[0], "NonZero") if len(moved.input) == 1 else None
        for _ in range(_MOST_FACTORS):
            made = self.made(updates, "Reshape", "Expand", "Identity")
            if made is None or not made.input:
                break
            updates = made.input[0]
        if places is None or len(places.input) != 1 or self.number(updates) is None:
            return None
        return places.input[0], updates, x

    def softplus(self, node: NodeProto) -> str | None:
        """The softplus if this is a switch from it to its own input at 20."""
        if len(node.input) != 3:
            return None
        condition, u, value = node.input
        greater = self.made(condition, "Greater")
        divided = self.made(value, "Div")
        if divided is not None and len(divided.input) != 2:
            return None
        curve = self.made(value if divided is None else divided.input[0], "Softplus")
        if greater is None or curve is None or len(curve.input) != 1:
            return None
        scaled = curve.input[0]
        if len(greater.input) != 2 or greater.input[0] != scaled:
            return None
        if not self.is_near(greater.input[1], _SWITCH):
            return None
        if divided is None:
            return value if scaled == u else None
        beta = self.number(divided.input[-1])
        same = any(a == u and self.number(b) == beta for a, b in self.two(scaled, "Mul"))
        return value if same and beta is not None and beta > 0 else None
