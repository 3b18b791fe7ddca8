"""The plain engine in rational arithmetic: slow, small, and the reference of the others."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from fractions import Fraction

import numpy as np

from ...cells.cell import Cell, regions_of_cell
from ...cells.facets import facets_of_region
from ...cells.forms import ExactForms
from ...cells.space import SearchSpace
from ...clock import Clock, OutOfTime
from ...compile.program import Program
from ...polyhedra.lp import Point, q
from ...rationals import fractions, nearest_float
from ..decisions import Batch, Decisions
from ..facet_columns import FoundFacets, exact_facets, hash_table
from ..part import WHOLE, Part, following

__all__ = ["OneByOne", "RationalSearch", "exact_batch", "whole_cell"]


def whole_cell(program: Program, space: SearchSpace, forms: ExactForms) -> Cell:
    """The domain as the root of an exact search."""
    codes = np.zeros(program.n_units, dtype=np.int32)
    todo = list(range(len(program.layers[0].units)))
    return Cell(list(forms.domain_rows), [q(v) for v in space.interior], codes, 0, todo)


class OneByOne(ABC):
    """A search that finds one region after the other, in exact arithmetic.

    A subclass says how, in `found`; what is asked of every engine besides (limits, clocks,
    parts, facets, witnesses) is here. The parameters are those of `Begin`.
    """

    spent = False  # it can always go on

    def __init__(
        self, program: Program, space: SearchSpace, *, keep: bool = True,
        max_regions: int = 2**62, facets: bool = False, part: Part = WHOLE,
    ) -> None:  # fmt: skip
        self.part = part
        self.table = hash_table(program) if facets else None
        self.program, self.space, self.keep = program, space, keep
        self.max_regions = max_regions
        self.forms = ExactForms(program, space)
        self.regions = 0
        self.decisions = Decisions()
        self.finished = False
        self._limited = False
        self._last: np.ndarray | None = None
        self._held: tuple[np.ndarray, Point, int] | None = None  # found, not yet handed over
        self._found = self.found()

    @abstractmethod
    def found(self) -> Iterator[tuple[np.ndarray, Point, int] | None]:
        """The regions of the part in lexicographic order.

        Yields
        ------
        code, point, decisions
            The point is exact and strictly inside; ``decisions`` is how much was proved since
            the region before. None where the clock interrupts a step (`OutOfTime`): asked for
            more, it makes that step again.
        """

    @property
    def share(self) -> float:
        """Share of the tree that is done; known only at the end."""
        return self.part.weight if self.finished else 0.0

    def remaining(self, split: int = 1) -> list[Part]:
        """What is still to be searched; never split."""
        if self.finished:
            return []
        pieces, part = self.program.pieces.tolist(), self.part
        return following(part.begin, self._last, pieces, part.depth, part.weight)

    def batches(self, deadline: Clock | float | None = None) -> Iterator[Batch]:
        """Yield regions one by one; called again, go on."""
        clock = Clock.of(deadline)
        while not (self.finished or self._limited):
            try:
                with clock.running():
                    batch = self._next()
            except OutOfTime:
                return
            if batch is not None:
                yield batch
            if clock.over() or (batch is not None and clock.late()):
                return

    def _next(self) -> Batch | None:
        """The next region; None at the end, and where the clock has interrupted the search."""
        if self._held is None:
            found = next(self._found, "end")
            if found == "end":
                self.finished = True
            if not isinstance(found, tuple):
                return None
            if self.regions >= self.max_regions:
                self._limited = True
                return None
            self._held = found
        codes, point, used = self._held
        batch = Batch(codes[None][:0], np.zeros((0, self.space.dim)))
        if self.keep:
            batch = exact_batch(self.forms, codes, fractions(point))
            if self.table is not None:
                batch.facets = self._facets(codes, point)
        # it counts once all about it is known
        self.regions += 1
        self._last, self._held = codes, None
        self.decisions.rational += used
        return batch

    def _facets(self, codes: np.ndarray, inside: Point) -> FoundFacets:
        assert self.table is not None
        facets = facets_of_region(self.forms, codes, inside)
        self.decisions.rational += len(facets)
        return exact_facets(self.program, self.table, self.regions, codes, facets)


class RationalSearch(OneByOne):
    """Depth-first search with every linear program solved in rationals."""

    def found(self) -> Iterator[tuple[np.ndarray, Point, int] | None]:
        cell = whole_cell(self.program, self.space, self.forms)
        place = None if self.part == WHOLE else self.part.place
        return regions_of_cell(self.forms, cell, place)


def exact_batch(forms: ExactForms, codes: np.ndarray, point: tuple[Fraction, ...]) -> Batch:
    """One region from an exact witness; the float64 nearest to it serves if it is inside."""
    near = [nearest_float(v) for v in point]
    inside = forms.contains([Fraction(v) for v in near], codes)
    exact = {} if inside else {0: point}
    return Batch(codes[None].copy(), np.array([near]).reshape(1, -1), exact, 1)
