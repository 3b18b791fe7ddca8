"""The search of domains of two dimensions by their cells' corners."""

from __future__ import annotations

from typing import Any

from ...cells.space import SearchSpace
from ...compile.program import Program
from ..engine import Kernels, Search, engine

__all__: list[str] = []


def _kernels() -> Kernels:
    from ..plane import warming

    return warming


@engine(
    "plane", says="compiled, up to two dimensions", label="compiled plane", automatic=2, facets=2,
    kernels=_kernels, most=2, polygons=True,
)  # fmt: skip
def _begin(program: Program, space: SearchSpace, **options: Any) -> Search:
    from ..plane.engine import PlaneSearch

    return PlaneSearch(program, space, **options)
