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

__all__ = ["Corners", "Faces", "Lines", "PlaneState", "Regions"]


class Lines(Block):
    """Lines a x + b y + c = 0: those of the domain, then those that cells were cut by."""

    row: FloatTable  # a, b, c
    error: FloatTable
    kind: IntTable  # see control.py


class Corners(Block):
    """Corners of cells, one cell after the other; those of pending cells stay where they are."""

    at: FloatTable
    lines: IntTable


class Regions(Block):
    """Regions that were found."""

    codes: Int32Table
    points: FloatTable


class Faces(Block):
    """Their polygons, where they are asked for: see `faces.PlaneFaces`."""

    count: Ints  # edges of every region
    hash: Hashes
    touched: Ints  # 1: what lies across is to be found in rationals
    corner: FloatTable
    unit: Int32s
    piece: Int32s
    layer: Ints
    form: Ints
    sign: Int32s
    target: Hashes
    point: FloatTable  # beyond the edge and no other one, and whether it is known


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
    out: Regions
    faces: Faces
