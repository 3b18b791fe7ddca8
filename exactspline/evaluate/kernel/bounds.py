"""The running error bound of a pass: a few numbers a sample, carried from level to level.

For a state z computed as z', with |z'| <= S and |z - z'| <= E in every entry, members have the
error `of_members`, and `of_units` gives the bound on condition forms, and the next S and E.
Sums of m products in any order, fused or not, cost at most gamma(m + 1) of the sum of their
sizes. The functions take floats (compiled, in kernels) or arrays (in NumPy); N are the numbers
of `levels.bound_numbers`, from ``at`` on.
"""

from __future__ import annotations

from typing import Any

__all__ = ["of_members", "of_units"]

MORE = 1.000001  # room for the rounding of the bounds themselves


def of_members(N: Any, at: int, S: Any, E: Any) -> Any:
    """The error of the members of a level."""
    return (N[at] * E + N[at + 1] * (S + E) + N[at + 3] + N[at + 4] * (N[at] * S + N[at + 2])) * (
        MORE
    ) + N[at + 5]


def of_units(N: Any, at: int, U: Any, E: Any) -> tuple[Any, Any, Any]:
    """Bounds behind the units: of the condition forms, of the new state's size and error.

    ``U`` is the largest computed member's size, ``E`` the members' error.
    """
    rounding = N[at + 7] * (2.0 * U + N[at + 8]) + N[at + 9]
    form = (N[at + 6] * E + rounding) * MORE
    size = (N[at + 10] * U + N[at + 12]) * MORE
    error = N[at + 10] * E + N[at + 11] * (U + E) + N[at + 13] + N[at + 14] * size
    # a piece on the wrong side of a breakpoint that is so near
    error = (error + 2.0 * (N[at + 10] + N[at + 11]) * rounding) * MORE + N[at + 5]
    group = N[at + 15]  # so many outputs are summed where they are made
    error = group * (error + (N[at + 4] * size if group > 1.0 else 0.0)) * MORE
    return form, group * size, error
