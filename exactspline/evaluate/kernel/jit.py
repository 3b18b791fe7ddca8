"""How this room's kernels are compiled and kept on disk."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ...kernels import compiled, stamp

__all__ = ["kernel", "part"]

# No fastmath: signs are decided here, and error bounds count on plain arithmetic.
# nogil: batches are cut into ranges of samples, one a thread.
# _nrt=False: no reference counting; kernels allocate nothing, and every slice of a row would
# cost two atomic operations.
_OPTIONS: dict[str, Any] = {"error_model": "numpy", "nogil": True, "_nrt": False}
_MODULES = (
    "backward", "batch", "bounds", "jit", "layout", "packed", "point", "product", "rows", "running",
    "transposed", "unit_rows", "vector_sums", "vectors", "windows",
)  # fmt: skip


def kernel(function: Callable[..., Any], *, part: bool = False) -> Any:
    """Compile with Numba at the first call; a change of any module here makes it stale."""
    options = {**_OPTIONS, "inline": "always" if part else "never"}
    return compiled(function, stamp(Path(__file__).parent, _MODULES), options)


def part(function: Callable[..., Any]) -> Any:
    """A kernel that only one other calls: a part of it, so that it is not compiled twice."""
    return kernel(function, part=True)
