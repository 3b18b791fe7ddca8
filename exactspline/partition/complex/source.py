"""Where the polygons of a partition's regions come from, and over which coordinates."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...cells.space import SearchSpace, dense_rows, search_space, whole_space
from ...errors import DomainError, ParameterError
from ...polyhedra.lp import q
from ...polyhedra.reduce import side_facets
from ...search.facet_columns import code_hashes, hash_table
from ...search.plane.faces import SIDE, PlaneFaces
from .from_facets import faces_from_facets, polygons

if TYPE_CHECKING:
    from ..graph.adjacent import AdjacentRegions

__all__ = ["complex_space", "faces_of", "space_characteristic"]


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
    program, chart = partition.network.program, partition.domain.chart
    if chart.dim and program.layers:
        read = search_space(program, chart)
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
    return faces_from_facets(partition, space)


def _domain(partition: AdjacentRegions, space: SearchSpace) -> PlaneFaces:
    """The domain itself as a face."""
    rows, program = dense_rows(space.rows), partition.network.program
    inside = [q(v) for v in space.interior]
    sides = [(rows[i], SIDE, 0, i, 1, 0) for i in side_facets(rows, inside)]
    code = partition.codes.astype(np.int64)
    return polygons([sides], code_hashes(program, hash_table(program), code))
