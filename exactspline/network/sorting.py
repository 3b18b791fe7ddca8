"""Entries in order: sorting, the k largest, the median, as networks of maxima.

Two entries a and b are compared by one unit, max(a, b); the smaller one is a + b - max(a, b), an
affine form. Which pairs are compared is Batcher's merge exchange for any number of entries
(Knuth, The Art of Computer Programming, volume 3, algorithm 5.2.2 M): about n (log2 n)^2 / 4
comparisons of n entries in about (log2 n)^2 / 2 steps, each step a layer. They are what codes are
made of: with all ranks of n different entries a code is an order of them, so that n free entries
have n! regions. Where few ranks are wanted, comparisons that none of them needs are left out.
The smallest and the largest entry are one unit each instead, with a piece for every entry.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from ..compile.builder import Builder, Tensor
from ..errors import LimitError, ShapeError
from .operator import Fields, Operator, Shape, any_integers, one_integer, operator

__all__ = ["Sort", "comparisons"]

_MOST_ENTRIES = 256  # that are put in order: their regions are up to 256!
_MOST_UNITS = 1 << 16  # of one operator

Step = list[tuple[int, int]]


@operator
class Sort(Operator):
    """The entries along an axis in increasing order, or some of them.

    Parameters
    ----------
    ranks : sequence of int, optional
        Which places of the order are given, from 0 for the smallest entry; negative ones count
        from the largest. All by default. The k largest entries, from the largest on, are
        ``[-1, ..., -k]``, the (lower) median of n is ``[(n - 1) // 2]``.
    axis : int
        The last one by default.

    Raises
    ------
    LimitError
        For more than 256 entries in a row, or more than 65,536 units, unless only the smallest
        and the largest entry are wanted.
    ShapeError
        If a rank does not fit.

    Notes
    -----
    Units: the comparisons of Batcher's merge exchange, each a maximum of two. See the module.

    Examples
    --------
    >>> Sort().forward(np.array([[3.0, 1.0, 2.0]])).tolist()
    [[1.0, 2.0, 3.0]]
    >>> Sort([-1, -2]).forward(np.array([[3.0, 1.0, 2.0]])).tolist()
    [[3.0, 2.0]]
    """

    FIELDS: ClassVar[Fields] = {"ranks": "integers", "axis": "integer"}
    DEFAULTS: ClassVar[dict[str, str]] = {"ranks": "[], all of them"}

    def __init__(self, ranks: Sequence[int] = (), *, axis: int = -1, name: str = "") -> None:
        self.name = name
        self.ranks = any_integers(ranks, f"ranks of {self.label}")
        self.axis = one_integer(axis, f"axis of {self.label}")

    def describe(self) -> str:
        if not self.ranks:
            return f"Sort along axis {self.axis}"
        shown = ", ".join(map(str, self.ranks[:8])) + (", ..." if len(self.ranks) > 8 else "")
        return f"Sort along axis {self.axis}, ranks {shown}"

    def _places(self, size: int) -> list[int]:
        wrong = [r for r in self.ranks if not -size <= r < size][:1]
        if wrong:
            raise ShapeError(f"rank {wrong[0]} does not fit {size} entries")
        return [r % size for r in self.ranks] or list(range(size))

    def output_shape(self, shape: Shape) -> Shape:
        if not -len(shape) <= self.axis < len(shape):
            raise ShapeError(f"axis {self.axis} does not fit an input of shape {shape}")
        size = shape[self.axis]
        places = self._places(size)
        if not _extremes(places, size):
            copies = math.prod(shape) // size
            if size > _MOST_ENTRIES:
                raise LimitError(
                    f"{self.label}: {size} entries in a row would have too many orders; up to "
                    f"{_MOST_ENTRIES} are sorted. Take only the largest or the smallest one"
                )
            units = copies * sum(map(len, comparisons(size, places)))
            if units > _MOST_UNITS:
                raise LimitError(
                    f"{self.label}: would make {units:,} units; up to {_MOST_UNITS:,} are made. "
                    "Take a smaller input, or only the largest or the smallest entry"
                )
        out = list(shape)
        out[self.axis] = len(places)
        return tuple(out)

    def entries_read(self, shapes: Sequence[Shape], shape: Shape) -> int:
        size = shapes[0][self.axis]
        if _extremes(self._places(size), size):
            return size * math.prod(shape)
        return 2 * math.prod(shapes[0]) // size * sum(map(len, comparisons(size)))

    def forward(self, x: np.ndarray) -> np.ndarray:
        axis = self.axis if self.axis < 0 else self.axis + 1
        self.output_shape(x.shape[1:])
        return np.asarray(np.take(np.sort(x, axis=axis), self._places(x.shape[axis]), axis=axis))

    def lower(self, builder: Builder, x: Tensor) -> Tensor:
        out_shape = self.output_shape(x.shape)
        axis = self.axis % len(x.shape)
        size = x.shape[axis]
        places = self._places(size)
        entries = np.moveaxis(np.arange(math.prod(x.shape)).reshape(x.shape), axis, -1)
        rows = entries.reshape(-1, size)
        found: Tensor
        if _extremes(places, size):
            ends = [
                builder.max_units(x, rows, (len(rows), 1), concave=place == 0)
                for place in sorted(set(places))
            ]
            found, size = builder.join(ends), len(ends)
            order = np.arange(len(rows) * size).reshape(size, len(rows)).T
            places = [sorted(set(places)).index(place) for place in places]
        else:
            found = builder.gather(x, rows)
            for step in comparisons(size, places):
                found = _compared(builder, found, step)
            order = np.arange(len(rows) * size).reshape(len(rows), size)
        kept = order[:, places].reshape([*entries.shape[:-1], len(places)])
        return builder.reshape(builder.gather(found, np.moveaxis(kept, -1, axis)), out_shape)


def _compared(builder: Builder, x: Tensor, step: Step) -> Tensor:
    """Rows of entries after some pairs were compared: the smaller one first."""
    rows, size = x.shape
    pairs = np.array(step, dtype=np.int64)
    entries = np.arange(rows * size).reshape(rows, size)
    members = entries[:, pairs].reshape(-1, 2)
    n = len(members)
    larger = builder.max_units(x, members, (n,))
    smaller = builder.affine(
        builder.join([x, larger]),
        np.arange(n + 1, dtype=np.int64) * 3,
        np.column_stack([members, rows * size + np.arange(n)]).reshape(-1),
        np.tile(np.array([1.0, 1.0, -1.0]), n),
        np.zeros(n),
        (n,),
    )
    made = np.arange(n).reshape(rows, len(step))
    entries[:, pairs[:, 0]] = rows * size + made
    entries[:, pairs[:, 1]] = rows * size + n + made
    return builder.gather(builder.join([x, smaller, larger]), entries)


def _extremes(places: Sequence[int], size: int) -> bool:
    """Whether only ends of the order are wanted; two entries are both ends, and compared once."""
    wanted = set(places)
    return wanted <= {0, size - 1} and (size > 2 or len(wanted) == 1)


def comparisons(size: int, places: Sequence[int] | None = None) -> list[Step]:
    """Which pairs are compared, step after step, to find some places of the order.

    Examples
    --------
    >>> comparisons(3)
    [[(0, 2)], [(0, 1)], [(1, 2)]]
    >>> sum(map(len, comparisons(8))), sum(map(len, comparisons(8, [6, 7])))
    (19, 15)
    """
    steps: list[Step] = []
    top = 1 << max(0, (size - 1).bit_length() - 1)
    p = top
    while p and size > 1:
        q, r, d = top, 0, p
        while True:
            steps.append([(i, i + d) for i in range(size - d) if i & p == r])
            if q == p:
                break
            d, q, r = q - p, q // 2, p
        p //= 2
    if places is None:
        return [step for step in steps if step]
    needed, kept = set(places), []
    for step in reversed(steps):
        used = [pair for pair in step if needed.intersection(pair)]
        for pair in used:
            needed.update(pair)
        if used:
            kept.append(used)
    return kept[::-1]
