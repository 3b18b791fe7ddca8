"""What only some networks need: sparse layers, and units of more than the sign of a member (Numba).

By itself, so that the others do not wait until it is compiled.
"""

from __future__ import annotations

from . import control as c
from .general import settle_general, split_maximum
from .jit import kernel, tier
from .renewal import renew
from .settled import enter_simple, settle_slowly
from .winners import is_settled

__all__ = ["seldom"]


@tier
def seldom(P, S, what):
    """Do what ``what`` says (see `control`): what to tell, or the piece of a unit or -1."""
    unit = what // c.OPERATIONS
    operation = what - unit * c.OPERATIONS
    if operation == c.SPLITS:
        return split_maximum(P, S, S.ctl[c.LAYER], unit)
    if operation == c.SETTLES:
        return settle_general(P, S, S.ctl[c.LAYER], unit)
    return _enter(P, S, S.ctl[c.LAYER])


@kernel
def _enter(P, S, layer):
    """What `steps.enter_layer` does."""
    if layer > 0:
        renew(P, S, layer)
    first, end = P.layers.unit_at[layer], S.ctl[c.OPEN_END]
    S.ctl[c.POSITION], S.ctl[c.PIECE], S.ctl[c.N_MEMO] = end, 0, 0
    if P.layers.simple[layer] == 1 and S.ctl[c.WHOLE] == 0:
        end = enter_simple(P, S, layer, end)
    else:
        counted, again, untold = S.ctl[c.WAY] < 0, S.again, 1 - S.ctl[c.LEAVES]
        for unit in range(P.layers.n_units[layer]):
            if again.tied[first + unit] <= untold and is_settled(P, S, layer, unit):
                S.codes[first + unit] = again.winner[first + unit]
                S.ctl[c.BY_FLOAT] += counted
                continue
            if P.units.two_piece[first + unit] and P.units.lead[first + unit] == 0:
                form = P.units.start[first + layer + unit] * P.layers.stride[layer]
                found = settle_slowly(P, S, layer, unit, form)
            else:
                found = settle_general(P, S, layer, unit)
            if found < 0:
                S.open_units[end] = unit
                end += 1
    S.ctl[c.OPEN_END] = end
    S.again.count[c.STAMP] += 1
    S.again.entered[layer] = S.again.count[c.STAMP]
    S.again.opened[layer], S.again.closed[layer] = S.ctl[c.POSITION], end
    S.ctl[c.PHASE] = c.UNIT
    return c.GO_ON
