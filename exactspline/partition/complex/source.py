"""Where the polygons of a partition's regions come from, and over which coordinates."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...cells.space import SearchSpace, dense_rows, whole_space
from ...errors import DomainError, ParameterError
from ...polyhedra.lp import float_of, q
from ...polyhedra.planar import AT_INFINITY, cyclic, meet
from ...polyhedra.reduce import side_facets
from ...search.facet_columns import code_hashes, hash_table
from ...search.polygons import IDEAL, SIDE, PlaneFaces
from ...search.prepared import space_of
from .matching import refuse

if TYPE_CHECKING:
    from ...compile.program import Program
    from ...domain import Chart
    from ..graph.adjacent import AdjacentRegions

__all__ = ["complex_space", "faces_of", "planar_space", "space_characteristic"]


def complex_space(partition: AdjacentRegions) -> SearchSpace:
    """The coordinates that a partition's complex lives in: one or two.

    Those of the domain, without what nothing reads and nothing bounds: regions hold the whole
    lines along it.

    Raises
    ------
    ParameterError
        If the search was stopped.
    DomainError
        If more coordinates are left, or none.
    """
    if not partition.complete:
        raise ParameterError(
            "complex: the search was stopped, so faces are missing; run it to its end, or on a "
            "smaller domain"
        )
    return planar_space(partition.network.program, partition.domain.chart)


def planar_space(program: Program, chart: Chart) -> SearchSpace:
    """The coordinates that the complex of a network on a domain lives in, before any search.

    Raises
    ------
    DomainError
        As for `complex_space`.
    """
    if chart.dim and program.layers:
        read = space_of(program, chart)
        columns = read.columns.tolist()
        free = all(
            chart.low[j] is None and chart.high[j] is None
            for j in range(chart.dim)
            if j not in columns
        )
        if read.dim in (1, 2) and free:
            return read
    if chart.dim in (1, 2):
        return whole_space(program, chart)
    raise DomainError(
        f"complex: the domain has dimension {chart.dim}; complexes are of one or two dimensions. "
        "Take a slice, Slice.through(a, b, c), or partition.faces() for small partitions"
    )


def space_characteristic(space: SearchSpace) -> int:
    """What corners - edges + faces must be, of any subdivision of a space."""
    if all(value is not None for value in (*space.low, *space.high)):
        return 1  # bounded
    from ..faces.euler import closed_characteristic

    return closed_characteristic(dense_rows(space.rows), space.dim)


def faces_of(partition: AdjacentRegions, space: SearchSpace) -> PlaneFaces:
    """The polygons of all regions, in their order, over a space of two dimensions."""
    if len(partition) == 1:
        return _domain(partition, space)
    known = partition._polygons
    if known and _is_read(partition, space):
        from ...search.plane.edges import joined

        return joined(known)
    from ...search.plane.run import plane_faces

    codes, faces = plane_faces(partition.network.program, space)
    same, step = len(codes) == len(partition), 1 << 14
    for start in range(0, len(codes) if same else 0, step):
        here = codes[start : start + step]
        same = same and np.array_equal(partition._codes.rows(start, start + len(here)), here)
    if not same:
        refuse("the plane's search finds other regions")
    return faces


def _is_read(partition: AdjacentRegions, space: SearchSpace) -> bool:
    """Whether a space is that of the partition's own search."""
    read = space_of(partition.network.program, partition.domain.chart)
    return read is space or (read.dim == 2 and np.array_equal(read.columns, space.columns))


def _domain(partition: AdjacentRegions, space: SearchSpace) -> PlaneFaces:
    """The domain itself as a face."""
    rows, program = dense_rows(space.rows), partition.network.program
    sides = side_facets(rows, [q(v) for v in space.interior])
    order = [sides[i] if i >= 0 else i for i in cyclic([rows[side] for side in sides])]
    if not sides:  # the plane has no corners
        order = []
    lines = [AT_INFINITY if side < 0 else rows[side] for side in order]
    corner = np.zeros((len(order), 3))
    for i, line in enumerate(lines):
        w, x, y = meet(lines[i - 1], line)
        size = w if w != 0 else max(abs(x), abs(y))
        corner[i] = float_of(x / size), float_of(y / size), float(w != 0)
    n, far = len(order), np.array(order, dtype=np.int64) < 0
    return PlaneFaces(
        np.array([0, n], dtype=np.int64), corner, np.full(n, np.inf),
        np.where(far, IDEAL, SIDE).astype(np.int32), np.zeros(n, dtype=np.int32),
        np.where(far, 0, order).astype(np.int64), np.ones(n, dtype=np.int8),
        code_hashes(program, hash_table(program), partition.codes.astype(np.int64)),
        np.zeros(n, dtype=np.uint64),
    )  # fmt: skip
