"""Where the polygons of a partition's regions come from, and over which coordinates."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from ...cells.forms import ExactForms
from ...cells.space import SearchSpace, search_space, whole_space
from ...errors import DomainError, ParameterError
from ...polyhedra.lp import Row, float_of
from ...polyhedra.planar import AT_INFINITY, cyclic, meet
from ...search.facet_columns import code_hashes, hash_table
from ...search.plane.faces import IDEAL, SIDE, PlaneFaces

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
    from ...cells.space import dense_rows
    from ..faces.euler import closed_characteristic

    return closed_characteristic(dense_rows(space.rows), space.dim)


def faces_of(partition: AdjacentRegions, space: SearchSpace) -> PlaneFaces:
    """The polygons of all regions, in their order, over a space of two dimensions."""
    return _from_facets(partition, space)


def _from_facets(partition: AdjacentRegions, space: SearchSpace) -> PlaneFaces:
    program, edges, borders = partition.network.program, partition.edges, partition.borders
    forms, codes = ExactForms(program, space), partition.codes.astype(np.int64)
    hashes = code_hashes(program, hash_table(program), codes)
    sides: list[list[tuple[Row, int, int, int, int, int]]] = [[] for _ in range(len(partition))]
    for region, side in zip(borders.region.tolist(), borders.side.tolist(), strict=True):
        sides[region].append((forms.domain_rows[side], SIDE, 0, side, 1, 0))
    for e in range(len(edges)):
        source, target, unit = int(edges.source[e]), int(edges.target[e]), int(edges.unit[e])
        layer, form = edges.form_of(e)
        row, sign = forms.form(layer, form, codes[source]), int(edges.sign[e])
        form += int(program.form_start[layer])
        row = row if sign > 0 else [-v for v in row]
        sides[source].append((row, unit, int(codes[target, unit]), form, sign, int(hashes[target])))
        sides[target].append(
            ([-v for v in row], unit, int(codes[source, unit]), form, -sign, int(hashes[source]))
        )
    rows, start = [], [0]
    for own in sides:
        order = cyclic([side[0] for side in own]) if own else []
        rows += [(AT_INFINITY, IDEAL, 0, 0, 0, 0) if i < 0 else own[i] for i in order]
        start.append(len(rows))
    corner = np.zeros((len(rows), 3))
    for first, last in pairwise(start):
        for i in range(first, last):
            w, x, y = meet(rows[i - 1 if i > first else last - 1][0], rows[i][0])
            size = w if w != 0 else max(abs(x), abs(y))
            corner[i] = float_of(x / size), float_of(y / size), float(w != 0)
    return PlaneFaces(
        np.array(start, dtype=np.int64), corner, np.full(len(rows), np.inf),
        np.array([row[1] for row in rows], dtype=np.int32),
        np.array([row[2] for row in rows], dtype=np.int32),
        np.array([row[3] for row in rows], dtype=np.int64),
        np.array([row[4] for row in rows], dtype=np.int8),
        hashes, np.array([row[5] for row in rows], dtype=np.uint64),
    )  # fmt: skip
