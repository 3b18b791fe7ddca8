"""How the kernels of the plane are compiled, and when a compiled one is too old.

As those of the kernel search, of which they use some.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ...kernels import compiled, stamp
from ..kernel.block import BY_POINTER
from ..kernel.jit import OPTIONS, Kernel
from ..kernel.jit import fresh_stamp as fresh_kernels

__all__ = ["entry", "kernel"]

_MODULES = (
    "control", "corners", "cuts", "dfs", "forms", "general", "jit", "layout", "leaves", "nodes",
    "pairs", "quick", "signs", "steps",
)  # fmt: skip


def kernel(function: Callable[..., Any]) -> Any:
    """Make a function one that kernels call: it is compiled into them."""
    return Kernel(function, _fresh) if BY_POINTER else entry(function)


def entry(function: Callable[..., Any]) -> Any:
    """Compile a function that Python calls, at the first call, and keep the result on disk."""
    return compiled(function, _fresh("alone"), OPTIONS, bare=True)


def _fresh(kind: str) -> str:
    """What an entry on disk must have been made of."""
    return f"{stamp(Path(__file__).parent, _MODULES)} {fresh_kernels(kind)}"
