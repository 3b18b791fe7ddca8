"""What a PyTorch trace computes with: values inside the network, constants, and the operators.

A value is a node of the network that is being built, of a shape without the batch axis; to
torch it has one more axis of length 1 in front. A constant is an exact array of torch's own
shape. What a torch function does with them is said by its handler, found by the function's
name in ``HANDLERS``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, TypeVar

import numpy as np
import torch

from ...errors import FormatError, ParameterError, ShapeError, UnsupportedOperatorError
from ...network import Elementwise, Flatten, Operator, Reshape, Select
from ...rationals import as_fractions, compact, exact_array

__all__ = ["HANDLERS", "MODULES", "VIEWS", "Const", "Lowering", "Unreadable", "Var", "handler"]

Shape = tuple[int, ...]
_MAX_ENTRIES = 1 << 26  # of one value


@dataclass(frozen=True)
class Var:
    """A value inside the network."""

    node: int  # -1 is the input
    shape: Shape

    @property
    def full(self) -> Shape:
        """The shape that torch sees: the batch axis in front."""
        return (1, *self.shape)


class Const:
    """An exact array of torch's own shape: a parameter, a buffer, or made from those."""

    def __init__(self, array: np.ndarray, tensor: torch.Tensor | None = None) -> None:
        self.array = array
        self._tensor = tensor

    @property
    def full(self) -> Shape:
        """The shape that torch sees."""
        return self.array.shape

    @property
    def tensor(self) -> torch.Tensor:
        """As torch's tensor, for use as an index."""
        if self._tensor is None:
            return torch.as_tensor(self.array.astype(np.float64))
        return self._tensor

    @classmethod
    def of(cls, tensor: torch.Tensor, where: str) -> Const:
        """The exact values of a tensor."""
        if torch.nn.parameter.is_lazy(tensor):
            raise FormatError(f"{where} has no values yet; call the module once, it is lazy")
        if tensor.is_meta:
            raise FormatError(f"{where} has no values (device 'meta'); load its weights before")
        if tensor.is_quantized or tensor.layout != torch.strided or tensor.is_complex():
            raise UnsupportedOperatorError(
                f"{where} is of type {tensor.dtype}, {tensor.layout}; "
                "only plain real tensors are read"
            )
        plain = tensor.detach().cpu()
        if plain.is_floating_point() and plain.dtype not in (torch.float32, torch.float64):
            plain = plain.to(torch.float64)  # loses nothing: all others are narrower
        return cls(exact_array(plain.numpy(), where), tensor)


@dataclass(frozen=True)
class Unreadable:
    """A result that has no exact form; only reading it is an error."""

    reason: str


H = TypeVar("H", bound=Callable[..., Any])
HANDLERS: dict[str, Callable[..., Any]] = {}
MODULES: set[str] = set()  # torch modules whose forward only calls functions with handlers
VIEWS: set[str] = set()  # functions whose result may share its memory with their argument


def handler(*names: str, view: bool = False, modules: Sequence[str] = ()) -> Callable[[H], H]:
    """Register a handler ``f(lowering, ...)`` with the signature of a torch function.

    ``modules`` names torch's own modules that call it, if they are not known yet.
    """

    def register(function: H) -> H:
        for name in names:
            HANDLERS[name] = function
            if view:
                VIEWS.add(name)
        MODULES.update(modules)
        return function

    return register


class Lowering:
    """The network that is being built, and how handlers add to it.

    Attributes
    ----------
    nodes : list of (Operator, tuple of int)
    base : str
        Where the trace is: names of operators begin with it.
    module : str
        The type of the torch module whose ``forward`` is being traced.
    """

    def __init__(self, input_shape: Shape) -> None:
        self.nodes: list[tuple[Operator, tuple[int, ...]]] = []
        self._shapes: list[Shape] = []
        self.input = Var(-1, input_shape)
        self.base = ""
        self.module = ""
        self._names: set[str] = set()

    def emit(self, operator: Operator, *inputs: Any, part: str = "") -> Var:
        """Add an operator; returns its value."""
        for x in inputs:
            if not isinstance(x, Var):
                raise UnsupportedOperatorError(
                    "is applied to a constant; compute it before, and keep it as a buffer"
                )
        shape = operator.output_shape(*[x.shape for x in inputs])
        if not 0 < math.prod(shape) <= _MAX_ENTRIES:
            raise ShapeError(
                f"the result has shape {shape}; values have 1 to {_MAX_ENTRIES:,} entries"
            )
        operator.name = self._unique(f"{self.base}.{part}" if part else self.base)
        self.nodes.append((operator, tuple(x.node for x in inputs)))
        self._shapes.append(shape)
        return Var(len(self.nodes) - 1, shape)

    def _unique(self, name: str) -> str:
        out, k = name, 0
        while out in self._names:
            k += 1
            out = f"{name}_{k}"
        self._names.add(out)
        return out

    def made_by(self, x: Any) -> tuple[Operator, tuple[int, ...]] | None:
        """The operator that gives a value, and what it reads; None for the input."""
        return self.nodes[x.node] if isinstance(x, Var) and x.node >= 0 else None

    def value_of(self, node: int) -> Var:
        """The value of a node that is known by its number."""
        return self.input if node < 0 else Var(node, self._shapes[node])

    def pointwise(self, operator: Operator, x: Any) -> Var | Const:
        """An operator that acts on single entries, of a value or of a constant."""
        x = self.operand(x)
        if isinstance(x, Var):
            return self.emit(operator, x)
        if operator.smooth:
            raise UnsupportedOperatorError(
                f"computes {operator.kind} of a constant, which has no exact value; "
                "compute it before, and keep it as a buffer"
            )
        out = operator.forward(as_fractions(x.array)[None])[0]
        return Const(compact(np.asarray(out, dtype=object)))

    def operand(self, x: Any) -> Var | Const:
        """What stands in an arithmetic expression: a value, a tensor or a number."""
        if isinstance(x, Var | Const):
            return x
        if isinstance(x, torch.Tensor):
            return Const.of(x, "a tensor that the module holds")
        if isinstance(x, bool | int | float | np.number | Fraction):
            return Const(exact_array(x, "a number in the module"))
        raise UnsupportedOperatorError(
            f"has an argument of type {type(x).__name__} where a tensor is needed"
        )

    def constant(self, x: Any, what: str) -> np.ndarray:
        """The exact array of something that must be constant."""
        x = self.operand(x)
        if isinstance(x, Var):
            raise UnsupportedOperatorError(
                f"{what} depends on the network's input; the result is not piecewise affine"
            )
        return x.array

    def beside(self, constant: Const, x: Var) -> np.ndarray:
        """A constant's array without the batch axis, to be broadcast with a value."""
        array = constant.array
        if array.ndim == len(x.full) and array.shape[0] == 1:
            return array.reshape(array.shape[1:])
        if array.ndim >= len(x.full):
            raise ShapeError(
                f"a constant of shape {array.shape} meets a value of shape {_batched(x.shape)} "
                "on the batch axis; constants must not differ from sample to sample"
            )
        return array

    def affine(self, x: Var, scale: Any = 1, shift: Any = 0, part: str = "") -> Var:
        """scale * x + shift, entry by entry."""
        return self.emit(Elementwise(scale, shift), x, part=part)

    def as_var(self, x: Any) -> Var:
        """A value; a constant becomes one, which must not differ along the batch axis."""
        x = self.operand(x)
        if isinstance(x, Var):
            return x
        if x.array.ndim == 0 or x.array.shape[0] != 1:
            raise ShapeError(
                f"a constant of shape {x.array.shape} has no batch axis of length 1 in front"
            )
        one = self.reshape(self.input, (math.prod(self.input.shape),), "const")
        one = self.emit(Select([0]), one, part="const")
        return self.affine(self.reshape(one, (), "const"), 0, x.array[0], part="const")

    def reshape(self, x: Var, shape: Shape, part: str = "") -> Var:
        """The same entries in another shape."""
        if x.shape == shape:
            return x
        operator = Flatten() if len(shape) == 1 else Reshape(shape)
        return self.emit(operator, x, part=part)

    def axis(self, dim: Any, x: Var, extra: int = 0) -> int:
        """An axis of a value from torch's dimension; never the batch axis."""
        rank = len(x.full) + extra
        if isinstance(dim, bool) or not isinstance(dim, int) or not -rank <= dim < rank:
            raise ShapeError(f"dimension {dim!r} does not fit a value of {_batched(x.shape)}")
        if dim % rank == 0:
            raise UnsupportedOperatorError(
                "works along the batch axis (dimension 0); a network acts on every sample alone"
            )
        return dim % rank - 1

    def axes(self, dims: Any, x: Var) -> tuple[int, ...]:
        """Several axes; none at all would mean all of them, with the batch axis."""
        if dims is None or (not isinstance(dims, int) and len(dims) == 0):
            raise UnsupportedOperatorError(
                "reduces over all axes, with the batch axis; name the axes (dim=...)"
            )
        return tuple(self.axis(d, x) for d in ([dims] if isinstance(dims, int) else dims))


def _batched(shape: Sequence[int]) -> str:
    return f"shape (batch{''.join(f', {n}' for n in shape)})"


def numbers(value: Any, n: int, what: str) -> tuple[int, ...]:
    """n integers, from one for all axes or a sequence."""
    values = (value,) if isinstance(value, int) else tuple(value)
    if len(values) == 1:
        values *= n
    if len(values) != n or not all(isinstance(v, int) for v in values):
        raise ParameterError(f"{what} is {value!r}; it needs {n} integers")
    return tuple(int(v) for v in values)
