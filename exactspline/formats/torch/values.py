"""What a PyTorch program is read into: values inside the network, constants, and the operators.

A value is a node of the network that is being built. Its shape has no batch axis; to torch it has
one more axis of length 1 in front, unless the program works on a single sample, or has moved that
axis elsewhere: then it is an axis like others, of length 1. A constant is an
exact array of torch's own shape. What an ATen function does with them is said by its handler,
found by the function's name in ``HANDLERS``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, NamedTuple, TypeVar

import numpy as np
import torch

from ...errors import FormatError, ParameterError, ShapeError, UnsupportedOperatorError
from ...network import Elementwise, Flatten, Operator, Reshape, Select
from ...rationals import as_fractions, compact, exact_array
from ..gates import Gate
from ..numbering import ValueNumbers

__all__ = [
    "HANDLERS",
    "Const",
    "Gated",
    "Handler",
    "Lowering",
    "Unreadable",
    "Var",
    "handler",
    "refused",
]

Shape = tuple[int, ...]
MAX_ENTRIES = 1 << 26  # of one value


@dataclass(frozen=True)
class Var:
    """A value inside the network."""

    node: int  # -1 is the input
    shape: Shape
    lead: int = 1  # how many more axes torch sees in front: 1 for the batch

    @property
    def full(self) -> Shape:
        """The shape that torch sees."""
        return (1,) * self.lead + self.shape


class Const:
    """An exact array of torch's own shape: a parameter, a buffer, or made from those."""

    def __init__(
        self,
        array: np.ndarray | None,
        tensor: torch.Tensor | None = None,
        dtype: torch.dtype = torch.float64,
        where: str = "a constant",
    ) -> None:
        self._array = array
        self._tensor = tensor
        self._dtype = dtype if tensor is None else tensor.dtype
        self._where = where

    @property
    def array(self) -> np.ndarray:
        """The exact numbers."""
        if self._array is None:
            assert self._tensor is not None
            self._array = _exact(self._tensor, self._where)
        return self._array

    @property
    def tensor(self) -> torch.Tensor:
        """As torch's tensor; exact results of arithmetic are rounded to torch's type."""
        if self._tensor is None:
            assert self._array is not None
            self._tensor = torch.as_tensor(self._array.astype(np.float64)).to(self._dtype)
        return self._tensor

    @property
    def is_float(self) -> bool:
        """Whether torch counts it among the real numbers, not the integers or masks."""
        return self._dtype.is_floating_point

    @property
    def shape(self) -> Shape:
        """The shape that torch sees: no axis of a constant is the batch axis."""
        known: Any = self._tensor if self._array is None else self._array
        return tuple(known.shape)

    full = shape
    lead = 0  # no axis is the batch axis


def _exact(tensor: torch.Tensor, where: str) -> np.ndarray:
    """The exact values of a tensor."""
    if torch.nn.parameter.is_lazy(tensor):
        raise FormatError(f"{where} has no values yet; call the module once, it is lazy")
    if tensor.is_meta:
        raise FormatError(f"{where} has no values (device 'meta'); load its weights before")
    if tensor.is_quantized or tensor.layout != torch.strided or tensor.is_complex():
        raise UnsupportedOperatorError(
            f"{where} is of type {tensor.dtype}, {tensor.layout}; only plain real tensors are read"
        )
    plain = tensor.detach().cpu()
    if plain.is_floating_point() and plain.dtype not in (torch.float32, torch.float64):
        plain = plain.to(torch.float64)  # loses nothing: all others are narrower
    return exact_array(plain.resolve_neg().numpy(), where)


@dataclass(frozen=True)
class Unreadable:
    """A result that has no exact form; only reading it is an error."""

    reason: str


@dataclass(frozen=True)
class Gated:
    """A function of one value that may jump: the result of a comparison, and what is made of it.

    It becomes a value where one is needed, if it is continuous.
    """

    root: Var
    gate: Gate


class Handler(NamedTuple):
    """How functions are read: ``run(lowering, ...)`` has the signature of the ATen function."""

    run: Callable[..., Any]
    exact: bool  # of constants too, in rationals: torch would round
    refusal: str = ""  # why it is never read


H = TypeVar("H", bound=Callable[..., Any])
HANDLERS: dict[str, Handler] = {}


def handler(*names: str, exact: bool = False) -> Callable[[H], H]:
    """Register a function ``f(lowering, ...)`` as the reader of ATen functions.

    Parameters
    ----------
    *names : str
        As in ``torch.ops.aten``, without the overload: ``"softshrink"``.
    exact : bool
        Whether it computes with constants as well, exactly. Otherwise torch does.
    """

    def register(function: H) -> H:
        for name in names:
            HANDLERS[name] = Handler(function, exact)
        return function

    return register


def refused(reason: str, *names: str) -> None:
    """Register ATen functions that are never read, with the reason for the message."""

    def refuse(t: Lowering, *args: Any, **kwargs: Any) -> Any:
        raise UnsupportedOperatorError(reason)

    for name in names:
        HANDLERS[name] = Handler(refuse, False, reason)


class Lowering:
    """The network that is being built, and how handlers add to it.

    Attributes
    ----------
    nodes : list of (Operator, tuple of int)
    base : str
        Where the program is: names of operators begin with it.
    module : str
        The type of the torch module whose ``forward`` is being read.
    """

    def __init__(self, input_shape: Shape, lead: int = 1) -> None:
        self.nodes: list[tuple[Operator, tuple[int, ...]]] = []
        self.shapes: list[Shape] = []  # of their values
        self.numbers = ValueNumbers(self.nodes)
        self.lead = lead
        self.input = Var(-1, input_shape, lead)
        self.base = ""
        self.module = ""
        self.gathered: dict[Any, int] = {}  # nodes that move entries, by what they read
        self._written: dict[int, tuple[Gated, Var]] = {}
        self._names: set[str] = set()

    def emit(self, operator: Operator, *inputs: Any, part: str = "") -> Any:
        """Add an operator and return its value; of constants alone its exact result."""
        if all(isinstance(x, Const) for x in inputs):
            return self._computed(operator, inputs)
        leads = {x.lead for x in inputs if isinstance(x, Var)}
        lead = min(leads)  # where one has the batch axis elsewhere, all have it among the others
        read = [self.with_lead(self.as_var(x, lead), lead) for x in inputs]
        shape = operator.output_shape(*[x.shape for x in read])
        if not 0 < math.prod(shape) <= MAX_ENTRIES:
            raise ShapeError(
                f"the result has shape {shape}; values have 1 to {MAX_ENTRIES:,} entries"
            )
        operator.name = self._unique(f"{self.base}.{part}" if part else self.base)
        self.nodes.append((operator, tuple(x.node for x in read)))
        self.shapes.append(shape)
        return Var(len(self.nodes) - 1, shape, lead)

    def _computed(self, operator: Operator, inputs: Sequence[Const]) -> Const:
        if operator.smooth:
            raise UnsupportedOperatorError(f"computes {operator.kind} of a constant")
        out = operator.forward(*[as_fractions(x.array)[None] for x in inputs])[0]
        return Const(compact(np.asarray(out, dtype=object)))

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

    def value_of(self, node: int, lead: int) -> Var:
        """The value of a node that is known by its number."""
        return Var(node, self.shape_of(node), lead)

    def shape_of(self, node: int) -> Shape:
        """The shape of a node's value, or of the input (-1)."""
        return self.input.shape if node < 0 else self.shapes[node]

    def with_lead(self, x: Var, lead: int) -> Var:
        """The same value with its batch axis in front, or as an axis like others."""
        if x.lead == lead:
            return x
        shape = x.shape[1:] if lead else (1, *x.shape)
        return replace(self.reshape(x, shape, "batch"), lead=lead)

    def operand(self, x: Any, what: str = "what it reads") -> Var | Const:
        """What stands in an arithmetic expression: a value, a constant or a number."""
        if isinstance(x, Var | Const):
            return x
        if isinstance(x, Unreadable):
            raise UnsupportedOperatorError(x.reason)
        if isinstance(x, Gated):
            if id(x) not in self._written:  # once, however often it is read
                self._written[id(x)] = x, x.gate.written(self.emit, x.root, what)
            return self._written[id(x)][1]
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

    def beside(self, constant: Const, x: Any) -> tuple[Any, np.ndarray]:
        """A value, and a constant's array without the batch axis, to be broadcast together."""
        array = constant.array
        if x.lead and array.ndim > len(x.full):  # the batch axis does not stay in front
            x = self.with_lead(x, 0)
        if not x.lead or array.ndim < len(x.full):
            return x, array
        if array.shape[0] == 1:
            return x, array.reshape(array.shape[1:])
        raise ShapeError(
            f"a constant of shape {array.shape} meets a value of shape {_batched(x)} "
            "on the batch axis; constants must not differ from sample to sample"
        )

    def affine(self, x: Any, scale: Any = 1, shift: Any = 0, part: str = "") -> Any:
        """scale * x + shift, entry by entry."""
        return self.emit(Elementwise(scale, shift), x, part=part)

    def as_var(self, x: Any, lead: int) -> Var:
        """A value; a constant becomes one, which must not differ along the batch axis."""
        x = self.operand(x)
        if isinstance(x, Var):
            return x
        if lead and (len(x.shape) == 0 or x.shape[0] != 1):
            raise ShapeError(
                f"a constant of shape {x.shape} has no batch axis of length 1 in front"
            )
        one = self.reshape(self.input, (math.prod(self.input.shape),), "const")
        one = self.emit(Select([0]), one, part="const")
        values = x.array[0] if lead else x.array
        made = self.affine(self.reshape(one, (), "const"), 0, values, part="const")
        return replace(made, lead=lead)

    def reshape(self, x: Any, shape: Shape, part: str = "") -> Any:
        """The same entries in another shape."""
        if x.shape == shape:
            return x
        operator = Flatten() if len(shape) == 1 else Reshape(shape)
        return self.emit(operator, x, part=part)

    def axis(self, dim: Any, x: Var | Const, extra: int = 0) -> int:
        """An axis of a value from torch's dimension; never the batch axis."""
        rank = len(x.full) + extra
        if isinstance(dim, bool) or not isinstance(dim, int) or not -rank <= dim < rank:
            raise ShapeError(f"dimension {dim!r} does not fit a value of shape {_batched(x)}")
        if x.lead and dim % rank == 0:
            raise UnsupportedOperatorError(
                "works along the batch axis (dimension 0); a network acts on every sample alone"
            )
        return dim % rank - x.lead

    def axes(self, dims: Any, x: Var | Const) -> tuple[int, ...]:
        """Several axes; none at all mean all of them."""
        if dims is None or (not isinstance(dims, int) and len(dims) == 0):
            if x.lead:
                raise UnsupportedOperatorError(
                    "reduces over all axes, with the batch axis; name the axes (dim=...)"
                )
            return tuple(range(len(x.shape)))
        return tuple(self.axis(d, x) for d in ([dims] if isinstance(dims, int) else dims))


def _batched(x: Var | Const) -> str:
    axes = [*["batch"] * x.lead, *map(str, x.shape)]
    return f"({', '.join(axes)}{',' if len(axes) == 1 else ''})"


def numbers(value: Any, n: int, what: str) -> tuple[int, ...]:
    """n integers, from one for all axes or a sequence."""
    values = (value,) if isinstance(value, int) else tuple(value)
    if len(values) == 1:
        values *= n
    if len(values) != n or not all(isinstance(v, int) for v in values):
        raise ParameterError(f"{what} is {value!r}; it needs {n} integers")
    return tuple(int(v) for v in values)
