"""Convolutions of any number of spatial axes, kept sparse: the theory's block-circulant C."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from ..compile.builder import Builder, Tensor
from ..errors import ParameterError, ShapeError
from ..rationals import exact_array
from ..room import MOST_COEFFICIENTS
from .operator import Fields, Operator, Shape, integers, numeric, one_integer, operator
from .windows import Windows, both_sides, check_windows

__all__ = ["Conv", "ConvTranspose"]

_COLUMNS = 1 << 23  # numbers of unfolded windows that are held at once


@operator
class Conv(Operator):
    """A convolution (cross-correlation, as in every deep learning library).

    Parameters
    ----------
    weight : array_like, shape (C_out, C_in / groups, *kernel)
        The number of its spatial axes, 1 or more, is the convolution's.
    bias : array_like, shape (C_out,), optional
    stride, dilation : int or sequence of int
        One number, or one a spatial axis.
    padding : int or sequence of int
        One number, one a spatial axis, or ONNX's pads: before every axis, then behind every
        axis.
    groups : int
    padding_mode : {"zeros", "circular"}

    Raises
    ------
    ShapeError
        If the parameters do not fit each other, or (when a shape is known) the image.
    ParameterError
        For NaN or infinite entries, sizes below 1 and negative pads.

    Notes
    -----
    ``forward`` gathers the windows and multiplies; lowering writes one sparse row an output.
    With circular padding and stride 1 the matrix is block-circulant.

    Examples
    --------
    >>> Conv(np.ones((4, 3, 3, 3)), padding=1).output_shape((3, 8, 8))
    (4, 8, 8)
    """

    FIELDS: ClassVar[Fields] = {
        "weight": "array", "bias": "array", "stride": "integers", "padding": "integers",
        "dilation": "integers", "groups": "integer", "padding_mode": "text",
    }  # fmt: skip
    DEFAULTS: ClassVar[dict[str, str]] = {"bias": "0"}

    def __init__(
        self,
        weight: Any,
        bias: Any = None,
        *,
        stride: int | Sequence[int] = 1,
        padding: int | Sequence[int] = 0,
        dilation: int | Sequence[int] = 1,
        groups: int = 1,
        padding_mode: str = "zeros",
        name: str = "",
    ) -> None:
        self.name = name
        self.weight, n = _kernel(weight, self.label)
        self.groups = one_integer(groups, f"groups of {self.label}", 1)
        n_out = self.weight.shape[0]
        if n_out % self.groups:
            raise ShapeError(
                f"{self.label}: {n_out} output channels do not form {self.groups} groups"
            )
        self.bias = _bias(bias, n_out, self.label)
        self.stride = integers(stride, n, f"stride of {self.label}", 1)
        self.dilation = integers(dilation, n, f"dilation of {self.label}", 1)
        self.padding = both_sides(padding, n, f"padding of {self.label}")
        if padding_mode not in ("zeros", "circular"):
            raise ParameterError(
                f"{self.label}: padding_mode {padding_mode!r} is not known; use zeros or circular, "
                "or a Pad before the convolution"
            )
        self.padding_mode = padding_mode
        self._windows = Windows(
            self.weight.shape[2:], self.stride, self.padding, self.dilation,
            padding_mode == "circular",
        )  # fmt: skip

    def describe(self) -> str:
        n_out, n_in = self.weight.shape[:2]
        kernel = "x".join(map(str, self.weight.shape[2:]))
        if any(s != 1 for s in self.stride):
            kernel += f", stride {'x'.join(map(str, self.stride))}"
        if self.groups > 1:
            kernel += f", {self.groups} groups"
        return f"Conv {n_in * self.groups} -> {n_out} ({kernel})"

    def output_shape(self, shape: Shape) -> Shape:
        n_in = self.weight.shape[1] * self.groups
        _check_image(shape, n_in, self.weight.ndim - 2)
        return (self.weight.shape[0], *self._windows.outputs(shape[1:]))

    def forward(self, x: np.ndarray) -> np.ndarray:
        out_shape = self.output_shape(x.shape[1:])
        n, groups, n_out = len(x), self.groups, self.weight.shape[0]
        entries = self._windows.entries(x.shape[2:]).T  # (kernel, windows)
        check_windows(x.shape[1] * entries.size, self.label, MOST_COEFFICIENTS)
        outside = entries < 0
        image = x.reshape(n, groups, x.shape[1] // groups, math.prod(x.shape[2:]))
        weight = numeric(self.weight, x).reshape(groups, n_out // groups, -1)
        bias = numeric(self.bias, x)[:, None]
        out = np.empty((n, n_out, entries.shape[1]), dtype=x.dtype)
        step = max(1, _COLUMNS // (x.shape[1] * entries.size))
        for at in range(0, n, step):  # unfolded, a large batch would take too much memory
            columns = image[at : at + step][..., np.maximum(entries, 0)]
            columns[..., outside] = 0
            columns = columns.reshape(len(columns), groups, weight.shape[2], entries.shape[1])
            values = weight @ columns  # (samples, groups, channels out, windows)
            out[at : at + step] = values.reshape(len(values), *out.shape[1:]) + bias
        return out.reshape(n, *out_shape)

    def lower(self, builder: Builder, x: Tensor) -> Tensor:
        out_shape = self.output_shape(x.shape)
        n_out, per_group = self.weight.shape[:2]
        entries = self._windows.entries(x.shape[1:])
        size = math.prod(x.shape[1:])
        inside = entries >= 0
        counts = inside.sum(axis=1) * per_group  # nonzeros of the row of one window
        check_windows(n_out * int(counts.sum()), self.label, MOST_COEFFICIENTS)
        # for one group's input channels: (windows, channels, kernel), only what lies inside
        channels = np.arange(per_group)[None, :, None]
        place = np.broadcast_to(entries[:, None, :] + channels * size, _shape3(entries, per_group))
        chosen = np.broadcast_to(inside[:, None, :], place.shape)
        window_columns = place[chosen]
        kernel_entry = np.broadcast_to(
            np.arange(per_group * entries.shape[1]).reshape(1, per_group, -1), place.shape
        )[chosen]
        flat = self.weight.reshape(n_out, -1)
        group_of = np.arange(n_out) // (n_out // self.groups)
        indices = np.concatenate([window_columns + g * per_group * size for g in group_of])
        data = np.concatenate([row[kernel_entry] for row in flat])
        indptr = np.concatenate([[0], np.cumsum(np.tile(counts, n_out))]).astype(np.int64)
        const = np.repeat(self.bias, len(entries))
        return builder.affine(x, indptr, indices, data, const, out_shape)


@operator
class ConvTranspose(Operator):
    """A transposed convolution: the transpose of `Conv`'s matrix, and a bias.

    Parameters
    ----------
    weight : array_like, shape (C_in, C_out / groups, *kernel)
    bias : array_like, shape (C_out,), optional
    stride, dilation : int or sequence of int
    padding : int or sequence of int
        What is cut off from the full result: one number, one an axis, or before and behind.
    output_padding : int or sequence of int
        Added behind every axis.
    groups : int

    Examples
    --------
    >>> ConvTranspose(np.ones((3, 4, 2, 2)), stride=2).output_shape((3, 8, 8))
    (4, 16, 16)
    """

    FIELDS: ClassVar[Fields] = {
        "weight": "array", "bias": "array", "stride": "integers", "padding": "integers",
        "output_padding": "integers", "dilation": "integers", "groups": "integer",
    }  # fmt: skip
    DEFAULTS: ClassVar[dict[str, str]] = {"bias": "0"}

    def __init__(
        self,
        weight: Any,
        bias: Any = None,
        *,
        stride: int | Sequence[int] = 1,
        padding: int | Sequence[int] = 0,
        output_padding: int | Sequence[int] = 0,
        dilation: int | Sequence[int] = 1,
        groups: int = 1,
        name: str = "",
    ) -> None:
        self.name = name
        self.weight, n = _kernel(weight, self.label)
        self.groups = one_integer(groups, f"groups of {self.label}", 1)
        if self.weight.shape[0] % self.groups:
            raise ShapeError(
                f"{self.label}: {self.weight.shape[0]} input channels do not form "
                f"{self.groups} groups"
            )
        self.bias = _bias(bias, self.weight.shape[1] * self.groups, self.label)
        self.stride = integers(stride, n, f"stride of {self.label}", 1)
        self.dilation = integers(dilation, n, f"dilation of {self.label}", 1)
        self.padding = both_sides(padding, n, f"padding of {self.label}")
        self.output_padding = integers(output_padding, n, f"output_padding of {self.label}", 0)

    def describe(self) -> str:
        n_in, n_out = self.weight.shape[0], self.weight.shape[1] * self.groups
        return f"ConvTranspose {n_in} -> {n_out} ({'x'.join(map(str, self.weight.shape[2:]))})"

    def output_shape(self, shape: Shape) -> Shape:
        n = self.weight.ndim - 2
        _check_image(shape, self.weight.shape[0], n)
        out = []
        for i, size in enumerate(shape[1:]):
            full = (size - 1) * self.stride[i] + (self.weight.shape[2 + i] - 1) * self.dilation[i]
            length = full + 1 - self.padding[i] - self.padding[n + i] + self.output_padding[i]
            if length < 1:
                raise ShapeError(f"padding {self.padding} leaves nothing of axis {i}")
            out.append(length)
        return (self.bias.size, *out)

    def _targets(self, shape: Shape) -> np.ndarray:
        """Where an input entry's product with each kernel entry is added; -1: cut off.

        Shape (places of the input, kernel entries).
        """
        out = self.output_shape(shape)
        n, kernel = self.weight.ndim - 2, self.weight.shape[2:]
        check_windows(math.prod(shape[1:]) * math.prod(kernel), self.label)
        target = np.zeros((1,) * (2 * n), dtype=np.int64)
        valid = np.ones((1,) * (2 * n), dtype=bool)
        for i in range(n):
            at = (
                np.arange(shape[1 + i])[:, None] * self.stride[i]
                + np.arange(kernel[i])[None, :] * self.dilation[i]
                - self.padding[i]
            )
            axes = [1] * (2 * n)
            axes[i], axes[n + i] = at.shape
            target = target * out[1 + i] + at.reshape(axes)
            valid = valid & ((at >= 0) & (at < out[1 + i])).reshape(axes)
        return np.where(valid, target, -1).reshape(math.prod(shape[1:]), math.prod(kernel))

    def _matrix(self, shape: Shape) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Rows, columns and flat places in the weight of the nonzeros, sorted by row."""
        spatial_in, spatial_out = math.prod(shape[1:]), math.prod(self.output_shape(shape)[1:])
        kernel, target = self.weight.shape[2:], self._targets(shape)
        source, entry = np.nonzero(target >= 0)
        target = target[source, entry]
        n_in, per_out = self.weight.shape[:2]
        check_windows(n_in * per_out * len(source), self.label, MOST_COEFFICIENTS)
        c_in = np.arange(n_in)[:, None, None]
        c_out = np.arange(per_out)[None, :, None]
        channel = c_in // (n_in // self.groups) * per_out + c_out
        rows = (channel * spatial_out + target).reshape(-1)
        columns = np.broadcast_to(c_in * spatial_in + source, (n_in, per_out, len(source)))
        places = (c_in * per_out + c_out) * math.prod(kernel) + entry
        order = np.lexsort((columns.reshape(-1), rows))
        return rows[order], columns.reshape(-1)[order], places.reshape(-1)[order]

    def forward(self, x: np.ndarray) -> np.ndarray:
        shape = self.output_shape(x.shape[1:])
        n, groups, size = len(x), self.groups, math.prod(shape[1:])
        target = self._targets(x.shape[1:])
        image = x.reshape(n, groups, x.shape[1] // groups, math.prod(x.shape[2:]))
        weight = numeric(self.weight, x).reshape(groups, image.shape[2], -1, target.shape[1])
        out = np.empty((n, self.bias.size, size), dtype=x.dtype)
        out[...] = numeric(self.bias, x)[:, None]
        for k in range(target.shape[1]):  # one entry of the kernel meets every place once
            stamped = np.swapaxes(weight[..., k], 1, 2) @ image
            stamped = stamped.reshape(n, self.bias.size, image.shape[3])
            inside = target[:, k] >= 0
            out[:, :, target[inside, k]] += stamped[:, :, inside]
        return out.reshape(n, *shape)

    def lower(self, builder: Builder, x: Tensor) -> Tensor:
        shape = self.output_shape(x.shape)
        rows, columns, places = self._matrix(x.shape)
        counts = np.bincount(rows, minlength=math.prod(shape))
        return builder.affine(
            x,
            np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
            columns,
            self.weight.reshape(-1)[places],
            np.repeat(self.bias, math.prod(shape[1:])),
            shape,
        )


def _shape3(entries: np.ndarray, channels: int) -> Shape:
    return (entries.shape[0], channels, entries.shape[1])


def _kernel(weight: Any, label: str) -> tuple[np.ndarray, int]:
    out = exact_array(weight, f"weight of {label}")
    if out.ndim < 3 or out.size == 0:
        raise ShapeError(
            f"{label}: the weight has shape {out.shape}; give channels out, channels in and "
            "at least one spatial axis, none of them empty"
        )
    return out, out.ndim - 2


def _bias(bias: Any, n: int, label: str) -> np.ndarray:
    out = np.zeros(n) if bias is None else exact_array(bias, f"bias of {label}")
    if out.shape != (n,):
        raise ShapeError(f"{label}: the bias has shape {out.shape}, but it needs ({n},)")
    return out


def _check_image(shape: Shape, channels: int, axes: int) -> None:
    if len(shape) != axes + 1 or shape[0] != channels:
        raise ShapeError(
            f"an input of shape {shape} does not fit: it needs {channels} channels "
            f"and then {axes} spatial ax{'is' if axes == 1 else 'es'}"
        )
