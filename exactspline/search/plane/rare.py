"""Brings in the kernel that only some networks need."""

from __future__ import annotations

from ..kernel.block import BY_POINTER
from ..kernel.layout import Problem
from .layout import PlaneState

__all__ = ["bring_in"]

_addresses: list[int] = []  # where it is in this process


def bring_in(problem: Problem, state: PlaneState) -> None:
    """Compile the kernel of `seldom.py`, or load it, so that others can call it."""
    if not BY_POINTER:
        return
    if not _addresses:
        from ..kernel.block_types import address_of
        from . import dfs  # noqa: F401  # which imports it
        from .jit import TIERS

        _addresses.append(address_of(TIERS[0], problem, state))
    state.tiers[0] = _addresses[0]
