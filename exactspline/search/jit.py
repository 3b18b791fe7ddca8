"""How every kernel is compiled, and when a compiled one is too old."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numba as nb

__all__ = ["kernel"]

# _nrt=False: no reference counting inside. Kernels allocate nothing and only borrow the
# caller's arrays, and the atomic counters cost a third of the search's time.
# No fastmath: signs are decided here.
_OPTIONS: dict[str, Any] = {"cache": True, "error_model": "numpy", "_nrt": False}
_MODULES = (
    "certificates", "classes", "conditions", "control", "cross", "dfs", "enter", "facets",
    "faults", "frame", "jit", "nodes", "points", "rows", "simplex",
)  # fmt: skip


@cache
def _stamp() -> tuple[tuple[str, float, int], ...]:
    """Time and size of every module with kernels or their constants."""
    files = [Path(__file__).with_name(f"{name}.py") for name in _MODULES]
    return tuple((f.name, f.stat().st_mtime, f.stat().st_size) for f in files)


def kernel(function: Callable[..., Any]) -> Any:
    """Compile with Numba at the first call, and keep the result on disk.

    Numba looks at a function's own file only; a kernel that calls one from another file would
    go on with the old one. Here a change of any of them makes all cached kernels stale.
    """
    compiled = nb.njit(**_OPTIONS)(function)
    # where the inside of Numba is not as known here, its own rule stands
    with contextlib.suppress(AttributeError, OSError):
        compiled._cache._cache_file._source_stamp = _stamp()
    return compiled
