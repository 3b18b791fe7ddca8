"""Convolutions, pooling and padding in a PyTorch program.

Their functions exist for 1, 2 and 3 dimensions; the number comes first here.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np

from ....errors import ShapeError, UnsupportedOperatorError
from ....network import (
    AveragePool,
    Conv,
    ConvTranspose,
    Dense,
    MaxPool,
    Operator,
    Pad,
    ReduceMax,
    ReduceMean,
    Reshape,
    Select,
)
from ....network.resample import Resampling
from ....rationals import to_fraction
from ..values import Lowering, Var, handler, numbers
from .reductions import with_places

__all__: list[str] = []


def _each(*names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register f(n, t, ...) for images of n = 1, 2 and 3 dimensions."""

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        for n in (1, 2, 3):
            known = functools.partial(function, n)
            known.__doc__ = function.__doc__
            handler(*[name.format(n) for name in names])(known)
        return function

    return register


def _image(t: Lowering, x: Any, n: int) -> Var:
    """A value with channels and n spatial axes."""
    x = t.operand(x)
    if not isinstance(x, Var):
        raise UnsupportedOperatorError("is applied to a constant")
    if len(x.shape) != n + 1:
        raise ShapeError(
            f"needs a batch of images with channels and {n} more axes, "
            f"but gets shape (batch{''.join(f', {m}' for m in x.shape)})"
        )
    return x


# --- convolution ------------------------------------------------------------------------------


@_each("conv{}d")
def _conv(
    n: int,
    t: Lowering,
    x: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Any:
    """Conv."""
    kernel = t.constant(weight, "the weight")
    offset = None if bias is None else t.constant(bias, "the bias")
    x = _image(t, x, n)
    strides, dilations = numbers(stride, n, "stride"), numbers(dilation, n, "dilation")
    if padding == "valid":
        padding = 0
    if padding == "same":
        if any(s != 1 for s in strides):
            raise UnsupportedOperatorError("has padding 'same' with a stride, as torch refuses too")
        total = [d * (k - 1) for k, d in zip(kernel.shape[2:], dilations, strict=True)]
        pads = (*[m // 2 for m in total], *[m - m // 2 for m in total])
    else:
        pads = numbers(padding, n, "padding") * 2
    mode = "zeros"
    made = t.made_by(x)
    if made and isinstance(made[0], Pad) and made[0].mode == "wrap" and not any(pads):
        around = made[0].pads
        if len(around) == 2 * n and min(around) >= 0:
            x, pads, mode = t.value_of(made[1][0], x.lead), around, "circular"
    return t.emit(
        Conv(
            kernel, offset, stride=strides, padding=pads, dilation=dilations, groups=groups,
            padding_mode=mode,
        ),
        x,
    )  # fmt: skip


@_each("conv_transpose{}d")
def _conv_transpose(
    n: int,
    t: Lowering,
    x: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Any:
    """ConvTranspose."""
    operator = ConvTranspose(
        t.constant(weight, "the weight"),
        None if bias is None else t.constant(bias, "the bias"),
        stride=numbers(stride, n, "stride"),
        padding=numbers(padding, n, "padding"),
        output_padding=numbers(output_padding, n, "output_padding"),
        dilation=numbers(dilation, n, "dilation"),
        groups=groups,
    )
    return t.emit(operator, _image(t, x, n))


@handler("convolution", "_convolution")
def _convolution(
    t: Lowering, x: Any, weight: Any, bias: Any, stride: Any, padding: Any, dilation: Any,
    transposed: bool, output_padding: Any, groups: int, *_: Any,
) -> Any:  # fmt: skip
    """Conv or ConvTranspose."""
    n = len(t.operand(weight).full) - 2
    if transposed:
        return _conv_transpose(
            n, t, x, weight, bias, stride, padding, output_padding, groups, dilation
        )
    return _conv(n, t, x, weight, bias, stride, padding, dilation, groups)


# --- pooling ----------------------------------------------------------------------------------


@_each("max_pool{}d")
def _max_pool(
    n: int,
    t: Lowering,
    x: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
) -> Any:
    """MaxPool."""
    operator = MaxPool(
        numbers(kernel_size, n, "kernel_size"),
        stride=_stride(stride, n),
        padding=numbers(padding, n, "padding"),
        dilation=numbers(dilation, n, "dilation"),
        ceil_mode=ceil_mode,
    )
    return t.emit(operator, _image(t, x, n))


@_each("max_pool{}d_with_indices")
def _max_pool_with_indices(n: int, t: Lowering, *args: Any) -> Any:
    """MaxPool; the places of maxima are refused."""
    return with_places(_max_pool(n, t, *args))


@_each("avg_pool{}d")
def _avg_pool(
    n: int,
    t: Lowering,
    x: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Any:
    """AveragePool."""
    operator = AveragePool(
        numbers(kernel_size, n, "kernel_size"),
        stride=_stride(stride, n),
        padding=numbers(padding, n, "padding"),
        ceil_mode=ceil_mode,
        count_include_pad=count_include_pad,
        divisor=divisor_override or 0,
    )
    return t.emit(operator, _image(t, x, n))


def _stride(stride: Any, n: int) -> tuple[int, ...] | None:
    """The kernel by default, which is also what an empty list means."""
    if stride is None or (not isinstance(stride, int) and len(stride) == 0):
        return None
    return numbers(stride, n, "stride")


def _windows(size: int, outputs: int) -> list[range]:
    """The windows of adaptive pooling along one axis, by torch's rule."""
    return [range(i * size // outputs, -(-(i + 1) * size // outputs)) for i in range(outputs)]


def _wanted(output_size: Any, spatial: tuple[int, ...]) -> tuple[int, ...]:
    """The output's size on every axis; None keeps an axis."""
    n = len(spatial)
    sizes = (output_size,) if isinstance(output_size, int | None) else tuple(output_size)
    if len(sizes) == 1:
        sizes *= n
    if len(sizes) != n or any(s is not None and (not isinstance(s, int) or s < 1) for s in sizes):
        raise ShapeError(f"output_size {output_size!r} does not fit {n} axes")
    return tuple(m if s is None else s for s, m in zip(sizes, spatial, strict=True))


@_each("adaptive_avg_pool{}d", "_adaptive_avg_pool{}d")
def _adaptive_avg_pool(n: int, t: Lowering, x: Any, output_size: Any) -> Any:
    """AveragePool or ReduceMean; means along the axes where windows differ in size."""
    x = _image(t, x, n)
    spatial = x.shape[1:]
    sizes = _wanted(output_size, spatial)
    if all(s == 1 for s in sizes):
        return t.emit(ReduceMean(tuple(range(1, n + 1)), keepdims=True), x)
    if all(m % s == 0 for s, m in zip(sizes, spatial, strict=True)):
        return t.emit(AveragePool(_ratio(spatial, sizes)), x)
    for axis, (size, outputs) in enumerate(zip(spatial, sizes, strict=True)):
        if size != outputs:  # the mean over a box is the mean of means
            matrix = np.full((outputs, size), Fraction(0), dtype=object)
            for i, window in enumerate(_windows(size, outputs)):
                matrix[i, window.start : window.stop] = Fraction(1, len(window))
            x = t.emit(Dense(matrix, axis=1 + axis), x)
    return x


@_each("adaptive_max_pool{}d")
def _adaptive_max_pool(n: int, t: Lowering, x: Any, output_size: Any) -> Any:
    """MaxPool or ReduceMax; the places of maxima are refused."""
    x = _image(t, x, n)
    spatial = x.shape[1:]
    sizes = _wanted(output_size, spatial)
    if all(s == 1 for s in sizes):
        operator: Operator = ReduceMax(tuple(range(1, n + 1)), keepdims=True)
        out = t.emit(operator, x)
    elif all(m % s == 0 for s, m in zip(sizes, spatial, strict=True)):
        out = t.emit(MaxPool(_ratio(spatial, sizes)), x)
    else:  # windows of several sizes: the smaller ones repeat their first entry
        place = np.arange(math.prod(spatial)).reshape(spatial)
        along = [_windows(size, outputs) for size, outputs in zip(spatial, sizes, strict=True)]
        lists = [
            place[np.ix_(*[along[i][k] for i, k in enumerate(at)])].reshape(-1).tolist()
            for at in np.ndindex(*sizes)
        ]
        longest = max(map(len, lists))
        entries = [i for window in lists for i in window + window[:1] * (longest - len(window))]
        out = t.reshape(x, (x.shape[0], math.prod(spatial)), "flat")
        out = t.emit(Select(entries, axis=1), out, part="windows")
        out = t.emit(Reshape((x.shape[0], *sizes, longest)), out, part="windows")
        out = t.emit(ReduceMax((-1,)), out)
    return with_places(out)


def _ratio(spatial: tuple[int, ...], sizes: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(m // s for m, s in zip(spatial, sizes, strict=True))


# --- padding ----------------------------------------------------------------------------------

_MODES = {"constant": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}


@handler("pad")
def _pad(t: Lowering, x: Any, pad: Any, mode: str = "constant", value: Any = None) -> Any:
    """Pad."""
    x = t.operand(x)
    pads = tuple(pad)
    if len(pads) % 2 or len(pads) > 2 * len(x.full) or mode not in _MODES:
        raise ShapeError(f"pads {pads} with mode {mode!r} do not fit the input's shape {x.shape}")
    before, behind = pads[::2][::-1], pads[1::2][::-1]  # torch begins with the last axis
    if x.lead and len(before) == len(x.full):
        if before[0] or behind[0]:
            raise UnsupportedOperatorError("pads the batch axis")
        before, behind = before[1:], behind[1:]
    part = "pad" if t.module.startswith("Conv") else ""
    fill = 0 if value is None else value
    return t.emit(Pad((*before, *behind), value=fill, mode=_MODES[mode]), x, part=part)


@handler("constant_pad_nd")
def _constant_pad(t: Lowering, x: Any, pad: Any, value: Any = 0) -> Any:
    """Pad."""
    return _pad(t, x, pad, "constant", value)


# --- resampling --------------------------------------------------------------------------------


@handler("upsample_linear1d", "upsample_bilinear2d", "upsample_trilinear3d")
def _linear(t: Lowering, x: Any, size: Any, align_corners: bool, *scales: Any) -> Any:
    """SparseLinear along each axis."""
    return _resampled(t, x, size, align_corners, scales, Resampling("linear"))


@handler("upsample_bicubic2d")
def _cubic(t: Lowering, x: Any, size: Any, align_corners: bool, *scales: Any) -> Any:
    """SparseLinear along each axis."""
    return _resampled(t, x, size, align_corners, scales, Resampling("cubic"))


@handler("_upsample_bilinear2d_aa")
def _linear_smoothed(t: Lowering, x: Any, size: Any, align_corners: bool, *scales: Any) -> Any:
    """SparseLinear along each axis."""
    kernel = Resampling("linear", exclude_outside=True, antialias=True)
    return _resampled(t, x, size, align_corners, scales, kernel)


@handler("_upsample_bicubic2d_aa")
def _cubic_smoothed(t: Lowering, x: Any, size: Any, align_corners: bool, *scales: Any) -> Any:
    """SparseLinear along each axis."""
    cubic = Fraction(-1, 2)  # torch's kernel is another one where it smooths
    kernel = Resampling("cubic", cubic=cubic, exclude_outside=True, antialias=True)
    return _resampled(t, x, size, align_corners, scales, kernel)


def _resampled(
    t: Lowering, x: Any, size: Any, align_corners: bool, scales: Any, kernel: Resampling
) -> Any:
    """An image with another size of its spatial axes."""
    x = t.operand(x)
    if len(scales) == 1 and isinstance(scales[0], tuple | list):  # two spellings of the function
        scales = scales[0]
    n = len(size) if size is not None else len(scales[0] if len(scales) == 1 else scales)
    spatial = _image(t, x, n).shape[1:]
    factors = [None if s is None else to_fraction(s) for s in scales or [None]]
    factors = factors * n if len(factors) == 1 else factors
    for axis, (before, factor) in enumerate(zip(spatial, factors, strict=True)):
        wanted = size[axis] if size is not None else math.floor(before * (factor or 1))
        if align_corners:
            kernel, factor = replace(kernel, coordinates="align_corners"), None
        operator, _ = kernel.along(before, wanted, axis=axis + 1, scale=factor)
        if wanted != before or factor not in (None, 1):
            x = t.emit(operator, x)
    return x
