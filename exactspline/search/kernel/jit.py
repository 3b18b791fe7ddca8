"""How every kernel of the search is compiled, and when a compiled one is too old."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ...kernels import compiled, stamp

__all__ = ["kernel"]

# _nrt=False: no reference counting inside. Kernels allocate nothing and only borrow the
# caller's arrays, and the atomic counters cost a third of the search's time.
# No fastmath: signs are decided here.
_OPTIONS: dict[str, Any] = {"error_model": "numpy", "_nrt": False}
_MODULES = (
    "certificates", "classes", "conditions", "control", "cross", "dfs", "layer_entry", "facets",
    "faults", "narrow_layer", "jit", "nodes", "points", "rows", "simplex",
)  # fmt: skip


def kernel(function: Callable[..., Any]) -> Any:
    """Compile with Numba at the first call, and keep the result on disk.

    Kernels are compiled into each other: a change of any module makes all of them stale.
    """
    return compiled(function, stamp(Path(__file__).parent, _MODULES), _OPTIONS)
