"""The blocks of arrays that the plane's kernels work in.

What is searched is `kernel.layout.Problem`.
"""

from __future__ import annotations

from ..kernel.block import (
    Block,
    Floats,
    FloatTable,
    Hashes,
    Int32s,
    Int32Table,
    Ints,
    IntTable,
)
from ..kernel.layout import Entries, Form, Members, Middle

__all__ = ["Corners", "Faces", "Lines", "PlaneState", "Regions", "Renewal"]


class Lines(Block):
    """Lines a x + b y + c = 0: those of the domain, then those that cells were cut by."""

    row: FloatTable  # a, b, c
    error: FloatTable
    kind: IntTable  # see control.py
    cell: IntTable  # the cell that the first n lines have made, for every n on the path


class Corners(Block):
    """Corners of cells, one cell after the other; those of pending cells stay where they are."""

    at: FloatTable
    lines: IntTable


class Regions(Block):
    """Regions that were found."""

    codes: Int32Table
    points: FloatTable


class Faces(Block):
    """Their polygons, where they are asked for: see `polygons.PlaneFaces`."""

    count: Ints  # edges of every region
    hash: Hashes
    touched: Ints  # 1: what lies across is to be found in rationals
    corner: FloatTable
    unit: Int32s
    piece: Int32s
    form: Ints
    sign: Int32s
    target: Hashes
    point: FloatTable  # beyond the edge and no other one, and whether it is known


class Renewal(Block):
    """What the layers were made of when they were entered last, see renewal.py and winners.py."""

    # of the program
    longest: Ints  # per layer: terms of its longest row
    column_at: Ints
    column_start: Ints  # per entry of a state, with one entry more a layer
    column_row: Ints  # the members that read it
    # numbers of renewals
    count: Ints  # the latest ones, see control.py
    made: Ints  # per layer: when it was made, 0: never
    entered: Ints  # per layer: when it was entered last
    since: Ints  # per layer: when the layer before had been entered, when it was made
    opened: Ints  # per layer: where its units that were open begin
    closed: Ints  # and end
    moved: Ints  # per layer: when a member changed last
    passed: Ints  # per layer: when an entry of the state before it changed last
    entry: Ints  # per entry: when it changed last
    member: Ints  # per member
    # the state's entries, for all layers one after the other
    piece: Int32s  # of its unit, when it was made; -1: never
    row: FloatTable  # its form, and from column 4 on what it adds to a bound, a unit of weight
    changed: Ints  # entries that changed, in the layer
    renewed: Ints  # members to be made anew, in the layer
    mark: Ints  # per member: the renewal that it is listed for
    # rows by what they are made of, to find equal ones: lists of members, then of entries
    first: Ints  # per bucket
    next: Ints
    previous: Ints
    bucket: Ints  # -1: in no list
    function: Ints  # what an entry in a list was made of
    argument: Ints
    # units that compare members
    winner: Int32s  # the piece that they take on a cell of the path
    place: Ints  # where that cell stands there; -1: there is none
    cell: Ints  # its number
    tied: Ints  # 1: by members that are equal
    contenders: Ints


class PlaneState(Block):
    """Where the search stands. ``ctl`` and ``num`` are indexed by the names of ``control``."""

    ctl: Ints
    num: Floats
    codes: Int32s
    open_units: Ints
    members: Members
    entries: Entries
    lines: Lines
    corners: Corners
    pending: IntTable
    weight: Floats  # of pending cells
    form: Form
    signs: Ints  # of the form at the corners of a cell
    memo: IntTable  # signs that were asked for: form, line, line, sign, what told it
    middle: Middle  # rows in double-double, where they were needed: see pairs.py
    multiples: IntTable  # classes of forms and of lines that they are multiples of, by hashes
    touch: Ints  # lines that some unit vanishes on without being cut there; -1: all
    terms: Floats  # of an exact sum
    pairs: FloatTable  # two lines: their rows, low parts and bounds
    low: Floats  # of the forms of a layer at the corners of a cell
    high: Floats
    table: Ints
    begin: Ints  # of the part
    point: Floats  # a witness that Python has given
    first_piece: Ints  # per unit the number of its first piece in the table of hashes
    table_of_units: Ints  # per piece its unit in the layer
    hashes: Hashes
    again: Renewal
    tiers: Ints  # addresses of kernels of their own (0: not brought in)
    out: Regions
    faces: Faces
