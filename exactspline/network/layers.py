"""The layers of a network as the theory cuts them: one nonlinear operator, affine ones before it.

A network is cut where a single value leads on: no node behind the cut reads one before it. What
lies between two cuts is one operator in a chain, or a whole block of branches; blocks are put
together until one holds something nonlinear. A last layer may be affine.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..errors import UnsupportedOperatorError
from ..mode import guarded
from ..texts import plain
from .graph import Node, blocks
from .maso import MASO, aso_as_maso
from .operator import Operator, Shape, is_affine
from .operator_graph import OperatorGraph
from .spline import ASO, affine_of, program_as_aso

__all__ = ["NetworkLayer", "layers_of"]


@guarded
class NetworkLayer:
    """One layer of a network: affine operators, then one nonlinear one.

    Made by `Network.layers`.

    Attributes
    ----------
    network : Network
        The layer alone, over its own input.
    index : int
        Which layer it is, from 1 on.
    nonlinear : tuple of Operator
        Its nonlinear operators: one; none in a last layer that is affine; several where a
        block of branches cannot be cut.
    is_chain : bool
        Whether its operators stand in a row, each reading the one before.

    Notes
    -----
    A residual block sigma(C z + b) + C_skip z + b_skip is one layer of the theory.
    """

    def __init__(self, network: OperatorGraph, index: int, nonlinear: tuple[Operator, ...]) -> None:
        self.network, self.index, self.nonlinear = network, index, nonlinear
        self.is_chain = all(node.inputs == (i - 1,) for i, node in enumerate(network.nodes))

    @property
    def operators(self) -> tuple[Operator, ...]:
        """Its operators in the order in which they are evaluated."""
        return self.network.operators

    @property
    def input_shape(self) -> Shape:
        """The shape of what it reads."""
        return self.network.input_shape

    @property
    def output_shape(self) -> Shape:
        """The shape of what it gives."""
        return self.network.output_shape

    @property
    def is_affine(self) -> bool:
        """Whether it has no nonlinear operator."""
        return not self.nonlinear

    @property
    def label(self) -> str:
        """For messages: "layer 2 (Dense, ReLU)"."""
        return plain(f"layer {self.index} ({', '.join(op.label for op in self.operators)})")

    def __repr__(self) -> str:
        return f"<{self.label}: {self.input_shape} -> {self.output_shape}>"

    def affine(self) -> tuple[np.ndarray, np.ndarray]:
        """W and b of the affine operators before the nonlinear one, for a chain, in Fractions.

        Raises
        ------
        UnsupportedOperatorError
            If the layer is no chain with its nonlinear operator at the end.
        """
        self._demand_chain()
        nodes = self.network.nodes[: len(self.network.nodes) - len(self.nonlinear)]
        return affine_of(_alone(self.network, nodes, self.input_shape).program, self.label)

    @property
    def in_order(self) -> bool:
        """Whether it is a chain of affine operators with at most one nonlinear one, the last."""
        if not self.is_chain or len(self.nonlinear) > 1:
            return False
        return not self.nonlinear or self.operators[-1] is self.nonlinear[0]

    def _demand_chain(self) -> None:
        if not self.in_order:
            raise UnsupportedOperatorError(
                f"{self.label}: is no chain of affine operators and one nonlinear operator; "
                "as_aso reads the spline of a layer with branches off its units"
            )

    def as_maso(self) -> MASO:
        """The layer as one max-affine spline operator over its flattened input.

        Returns
        -------
        MASO
            For affine operators W, b and then a MASO (A_s, B_s):
            A_kr = W^T A_s,kr and B_kr = B_s,kr + <b, A_s,kr>. Layers with branches (residual
            blocks) are read off their units.

        Raises
        ------
        UnsupportedOperatorError
            If an output is not convex, or is no single unit and what is passed to it.
        LimitError
            If A would hold more than 2 million numbers.

        References
        ----------
        Balestriero, Baraniuk, "Mad Max: Affine Spline Insights into Deep Learning", 2018.

        Examples
        --------
        >>> from exactspline import Dense, Network, ReLU
        >>> layer = Network([Dense([[2]], [1]), ReLU(), Dense([[3]])], (1,)).layers[0]
        >>> layer.as_maso().A.tolist(), layer.as_maso().B.tolist()
        ([[[0.0], [2.0]]], [[0.0, 1.0]])
        """
        if not self.in_order:
            return aso_as_maso(self.as_aso(), self.label, self.label)
        W, b = self.affine()
        if self.is_affine:
            return MASO(W[:, None], b[:, None], name=self.label)
        spline = self.nonlinear[0].as_maso(self._before)
        return spline.after(W, b)

    def as_aso(self) -> ASO:
        """The layer as an affine spline operator over its flattened input.

        Raises
        ------
        UnsupportedOperatorError
            If an output is no single unit and what is passed to it.
        """
        return program_as_aso(self.network.program, self.label)

    @property
    def _before(self) -> Shape:
        """The shape that the nonlinear operator of a chain reads."""
        nodes = self.network.nodes
        return nodes[-2].shape if len(nodes) > 1 else self.input_shape


def layers_of(network: OperatorGraph) -> tuple[NetworkLayer, ...]:
    """See `Network.layers`."""
    out: list[NetworkLayer] = []
    pending: list[Node] = []
    source = shape = network.input_shape
    for block in blocks(network.nodes):
        nonlinear = []
        for node in block:
            shapes = [shape if i < 0 else block[i].shape for i in node.inputs]
            if not is_affine(node.operator, shapes):
                nonlinear.append(node.operator)
        offset = len(pending)
        pending += [
            Node(node.operator, tuple(i + offset for i in node.inputs), node.shape)
            for node in block
        ]
        shape = block[-1].shape
        if nonlinear:
            out.append(
                NetworkLayer(_alone(network, pending, source), len(out) + 1, tuple(nonlinear))
            )
            pending, source = [], shape
    if pending:
        out.append(NetworkLayer(_alone(network, pending, source), len(out) + 1, ()))
    return tuple(out)


def _alone(network: OperatorGraph, nodes: Sequence[Node], shape: Shape) -> OperatorGraph:
    """Some of a network's nodes as a network of the same class."""
    return network.from_nodes([(node.operator, node.inputs) for node in nodes], shape)
