"""Units of more than two pieces on a cell (Numba).

A maximum cuts a cell into the convex parts where each member is the largest; of equal members the
lowest counts, as `compile.program.Units` says. (A spline's pieces come one after the other, see
`steps.next_unit`.)
"""

from __future__ import annotations

from ..kernel.conditions import condition
from . import control as c
from .cuts import SPARE, add_line, half_plane, new_corners, part
from .forms import ask
from .jit import kernel
from .nodes import note_touches, push, question
from .signs import count_decision, verdict


@kernel
def settle_general(P, S, layer, unit):
    """The piece of a unit on the current cell; -1 if it is cut, or not known."""
    base = P.layers.unit_at[layer]
    start, stride = P.units.start[base + layer + unit], P.layers.stride[layer]
    count = P.units.start[base + layer + unit + 1] - start
    lead = P.units.lead[base + unit]
    at, k, whole = S.ctl[c.AT], S.ctl[c.K], S.ctl[c.WHOLE] == 1
    found, tier = -1, c.FLOAT
    if lead == 0:
        for r in range(count - 1):
            ask(P, S, layer, (start + r) * stride)
            sign = verdict(P, S, at, k, whole)
            if sign == c.CUT or sign == c.UNSURE:
                return -1
            tier = max(tier, S.ctl[c.TIER])
            note_touches(S, at, k)
            if sign != c.POS:
                found = r
                break
        if found < 0:
            found = count - 1
    else:
        best = _best_member(P, S, layer, start, count, lead)
        found = best
        for s in range(count):
            if s == best:
                continue
            lower, upper = min(s, best), max(s, best)
            ask(P, S, layer, (start + lower) * stride + upper - lower)
            sign = verdict(P, S, at, k, whole)
            wanted = lead if best == upper else -lead
            if sign == c.CUT or sign == c.UNSURE or sign == -wanted:
                return -1
            tier = max(tier, S.ctl[c.TIER])
            note_touches(S, at, k)
            if sign == c.ZERO:
                found = min(found, s)
    S.ctl[c.TIER] = tier
    count_decision(S)
    S.codes[base + unit] = found
    return found


@kernel
def _best_member(P, S, layer, start, count, lead):
    """A guess which member wins: at the middle of the current cell's corners."""
    n, u = P.layers.n_mem[layer], 3 * P.layers.mem_at[layer]
    U = S.members.U[u:]
    x = y = w = 0.0
    for v in range(S.ctl[c.AT], S.ctl[c.AT] + S.ctl[c.K]):
        x += S.corners.at[v, c.X]
        y += S.corners.at[v, c.Y]
        w += S.corners.at[v, c.W]
    best, most = 0, 0.0
    members = P.units.member[P.layers.piece_at[layer] + start :]
    for r in range(count):
        i = members[r]
        value = lead * (U[i] * x + U[n + i] * y + U[2 * n + i] * w)
        if r == 0 or value > most:
            best, most = r, value
    return best


@kernel
def split_maximum(P, S, layer, unit):
    """Settle a maximum (or minimum) on the current cell, or put aside the parts that it cuts."""
    base = P.layers.unit_at[layer]
    if settle_general(P, S, layer, unit) >= 0:
        S.ctl[c.POSITION] += 1
        S.ctl[c.N_MEMO] = 0
        return c.GO_ON
    start = P.units.start[base + layer + unit]
    count = P.units.start[base + layer + unit + 1] - start
    top, lines, depth = S.ctl[c.TOP], S.ctl[c.N_LINES], S.ctl[c.DEPTH]
    best = _best_member(P, S, layer, start, count, P.units.lead[base + unit])
    to = top
    for back in range(count):  # the lowest piece comes first: it is put aside last
        r = count - 1 - back
        if depth + back + 1 > len(S.pending):
            S.ctl[c.WANTED] = c.NODES
            status, end = c.GROW, -1
        else:
            status, end = _clip(P, S, layer, start, count, P.units.lead[base + unit], r, best, to)
        if status != c.GO_ON:
            S.ctl[c.TOP], S.ctl[c.N_LINES], S.ctl[c.DEPTH] = top, lines, depth
            return status
        to = max(to, end)
    return _parts(S, unit, depth, to)


@kernel
def _parts(S, unit, depth, top):
    """Share the cell's weight among the parts that were put aside, and go on with the first."""
    ctl = S.ctl
    found = ctl[c.DEPTH] - depth
    for n in range(depth, ctl[c.DEPTH]):
        S.pending[n, c.P_LINES], S.pending[n, c.P_TOUCH] = ctl[c.N_LINES], ctl[c.N_TOUCH]
        S.pending[n, c.P_UNIT] = unit
        S.weight[n] = S.num[c.WEIGHT] / found
    ctl[c.TOP], ctl[c.N_MEMO], S.num[c.WEIGHT] = top, 0, 0.0
    ctl[c.BUDGET] -= 1
    ctl[c.PHASE] = c.POP
    if found == 0:
        ctl[c.REASON] = c.OF_NOTHING
        return c.QUERY
    return c.PAUSE if ctl[c.BUDGET] < 0 else c.GO_ON


@kernel
def _clip(P, S, layer, start, count, lead, r, best, to):
    """Put the part aside where member r counts, if there is one; a status, and where it ends.

    The best member's condition comes first: most parts are empty because of it.
    """
    at, k, whole = S.ctl[c.AT], S.ctl[c.K], S.ctl[c.WHOLE] == 1
    stride = P.layers.stride[layer]
    first = best - (best > r)
    for n in range(-1 if r != best else 0, count - 1):
        place = first if n < 0 else n
        if n >= 0 and r != best and n == first:
            continue
        form, sign, drops = condition(lead, start, r, place, stride)
        ask(P, S, layer, form)
        found = verdict(P, S, at, k, whole)
        if found == c.UNSURE:
            return question(S, at, k), to
        if found == c.ZERO and drops:
            return c.GO_ON, to
        if found != c.CUT:
            if found == -sign:
                return c.GO_ON, to
            note_touches(S, at, k)
            continue
        if to + k + SPARE > len(S.corners.at) or k + SPARE > len(S.signs):
            S.ctl[c.WANTED] = c.CORNERS
            return c.GROW, to
        line = add_line(S, layer)
        if line < 0:
            return c.GROW, to
        if whole:
            end = half_plane(P, S, line, sign, to)
            if end < 0:
                return question(S, c.RIGHT, 3), to
        else:
            flat = new_corners(P, S, at, k, line)
            if flat == c.UNSURE:
                return question(S, c.RIGHT, 3), to
            end = part(S, at, k, line, sign, flat, to)
        at, k, whole, to = to, end - to, False, end
        count_decision(S)
    push(S, at, k, 0, r, 0, 0.0)
    return c.GO_ON, to
