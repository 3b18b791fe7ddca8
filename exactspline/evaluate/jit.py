"""How this room's kernels are compiled and kept on disk."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numba as nb

__all__ = ["kernel"]

# No fastmath: signs are decided here, and error bounds count on plain arithmetic.
# nogil: batches are cut into ranges of samples, one a thread.
# _nrt=False: no reference counting; kernels allocate nothing, and every slice of a row would
# cost two atomic operations.
_OPTIONS: dict[str, Any] = {"cache": True, "error_model": "numpy", "nogil": True}
_MODULES = ("backward", "batch", "jit", "lanes", "layout", "point", "rows", "running")


@cache
def _stamp() -> tuple[tuple[str, float, int], ...]:
    files = [Path(__file__).with_name(f"{name}.py") for name in _MODULES]
    return tuple((f.name, f.stat().st_mtime, f.stat().st_size) for f in files)


def kernel(function: Callable[..., Any], *, counts: bool = False) -> Any:
    """Compile with Numba at the first call; a change of any module here makes it stale.

    ``counts`` is for what calls BLAS, which Numba only does with reference counting.

    Numba looks at a function's own file only, and kernels call each other across files.
    """
    options = {**_OPTIONS, "_nrt": counts}
    compiled = nb.njit(**options)(function)
    # where the inside of Numba is not as known here, its own rule stands
    with contextlib.suppress(AttributeError, OSError):
        compiled._cache._cache_file._source_stamp = _stamp()
    return compiled
