"""The facets of one region of a partition whose edges are known."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...cells.facets import Condition, Facet
from ...polyhedra.decide import decide
from ...polyhedra.lp import Row, crossing, q

if TYPE_CHECKING:
    from ..columns.table import RegionTable
    from .edges import Borders, Edges

__all__ = ["known_facets"]


def known_facets(partition: RegionTable, edges: Edges, borders: Borders, index: int) -> list[Facet]:
    """All facets of a region, read off the partition's columns.

    Parameters
    ----------
    partition : RegionTable
    edges, borders
        All of them.
    index : int

    Returns
    -------
    list of Facet
        The domain's sides, then the units in order.
    """
    rows: list[Row] = []
    between: list[Facet] = []
    for e in edges.of_region(index):
        row, flips = edges.row(e), edges.flips(e)
        sign = int(edges.sign[e])
        if index != edges.source[e]:  # earlier layers are the same on both sides: so is the form
            row, sign = [-v for v in row], -sign
            source = partition.code(int(edges.source[e]))
            flips = tuple((unit, int(source[unit])) for unit, _ in flips)
        condition = Condition(row, -1, *edges.form_of(e), sign, flips[0][0])
        rows.append(row)
        between.append(Facet(condition, [q(v) for v in edges.witness(e)], flips))
    between.sort(key=lambda facet: (facet.condition.unit, facet.condition.form))
    sides = partition._exact_forms.domain_rows
    a, b = np.searchsorted(borders.region, [index, index + 1])
    own = [sides[s] for s in borders.side[a:b].tolist()]
    inside = [q(v) for v in partition.witness(index)]
    out = []
    for at, side in enumerate(borders.side[a:b].tolist()):
        others = [*own[:at], *own[at + 1 :], *rows]
        beyond = decide(others, own[at], inside).minus
        point = crossing(own[at], inside, beyond)
        out.append(Facet(Condition(own[at], side), point, ()))
    return out + between
