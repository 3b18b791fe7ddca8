"""Regions: their witness, and their polygon where it is asked for (Numba).

A unit that does not cut a cell but vanishes on an edge of it may change its piece there, too. Such
lines are noted when units are settled (`nodes.note_touches`), and faces with an edge on one are
marked: what lies across them is found in rationals. Across all other edges only the unit changes
whose line it is: every other form is not 0 inside the edge, on both sides of it the same.
"""

from __future__ import annotations

import math

from . import control as c
from .corners import INFLATE, TINY, UNIT
from .cuts import is_ideal
from .jit import kernel
from .nodes import outside

MANY = 100  # marked faces that are handed over at once: rationals take a millisecond for each


@kernel
def leaf(P, S):
    """Take down the current cell, all units of which are settled; what to tell."""
    ctl = S.ctl
    ctl[c.PHASE] = c.LEAF
    if ctl[c.WAY] >= 0 and outside(S, len(S.codes)):
        ctl[c.PHASE] = c.POP
        return c.GO_ON
    if ctl[c.REGIONS] >= ctl[c.MAX_REGIONS]:
        return c.LIMIT
    if ctl[c.STORE] == 1:
        n = ctl[c.N_OUT]
        if n == len(S.out.codes) or (
            ctl[c.LEAVES] == 1
            and (ctl[c.N_EDGES] + ctl[c.K] > len(S.faces.unit) or ctl[c.N_TOUCHED] >= MANY)
        ):
            return c.FULL
        if ctl[c.HAS_POINT] == 0 and not _witness(S):
            ctl[c.REASON] = c.OF_WITNESS
            return c.QUERY
        ctl[c.HAS_POINT] = 0
        S.out.points[n, 0], S.out.points[n, 1] = S.point[0], S.point[1]
        codes = S.out.codes[n]
        for i in range(len(S.codes)):
            codes[i] = S.codes[i]
        if ctl[c.LEAVES] == 1:
            _face(P, S, n)
        ctl[c.N_OUT] = n + 1
    ctl[c.REGIONS] += 1
    ctl[c.PHASE] = c.POP
    return c.GO_ON


@kernel
def _witness(S):
    """Write a point strictly inside the current cell to ``S.point``, if it is proved."""
    at, k = S.ctl[c.AT], S.ctl[c.K]
    if S.ctl[c.WHOLE] == 1:
        S.point[0] = S.point[1] = 0.0
        return True
    x = y = far_x = far_y = 0.0
    finite, ideal = 0, 0
    for v in range(at, at + k):
        corner = S.corners.at[v]
        if is_ideal(S, v):
            far_x += corner[c.X]
            far_y += corner[c.Y]
            ideal += 1
        else:
            x += corner[c.X] / corner[c.W]
            y += corner[c.Y] / corner[c.W]
            finite += 1
    x, y = x / finite, y / finite
    if ideal > 0:
        size = max(1.0, abs(x), abs(y)) / ideal
        x, y = x + size * far_x, y + size * far_y
    S.point[0], S.point[1] = x, y
    if not (abs(x) < math.inf and abs(y) < math.inf):
        return False
    for v in range(at, at + k):
        if not is_inside(S, S.corners.lines[v, c.EDGE], S.corners.lines[v, c.INWARD], x, y):
            return False
    return True


@kernel
def is_inside(S, line, inward, x, y):
    """Whether a point is proved to be strictly on one side of a line."""
    if line == c.IDEAL_LINE:
        return True
    row, error = S.lines.row[line], S.lines.error[line]
    size = abs(row[0] * x) + abs(row[1] * y) + abs(row[2])
    off = error[0] * abs(x) + error[1] * abs(y) + error[2]
    bound = (4.0 * UNIT * size + off) * INFLATE + TINY
    return inward * (row[0] * x + row[1] * y + row[2]) > bound


@kernel
def _is_touched(S, line):
    found = False
    for n in range(S.ctl[c.N_TOUCH]):
        found = found or S.touch[n] == line or S.touch[n] == -1
    return found


@kernel
def _face(P, S, n):
    """Write the polygon of the current cell, without corners inside of edges."""
    at, k, out = S.ctl[c.AT], S.ctl[c.K], S.faces
    own = S.hashes[len(S.hashes) - 1]
    for i in range(len(S.codes)):
        own ^= S.hashes[S.first_piece[i] + S.codes[i]]
    out.hash[n], out.touched[n] = own, 0
    begin = to = S.ctl[c.N_EDGES]
    for v in range(0 if S.ctl[c.WHOLE] == 0 else k, k):
        lines = S.corners.lines[at + v]
        line = lines[c.EDGE]
        if S.corners.lines[at + (v - 1 if v > 0 else k - 1), c.EDGE] == line:
            continue
        _place(S.corners.at[at + v], is_ideal(S, at + v), out.corner[to])
        layer = S.lines.kind[line, c.L_LAYER]
        out.form[to] = S.lines.kind[line, c.L_FORM]
        out.sign[to], out.unit[to], out.piece[to] = lines[c.INWARD], layer, 0
        out.target[to] = 0
        out.point[to, c.KNOWN] = 0.0
        if layer >= 0:
            _across(P, S, layer, own, to)
            if _is_touched(S, line):
                out.touched[n] = 1
            if S.ctl[c.POINTS] == 1 and out.piece[to] > S.codes[out.unit[to]]:
                _beyond(S, v, out.point[to])
        to += 1
    out.count[n] = to - begin
    S.ctl[c.N_TOUCHED] += out.touched[n]
    S.ctl[c.N_EDGES] = to


@kernel
def _beyond(S, v, point):
    """Write a point beyond one edge of the current cell and no other one, if it is proved.

    On the way from the witness through the middle of the edge, half as far as to the next line.
    """
    at, k = S.ctl[c.AT], S.ctl[c.K]
    after = at + (v + 1 if v + 1 < k else 0)
    a, b = S.corners.at[at + v], S.corners.at[after]
    x, y = _middle(a, b, is_ideal(S, at + v), is_ideal(S, after))
    away_x, away_y = x - S.point[0], y - S.point[1]
    line, step = S.corners.lines[at + v, c.EDGE], 2.0
    for i in range(at, at + k):
        other = S.corners.lines[i, c.EDGE]
        if other == line or other == c.IDEAL_LINE:
            continue
        row, inward = S.lines.row[other], S.corners.lines[i, c.INWARD]
        here = inward * (row[0] * x + row[1] * y + row[2])
        falls = -inward * (row[0] * away_x + row[1] * away_y)
        if falls > 0.0 and here < step * falls:
            step = here / falls
    x, y = x + 0.5 * step * away_x, y + 0.5 * step * away_y
    if not (abs(x) < math.inf and abs(y) < math.inf):
        return
    if not is_inside(S, line, -S.corners.lines[at + v, c.INWARD], x, y):
        return
    for i in range(at, at + k):
        other = S.corners.lines[i, c.EDGE]
        if other != line and not is_inside(S, other, S.corners.lines[i, c.INWARD], x, y):
            return
    point[0], point[1], point[c.KNOWN] = x, y, 1.0


@kernel
def _middle(a, b, a_ideal, b_ideal):
    """A point between two corners, one of them finite."""
    if a_ideal:
        a, b = b, a
        b_ideal = True
    x, y = a[c.X] / a[c.W], a[c.Y] / a[c.W]
    if b_ideal:
        size = max(1.0, abs(x), abs(y))
        return x + size * b[c.X], y + size * b[c.Y]
    return 0.5 * (x + b[c.X] / b[c.W]), 0.5 * (y + b[c.Y] / b[c.W])


@kernel
def _place(corner, ideal, out):
    """A corner as (x, y, 1), or (x, y, 0) at infinity, and how far x and y are off."""
    w, e = corner[c.W], corner[c.E]
    out[c.X], out[c.Y], out[c.W], out[c.E] = corner[c.X], corner[c.Y], 0.0, e
    if ideal:
        return
    out[c.W], out[c.E] = 1.0, math.inf
    if w != 0.0:
        x, y = corner[c.X] / w, corner[c.Y] / w
        out[c.X], out[c.Y] = x, y
        if w == 1.0 and e == 0.0:
            out[c.E] = 0.0
        elif abs(w) > e:
            size = max(abs(x), abs(y))
            out[c.E] = (e * (1.0 + size) / (abs(w) - e) + UNIT * size) * INFLATE + TINY


@kernel
def _across(P, S, layer, own, to):
    """The unit whose line an edge lies on, its piece across, the hash of the code there."""
    out, stride = S.faces, P.layers.stride[layer]
    piece = out.form[to] // stride
    above = max(1, out.form[to] - piece * stride)
    unit = P.layers.unit_at[layer] + S.table_of_units[P.layers.piece_at[layer] + piece]
    lower = piece - P.units.start[unit + layer]
    code = S.codes[unit]
    across = lower + lower + above - code
    first = S.first_piece[unit]
    out.unit[to], out.piece[to] = unit, across
    out.target[to] = own ^ S.hashes[first + code] ^ S.hashes[first + across]
    out.form[to] += P.layers.form_at[layer]
