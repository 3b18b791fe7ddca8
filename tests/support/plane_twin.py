"""A naive twin of the search of two-dimensional domains: polygons, Fractions, and nothing else.

No floating point and no linear program. A cell is the cyclic list of its sides, counterclockwise,
each a row (c, a, b) with c W + a X + b Y >= 0 inside, for points as rays (W, X, Y) with W >= 0:
where W > 0 the point (X / W, Y / W), where it is 0 an ideal corner. The line at infinity is the
side (1, 0, 0), so every cell is a part of a half-sphere, whose sides are arcs of great circles.
The corner between two sides that follow each other is the cross product of their rows, the right
one of two opposite points. That holds for cells with two sides as well, whose corners are
opposite (half-planes, strips); the whole plane has one side and no corner.

Units are cut out in canonical order, a piece after the other, by the conditions and the rule for
ties of ``Units.conditions``. What lies across a side is found by the corners that two faces
share, never by evaluation.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from exactspline.cells.forms import ExactForms
from exactspline.cells.space import SearchSpace
from exactspline.compile.program import Program
from exactspline.rationals import fractions, nearest_float, round_up
from exactspline.search.facet_columns import code_hashes, hash_table
from exactspline.search.polygons import IDEAL, SIDE, PlaneFaces

Vector = tuple[Fraction, Fraction, Fraction]
AT_INFINITY: Vector = (Fraction(1), Fraction(0), Fraction(0))


@dataclass(frozen=True)
class Side:
    """A side of a cell: its row, positive inside, and whose line it is.

    ``layer`` is `SIDE` for a side of the domain, `IDEAL` for the line at infinity; ``form`` is the
    number in the layer, or of the domain's row.
    """

    row: Vector
    layer: int
    form: int = 0
    sign: int = 1


Cell = tuple[Side, ...]
PLANE: Cell = (Side(AT_INFINITY, IDEAL),)


def cross(a: Vector, b: Vector) -> Vector:
    return (
        a[1] * b[2] - a[2] * b[1],
        a[2] * b[0] - a[0] * b[2],
        a[0] * b[1] - a[1] * b[0],
    )


def dot(a: Vector, b: Vector) -> Fraction:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def primitive(v: Vector) -> tuple[int, int, int]:
    """The shortest integer vector of the same direction."""
    scale = math.lcm(*(x.denominator for x in v))
    whole = [int(x * scale) for x in v]
    factor = math.gcd(*whole)
    return tuple(x // factor for x in whole)


def corners(cell: Cell) -> list[Vector]:
    """Corner i is where the sides i - 1 and i meet, and side i begins."""
    if len(cell) == 1:
        return []
    return [cross(cell[i - 1].row, cell[i].row) for i in range(len(cell))]


def sign_of(cell: Cell, row: Vector) -> int:
    """1 or -1: a form (not zero) has this sign inside; 0: both."""
    if len(cell) == 1:
        return 0 if row[1] or row[2] else (1 if row[0] > 0 else -1)
    values = [dot(row, corner) for corner in corners(cell)]
    if any(values):
        if min(values) >= 0:
            return 1
        return -1 if max(values) <= 0 else 0
    a, b = shares(cell, row)
    if a >= 0 and b >= 0:
        return 1
    return -1 if a <= 0 and b <= 0 else 0


def shares(cell: Cell, row: Vector) -> tuple[Fraction, Fraction]:
    """A row as a combination of those of a cell with two sides, where it is one."""
    one, two = (side.row for side in cell)
    for i, j in ((0, 1), (0, 2), (1, 2)):
        det = one[i] * two[j] - one[j] * two[i]
        if det:
            a = (row[i] * two[j] - row[j] * two[i]) / det
            b = (one[i] * row[j] - one[j] * row[i]) / det
            break
    assert all(a * u + b * v == w for u, v, w in zip(one, two, row, strict=True))
    return a, b


def above(cell: Cell, side: Side) -> Cell:
    """The part of a cell where a form that changes sign on it is positive."""
    if len(cell) == 1:
        return (*cell, side)
    values = [dot(side.row, corner) for corner in corners(cell)]
    n = len(cell)
    if n == 2:
        if values[1] > 0:  # the corner from side 0 to side 1 stays
            return (*cell, side)
        if values[1] < 0:
            return (cell[1], cell[0], side)
        a, _ = shares(cell, side.row)
        return (cell[0 if a < 0 else 1], side)
    kept = [values[i] > 0 or values[(i + 1) % n] > 0 for i in range(n)]
    last = next(i for i in range(n) if values[i] > 0 >= values[(i + 1) % n])  # the way out
    run = [(last + 1 + i) % n for i in range(n)]
    return (*(cell[i] for i in run if kept[i]), side)


def domain_cell(forms: ExactForms) -> Cell:
    """The domain as a cell; its rows describe a set with interior."""
    cell = PLANE
    for number, row in enumerate(forms.domain_rows):
        row = fractions(row)
        sign = sign_of(cell, row)
        assert sign >= 0
        if sign == 0:
            cell = above(cell, Side(row, SIDE, number))
    return cell


def regions(forms: ExactForms) -> Iterator[tuple[np.ndarray, Cell]]:
    """All regions as cells, in lexicographic order of their codes."""
    program = forms.program
    yield from _regions(forms, domain_cell(forms), np.zeros(program.n_units, dtype=np.int64), 0, 0)


def _regions(
    forms: ExactForms, cell: Cell, codes: np.ndarray, layer: int, unit: int
) -> Iterator[tuple[np.ndarray, Cell]]:
    layers = forms.program.layers
    while layer < len(layers) and unit == len(layers[layer].units):
        layer, unit = layer + 1, 0
    if layer == len(layers):
        yield codes.copy(), cell
        return
    units = layers[layer].units
    at = int(forms.program.unit_start[layer]) + unit
    for piece in range(int(units.pieces[unit])):
        part = _with_piece(forms, cell, codes, layer, unit, piece)
        if part is not None:
            codes[at:] = 0
            codes[at] = piece
            yield from _regions(forms, part, codes, layer, unit + 1)


def _with_piece(
    forms: ExactForms, cell: Cell, codes: np.ndarray, layer: int, unit: int, piece: int
) -> Cell | None:
    """The part of a cell where a piece holds; None where its interior is empty."""
    for form, sign, drop in forms.program.layers[layer].units.conditions(unit, piece):
        row = fractions(forms.form(layer, form, codes))
        if not any(row):
            if drop:
                return None
            continue
        turned = tuple(sign * v for v in row)
        found = sign_of(cell, turned)
        if found < 0:
            return None
        if found == 0:
            cell = above(cell, Side(turned, layer, form, sign))
    return cell


@dataclass
class PlaneTwin:
    """What the twin finds.

    Attributes
    ----------
    codes : int64 array, shape (regions, units)
    cells : list of Cell
    corners : list of lists of (W, X, Y)
    twin : list
        Of every side of every face, one after the other: (face, side) across, or None. (The
        whole plane as a face has one side here, and none in `PlaneFaces`.)
    faces : PlaneFaces
    """

    codes: np.ndarray
    cells: list[Cell]
    corners: list[list[Vector]]
    twin: list[tuple[int, int] | None]
    faces: PlaneFaces


def plane_twin(program: Program, space: SearchSpace) -> PlaneTwin:
    """All regions of a program on a space of two dimensions, with their polygons."""
    assert space.dim == 2
    forms = ExactForms(program, space)
    codes, cells = [], []
    for code, cell in regions(forms):
        codes.append(code)
        cells.append(cell)
    every = np.array(codes, dtype=np.int64).reshape(len(codes), program.n_units)
    found = [corners(cell) for cell in cells]
    twin = _across(cells, found)
    return PlaneTwin(every, cells, found, twin, _columns(program, every, cells, found, twin))


def _across(cells: Sequence[Cell], found: Sequence[list[Vector]]) -> list[tuple[int, int] | None]:
    """The face and side across each side: that with the same corners, the other way round."""
    keys: dict[tuple[object, ...], tuple[int, int]] = {}
    for f, (cell, own) in enumerate(zip(cells, found, strict=True)):
        for i, side in enumerate(cell):
            ends = [primitive(own[j % len(own)]) for j in (i, i + 1)] if own else []
            key = (primitive(side.row), *ends)
            assert key not in keys
            keys[key] = f, i
    out: list[tuple[int, int] | None] = []
    for (row, *ends), (f, i) in keys.items():
        other = keys.get((tuple(-v for v in row), *ends[::-1]))
        assert (other is None) == (cells[f][i].layer < 0)  # face to face
        out.append(other)
    return out


def _columns(
    program: Program, codes: np.ndarray, cells: Sequence[Cell], found: Sequence[list[Vector]],
    twin: Sequence[tuple[int, int] | None],
) -> PlaneFaces:  # fmt: skip
    sizes = [len(cell) if own else 0 for cell, own in zip(cells, found, strict=True)]
    start = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    n = int(start[-1])
    hashes = code_hashes(program, hash_table(program), codes)
    out = PlaneFaces(
        start, np.zeros((n, 3)), np.full(n, np.inf), np.zeros(n, np.int32), np.zeros(n, np.int32),
        np.zeros(n, np.int64), np.zeros(n, np.int8), hashes, np.zeros(n, np.uint64),
    )  # fmt: skip
    at = 0
    for f, (cell, own) in enumerate(zip(cells, found, strict=True)):
        for i, side in enumerate(cell if own else ()):
            out.corner[at], out.error[at] = _near(own[i])
            out.form[at], out.sign[at] = side.form, side.sign
            if side.layer < 0:
                out.unit[at] = side.layer
            else:
                out.form[at] += program.form_start[side.layer]
                other = twin[at]
                assert other is not None
                differ = np.flatnonzero(codes[f] != codes[other[0]])
                out.unit[at] = differ[0]
                out.piece[at] = codes[other[0], differ[0]]
                out.target[at] = hashes[other[0]]
            at += 1
    return out


def _near(corner: Vector) -> tuple[tuple[float, float, float], float]:
    """A corner in floats, and how far off it is at most."""
    w, x, y = corner
    if w == 0:
        size = max(abs(x), abs(y))
        return (nearest_float(x / size), nearest_float(y / size), 0.0), 0.0
    near = nearest_float(x / w), nearest_float(y / w)
    error = max(abs(x / w - Fraction(near[0])), abs(y / w - Fraction(near[1])))
    return (*near, 1.0), round_up(error)
