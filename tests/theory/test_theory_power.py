"""Check 11: power diagrams of layers, inside regions, and of the whole partition."""

from __future__ import annotations

import itertools
import random
from fractions import Fraction

import numpy as np
import pytest
from theory_nets import toy, two_layers

import exactspline as es
from exactspline import theory
from exactspline.theory.geometry import coherent, whole
from exactspline.theory.geometry.coherent import cells_power_diagram, proves
from exactspline.theory.geometry.power import PowerDiagram

F = Fraction


@pytest.mark.slow
def test_every_layer_of_random_networks():
    """Holds wherever a layer is a MASO: any domain, ties, dead units, skip connections."""
    verdicts, deep = {"holds": 0, "not applicable": 0}, 0
    for net, domain, context in toy(60, seed="power"):
        report = theory.check_power_diagram(net, domain)
        assert report.verdict in verdicts, f"{context}: {report}"
        verdicts[report.verdict] += 1
        deep += report.holds and max(report.details["layers"]) > 1
    assert verdicts["holds"] > 35
    assert deep > 15


def test_a_wrong_radius_or_centroid_is_found():
    found = tried = 0
    for net, domain, context in toy(40, kinds=("relu", "abs", "max"), seed="wrong", skip=False):
        if not net.program.layers:
            continue
        omega = es.enumerate_regions(net, domain)
        layer = random.Random(context).randint(1, len(net.program.layers))
        if omega.at_layer(layer).count == omega.at_layer(layer - 1).count:
            continue  # nothing bends in this layer, so nothing can be seen
        cells, k = omega.at_layer(layer).codes, int(net.program.unit_start[layer - 1])
        unit = next((u for u in range(cells.shape[1] - k) if len(set(cells[:, k + u])) > 1), None)
        assert unit is not None
        diagram = theory.layer_power_diagram(net, layer)
        for part in ("radii", "centroids"):
            wrong = PowerDiagram(
                tuple(c.copy() for c in diagram.centroids), tuple(r.copy() for r in diagram.radii)
            )
            piece = int(cells[0, k + unit])
            getattr(wrong, part)[unit][piece] += F(1, 7)
            tried += 1
            report = theory.check_power_diagram(omega, diagrams={layer: wrong})
            found += report.verdict == "fails"
            if report.verdict == "fails" and "nearer piece" in report.counterexample:
                at = report.counterexample
                assert at["nearer piece"] != at["piece"]
    assert tried > 30
    assert found > 0.9 * tried  # a radius may stay unseen where the domain hides the change


@pytest.mark.parametrize("first", [es.Abs(), es.ReLU()])
def test_radii_that_change_no_cell_are_compared_all_the_same(first):
    """The cells fix a unit's radii up to a constant only: 0 for both pieces of an abs, say."""
    net = es.Network(
        [es.Dense([[1, 2], [0, 1]], [1, 3]), first, es.Dense([[1, 1]]), es.Abs()], (2,)
    )
    for layer in (1, 2):
        right = theory.layer_power_diagram(net, layer)
        assert theory.check_power_diagram(net, diagrams={layer: right}).holds
        for change in (0, 1):
            radii = tuple(r - change * F(1, 2) - (1 - change) * r[0] for r in right.radii)
            wrong = PowerDiagram(right.centroids, radii)
            report = theory.check_power_diagram(net, diagrams={layer: wrong})
            if [r.tolist() for r in radii] == [r.tolist() for r in right.radii]:
                assert report.holds  # those of a ReLU's piece 0 are 0
                continue
            assert report.verdict == "fails"
            assert (
                report.reason == "a centroid, a radius or what is nearest is not that of the theory"
            )
            assert report.counterexample["layer"] == layer
    details = theory.check_power_diagram(net).details
    assert details["layers whose pieces are written down from stored numbers"] == [1, 2]


@pytest.mark.parametrize("part", ["inside", "radius", "centroid", "of_pieces"])
def test_a_formula_that_is_changed_in_one_place_is_found(part, monkeypatch):
    net = two_layers(es.Abs())
    real = getattr(PowerDiagram, part)
    if part == "inside":
        change = lambda self, J, c: real(self, J, 0 * c)  # noqa: E731
    elif part == "of_pieces":

        def without(pieces):
            found = real(pieces)
            return PowerDiagram(found.centroids, tuple(0 * r for r in found.radii))

        change = staticmethod(without)
    else:
        change = lambda self, code: real(self, code) + 1  # noqa: E731
    monkeypatch.setattr(PowerDiagram, part, change)
    assert theory.check_power_diagram(net).verdict == "fails"


def test_counterexample_is_nearer_to_the_other_centroid():
    net = two_layers()
    diagram = theory.layer_power_diagram(net, 1)
    diagram.radii[0][1] += F(1, 3)
    report = theory.check_power_diagram(net, diagrams={1: diagram})
    assert report.verdict == "fails"
    at = report.counterexample
    assert diagram.assign(at["point"])[at["unit"]] != at["code"][at["unit"]]


def test_code_by_code_without_factors():
    """The factorised argmin is that of the centroids and radii of whole codes."""
    rng = random.Random(1)
    pieces = [([[rng.randint(-2, 2) for _ in range(2)] for _ in range(n)],
               [F(rng.randint(-3, 3), 3) for _ in range(n)]) for n in (2, 3, 2)]  # fmt: skip
    diagram = PowerDiagram.of_pieces(pieces)
    for _ in range(60):
        z = [F(rng.randint(-6, 6), 4) for _ in range(2)]
        best = {}
        for code in itertools.product(range(2), range(3), range(2)):
            mu, rad = diagram.centroid(code), diagram.radius(code)
            B = sum(pieces[k][1][r] for k, r in enumerate(code))
            assert rad == sum(v * v for v in mu) + 2 * B
            best[code] = sum((a - b) ** 2 for a, b in zip(z, mu, strict=True)) - rad
        lowest = min(best.values())
        assert tuple(diagram.assign(z)) == min(c for c, v in best.items() if v == lowest)


def test_a_layer_that_is_no_maso():
    net = es.Network([es.Dense([[1, 0]]), es.LeakyReLU(3)], (2,))
    assert theory.check_power_diagram(net).verdict == "not applicable"
    with pytest.raises(es.ParameterError, match="not convex"):
        theory.layer_power_diagram(net)
    assert theory.check_power_diagram(es.Network([], (2,))).verdict == "not applicable"


# --- Voronoi ------------------------------------------------------------------------------------


def kmeans(centres) -> es.MASO:
    return es.MASO([centres], [[-sum(F(v) ** 2 for v in c) / 2 for c in centres]])


def test_voronoi_of_one_unit():
    centres = [[F(0), F(0)], [F(2), F(1, 3)], [F(-1), F(3)], [F(1), F(-2)]]
    report = theory.check_voronoi(es.Network([kmeans(centres)], (2,)))
    assert report.holds
    assert report.checked == 4
    assert report.details["radius"] == 0
    other = es.MASO([centres], [[0, 0, 0, 1]])
    assert theory.check_voronoi(es.Network([other], (2,))).verdict == "not applicable"


def test_voronoi_of_several_units():
    """Two units are one only if their centroids' differences are orthogonal."""
    both = [[[[1, 0], [3, 0]], [[0, 1], [0, 4]]], [[[1, 0], [3, 0]], [[1, 1], [0, 4]]]]
    verdicts = []
    for A in both:
        B = [[-sum(F(v) ** 2 for v in a) / 2 for a in unit] for unit in A]
        net = es.Network([es.MASO(A, B)], (2,))
        diagram = theory.layer_power_diagram(net)
        radii = {diagram.radius(c) for c in itertools.product(range(2), repeat=2)}
        assert (diagram.voronoi_violation() is None) == (len(radii) == 1)
        verdicts.append(theory.check_voronoi(net).verdict)
    assert verdicts == ["holds", "not applicable"]


def test_voronoi_condition_without_enumeration():
    """The decision by pairs is that over all codes."""
    seen = set()
    for seed in range(60):
        rng = random.Random(seed)
        A = [[[rng.choice((0, 0, 1, -1)) for _ in range(3)] for _ in range(2)] for _ in range(3)]
        B = [[-sum(F(v) ** 2 for v in a) / 2 for a in unit] for unit in A]
        if rng.random() < 0.3:
            B[0][0] += 1
        diagram = PowerDiagram.of_pieces(list(zip(A, B, strict=True)))
        radii = {diagram.radius(c) for c in itertools.product(range(2), repeat=3)}
        violation = diagram.voronoi_violation()
        assert (violation is None) == (len(radii) == 1)
        if violation is not None:
            assert violation["radius"] == diagram.radius(violation["code"])
            assert violation["radius"] != violation["its radius"]
        seen.add(violation is None)
    assert seen == {True, False}


# --- The whole partition ------------------------------------------------------------------------


@pytest.mark.slow
def test_whole_partitions_of_random_networks():
    """With weights that are large enough, for every network; the linear program agrees."""
    deep = 0
    for net, domain, context in toy(60, seed="whole"):
        if not net.program.layers:
            continue
        omega = es.enumerate_regions(net, domain)
        report = theory.check_whole_partition(omega)
        assert report.holds, f"{context}: {report}"
        if len(omega.edges) <= 60:
            assert theory.whole_power_diagram(omega), context
        deep += len(net.program.layers) > 1 and len(omega) > 3
    assert deep > 12


def test_weights_matter():
    net = whole.unweighted_example()
    assert theory.check_whole_partition(net).holds
    report = theory.check_whole_partition(net, weights=[1, 1])
    assert report.verdict == "fails"
    assert report.counterexample["bend of the sum (must be positive)"] < 0
    together = theory.check_layers_together()
    assert together.holds
    assert together.details["example"] == report.counterexample
    easy = es.Network([es.Dense([[1]]), es.ReLU(), es.Dense([[1]], [-1]), es.ReLU()], (1,))
    assert theory.check_layers_together(easy).verdict == "fails"  # the formula is right there
    one = es.Network([es.Dense([[1]]), es.ReLU()], (1,))
    assert theory.check_layers_together(one).verdict == "not applicable"


def test_whole_diagram_as_a_diagram():
    """The centroids and radii of both ways assign random points to their regions."""
    net = two_layers()
    omega = es.enumerate_regions(net)
    details = theory.check_whole_partition(net).details
    found = theory.whole_power_diagram(omega)
    rng = random.Random(3)
    for diagram in (coherent.WholePowerDiagram(details["centroids"], details["radii"]), found):
        for _ in range(40):
            x = [F(rng.randint(-40, 40), 7) for _ in range(2)]
            assert diagram.nearest(x) == list(omega.locate([x]).all(0))


def test_a_wrong_height_is_found(monkeypatch):
    """A mutation of the sum's affine pieces: the bends no longer fit the facets."""
    heights = whole.layer_heights

    def wrong(partition):
        out = heights(partition)
        out[0][1][1] += 1
        return out

    monkeypatch.setattr(whole, "layer_heights", wrong)
    with pytest.raises(es.UndecidedError):
        theory.check_whole_partition(two_layers())


def twisted():
    """Two nested triangles with twisted bridges: convex cells that are no power diagram."""
    points = [(0, 0), (12, 0), (6, 10), (4, 2), (8, 2), (6, 6)]
    cells = [(3, 4, 5), (0, 1, 3), (1, 4, 3), (1, 2, 4), (2, 5, 4), (2, 0, 5), (0, 3, 5)]
    ends, rows = [], []
    for i, j in itertools.combinations(range(7), 2):
        common = sorted(set(cells[i]) & set(cells[j]))
        if len(common) < 2:
            continue
        (x0, y0), (x1, y1) = points[common[0]], points[common[1]]
        a, b = y1 - y0, x0 - x1
        c = -(a * x0 + b * y0)
        third = next(v for v in cells[j] if v not in common)
        sign = 1 if a * points[third][0] + b * points[third][1] + c > 0 else -1
        ends.append((i, j))
        rows.append([F(sign * v) for v in (c, a, b)])
    return ends, rows


def test_cells_that_are_no_power_diagram():
    ends, rows = twisted()
    proof = cells_power_diagram(7, ends, rows)
    assert not proof
    by_ends = dict(zip(ends, rows, strict=True))
    assert proves(proof, by_ends)
    # the proof read once more: sum_e lambda_e w_e would be 0 for every diagram
    total = {e: sum(a * b for a, b in zip(y, by_ends[e], strict=True))
             for *e_, y in proof.multipliers for e in [tuple(e_)]}  # fmt: skip
    assert all(v >= 0 for v in total.values())
    assert any(total.values())
    # a mutation of the proof is no proof
    i, j, y = proof.multipliers[0]
    bad = coherent.NoPowerDiagram(
        proof.edges, proof.weights, ((i, j, (y[0] + 1, *y[1:])), *proof.multipliers[1:])
    )
    assert not proves(bad, by_ends)
    # without one bridge's other diagonal the cells are a power diagram again
    assert cells_power_diagram(6, [(0, i) for i in range(1, 6)], rows[:5])


def test_cells_are_checked():
    with pytest.raises(es.ParameterError, match="connect"):
        cells_power_diagram(3, [(0, 1)], [[F(0), F(1)]])
    with pytest.raises(es.ParameterError, match="one row a facet"):
        cells_power_diagram(2, [(0, 1)], [])
    with pytest.raises(es.ParameterError, match="none of the"):
        cells_power_diagram(2, [(0, 5)], [[F(0), F(1)]])
    with pytest.raises(es.LimitError):
        cells_power_diagram(2, [(0, 1)] * 500, [[F(0), F(1)]] * 500)
    with pytest.raises(es.ParameterError, match="no code"):
        PowerDiagram.of_pieces([([[1]], [0])]).radius([1])
    with pytest.raises(es.ShapeError):
        PowerDiagram.of_pieces([([1], [0])])
    with pytest.raises(es.ParameterError):
        theory.check_power_diagram("net")
    stopped = es.enumerate_regions(two_layers(), limit=2)
    with pytest.raises(es.ParameterError, match="stopped"):
        theory.check_power_diagram(stopped)


@pytest.mark.parametrize(
    "call",
    [
        lambda net: theory.layer_power_diagram("net"),
        lambda net: theory.layer_power_diagram(net, 0),
        lambda net: theory.layer_power_diagram(net, "1"),
        lambda net: theory.layer_power_diagram(net, True),
        lambda net: theory.product_bound(None),
        lambda net: theory.templates("net", [1]),
        lambda net: theory.vq_codes(None, [[1]]),
        lambda net: theory.vq_distances(3, [[1]]),
        lambda net: theory.check_vq("net"),
        lambda net: theory.check_lipschitz(3),
        lambda net: theory.check_counts(None),
        lambda net: theory.check_power_diagram(net, diagrams={5: None}),
        lambda net: theory.check_whole_partition(net, weights=[1]),
        lambda net: theory.check_whole_partition(net, weights=[1, float("nan")]),
        lambda net: list(theory.bends(es.enumerate_regions(net), 1)),
        lambda net: list(theory.bends(es.enumerate_regions(net), 3)),
        lambda net: theory.check_bending(es.enumerate_regions(net), es.WholeSpace(2)),
    ],
)
def test_bad_input(call):
    with pytest.raises(es.ParameterError):
        call(two_layers())


def test_point_domains():
    net = two_layers()
    point = es.Box([1, 1], [1, 1])
    assert theory.check_power_diagram(net, point).holds
    assert theory.check_whole_partition(net, point).holds
    assert np.array_equal(theory.layer_power_diagram(net).assign([1, 1]), [1, 1, 1])
