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
from .block import BY_POINTER

if BY_POINTER:
    from .block_types import call

__all__ = ["TIERS", "kernel", "tier"]

# _nrt=False: no reference counting inside. Kernels allocate nothing and only borrow the
# caller's arrays, and the atomic counters cost a third of the search's time.
# No fastmath: signs are decided here.
_OPTIONS: dict[str, Any] = {"error_model": "numpy", "_nrt": False}
_INSIDE = {**_OPTIONS, "no_cfunc_wrapper": True}  # nobody calls it by an address
_MODULES = (
    "block", "block_types", "box_tests", "certificates", "classes", "conditions", "control",
    "cross", "dfs", "facet_tests", "facet_walk", "facets", "faults", "general_units", "jit",
    "jumps", "layer_entry", "layout", "narrow_layer", "nodes", "points", "proofs", "rows",
    "simplex", "verdicts",
)  # fmt: skip

TIERS: dict[int, Any] = {}  # the kernels of `tier`, by their number


def kernel(function: Callable[..., Any]) -> Any:
    """Compile with Numba at the first call, and keep the result on disk.

    Kernels are compiled into each other: a change of any module makes all of them stale.
    """
    return compiled(function, _fresh(), _INSIDE)


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
        TIERS[number] = compiled(function, _fresh(), _OPTIONS)
        if not BY_POINTER:
            return TIERS[number]

        def through(P, S, argument):  # type: ignore[no-untyped-def]
            address = S.tiers[number]
            if address == 0:
                return c.MISSING
            return call(address, P, S, argument)

        return kernel(through)

    return made


def _fresh() -> str:
    return stamp(Path(__file__).parent, _MODULES) + (" pointers" if BY_POINTER else " tuples")
