"""The depth-first search of the plane: its loop (Numba).

| phase | what is done | next |
|---|---|---|
| ENTER | the current cell enters a layer | UNIT |
| UNIT | its open units in order: settled, or the cell is cut and the upper part put aside | UNIT; ENTER, or LEAF behind the last layer; POP where it is out of the part |
| LEAF | a region is taken down | POP |
| POP | the next pending cell | UNIT; the end |

It returns in UNIT (QUERY, GROW, PAUSE) and LEAF (FULL, QUERY, LIMIT) with the step undone, to make
it again, and in POP (PAUSE behind a maximum, DONE).
"""  # noqa: E501

from __future__ import annotations

from . import control as c
from .jit import entry
from .leaves import leaf
from .nodes import pop
from .steps import enter_layer, filter_units, next_unit

__all__ = ["advance"]


@entry
def advance(P, S):
    """Go on until there is something to tell; what it is (see `control`)."""
    while True:
        phase = S.ctl[c.PHASE]
        status = c.GO_ON
        if phase == c.UNIT:
            status = next_unit(P, S)
        elif phase == c.ENTER:
            status = enter_layer(P, S)
        elif phase == c.LEAF:
            status = leaf(P, S)
        elif pop(P, S):
            filter_units(P, S)
        else:
            return c.DONE
        if status != c.GO_ON:
            return status
