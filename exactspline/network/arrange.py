"""Operators that move entries and compute nothing: every output is one input or a constant."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from fractions import Fraction
from typing import Any, ClassVar

import numpy as np

from ..compile.builder import Builder, Tensor
from ..errors import ParameterError, ShapeError
from ..rationals import to_fraction
from .operator import Fields, Operator, Shape, any_integers, one_integer, operator, rounded_once

__all__ = [
    "Concat",
    "Expand",
    "Flatten",
    "Identity",
    "Pad",
    "Reshape",
    "Select",
    "Transpose",
]


class _Arrangement(Operator):
    """Entry i of the output is entry ``_entries[i]`` of the joined inputs, or the fill value."""

    entrywise = True
    fill: Fraction = Fraction(0)

    @abstractmethod
    def _entries(self, *shapes: Any) -> np.ndarray:
        """Flat indices into the inputs one after the other, in the output's shape; -1: fill.

        As large as the output: shapes are worked out without it, so that a size can be
        refused before memory is taken.
        """

    def forward(self, *inputs: np.ndarray) -> np.ndarray:
        n = inputs[0].shape[0]
        joined = np.concatenate([x.reshape(n, math.prod(x.shape[1:])) for x in inputs], axis=1)
        entries = self._entries(*[x.shape[1:] for x in inputs])
        out = joined[:, entries]
        if np.any(entries < 0):
            out[:, entries < 0] = rounded_once(self.fill, out)
        return out

    def lower(self, builder: Builder, *inputs: Tensor) -> Tensor:
        entries = self._entries(*[x.shape for x in inputs])
        return builder.gather(builder.join(inputs), entries, self.fill)


@operator
class Identity(Operator):
    """The identity; dropout in inference is one too.

    Examples
    --------
    >>> Identity().forward(np.array([[1.0, 2.0]])).tolist()
    [[1.0, 2.0]]
    """

    entrywise = True

    def output_shape(self, shape: Shape) -> Shape:
        return shape

    def forward(self, x: np.ndarray) -> np.ndarray:
        return x

    def lower(self, builder: Builder, x: Tensor) -> Tensor:
        return x


@operator
class Flatten(Operator):
    """All axes become one.

    Examples
    --------
    >>> Flatten().forward(np.ones((1, 2, 3))).shape  # the batch stays
    (1, 6)
    """

    entrywise = True

    def output_shape(self, shape: Shape) -> Shape:
        return (math.prod(shape),)

    def forward(self, x: np.ndarray) -> np.ndarray:
        return x.reshape(x.shape[0], math.prod(x.shape[1:]))

    def lower(self, builder: Builder, x: Tensor) -> Tensor:
        return builder.reshape(x, self.output_shape(x.shape))


@operator
class Reshape(Operator):
    """A new shape for the same entries in the same (row-major) order.

    Parameters
    ----------
    shape : sequence of int
        At most one entry may be -1: it is inferred.

    Examples
    --------
    >>> Reshape((2, -1)).output_shape((6,))
    (2, 3)
    """

    entrywise = True
    FIELDS: ClassVar[Fields] = {"shape": "integers"}

    def __init__(self, shape: Sequence[int], *, name: str = "") -> None:
        self.name = name
        self.shape = any_integers(shape, f"shape of {self.label}")
        if sum(n == -1 for n in self.shape) > 1 or any(n < -1 for n in self.shape):
            raise ShapeError(f"{self.label}: {self.shape} needs sizes >= 0 and at most one -1")

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


@operator
class Transpose(_Arrangement):
    """The axes in another order.

    Parameters
    ----------
    axes : sequence of int
        Axis i of the output is axis ``axes[i]`` of the input.

    Examples
    --------
    >>> Transpose((2, 0, 1)).output_shape((8, 9, 3))
    (3, 8, 9)
    """

    FIELDS: ClassVar[Fields] = {"axes": "integers"}

    def __init__(self, axes: Sequence[int], *, name: str = "") -> None:
        self.name = name
        self.axes = any_integers(axes, f"axes of {self.label}")

    def describe(self) -> str:
        return f"Transpose {self.axes}"

    def output_shape(self, shape: Shape) -> Shape:
        n = len(shape)
        if len(self.axes) != n or {a % n if -n <= a < n else n for a in self.axes} != set(range(n)):
            raise ShapeError(
                f"axes {self.axes} are no order of the {n} axes of an input of shape {shape}"
            )
        return tuple(shape[a] for a in self.axes)

    def _entries(self, shape: Shape) -> np.ndarray:
        self.output_shape(shape)
        return np.transpose(np.arange(math.prod(shape)).reshape(shape), self.axes)


@operator
class Select(_Arrangement):
    """Chosen positions along one axis: slices, splits and gathers.

    Parameters
    ----------
    indices : sequence of int
        From 0 on; negative ones count from the end. Repetitions are allowed.
    axis : int

    Examples
    --------
    >>> Select([0, 2]).output_shape((4,))
    (2,)
    """

    FIELDS: ClassVar[Fields] = {"indices": "integers", "axis": "integer"}

    def __init__(self, indices: Sequence[int], *, axis: int = 0, name: str = "") -> None:
        self.name = name
        self.axis = one_integer(axis, f"axis of {self.label}")
        self.indices = any_integers(indices, f"indices of {self.label}")
        if not self.indices:
            raise ShapeError(f"{self.label}: selects nothing; give at least one index")

    def describe(self) -> str:
        return f"Select {len(self.indices)} of axis {self.axis}"

    def output_shape(self, shape: Shape) -> Shape:
        if not -len(shape) <= self.axis < len(shape):
            raise ShapeError(f"an input of shape {shape} has no axis {self.axis}")
        size = shape[self.axis]
        if min(self.indices) < -size or max(self.indices) >= size:
            wrong = next(i for i in self.indices if not -size <= i < size)
            raise ShapeError(
                f"index {wrong} does not fit axis {self.axis} of an input of shape {shape}"
            )
        out = list(shape)
        out[self.axis] = len(self.indices)
        return tuple(out)

    def _entries(self, shape: Shape) -> np.ndarray:
        self.output_shape(shape)
        return np.take(np.arange(math.prod(shape)).reshape(shape), self.indices, axis=self.axis)


@operator
class Pad(_Arrangement):
    """Entries around the input: a constant, or copies of the input's own.

    Parameters
    ----------
    pads : sequence of int
        Before each axis, then behind each axis, as ONNX; of the last axes if there are fewer.
        Negative ones cut off.
    value : number
        For mode "constant".
    mode : {"constant", "reflect", "edge", "wrap"}

    Examples
    --------
    >>> Pad((1, 0), value=5).forward(np.array([[1.0, 2.0]])).tolist()
    [[5.0, 1.0, 2.0]]
    """

    FIELDS: ClassVar[Fields] = {"pads": "integers", "value": "number", "mode": "text"}

    def __init__(
        self, pads: Sequence[int], *, value: Any = 0, mode: str = "constant", name: str = ""
    ) -> None:
        self.name = name
        self.pads = any_integers(pads, f"pads of {self.label}")
        self.value = to_fraction(value, f"value of {self.label}")
        self.mode = mode
        self.fill = self.value
        if len(self.pads) % 2:
            raise ShapeError(f"{self.label}: {len(self.pads)} pads; give two for each axis")
        if mode not in ("constant", "reflect", "edge", "wrap"):
            raise ParameterError(
                f"{self.label}: mode {mode!r} is not known; use constant, reflect, edge or wrap"
            )

    def describe(self) -> str:
        return f"Pad {self.pads}" + ("" if self.mode == "constant" else f" ({self.mode})")

    def output_shape(self, shape: Shape) -> Shape:
        n = len(self.pads) // 2
        if n > len(shape):
            raise ShapeError(f"pads for {n} axes do not fit an input of shape {shape}")
        out = list(shape)
        for i in range(n):
            axis = len(shape) - n + i
            before, behind = self.pads[i], self.pads[n + i]
            kept = shape[axis] + min(before, 0) + min(behind, 0)  # negative pads cut first
            limit = {"reflect": kept - 1, "wrap": kept}.get(self.mode)
            if limit is not None and kept > 0 and max(before, behind) > limit:
                raise ShapeError(
                    f"{self.mode} pads {before} and {behind} are too large for axis {axis} "
                    f"of an input of shape {shape}"
                )
            out[axis] += before + behind
            if out[axis] < 1 or -before >= shape[axis] or -behind >= shape[axis]:
                raise ShapeError(f"pads {self.pads} leave nothing of an input of shape {shape}")
        return tuple(out)

    def _entries(self, shape: Shape) -> np.ndarray:
        self.output_shape(shape)
        n = len(self.pads) // 2
        entries = np.arange(math.prod(shape)).reshape(shape)
        cuts = [slice(None)] * (len(shape) - n)
        for i in range(n):
            size = shape[len(shape) - n + i]
            cuts.append(slice(max(0, -self.pads[i]), size - max(0, -self.pads[n + i])))
        entries = entries[tuple(cuts)]  # all cuts first: no array is larger than both ends
        for i in range(n):
            axis = len(shape) - n + i
            before, behind = self.pads[i], self.pads[n + i]
            if before <= 0 and behind <= 0:
                continue
            width = [(0, 0)] * len(shape)
            width[axis] = (max(0, before), max(0, behind))
            fill = {"constant_values": -1} if self.mode == "constant" else {}
            entries = np.pad(entries, width, mode=self.mode, **fill)  # type: ignore[call-overload]
        return entries


@operator
class Expand(_Arrangement):
    """Copies along axes of length 1 and new axes in front, by NumPy's broadcasting rule.

    Parameters
    ----------
    shape : sequence of int

    Examples
    --------
    >>> Expand((2, 3)).forward(np.array([[[1.0], [2.0]]])).tolist()
    [[[1.0, 1.0, 1.0], [2.0, 2.0, 2.0]]]
    """

    FIELDS: ClassVar[Fields] = {"shape": "integers"}

    def __init__(self, shape: Sequence[int], *, name: str = "") -> None:
        self.name = name
        self.shape = any_integers(shape, f"shape of {self.label}", 1)

    def describe(self) -> str:
        return f"Expand to {self.shape}"

    def output_shape(self, shape: Shape) -> Shape:
        try:
            return np.broadcast_shapes(shape, self.shape)
        except ValueError:
            raise ShapeError(
                f"an input of shape {shape} does not broadcast with {self.shape}"
            ) from None

    def _entries(self, shape: Shape) -> np.ndarray:
        out = self.output_shape(shape)
        return np.broadcast_to(np.arange(math.prod(shape)).reshape(shape), out)


@operator
class Concat(_Arrangement):
    """The inputs one after the other along one axis.

    Parameters
    ----------
    axis : int
        Without the batch axis; the first one (channels) by default.

    Examples
    --------
    >>> Concat().output_shape((3, 8, 8), (5, 8, 8))
    (8, 8, 8)
    """

    arity = None
    FIELDS: ClassVar[Fields] = {"axis": "integer"}

    def __init__(self, axis: int = 0, *, name: str = "") -> None:
        self.name = name
        self.axis = one_integer(axis, f"axis of {self.label}")

    def describe(self) -> str:
        return f"Concat along axis {self.axis}"

    def output_shape(self, *shapes: Shape) -> Shape:
        n = len(shapes[0])
        if -n <= self.axis < n:
            axis = self.axis % n
            rests = {(*shape[:axis], *shape[axis + 1 :]) for shape in shapes}
            if len(rests) == 1 and all(len(shape) == n for shape in shapes):
                joined = sum(shape[axis] for shape in shapes)
                return (*shapes[0][:axis], joined, *shapes[0][axis + 1 :])
        listed = ", ".join(map(str, shapes[:8])) + (", ..." if len(shapes) > 8 else "")
        raise ShapeError(f"inputs of shapes {listed} cannot be joined along axis {self.axis}")

    def _entries(self, *shapes: Shape) -> np.ndarray:
        self.output_shape(*shapes)
        offset, parts = 0, []
        for shape in shapes:
            size = math.prod(shape)
            parts.append(offset + np.arange(size).reshape(shape))
            offset += size
        return np.concatenate(parts, axis=self.axis)
