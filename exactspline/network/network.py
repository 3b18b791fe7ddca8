"""A network: operators wired into an acyclic graph, with every shape known and checked.

Its layers are those of the theory: one nonlinear operator, with the affine operators before it.
A network is cut where a single value leads on: no node behind the cut reads one before it. What
lies between two cuts is one operator in a chain, or a whole block of branches; blocks are put
together until one holds something nonlinear. A last layer may be affine.
"""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from ..compile import Program, UnitName, compile_network
from ..errors import ParameterError, ShapeError, UnsupportedOperatorError
from ..later import in_later_room
from ..mode import checks_itself, guarded
from ..rationals import as_given, to_fraction
from ..texts import plain
from .graph import (
    Branches,
    Node,
    Step,
    blocks,
    checked_shape,
    name_at,
    output_operator,
    output_shape,
    reaching,
    wire,
)
from .maso import MASO, aso_as_maso
from .operator import Operator, Shape, is_affine
from .spline import ASO, affine_of, program_as_aso

__all__ = ["Network", "NetworkLayer"]

_MOST_NODES = 100_000


@guarded
class Network:
    """A piecewise-affine network: the exact real function that its stored parameters define.

    Parameters
    ----------
    operators : sequence of Operator, Branches or Residual
        Applied one after the other. An empty sequence is the identity.
    input_shape : sequence of int
        Without a batch axis; ``(D,)`` for D inputs, channels first for images.

    Attributes
    ----------
    nodes : tuple of Node
        The affine spline f, in the order in which it is evaluated.
    output_nodes : tuple of Node
        The output operator g, if there is one: a softmax, log-softmax or sigmoid after f, and
        what only moves or scales its values. It is no part of the partition.
    output_shape : tuple of int
        Of f.
    inputs : dict of str to slice
        Where the inputs of a model with several stand among the D coordinates, by their names;
        empty for a network with one input.

    Raises
    ------
    ShapeError
        If two operators do not fit; the message names the operator and both shapes.

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Dense([[1], [1]], [0, -1]), es.ReLU()], input_shape=(1,))
    >>> net.forward([3.0])
    array([3., 2.])
    """

    def __init__(
        self, operators: Sequence[Step], input_shape: Sequence[int], *, sha256: str = ""
    ) -> None:
        if isinstance(operators, Operator | Branches):
            raise ShapeError("give the operators as a sequence of operators, [...]")
        self._build(wire(operators), input_shape, sha256)

    @classmethod
    def from_nodes(
        cls,
        nodes: Sequence[tuple[Operator, Sequence[int]]],
        input_shape: Sequence[int],
        *,
        output: int | None = None,
        sha256: str = "",
        inputs: Mapping[str, slice] | None = None,
    ) -> Network:
        """A network from a graph of operators.

        Parameters
        ----------
        nodes : sequence of (Operator, sequence of int)
            Each operator with the positions of the nodes it reads, which stand before it; -1
            is the network's input.
        input_shape : sequence of int
        output : int, optional
            Which node's value the network gives; the last one by default. Nodes that do not
            lead to it are left out.
        inputs : mapping of str to slice, optional
            See the attribute.

        Raises
        ------
        ShapeError
            If a node reads one that does not stand before it, or shapes do not fit.

        Examples
        --------
        >>> from exactspline import Abs, Add
        >>> Network.from_nodes([(Abs(), [-1]), (Add(), [0, -1])], (1,)).forward([-2.0])
        array([0.])
        """
        net = cls.__new__(cls)
        net._build(reaching(nodes, output), input_shape, sha256)
        net.inputs = dict(inputs or {})
        return net

    def _build(
        self,
        wired: Sequence[tuple[Operator, tuple[int, ...]]],
        input_shape: Sequence[int],
        sha256: str,
    ) -> None:
        self.input_shape: Shape = checked_shape(input_shape)
        if len(wired) > _MOST_NODES:
            raise ShapeError(f"{len(wired):,} operators; networks have at most {_MOST_NODES:,}")
        nodes: list[Node] = []
        for position, (operator, inputs) in enumerate(wired):
            if not isinstance(operator, Operator):
                raise ShapeError(
                    f"operator {position} is a {type(operator).__name__}, "
                    "not one of exactspline's operators"
                )
            shapes = [self.input_shape if i < 0 else nodes[i].shape for i in inputs]
            nodes.append(Node(operator, inputs, output_shape(operator, position, shapes)))
        cut = output_operator(nodes)
        self.nodes: tuple[Node, ...] = tuple(nodes[:cut])
        self.output_nodes: tuple[Node, ...] = tuple(nodes[cut:])
        self.output_shape: Shape = nodes[cut - 1].shape if cut else self.input_shape
        self.inputs: dict[str, slice] = {}
        self._file_sha256 = sha256

    @property
    def operators(self) -> tuple[Operator, ...]:
        """The operators of the affine spline f in the order in which they are evaluated.

        Examples
        --------
        >>> from exactspline import Dense, Network, ReLU
        >>> [op.kind for op in Network([Dense([[1]]), ReLU()], (1,)).operators]
        ['Dense', 'ReLU']
        """
        return tuple(node.operator for node in self.nodes)

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """One distinct name an operator, those of the output operator last.

        Its own name or kind; operators that share one are told apart by their position.

        Examples
        --------
        >>> from exactspline import Dense, Network, ReLU
        >>> Network([Dense([[1]]), ReLU(), Dense([[2]], name="last")], (1,)).labels
        ('Dense', 'ReLU', 'last')
        >>> Network([ReLU(), ReLU()], (1,)).labels
        ('ReLU.0', 'ReLU.1')
        """
        labels = [node.operator.label for node in (*self.nodes, *self.output_nodes)]
        times = Counter(labels)
        return tuple(
            label if times[label] == 1 else f"{label}.{i}" for i, label in enumerate(labels)
        )

    @property
    def output_operator(self) -> str:
        """What stands behind f, as people write it: "Softmax"; empty if nothing does.

        Examples
        --------
        >>> from exactspline import Dense, Network, Softmax
        >>> Network([Dense([[1], [2]]), Softmax()], (1,)).output_operator
        'Softmax'
        """
        return ", ".join(node.operator.describe() for node in self.output_nodes)

    @property
    def rounded_scales(self) -> int:
        """How many scales of batch normalisation were rounded to float64, by definition.

        Examples
        --------
        >>> from exactspline import BatchNorm, Network
        >>> Network([BatchNorm([0, 0], [1, 3], epsilon=1)], (2,)).rounded_scales  # 1 / sqrt(2)
        1
        """
        return sum(op.rounded for op in self.operators)

    @property
    @checks_itself  # integers, asked for on every call
    def input_dim(self) -> int:
        """D, the number of input coordinates.

        Examples
        --------
        >>> from exactspline import Network, ReLU
        >>> Network([ReLU()], (3, 8, 8)).input_dim
        192
        """
        return math.prod(self.input_shape)

    @property
    @checks_itself
    def output_dim(self) -> int:
        """C, the number of output coordinates.

        Examples
        --------
        >>> from exactspline import Dense, Network
        >>> Network([Dense([[1, 2], [3, 4], [5, 6]])], (2,)).output_dim
        3
        """
        return math.prod(self.output_shape)

    @property
    def parameters(self) -> int:
        """How many stored numbers the network has.

        Examples
        --------
        >>> from exactspline import Dense, Network, ReLU
        >>> Network([Dense([[1, 2]], [3]), ReLU(), Dense([[1]])], (2,)).parameters
        5
        """
        return sum(op.parameters for op in self.operators)

    @cached_property
    def program(self) -> Program:
        """The compiled program; made at the first use and kept.

        Examples
        --------
        >>> from exactspline import Dense, Network, ReLU
        >>> program = Network([Dense([[1], [2]]), ReLU()], (1,)).program
        >>> len(program.layers), program.pieces.tolist()
        (1, [2, 2])
        """
        return compile_network(self)

    @property
    def units(self) -> int:
        """How many units (scalar outputs of nonlinear operators) the network has.

        Examples
        --------
        >>> from exactspline import Dense, Network, ReLU
        >>> Network([Dense([[1], [2]]), ReLU()], (1,)).units
        2
        """
        return self.program.n_units

    @cached_property
    def layers(self) -> tuple[NetworkLayer, ...]:
        """The layers of the theory: one nonlinear operator with the affine ones before it.

        Returns
        -------
        tuple of NetworkLayer
            Each says itself as a spline: ``layer.as_maso()``, ``layer.as_aso()``. A residual
            block is one layer; affine operators at the end are a last, affine layer.

        Notes
        -----
        Not the layers of the program, whose units are sorted by depth. Every operator is
        compiled once to see whether it has units.

        Examples
        --------
        >>> from exactspline import Dense, Network, ReLU
        >>> Network([Dense([[1], [2]]), ReLU(), Dense([[1, 1]])], (1,)).layers
        (<layer 1 (Dense, ReLU): (1,) -> (2,)>, <layer 2 (Dense): (2,) -> (1,)>)
        """
        return layers_of(self)

    @cached_property
    def sha256(self) -> str:
        """Hash of the file it was loaded from, or of the program of a network made in Python.

        Examples
        --------
        >>> from exactspline import Network, ReLU
        >>> one, two = Network([ReLU()], (2,)), Network([ReLU()], (2,))
        >>> one.sha256 == two.sha256, len(one.sha256)
        (True, 64)
        """
        return self._file_sha256 or self.program.sha256()

    def unit_name(self, unit: int) -> UnitName:
        """The name of a unit: its operator and its index there (channel, i, j in an image).

        Parameters
        ----------
        unit : int
            Its position in a code.

        Examples
        --------
        >>> from exactspline import Network, ReLU
        >>> str(Network([ReLU(name="first")], (2, 3)).unit_name(4))
        'first[1, 1]'
        """
        return self.program.unit_name(unit)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the network as JSON; nothing is rounded.

        Parameters
        ----------
        path : path-like
            Ends in ``.json``; overwritten if it exists.

        Raises
        ------
        FormatError
            For another extension, and if the file cannot be written.

        See Also
        --------
        to_onnx

        Examples
        --------
        >>> import os, tempfile
        >>> from exactspline import Dense, Network, load
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = os.path.join(folder, "net.json")
        ...     Network([Dense([["1/3"]])], (1,)).save(path)
        ...     load(path).forward([1], exact=True).tolist()
        [Fraction(1, 3)]
        """
        in_later_room("Network.save", self, path)

    def to_onnx(self, path: str | os.PathLike[str], *, rounded: bool = False) -> None:
        """Write the network as an ONNX model.

        Parameters
        ----------
        path : path-like
            Overwritten if it exists.
        rounded : bool
            Allow parameters that float64 cannot hold to be rounded.

        Raises
        ------
        ParameterError
            If a parameter would be rounded and that is not allowed.
        FormatError
            If the file cannot be written.

        Examples
        --------
        >>> import os, tempfile
        >>> from exactspline import Dense, Network, ReLU, load
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = os.path.join(folder, "net.onnx")
        ...     Network([Dense([[1.5]]), ReLU()], (1,)).to_onnx(path)
        ...     load(path)
        <Network (1,) -> (1,), 2 operators>
        """
        in_later_room("Network.to_onnx", self, path, rounded=rounded)

    def forward(
        self, x: Any, *, exact: bool | None = None, output_operator: bool = False
    ) -> np.ndarray:
        """Evaluate the network.

        Parameters
        ----------
        x : array_like
            One input of shape ``input_shape`` (or flat, of D entries), or a batch of those.
        exact : bool, optional
            True computes in Fractions. By default that is done when ``x`` holds Fractions.
        output_operator : bool
            Apply the output operator g too (float64 only); else the value of f.

        Returns
        -------
        numpy.ndarray
            float64, or object array of Fractions; batched as the input was.

        Raises
        ------
        ShapeError
            If the shape of ``x`` does not fit.
        ParameterError
            If ``x`` holds NaN or infinities, or a value on the way is beyond the range of
            float64.

        Notes
        -----
        In float64 the result is rounded; in Fractions it is the exact value.

        Examples
        --------
        >>> from exactspline import Dense, Network, ReLU
        >>> net = Network([Dense([["1/3"], [-1]]), ReLU()], (1,))
        >>> net.forward([3.0]).tolist(), net.forward([[3.0], [-3.0]]).tolist()
        ([1.0, 0.0], [[1.0, 0.0], [0.0, 3.0]])
        >>> net.forward([1], exact=True).tolist()
        [Fraction(1, 3), Fraction(0, 1)]
        """
        try:
            values = as_given(x) if exact else np.asarray(x)
        except ValueError as error:
            raise ParameterError(f"input: the values do not form an array ({error})") from None
        if values.dtype.kind == "c":
            raise ParameterError("input: complex numbers are not supported")
        if exact is None:
            exact = values.dtype == object
        if exact:
            flat = [to_fraction(v, "input") for v in values.reshape(-1)]
            converted = np.empty(len(flat), dtype=object)
            converted[:] = flat
            values = converted.reshape(values.shape)
        else:
            try:
                values = values.astype(np.float64)
            except (TypeError, ValueError):
                raise ParameterError("input: the values are not numbers") from None
            except OverflowError:
                raise ParameterError(
                    "input: a number is beyond the range of float64; evaluate with exact=True"
                ) from None
            if not np.all(np.isfinite(values)):
                raise ParameterError("input: holds NaN or infinity; give finite numbers")
        batch, single = self._batched(values)
        results: list[np.ndarray] = []
        nodes = (*self.nodes, *self.output_nodes) if output_operator else self.nodes
        last_use = {i: at for at, node in enumerate(nodes) for i in node.inputs}
        free = np.empty(0)
        for at, node in enumerate(nodes):
            inputs = [batch if i < 0 else results[i] for i in node.inputs]
            with np.errstate(all="ignore"):  # of what overflows we speak below
                value = node.operator.forward(*inputs)
            if not exact and not np.all(np.isfinite(value)):
                raise ParameterError(
                    f"{name_at(node.operator, at)}: a value is beyond the range of float64; "
                    "evaluate with exact=True"
                )
            results.append(value)
            for i in node.inputs:
                if i >= 0 and last_use[i] == at:
                    results[i] = free
        out = results[-1] if results else batch
        return np.asarray(out[0, ...]) if single else out

    def _batched(self, values: np.ndarray) -> tuple[np.ndarray, bool]:
        """The input with a batch axis in front, and whether that axis was added."""
        dim = self.input_dim
        if values.shape == self.input_shape or values.shape == (dim,):
            return values.reshape(1, *self.input_shape), True
        if values.ndim >= 1 and values.shape[1:] in (self.input_shape, (dim,)):
            return values.reshape(values.shape[0], *self.input_shape), False
        raise ShapeError(
            f"input: shape {values.shape} does not fit the network's input shape "
            f"{self.input_shape}; give that shape, or a batch of it"
        )

    def __repr__(self) -> str:
        return f"<Network {self.input_shape} -> {self.output_shape}, {len(self.nodes)} operators>"


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

    def __init__(self, network: Network, index: int, nonlinear: tuple[Operator, ...]) -> None:
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
        return affine_of(_alone(nodes, self.input_shape).program, self.label)

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


def layers_of(network: Network) -> tuple[NetworkLayer, ...]:
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
            out.append(NetworkLayer(_alone(pending, source), len(out) + 1, tuple(nonlinear)))
            pending, source = [], shape
    if pending:
        out.append(NetworkLayer(_alone(pending, source), len(out) + 1, ()))
    return tuple(out)


def _alone(nodes: Sequence[Node], shape: Shape) -> Network:
    return Network.from_nodes([(node.operator, node.inputs) for node in nodes], shape)
