"""Cells that are searched: the next one, those put aside, what is settled on one (Numba)."""

from __future__ import annotations

from . import control as c
from .cuts import take
from .jit import kernel
from .signs import count_decision


@kernel
def outside(S, upto):
    """Whether the cell is out of the part that is searched, by its first ``upto`` units."""
    way = S.ctl[c.WAY]
    while 0 <= way < min(upto, S.ctl[c.N_BEGIN]):
        code = S.codes[way]
        if code != S.begin[way]:
            if way < S.ctl[c.PART_DEPTH] or code < S.begin[way]:
                return True
            way = -1
            break
        way += 1
    S.ctl[c.WAY] = -1 if way >= S.ctl[c.N_BEGIN] else way
    return False


@kernel
def note_touches(S, at, k):
    """Note the edges of a cell that the form vanishes on without cutting it: see `leaves.py`."""
    if S.ctl[c.LEAVES] == 0:
        return
    all_zero = True
    for i in range(k):
        all_zero = all_zero and S.signs[i] == 0
    if all_zero:
        _touch(S, -1)
        return
    for i in range(k):
        if S.signs[i] == 0 and S.signs[i + 1 if i + 1 < k else 0] == 0:
            _touch(S, S.corners.lines[at + i, c.EDGE])


@kernel
def touch_all(S):
    """Note that a form vanishes on every edge of the current cell."""
    if S.ctl[c.LEAVES] == 1:
        _touch(S, -1)


@kernel
def _touch(S, line):
    """Note a line; -1 stands for all, and for those that there is no room for."""
    n = S.ctl[c.N_TOUCH]
    if n == len(S.touch):
        S.touch[n - 1] = -1
        return
    S.touch[n] = line
    S.ctl[c.N_TOUCH] = n + 1


@kernel
def settled(S, unit, piece):
    """Go on behind a unit that takes a piece on all of the cell."""
    count_decision(S)
    S.codes[unit] = piece
    S.ctl[c.POSITION] += 1
    S.ctl[c.PIECE], S.ctl[c.N_MEMO] = 0, 0


@kernel
def question(S, at, k):
    """Ask for the signs of the form at these corners."""
    S.ctl[c.REASON], S.ctl[c.ASK_AT], S.ctl[c.ASK_K] = c.OF_CORNERS, at, k
    return c.QUERY


@kernel
def push(S, at, k, unit, value, piece, weight):
    """Put a part of the current cell aside, where the unit takes a piece (or goes on at one)."""
    depth = S.ctl[c.DEPTH]
    row = S.pending[depth]
    row[c.P_AT], row[c.P_K], row[c.P_LINES] = at, k, S.ctl[c.N_LINES]
    row[c.P_LAYER], row[c.P_POSITION] = S.ctl[c.LAYER], S.ctl[c.POSITION]
    row[c.P_OPEN_END], row[c.P_PIECE] = S.ctl[c.OPEN_END], piece
    row[c.P_UNIT], row[c.P_VALUE], row[c.P_WAY] = unit, value, S.ctl[c.WAY]
    row[c.P_TOUCH] = S.ctl[c.N_TOUCH]
    S.weight[depth] = weight
    S.ctl[c.DEPTH] = depth + 1


@kernel
def pop(P, S):
    """Make the pending cell that comes next the current one; False if there is none."""
    if S.ctl[c.WAY] < 0:  # what is left on the way to a part is not of it
        S.num[c.FINISHED] += S.num[c.WEIGHT]
    S.num[c.WEIGHT] = 0.0
    depth = S.ctl[c.DEPTH] - 1
    if depth < 0:
        return False
    S.ctl[c.DEPTH] = depth
    row = S.pending[depth]
    S.ctl[c.N_LINES], S.ctl[c.LAYER] = row[c.P_LINES], row[c.P_LAYER]
    take(S, row[c.P_AT], row[c.P_K])
    S.ctl[c.TOP] = row[c.P_AT] + row[c.P_K]
    S.ctl[c.POSITION], S.ctl[c.OPEN_END] = row[c.P_POSITION], row[c.P_OPEN_END]
    S.ctl[c.PIECE], S.ctl[c.WAY] = row[c.P_PIECE], row[c.P_WAY]
    S.ctl[c.N_TOUCH], S.ctl[c.N_MEMO], S.ctl[c.WHOLE] = row[c.P_TOUCH], 0, 0
    S.num[c.WEIGHT] = S.weight[depth]
    if row[c.P_PIECE] == 0:
        S.codes[P.layers.unit_at[row[c.P_LAYER]] + row[c.P_UNIT]] = row[c.P_VALUE]
        S.ctl[c.POSITION] += 1
    S.ctl[c.PHASE] = c.UNIT
    return True
