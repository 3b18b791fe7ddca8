"""Which of very many inequalities make the facets of a region, as far as time allows.

In hundreds of dimensions an exact linear program for every inequality takes hours. Most are
settled by less: what equals or follows from two others (`small_forms`), and what a ray from a
point inside meets first, which is a facet. Rays are followed in float64 with error bounds, many
at once (`rays`), from a point far from all hyperplanes: straight ways, ways that turn away from
what they met, and ways that `descent` finds. What is left goes, one by one, to linear programs
whose answers are proved (`wide_lp`). Whatever time ends leaves the rest undecided.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from ...clock import check
from ...polyhedra.lp import Point, float_of
from .descent import Descent
from .irredundant import distinct
from .proofs import CONSTANT, EQUAL, IMPLIED, OPEN, Proofs
from .rays import Rays
from .small_forms import Small, SmallForms, parallel, sums_of_two
from .wide_rows import WideRows

__all__ = ["Settling"]

_STEPS = 40  # towards a point far from all hyperplanes
_SHARES = np.array([0.02, 0.05, 0.1, 0.2, 0.4, 0.7])  # of the way to the nearest hyperplane
_ROUNDS = 6  # of rays that are turned away from what they met
_GAUSSIANS = 4
_TOGETHER = 64  # rows that are descended to at once

Watch = Callable[[int, int], None]


class Settling(Proofs):
    """Settles the rows of a region, as long as one lets it.

    Parameters
    ----------
    rows : WideRows
    inside : point
        Strictly inside the region, exactly.

    Attributes
    ----------
    done : bool
        Whether everything has been tried.
    """

    def __init__(self, rows: WideRows, inside: Point) -> None:
        super().__init__(rows)
        self.inside = inside
        self._work = self._steps()
        self.done = False

    def run(self, late: Callable[[], bool], watch: Watch = lambda done, total: None) -> None:
        """Settle rows until all are, or until it is late; it may be called again."""
        while not (self.done or late()):
            try:
                check()
                self.done = next(self._work, None) is None
            except BaseException:  # an interrupt: what is proved stays, a later call goes on
                self._work = self._steps()
                raise
            watch(int((self.state != OPEN).sum()), len(self.state))

    # ------------------------------------------------------------------------------- the work
    def _steps(self) -> Iterator[bool]:
        yield True
        if not self.rows.sound:
            return
        self._constant()
        forms = SmallForms(self.rows.forms.program, self.rows.code)
        small = {i: forms.of(p) for i, p in enumerate(self.rows.places) if p.side < 0}
        self._parallel({i: small[i] for i in small if self.state[i] == OPEN})
        yield True
        point = np.array([float_of(v) for v in self.inside])
        every = Rays(self.rows.value, self.rows.error, point)
        self._twins(every)
        yield True
        # no two open rows have one direction, so that what two others imply is no facet
        self.state[sums_of_two({i: small[i] for i in small if self.state[i] == OPEN})] = IMPLIED
        yield True
        alive = np.flatnonzero(self.state == OPEN)
        if not len(alive):
            return
        rays = every.take(alive)
        centre = point + _away(rays)
        moved = Rays(self.rows.value[alive], self.rows.error[alive], centre)
        if np.all(moved.low > 0):
            rays, point = moved, centre
        start = self.start(point)
        yield from self._projections(rays, alive, start)
        yield from self._turned(rays, alive, start)
        yield from self._descended(rays, alive, start)
        from .wide_lp import LastResort

        yield from LastResort(self, rays, alive, start).steps()

    def _constant(self) -> None:
        """Rows whose coefficients may all be 0: exactly."""
        d, rows = self.rows.dim, self.rows
        size = abs(rows.value[:, :d]) - rows.error[:, :d]
        least = size.max(axis=1).toarray().reshape(-1) if len(rows) else np.zeros(0)
        maybe = np.flatnonzero(~(least > 0)).tolist()
        places = [*rows.constant, *(rows.places[i] for i in maybe)]
        exact = rows.exact_at(places)
        for place, row in zip(places, exact, strict=True):
            if not any(row):
                rows.vanishing.append(place)
        rows.constant.clear()
        for i, row in zip(maybe, exact[len(exact) - len(maybe) :], strict=True):
            if not any(row[1:]):
                self.state[i] = CONSTANT

    def _parallel(self, small: Mapping[int, Small]) -> None:
        """Equal and looser rows, told by their few terms."""
        found = parallel(small)
        assert not found.constant  # they have been found to vary
        self.state[list(found.equal)] = EQUAL
        self.state[found.looser] = IMPLIED
        self.equal.update(found.equal)

    def _twins(self, rays: Rays) -> None:
        """Parallel rows: floats find those that may be, exact rows tell."""
        alive = np.flatnonzero(self.state == OPEN)
        suspects = _maybe_parallel(rays.take(alive))
        chosen = alive[suspects].tolist()
        if not chosen:
            return
        conditions = [
            self.rows.condition(i, row)
            for i, row in zip(chosen, self.rows.exact(chosen), strict=True)
        ]
        first_of = distinct(conditions)
        for i, (first, same) in zip(chosen, first_of, strict=True):
            if chosen[first] != i:
                self.state[i] = EQUAL if same else IMPLIED
                if same:
                    self.equal[i] = chosen[first]
        for i, first in list(self.equal.items()):  # what equals one that has an equal itself
            if first in self.equal:
                self.equal[i] = self.equal[first]

    def _projections(self, rays: Rays, alive: np.ndarray, start: int) -> Iterator[bool]:
        """The ways straight to the hyperplanes, the nearest first."""
        from scipy.sparse import diags_array

        with np.errstate(all="ignore"):
            scale = np.where(rays.sizes > 0, 1 / rays.sizes, 0.0)
        units = (diags_array(scale) @ rays.normals).tocsr()
        order = np.argsort(rays.distance)
        for first in range(0, len(order), rays.batch):
            chosen = order[first : first + rays.batch]
            chosen = chosen[self.state[alive[chosen]] == OPEN]
            if len(chosen):
                self._shot(rays, alive, start, -units[chosen].T.tocsc())
                yield True

    def _shot(self, rays: Rays, alive: np.ndarray, start: int, directions: Any) -> np.ndarray:
        """Follow rays; the rows that they seem to meet first."""
        hits = rays.shoot(directions)
        self.endless = self.endless or bool(np.any(hits.endless))
        for c in np.flatnonzero(hits.first >= 0).tolist():
            k = int(alive[hits.first[c]])
            if self.state[k] == OPEN:
                column = directions[:, [c]]
                dense = column.toarray() if hasattr(column, "toarray") else column
                self.facet(k, start, np.asarray(dense).reshape(-1))
        return hits.near

    def _turned(self, rays: Rays, alive: np.ndarray, start: int) -> Iterator[bool]:
        """Ways to the hyperplanes that turn away from what is met before."""
        with np.errstate(all="ignore"):
            scale = np.where(rays.sizes > 0, 1 / rays.sizes, 0.0)
        order = np.argsort(rays.distance)
        for first in range(0, len(order), rays.batch):
            chosen = order[first : first + rays.batch]
            chosen = chosen[self.state[alive[chosen]] == OPEN]
            if not len(chosen):
                continue
            ways = -(rays.normals[chosen].toarray() * scale[chosen, None]).T
            for _ in range(_ROUNDS):
                near = self._shot(rays, alive, start, ways)
                yield True
                left = (near >= 0) & (near != chosen) & (self.state[alive[chosen]] == OPEN)
                if not np.any(left):
                    break
                chosen, near, ways = chosen[left], near[left], ways[:, left]
                met = (rays.normals[near].toarray() * scale[near, None]).T
                ways = ways - met * (met * ways).sum(axis=0)
                length = np.sqrt((ways * ways).sum(axis=0))
                kept = length > 1e-6
                chosen, ways = chosen[kept], ways[:, kept] / length[kept]
                if not len(chosen):
                    break

    def _descended(self, rays: Rays, alive: np.ndarray, start: int) -> Iterator[bool]:
        """Ways to points beyond one row and inside the others."""
        if not np.any(self.state[alive] == OPEN):
            return
        descent = Descent(rays)
        yield True
        order = np.argsort(rays.distance)
        open_ = order[self.state[alive[order]] == OPEN]
        for first in range(0, len(open_), _TOGETHER):
            chosen = open_[first : first + _TOGETHER]
            chosen = chosen[self.state[alive[chosen]] == OPEN]
            if not len(chosen):
                continue
            ways = descent.ways(chosen)
            rows, directions = next(ways)
            while True:
                self._shot(rays, alive, start, directions)
                yield True
                try:
                    rows, directions = ways.send(self.state[alive[rows]] == OPEN)
                except StopIteration:
                    break


def _away(rays: Rays) -> np.ndarray:
    """A step from the point to one that is far from all hyperplanes: a few steps of descent.

    What is made smaller is the sum of 1 / distance over all of them.
    """
    from scipy.sparse import diags_array

    with np.errstate(all="ignore"):
        scale = np.where(rays.sizes > 0, 1 / rays.sizes, 0.0)
        units = (diags_array(scale) @ rays.normals).tocsr()
        turned = units.T.tocsr()
        first = np.maximum(rays.reach * scale, 1e-300)
        way, far = np.zeros(units.shape[1]), 20 * float(np.median(first))
        for _ in range(_STEPS):
            distance = units @ way + first
            if not np.all(distance > 0):
                break
            gradient = turned @ (distance.min() / distance) ** 2
            length = float(np.sqrt(gradient @ gradient))
            if not length > 0:
                break
            gradient = gradient / length
            slope = units @ gradient
            most = np.where(slope < 0, -distance / slope, np.inf).min()
            shares = min(float(most), far) * _SHARES
            sums = [float(np.sum(1 / (distance + t * slope))) for t in shares]
            way = way + float(shares[int(np.argmin(sums))]) * gradient
    return way


def _maybe_parallel(rays: Rays) -> np.ndarray:
    """Rows that are not proved to have a direction of their own, by ratios of random sums."""
    rng = np.random.default_rng(1)
    ways = rng.normal(size=(rays.normals.shape[1], _GAUSSIANS))
    sums = rays.slopes(ways)
    off = rays.errors[:, None] * np.sqrt((ways * ways).sum(axis=0)) * (1 + 1e-9)
    with np.errstate(all="ignore"):
        base = np.abs(sums[:, :1]) - off[:, :1]
        ratio = sums[:, 1:] / sums[:, :1]
        error = (off[:, 1:] + np.abs(ratio) * off[:, :1]) / base * (1 + 1e-9) + 1e-12 * np.abs(
            ratio
        )
        sure = (base > 0) & np.isfinite(ratio) & np.isfinite(error)
        low = np.where(sure, ratio - error, -np.inf)
        high = np.where(sure, ratio + error, np.inf)
    out: set[int] = set()
    order = np.argsort(low[:, 0], kind="stable")
    running: list[int] = []
    for i in order.tolist():
        running = [j for j in running if high[j, 0] >= low[i, 0]]
        for j in running:
            if base[i, 0] > 0 and base[j, 0] > 0 and (sums[i, 0] > 0) != (sums[j, 0] > 0):
                continue  # opposite, like the two sides of a box
            if np.all(low[i] <= high[j]) and np.all(low[j] <= high[i]):
                out.update((i, j))
        running.append(i)
    return np.array(sorted(out), dtype=np.int64)
