"""What several tests of decision boundaries use."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from fractions import Fraction
from operator import mul

import naive
import numpy as np
import random_networks as nets
from graph_checks import sides_of
from graph_networks import tight_domain

from exactspline.partition.faces.boundary import DecisionBoundary
from exactspline.partition.partition import Partition

BLOCKS = 4


Classes = tuple[int, ...]


def draw(rng: random.Random) -> tuple[nets.Spec, nets.DomainPair]:
    """A random network with many ties; its last step is affine (few terms a row) or units."""
    dim = rng.choice((1, 2, 2, 2, 3))
    widths = [rng.randint(1, 5) for _ in range(rng.randint(1, 3))]
    style = rng.choice(("integer", "integer", "integer", "third", "dyadic", "float"))
    kinds = rng.choice((nets.ALL_KINDS, ("relu",), ("abs", "relu"), ("max", "min", "abs")))
    spec = nets.random_spec(rng, dim, widths, style, bias=rng.random() < 0.5, kinds=kinds)
    kind = rng.random()
    if kind < 0.8:
        n, outputs = len(nets.network(spec).program.output), rng.choice((1, 2, 2, 3, 3, 4))
        last = nets.dense(rng, outputs, n, style, bias=rng.random() < 0.3)
        if kind < 0.6:  # differences of outputs are multiples of few forms: ties in facets
            for row in last[1]:
                few = rng.sample(range(n), min(n, 2))
                row[:] = [Fraction(rng.choice((-1, 0, 1, 1)) * (m in few)) for m in range(n)]
        spec.steps.append(last)
    tight = rng.random() < 0.3
    return spec, tight_domain(rng, spec) if tight else nets.any_domain(rng, dim)


def outputs_at(spec: nets.Spec, x: Sequence[Fraction]) -> list[Fraction]:
    """The outputs at a point, in Fractions, straight from the description; (0, f) for one."""
    z = [Fraction(v) for v in x]
    for kind, *arguments in spec.steps:
        if kind == "dense":
            z = [sum(map(mul, row, z), Fraction(b)) for row, b in zip(*arguments, strict=True)]
        elif kind == "relu":
            z = [max(v, Fraction(0)) for v in z]
        elif kind == "abs":
            z = [abs(v) for v in z]
        elif kind in ("leaky", "prelu"):
            slopes = arguments[0] if kind == "prelu" else [arguments[0]] * len(z)
            z = [v if v > 0 else Fraction(s) * v for v, s in zip(z, slopes, strict=True)]
        elif kind in ("max", "min"):
            choose = max if kind == "max" else min
            z = [choose(z[m] for m in members) for members in arguments[0]]
        else:
            assert kind == "scalar"
            out = []
            for v, (breaks, pieces) in zip(z, arguments[0], strict=True):
                slope, const = pieces[sum(v > t for t in breaks)]
                out.append(Fraction(slope) * v + Fraction(const))
            z = out
    return [Fraction(0), *z] if len(z) == 1 else z


def winners_at(spec: nets.Spec, x: Sequence[Fraction]) -> Classes:
    z = outputs_at(spec, x)
    return tuple(c for c, v in enumerate(z) if v == max(z))


class Line:
    """A segment start + s (end - start), 0 <= s <= 1, in the domain's coordinates."""

    def __init__(self, spec: nets.Spec, omega: Partition, ends: Sequence) -> None:
        self.spec, self.chart = spec, omega.domain.chart
        self.start = ends[0]
        self.direction = [b - a for a, b in zip(*ends, strict=True)]

    def at(self, s: Fraction) -> list[Fraction]:
        """The point as an input."""
        return self.chart.lift([a + s * v for a, v in zip(self.start, self.direction, strict=True)])

    def truth(self) -> tuple[dict[Fraction, tuple], list[tuple]]:
        """Where classes tie: points, with who wins before and after; intervals, with who ties."""
        origin, end = self.at(Fraction(0)), self.at(Fraction(1))
        direction = [b - a for a, b in zip(origin, end, strict=True)]
        segment = ("slice", origin, [direction], ("box", [Fraction(0)], [Fraction(1)]))
        inner, stops = nets.twin(self.spec), {Fraction(0), Fraction(1)}
        root, x_rows = naive._root(segment)
        for _, cone in naive._cells(inner, root, x_rows):
            stops |= {Fraction(ray[1], ray[0]) for ray in cone.rays}
        stops = sorted(stops)
        cuts = set(stops)
        for a, b in itertools.pairwise(stops):  # outputs are affine in between
            left, right = outputs_at(self.spec, self.at(a)), outputs_at(self.spec, self.at(b))
            for i, j in itertools.combinations(range(len(left)), 2):
                here, there = left[i] - left[j], right[i] - right[j]
                if here * there < 0:
                    cuts.add(a + (b - a) * here / (here - there))
        cuts = sorted(cuts)
        open_ = [winners_at(self.spec, self.at((a + b) / 2)) for a, b in itertools.pairwise(cuts)]
        points = {}
        for n in range(1, len(cuts) - 1):
            here = winners_at(self.spec, self.at(cuts[n]))
            if len(here) > 1 and here not in (open_[n - 1], open_[n]):
                points[cuts[n]] = here, open_[n - 1], open_[n]
        intervals = [
            (a, b, tied)
            for (a, b), tied in zip(itertools.pairwise(cuts), open_, strict=True)
            if len(tied) > 1
        ]
        return points, intervals

    def found(self, boundary: DecisionBoundary) -> tuple[dict[Fraction, tuple], list[tuple]]:
        """The same from the pieces: each is met in a point, an interval, or not at all."""
        points: dict[Fraction, tuple] = {}
        intervals = []
        k = self.chart.dim
        for n in range(len(boundary)):
            low, high = Fraction(0), Fraction(1)
            rows = [(q.constant, *q.coefficients) for q in boundary.inequalities(n)]
            own = boundary.row(n)
            if boundary.dim[n] < k:
                rows += [own, [-v for v in own]]
            for row in rows:
                here = row[0] + sum(map(mul, row[1:], self.start))
                slope = sum(map(mul, row[1:], self.direction))
                if slope > 0:
                    low = max(low, -here / slope)
                elif slope < 0:
                    high = min(high, -here / slope)
                elif here < 0:
                    low, high = Fraction(1), Fraction(0)
            if low > high or (low == high and boundary.dim[n] == k):
                continue
            if low < high:
                assert boundary.dim[n] == k, "a segment in general position lies in no hyperplane"
                intervals.append((low, high, boundary.classes(n)))
                continue
            near, far = boundary.winners(n)
            assert low not in points, "a point on two pieces"
            assert boundary.changes[n] == (near != far)
            assert {boundary.i[n], boundary.j[n]} <= set(boundary.classes(n))
            points[low] = boundary.classes(n), near, far
        return points, intervals


def in_domain(omega: Partition, t: Sequence[Fraction]) -> bool:
    return all(row[0] + sum(map(mul, row[1:], t)) > 0 for row in sides_of(omega))


def some_point(rng: random.Random, omega: Partition) -> list[Fraction]:
    """A point of the domain in general position: a mixture of witnesses, moved a little."""
    chosen = [omega.witness(rng.randrange(len(omega))) for _ in range(3)]
    weights = [Fraction(rng.randint(1, 10**6)) for _ in chosen]
    mixed = [sum(map(mul, weights, column)) / sum(weights) for column in zip(*chosen, strict=True)]
    move = [Fraction(rng.randint(-(10**6), 10**6), 10**7) for _ in mixed]
    while not in_domain(omega, [v + m for v, m in zip(mixed, move, strict=True)]):
        move = [m / 2 for m in move]
    return [v + m for v, m in zip(mixed, move, strict=True)]


def segment(rng: random.Random, omega: Partition, boundary: DecisionBoundary) -> list:
    """The ends of a segment in general position; every second one through a reported piece."""
    start = some_point(rng, omega)
    inner = np.flatnonzero(boundary.side < 0).tolist()
    if rng.random() < 0.5 or not inner:
        return [start, some_point(rng, omega)]
    through = boundary.witness(rng.choice(inner))
    step = Fraction(1)
    while True:
        end = [w + step * (w - v) for v, w in zip(start, through, strict=True)]
        if in_domain(omega, end):
            return [start, end]
        step /= 2
