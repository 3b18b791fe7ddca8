"""The graph of a network: its nodes, chains with branches as nodes, and where it can be cut."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import ParameterError, ShapeError
from .affine import Add
from .operator import Operator, Shape, any_integers

__all__ = [
    "Branches",
    "Node",
    "Residual",
    "Step",
    "blocks",
    "checked_shape",
    "name_at",
    "output_operator",
    "output_shape",
    "reaching",
    "wire",
]


@dataclass(frozen=True)
class Node:
    """One operator and where its inputs come from (-1 is the network's input).

    Examples
    --------
    >>> from exactspline import Network, ReLU
    >>> (node,) = Network([ReLU()], (2,)).nodes
    >>> node.operator.kind, node.inputs, node.shape
    ('ReLU', (-1,), (2,))
    """

    operator: Operator
    inputs: tuple[int, ...]
    shape: Shape


class Branches:
    """Several chains of operators that read the same value, and how they are joined.

    Parameters
    ----------
    branches : sequence of sequences
        Chains of operators (or further branches); an empty one is the identity.
    join : Operator
        Takes one input a branch: `Add`, `Concat`, `Maximum`, `Minimum`.

    Examples
    --------
    >>> from exactspline import Abs, Concat, Network, ReLU
    >>> Network([Branches([[ReLU()], [Abs()]], Concat())], (2,)).output_shape
    (4,)
    """

    def __init__(self, branches: Sequence[Sequence[Step]], join: Operator) -> None:
        self.branches = tuple(tuple(branch) for branch in branches)
        self.join = join
        if not self.branches:
            raise ShapeError("Branches: give at least one branch")


class Residual(Branches):
    """body(x) + skip(x): a residual block.

    Parameters
    ----------
    body : sequence of operators
    skip : sequence of operators
        The identity by default; a `Dense` or `Conv` for a projection.

    Examples
    --------
    >>> from exactspline import Dense, Network, ReLU
    >>> Network([Residual([Dense([[2]]), ReLU()])], (1,)).forward([3.0])
    array([9.])
    """

    def __init__(self, body: Sequence[Step], skip: Sequence[Step] = ()) -> None:
        super().__init__([body, skip], Add())


Step = Operator | Branches


def checked_shape(shape: Sequence[int]) -> Shape:
    """The shape of a network's input."""
    try:
        out = any_integers(shape, "input_shape")
    except ParameterError:
        raise ShapeError(f"input_shape {shape!r} is not a sequence of integers") from None
    if any(n < 1 for n in out):
        raise ShapeError(f"input_shape {out} needs positive sizes")
    return out


def name_at(operator: Operator, position: int) -> str:
    """How messages name the operator of a node."""
    name = f" {operator.name!r}" if operator.name else ""
    return f"operator {position}{name} ({operator.kind})"


def output_shape(operator: Operator, position: int, shapes: list[Shape]) -> Shape:
    """The shape of a node's value."""
    where = name_at(operator, position)
    if operator.arity not in (None, len(shapes)) or not shapes:
        takes = operator.arity or "one or more"
        raise ShapeError(f"{where}: reads {len(shapes)} values; it takes {takes}")
    try:
        return operator.output_shape(*shapes)
    except ShapeError as error:
        raise ShapeError(f"{where}: {error}") from None


def wire(steps: Sequence[Step]) -> list[tuple[Operator, tuple[int, ...]]]:
    """The nodes of a chain; blocks may stand in each other thousands deep, so no recursion."""
    wired: list[tuple[Operator, tuple[int, ...]]] = []
    at = -1  # the node that the next step reads
    rest = iter(steps)
    # per block that is open: what is left of the chain around it, the block, its other branches,
    # the node that they read, and the ends of those that are done
    around: list[tuple[Iterator[Step], Branches, Iterator[Sequence[Step]], int, list[int]]] = []
    while True:
        for step in rest:
            if isinstance(step, Branches):
                branches: Iterator[Sequence[Step]] = iter(step.branches)
                around.append((rest, step, branches, at, []))
                rest = iter(next(branches))
                break
            if _joins(step):
                raise ShapeError(
                    f"{name_at(step, len(wired))}: joins several values, but in a list of "
                    "operators it reads one alone, so that a skip connection would be lost; write "
                    "Residual(body, skip) or Branches([...], join) in its place, or copy a "
                    "network by Network.from_nodes([(n.operator, n.inputs) for n in net.nodes], "
                    "net.input_shape)"
                )
            wired.append((step, (at,)))
            at = len(wired) - 1
        else:  # a chain is done
            if not around:
                return wired
            before, block, branches, source, ends = around[-1]
            ends.append(at)
            branch = next(branches, None)
            if branch is not None:
                rest, at = iter(branch), source
                continue
            around.pop()
            wired.append((block.join, tuple(ends)))
            rest, at = before, len(wired) - 1


def _joins(step: Any) -> bool:
    """Whether an operator is there to join several values; a sum of one coefficient scales."""
    if not isinstance(step, Operator) or step.arity is not None:
        return False
    coefficients = step.coefficients if isinstance(step, Add) else None
    return coefficients is None or coefficients.size > 1


def reaching(
    nodes: Sequence[tuple[Operator, Sequence[int]]], output: int | None
) -> list[tuple[Operator, tuple[int, ...]]]:
    """The nodes that lead to the output, numbered anew."""
    if not nodes and output is None:
        return []
    last = len(nodes) - 1 if output is None else output
    if not 0 <= last < len(nodes):
        raise ShapeError(f"output {output} is none of the {len(nodes)} nodes")
    reads = [_inputs(node, position) for position, node in enumerate(nodes[: last + 1])]
    needed = {last}
    for position in range(last, -1, -1):
        for i in reads[position]:
            if not -1 <= i < position:
                raise ShapeError(
                    f"operator {position} reads node {i}, which does not stand before it; "
                    "the graph has a cycle or its nodes are out of order"
                )
            if position in needed:
                needed.add(i)
    number = {-1: -1}
    out: list[tuple[Operator, tuple[int, ...]]] = []
    for position in range(last + 1):
        if position in needed:
            number[position] = len(out)
            out.append((nodes[position][0], tuple(number[i] for i in reads[position])))
    return out


def _inputs(node: Any, position: int) -> tuple[int, ...]:
    """The positions that a node of `Network.from_nodes` reads."""
    if not isinstance(node, tuple | list) or len(node) != 2:
        raise ShapeError(f"operator {position}: give a node as a pair (operator, inputs)")
    try:
        return any_integers(node[1], f"operator {position}: its inputs")
    except ParameterError as error:
        raise ShapeError(str(error)) from None


def output_operator(nodes: list[Node]) -> int:
    """Where the output operator begins; behind the last node if there is none."""
    reads = len(nodes)  # the earliest node that is read by those behind the cut
    for cut in range(len(nodes) - 1, -1, -1):
        operator = nodes[cut].operator
        if operator.output_operator and reads >= cut:
            return cut
        if not operator.entrywise:
            break
        reads = min(reads, *nodes[cut].inputs)
    return len(nodes)


def blocks(nodes: Sequence[Node]) -> list[list[Node]]:
    """A network's nodes between the values through which all of it leads, in order.

    Each block reads only the last node of the block before (for the first one: the input) and
    its own nodes; inputs are counted from the block's beginning, -1 being what it reads.
    """
    cuts, earliest = [], len(nodes)
    for position in range(len(nodes) - 1, -1, -1):
        if earliest >= position:  # nothing behind reads what lies before it
            cuts.append(position)
        earliest = min(earliest, *nodes[position].inputs)
    out, start = [], 0
    for cut in reversed(cuts):
        part = nodes[start : cut + 1]
        out.append([
            Node(node.operator, tuple(i - start for i in node.inputs), node.shape) for node in part
        ])  # fmt: skip
        start = cut + 1
    return out
