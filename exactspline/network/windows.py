"""Sliding windows: which entries of an image each position of a kernel reads.

Shared by convolutions and pooling, so that stride, padding, dilation and ceil mode mean the
same everywhere: what they mean in torch and ONNX.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import ShapeError
from ..room import MOST_MEMBERS, check_room
from .operator import Shape, any_integers, one_integer

__all__ = ["OUTSIDE", "PADDING", "Windows", "both_sides", "check_windows", "same_padding"]

PADDING = -1  # the entry lies in the padding
OUTSIDE = -2  # it lies even beyond the padding (the last window of ceil mode)

_MOST_WINDOWS = 1 << 20  # that are looked at one by one


def both_sides(padding: int | Sequence[int], n: int, what: str = "padding") -> tuple[int, ...]:
    """Pads before every axis and then behind every axis, from the ways people write them.

    One integer, one an axis (both sides alike), or ONNX's 2 n.
    """
    if isinstance(padding, int | np.integer):
        return (one_integer(padding, what, 0),) * (2 * n)
    pads = any_integers(padding, what, 0)
    if len(pads) == n:
        return pads * 2
    if len(pads) != 2 * n:
        raise ShapeError(
            f"{what}: {pads} has {len(pads)} entries; give one for all axes, {n} (one an axis), "
            f"or {2 * n} (before every axis, then behind every axis)"
        )
    return pads


def same_padding(
    shape: Shape, kernel: Shape, stride: Shape, dilation: Shape, *, upper: bool
) -> tuple[int, ...]:
    """The pads of ONNX's and Keras' SAME: ceil(size / stride) outputs on every axis."""
    before, behind = [], []
    for size, k, s, d in zip(shape, kernel, stride, dilation, strict=True):
        outputs = -(-size // s)
        total = max(0, (outputs - 1) * s + (k - 1) * d + 1 - size)
        small = total // 2
        before.append(small if upper else total - small)
        behind.append(total - small if upper else small)
    return (*before, *behind)


def check_windows(count: int, label: str = "", most: int = MOST_MEMBERS) -> None:
    """Refuse windows that read too many entries together, before they are held."""
    check_room(
        count, most, f"{label}: its windows" if label else "the windows of an image",
        "take a smaller kernel, a larger stride, or a smaller image",
    )  # fmt: skip


@dataclass(frozen=True)
class Windows:
    """A kernel that slides over the spatial axes of an image.

    Attributes
    ----------
    kernel, stride, dilation : tuple of int, one an axis
    pads : tuple of int
        Before every axis, then behind every axis.
    circular : bool
        The image repeats instead of being padded.
    ceil : bool
        Keep a last window that sticks out behind the padding, if it begins inside the image
        or the padding before it (torch's rule). It may be the only one.
    """

    kernel: Shape
    stride: Shape
    pads: tuple[int, ...]
    dilation: Shape
    circular: bool = False
    ceil: bool = False

    def outputs(self, shape: Shape) -> Shape:
        """How many windows fit on every axis of an image of the given spatial shape."""
        n = len(self.kernel)
        if len(shape) != n:
            raise ShapeError(f"a kernel of {n} axes does not fit an image of shape {shape}")
        out = []
        for i, size in enumerate(shape):
            before, behind = self.pads[i], self.pads[n + i]
            extent = (self.kernel[i] - 1) * self.dilation[i] + 1
            room, step = size + before + behind - extent, self.stride[i]
            count = room // step + 1
            if self.ceil:
                count = -(-room // step) + 1
                count -= (count - 1) * step >= size + before
            if count < 1:
                raise ShapeError(
                    f"a window of {extent} (kernel {self.kernel[i]}, dilation {self.dilation[i]}) "
                    f"is larger than axis {i} of the image: {size} entries, "
                    f"{before} + {behind} of padding"
                )
            if self.circular and max(before, behind) > size:
                raise ShapeError(
                    f"circular padding {before}, {behind} wraps around axis {i} "
                    f"of {size} entries more than once"
                )
            out.append(count)
        return tuple(out)

    def misses(self, axis: int, size: int, count: int) -> bool:
        """Whether one of the ``count`` windows on an axis has no entry inside the image.

        Without the windows' entries, of which there may be too many to hold.
        """
        step, gap, pad = self.stride[axis], self.dilation[axis], self.pads[axis]
        last = (self.kernel[axis] - 1) * gap
        if last < pad or (count - 1) * step - pad >= size:  # the first one, the last one
            return True
        if gap <= size:
            return False
        # those that begin before the image may step over it
        before = min(count, -(-pad // step), gap)
        return any((j * step - pad) % gap >= size for j in range(min(before, _MOST_WINDOWS)))

    def entries(self, shape: Shape) -> np.ndarray:
        """Flat spatial indices, shape (windows, kernel entries); PADDING or OUTSIDE if none."""
        outputs, n = self.outputs(shape), len(self.kernel)
        check_windows(math.prod(outputs) * math.prod(self.kernel))
        flat = np.zeros((1,) * (2 * n), dtype=np.int64)
        padded = np.zeros((1,) * (2 * n), dtype=bool)
        outside = np.zeros((1,) * (2 * n), dtype=bool)
        for i, size in enumerate(shape):
            starts = np.arange(outputs[i]) * self.stride[i] - self.pads[i]
            at = starts[:, None] + np.arange(self.kernel[i])[None, :] * self.dilation[i]
            beyond = at >= size + self.pads[n + i]
            if self.circular:
                at = np.where(beyond, at, at % size)
            axes = [1] * (2 * n)
            axes[i], axes[n + i] = at.shape
            flat = flat * size + np.clip(at, 0, size - 1).reshape(axes)
            padded = padded | ((at < 0) | (at >= size)).reshape(axes)
            outside = outside | beyond.reshape(axes)
        out = np.where(outside, OUTSIDE, np.where(padded, PADDING, flat))
        return out.reshape(math.prod(outputs), math.prod(self.kernel))
