"""Units that take one piece on all of a cell, told by the sign of a form (Numba)."""

from __future__ import annotations

from . import control as c
from .corners import TINY
from .forms import ask
from .jit import kernel
from .nodes import note_touches, touch_all
from .quick import bounds_at_corners, near_and_far
from .signs import count_decision, verdict


@kernel
def settle_slowly(P, S, layer, unit, form):
    """The piece of a unit of two pieces on the current cell; -1 if it is cut, or not known."""
    ask(P, S, layer, form)
    at, k = S.ctl[c.AT], S.ctl[c.K]
    found = verdict(P, S, at, k, S.ctl[c.WHOLE] == 1)
    if found == c.CUT or found == c.UNSURE:
        return -1
    note_touches(S, at, k)
    count_decision(S)
    piece = 1 if found == c.POS else 0
    S.codes[P.layers.unit_at[layer] + unit] = piece
    return piece


@kernel
def enter_simple(P, S, layer, end):
    """Settle the units of a layer of two pieces told apart by the sign of a member."""
    bounds_at_corners(P, S, layer)
    n, u, first = P.layers.n_mem[layer], 3 * P.layers.mem_at[layer], P.layers.unit_at[layer]
    U, error, stride = S.members.U[u:], S.members.error[u:], P.layers.stride[layer]
    near, far = near_and_far(S)
    counted = S.ctl[c.WAY] < 0
    for i in range(n):
        norm = abs(U[i]) + abs(U[n + i]) + abs(U[2 * n + i])
        bound = norm * near + TINY
        off = error[i] + error[n + i] + error[2 * n + i]
        bound += off * far
        if norm == 0.0 and off == 0.0:
            S.codes[first + i] = 0
            S.ctl[c.BY_FLOAT] += counted
            touch_all(S)
        elif S.low[i] > bound or S.high[i] < -bound:
            S.codes[first + i] = 1 if S.low[i] > bound else 0
            S.ctl[c.BY_FLOAT] += counted
        elif (S.low[i] < -bound and S.high[i] > bound) or settle_slowly(
            P, S, layer, i, 2 * i * stride
        ) < 0:
            S.open_units[end] = i
            end += 1
    return end
