"""The domain's box, halved again and again: whether what is sought can hold anywhere in it (Numba).

Bounds as those of `ahead.py`, of the first layer's forms on boxes in place of cells. A box needs no
linear program, and boxes of few coordinates are soon small enough. It is tried once, before the
tree, and given up when it promises nothing: it says that the condition holds nowhere, or nothing.
"""

from __future__ import annotations

from . import control as c
from .ahead import may_hold, may_hold_in, rows_of
from .certificates import finite_box
from .closing import is_impossible_in
from .jit import kernel, tier

__all__ = ["halve_box"]


@tier(c.HALVE_BOX)
def halve_box(P, S, most):
    """CLOSED if the condition holds nowhere in the domain's box, else OPEN.

    At most ``most`` boxes are looked at, depth first; those that are left stand on a stack. It is
    given up, too, where the share of the volume that is done after some boxes says that ``most``
    are too few.
    """
    d, ahead = P.mode[c.DIM], S.ahead
    stack_low, stack_high, depths = ahead.box_low, ahead.box_high, ahead.box_depth
    low, high, sides = ahead.own_low, ahead.own_high, ahead.sides
    ahead.ctl[c.HALVED] = 0
    for j in range(d):
        stack_low[0, j], stack_high[0, j] = S.boxes.low[0, j], S.boxes.high[0, j]
        sides[j] = stack_high[0, j] - stack_low[0, j]
    if not finite_box(stack_low[0], stack_high[0], d):
        return c.IS_OPEN
    depths[0], top, done = 0, 1, 0.0
    while top > 0:
        if ahead.ctl[c.HALVED] == most:
            return c.IS_OPEN
        ahead.ctl[c.HALVED] += 1
        top -= 1
        depth = depths[top]
        for j in range(d):
            low[j], high[j] = stack_low[top, j], stack_high[top, j]
        if _is_closed(P, S, low, high):
            done += 2.0**-depth
        elif depth == c.MOST_HALVINGS:
            return c.IS_OPEN
        else:
            _push_halves(low, high, sides, d, stack_low, stack_high, top)
            depths[top], depths[top + 1] = depth + 1, depth + 1
            top += 2
        looked = ahead.ctl[c.HALVED]
        if looked >= c.FEW_BOXES and done * most < looked:
            return c.IS_OPEN
    return c.IS_CLOSED


@kernel
def _push_halves(low, high, sides, d, stack_low, stack_high, top):
    """A box as two, across its side that is longest beside the domain's; the lower one on top."""
    longest, side = -1.0, 0
    for j in range(d):
        if sides[j] > 0.0 and (high[j] - low[j]) / sides[j] > longest:
            longest, side = (high[j] - low[j]) / sides[j], j
    for half in range(2):
        for j in range(d):
            stack_low[top + half, j], stack_high[top + half, j] = low[j], high[j]
    middle = 0.5 * low[side] + 0.5 * high[side]
    # whatever the middle is, the two cover the box
    stack_low[top, side] = min(max(middle, low[side]), high[side])
    stack_high[top + 1, side] = stack_low[top, side]


@kernel
def _is_closed(P, S, low, high):
    """Whether bounds exclude the condition in a box, or weighted sums of two of its comparisons."""
    if not may_hold_in(P, S, 0, low, high, False):
        return True
    groups, ahead, last = P.goal.groups, S.ahead, P.goal.ctl[c.LAST_LAYER]
    at = 0
    while at < len(groups):
        node, count = groups[at], groups[at + 1]
        rows = rows_of(P, S, last, at + 2, count)
        at += 2 + count
        if rows > 1 and is_impossible_in(P, S, last, rows, low, high, ahead.corner):
            ahead.never[node] = 1
            if not may_hold(P, S):
                return True
    return False
