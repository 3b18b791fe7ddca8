"""A look ahead from a node: whether what is sought can hold anywhere on its cell (Numba).

The condition is a tree over comparisons of *slots*: members whose signs some units tell (see
`goal.py`). Slots of layers that the node has passed are told by its code; the others are bounded
from the node's own forms, by `relaxed.py`, and where that leaves the condition open, by linear
programs over the cell. A cell that is closed holds no point that satisfies the condition, on its
boundary neither. The network is also evaluated at the node's point: where the condition holds there
as far as floats tell, Python is asked.
"""

from __future__ import annotations

import math

from . import control as c
from .box_tests import NEARLY, tighten
from .certificates import finite_box
from .closing import is_impossible, write_row
from .jit import kernel, tier
from .relaxed import begin_ahead, next_members, next_state, ranges

__all__ = ["look_ahead", "may_hold", "may_hold_in", "rows_of"]


@tier(c.LOOK_AHEAD)
def look_ahead(P, S, argument):
    """CLOSED if the condition holds nowhere on the cell, CANDIDATE if perhaps at its point.

    For LOOK_AT_SIDES: which child of the cell comes first.
    """
    ctl, d, layer = S.ctl, P.mode[c.DIM], S.ctl[c.LAYER]
    ahead = S.ahead
    if argument == c.LOOK_AT_SIDES:
        _values_at(P, S, S.minus_point)
        lower = _margin(P, S)
        _values_at(P, S, S.plus_point)
        return c.UPPER_FIRST if _margin(P, S) > lower else c.LOWER_FIRST
    if ahead.ctl[c.TRY_POINTS] == 1 and ctl[c.TRIED] == 0:
        ctl[c.TRIED] = 1
        _values_at(P, S, S.point)
        if _evaluated(P, S, True):
            return c.IS_CANDIDATE
    low, high = S.boxes.cell_low, S.boxes.cell_high
    for j in range(d):
        low[j] = max(low[j], S.boxes.low[layer, j])
        high[j] = min(high[j], S.boxes.high[layer, j])
    if argument == c.LOOK_INSIDE:
        tighten(P, S, low, high, NEARLY)
    if not finite_box(low, high, d):
        return c.IS_OPEN
    for k in range(P.layers.n_units[layer]):
        ahead.open[k] = 0
    for position in range(ctl[c.POSITION], ctl[c.OPEN_END]):
        ahead.open[S.open_units[position]] = 1
    if not may_hold_in(P, S, layer, low, high, True):
        return c.IS_CLOSED
    last = P.goal.ctl[c.LAST_LAYER]
    if last >= layer and _close_by_programs(P, S, last):
        return c.IS_CLOSED
    return c.IS_OPEN


@kernel
def may_hold_in(P, S, layer, low, high, entered):
    """Whether bounds on a box let the condition hold there.

    ``entered``: units of the layer that are not open are the pieces that the code says.
    """
    ahead = S.ahead
    for j in range(P.mode[c.DIM]):
        ahead.reach[j] = max(abs(low[j]), abs(high[j]))
    for slot in range(len(P.goal.layer)):
        ahead.low[slot] = -math.inf
        ahead.high[slot] = math.inf
    for i in range(len(P.goal.kind)):
        ahead.never[i] = 0
    begin_ahead(P, S, layer, low, high)
    last = P.goal.ctl[c.LAST_LAYER]
    for at in range(layer, last + 1):
        ranges(P, S, at, low, high)
        for slot in range(len(P.goal.layer)):
            if P.goal.layer[slot] == at:
                ahead.low[slot] = ahead.least[P.goal.member[slot]]
                ahead.high[slot] = ahead.most[P.goal.member[slot]]
        if at < last:
            next_state(P, S, at, entered and at == layer)
            next_members(P, S, at + 1)
    return may_hold(P, S)


@kernel
def may_hold(P, S):
    """Whether the bounds of the slots let the condition hold somewhere on the closed cell."""
    return _evaluated(P, S, False)


@kernel
def _evaluated(P, S, at_point):
    """The condition for the slots' bounds on the cell, or for their values at its point."""
    goal, stack = P.goal, S.ahead.stack
    top = 0
    for i in range(len(goal.kind)):
        kind, count = goal.kind[i], goal.first[i]
        if kind == c.ALL_OF or kind == c.ANY_OF:
            out = 1 if kind == c.ALL_OF else 0
            for k in range(top - count, top):
                if kind == c.ALL_OF:
                    out = min(out, stack[k])
                else:
                    out = max(out, stack[k])
            top -= count
            stack[top] = out
        elif kind == c.CONSTANT:
            stack[top] = count
        elif at_point:
            stack[top] = 1 if _seems(kind, S.ahead.low[count]) else 0
        else:
            stack[top] = 1 if _may(P, S, i) else 0
        if not at_point and S.ahead.never[i] == 1:
            stack[top] = 0
        top += 1
    return stack[0] == 1


@kernel
def _seems(kind, value):
    """Whether a comparison holds for a value: a guess, for whoever checks it exactly."""
    if kind == c.AT_MOST:
        return value <= 0.0
    if kind == c.ABOVE:
        return value > 0.0
    return (value == 0.0) == (kind == c.IS_ZERO)


@kernel
def _may(P, S, i):
    """Whether one comparison may hold."""
    goal, ahead = P.goal, S.ahead
    first, second, near = goal.first[i], goal.second[i], goal.near[i]
    told = _told(P, S, first)
    if goal.kind[i] == c.AT_MOST:  # first <= 0
        if told >= 0:
            return told == 0 or (near >= 0 and _told(P, S, near) != 1)
        return not ahead.low[first] > 0.0
    if goal.kind[i] == c.ABOVE:  # first > 0
        return told == 1 if told >= 0 else not ahead.high[first] <= 0.0
    if goal.kind[i] == c.IS_ZERO:  # first and second, which is its negative, are not positive
        other = _told(P, S, second)
        if told >= 0 or other >= 0:
            return (told != 1 and other != 1) or near >= 0
        return not (ahead.low[first] > 0.0 or ahead.high[first] < 0.0)
    return True


@kernel
def _told(P, S, slot):
    """What the code says of a slot: 1 positive inside of the cell, 0 not, -1 nothing yet."""
    ctl, layer = S.ctl, P.goal.layer[slot]
    if layer > ctl[c.LAYER]:
        return -1
    unit = P.goal.unit[slot]
    if layer == ctl[c.LAYER]:
        own = unit - P.layers.unit_at[layer]
        for position in range(ctl[c.POSITION], ctl[c.OPEN_END]):
            if S.open_units[position] == own:
                return -1
    return 1 if S.codes[unit] > 0 else 0


@kernel
def _close_by_programs(P, S, layer):
    """Ask for conjunctions of slots of a layer over the cell itself; whether that closes it."""
    groups, ahead = P.goal.groups, S.ahead
    ahead.ctl[c.ASKED] = 0
    at = 0
    while at < len(groups):
        node, count = groups[at], groups[at + 1]
        rows = rows_of(P, S, layer, at + 2, count)
        at += 2 + count
        if rows > 0 and is_impossible(P, S, layer, rows):
            ahead.never[node] = 1
            if not may_hold(P, S):
                return True
    return False


@kernel
def rows_of(P, S, layer, first, count):
    """Write down the rows of a conjunction; how many, 0 if there is nothing to ask."""
    ahead, goal, out = S.ahead, P.goal, 0
    for at in range(first, first + count):
        i = goal.groups[at]
        if not _may(P, S, i):
            return 0
        kind = goal.kind[i]
        for side in range(2):
            slot = goal.first[i] if side == 0 else goal.second[i]
            if kind == c.IS_NOT_ZERO or (side == 1 and kind != c.IS_ZERO):
                continue
            is_above = kind == c.ABOVE
            if goal.layer[slot] != layer or _told(P, S, slot) >= 0:
                continue
            if (ahead.low[slot] > 0.0) if is_above else (ahead.high[slot] <= 0.0):
                continue  # it holds everywhere
            if ahead.off[goal.member[slot]] < math.inf and out < len(ahead.rows):
                write_row(P, S, out, layer, slot, is_above)
                out += 1
    return out


# ------------------------------------------------------------------------------- at the point
@kernel
def _margin(P, S):
    """By how much the condition seems to hold for the slots' values: a guess."""
    goal, stack = P.goal, S.ahead.margin
    top = 0
    for i in range(len(goal.kind)):
        kind, count = goal.kind[i], goal.first[i]
        if kind == c.ALL_OF or kind == c.ANY_OF:
            out = math.inf if kind == c.ALL_OF else -math.inf
            for k in range(top - count, top):
                if kind == c.ALL_OF:
                    out = min(out, stack[k])
                else:
                    out = max(out, stack[k])
            top -= count
            stack[top] = out
        elif kind == c.CONSTANT:
            stack[top] = math.inf if count == 1 else -math.inf
        elif kind == c.ABOVE:
            stack[top] = S.ahead.low[count]
        elif kind == c.AT_MOST:
            stack[top] = -S.ahead.low[count]
        else:
            stack[top] = abs(S.ahead.low[count]) * (-1.0 if kind == c.IS_ZERO else 1.0)
        top += 1
    return stack[0]


@kernel
def _values_at(P, S, point):
    """The slots' values at a point of the cell, as floats have them, in ``low``."""
    ahead, d, layer = S.ahead, P.mode[c.DIM], S.ctl[c.LAYER]
    n, u = P.layers.n_mem[layer], P.layers.mem_at[layer]
    U = S.members.U[u * (d + 1) : (u + n) * (d + 1)]
    value, state = ahead.value, ahead.state
    for i in range(n):
        value[i] = U[d * n + i]
    for j in range(d):
        for i in range(n):
            value[i] += U[j * n + i] * point[j]
    at = P.layers.state_at[layer]
    for k in range(P.layers.n_in[layer]):
        total = S.entries.Z[at + k, d]
        for j in range(d):
            total += S.entries.Z[at + k, j] * point[j]
        state[k] = total
    last = P.goal.ctl[c.LAST_LAYER]
    for slot in range(len(P.goal.layer)):  # those that the node has passed
        if P.goal.layer[slot] < layer:
            ahead.low[slot] = 1.0 if S.codes[P.goal.unit[slot]] > 0 else -1.0
    for at in range(layer, last + 1):
        for slot in range(len(P.goal.layer)):
            if P.goal.layer[slot] == at:
                ahead.low[slot] = value[P.goal.member[slot]]
        if at < last:
            _step(P, S, at)


@kernel
def _step(P, S, layer):
    """Values of the next layer's members from those of this one."""
    value, state = S.ahead.value, S.ahead.state
    n, unit, base = P.layers.n_units[layer], P.layers.unit_at[layer], P.layers.piece_at[layer]
    half = len(state) // 2
    keep = P.weights.keep[P.layers.keep_at[layer] :]
    for k in range(P.layers.n_keep[layer]):
        state[half + k] = state[keep[k]]
    for k in range(P.layers.n_keep[layer]):
        state[n + k] = state[half + k]
    for k in range(n):
        first = base + P.units.start[unit + layer + k]
        end = base + P.units.start[unit + layer + k + 1]
        lead = P.units.lead[unit + k]
        if lead == 0:
            x, at = value[P.units.member[first]], first
            while at < end - 1 and x + P.units.shift[at] > 0.0:
                at += 1
            state[k] = P.units.slope[at] * x + P.units.offset[at]
        else:
            best = -math.inf
            for at in range(first, end):
                own = P.units.slope[at] * value[P.units.member[at]] + P.units.offset[at]
                best = max(best, lead * own)
            state[k] = lead * best
    after = layer + 1
    n_mem, u = P.layers.n_mem[after], P.layers.mem_at[after]
    weight = P.weights.weight[P.weights.weight_at[after] :]
    start = P.weights.column_start[P.weights.column_at[after] :]
    column_row = P.weights.column_row[P.weights.weight_at[after] :]
    for i in range(n_mem):
        value[i] = P.weights.bias[u + i]
    for j in range(P.layers.n_in[after]):
        x = state[j]
        if x == 0.0:
            continue
        if P.weights.dense[after] == 1:
            row = weight[j * n_mem : (j + 1) * n_mem]
            for i in range(n_mem):
                value[i] += row[i] * x
        else:
            for s in range(start[j], start[j + 1]):
                value[column_row[s]] += weight[s] * x
