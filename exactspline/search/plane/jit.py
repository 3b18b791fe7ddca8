"""How the kernels of the plane are compiled, and when a compiled one is too old.

As those of the kernel search, of which they use some.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ...kernels import compiled, stamp
from ..kernel.block import BY_POINTER
from ..kernel.jit import Kernel, entry_options
from ..kernel.jit import fresh_stamp as fresh_kernels
from . import control as c

if BY_POINTER:
    from ..kernel.block_types import tier_call

__all__ = ["TIERS", "entry", "kernel", "tier"]

_MODULES = (
    "control", "corners", "cuts", "dfs", "equal", "forms", "general", "inside", "jit", "layout",
    "leaves", "nodes", "pairs", "quick", "renewal", "seldom", "settled", "signs", "steps",
    "winners",
)  # fmt: skip

TIERS: list[Any] = []  # the kernels of `tier`


def kernel(function: Callable[..., Any]) -> Any:
    """Make a function one that kernels call: it is compiled into them."""
    return Kernel(function, _fresh) if BY_POINTER else entry(function)


def entry(function: Callable[..., Any]) -> Any:
    """Compile a function that Python calls, at the first call, and keep the result on disk."""
    return compiled(function, _fresh("alone"), entry_options(), bare=True)


def tier(function: Callable[..., Any]) -> Any:
    """Make a function of ``(P, S, number)`` a kernel that is compiled when a search needs it.

    Kernels call it through its address, the only one in ``S.tiers``; see `kernel.jit.tier`.
    """
    alone = entry(function)
    TIERS.append(alone)
    if BY_POINTER:
        return tier_call(0, c.MISSING)
    return alone


def _fresh(kind: str) -> str:
    """What an entry on disk must have been made of."""
    return f"{stamp(Path(__file__).parent, _MODULES)} {fresh_kernels(kind)}"
