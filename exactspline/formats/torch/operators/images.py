"""Convolutions, pooling and padding in a PyTorch trace.

Their functions exist for 1, 2 and 3 dimensions; the number comes first here.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
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
from ..values import Lowering, Var, handler, numbers
from .arithmetic import Extreme

__all__: list[str] = []


def _each(name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register f(n, t, ...) for images of n = 1, 2 and 3 dimensions."""

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        for n in (1, 2, 3):
            handler(name.format(n))(functools.partial(function, n))
        return function

    return register


def _image(x: Any, n: int) -> Var:
    """A value with channels and n spatial axes."""
    if not isinstance(x, Var):
        raise UnsupportedOperatorError("is applied to a constant; compute it before")
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
    kernel = t.constant(weight, "the weight")
    offset = None if bias is None else t.constant(bias, "the bias")
    x = _image(x, n)
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
            x, pads, mode = t.value_of(made[1][0]), around, "circular"
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
    operator = ConvTranspose(
        t.constant(weight, "the weight"),
        None if bias is None else t.constant(bias, "the bias"),
        stride=numbers(stride, n, "stride"),
        padding=numbers(padding, n, "padding"),
        output_padding=numbers(output_padding, n, "output_padding"),
        dilation=numbers(dilation, n, "dilation"),
        groups=groups,
    )
    return t.emit(operator, _image(x, n))


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
    return_indices: bool = False,
) -> Any:
    operator = MaxPool(
        numbers(kernel_size, n, "kernel_size"),
        stride=_stride(stride, n),
        padding=numbers(padding, n, "padding"),
        dilation=numbers(dilation, n, "dilation"),
        ceil_mode=ceil_mode,
    )
    out = t.emit(operator, _image(x, n))
    return Extreme(out) if return_indices else out


@_each("max_pool{}d_with_indices")
def _max_pool_with_indices(n: int, t: Lowering, *args: Any, **kwargs: Any) -> Any:
    out = _max_pool(n, t, *args, **kwargs)
    return out if isinstance(out, Extreme) else Extreme(out)


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
    operator = AveragePool(
        numbers(kernel_size, n, "kernel_size"),
        stride=_stride(stride, n),
        padding=numbers(padding, n, "padding"),
        ceil_mode=ceil_mode,
        count_include_pad=count_include_pad,
        divisor=divisor_override or 0,
    )
    return t.emit(operator, _image(x, n))


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


@_each("adaptive_avg_pool{}d")
def _adaptive_avg_pool(n: int, t: Lowering, x: Any, output_size: Any) -> Any:
    x = _image(x, n)
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
def _adaptive_max_pool(
    n: int, t: Lowering, x: Any, output_size: Any, return_indices: bool = False
) -> Any:
    x = _image(x, n)
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
    return Extreme(out) if return_indices else out


@_each("adaptive_max_pool{}d_with_indices")
def _adaptive_max_pool_with_indices(n: int, t: Lowering, *args: Any, **kwargs: Any) -> Any:
    out = _adaptive_max_pool(n, t, *args, **kwargs)
    return out if isinstance(out, Extreme) else Extreme(out)


def _ratio(spatial: tuple[int, ...], sizes: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(m // s for m, s in zip(spatial, sizes, strict=True))


# --- padding ----------------------------------------------------------------------------------

_MODES = {"constant": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}


@handler("pad")
def _pad(t: Lowering, x: Any, pad: Any, mode: str = "constant", value: Any = None) -> Any:
    if not isinstance(x, Var):
        raise UnsupportedOperatorError("is applied to a constant; compute it before")
    pads = tuple(pad)
    if len(pads) % 2 or len(pads) > 2 * len(x.full) or mode not in _MODES:
        raise ShapeError(f"pads {pads} with mode {mode!r} do not fit the input's shape {x.shape}")
    before, behind = pads[::2][::-1], pads[1::2][::-1]  # torch begins with the last axis
    if len(before) == len(x.full):
        if before[0] or behind[0]:
            raise UnsupportedOperatorError("pads the batch axis")
        before, behind = before[1:], behind[1:]
    part = "pad" if t.module.startswith("Conv") else ""
    return t.emit(
        Pad((*before, *behind), value=0 if value is None else value, mode=_MODES[mode]),
        x,
        part=part,
    )
