"""How every kernel is compiled."""

from __future__ import annotations

from typing import Any

import numba as nb

__all__ = ["kernel"]

# _nrt=False: no reference counting inside. Kernels allocate nothing and only borrow the
# caller's arrays, and the atomic counters cost a third of the search's time.
# No fastmath: signs are decided here.
_OPTIONS: dict[str, Any] = {"cache": True, "error_model": "numpy", "_nrt": False}
kernel: Any = nb.njit(**_OPTIONS)
