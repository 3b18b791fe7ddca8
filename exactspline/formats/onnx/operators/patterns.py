"""Smooth scalar functions that exporters write as several ONNX operators, put together again.

Before opset 20 a GELU is u/2 (1 + erf(u / sqrt(2))) in five nodes, or the form with tanh, and
PyTorch writes softplus with its switch to the identity at 20, which jumps by 2e-9. Both are
read as the function that is meant: the constants of such a pattern are rounded anyway, and the
function is no affine spline in either form.
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
from ..values import Value, decode_tensor

if TYPE_CHECKING:
    from onnx import GraphProto, NodeProto, TensorProto

__all__ = ["put_together"]

_DOMAIN = "exactspline"  # of nodes that stand for a pattern
_SWITCH = 20.0  # where PyTorch's softplus becomes the identity
_MOST_FACTORS = 6


@handles("Gelu", attributes=("approximate",), domain=_DOMAIN)
def _gelu(node: NodeView, graph: Graph) -> Value:
    return graph.run(node, GELU(node.text_attribute("approximate", "none")), node.value(0))


def put_together(graph: GraphProto, stored: dict[str, TensorProto], makers: dict[str, int]) -> None:
    """Replace, in place, the last node of every pattern by one node that reads its input."""
    kinds = {node.op_type for node in graph.node}
    patterns = _Patterns(graph, stored, makers)
    for node in graph.node:
        if node.op_type == "Mul" and kinds & {"Erf", "Tanh"}:
            found = patterns.gelu(node)
            if found is not None:
                _replace(node, "Gelu", found[0], found[1])
        elif node.op_type == "Where" and "Softplus" in kinds:
            value = patterns.softplus(node)
            if value is not None:
                _replace(node, "Identity", value)


def _replace(node: NodeProto, kind: str, source: str, approximate: str = "") -> None:
    del node.input[:], node.attribute[:]
    node.op_type, node.domain = kind, _DOMAIN if kind == "Gelu" else ""
    node.input.append(source)
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
