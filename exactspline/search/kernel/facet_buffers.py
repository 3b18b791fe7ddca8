"""The arrays that facets are found in."""

from __future__ import annotations

from functools import cache

import numpy as np

from ...compile.program import Program
from ..facet_columns import hash_table
from . import control as c
from .layout import Across, Edges, Facets, Path, Problem, State

__all__ = ["grow", "make_facets", "no_facets"]

ROOM = 8  # facets a region that there is room for at first
COLUMNS = ("region", "target", "unit", "piece", "form", "sign", "point")  # of an edge
_GROWING = (*COLUMNS, "border_region", "border_side", "flip_edge", "flip_unit", "flip_piece")


@cache
def no_facets() -> Facets:
    """What searches have that find no facets: nobody writes there."""
    empty: Facets = Facets.empty()
    return empty


def make_facets(program: Program, problem: Problem, state: State) -> Facets:
    """Empty work arrays for the facets of a search."""
    d = int(problem.mode[c.DIM])
    longest, width = state.path.error.shape
    chunk = len(state.out.codes)
    room = max(ROOM * chunk, 4 * longest)
    n_mem, n_state, n_units = len(state.members.size), len(state.entries.size), program.n_units
    piece_unit = [layer.units.piece_unit for layer in program.layers]
    path = {name: getattr(state.path, name) for name in Path.schema}
    own = {"error": np.zeros((longest, width)), "size": np.zeros(longest)}
    wide = {"error": np.zeros((longest, width)), "size": np.zeros(longest)}

    def ints(n: int) -> np.ndarray:
        return np.zeros(n, dtype=np.int64)

    return Facets(
        ctl=ints(c.N_FACET_CTL), alive=np.zeros(longest, dtype=np.bool_), state=ints(longest),
        kept=Path(**{**path, **own, "row": np.zeros((longest, d + 1))}),
        wide=Path(**{**path, **wide}),
        wide_low=-2.0 * problem.box.reach, wide_reach=2.0 * problem.box.reach,
        piece_unit=np.concatenate([*piece_unit, [0]]).astype(np.int64),
        table=hash_table(program),
        across=Across(
            hash=np.zeros(1, dtype=np.uint64), back=np.zeros(d), far=np.zeros(d),
            near=np.zeros(d), touched=ints(n_units + 1), piece=ints(n_units + 1),
            member=np.zeros(n_mem), member_error=np.zeros(n_mem), state=np.zeros(n_state),
            state_error=np.zeros(n_state),
        ),
        out=Edges(
            region_hash=np.zeros(chunk, dtype=np.uint64), down=ints(chunk), region=ints(room),
            target=np.zeros(room, dtype=np.uint64), unit=np.zeros(room, dtype=np.int32),
            piece=np.zeros(room, dtype=np.int32), form=ints(room),
            sign=np.zeros(room, dtype=np.int8), point=np.zeros((room, d)),
            border_region=ints(room), border_side=np.zeros(room, dtype=np.int32),
            flip_edge=ints(room + n_units), flip_unit=np.zeros(room + n_units, dtype=np.int32),
            flip_piece=np.zeros(room + n_units, dtype=np.int32),
        ),
    )  # fmt: skip


def grow(found: Edges) -> None:
    """Double the room for facets."""
    for name in _GROWING:
        setattr(found, name, np.concatenate([getattr(found, name)] * 2))
