"""Values whose entries are those of others in another order: one `Select` behind a `Concat`."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ...network import Concat, Select
from ...rationals import as_fractions
from ..limits import check_entries
from .graph import Graph
from .node import NodeView
from .values import Constant, Value, Variable

__all__ = ["flat", "moved", "numbered"]


def numbered(shape: Sequence[int]) -> np.ndarray:
    """The flat index of every entry, in its shape."""
    return np.arange(math.prod(shape)).reshape(tuple(shape))


def flat(node: NodeView, graph: Graph, x: Value) -> Variable:
    """All entries in a row, without a batch axis; a constant becomes a value of the network."""
    if isinstance(x, Constant):
        return graph.constant(node, x.values.reshape(-1), False)
    return graph.inner_reshape(node, x, (math.prod(x.inner),), False)


def moved(node: NodeView, graph: Graph, sources: Sequence[Value], entries: np.ndarray) -> Value:
    """Chosen entries of values that are flattened and joined.

    Parameters
    ----------
    node : NodeView
    graph : Graph
    sources : sequence of Value
    entries : int array
        Flat indices into the joined sources, in the shape of the result (as the file has it).
    """
    check_entries(entries.shape, node.where)
    graph.budget.about_to_compute(entries.size, node.where)
    constants = [x for x in sources if isinstance(x, Constant)]
    if len(constants) == len(sources):
        values = [x.values.reshape(-1) for x in constants]
        if len({v.dtype for v in values}) > 1:
            values = [as_fractions(v) for v in values]
        joined_values = np.concatenate(values)[entries.reshape(-1)].reshape(entries.shape)
        return Constant(joined_values, all(x.integer for x in constants), constants[0].kind)
    if len(sources) == 1 and np.array_equal(entries, numbered(entries.shape)):
        x = sources[0]
        if isinstance(x, Variable) and math.prod(x.inner) == entries.size:
            return graph.reshape(node, x, entries.shape)
    parts = [flat(node, graph, x) for x in sources]
    joined = parts[0] if len(parts) == 1 else graph.apply(node, Concat(), *parts)
    chosen = graph.apply(node, Select(entries.reshape(-1).tolist()), joined)
    return graph.reshape(node, chosen, entries.shape)
