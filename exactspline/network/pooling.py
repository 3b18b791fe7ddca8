"""Pooling: maxima, averages and sums over windows, and over whole axes."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from fractions import Fraction
from typing import ClassVar

import numpy as np

from ..compile.builder import Builder, Tensor
from ..errors import ShapeError
from ..rationals import exact_array
from ..room import MOST_COEFFICIENTS, MOST_MEMBERS
from .operator import (
    Fields,
    Operator,
    Shape,
    any_integers,
    integers,
    numeric,
    one_integer,
    operator,
)
from .windows import OUTSIDE, Windows, both_sides, check_windows

__all__ = ["AveragePool", "MaxPool", "ReduceMax", "ReduceMean", "ReduceMin", "ReduceSum", "SumPool"]


class _Pool(Operator):
    """Windows that slide over the spatial axes of every channel."""

    FIELDS: ClassVar[Fields] = {
        "kernel": "integers", "stride": "integers", "padding": "integers",
        "dilation": "integers", "ceil_mode": "flag",
    }  # fmt: skip
    DEFAULTS: ClassVar[dict[str, str]] = {"stride": "the kernel"}

    def __init__(
        self,
        kernel: Sequence[int],
        *,
        stride: int | Sequence[int] | None = None,
        padding: int | Sequence[int] = 0,
        dilation: int | Sequence[int] = 1,
        ceil_mode: bool = False,
        name: str = "",
    ) -> None:
        self.name = name
        if isinstance(kernel, int | np.integer):
            raise ShapeError(
                f"{self.label}: the kernel is {kernel!r}; give one size a spatial axis, "
                "such as (2, 2)"
            )
        self.kernel = any_integers(kernel, f"kernel of {self.label}", 1)
        n = len(self.kernel)
        self.stride = integers(
            self.kernel if stride is None else stride, n, f"stride of {self.label}", 1
        )
        self.dilation = integers(dilation, n, f"dilation of {self.label}", 1)
        self.padding = both_sides(padding, n, f"padding of {self.label}")
        self.ceil_mode = bool(ceil_mode)
        if n == 0:
            raise ShapeError(f"{self.label}: the kernel has no axes")
        self._windows = Windows(
            self.kernel, self.stride, self.padding, self.dilation, ceil=self.ceil_mode
        )

    def entries_read(self, shapes: Sequence[Shape], shape: Shape) -> int:
        return math.prod(shape) * math.prod(self.kernel)

    def describe(self) -> str:
        window = "x".join(map(str, self.kernel))
        if self.stride != self.kernel:
            window += f", stride {'x'.join(map(str, self.stride))}"
        return f"{self.kind} ({window})"

    def output_shape(self, shape: Shape) -> Shape:
        if len(shape) != len(self.kernel) + 1:
            raise ShapeError(
                f"an input of shape {shape} does not fit a kernel of shape {self.kernel}: "
                f"it needs a channel axis and {len(self.kernel)} spatial axes"
            )
        return (shape[0], *self._windows.outputs(shape[1:]))

    def _refuse(self, what: str) -> None:
        raise ShapeError(
            f"a window lies in the padding altogether (padding {self.padding}, "
            f"kernel {self.kernel}): it has no {what}"
        )


@operator
class MaxPool(_Pool):
    """The maximum over sliding windows; padding never wins.

    Parameters
    ----------
    kernel : sequence of int
        One size a spatial axis; the input has one more axis in front, the channels.
    stride : int or sequence of int, optional
        The kernel by default; windows may overlap.
    padding : int or sequence of int
        One number, one an axis, or ONNX's pads: before every axis, then behind every axis.
    dilation : int or sequence of int
    ceil_mode : bool
        Keep a last window that sticks out, as torch and ONNX do.

    Raises
    ------
    ShapeError
        If a window lies in the padding altogether.

    Notes
    -----
    One unit an output, one piece an entry of its window, in row-major order. A window of one
    entry is no unit.

    Examples
    --------
    >>> MaxPool((2,)).forward(np.array([[[3.0, 1.0, 2.0, 5.0]]])).tolist()
    [[[3.0, 5.0]]]
    """

    def _members(self, shape: Shape) -> np.ndarray:
        """Entries of every window of one channel; those in the padding repeat a real one."""
        entries = self._windows.entries(shape[1:])
        inside = entries >= 0
        if not np.all(np.any(inside, axis=1)):
            self._refuse("maximum")
        first = entries[np.arange(len(entries)), np.argmax(inside, axis=1)]
        return np.where(inside, entries, first[:, None])

    def output_shape(self, shape: Shape) -> Shape:
        out = super().output_shape(shape)
        for i, size in enumerate(shape[1:]):
            if self._windows.misses(i, size, out[1 + i]):
                self._refuse("maximum")
        return out

    def forward(self, x: np.ndarray) -> np.ndarray:
        out = self.output_shape(x.shape[1:])
        members = self._members(x.shape[1:])
        flat = x.reshape(*x.shape[:2], math.prod(x.shape[2:]))
        values = np.empty((*x.shape[:2], len(members)), dtype=x.dtype)
        for part in _parts(x, members):
            values[part] = flat[part][:, :, members].max(axis=3)
        return values.reshape(x.shape[0], *out)

    def lower(self, builder: Builder, x: Tensor) -> Tensor:
        out = self.output_shape(x.shape)
        members = self._members(x.shape)
        check_windows(out[0] * members.size, self.label)
        size = math.prod(x.shape[1:])
        units = np.arange(out[0])[:, None, None] * size + members
        return builder.max_units(x, units.reshape(-1, members.shape[1]), out)


def _parts(x: np.ndarray, windows: np.ndarray) -> list[tuple[slice, slice]]:
    """Samples and channels whose windows are unfolded at once."""
    channels = max(1, min(x.shape[1], MOST_MEMBERS // windows.size))
    samples = max(1, MOST_MEMBERS // (channels * windows.size))
    return [
        (slice(i, i + samples), slice(j, j + channels))
        for i in range(0, len(x), samples)
        for j in range(0, x.shape[1], channels)
    ]


@operator
class AveragePool(_Pool):
    """The mean over sliding windows.

    Parameters
    ----------
    kernel, stride, padding, dilation, ceil_mode
        As `MaxPool`.
    count_include_pad : bool
        Whether entries in the padding count (as zeros) in the divisor; what lies even beyond
        the padding never does. True by default, as in torch; ONNX's default is False.
    divisor : int, optional
        Divide by this number instead (torch's ``divisor_override``); 0 for none.

    Examples
    --------
    >>> AveragePool((2,), padding=1).forward(np.array([[[4.0, 2.0]]])).tolist()
    [[[2.0, 1.0]]]
    """

    FIELDS: ClassVar[Fields] = {**_Pool.FIELDS, "count_include_pad": "flag", "divisor": "integer"}

    def __init__(
        self,
        kernel: Sequence[int],
        *,
        stride: int | Sequence[int] | None = None,
        padding: int | Sequence[int] = 0,
        dilation: int | Sequence[int] = 1,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor: int = 0,
        name: str = "",
    ) -> None:
        super().__init__(
            kernel, stride=stride, padding=padding, dilation=dilation, ceil_mode=ceil_mode,
            name=name,
        )  # fmt: skip
        self.count_include_pad = bool(count_include_pad)
        self.divisor = one_integer(divisor, f"divisor of {self.label}")

    def output_shape(self, shape: Shape) -> Shape:
        out = super().output_shape(shape)
        if not self.divisor and not self.count_include_pad:
            for i, size in enumerate(shape[1:]):
                if self._windows.misses(i, size, out[1 + i]):
                    self._refuse("average")
        return out

    def _divisors(self, entries: np.ndarray) -> np.ndarray:
        """What every window is divided by; integers, as an exact array."""
        if self.divisor:
            one = exact_array(self.divisor)  # an integer beyond 2^53 is no float64
            return np.full(len(entries), one[()], dtype=one.dtype)
        counted = entries != OUTSIDE if self.count_include_pad else entries >= 0
        counts = counted.sum(axis=1)
        if not np.all(counts):
            self._refuse("average")
        return counts.astype(np.float64)

    def forward(self, x: np.ndarray) -> np.ndarray:
        out = self.output_shape(x.shape[1:])
        entries = self._windows.entries(x.shape[2:])
        divisors = self._divisors(entries)
        flat = x.reshape(*x.shape[:2], math.prod(x.shape[2:]))
        values = np.empty((*x.shape[:2], len(entries)), dtype=x.dtype)
        for part in _parts(x, entries):
            columns = flat[part][:, :, np.maximum(entries, 0)]
            columns[..., entries < 0] = 0
            values[part] = columns.sum(axis=3)
        return (values / numeric(divisors, x)).reshape(x.shape[0], *out)

    def lower(self, builder: Builder, x: Tensor) -> Tensor:
        out = self.output_shape(x.shape)
        entries = self._windows.entries(x.shape[1:])
        divisors, which = np.unique(self._divisors(entries), return_inverse=True)
        inverse = exact_array([1 / Fraction(d) for d in divisors.tolist()])[which.reshape(-1)]
        inside = entries >= 0
        check_windows(out[0] * int(inside.sum()), self.label, MOST_COEFFICIENTS)
        counts = inside.sum(axis=1)
        size, channels = math.prod(x.shape[1:]), out[0]
        columns = entries[inside]
        return builder.affine(
            x,
            np.concatenate([[0], np.cumsum(np.tile(counts, channels))]).astype(np.int64),
            (np.arange(channels)[:, None] * size + columns).reshape(-1),
            np.tile(np.repeat(inverse, counts), channels),
            np.zeros(channels * len(entries)),
            out,
        )


@operator
class SumPool(AveragePool):
    """The sum over sliding windows; padding counts as zero.

    Parameters
    ----------
    kernel, stride, padding, dilation, ceil_mode
        As `MaxPool`.

    Examples
    --------
    >>> SumPool((2,)).forward(np.array([[[4.0, 2.0]]])).tolist()
    [[[6.0]]]
    """

    FIELDS: ClassVar[Fields] = dict(_Pool.FIELDS)
    __init__ = _Pool.__init__
    count_include_pad, divisor = True, 1


class _Reduce(Operator):
    """Something taken over whole axes.

    Parameters
    ----------
    axes : sequence of int, optional
        Without the batch axis; all by default. Global pooling of an image: (1, 2).
    keepdims : bool
        Keep the axes with length 1.
    """

    FIELDS: ClassVar[Fields] = {"axes": "integers", "keepdims": "flag"}
    DEFAULTS: ClassVar[dict[str, str]] = {"axes": "[], all of them"}

    def __init__(self, axes: Sequence[int] = (), *, keepdims: bool = False, name: str = "") -> None:
        self.name = name
        self.axes = any_integers(axes, f"axes of {self.label}")
        self.keepdims = bool(keepdims)

    def describe(self) -> str:
        return f"{self.kind} over axes {self.axes}" if self.axes else f"{self.kind} over all axes"

    def _chosen(self, shape: Shape) -> tuple[int, ...]:
        n = len(shape)
        axes = tuple(a % n if -n <= a < n else n for a in self.axes) or tuple(range(n))
        if any(a >= n for a in axes) or len(set(axes)) != len(axes):
            raise ShapeError(f"axes {self.axes} do not fit an input of shape {shape}")
        return tuple(sorted(axes))

    def output_shape(self, shape: Shape) -> Shape:
        axes = self._chosen(shape)
        if self.keepdims:
            return tuple(1 if i in axes else n for i, n in enumerate(shape))
        return tuple(n for i, n in enumerate(shape) if i not in axes)

    def _members(self, shape: Shape) -> np.ndarray:
        """The entries that each output is taken over, shape (outputs, entries)."""
        axes = self._chosen(shape)
        rest = [i for i in range(len(shape)) if i not in axes]
        entries = np.arange(math.prod(shape)).reshape(shape).transpose([*rest, *axes])
        return entries.reshape(math.prod(shape[i] for i in rest), -1)

    def _gathered(self, x: np.ndarray) -> np.ndarray:
        """Values by output: (batch, outputs, entries)."""
        return x.reshape(x.shape[0], math.prod(x.shape[1:]))[:, self._members(x.shape[1:])]

    @abstractmethod
    def forward(self, x: np.ndarray) -> np.ndarray: ...


@operator
class ReduceSum(_Reduce):
    """The sum over whole axes.

    Parameters
    ----------
    axes, keepdims
        As `ReduceMax`.

    Examples
    --------
    >>> ReduceSum((1,), keepdims=True).forward(np.array([[[1.0, 2.0], [3.0, 4.0]]])).tolist()
    [[[3.0], [7.0]]]
    """

    def _weight(self, count: int) -> Fraction:
        return Fraction(1)

    def forward(self, x: np.ndarray) -> np.ndarray:
        gathered = self._gathered(x)
        weight = numeric(exact_array(self._weight(gathered.shape[2])), x)
        out = gathered.sum(axis=2) * weight[()]
        return out.reshape(x.shape[0], *self.output_shape(x.shape[1:]))

    def lower(self, builder: Builder, x: Tensor) -> Tensor:
        members = self._members(x.shape)
        n, count = members.shape
        weight = exact_array(self._weight(count))
        return builder.affine(
            x, np.arange(n + 1, dtype=np.int64) * count, members.reshape(-1),
            np.full(n * count, weight[()], dtype=weight.dtype), np.zeros(n),
            self.output_shape(x.shape),
        )  # fmt: skip


@operator
class ReduceMean(ReduceSum):
    """The mean over whole axes: global average pooling with ``axes=(1, 2)``.

    Parameters
    ----------
    axes, keepdims
        As `ReduceMax`.

    Examples
    --------
    >>> ReduceMean((1, 2)).output_shape((3, 8, 8))
    (3,)
    """

    def _weight(self, count: int) -> Fraction:
        return Fraction(1, count)


@operator
class ReduceMax(_Reduce):
    """The maximum over whole axes: global max pooling with ``axes=(1, 2)``.

    Parameters
    ----------
    axes : sequence of int, optional
        Without the batch axis; all by default.
    keepdims : bool
        Keep the axes with length 1.

    Examples
    --------
    >>> ReduceMax().forward(np.array([[3.0, 4.0]])).tolist()
    [4.0]
    """

    concave = False

    def forward(self, x: np.ndarray) -> np.ndarray:
        gathered = self._gathered(x)
        out = gathered.min(axis=2) if self.concave else gathered.max(axis=2)
        return np.asarray(out.reshape(x.shape[0], *self.output_shape(x.shape[1:])))

    def lower(self, builder: Builder, x: Tensor) -> Tensor:
        members = self._members(x.shape)
        return builder.max_units(x, members, self.output_shape(x.shape), concave=self.concave)


@operator
class ReduceMin(ReduceMax):
    """The minimum over whole axes.

    Parameters
    ----------
    axes, keepdims
        As `ReduceMax`.

    Examples
    --------
    >>> ReduceMin().forward(np.array([[4.0, 2.0, 3.0]])).tolist()
    [2.0]
    """

    concave = True
