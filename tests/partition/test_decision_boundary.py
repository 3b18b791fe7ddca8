"""The decision boundary against known examples, lines through the domain, and a naive twin.

On a line everything is one-dimensional: the naive twin says exactly where outputs tie. The
other twin builds every piece from a region's cone, by double description in integers.
"""

from __future__ import annotations

import itertools
import json
import random
from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from operator import mul

import naive
import numpy as np
import pytest
import random_networks as nets
from folders import EXAMPLES
from graph_checks import sides_of
from graph_networks import tight_domain
from marks import first_quick
from naive_graph import GraphCheck, Twin, _rank

import exactspline as es
from exactspline.partition.faces.boundary import DecisionBoundary
from exactspline.partition.partition import Partition
from exactspline.polyhedra.envelope import envelope
from exactspline.search.decisions import Batch

INF = float("inf")
HALF = Fraction(1, 2)
BLOCKS = 4

Classes = tuple[int, ...]


def relu_net(W, V, c=None, b=None) -> es.Network:
    """V relu(W x + b) + c."""
    layers = [es.Dense(W, b), es.ReLU(), es.Dense(V, c)]
    return es.Network(layers, (len(W[0]),))


def boundary_of(network: es.Network, domain: es.Domain | None = None) -> DecisionBoundary:
    return es.enumerate_regions(network, domain).decision_boundary()


def rows_of(boundary: DecisionBoundary) -> list[tuple]:
    """Regions, side, classes, winners, dimension and change of every piece."""
    columns = (boundary.region, boundary.other, boundary.side, boundary.dim, boundary.changes)
    return [
        (region, other, side, boundary.classes(n), *boundary.winners(n), dim, changes)
        for n, (region, other, side, dim, changes) in enumerate(
            zip(*(column.tolist() for column in columns), strict=True)
        )
    ]


# --- Known examples --------------------------------------------------------------------------

ABS = [[1], [-1]]


def test_zero_set_in_a_facet_is_reported_once():
    """f = |x| is zero where the two regions meet, and positive on both sides."""
    boundary = boundary_of(relu_net(ABS, [[1, 1]]))
    assert rows_of(boundary) == [(0, 1, -1, (0, 1), (1,), (1,), 0, False)]
    assert boundary.witness(0) == (0,)
    assert boundary.row(0) == (0, 1)  # f_0 - f_1 = -|x| = x on the left
    assert boundary.vertices(0).tolist() == [[0]]


def test_zero_set_through_a_facet_changes_the_class():
    """f = relu(x) - relu(-x) = x."""
    boundary = boundary_of(relu_net(ABS, [[1, -1]]))
    assert rows_of(boundary) == [(0, 1, -1, (0, 1), (0,), (1,), 0, True)]


def test_zero_set_inside_regions():
    boundary = boundary_of(relu_net(ABS, [[1, 1]], [-1]))
    assert rows_of(boundary) == [
        (0, -1, -1, (0, 1), (0,), (1,), 0, True),
        (1, -1, -1, (0, 1), (0,), (1,), 0, True),
    ]
    assert [boundary.witness(n) for n in range(2)] == [(-1,), (1,)]
    assert [boundary.row(n) for n in range(2)] == [(1, 1), (1, -1)]


def test_a_full_dimensional_tie():
    """f = (relu(x), 0): equal on x <= 0; its end is its own face, no further piece."""
    boundary = boundary_of(relu_net([[1]], [[1], [0]]))
    assert rows_of(boundary) == [(0, -1, -1, (0, 1), (0, 1), (0, 1), 1, False)]
    assert boundary.row(0) == (0, 0)
    assert boundary.witness(0)[0] < 0
    assert boundary.vertices(0).tolist() == [[0]]
    assert boundary.rays(0).tolist() == [[-1]]
    # a single output that is zero on half of the line
    single = boundary_of(relu_net([[1]], [[1]]))
    assert rows_of(single) == [(0, -1, -1, (0, 1), (0, 1), (0, 1), 1, False)]


def test_a_tie_on_a_part_of_a_region_with_another_class_beyond():
    """(0, 0, x - 1): two classes tie left of 1, and all three at 1."""
    boundary = boundary_of(es.Network([es.Dense([[0], [0], [1]], [0, 0, -1])], (1,)))
    assert rows_of(boundary) == [
        (0, -1, -1, (0, 1), (0, 1), (0, 1), 1, False),
        (0, -1, -1, (0, 1, 2), (0, 1), (2,), 0, True),
    ]
    assert boundary.witness(1) == (1,)
    assert (boundary.i.tolist(), boundary.j.tolist()) == ([0, 0], [1, 2])
    assert boundary.vertices(0).tolist() == [[1]]


def test_three_classes_in_one_hyperplane_are_one_piece():
    """(x, 0, -x): the middle one is never alone."""
    boundary = boundary_of(es.Network([es.Dense([[1], [0], [-1]])], (1,)))
    assert rows_of(boundary) == [(0, -1, -1, (0, 1, 2), (0,), (2,), 0, True)]
    assert (boundary.i[0], boundary.j[0]) == (0, 2)
    # and in a facet, where |x|, |x| / 2 and 0 meet from above
    touched = boundary_of(relu_net(ABS, [[1, 1], [HALF, HALF], [0, 0]]))
    assert rows_of(touched) == [(0, 1, -1, (0, 1, 2), (0,), (0,), 0, False)]


def test_three_classes_that_meet_in_a_corner():
    boundary = boundary_of(es.Network([es.Dense([[1, 0], [0, 1], [-1, -1]])], (2,)))
    assert [row[3:6] for row in rows_of(boundary)] == [
        ((0, 1), (0,), (1,)), ((0, 2), (0,), (2,)), ((1, 2), (1,), (2,)),
    ]  # fmt: skip
    for n in range(3):
        assert boundary.vertices(n).tolist() == [[0, 0]]
    assert [boundary.rays(n).tolist() for n in range(3)] == [[[1, 1]], [[1, -2]], [[-2, 1]]]


def test_a_class_that_only_meets_a_corner_has_no_piece():
    """0 is below max(x, y, -x-y) but for the origin, where all four tie."""
    network = es.Network([es.Dense([[1, 0], [0, 1], [-1, -1], [0, 0]])], (2,))
    assert [row[3] for row in rows_of(boundary_of(network))] == [(0, 1), (0, 2), (1, 2)]


def test_a_tie_in_the_domains_border():
    """f = x on [0, 1] is zero in the border only."""
    network = es.Network([es.Dense([[1]])], (1,))
    boundary = boundary_of(network, es.Box([0], [1]))
    assert rows_of(boundary) == [(0, -1, 0, (0, 1), (1,), (), 0, False)]
    assert boundary.witness(0) == (0,)
    assert len(boundary_of(network, es.Box([HALF], [1]))) == 0
    inside = boundary_of(network, es.Box([-1], [1]))
    assert rows_of(inside) == [(0, -1, -1, (0, 1), (0,), (1,), 0, True)]


def test_a_facet_with_full_ties_on_one_side_and_a_wider_tie_on_it():
    """(0, 0, -relu(x) + relu(-x)): on x = 0 all three tie; classes 0 and 1 tie on the right."""
    boundary = boundary_of(relu_net(ABS, [[0, 0], [0, 0], [-1, 1]]))
    assert rows_of(boundary) == [
        (0, 1, -1, (0, 1, 2), (2,), (0, 1), 0, True),
        (1, -1, -1, (0, 1), (0, 1), (0, 1), 1, False),
    ]


def test_a_part_of_a_facet():
    """f = |x| - relu(y): zero on x = 0 for y <= 0, and on |x| = y."""
    network = relu_net([[1, 0], [-1, 0], [0, 1]], [[1, 1, -1]])
    boundary = boundary_of(network, es.Box([-2, -1], [2, 1]))
    facets = [n for n in range(len(boundary)) if boundary.other[n] >= 0]
    assert len(boundary) == 3
    (facet,) = facets
    assert boundary.vertices(facet).tolist() == [[0, -1], [0, 0]]
    assert not boundary.changes[facet]
    others = [boundary.vertices(n).tolist() for n in range(3) if n != facet]
    assert sorted(others) == [[[-1, 1], [0, 0]], [[0, 0], [1, 1]]]


def test_lower_dimensional_domains():
    network = es.Network([es.Dense([[1, 0], [0, 1]])], (2,))
    point = boundary_of(network, es.Box([1, 1], [1, 1]))
    assert rows_of(point) == [(0, -1, -1, (0, 1), (0, 1), (0, 1), 0, False)]
    assert point.witness(0) == ()
    assert len(boundary_of(network, es.Box([1, 2], [1, 2]))) == 0
    line = boundary_of(network, es.Slice([0, 1], [[1, "1/3"]]))
    assert rows_of(line) == [(0, -1, -1, (0, 1), (0,), (1,), 0, True)]
    assert line.witness(0) == (Fraction(3, 2),)
    diagonal = boundary_of(network, es.Slice([0, 0], [[1, 1]]))
    assert rows_of(diagonal) == [(0, -1, -1, (0, 1), (0, 1), (0, 1), 1, False)]


def test_the_output_operator_moves_nothing():
    layers = [es.Dense([[1, 2], [3, -1]], [1, 0]), es.ReLU(), es.Dense([[1, -1], [2, 1]], [0, -1])]
    plain, soft = es.Network(layers, (2,)), es.Network([*layers, es.Softmax()], (2,))
    assert boundary_of(plain).to_dict()["pieces"] == boundary_of(soft).to_dict()["pieces"]
    layers[2] = es.Dense([[1, -1]])
    plain, soft = es.Network(layers, (2,)), es.Network([*layers, es.Sigmoid()], (2,))
    found = boundary_of(soft)
    assert boundary_of(plain).to_dict()["pieces"] == found.to_dict()["pieces"]
    assert len(found) > 0


def test_no_tie_at_all():
    boundary = boundary_of(es.Network([es.Dense([[1, 1], [1, 1]], [0, 1])], (2,)))
    assert len(boundary) == 0
    assert boundary.to_arrays()["witnesses"].shape == (0, 2)
    assert boundary.to_dict()["pieces"] == []


# --- Envelopes -------------------------------------------------------------------------------


def test_envelopes_against_values_at_random_points():
    """Every cell's point is where its form is the greatest alone; ties where exactly these tie."""
    import flint

    rng = random.Random(4)
    seen = Counter()
    for _ in range(60):
        k, m = rng.choice((1, 2, 3, 4, 5)), rng.randint(2, 6)

        def row(k=k):
            return [flint.fmpq(rng.randint(-3, 3)) for _ in range(k + 1)]

        box = []
        for j in range(k):
            for sign in (1, -1):
                box.append([flint.fmpq(3)] + [flint.fmpq(sign * (i == j)) for i in range(k)])
        drawn = [row() for _ in range(m)]
        if rng.random() < 0.4:  # several that tie on one hyperplane
            base, other = drawn[:2]
            drawn[1:] = [[v + c * w for v, w in zip(base, other, strict=True)] for c in range(1, m)]
            drawn.append(row())
        forms = [list(form) for form in {tuple(form): None for form in drawn}]

        def values(point, forms=forms):
            return [form[0] + sum(map(mul, form[1:], point)) for form in forms]

        found = envelope(box, forms, [flint.fmpq(0)] * k)
        for g, point in found.cells.items():
            at = values(point)
            assert [h for h, v in enumerate(at) if v == max(at)] == [g]
            assert all(abs(v) < 3 for v in point)
        for tie in found.ties:
            at = values(tie.point)
            assert tuple(h for h, v in enumerate(at) if v == max(at)) == tie.forms
            assert {tie.near, tie.far} <= set(tie.forms) & set(found.cells)
            assert all(abs(v) < 3 for v in tie.point)
        assert len({tie.forms for tie in found.ties}) == len(found.ties)
        for _ in range(40):
            at = values([flint.fmpq(rng.randint(-2999, 2999), 1000) for _ in range(k)])
            best = [h for h, v in enumerate(at) if v == max(at)]
            assert len(best) > 1 or best[0] in found.cells
            seen[k, "cut"] += len(found.cells) > 1
        seen["wide"] += any(len(tie.forms) > 2 for tie in found.ties)
    assert seen["wide"] >= 2, seen
    assert all(seen[k, "cut"] for k in range(1, 6)), seen


# --- Lines through the domain ----------------------------------------------------------------


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


def merged(intervals: list[tuple]) -> list[tuple]:
    """Adjoining intervals with the same classes as one."""
    out: list[tuple] = []
    for low, high, tied in sorted(intervals):
        if out and out[-1][1] == low and out[-1][2] == tied:
            out[-1] = out[-1][0], high, tied
        else:
            out.append((low, high, tied))
    return out


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


@pytest.mark.slow
@pytest.mark.parametrize("block", range(BLOCKS))
def test_lines(block):
    rng = random.Random(71_000 + block)
    seen = Counter()
    while seen["nets"] < 40:
        spec, pair = draw(rng)
        omega = es.enumerate_regions(nets.network(spec), pair[0], limit=150)
        if not omega.complete or omega.domain.chart.dim == 0:
            continue
        boundary = omega.decision_boundary()
        seen["nets"] += len(boundary) > 0
        for _ in range(4):
            line = Line(spec, omega, segment(rng, omega, boundary))
            if not any(line.direction):
                continue
            points, intervals = line.truth()
            ours, ours_full = line.found(boundary)
            message = f"{nets.describe(spec, pair[1])}\n{line.start} + s {line.direction}"
            assert sorted(ours) == sorted(points), message
            assert merged(ours_full) == merged(intervals), message
            for s, (tied, before, after) in points.items():
                assert ours[s][0] == tied, message
                assert sorted(ours[s][1:]) == sorted((before, after)), message
                seen["touched"] += before == after
                seen["wide"] += len(tied) > 2
            seen["points"] += len(points)
            seen["intervals"] += len(intervals)
    assert seen["points"] >= 20, seen
    assert seen["intervals"] >= 20, seen


# --- The naive twin --------------------------------------------------------------------------


class PieceTwin(GraphCheck):
    """Every piece from a region's cone, told apart by the regions around it and who ties."""

    def __init__(self, spec: nets.Spec, omega: Partition, twin: Twin) -> None:
        super().__init__(omega, twin, sides_of(omega))
        self.spec = spec

    def input_of(self, y: Sequence) -> list[Fraction]:
        scaled = [Fraction(v) / y[0] for v in y]
        return [sum(map(mul, row, scaled), Fraction(0)) for row in self.twin.x_rows]

    def forms(self, cell) -> list[list[Fraction]]:
        """The outputs on a cell as forms over y, from their values at k + 1 points inside."""
        k = self.twin.k
        middle = self.middle(cell.cone)
        points = [middle]
        for j in range(1, k + 1):
            step = Fraction(1)
            while True:
                moved = list(middle)
                moved[j] += step
                if all(sum(map(mul, form, moved)) > 0 for form in cell.bounds):
                    break
                step /= 2
            points.append(moved)
        values = [outputs_at(self.spec, self.input_of(y)) for y in points]
        out = []
        for c in range(len(values[0])):
            slopes = [
                (values[j][c] - values[0][c]) / (points[j][j] - middle[j]) for j in range(1, k + 1)
            ]
            out.append([values[0][c] - sum(map(mul, slopes, middle[1:])), *slopes])
        return out

    @staticmethod
    def middle(cone) -> list[Fraction]:
        """A relative interior point, with y0 = 1."""
        y = [Fraction(sum(column)) for column in zip(*cone.rays, strict=True)]
        return [v / y[0] for v in y]

    def pieces(self) -> dict[tuple, tuple[int, bool]]:
        """(regions around, domain's sides, classes): dimension, and whether it is in a facet."""
        k, out = self.twin.k, {}
        full: dict[int, set[Classes]] = {}
        for number, cell in enumerate(self.twin.cells):
            full[number] = set()
            forms = self.forms(cell)
            for i, j in itertools.combinations(range(len(forms)), 2):
                cone = cell.cone
                own = [a - b for a, b in zip(forms[i], forms[j], strict=True)]
                conditions = [own, [-v for v in own]]
                for other in forms:
                    conditions.append([a - b for a, b in zip(forms[i], other, strict=True)])
                for row in conditions:
                    whole = naive._integral([row])[1][0]
                    if any(whole):
                        cone = naive._restrict(cone, whole)
                if not any(ray[0] for ray in cone.rays):
                    continue
                dim = _rank([*cone.rays, *cone.lines]) - 1
                if dim < k - 1:
                    continue
                y = self.middle(cone)
                tied = winners_at(self.spec, self.input_of(y))
                assert {i, j} <= set(tied)
                if dim == k:
                    full[number].add(tied)
                out[(*self.around(y), tied)] = dim
        return {
            key: dim for key, dim in out.items()
            if dim == k or not any(key[2] in full[number] for number in key[0])
        }  # fmt: skip

    def around(self, y: Sequence) -> tuple[tuple[int, ...], frozenset]:
        star = tuple(
            i for i, cell in enumerate(self.twin.cells)
            if all(sum(map(mul, form, y)) >= 0 for form in cell.bounds)
        )  # fmt: skip
        return star, frozenset(s for s in self.twin.sides if not sum(map(mul, s, y)))


@pytest.mark.parametrize("block", first_quick(range(BLOCKS)))
def test_same_pieces_as_the_twin(block):
    rng = random.Random(72_000 + block)
    seen = Counter()
    while seen["nets"] < 40:
        spec, pair = draw(rng)
        twin = Twin(nets.twin(spec), pair[1])
        if len(twin.cells) > 40:
            continue
        omega = es.enumerate_regions(nets.network(spec), pair[0])
        boundary = omega.decision_boundary()
        check = PieceTwin(spec, omega, twin)
        message = nets.describe(spec, pair[1])
        found = {}
        for n in range(len(boundary)):
            y = check.lifted(boundary.witness(n))
            star, sides = check.around(y)
            regions = [r for r in (int(boundary.region[n]), int(boundary.other[n])) if r >= 0]
            assert list(star) == regions, message
            assert bool(sides) == (boundary.side[n] >= 0), message
            if sides:
                side = check.sides[int(boundary.side[n])]
                assert side[0] + sum(map(mul, side[1:], boundary.witness(n))) == 0, message
            tied = winners_at(spec, check.input_of(y))
            assert tied == boundary.classes(n), message
            found[star, sides, tied] = int(boundary.dim[n])
            row = boundary.row(n)
            assert row[0] + sum(map(mul, row[1:], boundary.witness(n))) == 0, message
            assert any(row) == (boundary.dim[n] < twin.k), message
            for inequality in boundary.inequalities(n):
                assert inequality.value(boundary.witness(n)) >= 0, message
            if boundary.dim[n] < twin.k:
                check_sides(spec, omega, boundary, n, message)
            seen["facets"] += len(star) == 2
            seen["border"] += bool(sides)
            seen["full"] += found[star, sides, tied] == twin.k
            seen["wide"] += len(tied) > 2
            seen["touched"] += len(star) == 2 and not boundary.changes[n]
        assert found == check.pieces(), message
        assert len(found) == len(boundary), message
        seen["nets"] += len(boundary) > 0
        seen["pieces"] += len(found)
    assert seen["pieces"] >= 60, seen
    assert min(seen[kind] for kind in ("facets", "full", "wide")) >= 5, seen
    assert min(seen["border"], seen["touched"]) >= 1, seen


def check_sides(
    spec: nets.Spec, omega: Partition, boundary: DecisionBoundary, n: int, message: str
) -> None:
    """Who wins a little way off a piece, and f_i - f_j there.

    On the region's side for a piece in a facet, else on both.
    """
    row, t = boundary.row(n), boundary.witness(n)
    i, j = int(boundary.i[n]), int(boundary.j[n])
    region = omega[int(boundary.region[n])]
    inward = [w - v for v, w in zip(t, region.witness, strict=True)]
    into = sum(map(mul, row[1:], inward)) > 0
    inside = boundary.other[n] < 0 and boundary.side[n] < 0
    near, far = boundary.winners(n)
    for sign in (1, -1) if inside else (1 if into else -1,):
        step = Fraction(sign)
        while True:
            moved = [v + step * g for v, g in zip(t, row[1:], strict=True)]
            x = omega.domain.chart.lift(moved)
            # no class wins that does not tie on the piece, and the winners stay the same
            if region.contains(x) and set(winners_at(spec, x)) <= set(boundary.classes(n)):
                break
            step /= 4
        z, difference = outputs_at(spec, x), row[0] + sum(map(mul, row[1:], moved))
        assert z[i] - z[j] == difference, message
        expected = near if not inside or (i in near) == (sign > 0) else far
        assert winners_at(spec, x) == expected, message


# --- Larger networks, files, corner cases ----------------------------------------------------


def random_net(rng: np.random.Generator, *widths: int) -> es.Network:
    layers: list[es.Operator] = []
    for n, m in itertools.pairwise(widths):
        layers += [es.Dense(rng.normal(size=(m, n)) / n**0.5, rng.normal(size=m) / 2), es.ReLU()]
    return es.Network(layers[:-1], (widths[0],))


def test_moons_boundary_is_a_set_of_curves():
    """In the plane the ends of pieces inside the window are shared by exactly two of them."""
    window = es.Box([-2, -2], [3, 3])
    omega = es.enumerate_regions(es.load(EXAMPLES / "moons.onnx"), window)
    boundary = omega.decision_boundary()
    assert len(boundary) > 10
    assert np.all(boundary.changes)
    ends = Counter(tuple(v) for n in range(len(boundary)) for v in boundary.vertices(n).tolist())
    for end, count in ends.items():
        on_border = any(v in (-2, 3) for v in end)
        assert count == (1 if on_border else 2)


@pytest.mark.slow
@pytest.mark.parametrize("widths", [(4, 6, 5, 4), (5, 6, 4, 3)])
def test_more_than_three_dimensions(widths):
    """Where HiGHS guesses and rationals decide."""
    network = random_net(np.random.default_rng(0), *widths)
    omega = es.enumerate_regions(network, es.Box(-1, 1, dim=widths[0]))
    boundary = omega.decision_boundary()
    draw_ = random.Random(2)
    spec = spec_of(network)
    crossings = 0
    for _ in range(12):
        line = Line(spec, omega, segment(draw_, omega, boundary))
        points, _ = line.truth()
        assert sorted(line.found(boundary)[0]) == sorted(points)
        crossings += len(points)
    assert crossings >= 5
    for n in range(0, len(boundary), 7):
        x = omega.domain.chart.lift(boundary.witness(n))
        assert winners_at(spec, x) == boundary.classes(n)
        assert omega.locate([x]).all(0) == (int(boundary.region[n]),)


def spec_of(network: es.Network) -> nets.Spec:
    """A chain of Dense and ReLU as a description."""
    steps: list[tuple] = []
    for operator in network.operators:
        if isinstance(operator, es.Dense):
            weight = [[Fraction(v) for v in row] for row in operator.weight.tolist()]
            steps.append(("dense", weight, [Fraction(v) for v in operator.bias.tolist()]))
        else:
            steps.append(("relu",))
    return nets.Spec(network.input_dim, steps)


def test_after_a_stopped_search_the_regions_that_were_found_have_their_pieces():
    rng = random.Random(9)
    compared = 0
    for _ in range(12):
        spec = nets.random_spec(rng, 2, [4, 3], "integer")
        outputs = len(nets.network(spec).program.output)
        spec.steps.append(nets.dense(rng, 3, outputs, "integer"))
        omega = es.enumerate_regions(nets.network(spec), es.Box([-3, -3], [3, 3]))
        kept = [i for i in range(len(omega)) if i % 3]
        if not kept:
            continue
        part = Partition(omega.network, omega.domain)
        part._append(Batch(omega.codes[kept], omega.witnesses[kept], count=len(kept)))
        part._finish()
        found, full = part.decision_boundary(), omega.decision_boundary()
        assert not found.complete
        assert "stopped" in repr(found)

        def key(boundary, n, ids):
            regions = (boundary.region[n], boundary.other[n])
            known = tuple(ids[r] for r in regions if r >= 0 and r in ids)
            change = bool(boundary.changes[n]), int(boundary.dim[n]), int(boundary.side[n])
            return known, boundary.classes(n), change

        ours = Counter(key(found, n, dict(enumerate(kept))) for n in range(len(found)))
        same = {i: i for i in kept}
        theirs = [key(full, n, same) for n in range(len(full))]
        assert ours == Counter(k for k in theirs if k[0])
        compared += len(found)
    assert compared > 30


def test_files(tmp_path):
    network = relu_net([[1, 0], [-1, 0], [0, 1]], [[1, 1, -1], [0, 0, 0], ["1/3", 0, 0]])
    omega = es.enumerate_regions(network, es.Box([-2, "-1/3"], [2, 1]))
    boundary = omega.decision_boundary()
    boundary.save(tmp_path / "b.json")
    value = json.loads((tmp_path / "b.json").read_text())
    assert value == json.loads(json.dumps(boundary.to_dict()))
    assert value["format"] == "exactspline-decision-boundary"
    assert (value["count"], value["regions"]) == (len(boundary), len(omega))
    for n, piece in enumerate(value["pieces"]):
        assert tuple(map(Fraction, piece["row"])) == boundary.row(n)
        assert tuple(map(Fraction, piece["witness"])) == boundary.witness(n)
        assert (tuple(piece["near"]), tuple(piece["far"])) == boundary.winners(n)
        assert tuple(piece["classes"]) == boundary.classes(n)
        assert piece["region"] == boundary.region[n]
        assert (-1 if piece["other"] is None else piece["other"]) == boundary.other[n]
        assert (-1 if piece["side"] is None else piece["side"]) == boundary.side[n]
        assert (piece["i"], piece["j"]) == (boundary.i[n], boundary.j[n])
        assert (piece["dim"], piece["changes"]) == (boundary.dim[n], boundary.changes[n])
    boundary.save(tmp_path / "b.npz")
    with np.load(tmp_path / "b.npz") as data:
        arrays = boundary.to_arrays()
        assert set(data.files) == {"header", *arrays}
        for name, array in arrays.items():
            assert np.array_equal(data[name], array)
        assert json.loads(data["header"].tobytes())["count"] == len(boundary)
        starts = data["class_start"]
        for n in range(len(boundary)):
            tied = data["class"][starts[n] : starts[n + 1]]
            assert tuple(tied.tolist()) == boundary.classes(n)
            assert np.allclose(data["rows"][n], [float(v) for v in boundary.row(n)], rtol=1e-15)
    for name in ("b.json", "b.npz"):  # again, byte for byte
        before = (tmp_path / name).read_bytes()
        es.enumerate_regions(network, omega.domain).decision_boundary().save(tmp_path / name)
        assert (tmp_path / name).read_bytes() == before
    with pytest.raises(es.FormatError, match="a decision boundary is written as"):
        boundary.save(tmp_path / "b.csv")


def test_pieces_with_lines_have_no_vertices():
    boundary = boundary_of(es.Network([es.Dense([[1, 1]])], (2,)))
    with pytest.raises(es.DomainError, match="holds lines"):
        boundary.vertices(0)
    bounded = boundary_of(boundary.partition.network, es.Box([-1, -1], [1, 1]))
    assert bounded.vertices(0).tolist() == [[-1, 1], [1, -1]]
    sources = [inequality.source for inequality in bounded.inequalities(0)]
    assert all(text.startswith("side ") for text in sources)


def test_too_many_dimensions():
    network = es.Network([es.Dense(np.ones((2, 61)), [0, 1])], (61,))
    with pytest.raises(es.LimitError, match="61 dimensions"):
        boundary_of(network, es.Box(0, 1, dim=61))
