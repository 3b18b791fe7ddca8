"""The smallest search: what kernels are compiled by, or loaded from the cache."""

from __future__ import annotations

from fractions import Fraction

from ..cells.space import SearchSpace, search_space
from ..compile.builder import Builder
from ..compile.program import Program
from ..domain import WholeSpace

__all__ = ["smallest"]


def smallest(dim: int) -> tuple[Program, SearchSpace]:
    """A program of one unit an input, on all of R^dim."""
    builder = Builder(dim)
    zero, one = Fraction(0), Fraction(1)
    pieces = [(zero, zero), (one, zero)]
    unit = builder.scalar_units(builder.input((dim,)), [[zero]] * dim, [pieces] * dim)
    program = builder.program(unit)
    return program, search_space(program, WholeSpace(dim).chart)
