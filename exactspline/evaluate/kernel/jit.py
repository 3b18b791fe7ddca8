"""How this room's kernels are compiled and kept on disk."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import FunctionType
from typing import Any

from ...kernels import compiled, stamp

__all__ = ["kernel", "part", "without"]

# No fastmath: signs are decided here, and error bounds count on plain arithmetic.
# nogil: batches are cut into ranges of samples, one a thread.
# _nrt=False: no reference counting; kernels allocate nothing, and every slice of a row would
# cost two atomic operations.
_OPTIONS: dict[str, Any] = {"error_model": "numpy", "nogil": True, "_nrt": False}
_MODULES = (
    "backward", "batch", "bounds", "endings", "jit", "layout", "map_rows", "masks", "packed",
    "point", "product", "rows", "running", "stream", "transposed", "unit_rows", "vector_sums",
    "vectors", "windows",
)  # fmt: skip


def kernel(function: Callable[..., Any], *, part: bool = False) -> Any:
    """Compile with Numba at the first call; a change of any module here makes it stale."""
    options = {**_OPTIONS, "inline": "always" if part else "never"}
    return compiled(function, stamp(Path(__file__).parent, _MODULES), options)


def part(function: Callable[..., Any]) -> Any:
    """A kernel that only one other calls: a part of it, so that it is not compiled twice."""
    return kernel(function, part=True)


def without(kernel_: Any, name: str) -> Any:
    """A kernel of the same text, where ``GENERAL`` is False: what that excludes is not compiled.

    Numba prunes a branch whose condition is a global constant before it infers any type. Compiling
    for all kinds of layers takes twice as long as for the most usual ones.
    """
    general = kernel_.py_func
    function = FunctionType(general.__code__, {**general.__globals__, "GENERAL": False}, name)
    function.__qualname__, function.__doc__ = name, general.__doc__
    return kernel(function)
