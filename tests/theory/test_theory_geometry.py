"""Check 12: equal cuts, reflections and bent hyperplanes."""

from __future__ import annotations

import random
from fractions import Fraction

import pytest
from theory_nets import WITH_FORWARD, toy, two_layers

import exactspline as es
from exactspline import theory
from exactspline.theory.geometry import cuts, geometry

F = Fraction


def test_one_layer_is_cut_alike():
    held = 0
    for net, domain, context in toy(25, kinds=("relu", "abs", "leaky"), layers=1, seed="cut"):
        report = theory.check_cut_alike(net, domain)
        assert report.verdict in ("holds", "not applicable"), f"{context}: {report}"
        held += report.holds
    assert held > 15  # a slope of 1 leaves no unit


def test_other_breakpoints_cut_otherwise():
    net = two_layers()
    shifted = es.ScalarSpline([1], [0, 1], (1, 0))
    report = theory.check_cut_alike(net, activations=[es.ReLU(), shifted])
    assert report.verdict == "fails"
    x = report.counterexample["point"]
    own = theory.vq_codes(net, [x])[0][:3]
    other = es.Network([net.nodes[0].operator, shifted], (2,))
    assert list(own) != list(theory.vq_codes(other, [x])[0])
    # a leaky ReLU of slope 1 does not cut at all
    assert theory.check_cut_alike(net, activations=[es.LeakyReLU(1)]).verdict == "fails"
    assert theory.check_cut_alike(two_layers(shifted)).verdict == "not applicable"
    assert theory.check_cut_alike(es.Network([], (1,))).verdict == "not applicable"


def _threshold(at):
    return es.ScalarSpline([at], [0, 1], (at, 0))


@pytest.mark.parametrize(
    ("weights", "at", "box"),
    [
        ([1, 2], F(1, 2**20), None),  # one region more, and all witnesses in their places
        ([1], 50, ([-1], [1])),  # a region less
        ([1], 50, None),  # as many, elsewhere
    ],
)
def test_every_way_to_cut_otherwise_is_found(weights, at, box):
    net = es.Network([es.Dense([[w] for w in weights]), es.ReLU()], (1,))
    domain = None if box is None else es.Box(*box)
    assert theory.check_cut_alike(net, domain).holds
    assert theory.check_cut_alike(net, domain, activations=[_threshold(at)]).verdict == "fails"


def test_reflection():
    assert theory.check_reflection(two_layers(es.Abs())).checked == 3
    assert theory.check_reflection(two_layers(es.ReLU())).verdict == "not applicable"
    dead = es.Network([es.Dense([[0, 0]], [1]), es.Abs()], (2,))
    assert theory.check_reflection(dead).verdict == "not applicable"


NO_MIRRORS = {
    "identity": lambda x, n, c: list(x),
    "through a point": lambda x, n, c: [-v for v in x],
    "without the constant": lambda x, n, c: cuts.householder(x, n, F(0)),
    "onto the hyperplane": lambda x, n, c: [
        (a + b) / 2 for a, b in zip(x, cuts.householder(x, n, c), strict=True)
    ],
    "askew": lambda x, n, c: [x[0] - 2 * (n[0] * x[0] + n[1] * x[1] + c) / n[0], x[1]],
}


@pytest.mark.parametrize("name", NO_MIRRORS)
def test_a_reflection_that_is_none(name):
    net = es.Network([es.Dense([[1, "1/3"], [1, -1]], [1, "-1/2"]), es.Abs()], (2,))
    report = theory.check_reflection(net, reflection=NO_MIRRORS[name])
    assert report.verdict == "fails"
    assert "no mirror image" in report.reason


def test_a_unit_that_is_not_symmetric(monkeypatch):
    """The forward is asked, not the pieces: a wrong operator is found."""
    net = two_layers(es.Abs())
    monkeypatch.setattr(es.Abs, "forward", lambda self, x: x * (x > 0))
    report = theory.check_reflection(net)
    assert report.verdict == "fails"
    assert report.counterexample["value"] != report.counterexample["value there"]


def test_units_that_reflect_have_many_forms():
    steps = [es.Dense([[1, 2]], [1]), es.PReLU([-1])]
    assert theory.check_reflection(es.Network(steps, (2,))).checked == 1
    residual = es.Network([es.Residual([es.Dense([[1, 2], [0, 1]]), es.LeakyReLU(-1)])], (2,))
    assert theory.check_reflection(residual).checked == 2
    assert theory.check_reflection(es.Network([es.Abs()], (3,)), es.Box(1, 2, dim=3)).checked == 3


def test_bends_of_random_networks():
    held = 0
    for net, domain, context in toy(40, seed="bend"):
        report = theory.check_bending(net, domain)
        assert report.verdict in ("holds", "not applicable"), f"{context}: {report}"
        held += report.holds
    assert held > 8
    for net, domain, context in toy(10, kinds=WITH_FORWARD, seed="bend more"):
        assert theory.check_bending(net, domain).verdict != "fails", context


def test_angles_by_hand():
    """|x| + |y| = 1 is a square: right angles. With relu in place of abs the lines run on."""
    square = es.Network(
        [es.Dense([[1, 0], [0, 1]]), es.Abs(), es.Dense([[1, 1]], [-1]), es.ReLU()], (2,)
    )
    angles = [(b.sign, b.square) for b in theory.bends(es.enumerate_regions(square), 2)]
    assert angles == [(0, 0)] * 4
    corner = es.Network(
        [es.Dense([[1, 0], [0, 1]]), es.ReLU(), es.Dense([[1, 2]], [-1]), es.ReLU()], (2,)
    )
    found = {
        tuple(map(int, (*b.normals[0], *b.normals[1]))): (b.sign, b.square)
        for b in theory.bends(es.enumerate_regions(corner), 2)
    }
    # from (1, 2) to (0, 2): cos^2 = 16 / (5 * 4); where the unit is constant there is no angle
    assert found[(0, 2, 1, 2)] == (1, F(4, 5))
    assert found[(0, 0, 1, 0)] == (0, None)
    assert theory.check_bending(corner).details["not bent"] == 0


@pytest.mark.parametrize("part", ["normals", "sign", "square", "edge"])
def test_mutated_bends_are_found(monkeypatch, part):
    bends = geometry.bends

    def wrong(partition, layer):
        for bend in bends(partition, layer):
            values = dict(bend.__dict__)
            if part == "normals":
                n, m = bend.normals
                values["normals"] = (n, (m[0] + F(1, 5), *m[1:]))
            elif part == "edge":  # a facet that lies elsewhere
                values["edge"] = (bend.edge + 1) % len(partition.edges)
            elif part == "sign":
                values["sign"] = 1 - abs(bend.sign)
            else:
                values["square"] = (bend.square or 0) / 2 + F(1, 9)
            yield geometry.Bend(**values)

    monkeypatch.setattr(geometry, "bends", wrong)
    report = theory.check_bending(two_layers(es.Abs()))
    assert report.verdict == "fails"
    assert report.counterexample["layer"] == 2


def test_mutated_differences_are_found(monkeypatch):
    differences = geometry._Gradients._differences

    def wrong(self, region):
        return {unit: [2 * v for v in row] for unit, row in differences(self, region).items()}

    monkeypatch.setattr(geometry._Gradients, "_differences", wrong)
    assert theory.check_bending(two_layers(es.Abs())).verdict == "fails"


def test_angles_on_a_slice_are_those_of_inputs():
    """The angle along an oblique plane is measured among inputs, not in its coordinates."""
    rng = random.Random(5)
    net = es.Network(
        [
            es.Dense([[rng.randint(-2, 2) for _ in range(3)] for _ in range(3)], [0, 1, 0]),
            es.Abs(), es.Dense([[1, -2, 1]], [F(1, 3)]), es.ReLU(),
        ],
        (3,),
    )  # fmt: skip
    one = es.Slice([0, 0, 1], [[1, 0, 2], [0, 1, 1]])
    two = es.Slice([0, 0, 1], [[1, 1, 3], [2, -1, 3]])  # the same plane in other coordinates
    angles = []
    for domain in (one, two):
        omega = es.enumerate_regions(net, domain)
        assert theory.check_bending(omega).holds
        angles.append(sorted((b.sign, b.square or F(-1)) for b in theory.bends(omega, 2)))
    assert angles[0] == angles[1]
    assert theory.check_bending(net, es.Box([0, 0, 0], [0, 0, 0])).verdict == "not applicable"
