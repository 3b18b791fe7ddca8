"""Verdicts by one bound for all corners of a cell: most are (Numba).

A corner's entries are at most 1 in size. What a form's value may be off at any corner is its
coefficients' sizes times the largest error of a corner and the rounding of a sum of three, and its
own bounds.
"""

from __future__ import annotations

from . import control as c
from .corners import INFLATE, TINY, UNIT
from .jit import kernel


@kernel
def near_and_far(S):
    """What the sizes of coefficients, and their bounds, are multiplied with."""
    return (S.num[c.E_MAX] + 8.0 * UNIT) * INFLATE, (1.0 + S.num[c.E_MAX]) * INFLATE


@kernel
def bounds_at_corners(P, S, layer):
    """The least and the largest value of every member at the cell's corners."""
    n, u = P.layers.n_mem[layer], 3 * P.layers.mem_at[layer]
    a, b, const = (
        S.members.U[u : u + n], S.members.U[u + n : u + 2 * n], S.members.U[u + 2 * n : u + 3 * n]
    )  # fmt: skip
    low, high = S.low[:n], S.high[:n]
    for v in range(S.ctl[c.AT], S.ctl[c.AT] + S.ctl[c.K]):
        corner = S.corners.at[v]
        x, y, w = corner[c.X], corner[c.Y], corner[c.W]
        if v == S.ctl[c.AT]:
            for i in range(n):
                value = a[i] * x + b[i] * y + const[i] * w
                low[i] = value
                high[i] = value
        else:
            for i in range(n):
                value = a[i] * x + b[i] * y + const[i] * w
                low[i] = value if value < low[i] else low[i]
                high[i] = value if value > high[i] else high[i]


@kernel
def _coefficients(P, S, layer, plus, minus):
    """The difference of two members of a layer (minus -1: one member), with its bound."""
    n, u = P.layers.n_mem[layer], 3 * P.layers.mem_at[layer]
    U, error = S.members.U[u:], S.members.error[u:]
    near, far = near_and_far(S)
    a, b, const = U[plus], U[n + plus], U[2 * n + plus]
    size = abs(a) + abs(b) + abs(const)
    off = error[plus] + error[n + plus] + error[2 * n + plus]
    if minus >= 0:
        size += abs(U[minus]) + abs(U[n + minus]) + abs(U[2 * n + minus])
        off += error[minus] + error[n + minus] + error[2 * n + minus]
        a, b, const = a - U[minus], b - U[n + minus], const - U[2 * n + minus]
    return a, b, const, size * near + off * far + TINY


@kernel
def quickly(P, S, layer, plus, minus):
    """What a difference of members does on the current cell: NEG, POS, CUT, or UNSURE."""
    a, b, const, bound = _coefficients(P, S, layer, plus, minus)
    at, k = S.ctl[c.AT], S.ctl[c.K]
    low = high = 0
    for v in range(k):
        corner = S.corners.at[at + v]
        value = a * corner[c.X] + b * corner[c.Y] + const * corner[c.W]
        low += value < -bound
        high += value > bound
    if low + high < k:
        return c.UNSURE
    return c.POS if low == 0 else c.NEG if high == 0 else c.CUT


@kernel
def signs_quickly(P, S, layer, i):
    """The signs of a member at the current cell's corners, in ``S.signs``; CUT, or UNSURE."""
    a, b, const, bound = _coefficients(P, S, layer, i, -1)
    at, k = S.ctl[c.AT], S.ctl[c.K]
    for v in range(k):
        corner = S.corners.at[at + v]
        value = a * corner[c.X] + b * corner[c.Y] + const * corner[c.W]
        if not abs(value) > bound:
            return c.UNSURE
        S.signs[v] = 1 if value > 0.0 else -1
    S.ctl[c.TIER] = c.FLOAT
    return c.CUT
