"""A network: operators wired into an acyclic graph, with every shape known and checked."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import ParameterError, ShapeError
from ..rationals import to_fraction
from .operators import Operator, Shape

if TYPE_CHECKING:
    from ..compile.program import Program

__all__ = ["Network", "Node"]


@dataclass(frozen=True)
class Node:
    """One operator and where its inputs come from (-1 is the network's input)."""

    operator: Operator
    inputs: tuple[int, ...]
    shape: Shape


class Network:
    """A piecewise-affine network: the exact real function that its stored parameters define.

    Parameters
    ----------
    operators : sequence of Operator
        Applied one after the other. An empty sequence is the identity.
    input_shape : sequence of int
        Without a batch axis; ``(D,)`` for D inputs.

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
        self, operators: Sequence[Operator], input_shape: Sequence[int], *, sha256: str = ""
    ) -> None:
        self.input_shape: Shape = _checked_shape(input_shape)
        nodes: list[Node] = []
        shape = self.input_shape
        for position, operator in enumerate(operators):
            if not isinstance(operator, Operator):
                raise ShapeError(
                    f"operator {position} is a {type(operator).__name__}, "
                    "not one of exactspline's operators"
                )
            shape = _output_shape(operator, position, shape)
            nodes.append(Node(operator, (position - 1,), shape))
        self.nodes: tuple[Node, ...] = tuple(nodes)
        self.output_shape: Shape = shape
        self._file_sha256 = sha256

    @property
    def operators(self) -> tuple[Operator, ...]:
        """The operators in the order in which they are evaluated."""
        return tuple(node.operator for node in self.nodes)

    @property
    def input_dim(self) -> int:
        """D, the number of input coordinates."""
        return math.prod(self.input_shape)

    @property
    def output_dim(self) -> int:
        """C, the number of output coordinates."""
        return math.prod(self.output_shape)

    @property
    def parameters(self) -> int:
        """How many stored numbers the network has."""
        return sum(op.parameters for op in self.operators)

    @cached_property
    def program(self) -> Program:
        """The compiled program; made at the first use and kept."""
        from ..compile import compile_network

        return compile_network(self)

    @property
    def units(self) -> int:
        """How many units (scalar outputs of nonlinear operators) the network has."""
        return self.program.n_units

    @cached_property
    def sha256(self) -> str:
        """Hash of the file it was loaded from, or of the program of a network made in Python."""
        return self._file_sha256 or self.program.sha256()

    def forward(self, x: Any, *, exact: bool | None = None) -> np.ndarray:
        """Evaluate the network.

        Parameters
        ----------
        x : array_like
            One input of shape ``input_shape`` (or flat, of D entries), or a batch of those.
        exact : bool, optional
            True computes in Fractions. By default that is done when ``x`` holds Fractions.

        Returns
        -------
        numpy.ndarray
            float64, or object array of Fractions; batched as the input was.

        Raises
        ------
        ShapeError
            If the shape of ``x`` does not fit.
        ParameterError
            If ``x`` holds NaN or infinities.

        Notes
        -----
        In float64 the result is rounded; in Fractions it is the exact value.
        """
        values = np.asarray(x)
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
            if not np.all(np.isfinite(values)):
                raise ParameterError("input: holds NaN or infinity; give finite numbers")
        batch, single = self._batched(values)
        results: list[np.ndarray] = []
        for node in self.nodes:
            results.append(
                node.operator.forward(*(batch if i < 0 else results[i] for i in node.inputs))
            )
        out = results[-1] if results else batch
        return out[0] if single else out

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
        out = tuple(int(n) for n in shape)
    except (TypeError, ValueError):
        raise ShapeError(f"input_shape {shape!r} is not a sequence of integers") from None
    if any(n < 1 for n in out):
        raise ShapeError(f"input_shape {out} needs positive sizes")
    return out


def _output_shape(operator: Operator, position: int, shape: Shape) -> Shape:
    try:
        return operator.output_shape(shape)
    except ShapeError as error:
        name = f" {operator.name!r}" if operator.name else ""
        raise ShapeError(f"operator {position}{name} ({operator.kind}): {error}") from None
