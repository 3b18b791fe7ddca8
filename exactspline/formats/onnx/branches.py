"""ONNX's If with a condition that is known while the file is read: one of its graphs is taken."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...errors import FormatError, UnsupportedOperatorError
from .values import AnyValue, Constant

if TYPE_CHECKING:
    from onnx import GraphProto, NodeProto

__all__ = ["is_choice", "reads", "taken"]

_GRAPH = 5  # AttributeProto.AttributeType


def is_choice(node: NodeProto) -> bool:
    """Whether a node is ONNX's If."""
    return bool(node.op_type == "If" and node.domain in ("", "ai.onnx"))


def reads(node: NodeProto) -> list[str]:
    """The names that a node reads; those of an If's graphs from outside of them, too."""
    names = list(node.input)
    if is_choice(node):
        for attribute in node.attribute:
            if attribute.type == _GRAPH:
                names += _from_outside(attribute.g)
    return names


def _from_outside(graph: GraphProto) -> list[str]:
    own = {tensor.name for tensor in graph.initializer}
    found: dict[str, None] = {}
    for node in graph.node:
        found.update((name, None) for name in reads(node) if name and name not in own)
        own.update(node.output)
    found.update((value.name, None) for value in graph.output if value.name not in own)
    return list(found)


def taken(node: NodeProto, condition: AnyValue | None, where: str) -> GraphProto:
    """The graph that a constant condition chooses.

    Raises
    ------
    UnsupportedOperatorError
        If the condition depends on the network's input.
    FormatError
        If the node is no complete If.
    """
    if condition is not None and not isinstance(condition, Constant):
        raise UnsupportedOperatorError(
            f"{where}: its condition depends on the network's input: control flow on data jumps, "
            "or cannot be shown not to. Write it with Where, Max, Min or Clip, or export the graph "
            "that is meant"
        )
    if condition is None or condition.values.size != 1:
        raise FormatError(f"{where}: its condition is no single truth value")
    wanted = "then_branch" if condition.values.reshape(-1)[0] != 0 else "else_branch"
    graphs = [a.g for a in node.attribute if a.name == wanted and a.type == _GRAPH]
    if len(graphs) != 1:
        raise FormatError(f"{where}: has no {wanted}")
    graph = graphs[0]
    if graph.input:
        raise FormatError(f"{where}: its {wanted} has inputs, which an If gives none")
    names = [graph.output, graph.initializer]
    texts = [value.name for values in names for value in values]
    texts += [text for n in graph.node for text in (n.name, n.op_type, *n.input, *n.output)]
    if not all(isinstance(text, str) for text in texts):
        raise FormatError(f"{where}: a name in its {wanted} is no UTF-8 text; the file is damaged")
    if len(graph.output) < len(node.output):
        raise FormatError(f"{where}: its {wanted} has {len(graph.output)} outputs")
    return graph
