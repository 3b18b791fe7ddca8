"""Boxes of inputs, halved again and again, with rigorous bounds on each: certified enclosures.

A box is kept by its ends as shares of the box around the domain: dyadic floats, which are exact.
Bounds of forms on it are those of `statements.pruning`: intervals, layer by layer, every rounding
counted. So what is said of a box holds of all of its points.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from ..cells.intervals import BoundedForms
from ..clock import Clock
from ..polyhedra.lp import minimise, q
from ..rationals import fraction, nearest_float
from ..statements.conditions import TRUE, Condition, Literal, literals_of
from ..statements.joint import Coordinates, Joint
from ..statements.pruning import Bounds

if TYPE_CHECKING:
    from ..domain import Domain
    from ..statements.affine import Affine

__all__ = ["Halves", "bounding_box", "most", "share_of"]

_BOXES = 1 << 13  # at most, of one enclosure
_AT_ONCE = 256
_DEEP = 48  # halvings of one side at most: shares stay exact

Ends = list[Fraction]


def bounding_box(domain: Domain) -> tuple[Ends, Ends] | None:
    """The least box around a domain in its coordinates; None if it is unbounded."""
    from ..statements.optimum import rows_of

    chart = domain.chart
    rows = rows_of(chart.rows)
    low, high = list(chart.low), list(chart.high)
    for j in range(chart.dim):
        for ends, sign in ((low, 1), (high, -1)):
            bound = ends[j]
            if bound is not None:
                unit = [q(0)] * (chart.dim + 1)
                unit[0], unit[1 + j] = q(-sign * bound), q(sign)
                rows.append(unit)
    for j in range(chart.dim):
        for ends, sign in ((low, 1), (high, -1)):
            if len(chart.rows) == 0:
                continue
            goal = [q(0)] * (chart.dim + 1)
            goal[1 + j] = q(sign)
            found = minimise(rows, goal, [q(v) for v in chart.interior])
            if found.value is None:
                return None
            ends[j] = sign * fraction(found.value)
    if any(v is None for v in (*low, *high)):
        return None
    return [Fraction(v) for v in low if v is not None], [Fraction(v) for v in high if v is not None]


class Halves:
    """What is known of the boxes of a bounded domain.

    Parameters
    ----------
    domain : Domain
        In joint coordinates, with a chart of full dimension.
    ends : pair of lists of Fraction
        The box around it.
    coordinates : Coordinates
    literals : sequence of Literal
        All that is to be bounded.
    """

    def __init__(
        self, domain: Domain, ends: tuple[Ends, Ends], coordinates: Coordinates,
        literals: Sequence[Literal],
    ) -> None:  # fmt: skip
        self.domain = domain
        low = np.array([nearest_float(v) for v in ends[0]])
        width = np.array([nearest_float(b - a) for a, b in zip(*ends, strict=True)])
        self._low, self._width = low, width
        self._off = 8 * 2.0**-52 * (np.abs(low) + np.abs(width)) + 1e-290
        self._rows = BoundedForms.of(domain.chart.rows) if len(domain.chart.rows) else None
        self.joint = Joint(coordinates, list(dict.fromkeys(literals)))
        self.bounds = Bounds(self.joint)
        self.dim = len(low)

    def start(self) -> tuple[np.ndarray, np.ndarray]:
        """One box: all shares from 0 to 1, shape (1, dim) each."""
        return np.zeros((1, self.dim)), np.ones((1, self.dim))

    @np.errstate(all="ignore")
    def around(self, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Float boxes that hold those of given shares."""
        return (
            self._low + low * self._width - self._off,
            self._low + high * self._width + self._off,
        )

    @np.errstate(all="ignore")
    def sides(self, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Per box whether it lies in the domain, and whether it is apart from it, provably."""
        if self._rows is None:
            return np.ones(len(low), dtype=bool), np.zeros(len(low), dtype=bool)
        below, above = self._rows(*(v.T for v in self.around(low, high)))
        return np.all(below >= 0, axis=0), np.any(above < 0, axis=0)

    def may_hold(self, condition: Condition, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        """Per box whether some point may satisfy a condition."""
        if condition == TRUE:
            return np.ones(len(low), dtype=bool)
        return np.asarray(self.bounds._of(condition, *self.around(low, high)))

    def upper(self, form: Affine, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        """Per box a number that a form exceeds nowhere."""
        a, b = self.around(low, high)
        return np.asarray(self.bounds._compared(a.T, b.T)[1][self.joint.columns[form]])

    def halved(self, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Every box as two, across its longest side."""
        side = np.argmax(high - low, axis=1)
        each = np.arange(len(low))
        middle = (low[each, side] + high[each, side]) / 2
        below, above = high.copy(), low.copy()
        below[each, side] = above[each, side] = middle
        return np.concatenate([low, above]), np.concatenate([below, high])


def _small(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Boxes that are too small to be halved exactly."""
    return np.asarray(np.max(high - low, axis=1) <= 2.0**-_DEEP)


def share_of(
    domain: Domain, ends: tuple[Ends, Ends], coordinates: Coordinates, condition: Condition,
    clock: Clock,
) -> tuple[Fraction, Fraction]:  # fmt: skip
    """Bounds on which share of the box around a domain lies in it and satisfies a condition.

    Notes
    -----
    Boxes on which that is decided are counted; the others are halved, up to some thousands.
    """
    halves = Halves(domain, ends, coordinates, [*literals_of(condition), *literals_of(~condition)])
    low, high = halves.start()
    yes, no, level = Fraction(0), Fraction(0), 0
    while len(low):
        inside, outside = halves.sides(low, high)
        none = outside | ~halves.may_hold(condition, low, high)
        every = inside & ~halves.may_hold(~condition, low, high) & ~none
        yes += Fraction(int(every.sum()), 2**level)
        no += Fraction(int(none.sum()), 2**level)
        open_ = ~(none | every)
        low, high = low[open_], high[open_]
        if 2 * len(low) > _BOXES or clock.late() or (len(low) and _small(low, high).any()):
            break
        low, high = halves.halved(low, high)
        level += 1
    return yes, 1 - no


def most(
    domain: Domain, coordinates: Coordinates, form: Affine, condition: Condition, clock: Clock,
    enough: Fraction | float = -math.inf,
) -> Fraction | float:  # fmt: skip
    """A number that a form exceeds nowhere where a condition holds.

    Parameters
    ----------
    domain : Domain
        In joint coordinates.
    coordinates : Coordinates
    form : Affine
    condition : Condition
        True for all of the domain.
    clock : Clock
    enough : Fraction or float
        A value that is reached: bounds below it are not made better.

    Notes
    -----
    The box with the largest bound is halved first. ``math.inf`` of an unbounded domain.
    """
    if not form.terms:
        return form.const
    ends = bounding_box(domain)
    if ends is None:
        return math.inf
    halves = Halves(domain, ends, coordinates, [Literal(form, "<="), *literals_of(condition)])
    reached = nearest_float(enough) if isinstance(enough, Fraction) else enough
    low, high = halves.start()
    top = halves.upper(form, low, high)
    seen = 1
    while len(top) and seen < _BOXES and not clock.late():
        best = np.argsort(-top, kind="stable")[:_AT_ONCE]
        best = best[(top[best] > reached) & ~_small(low[best], high[best])]
        if not len(best):
            break
        rest = np.ones(len(top), dtype=bool)
        rest[best] = False
        new_low, new_high = halves.halved(low[best], high[best])
        new_top = np.minimum(np.tile(top[best], 2), halves.upper(form, new_low, new_high))
        kept = halves.may_hold(condition, new_low, new_high) & ~halves.sides(new_low, new_high)[1]
        low = np.concatenate([low[rest], new_low[kept]])
        high = np.concatenate([high[rest], new_high[kept]])
        top = np.concatenate([top[rest], new_top[kept]])
        seen += 2 * len(best)
    if not len(top):
        return -math.inf
    value = float(top.max())
    return Fraction(value) if math.isfinite(value) else value
