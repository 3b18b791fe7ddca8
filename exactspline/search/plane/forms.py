"""The forms of a layer on the current cell, and the one that is asked (Numba)."""

from __future__ import annotations

from ..kernel import control as k
from ..kernel.classes import classes_of, member_classes, state_classes
from ..kernel.layer_entry import largest, largest_row, member_grid, state_grid
from ..kernel.rows import EXACT_LIMIT, NOT_EXACT, condition_row, member_rows, state_rows
from . import control as c
from .jit import kernel


@kernel
def compute_forms(P, S, layer):
    """The forms of the state before a layer, and of its members, from the codes so far."""
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
    if len(members.classes) > 0:
        _equal_members(P, S, layer)
    if grid != NOT_EXACT:
        u = P.layers.mem_at[layer] * 3
        biggest = largest(members.U[u:], P.layers.n_mem[layer] * 3)
        members.largest[layer] = 2.0 * biggest + P.layers.norm[layer, k.BIAS_NORM]


@kernel
def _equal_members(P, S, layer):
    """Classes of the state after the layer before, and of this layer's members."""
    before = layer - 1
    units, layers, classes = P.units, P.layers, P.classes
    unit, piece, keep = layers.unit_at[before], layers.piece_at[before], layers.keep_at[before]
    state_classes(
        layers.n_units[before], S.codes[unit : unit + layers.n_units[before]],
        units.start[unit + before :], units.member[piece:], classes.function[piece:],
        classes.constant[piece:], S.members.classes[layers.mem_at[before] :],
        P.weights.keep[keep : keep + layers.n_keep[before]],
        S.entries.classes[layers.state_at[before] :],
        classes.first[k.FIRST_ENTRY] + layers.state_at[layer], S.table,
        S.entries.classes[layers.state_at[layer] :],
    )  # fmt: skip
    u, at = layers.mem_at[layer], classes.at[layer]
    member_classes(
        layers.n_mem[layer], classes.start[u + layer :], classes.column[at:], classes.value[at:],
        classes.bias[u:], S.entries.classes[layers.state_at[layer] :],
        classes.first[k.FIRST_MEMBER] + u, S.table, S.members.classes[u:],
    )  # fmt: skip


@kernel
def ask(P, S, layer, form):
    """Make a condition form of a layer the one that is asked."""
    condition_row(P, S.members, layer, form, 2, S.form.g, S.form.error)
    S.ctl[c.ASK_FORM] = form
    S.ctl[c.FORM_A] = S.ctl[c.FORM_B] = -1
    if len(S.members.classes) > 0:
        S.ctl[c.FORM_A], S.ctl[c.FORM_B] = classes_of(P, S, layer, form)
