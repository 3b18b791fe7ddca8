"""What the plane's kernel leaves open, answered in rationals."""

from __future__ import annotations

from fractions import Fraction
from typing import Protocol

import numpy as np

from ...cells.forms import ExactForms
from ...errors import UndecidedError
from ...polyhedra.lp import Row, q
from ...rationals import fraction, nearest_float
from . import control as c
from .layout import PlaneState
from .root import cross

__all__ = ["Exactly", "answer_signs", "answer_witness", "exact_corner"]

Ray = tuple[Fraction, Fraction, Fraction]


class Exactly(Protocol):
    """What is read of a search."""

    state: PlaneState

    @property
    def forms(self) -> ExactForms:
        """The exact forms."""


def _turned(row: Row) -> Ray:
    """A row of flint's, constant first, as Fractions, slopes first."""
    const, a, b = (fraction(v) for v in row)
    return a, b, const


def line_row(search: Exactly, line: int) -> Ray:
    """The exact row of a line."""
    return _turned(_row(search, line))


def exact_corner(search: Exactly, at: int) -> Ray:
    """A corner of the current cell as (x, y, 1), or (x, y, 0) at infinity."""
    a, b, turn = (int(v) for v in search.state.corners.lines[at, : c.EDGE])
    x, y, w = (turn * v for v in cross(line_row(search, a), line_row(search, b)))
    if w:
        return x / w, y / w, Fraction(1)
    most = max(abs(x), abs(y))
    return x / most, y / most, w


def _row(search: Exactly, line: int) -> Row:
    """The exact row of a line, constant first."""
    if line < c.FIRST_ROW:
        return [q(int(line == way)) for way in (c.IDEAL_LINE, c.AXIS_X, c.AXIS_Y)]
    layer, form = (int(v) for v in search.state.lines.kind[line, : c.L_KIND])
    if layer < 0:
        return search.forms.domain_rows[form]
    return search.forms.form(layer, form, search.state.codes)


def answer_signs(search: Exactly) -> None:
    """Write down the signs of the form that is asked at the corners that are asked."""
    state, ctl = search.state, search.state.ctl
    form = int(ctl[c.ASK_FORM])
    g0, g1, g2 = search.forms.form(int(ctl[c.LAYER]), form, state.codes)
    rows: dict[int, Row] = {}
    known = {
        (int(m[c.M_LINE_A]), int(m[c.M_LINE_B]))
        for m in state.memo[: int(ctl[c.N_MEMO])] if m[c.M_FORM] == form
    }  # fmt: skip
    for at in range(int(ctl[c.ASK_AT]), int(ctl[c.ASK_AT] + ctl[c.ASK_K])):
        pair = state.corners.lines[at, : c.TURN].tolist()
        if tuple(pair) in known:
            continue
        for line in pair:
            if line not in rows:
                rows[line] = _row(search, line)
        (a0, a1, a2), (b0, b1, b2) = rows[pair[0]], rows[pair[1]]
        value = g0 * (a1 * b2 - a2 * b1) + g1 * (a2 * b0 - a0 * b2) + g2 * (a0 * b1 - a1 * b0)
        sign = (value > 0) - (value < 0)
        if sign == 0:
            sign = _multiple(search, (g0, g1, g2), pair, [rows[line] for line in pair])
        n = int(ctl[c.N_MEMO])
        if n == len(state.memo):
            state.memo = np.concatenate([state.memo, np.zeros_like(state.memo)])
        state.memo[n] = form, *pair, sign, c.RATIONAL
        ctl[c.N_MEMO] = n + 1


def _multiple(search: Exactly, g: tuple, pair: list[int], rows: list[Row]) -> int:
    """OF_A or OF_B where a form is a multiple of one of two lines, and both have classes; else 0.

    By those they are known on other paths, too.
    """
    if search.state.ctl[c.FORM_A] >= 0:
        for line, row, answer in zip(pair, rows, (c.OF_A, c.OF_B), strict=True):
            named = search.state.lines.kind[line, c.L_CLASS_A] != -2
            if named and all(g[n - 1] * row[n] == g[n] * row[n - 1] for n in range(3)):
                return answer
    return 0


def answer_witness(search: Exactly) -> tuple[Fraction, Fraction] | None:
    """Give the current leaf a point inside: the float64 nearest to the middle of its corners.

    Returns
    -------
    tuple of Fraction or None
        The middle itself, if the float64 point is not strictly inside.
    """
    state, ctl = search.state, search.state.ctl
    at, k = int(ctl[c.AT]), int(ctl[c.K])
    corners = [exact_corner(search, i) for i in range(at, at + k)]
    finite = sum(1 for p in corners if p[2])
    if not finite:
        raise UndecidedError(
            "search: a cell has no corner; this is a defect of exactspline, please report it with "
            "the network (engine='rational' does without corners)"
        )
    middle = [
        sum((p[n] / finite if p[2] else p[n] for p in corners), Fraction(0)) for n in range(2)
    ]
    near = [nearest_float(v) for v in middle]
    state.point[:], ctl[c.HAS_POINT] = near, 1
    for i in range(at, at + k):
        line, inward = (int(v) for v in state.corners.lines[i, c.EDGE :])
        if line == c.IDEAL_LINE:
            continue
        a, b, const = line_row(search, line)
        if inward * (a * Fraction(near[0]) + b * Fraction(near[1]) + const) <= 0:
            return middle[0], middle[1]
    return None
