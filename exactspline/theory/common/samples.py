"""What most checks compare with: the exact forward at points that span a region.

The forward evaluates operator by operator in rationals; it knows nothing of codes, programs and
affine maps. Two affine maps agree on a region's affine hull exactly where they agree at k + 1
affinely independent points of it (k the domain's dimension).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from ...domain.rows import dense_fractions
from ...partition.regions.maps import program_map
from .region_maps import dense, dot, fractions_of
from .watch import watched

if TYPE_CHECKING:
    from ...network.network import Network
    from ...partition.partition import Partition

__all__ = [
    "Maps",
    "Simplex",
    "exact_forward",
    "maps_of",
    "region_rows",
    "simplices",
    "steps_inside",
    "times",
]

_BATCH = 512
_EAGER = 200_000  # Fractions of maps that are held


@dataclass(frozen=True)
class Simplex:
    """k + 1 affinely independent points strictly inside a region, and their mean.

    Attributes
    ----------
    region : int
    t : list of k + 2 points in the domain's coordinates
        The witness, a step along every axis, and last the mean of these.
    x : list of the same points as inputs of the network
    """

    region: int
    t: list[list[Fraction]]
    x: list[list[Fraction]]


def times(A: np.ndarray, B: np.ndarray) -> np.ndarray:
    """The exact product of a matrix with a matrix or vector of Fractions, by flint."""
    from ...polyhedra.linear import matrix_of

    columns = B.reshape(len(B), -1)
    if min(*A.shape, *columns.shape) == 0:
        return np.full((len(A), *B.shape[1:]), Fraction(0), dtype=object)
    product = matrix_of(A.tolist()) * matrix_of(columns.tolist())
    out = np.empty(len(A) * columns.shape[1], dtype=object)
    out[:] = fractions_of(product.entries())
    return out.reshape(len(A), *B.shape[1:])


def region_rows(partition: Partition, region: int) -> list[tuple[Fraction, list[Fraction]]]:
    """The conditions of a region over the domain's coordinates: constant + <c, t> > 0 inside."""
    rows = [fractions_of(c.row) for c in partition[region]._conditions]
    return [(row[0], row[1:]) for row in rows]


def steps_inside(
    rows: Sequence[tuple[Fraction, list[Fraction]]],
    start: Sequence[Fraction],
    direction: Sequence[Fraction],
) -> Fraction:
    """A step from a point along a direction that stays strictly inside rows positive there.

    Rows that vanish at the point must not fall along the direction.
    """
    step = Fraction(1)
    for constant, coefficients in rows:
        slope = dot(coefficients, direction)
        if slope < 0:
            step = min(step, -(constant + dot(coefficients, start)) / (2 * slope))
    return step


def simplices(partition: Partition) -> Iterator[Simplex]:
    """Points that span every region, region by region."""
    k, chart = partition.domain.chart.dim, partition.domain.chart
    for region in watched(range(len(partition)), len(partition), "regions"):
        rows = region_rows(partition, region)
        witness = list(partition.witness(region))
        points = [witness]
        for j in range(k):
            axis = [Fraction(int(i == j)) for i in range(k)]
            step = steps_inside(rows, witness, axis)
            points.append([v + step * a for v, a in zip(witness, axis, strict=True)])
        points.append([sum(column, Fraction(0)) / (k + 1) for column in zip(*points, strict=True)])
        yield Simplex(region, points, [chart.lift(t) for t in points])


def exact_forward(network: Network, points: Sequence[Sequence[Fraction]]) -> list[list[Any]]:
    """The network's exact values at points, flat: the operators' forwards, in rationals."""
    out: list[list[Any]] = []
    for start in range(0, len(points), _BATCH):
        some = points[start : start + _BATCH]
        batch = np.empty((len(some), network.input_dim), dtype=object)
        for i, point in enumerate(some):
            batch[i] = point
        out += network.forward(batch, exact=True).reshape(len(some), -1).tolist()
    return out


@dataclass(frozen=True)
class Maps:
    """All regions' affine maps, as the compiled program composes them.

    Attributes
    ----------
    A : object array, shape (regions, C, D)
        Over the inputs. Of large partitions, this and the others are made as they are asked for,
        region by region, and only some thousand regions are held.
    b : object array, shape (regions, C)
    over_t : object array, shape (regions, C, k)
        Over the domain's coordinates: what is compared where the domain is flat.
    shift : object array, shape (regions, C)
    """

    A: Any
    b: Any
    over_t: Any
    shift: Any


def maps_of(partition: Partition) -> Maps:
    """The affine maps of all regions, as the compiled program composes them."""
    net, chart = partition.network, partition.domain.chart
    entries = len(partition) * net.output_dim * (net.input_dim + chart.dim + 2)
    if entries > _EAGER:
        source = _Source(partition)
        return Maps(*(_Lazy(source, part) for part in range(4)))
    A, b = partition.affine_pieces(exact=True)
    P, p = dense(chart.point, "the domain's chart")
    rows = A.reshape(-1, A.shape[2])
    over_t = times(rows, P).reshape(*A.shape[:2], P.shape[1])
    return Maps(A, b, over_t, times(rows, p).reshape(b.shape) + b)


class _Source:
    """The maps of single regions, of which the last ones asked for are kept."""

    def __init__(self, partition: Partition) -> None:
        self.partition = partition
        self.chart = P, p = dense(partition.domain.chart.point, "the domain's chart")
        self.identity = P.tolist() == np.eye(len(P), dtype=int).tolist() and not any(p)
        net, k = partition.network, partition.domain.chart.dim
        size = max(1, net.output_dim * (net.input_dim + k + 2))
        self.most = max(2, _EAGER // size)
        self.known: OrderedDict[int, tuple[np.ndarray, ...]] = OrderedDict()

    def of(self, region: int) -> tuple[np.ndarray, ...]:
        """A, b, and both over the domain's coordinates."""
        found = self.known.get(region)
        if found is not None:
            self.known.move_to_end(region)
            return found
        partition = self.partition
        A, b = dense_fractions(program_map(partition.network.program, partition.code(region)))
        P, p = self.chart
        plain = self.identity
        found = A, b, A if plain else times(A, P), b if plain else times(A, p) + b
        self.known[region] = found
        if len(self.known) > self.most:
            self.known.popitem(last=False)
        return found


class _Lazy:
    """One of the arrays of `Maps`: indexed by a region first, never held as a whole."""

    def __init__(self, source: _Source, part: int) -> None:
        self.source, self.part = source, part

    def __len__(self) -> int:
        return len(self.source.partition)

    def __getitem__(self, index: Any) -> Any:
        region, *rest = index if isinstance(index, tuple) else (index,)
        found = self.source.of(int(region))[self.part]
        return found[tuple(rest)] if rest else found

    def __iter__(self) -> Iterator[np.ndarray]:
        for region in range(len(self)):
            yield self[region]
