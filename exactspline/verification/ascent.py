"""Points with a large value where a condition seems to hold, by floats: guesses, checked by others.

Random steps from the best points so far, shorter and shorter. Nothing here proves anything.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from ..cells.intervals import BoundedForms
from ..clock import Clock
from ..domain import Chart
from ..errors import ExactSplineError
from ..statements.affine import Affine
from ..statements.conditions import Condition
from ..statements.exact import float_truths, float_values
from ..statements.guess import lifted, spread
from ..statements.joint import Coordinates

__all__ = ["climbed", "lifted"]

_ROUNDS = 40
_BEST = 16  # points that steps begin at
_STEPS = 16  # from each
_GIVEN = 2


@np.errstate(all="ignore")
def climbed(
    coordinates: Coordinates, chart: Chart, form: Affine, condition: Condition, clock: Clock
) -> list[tuple[Fraction, ...]]:
    """Some points of a chart, best guesses first.

    Parameters
    ----------
    coordinates : Coordinates
    chart : Chart
        Of the joint domain.
    form : Affine
        What is to be large.
    condition : Condition
        Without slopes and codes.
    clock : Clock
    """
    rng = np.random.default_rng(0)
    low = np.array([-np.inf if v is None else float(v) for v in chart.low])
    high = np.array([np.inf if v is None else float(v) for v in chart.high])
    rows = BoundedForms.of(chart.rows) if len(chart.rows) else None
    points = spread(chart)
    if not len(points):
        return []
    length = np.maximum(points.std(axis=0), 1e-300)
    best, values = np.zeros((0, chart.dim)), np.zeros(0)
    for k in range(_ROUNDS):
        try:
            at = lifted(coordinates, chart, points)
            (own,) = float_values([form], at)
            good = float_truths(condition, at) & np.isfinite(own)
        except (OverflowError, ValueError, ArithmeticError, ExactSplineError):
            break
        if rows is not None:
            good &= np.all(rows(points.T, points.T)[0] >= 0, axis=0)
        best, values = np.concatenate([best, points[good]]), np.concatenate([values, own[good]])
        order = np.argsort(-values, kind="stable")[:_BEST]
        best, values = best[order], values[order]
        if not len(best) or clock.late():
            break
        steps = rng.normal(size=(_STEPS, len(best), chart.dim)) * length * 0.7**k
        one = rng.random(steps.shape) < 0.5  # some coordinates stay
        points = np.clip((best + steps * one).reshape(-1, chart.dim), low, high)
    return [tuple(Fraction(v) for v in point) for point in best[:_GIVEN].tolist()]
