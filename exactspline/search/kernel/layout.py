"""The blocks of arrays that kernels read (`Problem`) and work in (`State`).

They are the same whatever the network is, so that every kernel is compiled once, and all of a
search is in them, so that it can stop anywhere and go on later. See ``block.py`` for how they
are handed over.
"""

from .block import (
    Block,
    Flags,
    Floats,
    FloatTable,
    Hashes,
    Int8s,
    Int32s,
    Int32Table,
    Ints,
    IntTable,
)

__all__ = [
    "Across", "Ahead", "Box", "Boxes", "Classes", "Dictionary", "Edges", "Entries", "Facets",
    "Form", "Goal", "Layers", "Members", "Middle", "Narrow", "Path", "Pending", "Problem",
    "Reentry", "Regions", "Rows", "Scratch", "State", "Units", "Weights",
]  # fmt: skip


# --------------------------------------------------------------------- what is searched
class Box(Block):
    """The domain's bounding box, rounded outwards (infinite: none)."""

    low: Floats
    high: Floats
    reach: Floats  # max |x| in it
    extent: Floats  # its widths (1 where infinite): the scale of a form


class Layers(Block):
    """Per layer: sizes, and where its part of a flat array begins (``*_at``)."""

    n_keep: Ints
    n_in: Ints  # entries of the state before
    n_mem: Ints
    n_units: Ints
    n_state: Ints
    simple: Ints  # unit k has two pieces told apart by the sign of member k
    stride: Ints  # what forms and conditions are: see conditions.py
    mem_at: Ints
    unit_at: Ints
    form_at: Ints
    state_at: Ints
    keep_at: Ints
    piece_at: Ints
    grid: IntTable  # exponents of weight, bias, slope, offset grids (or NOT_EXACT)
    norm: FloatTable  # max row sum of |weight|, max |bias|, max |slope|, max |offset|


class Weights(Block):
    """u = W z + p: dense by entries of the state, or their compressed columns; what is kept."""

    dense: Ints
    weight_at: Ints
    column_at: Ints
    has_error: Ints
    weight: Floats
    error: Floats
    column_start: Ints
    column_row: Ints
    bias: Floats
    bias_error: Floats
    keep: Ints


class Units(Block):
    """Units and their pieces; ``start`` is per unit (with one entry more a layer)."""

    lead: Ints
    two_piece: Flags
    start: Ints
    member: Ints
    shift: Floats
    shift_error: Floats
    slope: Floats
    slope_error: Floats
    offset: Floats
    offset_error: Floats


class Classes(Block):
    """Which rows are equal, see classes.py; empty where no unit compares members."""

    at: Ints
    start: Ints
    column: Ints
    value: Ints
    bias: Ints
    function: Ints
    constant: Flags
    first: Ints
    members: Ints  # those of the first layer; the others are found on the way
    state: Ints


class Rows(Block):
    """What `reentry.py` reads of some layers: weights by members, and the units of every member."""

    on: Ints  # per layer: 1 where it is entered again by what has changed
    at: Ints
    start: Ints  # per member, with one entry more a layer
    column: Ints
    weight: Floats
    error: Floats
    unit_at: Ints
    unit_start: Ints
    unit: Ints


class Goal(Block):
    """A condition in the order of its evaluation, on slots: members whose sign a unit tells."""

    ctl: Ints
    kind: Ints
    first: Ints
    second: Ints
    pauses: Ints
    near: Ints  # per comparison: a slot that is positive only where it fails by far, or -1
    groups: Ints  # conjunctions: the node, how many comparisons, and these; one after the other
    layer: Ints  # per slot
    unit: Ints
    member: Ints  # within its layer
    relus: Ints  # per layer: 1 where unit k is ReLU of member k, by exact numbers


class Problem(Block):
    """What is searched, in float64 with error bounds; never changed by a kernel."""

    mode: Ints
    box: Box
    layers: Layers
    weights: Weights
    units: Units
    classes: Classes
    rows: Rows
    goal: Goal


# ------------------------------------------------------------------ where the search stands
class Dictionary(Block):
    """A vertex of a cell, see simplex.py."""

    T: FloatTable
    col_id: Ints
    row_id: Ints


class Path(Block):
    """Constraints that a cell is cut out by; the domain's rows come first."""

    row: FloatTable
    error: FloatTable
    size: Floats
    scale: Floats
    grid: Ints
    largest: Floats
    layer: Ints
    form: Ints
    sign: Ints


class Members(Block):
    """The members' forms of every layer on the current path, by columns."""

    U: Floats
    error: Floats
    size: Floats
    grid: Ints
    largest: Floats
    classes: Ints  # only equal rows share a class; empty if there are none


class Entries(Block):
    """The state's forms before every layer, by rows."""

    Z: FloatTable
    error: FloatTable
    size: Floats
    zero: Flags
    grid: Ints
    largest: Floats
    classes: Ints


class Narrow(Block):
    """The same forms in the coordinates of a narrow layer, see narrow_layer.py."""

    members: Members
    entries: Entries
    active: Ints  # per layer: state entries before it that do not vanish
    span: Ints  # the layers that are there: the first one (0: none), the last one
    index: Ints
    row: FloatTable
    error: FloatTable
    inverse: FloatTable
    work: FloatTable
    ids: Ints
    ones: Floats


class Reentry(Block):
    """How a layer was entered last, see reentry.py."""

    parent: Ints  # per layer: how often the layer before had been entered
    last: Int32s  # per unit: its piece then
    piece: Int32s  # per unit: the piece that the box settled, or -1
    exact: Flags  # whether by an exact identity
    changed: Ints  # entries of the state that differ now
    renewed: Ints  # members that were made anew
    member_mark: Ints  # the layer's number of entries when that was
    unit_mark: Ints
    fresh: Ints  # the next class that no row has


class Boxes(Block):
    """Boxes of cells: on entry to every layer, and one of the current cell.

    That one is for one test, or is kept from node to node where there is a goal.
    """

    low: FloatTable
    high: FloatTable
    cell_low: Floats
    cell_high: Floats


class Pending(Block):
    """Siblings that are still to be searched, with their dictionaries."""

    stack: IntTable
    num: FloatTable
    point: FloatTable
    point_low: FloatTable
    box: FloatTable  # around the cell of the parent: its lower ends, and its upper ones
    arena: Floats
    arena_id: Ints


class Form(Block):
    """The form that is asked."""

    g: Floats
    error: Floats


class Middle(Block):
    """The double-double tier, see `middle`: low parts, and the forms that it has made.

    Low parts of parameters are where `Problem` has the parameters, and are read only where
    a layer is ``rounded``. All bounds are one number a coefficient.
    """

    ctl: Ints
    rounded: Ints
    weight: Floats
    weight_error: Floats
    bias: Floats
    bias_error: Floats
    shift: Floats
    shift_error: Floats
    slope: Floats
    slope_error: Floats
    offset: Floats
    offset_error: Floats
    entered: Ints  # per layer: how often the search entered it
    made: Ints  # that number when its forms were made
    members: Members
    members_low: Floats
    entries: Entries
    entries_low: FloatTable
    path: Path
    path_low: FloatTable
    path_entered: Ints  # of its layer, when a row was made
    form: Form
    form_low: Floats
    form_largest: Floats
    T: FloatTable  # its own dictionary
    T_low: FloatTable
    col_id: Ints
    row_id: Ints
    z: Floats  # multipliers
    z_low: Floats
    work: FloatTable
    way: Floats  # from the cell's point to a vertex, or a ray
    way_low: Floats
    trial: Floats
    trial_low: Floats
    rest: Floats
    terms: Floats  # of an exact sum


class Ahead(Block):
    """What is worked in by `ahead.py`: a layer's members and the state before it, between forms."""

    ctl: Ints
    lower: Floats  # by columns, as Members
    upper: Floats
    off: Floats
    least: Floats
    most: Floats
    size: Floats
    state_lower: FloatTable
    state_upper: FloatTable
    state_off: Floats
    reach: Floats
    open: Ints
    low: Floats  # per slot
    high: Floats
    value: Floats
    state: Floats
    stack: Ints
    margin: Floats
    never: Ints  # per node of the goal: 1 where it holds nowhere on the cell
    rows: Ints  # of the conjunction that is asked, see closing.py: 2 * slot, + 1 for positive
    row_scale: Floats
    row_at: FloatTable  # their values at points
    line: FloatTable  # of the units of a layer, see relaxed.py
    box_low: FloatTable  # boxes that are left, see halving.py
    box_high: FloatTable
    box_depth: Ints  # how often each was halved
    own_low: Floats  # the box that is looked at
    own_high: Floats
    corner: Floats
    sides: Floats  # of the domain's box


class Scratch(Block):
    """What is worked in."""

    z: Floats
    work: FloatTable
    bottom: Floats
    top: Floats
    table: Ints


class Regions(Block):
    """Regions that were found."""

    codes: Int32Table
    points: FloatTable
    points_low: FloatTable  # witnesses are points + points_low


# ------------------------------------------------------------------------ facets of a leaf
class Across(Block):
    """What is found out about the region across a facet."""

    hash: Hashes  # of the current region's code
    back: Floats
    far: Floats  # points on both sides of a facet
    near: Floats
    touched: Ints  # units with a condition that may vanish on it
    piece: Ints  # their pieces across
    # how the members' forms change across, in multiples of the facet's form
    member: Floats
    member_error: Floats
    state: Floats
    state_error: Floats


class Edges(Block):
    """Facets that were found."""

    region_hash: Hashes
    down: Ints  # facets to earlier regions, per region of this batch
    region: Ints
    target: Hashes
    unit: Int32s
    piece: Int32s
    form: Ints
    sign: Int8s
    point: FloatTable
    border_region: Ints
    border_side: Int32s
    flip_edge: Ints  # further units that change
    flip_unit: Int32s
    flip_piece: Int32s


class Facets(Block):
    """Where the search for a leaf's facets stands; the path's rows change while it goes on."""

    ctl: Ints
    alive: Flags  # constraints that are not known to be implied
    state: Ints  # what is known of each
    kept: Path  # the path as it was
    wide: Path  # its changed rows, with bounds where |x| <= 2 reach
    wide_low: Floats
    wide_reach: Floats
    piece_unit: Ints  # per piece: its unit, within the layer
    table: Hashes  # random numbers: a code's hash is the exclusive or of its pieces'
    across: Across
    out: Edges


class State(Block):
    """Where the search stands. ``ctl`` and ``num`` are indexed by the names of ``control``."""

    ctl: Ints
    num: Floats
    # the current node
    point: Floats
    point_low: Floats  # the node's witness is point + point_low
    codes: Int32s
    open_units: Ints
    dictionary: Dictionary
    other: Dictionary  # at the other vertex
    path: Path
    members: Members
    entries: Entries
    narrow: Narrow
    boxes: Boxes
    reentry: Reentry
    pending: Pending
    form: Form
    middle: Middle
    plus_point: Floats  # points of the two children
    minus_point: Floats
    plus_low: Floats
    minus_low: Floats
    scratch: Scratch
    ahead: Ahead
    out: Regions
    facets: Facets
    tiers: Ints  # addresses of kernels of their own (0: not brought in)
    faults: Floats
