"""Operators wired into an acyclic graph, with every shape known and checked: it has values."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, Self

import numpy as np

from ..compile import Program, UnitName, compile_network
from ..errors import ParameterError, ShapeError
from ..later import in_later_room
from ..mode import checks_itself, guarded
from ..rationals import as_given, to_fraction
from .graph import (
    Branches,
    Node,
    Step,
    checked_shape,
    name_at,
    output_operator,
    output_shape,
    reaching,
    wire,
)
from .operator import Operator, Shape

__all__ = ["OperatorGraph"]

_MOST_NODES = 100_000


@guarded
class OperatorGraph:
    """What a network is as a function: its operators, shapes, values and program.

    `exactspline.Network` adds its layers, its hash and its files.
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
    ) -> Self:
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
        >>> from exactspline import Abs, Add, Network
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

    def __call__(self, x: Any) -> Any:
        """The value at a symbolic point of a statement, or of numbers as `forward` gives it.

        Examples
        --------
        >>> import exactspline as es
        >>> net = es.Network([es.Dense([[1, -1]]), es.ReLU()], (2,))
        >>> net([3, 1]).tolist()
        [2.0]
        >>> es.prove(es.forall(es.Box(0, 1, dim=2), lambda x: net(x)[0] <= 1)).holds
        True
        """
        applied = getattr(x, "_applied", None)
        return self.forward(x) if applied is None else applied(self)

    def slope(self, x: Any) -> Any:
        """The slopes of all outputs in all inputs at a symbolic point of a statement.

        Constant inside regions: a condition on them is decided there, and points between regions
        are left out.

        Parameters
        ----------
        x : symbolic point, or array_like
            Of numbers, as `exactspline.affine_maps` gives the matrix.

        Returns
        -------
        symbolic value of shape (outputs, inputs), or array

        Examples
        --------
        >>> import exactspline as es
        >>> net = es.Network([es.Dense([[1, -1]]), es.ReLU()], (2,))
        >>> box = es.Box(0, 1, dim=2)
        >>> es.prove(es.forall(box, lambda x: net.slope(x)[0, 0] >= 0)).holds
        True
        """
        given = getattr(x, "_slope", None)
        return in_later_room("OperatorGraph.slope", self, x) if given is None else given(self)

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
