"""Points that may decide a statement before any region is searched; each is checked exactly."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction

import numpy as np

from ..domain import Chart
from ..domain.rows import values_of
from ..errors import ExactSplineError
from ..rationals import nearest_float
from .affine import Affine
from .atoms import PointAtom
from .conditions import Condition
from .exact import float_truths, float_values
from .joint import Coordinates

__all__ = ["guesses", "is_in", "lifted", "thin"]

_COUNT = 256
_THIN = 1 << 12
_NEARLY = 1e-6
_CHECKED = 6  # of those that float64 likes


def is_in(chart: Chart, point: list[Fraction]) -> bool:
    """Whether a point of a chart's coordinates is in the domain, exactly."""
    for value, low, high in zip(point, chart.low, chart.high, strict=True):
        if (low is not None and value < low) or (high is not None and value > high):
            return False
    return all(v >= 0 for v in values_of(chart.rows, point))


@np.errstate(all="ignore")
def guesses(
    coordinates: Coordinates, chart: Chart, condition: Condition
) -> Iterator[tuple[Fraction, ...]]:
    """Points of the chart where a condition seems to hold, best guesses first.

    Parameters
    ----------
    coordinates : Coordinates
    chart : Chart
        Of the joint domain.
    condition : Condition
        Without slopes and codes.
    """
    inside = [nearest_float(v) for v in chart.interior]
    found = np.concatenate([[inside], spread(chart)])
    points = lifted(coordinates, chart, found)
    try:
        seems = float_truths(condition, points)
        # what holds by equality there, float64 may miss by a rounding
        nearly = bool(float_truths(condition, points, room=_NEARLY)[0])
    except (OverflowError, ValueError, ArithmeticError, ExactSplineError):
        nearly, seems = True, np.zeros(len(found), dtype=bool)
    if nearly:
        yield tuple(chart.interior)
    for i in (1 + np.flatnonzero(seems[1:])[:_CHECKED]).tolist():
        point = [Fraction(v) for v in found[i].tolist()]
        if is_in(chart, point):
            yield tuple(point)


@np.errstate(all="ignore")
def thin(coordinates: Coordinates, chart: Chart, forms: Sequence[Affine]) -> list[Fraction]:
    """Per form a positive number that is small beside the values that it has."""
    points = lifted(coordinates, chart, spread(chart))
    try:
        values = np.abs(float_values(forms, points))
    except (OverflowError, ValueError, ArithmeticError, ExactSplineError):
        return [Fraction(1, _THIN)] * len(forms)
    out = []
    for own in values:
        some = own[np.isfinite(own) & (own > 0)]
        exponent = int(np.floor(np.log2(np.median(some)))) if len(some) else 0
        scale = Fraction(2) ** max(-200, min(200, exponent))
        out.append(scale / _THIN)
    return out


def lifted(
    coordinates: Coordinates, chart: Chart, found: np.ndarray
) -> dict[PointAtom, np.ndarray]:
    t = _after(chart, found)
    return {
        p: _after(p.domain.chart, t[:, coordinates.begin[i] : coordinates.begin[i + 1]])
        for i, p in enumerate(coordinates.points)
    }


def _after(chart: Chart, points: np.ndarray) -> np.ndarray:
    """Points of the chart in the space around it, in float64."""
    forms, out = chart.point, []
    for i in range(len(forms)):
        indices, data, const = forms.row(i)
        weights = np.array([nearest_float(Fraction(v)) for v in data.tolist()])
        out.append(points[:, indices] @ weights + nearest_float(const))
    return np.stack(out, axis=1) if out else np.zeros((len(points), 0))


def spread(chart: Chart) -> np.ndarray:
    """Points of the domain: along random lines from inside to the border, and on it."""
    rng, k = np.random.default_rng(0), chart.dim
    centre = np.array([nearest_float(v) for v in chart.interior])
    way = rng.normal(size=(_COUNT, k))
    half = _COUNT // 2
    way[:half] = np.sign(way[:half])  # to the corners of a box
    rows = [(np.eye(k)[j], -nearest_float(v)) for j, v in enumerate(chart.low) if v is not None]
    rows += [(-np.eye(k)[j], nearest_float(v)) for j, v in enumerate(chart.high) if v is not None]
    for i in range(len(chart.rows)):
        indices, data, const = chart.rows.row(i)
        dense = np.zeros(k)
        dense[indices] = [nearest_float(Fraction(v)) for v in data.tolist()]
        rows.append((dense, nearest_float(const)))
    step = np.full(_COUNT, 100.0)
    for row, offset in rows:
        falls, here = -(way @ row), float(centre @ row + offset)
        step = np.where(falls > 0, np.minimum(step, here / np.where(falls > 0, falls, 1)), step)
    share = rng.random(_COUNT)
    share[: _COUNT // 4] = 1.0
    out = centre + (share * step)[:, None] * way
    for j in range(k):
        low, high = chart.low[j], chart.high[j]
        if low is not None:
            out[:, j] = np.maximum(out[:, j], nearest_float(low))
        if high is not None:
            out[:, j] = np.minimum(out[:, j], nearest_float(high))
    return np.asarray(out[np.all(np.isfinite(out), axis=1)])
