"""What happens when a cell enters a layer: its forms, its box, and the units it settles (Numba).

A unit whose form keeps its sign on the cell's bounding box is settled for the whole subtree.
The box comes from 2 d linear programs whose bounds are proved by the same dual argument as
every other certificate; until it pays, the box of the layer before serves.
"""

from __future__ import annotations

from . import control as c
from .box_tests import EQUAL, settle, tighten
from .certificates import grid_value
from .classes import member_classes, state_classes
from .jit import kernel, tier
from .reentry import reenter
from .rows import EXACT_LIMIT, NOT_EXACT, member_rows, state_rows

LOWEST_GRID, HIGHEST_GRID = -1000, 800  # grids beyond could underflow or overflow


@tier(c.ENTER_LAYER)
def enter_layer(P, S, layer):
    """Compute a layer's forms on the current cell and list the units that stay open."""
    ctl = S.ctl
    ctl[c.REENTERED] = layer
    again = P.rows.on[layer] == 1 and reenter(P, S, c.RENEW) == 1
    if layer > 0:
        if not again:
            _compute_forms(P, S, layer)
        S.middle.entered[layer] += 1
        if layer <= S.narrow.span[1]:
            S.narrow.span[0] = 0  # what was computed there belongs to another cell
        for j in range(P.mode[c.DIM]):
            S.boxes.low[layer, j] = S.boxes.low[layer - 1, j]
            S.boxes.high[layer, j] = S.boxes.high[layer - 1, j]
    start = ctl[c.OPEN_END]
    ctl[c.LAYER] = layer
    ctl[c.POSITION] = start
    ctl[c.PIECE] = -1
    low, high = S.boxes.low[layer], S.boxes.high[layer]
    ctl[c.OPEN_END] = start + P.layers.n_units[layer]
    if again:
        ctl[c.OPEN_END] = reenter(P, S, c.RESETTLE)
    else:
        ctl[c.OPEN_END] = settle(P, S, c.ENTERED, low, high)
        if P.rows.on[layer] == 1:
            reenter(P, S, c.REMEMBER)
    if layer > 0 and ctl[c.OPEN_END] - start > P.mode[c.BOX_ABOVE]:
        if P.mode[c.SEEKS] > 0:
            for j in range(P.mode[c.DIM]):
                low[j] = max(low[j], S.boxes.cell_low[j])
                high[j] = min(high[j], S.boxes.cell_high[j])
        tighten(P, S, low, high, EQUAL)
        ctl[c.OPEN_END] = settle(P, S, c.AGAIN, low, high)
    ctl[c.FILTERED] = ctl[c.N_PATH]
    return c.GO_ON


@kernel
def _compute_forms(P, S, layer):
    """The forms of the state before a layer, and of its members."""
    members, entries, d = S.members, S.entries, P.mode[c.DIM]
    new, n_state = P.layers.state_at[layer], P.layers.n_in[layer]
    state_rows(P, S.codes, layer, members, entries, d)
    grid = state_grid(P, members, entries, layer, EXACT_LIMIT)
    entries.grid[layer] = grid
    if grid != NOT_EXACT:  # the true sizes: bounds would double from layer to layer
        entries.largest[layer] = largest_row(entries, new, n_state, d)
    grid = member_grid(P, layer, grid, entries.largest[layer], EXACT_LIMIT)
    members.grid[layer] = grid
    member_rows(P, layer, entries, members, d, grid != NOT_EXACT)
    if len(members.classes) > 0:
        equal_members(P, S, layer)
    if grid != NOT_EXACT:
        u = P.layers.mem_at[layer] * (d + 1)
        biggest = largest(members.U[u:], P.layers.n_mem[layer] * (d + 1))
        members.largest[layer] = 2.0 * biggest + P.layers.norm[layer, c.BIAS_NORM]
    active = 0
    for j in range(n_state):
        if not entries.zero[new + j]:
            active += 1
    S.narrow.active[layer] = active


@tier(c.EQUAL_MEMBERS)
def equal_members(P, S, layer):
    """Classes of the state after the layer before, and of this layer's members."""
    before = layer - 1
    units, layers = P.units, P.layers
    classes, table = P.classes, S.scratch.table
    unit, piece, keep = layers.unit_at[before], layers.piece_at[before], layers.keep_at[before]
    state_classes(
        layers.n_units[before], S.codes[unit : unit + layers.n_units[before]],
        units.start[unit + before :], units.member[piece:], classes.function[piece:],
        classes.constant[piece:], S.members.classes[layers.mem_at[before] :],
        P.weights.keep[keep : keep + layers.n_keep[before]],
        S.entries.classes[layers.state_at[before] :],
        classes.first[c.FIRST_ENTRY] + layers.state_at[layer], table,
        S.entries.classes[layers.state_at[layer] :],
    )  # fmt: skip
    u, at = layers.mem_at[layer], classes.at[layer]
    member_classes(
        layers.n_mem[layer], classes.start[u + layer :], classes.column[at:], classes.value[at:],
        classes.bias[u:], S.entries.classes[layers.state_at[layer] :],
        classes.first[c.FIRST_MEMBER] + u, table, S.members.classes[u:],
    )  # fmt: skip
    return c.GO_ON


@kernel
def state_grid(P, members, entries, layer, limit):
    """Exponent of the grid of the state's rows, or NOT_EXACT; and whether they are exact.

    Products and sums of numbers on a grid 2^e stay on it and are not rounded while they are
    below a limit of grid units. The state is slope * member + offset, and entries passed on.
    """
    before = layer - 1
    grids, norms = P.layers.grid[before], P.layers.norm[before]
    grid, slope_grid, offset_grid = (
        members.grid[before], grids[c.SLOPE_GRID], grids[c.OFFSET_GRID]
    )  # fmt: skip
    if grid == NOT_EXACT or slope_grid == NOT_EXACT or offset_grid == NOT_EXACT:
        return NOT_EXACT
    out = grid + slope_grid
    if norms[c.OFFSET_NORM] > 0.0:
        out = min(out, offset_grid)
    biggest = norms[c.SLOPE_NORM] * members.largest[before] + norms[c.OFFSET_NORM]
    if P.layers.n_keep[before] > 0:
        if entries.grid[before] == NOT_EXACT:
            return NOT_EXACT
        out = min(out, entries.grid[before])
        biggest = max(biggest, entries.largest[before])
    if not LOWEST_GRID <= out <= HIGHEST_GRID or not biggest <= limit * grid_value(out):
        return NOT_EXACT
    return out


@kernel
def member_grid(P, layer, z_grid, z_largest, limit):
    """The same for the members, from the largest entry of the state's rows."""
    grids, norms = P.layers.grid[layer], P.layers.norm[layer]
    weight_grid, bias_grid = grids[c.WEIGHT_GRID], grids[c.BIAS_GRID]
    if z_grid == NOT_EXACT or weight_grid == NOT_EXACT or bias_grid == NOT_EXACT:
        return NOT_EXACT
    grid = min(z_grid + weight_grid, bias_grid)
    # twice: a condition form may be the difference of two members
    biggest = 2.0 * (norms[c.WEIGHT_NORM] * z_largest + norms[c.BIAS_NORM])
    if not LOWEST_GRID <= grid <= HIGHEST_GRID or not biggest <= limit * grid_value(grid):
        return NOT_EXACT
    return grid


@kernel
def largest(array, n):
    """The largest absolute value of the first n entries."""
    out = 0.0
    for i in range(n):
        out = max(out, abs(array[i]))
    return out


@kernel
def largest_row(entries, at, n, d):
    """The largest entry of the n rows from ``at`` on that do not vanish."""
    out = 0.0
    for i in range(at, at + n):
        if not entries.zero[i]:
            for j in range(d + 1):
                out = max(out, abs(entries.Z[i, j]))
    return out
