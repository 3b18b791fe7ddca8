"""The search for wide inputs, whose linear programs HiGHS guesses."""

from __future__ import annotations

from typing import Any

from ...cells.space import SearchSpace
from ...compile.program import Program
from ..engine import Kernels, Search, engine

__all__: list[str] = []


def _kernels() -> Kernels:
    from ..kernel import warming

    return warming


@engine(
    "highs", says="wide inputs", label="HiGHS, every answer proved", automatic=2**62,
    facets=60, kernels=_kernels,
)  # fmt: skip
def _begin(program: Program, space: SearchSpace, **options: Any) -> Search:
    from ..highs.engine import HighsSearch

    return HighsSearch(program, space, **options)
