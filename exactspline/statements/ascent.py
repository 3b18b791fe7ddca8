"""Uphill along affine pieces, before too much of the tree is searched: linear programs in float64.

On the region of a point every comparison is affine. A linear program finds the point of the closed
region where the condition holds by most, of the alternatives that are best where it started; from
there a step leads into the region that is best nearby. Every point is checked exactly by whoever
asks; none found proves nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction

import numpy as np

from ..clock import check
from ..domain import Chart
from ..errors import ExactSplineError
from .climbing import ends
from .conditions import And, Condition, Constant, Literal
from .floats import FloatNetwork
from .guess import is_in
from .joint import asked

__all__ = ["ascended"]

_STARTS = 8  # of the first attempt
_STEPS = 40
_NEAR = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2)  # steps beyond a region, beside the domain
_MOST_UNITS = 3000
_SCATTERED = 3_000  # of the first attempt, four times as many in every further one
_MOST_SCATTERED = 50_000


@np.errstate(all="ignore")
def ascended(
    network: FloatNetwork, chart: Chart, condition: Condition, attempt: int = 0
) -> Iterator[tuple[Fraction, ...]]:
    """Points of a bounded box where a condition seems to hold.

    Parameters
    ----------
    network : FloatNetwork
        With every comparison of the condition.
    chart : Chart
        Of the joint domain; nothing is tried where it is not bounded by coordinates.
    condition : Condition
        Without slopes and codes, and without what cuts the domain.
    attempt : int
        Every one starts elsewhere, and later ones from more points.
    """
    box = ends(chart)
    if box is None or network.joint.program.n_units > _MOST_UNITS:
        return
    low, high = box

    def margins(points: np.ndarray) -> np.ndarray:
        check()
        return network.margins(condition, points)

    try:
        found = _found(network, chart, condition, low, high, margins, attempt)
    except (OverflowError, ValueError, ArithmeticError, ExactSplineError):
        return
    if found is not None:
        yield found


def _found(
    network: FloatNetwork, chart: Chart, condition: Condition, low: np.ndarray, high: np.ndarray,
    margins: Callable[[np.ndarray], np.ndarray], attempt: int,
) -> tuple[Fraction, ...] | None:  # fmt: skip
    rng = np.random.default_rng(1 + attempt)
    scattered = min(_MOST_SCATTERED, _SCATTERED * 4**attempt)
    points = low + rng.random((scattered, len(low))) * (high - low)
    values = margins(points)
    for start in np.argsort(-values, kind="stable")[: _STARTS + 4 * attempt].tolist():
        x, value = points[start], values[start]
        for _ in range(_STEPS):
            best = _best_of_region(network, condition, x, low, high)
            if best is None:
                break
            tried = [best, *(x + s * (best - x) for s in (0.9, 0.999, 1.001, 1.05))]
            for size in _NEAR:
                tried += list(best + size * rng.standard_normal((8, len(x))) * (high - low))
            around = np.clip(np.array(tried), low, high)
            own = margins(around)
            for i in np.argsort(-own, kind="stable")[:2].tolist():
                exact = tuple(Fraction(v) for v in around[i].tolist())
                if own[i] >= 0 and is_in(chart, list(exact)):
                    return exact
            at = int(own.argmax())
            if not own[at] > value:
                break
            x, value = around[at], own[at]
    return None


def _best_of_region(
    network: FloatNetwork, condition: Condition, x: np.ndarray, low: np.ndarray, high: np.ndarray
) -> np.ndarray | None:  # fmt: skip
    """The point of the closed region of x where the best alternatives hold by most."""
    from ..polyhedra.highs_lp import least_point

    check()
    piece, columns = network.region(x), network.joint.columns
    at = np.append(x, 1.0)
    wanted: list[np.ndarray] = []  # forms that are to be as small as possible

    def margin(part: Condition) -> float:
        if isinstance(part, Constant):
            return np.inf if part.value else -np.inf
        if isinstance(part, Literal):
            forms = [piece.forms[columns[form]] for form in asked(part)]
            if part.relation in ("<=", "=="):
                return -max(float(form @ at) for form in forms)
            return max(float(form @ at) for form in forms)
        own = [margin(inner) for inner in part.parts]
        return min(own) if isinstance(part, And) else max(own)

    def choose(part: Condition) -> None:
        if isinstance(part, Literal):
            forms = [piece.forms[columns[form]] for form in asked(part)]
            if part.relation in ("<=", "=="):
                wanted.extend(forms)
            else:
                wanted.append(-max(forms, key=lambda form: float(form @ at)))
        elif isinstance(part, And):
            for inner in part.parts:
                choose(inner)
        elif not isinstance(part, Constant):
            choose(max(part.parts, key=margin))

    choose(condition)
    if not wanted:
        return None
    k = len(x)
    forms = np.array(wanted)
    matrix = np.block([
        [piece.rows, np.zeros((len(piece.rows), 1))],
        [forms[:, :-1], np.ones((len(forms), 1))],
    ])  # fmt: skip
    right = np.concatenate([piece.ends, -forms[:, -1]])
    if not (np.all(np.isfinite(matrix)) and np.all(np.isfinite(right))):
        return None
    cost = np.zeros(k + 1)
    cost[-1] = -1.0
    found = least_point(cost, matrix, right, np.append(low, -np.inf), np.append(high, np.inf))
    return None if found is None else found[:k]
