"""The arrays that the search kernel reads (Problem) and works in (State).

They are named tuples of NumPy arrays, so that the kernel is one compiled function whatever
the network is, and so that it can stop anywhere and go on later.

The kernels of facets take the same arrays, and more, in smaller tuples: a call hands over every
array of a tuple by value, and compiling a function takes the longer the more it is given.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

__all__ = [
    "Counters",
    "Dictionaries",
    "Limits",
    "Output",
    "Problem",
    "Rows",
    "Scratch",
    "State",
    "UnitTables",
    "Weights",
]


class Problem(NamedTuple):
    """What is searched, in float64 with error bounds; never changed by the kernel.

    ``n_*`` and ``*_at`` are per layer: sizes, and where the layer's part of a flat array
    begins. ``mode``: 0 d, 1 layers, 2 error bounds per coefficient (0/1), 3 domain rows,
    4 certify (0 only in benchmarks), 5 and 6 open units above which a cell's box is computed on
    entry to a layer and inside it.
    """

    mode: np.ndarray
    low: np.ndarray  # the domain's bounding box, rounded outwards (infinite: none)
    high: np.ndarray
    reach: np.ndarray  # max |x| in it
    extent: np.ndarray  # its widths (1 where infinite): the scale of a form
    n_keep: np.ndarray
    n_in: np.ndarray  # entries of the state before
    n_mem: np.ndarray
    n_units: np.ndarray
    n_state: np.ndarray
    simple: np.ndarray  # unit k has two pieces told apart by the sign of member k
    mem_at: np.ndarray
    unit_at: np.ndarray
    form_at: np.ndarray
    state_at: np.ndarray
    keep_at: np.ndarray
    piece_at: np.ndarray
    dense: np.ndarray
    weight_at: np.ndarray
    column_at: np.ndarray
    has_error: np.ndarray
    weight: np.ndarray
    weight_error: np.ndarray
    column_start: np.ndarray
    column_row: np.ndarray
    bias: np.ndarray
    bias_error: np.ndarray
    grid: np.ndarray  # per layer: exponents of weight, bias, slope grids (or NOT_EXACT)
    norm: np.ndarray  # per layer: max row sum of |weight|, max |bias|, max |slope|, max |offset|
    # what forms and conditions are: see conditions.py
    lead: np.ndarray
    stride: np.ndarray  # per layer
    two_piece: np.ndarray
    piece_start: np.ndarray  # per unit (with one entry more a layer), within the layer
    piece_member: np.ndarray
    piece_shift: np.ndarray
    piece_shift_error: np.ndarray
    piece_slope: np.ndarray
    piece_slope_error: np.ndarray
    piece_offset: np.ndarray
    piece_offset_error: np.ndarray
    keep: np.ndarray
    # which rows are equal, see classes.py; empty where no unit compares members
    class_at: np.ndarray
    class_start: np.ndarray
    class_column: np.ndarray
    class_value: np.ndarray
    class_bias: np.ndarray
    class_function: np.ndarray
    class_constant: np.ndarray
    class_first: np.ndarray
    class_members: np.ndarray  # those of the first layer; the others are found on the way
    class_state: np.ndarray


class State(NamedTuple):
    """Where the search stands. ``ctl`` and ``num`` are indexed by the constants of ``dfs``."""

    ctl: np.ndarray
    num: np.ndarray
    # the current node
    T: np.ndarray
    col_id: np.ndarray
    row_id: np.ndarray
    point: np.ndarray
    codes: np.ndarray
    open_units: np.ndarray
    # the saved dictionary at the other vertex
    T2: np.ndarray
    col_id2: np.ndarray
    row_id2: np.ndarray
    # the path's constraints; the domain's rows come first
    path_row: np.ndarray
    path_error: np.ndarray
    path_size: np.ndarray
    path_scale: np.ndarray
    path_grid: np.ndarray
    path_max: np.ndarray
    path_layer: np.ndarray
    path_form: np.ndarray
    path_sign: np.ndarray
    # forms of every layer on the current path
    U: np.ndarray
    U_error: np.ndarray
    U_size: np.ndarray
    U_grid: np.ndarray
    U_max: np.ndarray
    Z: np.ndarray
    Z_error: np.ndarray
    Z_size: np.ndarray
    Z_zero: np.ndarray
    Z_grid: np.ndarray
    Z_max: np.ndarray
    U_class: np.ndarray  # only equal rows share a class; empty if there are none
    Z_class: np.ndarray
    class_table: np.ndarray
    # the same forms in the coordinates of a narrow layer (see narrow_layer.py)
    F: np.ndarray
    F_error: np.ndarray
    F_size: np.ndarray
    FZ: np.ndarray
    FZ_error: np.ndarray
    FZ_size: np.ndarray
    FZ_zero: np.ndarray
    active: np.ndarray  # per layer: state entries before it that do not vanish
    frame: np.ndarray  # the frame that F is in: its first layer (0: none), its last one
    frame_index: np.ndarray
    frame_row: np.ndarray
    frame_error: np.ndarray
    frame_inverse: np.ndarray
    frame_work: np.ndarray
    frame_ids: np.ndarray
    frame_ones: np.ndarray
    cell_low: np.ndarray  # a box of the current cell, for one test
    cell_high: np.ndarray
    box_low: np.ndarray
    box_high: np.ndarray
    # pending siblings
    stack: np.ndarray
    stack_num: np.ndarray
    stack_point: np.ndarray
    arena: np.ndarray
    arena_id: np.ndarray
    # scratch and answers
    g: np.ndarray
    g_error: np.ndarray
    z: np.ndarray
    range_low: np.ndarray
    range_high: np.ndarray
    work: np.ndarray
    plus_point: np.ndarray
    minus_point: np.ndarray
    # found regions
    out_codes: np.ndarray
    out_points: np.ndarray
    faults: np.ndarray


class Counters(NamedTuple):
    """C: integers; of the search, and of the facets of the current leaf."""

    mode: np.ndarray
    ctl: np.ndarray
    facet: np.ndarray


class Dictionaries(NamedTuple):
    """D: those of the state."""

    T: np.ndarray
    col_id: np.ndarray
    row_id: np.ndarray
    T2: np.ndarray
    col_id2: np.ndarray
    row_id2: np.ndarray


class Limits(NamedTuple):
    """L: the path's constraints, changed while facets are found; what they were; the box."""

    path_row: np.ndarray
    path_error: np.ndarray
    path_size: np.ndarray
    path_scale: np.ndarray
    path_grid: np.ndarray
    path_max: np.ndarray
    path_layer: np.ndarray
    path_form: np.ndarray
    path_sign: np.ndarray
    alive: np.ndarray  # constraints that are not known to be implied
    state: np.ndarray  # what is known of each: F_NONE, F_IMPLIED, F_FACET, F_LATER
    row: np.ndarray  # the path as it was
    error: np.ndarray
    size: np.ndarray
    wide_error: np.ndarray  # the same bounds where |x| <= 2 reach
    wide_size: np.ndarray
    wide_low: np.ndarray
    wide_reach: np.ndarray
    low: np.ndarray
    high: np.ndarray
    reach: np.ndarray
    extent: np.ndarray


class UnitTables(NamedTuple):
    """N: the network's units, as in the problem; and the hash of codes."""

    n_mem: np.ndarray
    n_units: np.ndarray
    mem_at: np.ndarray
    unit_at: np.ndarray
    form_at: np.ndarray
    piece_at: np.ndarray
    simple: np.ndarray
    two_piece: np.ndarray
    lead: np.ndarray
    stride: np.ndarray
    piece_unit: np.ndarray  # per piece: its unit, within the layer
    piece_start: np.ndarray
    piece_member: np.ndarray
    piece_shift: np.ndarray
    piece_shift_error: np.ndarray
    piece_slope: np.ndarray
    piece_slope_error: np.ndarray
    table: np.ndarray  # random numbers: a code's hash is the exclusive or of its pieces'


class Weights(NamedTuple):
    """W: the network's weights, as in the problem."""

    n_in: np.ndarray
    n_keep: np.ndarray
    state_at: np.ndarray
    keep_at: np.ndarray
    keep: np.ndarray
    dense: np.ndarray
    has_error: np.ndarray
    weight_at: np.ndarray
    weight: np.ndarray
    weight_error: np.ndarray
    column_at: np.ndarray
    column_start: np.ndarray
    column_row: np.ndarray


class Rows(NamedTuple):
    """R: the members' forms on the region."""

    U: np.ndarray
    U_error: np.ndarray
    U_size: np.ndarray
    U_grid: np.ndarray
    U_class: np.ndarray


class Scratch(NamedTuple):
    """K: what is worked in."""

    codes: np.ndarray
    point: np.ndarray
    plus_point: np.ndarray
    g: np.ndarray
    g_error: np.ndarray
    z: np.ndarray
    work: np.ndarray
    range_low: np.ndarray
    range_high: np.ndarray
    faults: np.ndarray
    hash: np.ndarray  # of the current region's code
    back: np.ndarray
    columns: np.ndarray
    far: np.ndarray  # points on both sides of a facet
    near: np.ndarray
    touched: np.ndarray  # units with a condition that may vanish on it
    touched_piece: np.ndarray  # their pieces across
    # how the members' forms change across, in multiples of the facet's form
    jump_member: np.ndarray
    jump_member_error: np.ndarray
    jump_state: np.ndarray
    jump_state_error: np.ndarray


class Output(NamedTuple):
    """X: found facets."""

    region_hash: np.ndarray
    down: np.ndarray  # facets to earlier regions, per region of this batch
    edge_region: np.ndarray
    edge_hash: np.ndarray
    edge_unit: np.ndarray
    edge_piece: np.ndarray
    edge_form: np.ndarray
    edge_sign: np.ndarray
    edge_point: np.ndarray
    border_region: np.ndarray
    border_side: np.ndarray
    flip_edge: np.ndarray  # further units that change
    flip_unit: np.ndarray
    flip_piece: np.ndarray
