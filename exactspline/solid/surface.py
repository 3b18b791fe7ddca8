"""The surface {f = c} of a partition, and the border of {f > c}, as a mesh.

How it is found
---------------
The network gets one more layer, ReLU(f - c), and is searched again: now no region is cut by the
surface, and the facets where that unit changes are the surface, each of them once, as the search
proves all facets. They also are where it lies in a facet of the partition; f = c on a whole region
is a tie, which the unit counts as 0: such a region is outside. Regions inside, with the facets
to regions outside and those in the domain's border, are the mesh.

Closures of regions form a complex (`partition/faces/faces.py`): two of them share a whole face or
nothing. So facets share whole edges, and no corner lies inside an edge of another facet. The
border of a sum of polytopes has as many facets one way around each edge as the other way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np

from ..clock import Clock, OutOfTime, current
from ..domain.rows import all_rows, dense_fractions, dense_rows
from ..driver.partitions import enumerated
from ..driver.request import Request
from ..errors import DomainError, LimitError, ParameterError, UndecidedError
from ..evaluate import prepare
from ..mode import guarded
from ..network import Dense, Flatten, Network, Operator, ReLU, Reshape
from ..partition.faces.ties import region_rows
from ..partition.partition import Partition
from ..partition.regions.outputs import OutputRows
from ..polyhedra.lp import q, value_at
from ..polyhedra.vertices import generators
from .mesh import Mesh, Polygons
from .polytopes import Vertex, polytope
from .wanted import Wanted, wanted_of

if TYPE_CHECKING:
    from ..domain import Domain

__all__ = ["check_domain", "check_solid", "surface"]

MOST_REGIONS = 2_000_000
MOST_CELLS = 200_000  # of which exact corners are computed; a millisecond each

_CHUNK = 1 << 16

Watch = Callable[[int, int], None]


@guarded
def surface(
    partition: Partition, level: Any = 0, *, output: int | None = None,
    pair: Sequence[int] | None = None, winner: int | None = None, below: bool = False,
    closed: bool = True, progress: Watch | None = None,
) -> Mesh:  # fmt: skip
    """The border of {f > level} as a mesh; see `Partition.surface`."""
    check_solid(partition, "surface")
    wanted = wanted_of(partition.network, level, output, pair, winner, below)
    levels = _levels(partition.network, wanted)
    extended, units = _with_units(levels)
    refined = _searched(extended, partition.domain)
    codes = refined.codes
    inside = (codes[:, units] != 0).all(axis=1)
    kept = np.delete(codes, units, axis=1)
    own = _numbers(partition, kept)
    facets = _Facets(refined, inside, closed)
    vertices: dict[Vertex, int] = {}
    paths, region, side = [], [], []
    for cell, path, at in facets.paths(vertices, progress):
        paths.append(path)
        region.append(int(own[cell]))
        side.append(at)
    mesh = Mesh(
        wanted.what, partition.domain, Polygons(list(vertices), paths, region, side),
        closed=closed, sides={at: partition.side(at) for at in sorted(set(side) - {-1})},
        flat=_flat(refined, np.flatnonzero(~inside), own, levels, kept),
    )  # fmt: skip
    if closed and (mesh.edges.balance.any() or (mesh.edges.count % 2).any()):
        raise UndecidedError(
            "surface: the triangles around an edge do not fit together; please report this network"
        )
    return mesh


def check_solid(partition: Partition, what: str) -> None:
    """Refuse partitions that are no bounded solid of three dimensions, with what to do."""
    if not isinstance(partition, Partition):
        raise ParameterError(f"{what}: give a Partition, not a {type(partition).__name__}")
    check_domain(partition.domain, what)
    if not partition.complete:
        raise ParameterError(
            f"{what}: the search was stopped, so regions are missing; run it to its end, or on a "
            "smaller domain"
        )


def check_domain(domain: Domain, what: str) -> None:
    """Refuse domains that are no bounded solid of three dimensions, with what to do."""
    chart = domain.chart
    if chart.dim != 3:
        then = (
            "take a slice: es.Slice(point, [a, b, c], es.Box(-1, 1, dim=3)), on the command line "
            "--slice p.npy a.npy b.npy c.npy --box 0 1"
            if chart.dim > 3
            else "in two dimensions see complex() and decision_boundary()"
        )
        raise DomainError(f"{what}: the domain has {chart.dim} dimensions, not three; {then}")
    found = generators(dense_rows(all_rows(chart.low, chart.high, chart.rows, 3)), 3)
    if found.rays or found.lines:
        raise DomainError(
            f"{what}: the domain is not bounded ({domain.describe()}); take a box: "
            "es.Box(-10, 10, dim=3), on the command line --box -10 10"
        )


def _levels(network: Network, wanted: Wanted) -> Network:
    """The rows, each less the level, as a network."""
    n = network.output_dim
    weight = np.zeros((len(wanted.rows), n))
    for r, row in enumerate(wanted.rows):
        for i, value in row.items():
            weight[r, i] = value
    nodes = _nodes(network)
    if network.output_shape != (n,):
        nodes.append((Flatten(), [len(nodes) - 1]))
    nodes.append((Dense(weight, [-wanted.level] * len(weight)), [len(nodes) - 1]))
    return Network.from_nodes(nodes, network.input_shape)


def _with_units(levels: Network) -> tuple[Network, np.ndarray]:
    """The network with a ReLU of every row behind it, and where these stand in codes."""
    name = "surface"
    while name in levels.labels:
        name += "'"
    nodes = _nodes(levels)
    nodes.append((ReLU(name=name), [len(nodes) - 1]))
    extended = Network.from_nodes(nodes, levels.input_shape)
    program = extended.program
    # a layer holds the units of one depth, so that these need not be the last ones
    units = [u for u in range(program.n_units) if program.unit_name(u).operator == name]
    if len(units) != levels.output_dim:
        raise UndecidedError("surface: the units of the level are not all there")
    return extended, np.array(units)


def _nodes(network: Network) -> list[tuple[Operator, Sequence[int]]]:
    return [(node.operator, node.inputs) for node in network.nodes]


def _searched(network: Network, domain: Domain) -> Partition:
    clock = Clock(outer=current())
    refined = enumerated(Request(network, domain, MOST_REGIONS, facets=True), clock)
    if not refined.complete:
        if refined.stopped is not None and refined.stopped.reason == "interrupt":
            raise KeyboardInterrupt
        if len(refined) < MOST_REGIONS:
            raise OutOfTime
        raise LimitError(
            f"surface: more than {MOST_REGIONS:,} regions; take a smaller domain, or a part of it"
        )
    return refined


def _numbers(partition: Partition, kept: np.ndarray) -> np.ndarray:
    """The regions of the partition with the given codes."""
    distinct, at = np.unique(kept, axis=0, return_inverse=True)
    index = partition._code_index
    found = [index.find(code) for code in distinct]
    if any(v is None for v in found):
        raise UndecidedError(
            "surface: a region is not in the partition; was it made of this network?"
        )
    return np.array(found, dtype=np.int32)[at.reshape(-1)]


class _Facets:
    """The facets between inside and outside, and those of the inside in the domain's border."""

    def __init__(self, refined: Partition, inside: np.ndarray, closed: bool) -> None:
        self.refined = refined
        self.inside = inside
        edges, borders = refined.edges, refined.borders
        cut = inside[edges.source] != inside[edges.target]
        own = np.where(inside[edges.source], edges.source, edges.target)[cut]
        caps = borders.region[inside[borders.region]] if closed else np.zeros(0, np.int32)
        self.cells = np.union1d(own, caps)
        self.closed = closed
        if len(self.cells) > MOST_CELLS:
            raise LimitError(
                f"surface: it runs through {len(self.cells):,} regions, over the limit of "
                f"{MOST_CELLS:,}; take a smaller domain"
            )

    def paths(
        self, vertices: dict[Vertex, int], progress: Watch | None
    ) -> Iterator[tuple[int, list[int], int]]:
        """Per facet its cell, its corners (numbered anew) and its side of the domain."""
        rows = OutputRows(self.refined.network, self.refined.domain)
        total = len(self.cells)
        for done, cell in enumerate(region_rows(self.refined, rows, self.cells.tolist())):
            if progress is not None:
                progress(done, total)
            wanted = [
                i
                for i, wall in enumerate(cell.walls)
                if (self.closed if wall.side >= 0 else not self.inside[wall.other])
            ]
            found = polytope([wall.row for wall in cell.walls], wanted)
            for i, path in found.facets.items():
                corners = [found.vertices[v] for v in path]
                numbers = [vertices.setdefault(v, len(vertices)) for v in corners]
                first = numbers.index(min(numbers))
                side = cell.walls[i].side
                yield cell.region, numbers[first:] + numbers[:first], side
        if progress is not None:
            progress(total, total)


def _flat(
    refined: Partition, outside: np.ndarray, own: np.ndarray, levels: Network, kept: np.ndarray
) -> list[int]:
    """Regions of the partition on which a row of ``levels`` is 0 and no row is negative.

    Outside, every row keeps its sign on a region, and is 0 on all of it or nowhere: so values
    at the witness tell. What float64 proves to be negative there needs no rationals.
    """
    open_ = np.ones(len(outside), dtype=bool)
    with suppress(ParameterError):  # beyond the range of float64
        core = prepare(_over_chart(levels, refined.domain), engine="numpy")
        for start in range(0, len(outside), _CHUNK):
            part = slice(start, start + _CHUNK)
            points = refined.witnesses[outside[part]]
            out = core.run(points, affine=False, proved=True)
            assert out.error is not None
            open_[part] = ~(out.values < -out.error[:, None]).any(axis=1)
    open_ |= np.isin(outside, list(refined.exact_witnesses))
    rows = OutputRows(levels, refined.domain)
    flat = set()
    for cell in outside[open_].tolist():
        at = [q(v) for v in refined.witness(cell)]
        if all(value_at(row, at) >= 0 for row in rows(kept[cell])):
            flat.add(int(own[cell]))
    return sorted(flat)


def _over_chart(network: Network, domain: Domain) -> Network:
    """The same function of the domain's coordinates."""
    A, b = dense_fractions(domain.chart.point)
    if np.array_equal(A, np.eye(len(A))) and not b.any():
        return network
    first: list[tuple[Operator, Sequence[int]]] = [(Dense(A, b), [-1])]
    if len(network.input_shape) != 1:
        first.append((Reshape(network.input_shape), [0]))
    n = len(first)
    nodes = [(node.operator, [i + n for i in node.inputs]) for node in network.nodes]
    return Network.from_nodes([*first, *nodes], (domain.chart.dim,))
