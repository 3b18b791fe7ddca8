"""What the kernel leaves open, answered in rationals."""

from __future__ import annotations

import flint

from ...cells.cell import Cell
from ...errors import UndecidedError
from ...polyhedra.decisions import CellDecider
from ...polyhedra.lp import q
from . import control as c
from .searching import Searching

__all__ = ["answer", "current_cell"]


def _nearest(point: list[flint.fmpq]) -> list[float] | None:
    """The nearest float64 point, or None if it has none."""
    try:
        return [int(v.p) / int(v.q) for v in point]
    except OverflowError:
        return None


def _path(search: Searching) -> list[tuple[int, int, int]]:
    """The conditions of the current node: layer, form, sign."""
    path, first = search.state.path, len(search.forms.domain_rows)
    end = int(search.state.ctl[c.N_PATH])
    parts = (path.layer, path.form, path.sign)
    return list(zip(*(part[first:end].tolist() for part in parts), strict=True))


def answer(search: Searching) -> None:
    """Decide the kernel's open question in rationals and write the answer."""
    state, ctl = search.state, search.state.ctl
    search.queries[int(ctl[c.REASON])] += 1
    cell = search.cells.cell(_path(search), state.codes, search.point())
    form = search.forms.form(int(ctl[c.LAYER]), int(ctl[c.QUERY_FORM]), state.codes)
    if not cell.holds(cell.inside):
        raise UndecidedError(
            f"layer {int(ctl[c.LAYER])}: a point that was proved inside a cell in floats is not "
            "inside it in rationals; this is a defect of exactspline, please report it with the "
            "network (engine='rational' does without them)"
        )
    bases = [state.dictionary.col_id.tolist(), state.other.col_id.tolist()]
    bases = [b for b in bases if all(0 <= i < len(cell.rows) for i in b)]
    found = cell.decide(form, bases)
    search.rational += 1
    kinds = {"positive": c.POS, "negative": c.NEG, "zero": c.ZERO, "cut": c.CUT}
    ctl[c.ANSWER] = kinds[found.kind]
    if found.kind != "cut":
        return
    for sign, target, low, flag in (
        (1, state.plus_point, state.plus_low, c.PLUS_OK),
        (-1, state.minus_point, state.minus_low, c.MINUS_OK),
    ):
        side = found.side(sign)
        pair = _pair_inside(side)
        ctl[flag] = pair is not None
        if pair is not None:
            target[:], low[:] = pair


def _pair_inside(side: CellDecider) -> tuple[list[float], list[float]] | None:
    """A point of float64 numbers inside, else one of pairs of them; None if neither is found."""
    near = _nearest(side.inside)
    if near is None:
        return None
    none = [0.0] * len(near)
    if side.holds([q(v) for v in near]):
        return near, none
    rest = _nearest([a - q(b) for a, b in zip(side.inside, near, strict=True)])
    if rest is not None and side.holds([q(a) + q(b) for a, b in zip(near, rest, strict=True)]):
        return near, rest
    return None


def current_cell(search: Searching) -> Cell | None:
    """The current node as an exact cell; None if its interior is empty."""
    state, ctl = search.state, search.state.ctl
    cell = search.cells.open_cell(_path(search), state.codes)
    if cell is None:
        return None
    todo = state.open_units[int(ctl[c.POSITION]) : int(ctl[c.OPEN_END])].tolist()
    return Cell.of(
        cell, state.codes.copy(), int(ctl[c.LAYER]), todo, int(ctl[c.PIECE]),
        int(ctl[c.COND]) if ctl[c.PIECE] >= 0 else 0,
    )  # fmt: skip
