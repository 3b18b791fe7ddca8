"""The compiled depth-first search: the engine of nearly every search."""

from __future__ import annotations

from typing import Any

from ...cells.space import SearchSpace
from ...compile.program import Program
from ..engine import Kernels, Search, engine

__all__: list[str] = []

DENSE = 60  # beyond it a dense dictionary per pending cell is no longer worth it


def _kernels() -> Kernels:
    from ..kernel import warming

    return warming


@engine(
    "kernel", says="compiled, up to 60", label="compiled kernel", automatic=DENSE,
    facets=DENSE, kernels=_kernels, goals=True,
)  # fmt: skip
def _begin(program: Program, space: SearchSpace, **options: Any) -> Search:
    from ..kernel.engine import KernelSearch

    return KernelSearch(program, space, **options)
