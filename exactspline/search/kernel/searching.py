"""What the parts of a kernel search read of the whole."""

from __future__ import annotations

from typing import Protocol

from ...cells.forms import ExactForms
from ...cells.path import PathCells
from ...cells.space import SearchSpace
from ...compile.program import Program
from ...polyhedra.lp import Point, Row
from .layout import Problem, State

__all__ = ["Searching"]


class Searching(Protocol):
    """A search, as seen by what answers its questions and finds the facets of its leaves."""

    program: Program
    space: SearchSpace
    problem: Problem
    state: State
    forms: ExactForms
    cells: PathCells
    rational: int
    queries: list[int]  # to rationals, by reason

    @property
    def regions(self) -> int:
        """Regions proved so far."""

    def point(self) -> Point:
        """The current node's witness, exactly."""

    def path_rows(self) -> list[Row]:
        """The exact rows of the current node."""
