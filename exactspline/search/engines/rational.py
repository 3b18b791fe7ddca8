"""The search in rational arithmetic: the reference of the others."""

from __future__ import annotations

from typing import Any

from ...cells.space import SearchSpace
from ...compile.program import Program
from ..engine import Search, engine

__all__: list[str] = []


@engine("rational", says="slow reference", label="rational reference", facets=60)
def _begin(program: Program, space: SearchSpace, **options: Any) -> Search:
    from ..rational.engine import RationalSearch

    return RationalSearch(program, space, **options)
