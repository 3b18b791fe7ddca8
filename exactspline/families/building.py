"""The network whose inputs are (x, free parameters): made of operators that there are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import ParameterError
from ..network.affine import Add, Dense
from ..network.arrange import Reshape, Select
from ..network.network import Network
from .free import FreeEntry, with_values

if TYPE_CHECKING:
    from ..domain import Domain
    from ..network.operator import Operator, Shape

__all__ = ["joint_network"]


@dataclass
class _Graph:
    """Nodes of the network that is built; ``parameters`` is the node of the free ones."""

    dim: int  # of the inputs in front of the parameters
    count: int  # of the parameters
    nodes: list[tuple[Operator, list[int]]] = field(default_factory=list)

    def add(self, operator: Operator, *inputs: int) -> int:
        self.nodes.append((operator, list(inputs)))
        return len(self.nodes) - 1

    def affine(self, columns: np.ndarray, constant: np.ndarray, shape: Shape, name: str) -> int:
        """constant + columns times the parameters, in a shape."""
        at = self.add(Dense(columns, constant, name=name), self.parameters)
        return self.add(Reshape(shape), at)

    def begin(self, domain: Domain | None, shape: Shape) -> int:
        """The first nodes: x in its shape (from the domain's coordinates), and the parameters."""
        start = -2
        if domain is not None:
            from ..domain.rows import dense_fractions

            at = self.add(Select(range(self.dim)), -1)
            P, p = dense_fractions(domain.chart.point)
            if P.tolist() != np.eye(len(P), P.shape[1], dtype=int).tolist() or any(p):
                at = self.add(Dense(P, p), at)
            start = self.add(Reshape(shape), at)
        whole = range(self.dim, self.dim + self.count)
        self.parameters = self.add(Select(whole), -1)
        return start


def joint_network(
    network: Network, entries: Sequence[FreeEntry], domain: Domain | None, x: np.ndarray | None
) -> Network:
    """The network over (t, parameters), or over the parameters alone at a fixed ``x``.

    Parameters
    ----------
    network : Network
    entries : sequence of FreeEntry
    domain : Domain or None
        Whose coordinates t come first; None with ``x``.
    x : object array in the network's input shape, or None

    Raises
    ------
    ParameterError
        If weights are free whose operator reads what is not one vector: without ``x``, or behind
        other free parameters. The values are then no affine functions of (x, parameters) on
        pieces, but products.
    """
    graph = _Graph(0 if domain is None else domain.chart.dim, len(entries))
    start = graph.begin(domain, network.input_shape)
    # per node of the network: its place in the graph, or its constant value
    place: list[int | None] = []
    value: list[np.ndarray | None] = []

    def source(i: int) -> int:
        if i < 0:
            if x is None:
                return start
            return graph.affine(_none(x, graph), x.reshape(-1), x.shape, "")
        known = value[i]
        if place[i] is None and known is not None:
            place[i] = graph.affine(_none(known, graph), known.reshape(-1), known.shape, "")
        found = place[i]
        assert found is not None
        return found

    for position, node in enumerate(network.nodes):
        own = [(k, e) for k, e in enumerate(entries) if e.node == position]
        label = network.labels[position]
        inputs = [x if i < 0 else value[i] for i in node.inputs]
        fixed = all(v is not None for v in inputs)
        if any(e.weight for _, e in own) and not fixed:
            name = next(e.name for _, e in own if e.weight)
            raise ParameterError(
                f"free: {name} multiplies what depends on "
                + ("x; fix a sample: parametric(..., x=sample)" if x is None else
                   "other free parameters; free the weights of one layer, and biases from there on")
            )  # fmt: skip
        rest = with_values(node.operator, label, [(e.field, e.index, Fraction(0)) for _, e in own])
        if fixed:
            constant = _forward(rest, inputs)
            value.append(constant if not own else None)
            if not own:
                place.append(None)
                continue
            columns = _columns(node.operator, own, inputs, constant, graph.count)
            place.append(graph.affine(columns, constant.reshape(-1), node.shape, label))
            continue
        value.append(None)
        at = graph.add(rest, *(source(i) for i in node.inputs))
        if own:
            shapes = [network.input_shape if i < 0 else network.nodes[i].shape for i in node.inputs]
            zeros = [np.full(shape, Fraction(0), dtype=object) for shape in shapes]
            base = _forward(rest, zeros)
            columns = _columns(node.operator, own, zeros, base, graph.count)
            none = np.full(base.size, Fraction(0), dtype=object)
            at = graph.add(Add(), at, graph.affine(columns, none, node.shape, ""))
        place.append(at)
    last = len(network.nodes) - 1
    output = source(last)
    return Network.from_nodes(graph.nodes, (graph.dim + graph.count,), output=output)


def _none(like: np.ndarray, graph: _Graph) -> np.ndarray:
    return np.full((like.size, graph.count), Fraction(0), dtype=object)


def _forward(operator: Operator, inputs: Sequence[Any]) -> np.ndarray:
    out = operator.forward(*(v[None] for v in inputs))
    return np.asarray(out, dtype=object)[0]


def _columns(
    operator: Operator, own: Sequence[tuple[int, FreeEntry]], inputs: Sequence[Any],
    rest: np.ndarray, count: int,
) -> np.ndarray:  # fmt: skip
    """What one of each parameter adds to the output, for inputs that are fixed.

    The output is affine in the parameters, so these differences say all. Biases are the same at
    every input.
    """
    out = np.full((rest.size, count), Fraction(0), dtype=object)
    others = [e for _, e in own]
    for k, entry in own:
        ones = [(e.field, e.index, Fraction(int(e == entry))) for e in others]
        out[:, k] = (_forward(with_values(operator, "", ones), inputs) - rest).reshape(-1)
    return out
