"""Drives the kernel of facets: its buffers, its questions, and what it has found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ...cells.facets import Condition, Facet, beyond, facets_of_region
from ...compile.program import Program
from ...polyhedra.decide import decide
from ...polyhedra.lp import Row, q, value_at
from ..facet_columns import FoundFacets, exact_facets, hash_table
from . import control as c
from .layout import (
    Counters,
    Dictionaries,
    Limits,
    Output,
    Problem,
    Rows,
    Scratch,
    State,
    UnitTables,
    Weights,
)
from .unchanged_units import others_stay

if TYPE_CHECKING:
    from .engine import KernelSearch

__all__ = ["FacetSearch"]

_COLUMNS = (
    "edge_region", "edge_hash", "edge_unit", "edge_piece", "edge_form", "edge_sign", "edge_point",
)  # fmt: skip


class FacetSearch:
    """The facets of every leaf of a kernel search.

    Parameters
    ----------
    search : KernelSearch
    """

    def __init__(self, search: KernelSearch) -> None:
        self.search = search
        self.buffers = make_buffers(search.program, search.problem, search.state)
        self.exact: list[tuple[int, Facet]] = []  # found in rationals, with their region
        self.queries = [0, 0, 0]

    def step(self) -> int:
        """Go on until there is something to do in Python; a status of the kernel."""
        from .facets import explore

        return int(explore(self.search.problem, self.search.state, *self.buffers))

    def grow(self) -> None:
        """Double the room for facets."""
        found = self.buffers.output
        names = [*_COLUMNS, "border_region", "border_side"]
        names += ["flip_edge", "flip_unit", "flip_piece"]
        found = found._replace(**{n: np.concatenate([getattr(found, n)] * 2) for n in names})
        self.buffers = self.buffers._replace(output=found)

    def answer(self) -> None:
        """Settle a constraint that the kernel left open, in rationals."""
        search, ctl = self.search, self.buffers.counters.facet
        state = search.state
        r = int(ctl[c.F_AT])
        self.queries[int(ctl[c.F_REASON])] += 1
        rows = search._path_rows()
        inside = [q(float(v)) for v in state.point]
        kept = [i for i in range(len(rows)) if i != r and self.buffers.limits.alive[i]]
        if int(ctl[c.F_REASON]) == 2:
            outside = [q(float(v)) for v in state.plus_point]
        else:
            place = {i: at for at, i in enumerate(kept)}
            basis = [place[i] for i in state.col_id2.tolist() if i in place]
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
        counters, ctl = self.buffers.counters.facet, self.search.state.ctl
        if counters[c.F_STAGE] == 0:
            return False
        ctl[c.REGIONS] -= 1
        ctl[c.N_OUT] -= 1
        ctl[c.BY_FLOAT] -= 1
        self.search.state.num[c.FINISHED] -= self.search.state.num[c.WEIGHT]
        number = self.search.regions
        found = self.buffers.output
        # its facets are the last ones that were written
        edges = int(np.searchsorted(found.edge_region[: counters[c.F_EDGES]], number))
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
        layer, form = int(state.path_layer[r]), int(state.path_form[r])
        problem = self.search.problem
        unit = int(problem.unit_at[layer])
        unit += self.search.program.layers[layer].units.unit_of(form)
        flips: tuple[tuple[int, int], ...]
        if problem.two_piece[unit] and others_stay(self.search, layer, unit, form, point):
            flips = ((unit, 1 - int(state.codes[unit])),)
        else:
            flips = beyond(forms, state.codes, point, direction)
        condition = Condition(rows[r], -1, layer, form, int(state.path_sign[r]), flips[0][0])
        return Facet(condition, point, flips)

    def of_exact(self, codes: np.ndarray, inside: list) -> FoundFacets:
        """The facets of a region that the search found in rationals."""
        search = self.search
        facets = facets_of_region(search.forms, codes, inside)
        search.rational += len(facets)
        number = search.regions  # it is counted once its facets are known
        return exact_facets(search.program, self.buffers.units.table, number, codes, facets)

    def take(self, n: int) -> FoundFacets:
        """Hand over the facets of the n regions that the kernel has stored."""
        found, ctl = self.buffers.output, self.buffers.counters.facet
        edges, borders = int(ctl[c.F_EDGES]), int(ctl[c.F_BORDERS])
        flips = int(ctl[c.F_FLIPS])
        ctl[c.F_EDGES] = ctl[c.F_BORDERS] = ctl[c.F_FLIPS] = 0
        region, target, unit, piece, form, sign, point = (
            getattr(found, name)[:edges].copy() for name in _COLUMNS
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
            code = self.search.state.out_codes[at]
            table = self.buffers.units.table
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


class Buffers(NamedTuple):
    """All that the kernels of facets work in, in the order of their arguments."""

    counters: Counters
    dictionaries: Dictionaries
    limits: Limits
    units: UnitTables
    weights: Weights
    rows: Rows
    scratch: Scratch
    output: Output


def make_buffers(program: Program, problem: Problem, state: State) -> Buffers:
    """Empty work arrays for the facets of a search, and the search's own."""
    d = int(problem.mode[0])
    longest, width = state.path_error.shape
    chunk = len(state.out_codes)
    room = max(8 * chunk, 4 * longest)
    n_mem, n_state, n_units = len(state.U_size), len(state.Z_size), program.n_units
    piece_unit = [layer.units.piece_unit for layer in program.layers]
    own: dict[str, np.ndarray] = {
        "facet": np.zeros(c.N_FACET_CTL, dtype=np.int64),
        "piece_unit": np.concatenate([*piece_unit, [0]]).astype(np.int64),
        "table": hash_table(program),
        "alive": np.zeros(longest, dtype=np.bool_), "state": np.zeros(longest, dtype=np.int64),
        "row": np.zeros((longest, d + 1)), "error": np.zeros((longest, width)),
        "size": np.zeros(longest), "wide_error": np.zeros((longest, width)),
        "wide_size": np.zeros(longest), "wide_low": -2.0 * problem.reach,
        "wide_reach": 2.0 * problem.reach, "hash": np.zeros(1, dtype=np.uint64),
        "back": np.zeros(d), "columns": np.zeros(d, dtype=np.int64), "far": np.zeros(d),
        "near": np.zeros(d), "touched": np.zeros(n_units + 1, dtype=np.int64),
        "touched_piece": np.zeros(n_units + 1, dtype=np.int64), "jump_member": np.zeros(n_mem),
        "jump_member_error": np.zeros(n_mem), "jump_state": np.zeros(n_state),
        "jump_state_error": np.zeros(n_state), "region_hash": np.zeros(chunk, dtype=np.uint64),
        "down": np.zeros(chunk, dtype=np.int64), "edge_region": np.zeros(room, dtype=np.int64),
        "edge_hash": np.zeros(room, dtype=np.uint64), "edge_unit": np.zeros(room, dtype=np.int32),
        "edge_piece": np.zeros(room, dtype=np.int32), "edge_form": np.zeros(room, dtype=np.int64),
        "edge_sign": np.zeros(room, dtype=np.int8), "edge_point": np.zeros((room, d)),
        "border_region": np.zeros(room, dtype=np.int64),
        "border_side": np.zeros(room, dtype=np.int32),
        "flip_edge": np.zeros(room + n_units, dtype=np.int64),
        "flip_unit": np.zeros(room + n_units, dtype=np.int32),
        "flip_piece": np.zeros(room + n_units, dtype=np.int32),
    }  # fmt: skip
    shared = {**problem._asdict(), **state._asdict(), **own}

    def filled(kind: Any) -> Any:
        return kind(**{name: shared[name] for name in kind._fields})

    return Buffers(
        filled(Counters), filled(Dictionaries), filled(Limits), filled(UnitTables),
        filled(Weights), filled(Rows), filled(Scratch), filled(Output),
    )  # fmt: skip
