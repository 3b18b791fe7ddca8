"""The plain engine in rational arithmetic: slow, small, and the reference of the others."""

from __future__ import annotations

import time
from collections.abc import Iterator
from fractions import Fraction

import numpy as np

from ..compile.program import Program
from ..exact.cell import Cell, ExactForms, Point, regions_of_cell
from ..exact.facets import facets_of_region
from ..exact.lp import q
from ..rationals import nearest_float
from .decisions import Batch, Decisions
from .found import FoundFacets, exact_facets, hash_table
from .space import SearchSpace

__all__ = ["RationalSearch", "whole_cell"]


def whole_cell(program: Program, space: SearchSpace, forms: ExactForms) -> Cell:
    """The domain as the root of an exact search."""
    codes = np.zeros(program.n_units, dtype=np.uint8 if program.max_pieces <= 256 else np.uint16)
    todo = list(range(len(program.layers[0].units)))
    return Cell(list(forms.domain_rows), [q(v) for v in space.interior], codes, 0, todo)


class RationalSearch:
    """Depth-first search with every linear program solved in rationals."""

    name = "rational"

    def __init__(
        self, program: Program, space: SearchSpace, *, store: bool = True,
        max_regions: int = 2**62, facets: bool = False,
    ) -> None:  # fmt: skip
        self.table = hash_table(program) if facets else None
        self.program, self.space, self.store = program, space, store
        self.max_regions = max_regions
        self.forms = ExactForms(program, space)
        self.regions = 0
        self.decisions = Decisions()
        self.finished = False

    @property
    def share(self) -> float:
        """Share of the tree that is done; known only at the end."""
        return 1.0 if self.finished else 0.0

    def batches(self, deadline: float | None = None) -> Iterator[Batch]:
        """Yield regions one by one."""
        cell = whole_cell(self.program, self.space, self.forms)
        for codes, point, used in regions_of_cell(self.forms, cell):
            if self.regions >= self.max_regions:
                return
            self.regions += 1
            self.decisions.rational += used
            exact = tuple(Fraction(int(v.p), int(v.q)) for v in point)
            if self.store:
                batch = exact_batch(self.forms, codes, exact)
                if self.table is not None:
                    batch.facets = self._facets(codes, point)
                yield batch
            else:
                yield Batch(codes[None][:0], np.zeros((0, self.space.dim)))
            if deadline is not None and time.monotonic() > deadline:
                return
        self.finished = True

    def _facets(self, codes: np.ndarray, inside: Point) -> FoundFacets:
        assert self.table is not None
        facets = facets_of_region(self.forms, codes, inside)
        self.decisions.rational += len(facets)
        return exact_facets(self.program, self.table, self.regions - 1, codes, facets)


def exact_batch(forms: ExactForms, codes: np.ndarray, point: tuple[Fraction, ...]) -> Batch:
    """One region from an exact witness; the float64 nearest to it serves if it is inside."""
    near = [nearest_float(v) for v in point]
    inside = forms.contains([Fraction(v) for v in near], codes)
    exact = {} if inside else {0: point}
    return Batch(codes[None].copy(), np.array([near]).reshape(1, -1), exact, 1)
