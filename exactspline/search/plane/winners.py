"""Maxima settled by bounds at corners, on cells that are as large as possible (Numba).

Where one member is the largest at all corners of a cell by more than rounding, the unit is settled
there, and on all cells inside, as long as its members are the same. The cells that contain the
current one are known (`cuts.take`), so the test is made on larger and larger ones: a unit whose
members cross far away is not looked at again before the search gets there.

Members that are equal (by class) do not cross: of such the lowest counts, everywhere.
"""

from __future__ import annotations

from . import control as c
from .corners import INFLATE, TINY, UNIT
from .jit import kernel
from .nodes import touch_all

OPEN, CUT = -1, -2  # in place of a piece: not known; certainly cut


@kernel
def largest_error(S, at, k):
    """How far a corner is off, at most."""
    most = 0.0
    for v in range(at, at + k):
        most = max(most, S.corners.at[v, c.E])
    return most


@kernel
def guess_winner(P, S, layer, unit, at, k):
    """A guess which member wins: the one at the middle of some corners."""
    n, u = P.layers.n_mem[layer], 3 * P.layers.mem_at[layer]
    first = P.layers.unit_at[layer]
    start, lead = P.units.start[first + layer + unit], P.units.lead[first + unit]
    U = S.members.U[u:]
    x = y = w = 0.0
    for v in range(at, at + k):
        x += S.corners.at[v, c.X]
        y += S.corners.at[v, c.Y]
        w += S.corners.at[v, c.W]
    best, most = 0, 0.0
    members = P.units.member[P.layers.piece_at[layer] + start :]
    for r in range(P.units.start[first + layer + unit + 1] - start):
        i = members[r]
        value = lead * (U[i] * x + U[n + i] * y + U[2 * n + i] * w)
        if r == 0 or value > most:
            best, most = r, value
    return best


@kernel
def are_equal(P, S, layer, i, j):
    """Whether two members of a layer are known to be the same."""
    if i == j:
        return True
    if len(S.members.classes) == 0:
        return False
    classes = S.members.classes[P.layers.mem_at[layer] :]
    return classes[i] == classes[j]


@kernel
def compare(P, S, layer, plus, minus, at, k, e):
    """The signs of a difference of members at k corners, in ``S.signs``: what it does on them.

    POS, NEG or CUT, where no sign is in doubt; else UNSURE. ``e``: `largest_error` of the corners.
    """
    n, u = P.layers.n_mem[layer], 3 * P.layers.mem_at[layer]
    U, error = S.members.U[u:], S.members.error[u:]
    a, b, const = U[plus], U[n + plus], U[2 * n + plus]
    other_a, other_b, other_const = U[minus], U[n + minus], U[2 * n + minus]
    size = abs(a) + abs(b) + abs(const) + abs(other_a) + abs(other_b) + abs(other_const)
    off = error[plus] + error[n + plus] + error[2 * n + plus]
    off += error[minus] + error[n + minus] + error[2 * n + minus]
    a, b, const = a - other_a, b - other_b, const - other_const
    # as in quick.py: what corners and sums are off, and the members' own bounds
    bound = size * ((e + 8.0 * UNIT) * INFLATE) + off * ((1.0 + e) * INFLATE) + TINY
    low = high = 0
    for v in range(k):
        corner = S.corners.at[at + v]
        value = a * corner[c.X] + b * corner[c.Y] + const * corner[c.W]
        if value > bound:
            S.signs[v] = 1
            high += 1
        elif value < -bound:
            S.signs[v] = -1
            low += 1
        else:
            return c.UNSURE
    S.ctl[c.TIER] = c.FLOAT
    return c.POS if low == 0 else c.NEG if high == 0 else c.CUT


@kernel
def winner(P, S, layer, unit, at, k, best):
    """The piece that a unit takes on all of k corners by far, if it is ``best``; and if it is tied.

    OPEN or CUT where there is none.
    """
    first = P.layers.unit_at[layer]
    start, lead = P.units.start[first + layer + unit], P.units.lead[first + unit]
    members = P.units.member[P.layers.piece_at[layer] + start :]
    found, tied, e = best, 0, largest_error(S, at, k)
    for r in range(P.units.start[first + layer + unit + 1] - start):
        if r == best:
            continue
        if are_equal(P, S, layer, members[best], members[r]):
            found, tied = min(found, r), 1
            continue
        told = compare(P, S, layer, members[best], members[r], at, k, e)
        if told == c.UNSURE:
            return OPEN, 0
        if told != (c.POS if lead > 0 else c.NEG):
            return CUT, 0
    return found, tied


@kernel
def is_settled(P, S, layer, unit):
    """Whether the current cell is inside of one on which a unit was settled, as it is."""
    again, g = S.again, P.layers.unit_at[layer] + unit
    place = again.place[g]
    return 0 <= place <= S.ctl[c.N_LINES] and S.lines.cell[place, c.C_ID] == again.cell[g]


@kernel
def enter_unit(P, S, layer, unit):
    """The piece of a unit on the current cell, by far; OPEN or CUT if there is none.

    It is found again as long as the search is inside of a cell on which it was found.
    """
    again, cells = S.again, S.lines.cell
    g, own = P.layers.unit_at[layer] + unit, S.ctl[c.N_LINES]
    if is_settled(P, S, layer, unit):
        _tell(S, again.tied[g])
        return again.winner[g]
    left = again.place[g] >= 0  # its members are as they were
    again.place[g] = -1
    best = guess_winner(P, S, layer, unit, S.ctl[c.AT], S.ctl[c.K])
    found, tied = winner(P, S, layer, unit, S.ctl[c.AT], S.ctl[c.K], best)
    if found < 0:
        return found
    row, step = own, 1
    while left and cells[row, c.C_UP] >= 0:
        larger = row
        for _ in range(step):
            if cells[larger, c.C_UP] >= 0:
                larger = cells[larger, c.C_UP]
        at, k = cells[larger, c.C_AT], cells[larger, c.C_K]
        if k == 0 or winner(P, S, layer, unit, at, k, best)[0] < 0:
            break
        row, step = larger, 2 * step
    again.place[g], again.cell[g] = row, cells[row, c.C_ID]
    again.winner[g], again.tied[g] = found, tied
    _tell(S, tied)
    return found


@kernel
def _tell(S, tied):
    """Count a unit that is settled by far, and note that equal members meet in every edge."""
    if S.ctl[c.WAY] < 0:
        S.ctl[c.BY_FLOAT] += 1
    if tied == 1:
        touch_all(S)
