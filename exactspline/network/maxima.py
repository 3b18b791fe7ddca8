"""Maxima and minima of several entries: elementwise, and maxout."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from ..compile.builder import Builder, Tensor
from ..errors import ShapeError
from ..room import MOST_MEMBERS, check_room
from .affine import with_rank
from .operator import Fields, Operator, Shape, one_integer, operator

__all__ = ["Maximum", "Maxout", "Minimum"]


@operator
class Maximum(Operator):
    """The maximum of its inputs, entry by entry, with NumPy's broadcasting.

    Notes
    -----
    One unit an entry, one piece an input.

    Examples
    --------
    >>> Maximum().forward(np.array([[1.0, 5.0]]), np.array([[2.0, 3.0]])).tolist()
    [[2.0, 5.0]]
    """

    arity = None
    concave = False

    def entries_read(self, shapes: Sequence[Shape], shape: Shape) -> int:
        return len(shapes) * math.prod(shape)

    def output_shape(self, *shapes: Shape) -> Shape:
        try:
            return np.broadcast_shapes(*shapes)
        except ValueError:
            raise ShapeError(
                f"inputs of shapes {', '.join(map(str, shapes))} do not broadcast; they need "
                "equal shapes, or axes of length 1"
            ) from None

    def forward(self, *inputs: np.ndarray) -> np.ndarray:
        rank = max(x.ndim - 1 for x in inputs)
        arrays = np.broadcast_arrays(*[with_rank(x, rank) for x in inputs])
        out = arrays[0]
        for array in arrays[1:]:
            out = np.minimum(out, array) if self.concave else np.maximum(out, array)
        return np.array(out)

    def lower(self, builder: Builder, *inputs: Tensor) -> Tensor:
        shape = self.output_shape(*[x.shape for x in inputs])
        check_room(
            len(inputs) * math.prod(shape), MOST_MEMBERS, f"{self.label}: its members",
            "take fewer or smaller inputs",
        )  # fmt: skip
        offset, columns = 0, []
        for x in inputs:
            entries = offset + np.arange(math.prod(x.shape)).reshape(x.shape)
            columns.append(np.broadcast_to(entries, shape).reshape(-1))
            offset += math.prod(x.shape)
        members = np.stack(columns, axis=1)
        return builder.max_units(builder.join(inputs), members, shape, concave=self.concave)


@operator
class Minimum(Maximum):
    """The minimum of its inputs, entry by entry, with NumPy's broadcasting.

    Examples
    --------
    >>> Minimum().forward(np.array([[1.0, 5.0]]), np.array([[3.0, 2.0]])).tolist()
    [[1.0, 2.0]]
    """

    concave = True


@operator
class Maxout(Operator):
    """The maximum over groups of neighbouring entries along one axis.

    Parameters
    ----------
    rank : int
        Entries in a group; the axis has a multiple of it. Output k is the maximum of entries
        k * rank, ..., k * rank + rank - 1.
    axis : int
        The first one (features, or channels of an image) by default.

    References
    ----------
    Goodfellow et al., "Maxout Networks", ICML 2013.

    Examples
    --------
    >>> Maxout(2).forward(np.array([[1.0, 3.0, 2.0, 0.0]])).tolist()
    [[3.0, 2.0]]
    """

    FIELDS: ClassVar[Fields] = {"rank": "integer", "axis": "integer"}

    def __init__(self, rank: int, *, axis: int = 0, name: str = "") -> None:
        self.name = name
        self.rank = one_integer(rank, f"rank of {self.label}", 1)
        self.axis = one_integer(axis, f"axis of {self.label}")

    def describe(self) -> str:
        return f"Maxout of rank {self.rank}"

    def output_shape(self, shape: Shape) -> Shape:
        axis = self.axis
        if not -len(shape) <= axis < len(shape) or shape[axis] % self.rank or not shape[axis]:
            raise ShapeError(
                f"axis {axis} of an input of shape {shape} is no multiple of the rank {self.rank}"
            )
        out = list(shape)
        out[axis] //= self.rank
        return tuple(out)

    def _members(self, shape: Shape) -> np.ndarray:
        """The entries of every group, in the output's shape and one axis more."""
        out = list(self.output_shape(shape))
        axis = self.axis % len(shape)
        entries = np.arange(math.prod(shape)).reshape(
            [*out[:axis], out[axis], self.rank, *out[axis + 1 :]]
        )
        return np.moveaxis(entries, axis + 1, -1)

    def forward(self, x: np.ndarray) -> np.ndarray:
        members = self._members(x.shape[1:])
        flat = x.reshape(x.shape[0], math.prod(x.shape[1:]))
        return np.asarray(flat[:, members].max(axis=-1))

    def lower(self, builder: Builder, x: Tensor) -> Tensor:
        members = self._members(x.shape).reshape(-1, self.rank)
        return builder.max_units(x, members, self.output_shape(x.shape))
