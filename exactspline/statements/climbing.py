"""A search for a point in float64, before the tree: uphill on how much a condition seems to hold.

Every point that is found is checked exactly by whoever asks; none found proves nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from fractions import Fraction

import numpy as np

from ..clock import check
from ..domain import Chart
from ..errors import ExactSplineError
from ..rationals import nearest_float
from .conditions import Condition
from .exact import float_margins
from .guess import is_in, lifted
from .joint import Coordinates, Joint

__all__ = ["climbed", "ends"]

_SCATTERED = 2048
_CLIMBERS = 24
_STEPS = 40
_SHRINK = 0.6
_LITTLE, _IDLE = 1e-3, 6  # steps that gain less, and how many of them end it
_NUMBERS = 20_000  # coefficients of a network above which fewer points climb
_MOST = 12  # dimensions: every step evaluates twice as many points a climber


def climbed(
    coordinates: Coordinates, joint: Joint, chart: Chart, condition: Condition
) -> Iterator[tuple[Fraction, ...]]:
    """Points of a bounded box where a condition seems to hold, at most a few.

    Parameters
    ----------
    coordinates : Coordinates
    joint : Joint
        What is evaluated: the more numbers it has, the fewer points climb.
    chart : Chart
        Of the joint domain; nothing is tried where it is not bounded by coordinates.
    condition : Condition
        Without slopes and codes.
    """
    box = ends(chart)
    if box is None:
        return
    low, high = box

    def margins(points: np.ndarray) -> np.ndarray:
        check()
        return float_margins(condition, lifted(coordinates, chart, points))

    try:
        numbers = sum(len(layer.members.data) for layer in joint.program.layers) + 1
        found = list(_found(chart, low, high, margins, min(1.0, _NUMBERS / numbers)))
    except (OverflowError, ValueError, ArithmeticError, ExactSplineError):
        return
    yield from found


def ends(chart: Chart) -> tuple[np.ndarray, np.ndarray] | None:
    """The ends of a chart's coordinates in float64; None where they have none, or are many.

    They are rounded inwards: many a point that is tried has a coordinate at an end.
    """
    if chart.dim > _MOST or any(v is None for v in (*chart.low, *chart.high)):
        return None
    low = np.array([_inside(Fraction(v), 1) for v in chart.low if v is not None])
    high = np.array([_inside(Fraction(v), -1) for v in chart.high if v is not None])
    return (low, high) if np.all(np.isfinite(high - low)) and np.all(low <= high) else None


def _inside(end: Fraction, inwards: int) -> float:
    near = nearest_float(end)
    if inwards * (end - Fraction(near)) <= 0:
        return near
    return math.nextafter(near, inwards * math.inf)


def _found(
    chart: Chart,
    low: np.ndarray,
    high: np.ndarray,
    margins: Callable[[np.ndarray], np.ndarray],
    share: float,
) -> Iterator[tuple[Fraction, ...]]:
    """The best climbers where the condition seems to hold."""
    points, value = _climbers(low, high, margins, share)
    for point, own in zip(points.tolist(), value.tolist(), strict=True):
        exact = [Fraction(v) for v in point]
        if own > 0 and is_in(chart, exact):
            yield tuple(exact)
            return


def _climbers(
    low: np.ndarray, high: np.ndarray, margins: Callable[[np.ndarray], np.ndarray], share: float
) -> tuple[np.ndarray, np.ndarray]:
    """Points after a climb along coordinates, and their margins, the best ones first."""
    rng, k = np.random.default_rng(0), len(low)
    points = low + rng.random((max(64, int(share * _SCATTERED)), k)) * (high - low)
    value = margins(points)
    order = np.argsort(-value, kind="stable")[: max(3, int(share * _CLIMBERS))]
    points, value = points[order], value[order]
    size = np.full(len(points), 0.25)
    before, idle = -np.inf, 0
    for _ in range(_STEPS):
        idle = 0 if value[0] > before + _LITTLE * abs(before) else idle + 1
        before = max(before, value[0])
        if value[0] > 0 or idle > _IDLE:
            break
        step = (size[:, None] * (high - low))[:, :, None] * np.eye(k)
        tried = np.concatenate([points[:, None] + step, points[:, None] - step], axis=1)
        tried = np.clip(tried, low, high)
        own = margins(tried.reshape(-1, k)).reshape(len(points), 2 * k)
        # all coordinates at once, each to its better side
        up = own[:, :k] > own[:, k:]
        both = np.clip(points + np.where(up, 1, -1) * size[:, None] * (high - low), low, high)
        tried = np.concatenate([tried, both[:, None]], axis=1)
        own = np.concatenate([own, margins(both)[:, None]], axis=1)
        best = own.argmax(axis=1)
        better = own[np.arange(len(points)), best] > value
        points = np.where(better[:, None], tried[np.arange(len(points)), best], points)
        value = np.where(better, own[np.arange(len(points)), best], value)
        size = np.where(better, size, size * _SHRINK)
        order = np.argsort(-value, kind="stable")
        points, value, size = points[order], value[order], size[order]
    return points, value
