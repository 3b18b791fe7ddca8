"""Units of more than two pieces on a cell (Numba).

A maximum cuts a cell into the convex parts where each member is the largest; of equal members the
lowest counts, as `compile.program.Units` says. (A spline's pieces come one after the other, see
`steps.next_unit`.)
"""

from __future__ import annotations

from ..kernel.conditions import condition
from . import control as c
from .cuts import SPARE, add_line, half_plane, lead_to, new_corners, part
from .forms import ask
from .jit import kernel
from .nodes import note_touches, push, question
from .signs import count_decision, verdict
from .winners import OPEN, are_equal, compare, enter_unit, guess_winner, largest_error


@kernel
def settle_general(P, S, layer, unit):
    """The piece of a unit on the current cell; -1 if it is cut, or not known."""
    base = P.layers.unit_at[layer]
    if P.units.lead[base + unit] != 0:
        if S.ctl[c.WHOLE] == 0:
            found = enter_unit(P, S, layer, unit)
            if found >= 0:
                S.codes[base + unit] = found
            if found != OPEN:
                return found
        return _settle_maximum(P, S, layer, unit, contenders(P, S, layer, unit))
    start, stride = P.units.start[base + layer + unit], P.layers.stride[layer]
    count = P.units.start[base + layer + unit + 1] - start
    at, k, whole = S.ctl[c.AT], S.ctl[c.K], S.ctl[c.WHOLE] == 1
    found, tier = count - 1, c.FLOAT
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
    S.ctl[c.TIER] = tier
    count_decision(S)
    S.codes[base + unit] = found
    return found


@kernel
def contenders(P, S, layer, unit):
    """List the pieces that may win on the current cell, the guess first; how many.

    What is smaller than the guess by far at all corners is so in every part of the cell, and bounds
    none of them.
    """
    base, listed = P.layers.unit_at[layer], S.again.contenders
    start, lead = P.units.start[base + layer + unit], P.units.lead[base + unit]
    at, k, whole = S.ctl[c.AT], S.ctl[c.K], S.ctl[c.WHOLE] == 1
    best, e = guess_winner(P, S, layer, unit, at, k), largest_error(S, at, k)
    members = P.units.member[P.layers.piece_at[layer] + start :]
    listed[0], n = best, 1
    for r in range(P.units.start[base + layer + unit + 1] - start):
        if r == best:
            continue
        told = c.UNSURE
        if not whole and not are_equal(P, S, layer, members[best], members[r]):
            told = compare(P, S, layer, members[best], members[r], at, k, e)
        if told != (c.POS if lead > 0 else c.NEG):
            listed[n] = r
            n += 1
    return n


@kernel
def _settle_maximum(P, S, layer, unit, n):
    """The piece of a maximum with n contenders on the cell; -1 if it is cut, or not known."""
    base, stride, listed = P.layers.unit_at[layer], P.layers.stride[layer], S.again.contenders
    start, lead = P.units.start[base + layer + unit], P.units.lead[base + unit]
    at, k, whole = S.ctl[c.AT], S.ctl[c.K], S.ctl[c.WHOLE] == 1
    best = found = listed[0]
    tier = c.FLOAT
    for m in range(1, n):
        s = listed[m]
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
def split_maximum(P, S, layer, unit):
    """Settle a maximum (or minimum) on the current cell, or put aside the parts that it cuts."""
    base = P.layers.unit_at[layer]
    some = contenders(P, S, layer, unit)
    if _settle_maximum(P, S, layer, unit, some) >= 0:
        S.ctl[c.POSITION] += 1
        S.ctl[c.N_MEMO] = 0
        return c.GO_ON
    start = P.units.start[base + layer + unit]
    count = P.units.start[base + layer + unit + 1] - start
    top, lines, depth = S.ctl[c.TOP], S.ctl[c.N_LINES], S.ctl[c.DEPTH]
    to = top
    for back in range(count):  # the lowest piece comes first: it is put aside last
        r = count - 1 - back
        if not _is_contender(S, some, r):
            continue
        if S.ctl[c.DEPTH] + 1 > len(S.pending):
            S.ctl[c.WANTED] = c.NODES
            status, end = c.GROW, -1
        else:
            status, end = _clip(P, S, layer, start, P.units.lead[base + unit], r, some, to)
        if status != c.GO_ON:
            S.ctl[c.TOP], S.ctl[c.N_LINES], S.ctl[c.DEPTH] = top, lines, depth
            return status
        to = max(to, end)
    lead_to(S, lines)
    return _parts(S, unit, depth, to)


@kernel
def _is_contender(S, some, r):
    for m in range(some):
        if S.again.contenders[m] == r:
            return True
    return False


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
def _clip(P, S, layer, start, lead, r, some, to):
    """Put the part aside where member r counts, if there is one; a status, and where it ends.

    The guess's condition comes first: most parts are empty because of it.
    """
    at, k, whole = S.ctl[c.AT], S.ctl[c.K], S.ctl[c.WHOLE] == 1
    stride, members = P.layers.stride[layer], P.units.member[P.layers.piece_at[layer] + start :]
    e = largest_error(S, at, k)
    for m in range(some):
        s = S.again.contenders[m]
        if s == r:
            continue
        form, sign, drops = condition(lead, start, r, s - (s > r), stride)
        found = c.UNSURE
        if not whole and not are_equal(P, S, layer, members[r], members[s]):
            found = compare(P, S, layer, members[max(r, s)], members[min(r, s)], at, k, e)
        if found == c.UNSURE:
            ask(P, S, layer, form)
            found = verdict(P, S, at, k, whole)
            if found == c.UNSURE:
                return question(S, at, k), to
            if found != c.CUT and (found == sign or not (found == -sign or drops)):
                note_touches(S, at, k)
        elif found == c.CUT:
            ask(P, S, layer, form)
        if found == -sign or (found == c.ZERO and drops):
            return c.GO_ON, to
        if found != c.CUT:
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
        e = largest_error(S, at, k)
        count_decision(S)
    push(S, at, k, 0, r, 0, 0.0)
    return c.GO_ON, to
