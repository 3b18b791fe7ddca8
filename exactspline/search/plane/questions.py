"""What the plane's kernel leaves open, answered in rationals."""

from __future__ import annotations

from fractions import Fraction
from typing import Protocol

import numpy as np

from ...cells.forms import ExactForms
from ...errors import UndecidedError
from ...rationals import fraction, nearest_float
from . import control as c
from .layout import PlaneState
from .root import cross

__all__ = ["Exactly", "answer_signs", "answer_witness", "exact_corner"]

Ray = tuple[Fraction, Fraction, Fraction]


class Exactly(Protocol):
    """What is read of a search."""

    forms: ExactForms
    state: PlaneState


def _turned(row: list) -> Ray:
    """A row of flint's, constant first, as Fractions, slopes first."""
    const, a, b = (fraction(v) for v in row)
    return a, b, const


def line_row(search: Exactly, line: int) -> Ray:
    """The exact row of a line."""
    zero, one = Fraction(0), Fraction(1)
    if line < c.FIRST_ROW:
        return {c.IDEAL_LINE: (zero, zero, one), c.AXIS_X: (one, zero, zero)}.get(
            line, (zero, one, zero)
        )
    layer, form = (int(v) for v in search.state.lines.kind[line, : c.L_KIND])
    if layer < 0:
        return _turned(search.forms.domain_rows[form])
    return _turned(search.forms.form(layer, form, search.state.codes))


def exact_corner(search: Exactly, at: int) -> Ray:
    """A corner of the current cell as (x, y, 1), or (x, y, 0) at infinity."""
    a, b, turn = (int(v) for v in search.state.corners.lines[at, : c.EDGE])
    x, y, w = (turn * v for v in cross(line_row(search, a), line_row(search, b)))
    if w:
        return x / w, y / w, Fraction(1)
    most = max(abs(x), abs(y))
    return x / most, y / most, w


def answer_signs(search: Exactly) -> None:
    """Write down the signs of the form that is asked at the corners that are asked."""
    state, ctl = search.state, search.state.ctl
    form = int(ctl[c.ASK_FORM])
    g = _turned(search.forms.form(int(ctl[c.LAYER]), form, state.codes))
    rows: dict[int, Ray] = {}
    for at in range(int(ctl[c.ASK_AT]), int(ctl[c.ASK_AT] + ctl[c.ASK_K])):
        a, b = (int(v) for v in state.corners.lines[at, : c.TURN])
        for line in (a, b):
            if line not in rows:
                rows[line] = line_row(search, line)
        value = sum((u * v for u, v in zip(cross(rows[a], rows[b]), g, strict=True)), Fraction(0))
        sign = (value > 0) - (value < 0)
        if sign == 0 and _is_named(search, a) and not any(cross(rows[a], g)):
            sign = c.OF_A
        elif sign == 0 and _is_named(search, b) and not any(cross(rows[b], g)):
            sign = c.OF_B
        n = int(ctl[c.N_MEMO])
        if n == len(state.memo):
            state.memo = np.concatenate([state.memo, np.zeros_like(state.memo)])
        state.memo[n] = form, a, b, sign
        ctl[c.N_MEMO] = n + 1


def _is_named(search: Exactly, line: int) -> bool:
    """Whether the form and a line have classes, by which they are known on other paths, too."""
    ctl, kind = search.state.ctl, search.state.lines.kind[line]
    return bool(ctl[c.FORM_A] >= 0 and kind[c.L_CLASS_A] != -2)


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
