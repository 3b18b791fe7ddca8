"""Steps of the search: a cell enters a layer, its units are settled or cut it (Numba)."""

from __future__ import annotations

from . import control as c
from .cuts import add_line, half_plane, has_room, lead_to, new_corners, part, take
from .forms import ask, compute_forms
from .jit import kernel
from .nodes import note_touches, outside, push, question, settled
from .quick import quickly, signs_quickly
from .seldom import seldom
from .settled import enter_simple, settle_slowly
from .signs import count_decision, verdict

FEW = 12  # open units that are not worth to be looked at again


@kernel
def enter_layer(P, S):
    """Compute the forms of ``ctl[LAYER]`` and list the units that do not keep their piece.

    What to tell: MISSING, if the kernel that it takes has not been brought in.
    """
    layer = S.ctl[c.LAYER]
    if S.ctl[c.SELDOM] == 1:
        return seldom(P, S, c.ENTERS)
    if layer > 0:
        compute_forms(P, S, layer)
    end = S.ctl[c.OPEN_END]
    S.ctl[c.POSITION], S.ctl[c.PIECE], S.ctl[c.N_MEMO] = end, 0, 0
    if P.layers.simple[layer] == 1 and S.ctl[c.WHOLE] == 0:
        end = enter_simple(P, S, layer, end)
    else:
        for unit in range(P.layers.n_units[layer]):
            if settle_unit(P, S, layer, unit) < 0:
                S.open_units[end] = unit
                end += 1
    S.ctl[c.OPEN_END] = end
    S.ctl[c.PHASE] = c.UNIT
    return c.GO_ON


@kernel
def filter_units(P, S):
    """List again, behind the list they are on, the open units that the current cell leaves open.

    Where cells get smaller most units do not cut them any more: without it each would be looked at
    in every cell of the subtree.
    """
    ctl, layer = S.ctl, S.ctl[c.LAYER]
    begin, stop = ctl[c.POSITION], ctl[c.OPEN_END]
    room = len(S.open_units) - len(S.codes)  # the layers that follow need their own
    if stop - begin < FEW or stop + stop - begin > room or ctl[c.PIECE] > 0:
        return
    simple, first = P.layers.simple[layer] == 1, P.layers.unit_at[layer]
    end, counted = stop, ctl[c.WAY] < 0
    for position in range(begin, stop):
        unit = S.open_units[position]
        found = c.UNSURE
        if simple:
            found = quickly(P, S, layer, unit, -1)
        if found == c.CUT or (found == c.UNSURE and settle_unit(P, S, layer, unit) < 0):
            S.open_units[end] = unit
            end += 1
        elif found != c.UNSURE:
            S.codes[first + unit] = 1 if found == c.POS else 0
            ctl[c.BY_FLOAT] += counted
    ctl[c.POSITION], ctl[c.OPEN_END] = stop, end


@kernel
def settle_unit(P, S, layer, unit):
    """The piece of a unit on the current cell, if it is the same on all of it; else -1."""
    at = P.layers.unit_at[layer] + unit
    if P.units.two_piece[at] and P.units.lead[at] == 0:
        return settle_slowly(P, S, layer, unit, P.units.start[at + layer] * P.layers.stride[layer])
    return seldom(P, S, c.SETTLES + c.OPERATIONS * unit)


@kernel
def next_unit(P, S):
    """Settle the open units of the current cell in order, until one cuts it; what to tell.

    A spline's pieces are told one after the other: those below ``ctl[PIECE]`` are done.
    """
    layer = S.ctl[c.LAYER]
    first, stride = P.layers.unit_at[layer], P.layers.stride[layer]
    simple = P.layers.simple[layer] == 1 and S.ctl[c.WHOLE] == 0
    while S.ctl[c.POSITION] < S.ctl[c.OPEN_END]:
        unit = S.open_units[S.ctl[c.POSITION]]
        if S.ctl[c.WAY] >= 0 and outside(S, first + unit):
            S.ctl[c.PHASE] = c.POP
            return c.GO_ON
        compares = P.units.lead[first + unit] != 0
        if compares and not P.units.two_piece[first + unit]:
            status = seldom(P, S, c.SPLITS + c.OPERATIONS * unit)
            if status != c.GO_ON or S.ctl[c.PHASE] != c.UNIT:
                return status
            continue
        piece = S.ctl[c.PIECE]
        start = P.units.start[first + layer + unit]
        last = P.units.start[first + layer + unit + 1] - start - 1
        found = c.UNSURE
        if simple:
            S.ctl[c.TIER] = c.FLOAT
            found = quickly(P, S, layer, unit, -1)
            if found == c.CUT:
                found = signs_quickly(P, S, layer, unit)
        if found == c.UNSURE or found == c.CUT:
            ask(P, S, layer, (start + piece) * stride + compares)
        if found == c.UNSURE:
            found = verdict(P, S, S.ctl[c.AT], S.ctl[c.K], S.ctl[c.WHOLE] == 1)
            if found == c.UNSURE:
                return question(S, S.ctl[c.AT], S.ctl[c.K])
            if found != c.CUT:
                note_touches(S, S.ctl[c.AT], S.ctl[c.K])
        if found == c.CUT:
            return _cut(P, S, layer, unit, piece + 1 < last)
        if found != c.POS:
            settled(S, first + unit, piece)
        elif piece + 1 == last:
            settled(S, first + unit, last)
        else:
            S.ctl[c.PIECE] = piece + 1
    S.ctl[c.PHASE] = c.ENTER
    S.ctl[c.LAYER] = layer + 1
    if layer + 1 == len(P.layers.n_units):
        S.ctl[c.PHASE] = c.LEAF
    return c.GO_ON


@kernel
def _cut(P, S, layer, unit, chain):
    """Cut the current cell by the form of ``S.form``: go on below, put aside what is above.

    With ``chain`` there are more pieces above, to be told apart there.
    """
    at, k, whole = S.ctl[c.AT], S.ctl[c.K], S.ctl[c.WHOLE]
    if S.ctl[c.DEPTH] == len(S.pending):
        S.ctl[c.WANTED] = c.NODES
        return c.GROW
    if not has_room(S, k):
        return c.GROW
    line = add_line(S, layer)
    if line < 0:
        return c.GROW
    upper = S.ctl[c.TOP]
    if whole == 1:
        lower = half_plane(P, S, line, 1, upper)
        flat, end = 0, half_plane(P, S, line, -1, lower)
        if end < 0:
            flat = c.UNSURE
    else:
        flat = new_corners(P, S, at, k, line)
        lower = part(S, at, k, line, 1, flat, upper)
        end = part(S, at, k, line, -1, flat, lower)
    if flat == c.UNSURE:
        S.ctl[c.N_LINES] = line
        return question(S, c.RIGHT, 3)
    count_decision(S)
    weight = 0.5 * S.num[c.WEIGHT]
    S.num[c.WEIGHT] = weight
    piece = S.ctl[c.PIECE]
    begin = P.layers.unit_at[layer] + unit
    push(S, upper, lower - upper, unit, piece + 1, piece + 1 if chain else 0, weight)
    S.ctl[c.TOP], S.ctl[c.WHOLE] = end, 0
    S.codes[begin] = piece
    S.ctl[c.POSITION] += 1
    S.ctl[c.PIECE], S.ctl[c.N_MEMO] = 0, 0
    lead_to(S, line)
    take(S, lower, end - lower)
    filter_units(P, S)
    S.ctl[c.BUDGET] -= 1
    return c.PAUSE if S.ctl[c.BUDGET] < 0 else c.GO_ON
