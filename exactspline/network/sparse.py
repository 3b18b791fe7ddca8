"""Linear maps along one axis of which few entries are not 0: resampling, running sums, folding."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from ..compile.builder import Builder, Tensor
from ..errors import ShapeError
from ..rationals import exact_array
from .operator import Fields, Operator, Shape, any_integers, numeric, one_integer, operator
from .windows import Windows, check_windows

__all__ = ["SparseLinear", "folded", "running_sum", "unfolded"]


@operator
class SparseLinear(Operator):
    """A linear map along one axis, given by the entries of its matrix that are not 0.

    Parameters
    ----------
    columns : int
        Length of the axis in the input.
    counts : sequence of int
        How many entries every row of the matrix has: one row for each entry of the output. A row
        without entries gives 0.
    indices : sequence of int
        Which entries of the input the rows read, row after row.
    values : array_like, optional
        What these are multiplied by; 1 by default.
    axis : int
        The last one by default.

    Raises
    ------
    ShapeError
        If the counts do not add up, an index is no column, or stands twice in a row.
    ParameterError
        For values that are no exact numbers.

    Examples
    --------
    >>> mean_of_neighbours = SparseLinear(3, [2, 2], [0, 1, 1, 2], ["1/2"] * 4)
    >>> mean_of_neighbours.forward(np.array([[1.0, 3.0, 9.0]])).tolist()
    [[2.0, 6.0]]
    """

    FIELDS: ClassVar[Fields] = {
        "columns": "integer", "counts": "integers", "indices": "integers",
        "values": "optional array", "axis": "integer",
    }  # fmt: skip
    DEFAULTS: ClassVar[dict[str, str]] = {"values": "1"}

    def __init__(
        self,
        columns: int,
        counts: Sequence[int],
        indices: Sequence[int],
        values: Any = None,
        *,
        axis: int = -1,
        name: str = "",
    ) -> None:
        self.name = name
        self.columns = one_integer(columns, f"columns of {self.label}", 1)
        self.counts = any_integers(counts, f"counts of {self.label}", 0)
        self.indices = any_integers(indices, f"indices of {self.label}", 0)
        self.values = None if values is None else exact_array(values, f"values of {self.label}")
        self.axis = one_integer(axis, f"axis of {self.label}")
        if not self.counts or sum(self.counts) != len(self.indices):
            raise ShapeError(
                f"{self.label}: {len(self.counts)} counts that add up to {sum(self.counts)} do not "
                f"fit {len(self.indices)} indices; give a count for every row"
            )
        if self.values is not None and self.values.shape != (len(self.indices),):
            raise ShapeError(
                f"{self.label}: values of shape {self.values.shape} do not fit "
                f"{len(self.indices)} indices; give one for each"
            )
        wrong = [i for i in self.indices if i >= self.columns][:1]
        if wrong:
            raise ShapeError(f"{self.label}: index {wrong[0]} is beyond {self.columns} columns")
        rows = np.repeat(np.arange(len(self.counts)), self.counts)
        places = rows * self.columns + np.array(self.indices, dtype=np.int64)
        if len(np.unique(places)) != len(places):
            raise ShapeError(f"{self.label}: a row reads an entry twice; add its two values")

    @property
    def parameters(self) -> int:
        return 0 if self.values is None else int(self.values.size)

    @property
    def weights(self) -> np.ndarray:
        """The values, also where they are left out.

        Examples
        --------
        >>> SparseLinear(2, [2], [0, 1]).weights.tolist()
        [1.0, 1.0]
        """
        return np.ones(len(self.indices)) if self.values is None else self.values

    def entries_read(self, shapes: Sequence[Shape], shape: Shape) -> int:
        return len(self.indices) * (math.prod(shape) // len(self.counts))

    def describe(self) -> str:
        return f"SparseLinear {self.columns} -> {len(self.counts)} along axis {self.axis}"

    def output_shape(self, shape: Shape) -> Shape:
        if not -len(shape) <= self.axis < len(shape) or shape[self.axis] != self.columns:
            raise ShapeError(
                f"a matrix of {self.columns} columns does not fit axis {self.axis} of an input "
                f"of shape {shape}"
            )
        out = list(shape)
        out[self.axis] = len(self.counts)
        return tuple(out)

    def forward(self, x: np.ndarray) -> np.ndarray:
        shape = (x.shape[0], *self.output_shape(x.shape[1:]))
        axis = self.axis if self.axis < 0 else self.axis + 1
        moved = np.moveaxis(x, axis, -1)
        weights, counts = numeric(self.weights, x), np.array(self.counts, dtype=np.int64)
        indices, starts = np.array(self.indices, dtype=np.int64), np.cumsum(counts) - counts
        out = np.zeros((*moved.shape[:-1], len(counts)), dtype=x.dtype)
        for k in range(int(counts.max(initial=0))):  # the k-th term of every row that has one
            rows = np.flatnonzero(counts > k)
            at = starts[rows] + k
            out[..., rows] += moved[..., indices[at]] * weights[at]
        return np.moveaxis(out, -1, axis).reshape(shape)

    def lower(self, builder: Builder, x: Tensor) -> Tensor:
        out_shape = self.output_shape(x.shape)
        axis = self.axis % len(x.shape)
        check_windows(self.entries_read([x.shape], out_shape), self.label)
        # one copy of the matrix for every position of the other axes
        entries = np.moveaxis(np.arange(math.prod(x.shape)).reshape(x.shape), axis, -1)
        sources = entries.reshape(-1, self.columns)
        copies = len(sources)
        counts = np.tile(np.array(self.counts, dtype=np.int64), copies)
        order = np.moveaxis(
            np.arange(len(counts)).reshape([*entries.shape[:-1], len(self.counts)]), -1, axis
        ).reshape(-1)
        return builder.affine(
            x,
            np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
            sources[:, np.array(self.indices, dtype=np.int64)].reshape(-1),
            np.tile(self.weights, copies),
            np.zeros(len(counts)),
            out_shape,
            order,
        )


def running_sum(
    size: int, *, axis: int = -1, exclusive: bool = False, reverse: bool = False
) -> SparseLinear:
    """The sums of the first 1, 2, ... entries along an axis.

    Parameters
    ----------
    size : int
        Length of the axis.
    exclusive : bool
        Without the entry itself: the first sum is 0.
    reverse : bool
        From the last entry on.

    Examples
    --------
    >>> running_sum(3).forward(np.array([[1.0, 2.0, 4.0]])).tolist()
    [[1.0, 3.0, 7.0]]
    """
    check_windows(size * (size + 1) // 2, "a running sum")
    rows = []
    for i in range(size):
        rows.append(range(i + exclusive, size) if reverse else range(i + 1 - exclusive))
    return SparseLinear(size, [len(r) for r in rows], [j for r in rows for j in r], axis=axis)


def unfolded(windows: Windows, image: Shape, *, axis: int = -1) -> SparseLinear:
    """Of a flattened image the entries of all windows: by their place in the kernel, then by
    window, as torch's unfold and im2col. Padding gives 0.

    Examples
    --------
    >>> pairs = Windows((2,), (1,), (0, 0), (1,))
    >>> unfolded(pairs, (3,)).forward(np.array([[1.0, 2.0, 4.0]])).tolist()
    [[1.0, 2.0, 2.0, 4.0]]
    """
    entries = windows.entries(image).T.reshape(-1)
    inside = entries >= 0
    return SparseLinear(
        math.prod(image), inside.astype(np.int64).tolist(), entries[inside].tolist(), axis=axis
    )


def folded(windows: Windows, image: Shape, *, axis: int = -1) -> SparseLinear:
    """An image, flattened, of sums of the entries of windows: the transpose of `unfolded`.

    Examples
    --------
    >>> pairs = Windows((2,), (1,), (0, 0), (1,))
    >>> folded(pairs, (3,)).forward(np.array([[1.0, 2.0, 2.0, 4.0]])).tolist()
    [[1.0, 4.0, 4.0]]
    """
    entries = windows.entries(image).T.reshape(-1)
    inside = np.flatnonzero(entries >= 0)
    order = inside[np.argsort(entries[inside], kind="stable")]
    counts = np.bincount(entries[inside], minlength=math.prod(image))
    return SparseLinear(entries.size, counts.tolist(), order.tolist(), axis=axis)
