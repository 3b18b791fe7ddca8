"""Affine operators that know no geometry: dense, entry by entry, batch normalisation, sums."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from fractions import Fraction
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from ..compile.builder import Builder, Tensor
from ..errors import ParameterError, ShapeError
from ..rationals import as_fractions, compact, exact_array, exact_products, to_fraction
from .operator import Fields, Operator, Shape, decimal, numeric, one_integer, operator

__all__ = ["Add", "BatchNorm", "Dense", "Elementwise"]


@operator
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

    FIELDS: ClassVar[Fields] = {"weight": "array", "bias": "array", "axis": "integer"}
    DEFAULTS: ClassVar[dict[str, str]] = {"bias": "0"}

    def __init__(self, weight: Any, bias: Any = None, *, axis: int = -1, name: str = "") -> None:
        self.name = name
        self.weight = exact_array(weight, f"weight of {self.label}")
        if self.weight.ndim != 2 or self.weight.size == 0:
            raise ShapeError(
                f"{self.label}: the weight has shape {self.weight.shape}; "
                "give a matrix of shape (n_out, n_in), neither of them 0"
            )
        n_out = self.weight.shape[0]
        self.bias = np.zeros(n_out) if bias is None else exact_array(bias, f"bias of {self.label}")
        if self.bias.shape != (n_out,):
            raise ShapeError(
                f"{self.label}: the bias has shape {self.bias.shape}, "
                f"but the weight of shape {self.weight.shape} needs ({n_out},)"
            )
        self.axis = one_integer(axis, f"axis of {self.label}")

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
        if x.dtype == object and self.weight.dtype == np.float64:
            out = exact_products(moved, self.weight) + numeric(self.bias, x)
        else:
            out = moved @ numeric(self.weight, x).T + numeric(self.bias, x)
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


@operator
class Elementwise(Operator):
    """The affine operator scale * x + shift, entry by entry, with NumPy's broadcasting.

    Parameters
    ----------
    scale, shift : array_like, optional
        Broadcast against the input's shape; the output has the broadcast shape.

    Examples
    --------
    >>> Elementwise(2, [[1], [3]]).forward(np.array([[[1.0], [1.0]]])).tolist()
    [[[3.0], [5.0]]]
    """

    entrywise = True
    FIELDS: ClassVar[Fields] = {"scale": "array", "shift": "array"}

    def __init__(self, scale: Any = 1, shift: Any = 0, *, name: str = "") -> None:
        self.name = name
        self.scale = exact_array(scale, f"scale of {self.label}")
        self.shift = exact_array(shift, f"shift of {self.label}")
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
        x = with_rank(x, max(self.scale.ndim, self.shift.ndim))
        return x * numeric(self.scale, x) + numeric(self.shift, x)

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


def with_rank(x: np.ndarray, rank: int) -> np.ndarray:
    """Axes of length 1 behind the batch axis, so that broadcasting meets no batch axis."""
    missing = max(rank - (x.ndim - 1), 0)
    return x.reshape([x.shape[0], *([1] * missing), *x.shape[1:]])


def nearest_scale(gamma: Fraction, variance: Fraction) -> tuple[Fraction, bool]:
    """The float64 nearest to gamma / sqrt(variance), and whether it was rounded.

    Where that would be 0 though gamma is not, it is the nearest number of 53 bits: no scale
    vanishes.

    Parameters
    ----------
    gamma, variance : Fraction
        variance > 0; the stabiliser is part of it.

    Notes
    -----
    Correctly rounded, half to even: an integer square root with more bits than needed, and a
    last bit that says whether anything was cut off.
    """
    square = gamma * gamma / variance
    if square == 0:
        return Fraction(0), False
    bits = square.numerator.bit_length() - square.denominator.bit_length()
    shift = 140 - bits  # the scaled square has about 140 bits, its root 70
    shift += shift % 2
    scaled = (
        (square.numerator << shift) // square.denominator
        if shift >= 0
        else square.numerator // (square.denominator << -shift)
    )
    root = math.isqrt(scaled)
    power = Fraction(1, 1 << (shift // 2)) if shift >= 0 else Fraction(1 << (-shift // 2))
    exact = (root * power) ** 2 == square
    # what was cut off lies strictly between root and root + 1: half is on its side of every tie
    value = (root * power) if exact else (2 * root + 1) * power / 2
    out = Fraction(float(value)) or _short(value)
    exact = exact and out == value
    return (out if gamma > 0 else -out), not exact


def _short(value: Fraction) -> Fraction:
    """The nearest number of 53 significant bits to a positive one, half to even."""
    size = value.numerator.bit_length() - value.denominator.bit_length()
    lead = size - (value < Fraction(2) ** size)  # 2^lead <= value < 2^(lead + 1)
    unit = Fraction(2) ** (lead + 1 - sys.float_info.mant_dig)
    return round(value / unit) * unit


@operator
class BatchNorm(Operator):
    """Batch normalisation in inference: s * (x - mean) + beta, one channel a scale.

    The scale s is the float64 nearest to gamma / sqrt(variance + epsilon), correctly rounded
    from the stored parameters; where that would be 0 though gamma is not, the nearest rational
    of 53 significant bits. This rounding is part of the definition of the network; from there on
    everything is exact.

    Parameters
    ----------
    mean, variance : array_like, shape (channels,)
    gamma, beta : array_like, shape (channels,), optional
        1 and 0 by default.
    epsilon : number
        A Python float is the double it is (torch's 1e-5); ONNX stores a float32.
    axis : int
        The channel axis; the first one by default.

    Raises
    ------
    ParameterError
        If variance + epsilon is not positive, or a scale is beyond the range of float64.
    ShapeError
        If the parameters differ in length.

    Examples
    --------
    >>> BatchNorm([1.0], [3.0], epsilon=1).scale.tolist()
    [0.5]
    """

    computes = True
    FIELDS: ClassVar[Fields] = {
        "mean": "array", "variance": "array", "gamma": "array", "beta": "array",
        "epsilon": "number", "axis": "integer",
    }  # fmt: skip
    DEFAULTS: ClassVar[dict[str, str]] = {"gamma": "1", "beta": "0", "epsilon": "the double 1e-5"}

    def __init__(
        self,
        mean: Any,
        variance: Any,
        gamma: Any = None,
        beta: Any = None,
        *,
        epsilon: Any = 1e-5,
        axis: int = 0,
        name: str = "",
    ) -> None:
        self.name = name
        self.mean = exact_array(mean, f"mean of {self.label}")
        n = self.mean.size
        self.variance = exact_array(variance, f"variance of {self.label}")
        self.gamma = np.ones(n) if gamma is None else exact_array(gamma, f"gamma of {self.label}")
        self.beta = np.zeros(n) if beta is None else exact_array(beta, f"beta of {self.label}")
        self.epsilon = to_fraction(epsilon, f"epsilon of {self.label}")
        self.axis = one_integer(axis, f"axis of {self.label}")
        for what in ("mean", "variance", "gamma", "beta"):
            if getattr(self, what).shape != (n,):
                raise ShapeError(
                    f"{self.label}: {what} has shape {getattr(self, what).shape}, "
                    f"but all four need one number for each of the {n} channels"
                )
        for i, v in enumerate(as_fractions(self.variance).tolist()):
            if v + self.epsilon <= 0:
                raise ParameterError(
                    f"{self.label}: variance + epsilon of channel {i} is "
                    f"{decimal(v + self.epsilon)}; it must be positive"
                )
        _ = self._scales

    @cached_property
    def _scales(self) -> list[tuple[Fraction, bool]]:
        out = []
        gammas, variances = as_fractions(self.gamma), as_fractions(self.variance)
        for i, (g, v) in enumerate(zip(gammas.tolist(), variances.tolist(), strict=True)):
            try:
                out.append(nearest_scale(g, v + self.epsilon))
            except OverflowError:
                raise ParameterError(
                    f"{self.label}: the scale of channel {i} is beyond the range of float64"
                ) from None
        return out

    @cached_property
    def scale(self) -> np.ndarray:
        """The scales s, one a channel: float64, unless one is too small for it.

        Examples
        --------
        >>> BatchNorm([0, 0], [3, 1], [1, 6], epsilon=1).scale.round(3).tolist()
        [0.5, 4.243]
        """
        return exact_array([s for s, _ in self._scales])

    @cached_property
    def shift(self) -> np.ndarray:
        """beta - s * mean, exactly.

        Examples
        --------
        >>> BatchNorm([2], [3], beta=[5], epsilon=1).shift.tolist()  # 5 - 1/2 * 2
        [4.0]
        """
        scale = as_fractions(self.scale)
        return compact(np.asarray(as_fractions(self.beta) - scale * as_fractions(self.mean)))

    @property
    def rounded(self) -> int:
        return sum(r for _, r in self._scales)

    def describe(self) -> str:
        return f"BatchNorm ({self.mean.size} channels)"

    def output_shape(self, shape: Shape) -> Shape:
        axis, n = self.axis, self.mean.size
        if not -len(shape) <= axis < len(shape) or shape[axis] != n:
            raise ShapeError(f"{n} channels do not fit axis {axis} of an input of shape {shape}")
        return shape

    def _affine(self, rank: int) -> Elementwise:
        """The same map with its numbers along the channel axis of an input of a given rank."""
        shape = [1] * rank
        shape[self.axis] = -1
        return Elementwise(self.scale.reshape(shape), self.shift.reshape(shape))

    def forward(self, x: np.ndarray) -> np.ndarray:
        return self._affine(x.ndim - 1).forward(x)

    def lower(self, builder: Builder, x: Tensor) -> Tensor:
        self.output_shape(x.shape)
        return self._affine(len(x.shape)).lower(builder, x)


@operator
class Add(Operator):
    """The sum of its inputs, each with a coefficient, with NumPy's broadcasting.

    Parameters
    ----------
    coefficients : sequence of numbers, optional
        One an input; all 1 by default. ``(1, -1)`` is a difference.

    Examples
    --------
    >>> Add([1, -1]).forward(np.array([[3.0]]), np.array([[1.0]])).tolist()
    [[2.0]]
    """

    arity = None
    FIELDS: ClassVar[Fields] = {"coefficients": "optional array"}
    DEFAULTS: ClassVar[dict[str, str]] = {"coefficients": "1, one an input"}

    def __init__(self, coefficients: Sequence[Any] | None = None, *, name: str = "") -> None:
        self.name = name
        self.coefficients = None
        if coefficients is not None:
            self.coefficients = exact_array(coefficients, f"coefficients of {self.label}")
            if self.coefficients.ndim != 1 or self.coefficients.size == 0:
                raise ShapeError(f"{self.label}: give one coefficient for each input, in a list")

    def output_shape(self, *shapes: Shape) -> Shape:
        self._weights(len(shapes))
        try:
            return np.broadcast_shapes(*shapes)
        except ValueError:
            raise ShapeError(
                f"inputs of shapes {', '.join(map(str, shapes))} do not broadcast; "
                "a sum needs equal shapes, or axes of length 1"
            ) from None

    def _weights(self, n: int) -> np.ndarray:
        weights = np.ones(n) if self.coefficients is None else self.coefficients
        if len(weights) != n:
            raise ShapeError(f"{len(weights)} coefficients do not fit {n} inputs")
        return weights

    def forward(self, *inputs: np.ndarray) -> np.ndarray:
        weights = numeric(self._weights(len(inputs)), inputs[0])
        rank = max(x.ndim - 1 for x in inputs)
        total: Any = sum(w * with_rank(x, rank) for w, x in zip(weights, inputs, strict=True))
        return np.asarray(total)

    def lower(self, builder: Builder, *inputs: Tensor) -> Tensor:
        shape = self.output_shape(*[x.shape for x in inputs])
        n, size = len(inputs), math.prod(shape)
        offset, columns = 0, []
        for x in inputs:
            entries = offset + np.arange(math.prod(x.shape)).reshape(x.shape)
            columns.append(np.broadcast_to(entries, shape).reshape(-1))
            offset += math.prod(x.shape)
        return builder.affine(
            builder.join(inputs),
            np.arange(size + 1, dtype=np.int64) * n,
            np.stack(columns, axis=1).reshape(-1),
            np.tile(self._weights(n), size),
            np.zeros(size),
            shape,
        )
