"""Which units keep their piece across a facet that only rational arithmetic could find."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from ...polyhedra.lp import Point, value_at
from ...rationals import nearest_float
from ..sums import combined
from . import control as c
from .certificates import UNDERFLOW, gamma
from .searching import Searching

LARGEST = 1.7e308

__all__ = ["others_stay"]


@np.errstate(all="ignore")  # what is beyond float64 proves nothing
def others_stay(search: Searching, first: int, own: int, facet: int, point: Point) -> bool:
    """Whether no unit but its own changes its piece across a facet of the current region.

    Parameters
    ----------
    search : KernelSearch
        At a leaf: codes and rows are the region's.
    first : int
        The layer of the facet's condition form ``facet``, which is one of unit ``own``.
    own : int
        The unit's position in the code.
    facet : int
    point : list of fmpq
        In the facet's relative interior.

    Returns
    -------
    bool
        True only if proved: all other condition forms of the pieces of units from ``own`` on
        are not zero at the point, by float64 with error bounds or in rationals, or vanish
        identically in the facet's own layer. See ``facets.py`` for why that is enough.
    """
    codes = search.state.codes
    for level in range(first, len(search.program.layers)):
        value, margin = _members_near(search, level, point)
        units, start = search.program.layers[level].units, int(search.problem.layers.unit_at[level])
        pieces = int(search.problem.layers.piece_at[level])
        for k in range(own - start if level == first else 0, len(units)):
            for form, sign, _ in units.conditions(k, int(codes[start + k])):
                if level == first and form == facet:
                    continue
                plus, minus, _ = units.form(form)
                at = pieces + form // units.stride
                total = float(search.problem.units.shift[at]) if minus < 0 else 0.0
                bound = float(search.problem.units.shift_error[at]) if minus < 0 else 0.0
                terms = abs(total)
                for member, turn in ((plus, 1), (minus, -1)):
                    if member >= 0:
                        total += turn * value[member]
                        bound += margin[member]
                        terms += abs(value[member])
                bound = (bound + gamma(4) * terms) * (1 + 1e-9) + UNDERFLOW
                if sign * total > bound:
                    continue
                row = search.forms.form(level, form, codes)
                if value_at(row, point) == 0 and (level > first or any(row)):
                    return False
    return True


def _members_near(search: Searching, level: int, point: Point) -> tuple[np.ndarray, np.ndarray]:
    """A layer's members at a point of the domain, in float64, and bounds on the errors."""
    problem, state, d = search.problem, search.state, search.space.dim
    near = np.array([nearest_float(Fraction(int(v.p), int(v.q))) for v in point])
    off = np.abs(near) * 2.3e-16 + UNDERFLOW  # how far that is from the point
    off[np.abs(near) >= LARGEST] = np.inf  # or beyond float64
    reach = np.abs(near) + off
    u, n = int(problem.layers.mem_at[level]), int(problem.layers.n_mem[level])
    rows = state.members.U[u * (d + 1) : (u + n) * (d + 1)].reshape(d + 1, n)
    with np.errstate(all="ignore"):  # what is beyond float64 proves nothing
        if problem.mode[c.COEFFICIENTS]:
            errors = state.members.error[u * (d + 1) : (u + n) * (d + 1)].reshape(d + 1, n)
            margin = combined(reach, errors[:d]) + errors[d]
        else:  # a bound for all points of the domain
            margin = state.members.error[u : u + n]
        size = combined(reach, np.abs(rows[:d])) + np.abs(rows[d])
        margin = margin + combined(off, np.abs(rows[:d])) + gamma(2 * d) * size
        return combined(near, rows[:d]) + rows[d], margin * (1 + 1e-9) + UNDERFLOW
