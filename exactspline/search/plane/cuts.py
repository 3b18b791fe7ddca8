"""Cells cut by a line: the two parts of a polygon, of the plane, and the line itself (Numba)."""

from __future__ import annotations

from . import control as c
from .corners import make_corner
from .jit import kernel
from .signs import kind_of, sign_at

SPARE = 4  # corners more than its cell has, at most, in each part


@kernel
def add_line(S, layer):
    """Put the form of ``S.form`` on the list of lines; where it stands there, or -1: no room."""
    n = S.ctl[c.N_LINES]
    if n == len(S.lines.row):
        S.ctl[c.WANTED] = c.LINES
        return -1
    for k in range(3):
        S.lines.row[n, k], S.lines.error[n, k] = S.form.g[k], S.form.error[k]
    kind = S.lines.kind[n]
    kind[c.L_LAYER], kind[c.L_FORM] = layer, S.ctl[c.ASK_FORM]
    kind[c.L_KIND] = kind_of(S.form.g, S.form.error)
    kind[c.L_CLASS_A], kind[c.L_CLASS_B] = S.ctl[c.FORM_A], S.ctl[c.FORM_B]
    if S.ctl[c.FORM_A] < 0:  # that no form has
        kind[c.L_CLASS_A] = kind[c.L_CLASS_B] = -2
    S.ctl[c.N_LINES] = n + 1
    return n


@kernel
def has_room(S, k):
    """Whether two parts of a cell of k corners fit behind those in use."""
    if S.ctl[c.TOP] + 2 * (k + SPARE) > len(S.corners.at) or k + SPARE > len(S.signs):
        S.ctl[c.WANTED] = c.CORNERS
        return False
    return True


@kernel
def is_ideal(S, at):
    """Whether a corner is one at infinity."""
    lines = S.corners.lines[at]
    return lines[c.LINE_A] == c.IDEAL_LINE or lines[c.LINE_B] == c.IDEAL_LINE


@kernel
def _copy(S, source, to, edge, inward):
    """Copy a corner, with the edge that follows it."""
    for n in range(c.N_CORNER):
        S.corners.at[to, n] = S.corners.at[source, n]
    for n in range(c.EDGE):
        S.corners.lines[to, n] = S.corners.lines[source, n]
    S.corners.lines[to, c.EDGE], S.corners.lines[to, c.INWARD] = edge, inward
    return to + 1


@kernel
def new_corners(P, S, at, k, line):
    """Make the corners that a cut adds; 1 with a flat one, 0 without, or UNSURE.

    ``S.signs`` are those of the line's form, which is in ``S.form``. Where both ends of the cut
    are at infinity, they are opposite directions, and a point between them is needed: the cut's
    corner with an axis.
    """
    ideal = 0
    for n in range(k):
        sign, after = S.signs[n], S.signs[(n + 1) % k]
        if sign == 0:
            ideal += is_ideal(S, at + n)
        elif sign * after < 0:
            lines = S.corners.lines[at + n]
            edge, inward = lines[c.EDGE], lines[c.INWARD]
            # counterclockwise, the edge's line comes first where the sign falls
            to, turn = (c.FROM_POS, inward) if sign > 0 else (c.FROM_NEG, -inward)
            make_corner(S, edge, line, turn, to)
            ideal += edge == c.IDEAL_LINE
    if ideal < 2:
        return 0
    return _flat(P, S, line)


@kernel
def _flat(P, S, line):
    """Make a finite corner on a line: with the axis that it is less parallel to."""
    kind = S.lines.kind[line, c.L_KIND]
    across, axis = 0, c.AXIS_Y  # g0 != 0: it meets y = 0
    if abs(S.form.g[1]) > abs(S.form.g[0]):
        across, axis = 1, c.AXIS_X
    sign, _ = sign_at(P, S, c.RIGHT + across, kind)
    if sign == c.ZERO or sign == c.UNSURE:
        across, axis = 1 - across, c.AXIS_X if across == 0 else c.AXIS_Y
        sign, _ = sign_at(P, S, c.RIGHT + across, kind)
    if sign == c.ZERO or sign == c.UNSURE:
        return c.UNSURE
    make_corner(S, line, axis, sign if across == 0 else -sign, c.FLAT)
    return 1


@kernel
def part(S, at, k, line, side, flat, to):
    """Write the part of a cell where side * form >= 0; returns where it ends."""
    begin = to
    for n in range(k):
        sign, after = S.signs[n] * side, S.signs[n + 1 if n + 1 < k else 0] * side
        lines = S.corners.lines[at + n]
        edge, inward = lines[c.EDGE], lines[c.INWARD]
        if sign > 0 or (sign == 0 and after > 0):
            to = _copy(S, at + n, to, edge, inward)
        leaves = sign >= 0 and after < 0
        if leaves:
            source = at + n if sign == 0 else (c.FROM_POS if side > 0 else c.FROM_NEG)
            to = _copy(S, source, to, line, side)
            if flat == 1:
                to = _copy(S, c.FLAT, to, line, side)
        elif sign < 0 and after > 0:
            to = _copy(S, c.FROM_NEG if side > 0 else c.FROM_POS, to, edge, inward)
    return to if to > begin else begin


@kernel
def half_plane(P, S, line, side, to):
    """Write the half of the plane where side * form >= 0; where it ends, or -1: UNSURE.

    Both directions of the line, a point on it and a direction inwards: a cone is spanned by
    corners only if neighbours are less than half a turn apart.
    """
    right, up = S.signs[0], S.signs[1]
    if _flat(P, S, line) == c.UNSURE:
        return -1
    for turn in (-side, side):
        make_corner(S, line, c.IDEAL_LINE, turn, to)
        S.corners.lines[to, c.EDGE] = line if turn == -side else c.IDEAL_LINE
        S.corners.lines[to, c.INWARD] = side if turn == -side else 1
        to += 1
        if turn == -side:
            to = _copy(S, c.FLAT, to, line, side)
    if right != 0:
        make_corner(S, c.AXIS_Y, c.IDEAL_LINE, side * right, to)
    else:
        make_corner(S, c.AXIS_X, c.IDEAL_LINE, -side * up, to)
    S.corners.lines[to, c.EDGE], S.corners.lines[to, c.INWARD] = c.IDEAL_LINE, 1
    return to + 1


@kernel
def take(S, at, k):
    """Make the corners from ``at`` on the current cell, and note it on the path."""
    S.ctl[c.AT], S.ctl[c.K] = at, k
    most = 0.0
    for n in range(at, at + k):
        most = max(most, S.corners.at[n, c.E])
    S.num[c.E_MAX] = most
    cell = S.lines.cell[S.ctl[c.N_LINES]]
    cell[c.C_AT], cell[c.C_K] = at, k
    S.again.count[c.CELL] += 1
    cell[c.C_ID] = S.again.count[c.CELL]


@kernel
def lead_to(S, lines):
    """Note that the cells made by all lines are parts of the one that the first ones have made.

    What stands between on the path was there before, and is no longer: see `winners.enter_unit`.
    """
    for n in range(lines + 1, S.ctl[c.N_LINES] + 1):
        S.lines.cell[n, c.C_ID] = 0
    if S.ctl[c.N_LINES] > lines:
        S.lines.cell[S.ctl[c.N_LINES], c.C_UP] = lines
