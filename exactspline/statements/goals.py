"""The condition that is sought, for the search: cells on which it holds nowhere are closed."""

from __future__ import annotations

from ..search.goal import Goal, Node
from .conditions import And, Condition, Constant, Literal, Or
from .joint import Joint, asked

__all__ = ["goal_of"]

_PAUSES = 48, 500, 2_000, 8_000, 32_000  # closed cells
_SIZE = 65_000  # coefficients times dimensions of a network for which they are meant


def goal_of(
    joint: Joint, condition: Condition, near: dict[int, int], *, points: bool,
    any_order: bool = False,
) -> Goal:  # fmt: skip
    """A condition without slopes and codes.

    Parameters
    ----------
    joint : Joint
    condition : Condition
    near : dict
        Per compared form the one that is positive only where it is over some small number; empty
        if the condition is asked inside of regions alone.
    points : bool
        Whether points where it may hold are wanted at once.
    any_order : bool
        Whether regions may come in another order than that of their codes.
    """
    nodes: list[Node] = []

    def add(part: Condition) -> None:
        if isinstance(part, Constant):
            nodes.append(Node("constant", int(part.value)))
        elif isinstance(part, Literal):
            own = [joint.columns[form] for form in asked(part)]
            kind = ">" if part.relation == "<" else part.relation
            nodes.append(Node(kind, own[0], own[-1], near.get(own[0], -1)))
        else:
            assert isinstance(part, And | Or)
            for inner in part.inner:
                add(inner)
            nodes.append(Node("all" if isinstance(part, And) else "any", len(part.inner)))

    add(condition)
    # what is tried at a pause costs as much as many cells of a small network
    layers = joint.program.layers
    size = sum(len(layer.members.data) for layer in layers) * layers[0].members.width
    size = max(1, size)
    pauses = [at * max(_SIZE, size) // size for at in _PAUSES] if points else []
    return Goal(joint.compared.tolist(), nodes, points, pauses=pauses, any_order=any_order)
