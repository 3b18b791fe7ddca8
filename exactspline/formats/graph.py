"""From a reader's operators and wires to a network, with every size checked before it is taken."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..errors import ExactSplineError, ShapeError
from ..network import Network, Operator
from .limits import Budget

__all__ = ["build_graph"]


def build_graph(
    nodes: Sequence[tuple[Operator, Sequence[int]]],
    input_shape: Sequence[int],
    sha256: str,
    path: object,
    *,
    named: Mapping[str, slice] | None = None,
) -> Network:
    """A network from the operators of a file; the last one gives its value.

    Parameters
    ----------
    nodes : sequence of (Operator, sequence of int)
        Each with the positions of what it reads, which stand before it; -1 is the input.
    input_shape : sequence of int
    sha256 : str
        Of the file.
    path : object
        Named in messages.
    named : mapping of str to slice, optional
        Which coordinates are which of several inputs.

    Raises
    ------
    FormatError
        If a value would have too many entries, or a window would read too many.
    ShapeError
        If a node reads what does not stand before it, or shapes do not fit.
    """
    budget = Budget()
    shape = tuple(input_shape)
    budget.value(shape, f"{path}: input")
    shapes = [shape]  # of the input, then of every node
    for position, (operator, inputs) in enumerate(nodes):
        where = f"{path}: operator {position} ({operator.kind})"
        if not inputs:
            raise ShapeError(f"{where}: reads no values; name what it reads")
        for i in inputs:
            if not -1 <= i < position:
                raise ShapeError(
                    f"{where}: reads node {i}, which does not stand before it; "
                    "the graph has a cycle or its nodes are out of order"
                )
        read = [shapes[i + 1] for i in inputs]
        if operator.arity not in (None, len(read)):
            raise ShapeError(f"{where}: reads {len(read)} values; it takes {operator.arity}")
        try:
            shape = operator.output_shape(*read)
        except ShapeError as error:
            raise ShapeError(f"{where}: {error}") from None
        budget.value(shape, where)
        budget.members(operator.entries_read(read, shape), where)
        shapes.append(shape)
    try:
        return Network.from_nodes(nodes, input_shape, sha256=sha256, inputs=named)
    except ExactSplineError as error:
        raise type(error)(f"{path}: {error}") from None
