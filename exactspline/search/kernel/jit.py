"""How every kernel of the search is compiled, and when a compiled one is too old.

Kernels are compiled into those that call them, and optimised again there. A *tier* is a kernel
that is compiled by itself and called through an address in ``State.tiers``: the large steps, so
that they are optimised once, and the rare ones, so that they are compiled when a search needs
them first. All tiers take the same: both blocks and a number.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ...kernels import compiled, stamp
from . import control as c
from .block import BY_POINTER, NOT_COMPILED

if BY_POINTER:
    from numba.core.types import Dispatcher

    from .block_types import once_for_all_constants, tier_call
    from .linking import EntryCompiler, InsideCompiler

__all__ = ["OPTIONS", "TIERS", "Kernel", "entry", "entry_options", "fresh_stamp", "kernel", "tier"]

# _nrt=False: no reference counting inside. Kernels allocate nothing and only borrow the
# caller's arrays, and the atomic counters cost a third of the search's time.
# No fastmath: signs are decided here.
# no_rewrites: there is nothing to fuse, and to look for it is a tenth of all compiling.
OPTIONS: dict[str, Any] = {"error_model": "numpy", "_nrt": False, "no_rewrites": True}
_MODULES = (
    "ahead", "block", "block_types", "box_tests", "certificates", "classes", "closing",
    "conditions", "control", "cross", "dfs", "facet_tests", "facet_walk", "facets", "faults",
    "general_units", "halving", "jit", "jumps", "layer_entry", "layout", "linking",
    "middle/arithmetic", "middle/decide", "middle/fused", "middle/lp", "middle/multiples",
    "middle/proofs", "middle/rows", "narrow_layer", "nodes", "points", "proofs", "reentry",
    "relaxed", "rows", "simplex", "verdicts",
)  # fmt: skip

TIERS: dict[int, Any] = {}  # the kernels of `tier`, by their number


def entry_options() -> dict[str, Any]:
    """How what Python calls is compiled."""
    options = {**OPTIONS, "nogil": True}
    return {**options, "pipeline_class": EntryCompiler} if BY_POINTER else options


class Kernel:
    """A kernel that others are compiled with; called from Python, it is compiled by itself.

    Parameters
    ----------
    function : callable
    fresh : callable
        What an entry on disk must have been made of, by its kind.
    """

    def __init__(self, function: Callable[..., Any], fresh: Callable[[str], str]) -> None:
        self.py_func, self._fresh = function, fresh
        self._inside: Any = None
        self._alone: Any = None

    @property
    def _numba_type_(self) -> Any:
        """What other kernels call; made when one is compiled, which most runs never do."""
        if self._inside is None:
            options = {
                **OPTIONS, "no_cpython_wrapper": True, "no_cfunc_wrapper": True,
                "pipeline_class": InsideCompiler,
            }  # fmt: skip
            made = compiled(self.py_func, self._fresh("inside"), options)
            self._inside = once_for_all_constants(made)
        return Dispatcher(self._inside)

    def __call__(self, *arguments: Any) -> Any:
        """Call it from Python."""
        if self._alone is None:
            self._alone = compiled(self.py_func, self._fresh("alone"), entry_options(), bare=True)
        return self._alone(*arguments)


def kernel(function: Callable[..., Any]) -> Any:
    """Make a function one that kernels call: it is compiled into them.

    Kernels are compiled into each other: a change of any module makes all of them stale.
    """
    return Kernel(function, fresh_stamp) if BY_POINTER else entry(function)


def entry(function: Callable[..., Any]) -> Any:
    """Compile a function that Python calls, at the first call, and keep the result on disk."""
    return compiled(function, fresh_stamp("alone"), entry_options(), bare=True)


def tier(number: int) -> Callable[[Callable[..., Any]], Any]:
    """Make a kernel one of its own: see above.

    Parameters
    ----------
    number : int
        Of `control`; there is one kernel for each.

    Returns
    -------
    callable
        Decorates a function of ``(P, S, argument)`` that returns an integer. In its place stands
        what kernels call: it returns ``MISSING`` where the kernel has not been brought in. Where
        blocks are named tuples, the kernel itself, compiled into its callers.
    """

    def made(function: Callable[..., Any]) -> Any:
        TIERS[number] = entry(function)
        if BY_POINTER:
            return tier_call(number, c.MISSING)
        if NOT_COMPILED:  # the same, so that all of it can be followed in Python
            return lambda P, S, n: function(P, S, n) if S.tiers[number] else c.MISSING
        return TIERS[number]

    return made


def fresh_stamp(kind: str) -> str:
    """What an entry on disk must have been made of."""
    how = "pointers" if BY_POINTER else "tuples"
    return f"{stamp(Path(__file__).parent, _MODULES)} {how} {kind}"
