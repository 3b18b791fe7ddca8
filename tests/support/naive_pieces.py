"""The affine maps of regions by brute force: the naive twin of pieces and their counts.

A network is evaluated straight from its description, step by step in Fractions, at points of a
region's closure that span it; its affine map there follows by elimination. Nothing of the
package is used, and nothing is lowered or composed.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from operator import mul
from typing import Any

import naive
import random_networks as nets
from naive_graph import Cell, Twin, _rank, _solved

Map = tuple[tuple[Fraction, ...], ...]  # a row of coefficients over y for every output


def value(steps: Sequence[tuple[Any, ...]], x: Sequence[Any]) -> list[Fraction]:
    """The value of a network, given by its steps, at a point."""
    z = [Fraction(v) for v in x]
    for kind, *arguments in steps:
        if kind == "dense":
            rows = zip(*arguments, strict=True)
            z = [
                sum((Fraction(w) * v for w, v in zip(row, z, strict=True)), Fraction(c))
                for row, c in rows
            ]
        elif kind == "skip":
            z = value(arguments[0], z) + z
        elif kind in ("max", "min"):
            choose = max if kind == "max" else min
            z = [choose(z[m] for m in members) for members in arguments[0]]
        elif kind == "scalar":
            z = [_scalar(v, *kinds) for v, kinds in zip(z, arguments[0], strict=True)]
        else:
            below = {"relu": [0], "abs": [-1]}.get(kind) or arguments[0]
            below = below if isinstance(below, list) else [below]
            below = below * len(z) if len(below) == 1 else below
            z = [v if v > 0 else Fraction(s) * v for v, s in zip(z, below, strict=True)]
    return z


def _scalar(v: Fraction, breaks: Sequence[Any], pieces: Sequence[Any]) -> Fraction:
    piece = sum(1 for t in breaks if v > Fraction(t))
    slope, const = pieces[piece]
    return Fraction(slope) * v + Fraction(const)


class NaivePieces:
    """A network on a domain: its cells, their adjacency and their affine maps.

    Attributes
    ----------
    maps : list of Map
        For every region the outputs as linear forms over y (see ``naive``).
    linear, distinct : list of int
        For every region its group, numbered by the group's lowest region.
    """

    def __init__(self, spec: nets.Spec, domain: Sequence[Any]) -> None:
        self.spec = spec
        self.twin = Twin(nets.twin(spec), domain)
        self.maps = [self._map(cell) for cell in self.twin.cells]
        parent = list(range(len(self.maps)))

        def find(i: int) -> int:
            while parent[i] != i:
                i = parent[i]
            return i

        for i, j in self.twin.edges:
            if self.maps[i] == self.maps[j]:
                a, b = sorted((find(i), find(j)))
                parent[b] = a
        self.linear = _numbered([find(i) for i in range(len(parent))])
        self.distinct = _numbered([self.maps.index(m) for m in self.maps])

    def _map(self, cell: Cell) -> Map:
        cone, k = cell.cone, self.twin.k
        inside = [sum(column) for column in zip(*cone.rays, strict=True)]  # t0 > 0 there
        points = [inside]
        for step in [*cone.rays, *cone.lines]:
            further = [a + b for a, b in zip(inside, step, strict=True)]
            if _rank([*points, further]) > len(points):
                points.append(further)
        assert len(points) == k + 1, "a cell that is not full-dimensional"
        values = [self._homogeneous(y) for y in points]
        rows = [[Fraction(v) for v in y] for y in points]
        solved = _solved(rows, [list(column) for column in zip(*values, strict=True)])
        return tuple(zip(*solved, strict=True))

    def _homogeneous(self, y: Sequence[int]) -> list[Fraction]:
        """t0 f(t / t0)."""
        t = [Fraction(v, y[0]) for v in y]
        x = [sum(map(mul, row, t), Fraction(0)) for row in self.twin.x_rows]
        return [y[0] * v for v in value(self.spec.steps, x)]


def _numbered(groups: Sequence[int]) -> list[int]:
    seen: dict[int, int] = {}
    return [seen.setdefault(g, len(seen)) for g in groups]


def in_order(codes: Sequence[Sequence[int]]) -> bool:
    """Whether codes increase strictly."""
    return all(tuple(a) < tuple(b) for a, b in pairwise(codes))


__all__ = ["Map", "NaivePieces", "in_order", "naive", "value"]
