"""Batches joined to one: engines hand over small ones where they search in rationals."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from ..compile.program import Program
from ..search.decisions import Batch
from ..search.facet_columns import FoundFacets

__all__ = ["merged", "part_of"]


def merged(batches: Sequence[Batch], program: Program, dim: int) -> Batch:
    """One batch of all regions in order.

    Parameters
    ----------
    batches : sequence of Batch
        Of one run, in order; facets number regions and sides through all of them.
    program : Program
    dim : int
        The dimension of the domain.
    """
    batches = [batch for batch in batches if len(batch.codes)]
    if not batches:
        return Batch(np.zeros((0, program.n_units), dtype=np.uint8), np.zeros((0, dim)))
    exact: dict[int, tuple[Fraction, ...]] = {}
    n = 0
    for batch in batches:
        exact.update({n + i: point for i, point in batch.exact.items()})
        n += len(batch.codes)
    codes = np.concatenate([batch.codes for batch in batches])
    points = np.concatenate([batch.points for batch in batches])
    found = [batch.facets for batch in batches if batch.facets is not None]
    return Batch(codes, points, exact, n, _joined(found) if found else None)


def _joined(found: Sequence[FoundFacets]) -> FoundFacets:
    """The facets of several batches as those of one; edges are numbered anew."""
    columns: dict[str, np.ndarray] = {}
    for name in FoundFacets.__dataclass_fields__:
        if name == "exact":
            continue
        columns[name] = np.concatenate([getattr(facets, name) for facets in found])
    exact: dict[int, tuple[Fraction, ...]] = {}
    edges, flips = 0, 0
    for facets in found:
        exact.update({edges + e: point for e, point in facets.exact.items()})
        columns["flip_edge"][flips : flips + len(facets.flip_edge)] += edges
        edges += len(facets.region)
        flips += len(facets.flip_edge)
    return FoundFacets(**columns, exact=exact)


def part_of(batch: Batch, begin: int, end: int, start: int) -> Batch:
    """Regions ``begin`` to ``end - 1`` of a batch whose facets number them from ``start``."""
    exact = {i - begin: point for i, point in batch.exact.items() if begin <= i < end}
    codes, points = batch.codes[begin:end], batch.points[begin:end]
    found = batch.facets
    if found is not None:
        found = _part_of_facets(found, begin, end, start)
    return Batch(codes, points, exact, len(codes), found)


def _part_of_facets(found: FoundFacets, begin: int, end: int, start: int) -> FoundFacets:
    a, b = start + begin, start + end
    edges = (found.region >= a) & (found.region < b)
    borders = (found.border_region >= a) & (found.border_region < b)
    place = np.cumsum(edges) - 1
    flips = edges[found.flip_edge]
    columns = {"hashes": found.hashes[begin:end], "down": found.down[begin:end]}
    for name in ("region", "target", "unit", "piece", "form", "sign", "point"):
        columns[name] = getattr(found, name)[edges]
    columns["flip_edge"] = place[found.flip_edge[flips]]
    columns["flip_unit"] = found.flip_unit[flips]
    columns["flip_piece"] = found.flip_piece[flips]
    columns["border_region"] = found.border_region[borders]
    columns["border_side"] = found.border_side[borders]
    exact = {int(place[e]): p for e, p in found.exact.items() if edges[e]}
    return FoundFacets(**columns, exact=exact)
