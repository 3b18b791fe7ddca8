"""Brings in the kernels that a search needs besides the main one, and runs it.

Where blocks are named tuples (`block.py`), kernels are compiled into each other and nothing is
to be brought in.
"""

from __future__ import annotations

from typing import Any

from . import control as c
from .block import BY_POINTER, NOT_COMPILED, given
from .elsewhere import compile_in_time
from .jit import TIERS
from .layout import Problem, State

__all__ = ["bring_in", "call_tier", "needed", "run"]


def tier(number: int) -> Any:
    """The kernel of a tier, to be called with what `given` gives."""
    from . import dfs  # noqa: F401  # which imports them all

    return TIERS[number]


def needed(problem: Problem, state: State) -> list[int]:
    """The tiers without which a search cannot begin."""
    out = [c.COEFFICIENT_PROOF if problem.mode[c.COEFFICIENTS] else c.BOX_PROOF]
    if not problem.layers.simple.all():
        out.append(c.GENERAL_UNITS)
    if len(problem.classes.members):
        out.append(c.EQUAL_MEMBERS)
    if state.faults[c.FAULT_RATE] > 0.0:
        out.append(c.FAULTS)
    if problem.rows.on.any():
        out.append(c.REENTER_LAYER)
    return [*out, c.ENTER_LAYER]


_COMMAND = "from exactspline.search.kernel.warming import compile_tier as run; run({}, {{}})"
_addresses: dict[int, int] = {}  # of the tiers that are there in this process


def bring_in(problem: Problem, state: State, *numbers: int) -> None:
    """Compile tiers, or load them, so that kernels can call them.

    Raises
    ------
    OutOfTime
        If a clock ends before they are compiled: another process is at it, and goes on.
    """
    if not BY_POINTER and not NOT_COMPILED:
        return
    for number in numbers:
        if NOT_COMPILED:
            _addresses[number] = 1
        if number not in _addresses:
            from .block_types import address_of

            compile_in_time(tier(number), _COMMAND.format(number))
            _addresses[number] = address_of(tier(number), problem, state)
        state.tiers[number] = _addresses[number]


def call_tier(number: int, problem: Problem, state: State, argument: int) -> int:
    """Call one from Python."""
    return int(tier(number)(given(problem), given(state), argument))


def run(problem: Problem, state: State) -> int:
    """Let the search go on until it has something to tell; its status.

    NEEDS_TIER, if a kernel is not in this process yet: `ctl[WANTED_TIER]` is to be brought in.
    """
    from .dfs import advance

    status = int(advance(given(problem), given(state)))
    while (
        status == c.NEEDS_TIER
        and state.ctl[c.WANTED_TIER] in _addresses
        and state.ctl[c.WANTED_TIER] != c.MIDDLE_VERDICT  # its arrays must be made, too
    ):
        bring_in(problem, state, int(state.ctl[c.WANTED_TIER]))
        status = int(advance(given(problem), given(state)))
    return status
