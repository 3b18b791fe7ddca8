"""A network: operators wired into an acyclic graph, with every shape known and checked."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import ParameterError, ShapeError
from ..mode import checks_itself, guarded
from ..rationals import as_given, to_fraction
from .affine import Add
from .operator import Operator, Shape, any_integers

if TYPE_CHECKING:
    import os

    from ..compile.program import Program, UnitName
    from .layers import NetworkLayer

__all__ = ["Branches", "Network", "Node", "Residual"]

_MOST_NODES = 100_000


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
        self._build(_wire(operators), input_shape, sha256)

    @classmethod
    def from_nodes(
        cls,
        nodes: Sequence[tuple[Operator, Sequence[int]]],
        input_shape: Sequence[int],
        *,
        output: int | None = None,
        sha256: str = "",
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
        net._build(_reaching(nodes, output), input_shape, sha256)
        return net

    def _build(
        self,
        wired: Sequence[tuple[Operator, tuple[int, ...]]],
        input_shape: Sequence[int],
        sha256: str,
    ) -> None:
        self.input_shape: Shape = _checked_shape(input_shape)
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
            nodes.append(Node(operator, inputs, _output_shape(operator, position, shapes)))
        cut = _output_operator(nodes)
        self.nodes: tuple[Node, ...] = tuple(nodes[:cut])
        self.output_nodes: tuple[Node, ...] = tuple(nodes[cut:])
        self.output_shape: Shape = nodes[cut - 1].shape if cut else self.input_shape
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
        from ..compile import compile_network

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
        from .layers import layers_of

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
        from ..formats import save_network

        save_network(self, path)

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
        from ..formats import save_onnx

        save_onnx(self, path, rounded=rounded)

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
                    f"{_where(node.operator, at)}: a value is beyond the range of float64; "
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
        return (
            f"<Network {self.input_shape} -> {self.output_shape}, {len(self.nodes)} operators>"
        )


def _checked_shape(shape: Sequence[int]) -> Shape:
    try:
        out = any_integers(shape, "input_shape")
    except ParameterError:
        raise ShapeError(f"input_shape {shape!r} is not a sequence of integers") from None
    if any(n < 1 for n in out):
        raise ShapeError(f"input_shape {out} needs positive sizes")
    return out


def _where(operator: Operator, position: int) -> str:
    name = f" {operator.name!r}" if operator.name else ""
    return f"operator {position}{name} ({operator.kind})"


def _output_shape(operator: Operator, position: int, shapes: list[Shape]) -> Shape:
    where = _where(operator, position)
    if operator.arity not in (None, len(shapes)) or not shapes:
        takes = operator.arity or "one or more"
        raise ShapeError(f"{where}: reads {len(shapes)} values; it takes {takes}")
    try:
        return operator.output_shape(*shapes)
    except ShapeError as error:
        raise ShapeError(f"{where}: {error}") from None


def _wire(steps: Sequence[Step]) -> list[tuple[Operator, tuple[int, ...]]]:
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


def _reaching(
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


def _output_operator(nodes: list[Node]) -> int:
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
