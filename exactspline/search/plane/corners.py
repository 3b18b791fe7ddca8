"""Corners in floating point, with a bound on how far they are off (Numba).

A corner is the ray P = turn * (a x b) of two lines, scaled so that its largest entry is 1 in
size. The computed p is a guess. With m the place of the largest entry and P scaled so that
P_m = p_m, the difference P - p solves two equations, a (P - p) = a P - a p and the same for b: its
size follows from the residuals a p and b p, from how far the rows are off, and from the
determinant of the two other columns. Nothing is assumed about how p was found.
"""

from __future__ import annotations

import math

from . import control as c
from .jit import kernel

UNIT = 2.3e-16  # more than 2^-52: what one product or sum loses, twice
TINY = 1e-290  # more than what the products of a sum lose by underflow
VANISHING = 1e-120  # entries of corners below are set to 0, so that no product of them vanishes
INFLATE = 1.0 + 1e-9


@kernel
def disturbed(S, value):
    """A guess that the tests disturb."""
    if S.num[c.FAULT_RATE] == 0.0:
        return value
    seed = (S.num[c.FAULT_SEED] * 16807.0) % 2147483647.0
    S.num[c.FAULT_SEED] = seed
    if seed / 2147483647.0 >= S.num[c.FAULT_RATE]:
        return value
    seed = (seed * 16807.0) % 2147483647.0
    S.num[c.FAULT_SEED] = seed
    return value + (seed / 1073741824.0 - 1.0) * 10.0 ** (-(seed % 17.0))


@kernel
def make_corner(S, line_a, line_b, turn, to):
    """Write the corner turn * (a x b) of two lines, with a bound on its error."""
    a, b = S.lines.row[line_a], S.lines.row[line_b]
    corner, lines = S.corners.at[to], S.corners.lines[to]
    lines[c.LINE_A], lines[c.LINE_B], lines[c.TURN] = line_a, line_b, turn
    x, y, w = a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]
    corner[c.E] = math.inf
    m, most = 2, abs(w)
    if abs(x) > most:
        m, most = 0, abs(x)
    if abs(y) > most:
        m, most = 1, abs(y)
    if not TINY < most < math.inf:  # no bound can be told
        corner[c.X], corner[c.Y], corner[c.W] = 0.0, 0.0, 1.0
        return
    scale = turn / most
    corner[c.X], corner[c.Y], corner[c.W] = x * scale, y * scale, w * scale
    i, j = (m + 1) % 3, (m + 2) % 3
    for n in (i, j):
        guess = disturbed(S, corner[n])
        corner[n] = guess if abs(guess) >= VANISHING else 0.0
    corner[m] = 1.0 if corner[m] > 0.0 else -1.0
    _bound(S, line_a, line_b, corner, i, j, most)


@kernel
def _residual(row, error, corner):
    """A bound on |A p| for the exact line A: what is computed, and what it may be off."""
    value, size, off = 0.0, 0.0, 0.0
    some = False
    for n in range(3):
        p = corner[n]
        if p != 0.0 and (row[n] != 0.0 or error[n] != 0.0):
            some = True
            value += row[n] * p
            size += abs(row[n] * p)
            off += error[n] * abs(p)
    return abs(value) + 4.0 * UNIT * size + off + TINY if some else 0.0


@kernel
def _bound(S, line_a, line_b, corner, i, j, most):
    """Write the corner's error bound, if there is one: see above."""
    a, b = S.lines.row[line_a], S.lines.row[line_b]
    a_off, b_off = S.lines.error[line_a], S.lines.error[line_b]
    size = abs(a[i] * b[j]) + abs(a[j] * b[i])
    # how far the determinant of the exact lines may be off, too: its sign is the corner's
    off = a_off[i] * (abs(b[j]) + b_off[j]) + abs(a[i]) * b_off[j]
    off += a_off[j] * (abs(b[i]) + b_off[i]) + abs(a[j]) * b_off[i]
    least = most - (4.0 * UNIT * size + off + TINY) * INFLATE
    if not least > 0.0:
        return
    of_a = _residual(a, a_off, corner)
    of_b = _residual(b, b_off, corner)
    inverse = 1.0 / least  # first: of small rows and residuals the product may vanish
    b_j, a_j, b_i, a_i = (
        abs(b[j]) * inverse, abs(a[j]) * inverse, abs(b[i]) * inverse, abs(a[i]) * inverse
    )  # fmt: skip
    base = max(b_j * of_a + a_j * of_b, b_i * of_a + a_i * of_b)
    more_a, more_b = a_off[i] + a_off[j], b_off[i] + b_off[j]
    grows = max(b_j * more_a + a_j * more_b, b_i * more_a + a_i * more_b) * INFLATE + TINY
    if base == 0.0 and of_a == 0.0 and of_b == 0.0:
        corner[c.E] = 0.0
    elif grows < 0.5 and base < 0.5:
        corner[c.E] = (base / (1.0 - grows)) * INFLATE + TINY


@kernel
def sign_near(g, error, corner):
    """The sign of a form at a corner, from the corner's place; or UNSURE.

    |G P - g p| is at most the rounding of the sum, what the form is off at p, and what it changes
    between p and P.
    """
    value, size, off = 0.0, 0.0, 0.0
    norm = 0.0
    some = False
    for n in range(3):
        p = corner[n]
        norm += abs(g[n]) + error[n]
        if p != 0.0 and (g[n] != 0.0 or error[n] != 0.0):
            some = True
            value += g[n] * p
            size += abs(g[n] * p)
            off += error[n] * abs(p)
    e = corner[c.E]
    if norm == 0.0 or (e == 0.0 and not some):
        return c.ZERO
    bound = (4.0 * UNIT * size + off + norm * e) * INFLATE + TINY
    if value > bound:
        return c.POS
    if value < -bound:
        return c.NEG
    return c.UNSURE
