"""The forms of a layer on the current cell, and the one that is asked (Numba)."""

from __future__ import annotations

from ..kernel import control as k
from ..kernel.classes import classes_of
from ..kernel.layer_entry import largest, largest_row, member_grid, state_grid
from ..kernel.rows import EXACT_LIMIT, NOT_EXACT, condition_row, member_rows, state_rows
from . import control as c
from .jit import kernel


@kernel
def compute_forms(P, S, layer):
    """The forms of the state before a layer, and of its members, from the codes so far.

    Where no unit compares members; else, and where weights are sparse, see `renewal.py`.
    """
    members, entries = S.members, S.entries
    S.middle.entered[layer] += 1
    state_rows(P, S.codes, layer, members, entries, 2)
    grid = state_grid(P, members, entries, layer, EXACT_LIMIT)
    entries.grid[layer] = grid
    if grid != NOT_EXACT:
        entries.largest[layer] = largest_row(
            entries, P.layers.state_at[layer], P.layers.n_in[layer], 2
        )
    grid = member_grid(P, layer, grid, entries.largest[layer], EXACT_LIMIT)
    members.grid[layer] = grid
    member_rows(P, layer, entries, members, 2, grid != NOT_EXACT)
    if grid != NOT_EXACT:
        u = P.layers.mem_at[layer] * 3
        biggest = largest(members.U[u:], P.layers.n_mem[layer] * 3)
        members.largest[layer] = 2.0 * biggest + P.layers.norm[layer, k.BIAS_NORM]


@kernel
def ask(P, S, layer, form):
    """Make a condition form of a layer the one that is asked."""
    condition_row(P, S.members, layer, form, 2, S.form.g, S.form.error)
    S.ctl[c.ASK_FORM] = form
    S.ctl[c.FORM_A] = S.ctl[c.FORM_B] = -1
    if len(S.members.classes) > 0:
        S.ctl[c.FORM_A], S.ctl[c.FORM_B] = classes_of(P, S, layer, form)
