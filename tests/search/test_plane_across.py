"""What lies across touched edges: proved beyond them where it can be, as rationals find it."""

from __future__ import annotations

import random
from collections import Counter
from fractions import Fraction

import numpy as np
import random_networks as nets
from graph_networks import draw

import exactspline as es
from exactspline.cells.forms import ExactForms
from exactspline.cells.space import search_space
from exactspline.search.plane import edges as module
from exactspline.search.plane.across import Beyond

RECIPES = ("any", "ties", "stacked", "tight", "skips", "slivers")


def plane_networks(rng: random.Random, count: int):
    while count:
        spec, (domain, told) = draw(rng, rng.choice(RECIPES))
        network = nets.network(spec)
        if not network.program.layers or domain.chart.dim != 2:
            continue
        if search_space(network.program, domain.chart).dim == 2:
            count -= 1
            yield network, domain, nets.describe(spec, told)


def test_edges_that_are_settled_have_one_flip(monkeypatch):
    """Everything that is settled by float64 and exact rows is asked of rationals as well."""
    seen: Counter[str] = Counter()
    own = Beyond.settled

    def both(self, faces, edges, codes):
        out = own(self, faces, edges, codes)
        exact = module.ExactEdges(self.forms, self.program)
        for edge, code, settled in zip(edges.tolist(), codes, out.tolist(), strict=True):
            flips = exact.flips(faces, edge, code)
            single = flips == ((int(faces.unit[edge]), int(faces.piece[edge])),)
            assert single or not settled, told
            seen["settled" if settled else "one flip" if single else "several"] += 1
        return out

    monkeypatch.setattr(Beyond, "settled", both)
    for network, domain, told in plane_networks(random.Random(70_500), 60):  # noqa: B007
        omega = es.enumerate_regions(network, domain, polygons=True)
        assert len(omega) == len(es.enumerate_regions(network, domain, engine="rational"))
    assert seen["settled"] > 300, seen
    assert seen["several"] > 20, seen
    assert seen["one flip"] < seen["settled"] / 4, seen  # left to rationals without need


def test_points_inside_of_regions():
    """Of a network on the whole plane: the sides of a domain are not looked at."""
    rng, seen = random.Random(70_600), Counter()
    for network, _, told in plane_networks(rng, 40):
        program = network.program
        omega = es.enumerate_regions(network)
        if search_space(program, omega.domain.chart).dim < 2 or omega.domain.chart.dim > 2:
            continue
        space = search_space(program, omega.domain.chart)
        forms = ExactForms(program, space)
        beyond = Beyond(program, space, ExactForms(program, space))
        points = [[rng.gauss(0, 1), rng.choice([0.0, 0.5, rng.gauss(0, 1)])] for _ in range(4)]
        for region in omega:
            points.append([float(v) for v in region.witness][:2] if space.dim == 2 else points[0])
        for point in points[:12]:
            exact = [Fraction(v) for v in point]
            found = beyond.inside(np.array([point] * len(omega)), omega.codes)
            for i in range(len(omega)):
                right = forms.contains(exact, omega.codes[i].astype(np.int64))
                assert not found[i] or right, told
                seen["right"] += right
                seen["found"] += int(found[i])
    assert seen["found"] > 0.9 * seen["right"] > 50, seen


def test_slices_of_max_pooling_have_their_complex_at_once():
    """Windows that are off make two members one function: all edges are touched."""
    rng = np.random.default_rng(2)
    net = es.Network(
        [
            es.Conv(rng.normal(size=(3, 1, 3, 3)), rng.normal(size=3) - 1), es.ReLU(),
            es.MaxPool((2, 2)), es.Flatten(), es.Dense(rng.normal(size=(6, 48))), es.ReLU(),
        ],
        (1, 10, 10),
    )  # fmt: skip
    a, b, c = rng.normal(size=(3, 100))
    omega = es.enumerate_regions(
        net, es.Slice(a, [b - a, c - a], es.Box(0, "1/4", dim=2)), polygons=True
    )
    made = omega.complex()
    assert len(made.faces) == len(omega) > 20
    assert sum(made.faces[i].area() for i in range(len(omega))) == Fraction(1, 16)
    asked = omega.decisions.rational
    assert asked < len(made.edges)  # most edges did without
