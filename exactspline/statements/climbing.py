"""Uphill in float64, along coordinates and by random steps: on how much a condition seems to hold,
before the tree, or on a value that is to be large.

Every point that is found is checked exactly by whoever asks; none found proves nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from fractions import Fraction

import numpy as np

from ..cells.intervals import BoundedForms
from ..clock import Clock, check
from ..domain import Chart
from ..errors import ExactSplineError
from ..rationals import nearest_float
from .affine import Affine
from .conditions import Condition
from .exact import float_truths, float_values
from .floats import FloatNetwork
from .guess import is_in, lifted, spread
from .joint import Coordinates

__all__ = ["climbed", "ends", "highest"]

_SCATTERED = 2048
_CLIMBERS = 24
_STEPS = 40
_SHRINK = 0.6
_LITTLE, _IDLE = 1e-3, 6  # steps that gain less, and how many of them end it
_NUMBERS = 20_000  # coefficients of a network above which fewer points climb
_MOST = 12  # dimensions: every step evaluates twice as many points a climber
_BEST, _RANDOM, _GIVEN = 10, 12, 2  # of a value: climbers, random steps of each, points given

Function = Callable[[np.ndarray], np.ndarray]
_FAILS = (OverflowError, ValueError, ArithmeticError, ExactSplineError)


def climbed(
    network: FloatNetwork, chart: Chart, condition: Condition
) -> Iterator[tuple[Fraction, ...]]:
    """Points of a bounded box where a condition seems to hold, at most a few.

    Parameters
    ----------
    network : FloatNetwork
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
        return network.margins(condition, points)

    numbers = sum(len(layer.members.data) for layer in network.joint.program.layers) + 1
    share = min(1.0, _NUMBERS / numbers)
    scattered = np.random.default_rng(0).random((max(64, int(share * _SCATTERED)), len(low)))
    try:
        points, value = _uphill(
            low + scattered * (high - low), margins, low, high, high - low,
            climbers=max(3, int(share * _CLIMBERS)), enough=0.0,
        )  # fmt: skip
    except _FAILS:
        return
    for point, own in zip(points.tolist(), value.tolist(), strict=True):
        exact = [Fraction(v) for v in point]
        if own > 0 and is_in(chart, exact):
            yield tuple(exact)
            return


@np.errstate(all="ignore")
def highest(
    coordinates: Coordinates, chart: Chart, form: Affine, condition: Condition, clock: Clock
) -> list[tuple[Fraction, ...]]:
    """Some points of a chart where a form is large and a condition seems to hold, best first.

    Parameters
    ----------
    coordinates : Coordinates
    chart : Chart
        Of the joint domain, of any kind.
    form : Affine
    condition : Condition
        Without slopes and codes.
    clock : Clock
    """
    low = np.array([-np.inf if v is None else float(v) for v in chart.low])
    high = np.array([np.inf if v is None else float(v) for v in chart.high])
    rows = BoundedForms.of(chart.rows) if len(chart.rows) else None
    points = spread(chart)
    if not len(points):
        return []

    def values(points: np.ndarray) -> np.ndarray:
        at = lifted(coordinates, chart, points)
        (own,) = float_values([form], at)
        good = float_truths(condition, at) & np.isfinite(own)
        if rows is not None:
            good &= np.all(rows(points.T, points.T)[0] >= 0, axis=0)
        return np.where(good, own, -np.inf)

    try:
        best, value = _uphill(
            points, values, low, high, np.maximum(points.std(axis=0), 1e-300), climbers=_BEST,
            random=_RANDOM, late=clock.late,
        )  # fmt: skip
    except _FAILS:
        return []
    found = best[np.isfinite(value)][:_GIVEN]
    return [tuple(Fraction(v) for v in point) for point in found.tolist()]


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


def _uphill(
    points: np.ndarray, value_of: Function, low: np.ndarray, high: np.ndarray, length: np.ndarray,
    *, climbers: int, random: int = 0, enough: float = np.inf,
    late: Callable[[], bool] = lambda: False,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """The best points after a climb, and their values, the best ones first.

    Parameters
    ----------
    points : array, shape (n, k)
        The best of them climb.
    value_of : callable
        -inf where a point does not count.
    low, high, length : array, shape (k,)
        Ends that are not left, and how long a first step is, times four.
    climbers : int
    random : int
        Random steps of each climber at every step, beside those along coordinates.
    enough : float
        A larger value ends it.
    late : callable
        Ends it.
    """
    rng, k = np.random.default_rng(0), points.shape[1]
    value = value_of(points)
    order = np.argsort(-value, kind="stable")[:climbers]
    order = order[value[order] > -np.inf]
    points, value = points[order], value[order]
    size = np.full(len(points), 0.25)
    before, idle = -np.inf, 0
    for _ in range(_STEPS if len(points) else 0):
        idle = 0 if value[0] > before + _LITTLE * abs(before) else idle + 1
        before = max(before, value[0])
        if value[0] > enough or idle > _IDLE or late():
            break
        step = (size[:, None] * length)[:, :, None] * np.eye(k)
        tried = np.concatenate([points[:, None] + step, points[:, None] - step], axis=1)
        if random:
            more = rng.normal(size=(len(points), random, k)) * (size[:, None] * length)[:, None]
            more *= rng.random(more.shape) < 0.5  # some coordinates stay
            tried = np.concatenate([tried, points[:, None] + 2 * more], axis=1)
        tried = np.clip(tried, low, high)
        own = value_of(tried.reshape(-1, k)).reshape(len(points), -1)
        # all coordinates at once, each to its better side
        up = own[:, :k] > own[:, k : 2 * k]
        both = np.clip(points + np.where(up, 1, -1) * size[:, None] * length, low, high)
        tried = np.concatenate([tried, both[:, None]], axis=1)
        own = np.concatenate([own, value_of(both)[:, None]], axis=1)
        best = own.argmax(axis=1)
        better = own[np.arange(len(points)), best] > value
        points = np.where(better[:, None], tried[np.arange(len(points)), best], points)
        value = np.where(better, own[np.arange(len(points)), best], value)
        size = np.where(better, size, size * _SHRINK)
        order = np.argsort(-value, kind="stable")
        points, value, size = points[order], value[order], size[order]
    return points, value
