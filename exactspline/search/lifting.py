"""Facets from the coordinates of the search to the domain's own."""

from __future__ import annotations

import numpy as np

from ..cells.space import SearchSpace
from ..compile.program import Program
from ..domain import Chart
from .facet_columns import FoundFacets, code_hashes, hash_table

__all__ = ["lift_facets", "sides_only"]


def _bound_sides(chart: Chart) -> tuple[list[list[int]], int]:
    """Per coordinate the numbers of its bounds among the domain's sides; and how many there are.

    The domain's sides: lower and upper bounds in the order of the coordinates, then the rows.
    """
    out: list[list[int]] = []
    count = 0
    for low, high in zip(chart.low, chart.high, strict=True):
        number = (low is not None) + (high is not None)
        out.append(list(range(count, count + number)))
        count += number
    return out, count


def lift_facets(found: FoundFacets, space: SearchSpace, first: int) -> None:
    """Bring a batch's facets into the domain's coordinates, in place.

    Sides are numbered as the domain's. Bounds of coordinates that nothing reads were not part
    of the search: they are sides of every region. Points keep the search's coordinates only.

    Parameters
    ----------
    found : FoundFacets
    space : SearchSpace
    first : int
        The number of the batch's first region.
    """
    bounds, n_bounds = _bound_sides(space.chart)
    columns = space.columns.tolist()
    sides = [side for j in columns for side in bounds[j]]
    sides += range(n_bounds, n_bounds + len(space.chart.rows))
    found.border_side = np.array(sides, dtype=np.int32)[found.border_side]
    unread = [side for j in range(space.chart.dim) if j not in columns for side in bounds[j]]
    if unread:
        numbers = np.arange(first, first + len(found.hashes))
        found.border_region = np.concatenate([found.border_region, np.repeat(numbers, len(unread))])
        more = np.tile(np.array(unread, dtype=np.int32), len(numbers))
        found.border_side = np.concatenate([found.border_side, more])
    found.exact = {e: tuple(space.to_chart(point)) for e, point in found.exact.items()}


def sides_only(program: Program, chart: Chart, code: np.ndarray) -> FoundFacets:
    """The facets of a domain's only region: those of the domain."""
    from ..cells.space import dense_rows, whole_space
    from ..polyhedra.lp import q
    from ..polyhedra.reduce import side_facets

    rows = dense_rows(whole_space(program, chart).rows)
    sides = side_facets(rows, [q(v) for v in chart.interior])
    none = np.zeros(0, dtype=np.int64)
    return FoundFacets(
        code_hashes(program, hash_table(program), code[None]), np.zeros(1, dtype=np.int64),
        none, none.astype(np.uint64), none, none, none, none, np.zeros((0, chart.dim)),
        none, none, none, np.zeros(len(sides), dtype=np.int64), np.array(sides, dtype=np.int32),
    )  # fmt: skip
