"""Brings in the kernel that only some networks need."""

from __future__ import annotations

from ..kernel.block import BY_POINTER
from ..kernel.elsewhere import compile_in_time
from ..kernel.layout import Problem
from .layout import PlaneState

__all__ = ["bring_in"]

_addresses: list[int] = []  # where it is in this process
_COMPILE = "from exactspline.search.plane.warming import compile_seldom as run; run({})"


def bring_in(problem: Problem, state: PlaneState) -> None:
    """Compile the kernel of `seldom.py`, or load it, so that others can call it.

    Raises
    ------
    OutOfTime
        If the clock ends before it is compiled; another process goes on.
    """
    if not BY_POINTER:
        return
    if not _addresses:
        from ..kernel.block_types import address_of
        from . import dfs  # noqa: F401  # which imports it
        from .jit import TIERS

        compile_in_time(TIERS[0], _COMPILE)
        _addresses.append(address_of(TIERS[0], problem, state))
    state.tiers[0] = _addresses[0]
