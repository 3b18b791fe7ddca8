"""The operators: each checks its shapes, evaluates itself, and lowers itself to the program.

Shapes never hold a batch axis. ``forward`` takes arrays with one leading batch axis, either
float64 or object arrays of Fractions, and computes in that arithmetic.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import ShapeError
from ..rationals import as_float, as_fractions, exact_array, to_fraction

if TYPE_CHECKING:  # the compiler's types; no import at run time keeps the rooms in order
    from ..compile.builder import Builder, Tensor

Shape = tuple[int, ...]

__all__ = [
    "Abs",
    "Dense",
    "Elementwise",
    "Flatten",
    "Identity",
    "LeakyReLU",
    "Operator",
    "PReLU",
    "ReLU",
    "Reshape",
]


def _numeric(parameter: np.ndarray, like: np.ndarray) -> np.ndarray:
    """A parameter in the arithmetic of ``like``: Fractions for object arrays, else float64."""
    return as_fractions(parameter) if like.dtype == object else as_float(parameter)[0]


class Operator(ABC):
    """One operator of a network.

    Attributes
    ----------
    name : str
        The name used in messages and unit names; given by the owner or by the file.
    """

    name: str = ""

    @property
    def kind(self) -> str:
        """The operator's type, as people write it."""
        return type(self).__name__

    @property
    def parameters(self) -> int:
        """How many stored numbers the operator has."""
        return 0

    def describe(self) -> str:
        """One short phrase for ``exactspline info``."""
        return self.kind

    @abstractmethod
    def output_shape(self, shape: Shape) -> Shape:
        """Shape of the output; raises ``ShapeError`` if the input shape does not fit."""

    @abstractmethod
    def forward(self, x: np.ndarray) -> np.ndarray:
        """Evaluate on a batch (leading axis), in float64 or in Fractions as ``x`` is."""

    @abstractmethod
    def lower(self, builder: Builder, x: Tensor) -> Tensor:
        """Write this operator into the program."""

    def __repr__(self) -> str:
        return f"<{self.describe()}>"


class Dense(Operator):
    """The affine operator W x + b along one axis.

    Parameters
    ----------
    weight : array_like, shape (n_out, n_in)
        Kept as exact rationals; float32, float64, integers and Fractions lose nothing.
    bias : array_like, shape (n_out,), optional
    axis : int
        The axis it acts on; the last one by default, as torch's ``Linear``.

    Raises
    ------
    ShapeError
        If weight is no matrix or bias does not fit it.
    ParameterError
        For NaN or infinite entries.

    Examples
    --------
    >>> Dense([[1, 2], [3, 4]], [0, 1]).output_shape((2,))
    (2,)
    """

    def __init__(self, weight: Any, bias: Any = None, *, axis: int = -1, name: str = "") -> None:
        self.name = name
        self.weight = exact_array(weight, f"weight of {name or 'Dense'}")
        if self.weight.ndim != 2:
            raise ShapeError(
                f"{name or 'Dense'}: the weight has shape {self.weight.shape}; "
                "give a matrix of shape (n_out, n_in)"
            )
        n_out = self.weight.shape[0]
        self.bias = (
            np.zeros(n_out) if bias is None else exact_array(bias, f"bias of {name or 'Dense'}")
        )
        if self.bias.shape != (n_out,):
            raise ShapeError(
                f"{name or 'Dense'}: the bias has shape {self.bias.shape}, "
                f"but the weight of shape {self.weight.shape} needs ({n_out},)"
            )
        self.axis = axis

    @property
    def parameters(self) -> int:
        return int(self.weight.size + self.bias.size)

    def describe(self) -> str:
        return f"Dense {self.weight.shape[1]} -> {self.weight.shape[0]}"

    def output_shape(self, shape: Shape) -> Shape:
        n_out, n_in = self.weight.shape
        if not -len(shape) <= self.axis < len(shape) or shape[self.axis] != n_in:
            raise ShapeError(
                f"weight of shape {self.weight.shape} cannot act on axis {self.axis} of an input "
                f"of shape {shape}: that axis needs length {n_in}"
            )
        out = list(shape)
        out[self.axis] = n_out
        return tuple(out)

    def forward(self, x: np.ndarray) -> np.ndarray:
        axis = self.axis if self.axis < 0 else self.axis + 1
        moved = np.moveaxis(x, axis, -1)
        out = moved @ _numeric(self.weight, x).T + _numeric(self.bias, x)
        return np.moveaxis(out, -1, axis)

    def lower(self, builder: Builder, x: Tensor) -> Tensor:
        out_shape = self.output_shape(x.shape)
        n_out, n_in = self.weight.shape
        axis = self.axis % len(x.shape)
        # one copy of W for every position of the other axes
        entries = np.moveaxis(np.arange(math.prod(x.shape)).reshape(x.shape), axis, -1)
        sources = entries.reshape(-1, n_in)
        n_copies = sources.shape[0]
        indices = np.repeat(sources, n_out, axis=0).reshape(-1)
        data = np.tile(self.weight.reshape(-1), n_copies)
        const = np.tile(self.bias, n_copies)
        order = np.moveaxis(
            np.arange(math.prod(out_shape)).reshape([*entries.shape[:-1], n_out]), -1, axis
        ).reshape(-1)
        indptr = np.arange(n_copies * n_out + 1, dtype=np.int64) * n_in
        return builder.affine(x, indptr, indices, data, const, out_shape, order)


class Elementwise(Operator):
    """The affine operator scale * x + shift, entry by entry, with NumPy's broadcasting.

    Parameters
    ----------
    scale, shift : array_like, optional
        Broadcast against the input's shape; the output has the broadcast shape.
    """

    def __init__(self, scale: Any = 1, shift: Any = 0, *, name: str = "") -> None:
        self.name = name
        self.scale = exact_array(scale, f"scale of {name or 'Elementwise'}")
        self.shift = exact_array(shift, f"shift of {name or 'Elementwise'}")
        self._scales = bool(np.any(self.scale != 1))
        self._shifts = bool(np.any(self.shift != 0))

    @property
    def parameters(self) -> int:
        return int(self.scale.size * self._scales + self.shift.size * self._shifts)

    def describe(self) -> str:
        if self._scales and self._shifts:
            return "Elementwise scale and shift"
        return "Elementwise scale" if self._scales else "Elementwise shift"

    def output_shape(self, shape: Shape) -> Shape:
        try:
            return np.broadcast_shapes(shape, self.scale.shape, self.shift.shape)
        except ValueError:
            raise ShapeError(
                f"constants of shapes {self.scale.shape} and {self.shift.shape} do not broadcast "
                f"with an input of shape {shape}"
            ) from None

    def forward(self, x: np.ndarray) -> np.ndarray:
        rank = max(x.ndim - 1, self.scale.ndim, self.shift.ndim)
        x = x.reshape([x.shape[0], *([1] * (rank - x.ndim + 1)), *x.shape[1:]])
        return x * _numeric(self.scale, x) + _numeric(self.shift, x)

    def lower(self, builder: Builder, x: Tensor) -> Tensor:
        out_shape = self.output_shape(x.shape)
        size = math.prod(out_shape)
        indices = np.broadcast_to(
            np.arange(math.prod(x.shape)).reshape(x.shape), out_shape
        ).reshape(-1)
        scale = np.broadcast_to(self.scale, out_shape).reshape(-1)
        shift = np.broadcast_to(self.shift, out_shape).reshape(-1)
        indptr = np.arange(size + 1, dtype=np.int64)
        return builder.affine(x, indptr, indices, scale, shift, out_shape)


class Identity(Operator):
    """The identity; dropout in inference is one too."""

    def output_shape(self, shape: Shape) -> Shape:
        return shape

    def forward(self, x: np.ndarray) -> np.ndarray:
        return x

    def lower(self, builder: Builder, x: Tensor) -> Tensor:
        return x


class Flatten(Operator):
    """All axes become one."""

    def output_shape(self, shape: Shape) -> Shape:
        return (math.prod(shape),)

    def forward(self, x: np.ndarray) -> np.ndarray:
        return x.reshape(x.shape[0], math.prod(x.shape[1:]))

    def lower(self, builder: Builder, x: Tensor) -> Tensor:
        return builder.reshape(x, self.output_shape(x.shape))


class Reshape(Operator):
    """A new shape for the same entries in the same (row-major) order.

    Parameters
    ----------
    shape : sequence of int
        At most one entry may be -1: it is inferred.
    """

    def __init__(self, shape: Sequence[int], *, name: str = "") -> None:
        self.name = name
        self.shape = tuple(int(n) for n in shape)
        if sum(n == -1 for n in self.shape) > 1 or any(n < -1 for n in self.shape):
            raise ShapeError(
                f"{name or 'Reshape'}: {self.shape} needs sizes >= 0 and at most one -1"
            )

    def describe(self) -> str:
        return f"Reshape to {self.shape}"

    def output_shape(self, shape: Shape) -> Shape:
        size = math.prod(shape)
        known = math.prod(n for n in self.shape if n != -1)
        if -1 in self.shape and known and size % known == 0:
            return tuple(size // known if n == -1 else n for n in self.shape)
        if -1 not in self.shape and known == size:
            return self.shape
        raise ShapeError(
            f"an input of shape {shape} has {size} entries: it has no shape {self.shape}"
        )

    def forward(self, x: np.ndarray) -> np.ndarray:
        return x.reshape(x.shape[0], *self.output_shape(x.shape[1:]))

    def lower(self, builder: Builder, x: Tensor) -> Tensor:
        return builder.reshape(x, self.output_shape(x.shape))


class _TwoSlopes(Operator):
    """A scalar unit with a kink at 0: slope * u below, ``above`` * u from 0 on."""

    above = Fraction(1)

    @abstractmethod
    def _slopes(self, shape: Shape) -> np.ndarray:
        """The slope below 0 of every unit: an exact array of the given shape."""

    def output_shape(self, shape: Shape) -> Shape:
        return shape

    def forward(self, x: np.ndarray) -> np.ndarray:
        slopes = _numeric(self._slopes(x.shape[1:]), x)
        zero = Fraction(0) if x.dtype == object else 0.0
        above = self.above if x.dtype == object else float(self.above)
        # np.where evaluates both; <= 0 takes the lowest active piece, as the code does
        return np.where(x <= zero, slopes * x, above * x) + zero  # + 0 turns -0.0 into 0.0

    def lower(self, builder: Builder, x: Tensor) -> Tensor:
        below = as_fractions(self._slopes(x.shape)).reshape(-1)
        zero = Fraction(0)
        pieces = [((slope, zero), (self.above, zero)) for slope in below]
        return builder.scalar_units(x, [(zero,)] * len(pieces), pieces, self.name or self.kind)


class ReLU(_TwoSlopes):
    """max(u, 0): piece 0 is off, piece 1 is on.

    Examples
    --------
    >>> ReLU().forward(np.array([[-1.0, 2.0]]))
    array([[0., 2.]])
    """

    def _slopes(self, shape: Shape) -> np.ndarray:
        return np.zeros(shape)


class Abs(_TwoSlopes):
    """The absolute value: piece 0 is -u, piece 1 is u."""

    def _slopes(self, shape: Shape) -> np.ndarray:
        return np.full(shape, -1.0)


class LeakyReLU(_TwoSlopes):
    """torch's and ONNX's leaky ReLU: slope * u for u < 0, u from 0 on, for every slope.

    Parameters
    ----------
    slope : number
        Any finite number; with slope 1 the unit is the identity and has no boundary.
        Above 1 the unit is concave.
    """

    def __init__(self, slope: Any = Fraction(1, 100), *, name: str = "") -> None:
        self.name = name
        self.slope = to_fraction(slope, f"slope of {name or 'LeakyReLU'}")

    @property
    def parameters(self) -> int:
        return 1

    def describe(self) -> str:
        return f"LeakyReLU (slope {float(self.slope):g})"

    def _slopes(self, shape: Shape) -> np.ndarray:
        slope = exact_array(self.slope)
        return np.full(shape, slope[()], dtype=slope.dtype)


class PReLU(_TwoSlopes):
    """Leaky ReLU with stored slopes.

    Parameters
    ----------
    slope : array_like
        One number, or an array that broadcasts (NumPy's rule, as ONNX says) to the input's
        shape. For torch's one slope a channel give an array of shape (channels, 1, 1).
    """

    def __init__(self, slope: Any, *, name: str = "") -> None:
        self.name = name
        self.slope = exact_array(slope, f"slope of {name or 'PReLU'}")

    @property
    def parameters(self) -> int:
        return int(self.slope.size)

    def describe(self) -> str:
        return f"PReLU ({self.slope.size} slopes)"

    def output_shape(self, shape: Shape) -> Shape:
        self._slopes(shape)
        return shape

    def _slopes(self, shape: Shape) -> np.ndarray:
        try:
            return np.broadcast_to(self.slope, shape)
        except ValueError:
            raise ShapeError(
                f"slopes of shape {self.slope.shape} do not broadcast to an input of shape {shape}"
            ) from None
