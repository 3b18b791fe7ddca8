"""A condition on the signs of some units' members, for a search of what satisfies it alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["KINDS", "Goal", "Node"]

KINDS = ("constant", "<=", ">", "==", "!=", "all", "any")


@dataclass(frozen=True)
class Node:
    """A comparison, a constant, or how the results before it are put together.

    Attributes
    ----------
    kind : str
        "<=" and ">" compare the member of a slot with 0; "==" and "!=" too; "all" and "any"
        take the last ``first`` results; "constant" is ``first``.
    first : int
    second : int
        For "==" and "!=": the slot of the member's negative.
    near : int
        For "<=" and "==": a slot that is positive only where the member, or its negative, is over
        some positive number: next to a point where the comparison holds by equality it is not. -1
        where the condition is asked inside of regions alone.
    """

    kind: str
    first: int
    second: int = -1
    near: int = -1


@dataclass(frozen=True)
class Goal:
    """A condition, in the order of its evaluation (operands first).

    A search with a goal may leave out regions on whose closure the condition holds nowhere, and
    hands over points where it may hold.

    Parameters
    ----------
    units : sequence of int
        Per slot the place in codes of a unit of two pieces, the lower one where its member is at
        most 0.
    nodes : sequence of Node
    points : bool
        Whether points where the condition may hold are wanted.
    every : int
        Cuts of a cell from one look ahead to the next.
    pauses : sequence of int
        Numbers of closed cells after which a search that wants points pauses.
    any_order : bool
        Whether regions may come in another order than that of their codes: of two sides of a
        hyperplane, the one where the condition fails by less comes first.
    """

    units: Sequence[int]
    nodes: Sequence[Node]
    points: bool = True
    every: int = 1
    pauses: Sequence[int] = ()
    any_order: bool = False
