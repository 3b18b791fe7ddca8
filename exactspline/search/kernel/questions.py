"""What the kernel leaves open, answered in rationals."""

from __future__ import annotations

import flint

from ...cells.cell import Cell
from ...errors import UndecidedError
from ...polyhedra.decide import decide, interior
from ...polyhedra.lp import q, value_at
from . import control as c
from .searching import Searching

__all__ = ["answer", "current_cell"]


def _nearest(point: list[flint.fmpq]) -> list[float] | None:
    """The nearest float64 point, or None if it has none."""
    try:
        return [int(v.p) / int(v.q) for v in point]
    except OverflowError:
        return None


def answer(search: Searching) -> None:
    """Decide the kernel's open question in rationals and write the answer."""
    state = search.state
    ctl = state.ctl
    search.queries[int(ctl[c.REASON])] += 1
    rows = search.path_rows()
    form = search.forms.form(int(ctl[c.LAYER]), int(ctl[c.QUERY_FORM]), state.codes)
    inside = search.point()
    if any(value_at(row, inside) <= 0 for row in rows):
        raise UndecidedError(
            f"layer {int(ctl[c.LAYER])}: a point that was proved inside a cell in float64 is "
            "not inside it in rationals; this is a defect of exactspline, please report it "
            "with the network (engine='rational' does without float64)"
        )
    bases = [state.dictionary.col_id.tolist(), state.other.col_id.tolist()]
    bases = [b for b in bases if all(0 <= i < len(rows) for i in b)]
    verdict = decide(rows, form, inside, bases)
    search.rational += 1
    kinds = {"positive": c.POS, "negative": c.NEG, "zero": c.ZERO, "cut": c.CUT}
    ctl[c.ANSWER] = kinds[verdict.kind]
    if verdict.kind != "cut":
        return
    for point, target, low, flag, sign in (
        (verdict.plus, state.plus_point, state.plus_low, c.PLUS_OK, 1),
        (verdict.minus, state.minus_point, state.minus_low, c.MINUS_OK, -1),
    ):
        ctl[flag] = False
        near = _nearest(point)
        if near is None:
            continue
        rest = _nearest([a - q(b) for a, b in zip(point, near, strict=True)])
        for low_part in ([0.0] * len(near), rest or []):
            at = [q(a) + q(b) for a, b in zip(near, low_part, strict=False)]
            if (
                low_part
                and value_at(form, at) * sign > 0
                and all(value_at(row, at) > 0 for row in rows)
            ):
                target[:], low[:] = near, low_part
                ctl[flag] = True
                break


def current_cell(search: Searching) -> Cell | None:
    """The current node as an exact cell; None if its interior is empty."""
    state = search.state
    ctl = state.ctl
    rows = search.path_rows()
    inside = interior(rows, search.space.dim)
    if inside is None:
        return None
    todo = state.open_units[int(ctl[c.POSITION]) : int(ctl[c.OPEN_END])].tolist()
    return Cell(
        rows, inside, state.codes.copy(), int(ctl[c.LAYER]), todo, int(ctl[c.PIECE]),
        int(ctl[c.COND]) if ctl[c.PIECE] >= 0 else 0,
    )  # fmt: skip
