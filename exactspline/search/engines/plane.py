"""The search of domains of two dimensions by their cells' corners."""

from __future__ import annotations

from typing import Any

from ...cells.space import SearchSpace
from ...compile.program import Program
from ..engine import Search, engine

__all__: list[str] = []


@engine(
    "plane", says="compiled, up to two dimensions", label="compiled plane", automatic=2, facets=2,
    kernels=True, most=2,
)  # fmt: skip
def _begin(program: Program, space: SearchSpace, **options: Any) -> Search:
    from ..plane.engine import PlaneSearch

    return PlaneSearch(program, space, **options)
