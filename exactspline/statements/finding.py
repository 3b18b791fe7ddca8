"""From a point that was found to a verdict."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from ..errors import ParameterError
from ..rationals import nearest_float
from .atoms import Applied, atoms_of
from .conditions import literals_of
from .exact import Values, holds_at
from .guess import is_in
from .quantified import Statement
from .search import Sought
from .verdict import Application, Points, Verdict
from .watch import Found

__all__ = ["applications", "check", "float_point", "shown", "verdict_of"]


def check(statement: Statement) -> None:
    """Refuse what is no statement.

    Raises
    ------
    ParameterError
    """
    if not isinstance(statement, Statement):
        raise ParameterError(
            f"a statement is needed, es.forall(domain, lambda x: ...), not a "
            f"{type(statement).__name__}"
        )


def verdict_of(
    statement: Statement, sought: Sought, found: Found | None, seconds: float
) -> Verdict:
    """What a search has shown of a statement."""
    out = Verdict(
        statement, None, regions=sought.regions, decisions=sought.decisions,
        vacuous=sought.vacuous, pruned=sought.pruned, closed=sought.closed, method=sought.method,
        inside_only=statement.inside_only,
        stopped=sought.stopped if found is None else "", seconds=seconds,
    )  # fmt: skip
    if found is None:
        if not sought.stopped:
            out.holds = statement.universal
        return out
    out.holds = not statement.universal
    points = shown(statement, found)
    if statement.universal:
        out.counterexample = points
    else:
        out.witness = points
    out.code = None if found.code is None else tuple(found.code.tolist())
    out.applied = applications(statement, found)
    out.float_point = float_point(statement, sought, found)
    return out


def applications(statement: Statement, found: Found) -> tuple[Application, ...]:
    """What the networks of a statement give at a point."""
    from ..cells.point import code_at

    forms = [literal.form for literal in literals_of(statement.condition)]
    values, out = Values(found.points), []
    for applied in dict.fromkeys(a.spline for a in atoms_of(forms) if isinstance(a, Applied)):
        x, y = values.at(applied)
        code, _ = code_at(applied.network.program, x)
        out.append(Application(applied.network, x, y, tuple(code.tolist())))
    return tuple(out)


def shown(statement: Statement, found: Found) -> Points:
    """The points of a find: one, or a tuple of several."""
    points = tuple(found.points[p] for p in statement.points)
    return points[0] if len(points) == 1 else points


def float_point(statement: Statement, sought: Sought, found: Found) -> Any:
    """A float64 point near it that shows the same, or None: a few are tried."""
    if statement.inside_only or sought.domain is None:
        return None
    for share in (0.0, 2.0**-30, 2.0**-20, 2.0**-10, 2.0**-3, 0.5, 1.0):
        part = Fraction(share)
        near = [a + part * (b - a) for a, b in zip(found.at, found.inside, strict=True)]
        rounded = tuple(Fraction(nearest_float(v)) for v in near)
        points = sought.points_at(rounded)
        flat = [v for point in points.values() for v in point]
        if any(Fraction(nearest_float(v)) != v for v in flat):
            continue
        if is_in(sought.domain.chart, list(rounded)) and holds_at(sought.condition, points):
            out = [[float(v) for v in points[p]] for p in statement.points]
            return out[0] if len(out) == 1 else out
    return None
