"""Drives the kernel of facets: its buffers, its questions, and what it has found."""

from __future__ import annotations

import numpy as np

from ...cells.facets import Condition, Facet, beyond, facets_of_region
from ...polyhedra.decide import decide
from ...polyhedra.lp import Point, Row, crossing, q, value_at
from ..decisions import Batch
from ..facet_columns import FoundFacets, exact_facets
from . import control as c
from .facet_buffers import COLUMNS, grow
from .middle.arrays import exactly
from .searching import Searching
from .unchanged_units import others_stay

__all__ = ["FacetSearch"]


class FacetSearch:
    """The facets of every leaf of a kernel search.

    Parameters
    ----------
    search : KernelSearch
        Whose state has the arrays that facets are found in.
    """

    def __init__(self, search: Searching) -> None:
        self.search = search
        self.arrays = search.state.facets
        self.exact: list[tuple[int, Facet]] = []  # found in rationals, with their region
        self.queries = [0, 0, 0]

    def grow(self) -> None:
        """Double the room for facets."""
        grow(self.arrays.out)

    def answer(self) -> None:
        """Settle a constraint that the kernel left open, in rationals."""
        search, ctl = self.search, self.arrays.ctl
        state = search.state
        r = int(ctl[c.F_AT])
        self.queries[int(ctl[c.F_REASON])] += 1
        rows = search.path_rows()
        inside = search.point()
        kept = [i for i in range(len(rows)) if i != r and self.arrays.alive[i]]
        if ctl[c.F_REASON] == c.F_IS_ACROSS:
            outside = exactly(state.plus_point, state.plus_low)
        else:
            place = {i: at for at, i in enumerate(kept)}
            basis = [place[i] for i in state.other.col_id.tolist() if i in place]
            bases = [basis] if len(basis) == len(inside) else []
            verdict = decide([rows[i] for i in kept], rows[r], inside, bases)
            if verdict.kind != "cut":
                search.rational += 1
                ctl[c.F_ANSWER] = c.F_IMPLIED
                return
            outside = verdict.minus
        facet = self._facet(rows, r, inside, outside)
        search.rational += 1
        ctl[c.F_ANSWER] = c.F_FACET
        self.exact.append((search.regions - 1, facet))

    def leave(self) -> bool:
        """Give up the region whose facets are being found; False if there is none.

        It counts as not found. The kernel cannot go on after that: the region's constraints
        are not in their place.
        """
        counters, ctl = self.arrays.ctl, self.search.state.ctl
        if counters[c.F_STAGE] == c.F_IDLE:
            return False
        ctl[c.REGIONS] -= 1
        ctl[c.N_OUT] -= 1
        ctl[c.BY_FLOAT] -= 1
        self.search.state.num[c.FINISHED] -= self.search.state.num[c.WEIGHT]
        number = self.search.regions
        found = self.arrays.out
        # its facets are the last ones that were written
        edges = int(np.searchsorted(found.region[: counters[c.F_EDGES]], number))
        borders = int(np.searchsorted(found.border_region[: counters[c.F_BORDERS]], number))
        flips = int(np.searchsorted(found.flip_edge[: counters[c.F_FLIPS]], edges))
        counters[c.F_EDGES], counters[c.F_BORDERS], counters[c.F_FLIPS] = edges, borders, flips
        self.exact = [(i, facet) for i, facet in self.exact if i != number]
        return True

    def _facet(self, rows: list[Row], r: int, inside: list, outside: list) -> Facet:
        """The facet of constraint r, met on the way from inside to outside."""
        state, forms = self.search.state, self.search.forms
        here, there = value_at(rows[r], inside), value_at(rows[r], outside)
        direction = [b - a for a, b in zip(inside, outside, strict=True)]
        share = here / (here - there)
        point = [a + share * v for a, v in zip(inside, direction, strict=True)]
        if r < len(forms.domain_rows):
            return Facet(Condition(rows[r], r), point, ())
        layer, form = int(state.path.layer[r]), int(state.path.form[r])
        problem = self.search.problem
        unit = int(problem.layers.unit_at[layer])
        unit += self.search.program.layers[layer].units.unit_of(form)
        flips: tuple[tuple[int, int], ...]
        if problem.units.two_piece[unit] and others_stay(self.search, layer, unit, form, point):
            flips = ((unit, 1 - int(state.codes[unit])),)
        else:
            flips = beyond(forms, state.codes, point, direction)
        condition = Condition(rows[r], -1, layer, form, int(state.path.sign[r]), flips[0][0])
        return Facet(condition, point, flips)

    def inner(self, batch: Batch, edge: int) -> Point:
        """A point inside a facet, from the region's witness and the point beyond the facet."""
        search, facets = self.search, batch.facets
        assert facets is not None
        at = int(facets.region[edge]) - (search.regions - len(batch.codes))
        layer = int(np.searchsorted(search.program.form_start, facets.form[edge], "right")) - 1
        form = int(facets.form[edge] - search.program.form_start[layer])
        row = search.forms.form(layer, form, batch.codes[at])
        known = batch.exact.get(at)
        inside = [q(v) for v in (batch.points[at].tolist() if known is None else known)]
        return crossing(row, inside, [q(v) for v in facets.point[edge].tolist()])

    def of_exact(self, codes: np.ndarray, inside: list) -> FoundFacets:
        """The facets of a region that the search found in rationals."""
        search = self.search
        facets = facets_of_region(search.forms, codes, inside)
        search.rational += len(facets)
        number = search.regions  # it is counted once its facets are known
        return exact_facets(search.program, self.arrays.table, number, codes, facets)

    def take(self, n: int) -> FoundFacets:
        """Hand over the facets of the n regions that the kernel has stored."""
        found, ctl = self.arrays.out, self.arrays.ctl
        edges, borders = int(ctl[c.F_EDGES]), int(ctl[c.F_BORDERS])
        flips = int(ctl[c.F_FLIPS])
        ctl[c.F_EDGES] = ctl[c.F_BORDERS] = ctl[c.F_FLIPS] = 0
        region, target, unit, piece, form, sign, point = (
            getattr(found, name)[:edges].copy() for name in COLUMNS
        )
        facets = FoundFacets(
            found.region_hash[:n].copy(), found.down[:n].copy(), region, target, unit, piece,
            form, sign, point, found.flip_edge[:flips].copy(), found.flip_unit[:flips].copy(),
            found.flip_piece[:flips].copy(), found.border_region[:borders].copy(),
            found.border_side[:borders].copy(),
        )  # fmt: skip
        exact, self.exact = self.exact, []
        for number, facet in exact:
            at = number - (self.search.regions - n)
            code = self.search.state.out.codes[at]
            table = self.arrays.table
            more = exact_facets(self.search.program, table, number, code, [facet])
            facets = joined(facets, more, at)
        return facets


def joined(found: FoundFacets, more: FoundFacets, at: int) -> FoundFacets:
    """Facets of one region of a batch, added to the others; ``at`` is its place there."""
    shift = len(found.region)
    found.down[at] += more.down[0]
    found.exact.update({shift + e: p for e, p in more.exact.items()})
    more.flip_edge += shift
    for name in (
        "region", "target", "unit", "piece", "form", "sign", "point", "flip_edge", "flip_unit",
        "flip_piece", "border_region", "border_side",
    ):  # fmt: skip
        a, b = getattr(found, name), getattr(more, name)
        if len(b):
            setattr(found, name, np.concatenate([a, b]).astype(a.dtype))
    return found
