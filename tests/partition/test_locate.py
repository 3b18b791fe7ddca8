"""Locating points, against the naive twin; signs in float64 with their error bounds."""

from __future__ import annotations

import math
import random
from fractions import Fraction

import naive
import numpy as np
import pytest
import random_networks as nets
from folders import MOONS

import exactspline as es
from exactspline.cells.point import code_at, values_at
from exactspline.partition.points import locate as module
from exactspline.partition.points.signs import FloatForms, FloatProgram


class Twin:
    """All regions of the twin; a region's closure holds x iff the segment to its point does."""

    def __init__(self, spec, domain) -> None:
        self.layers = nets.twin(spec)
        self.regions = naive.regions(self.layers, domain)
        self.domain = domain

    def in_domain(self, x) -> bool:
        rows = naive._constraints(self.domain)[1]
        return all(
            sum((a * b for a, b in zip(row[1:], x, strict=True)), row[0]) >= 0 for row in rows
        )

    def around(self, x) -> tuple[int, ...]:
        return tuple(
            i for i, (code, inside) in enumerate(self.regions)
            if naive.code_at(
                self.layers, [a + (b - a) / 2**90 for a, b in zip(x, inside, strict=True)]
            ) == code
        )  # fmt: skip


def draw(rng: random.Random):
    dim = rng.choice((1, 2, 2, 3))
    style = rng.choice(("integer", "integer", "third", "dyadic", "float"))
    widths = [rng.randint(1, 4) for _ in range(rng.randint(1, 3))]
    spec = nets.random_spec(rng, dim, widths, style, bias=rng.random() < 0.6)
    given, domain = nets.any_domain(rng, dim)
    return spec, nets.network(spec), given, domain


@pytest.mark.slow
@pytest.mark.parametrize("block", range(4))
def test_locate_and_regions_at_against_the_twin(block):
    """Lattice points (boundaries, corners, the domain's border), facets' points, witnesses."""
    rng = random.Random(80 + block)
    seen = {"inside": 0, "boundary": 0, "border": 0, "corner": 0, "outside": 0, "flat": 0}
    for _ in range(20):
        spec, net, given, domain = draw(rng)
        twin, chart = Twin(spec, domain), given.chart
        omega = es.enumerate_regions(net, given)
        assert [tuple(c) for c in omega.codes.tolist()] == [code for code, _ in twin.regions]
        some = rng.sample(list(omega), min(4, len(omega)))
        points = [chart.lift(list(f.point)) for r in some for f in r.facets()][:12]
        points += [list(r.point) for r in some]
        if not some[0]._at_infinity[1]:
            points += [chart.lift(list(v)) for r in some[:2] for v in r.vertices()[:8]]
        if domain[0] != "slice":
            points += [
                [Fraction(rng.randint(-6, 6), rng.choice((1, 2, 3))) for _ in range(given.dim)]
                for _ in range(8)
            ]
        found = omega.locate(points)
        assert len(found) == len(points)
        for i, x in enumerate(points):
            if domain[0] != "slice" and not twin.in_domain(x):
                assert found.region[i] == -1
                assert not found.on_boundary[i]
                assert found.all(i) == ()
                with pytest.raises(es.DomainError):
                    es.regions_at(net, x, given)
                seen["outside"] += 1
                continue
            truth = twin.around(x)
            assert found.all(i) == truth
            assert found.region[i] == truth[0]
            assert found.on_boundary[i] == (not omega[truth[0]].contains(x))
            alone = es.regions_at(net, x, given)
            assert [tuple(r.code.tolist()) for r in alone] == [twin.regions[j][0] for j in truth]
            for region in alone:
                assert region.contains(region.point)
                assert region.contains(x, closure=True)
            seen["inside"] += not found.on_boundary[i]
            seen["boundary"] += len(truth) > 1
            seen["corner"] += len(truth) > 2
            seen["border"] += bool(found.on_boundary[i]) and len(truth) == 1
            seen["flat"] += chart.dim < given.dim
        as_floats = [[Fraction(float(v)) for v in x] for x in points]
        array = np.array([[float(v) for v in x] for x in points]).reshape(len(points), given.dim)
        floats, exact = omega.locate(array), omega.locate(as_floats)
        assert floats.region.tolist() == exact.region.tolist()
        assert floats.on_boundary.tolist() == exact.on_boundary.tolist()
    assert min(seen.values()) >= 5, seen


@pytest.mark.slow
def test_many_points_of_a_trained_network():
    net = es.load(MOONS)
    omega = es.enumerate_regions(net, es.Box([-1, -1], [2, 1]))
    X = np.random.default_rng(0).uniform([-1.2, -1.2], [2.2, 1.2], size=(100_000, 2))
    found = omega.locate(X)
    outside = np.any((X < [-1, -1]) | (X > [2, 1]), axis=1)
    assert np.array_equal(found.region < 0, outside)
    assert not found.on_boundary.any()
    assert len(np.unique(found.region)) > 0.7 * len(omega)
    for i in np.flatnonzero(~outside)[:150]:
        code, boundary = code_at(net.program, [Fraction(v) for v in X[i].tolist()])
        assert not boundary
        assert np.array_equal(omega.code(int(found.region[i])), code)
    counts = np.bincount(found.region[~outside], minlength=len(omega))
    large = int(np.argmax(counts))
    share = counts[large] / counts.sum()
    assert share == pytest.approx(float(omega[large].volume()) / 6, abs=0.01)


def test_lattice_points_are_settled_in_float64(monkeypatch):
    """Integer weights: ties are proved by exact float64 arithmetic, dead units included."""
    net = es.Network(
        [
            es.Dense([[1, 0], [0, 1], [1, 1], [0, 0]], [0, 0, -1, 0]), es.ReLU(),
            es.Dense([[1, 1, -2, 3], [0, 0, 0, 5]], [0, 0]), es.ReLU(),
        ],
        (2,),
    )  # fmt: skip
    omega = es.enumerate_regions(net, es.Box([-4, -4], [4, 4]))
    calls = []
    real = module.Locator._around
    monkeypatch.setattr(module.Locator, "_around", lambda self, t: calls.append(t) or real(self, t))
    X = np.array([[i / 2, j / 2] for i in range(-8, 9) for j in range(-8, 9)])
    found = omega.locate(X + 1 / 16)  # off the boundaries of the first layer
    inside = (X + 1 / 16).max(axis=1) <= 4
    assert np.array_equal(found.region >= 0, inside)
    assert calls == []  # the dead units tie everywhere
    found = omega.locate(X)
    assert 0 < len(calls) < len(X)
    for i, x in enumerate(X.tolist()):
        owners = [r.index for r in omega if r.contains(x, closure=True)]
        assert found.region[i] == owners[0]
        assert found.on_boundary[i] == (not omega[owners[0]].contains(x))


def test_points_of_domains_of_lower_dimension():
    net = es.Network([es.Dense([[1, 0, 2], [0, 1, -1]]), es.ReLU()], (3,))
    flat = es.enumerate_regions(net, es.Box([-1, "1/3", -1], [1, "1/3", 1]))
    found = flat.locate([[0.5, "1/3", 0], [0.5, 1 / 3, 0], ["-1/2", "1/3", "1/4"]])
    assert found.region.tolist()[1] == -1  # the float is not 1/3
    assert found.on_boundary.tolist() == [False, False, True]
    assert len(found.all(2)) == 2
    dyadic = es.enumerate_regions(net, es.Box([-1, 0.25, -1], [1, 0.25, 1]))
    x = np.array([[0.5, 0.25, 0], [0.5, 0.2500001, 0], [0.5, 0.25, 2]])
    assert (dyadic.locate(x).region >= 0).tolist() == [True, False, False]
    line = es.Slice([0, 0, "1/3"], [[1, "1/7", 0]], es.Box([-1], [1]))
    omega = es.enumerate_regions(net, line)
    t = np.linspace(-1.5, 1.5, 61).reshape(-1, 1)
    located = omega.locate(t, domain_coordinates=True)
    for i, (s,) in enumerate(t.tolist()):
        x = line.chart.lift([Fraction(s)])
        owners = tuple(r.index for r in omega if r.contains(x, closure=True))
        assert located.all(i) == owners
        assert omega.locate([x]).all(0) == owners
    with pytest.raises(es.ShapeError):
        omega.locate([[0, 0, 0]], domain_coordinates=True)


def test_input_shapes_and_errors():
    net = es.Network([es.ReLU()], (2, 2))
    omega = es.enumerate_regions(net)
    one = omega.locate([[1, 2], [-1, 3]])
    assert one.region.tolist() == omega.locate([1, 2, -1, 3]).region.tolist()
    assert len(omega.locate(np.zeros((5, 2, 2)))) == 5
    assert len(omega.locate(np.zeros((0, 4)))) == 0
    assert omega.locate(np.ones((3, 4), dtype=np.float32)).region.tolist() == [15] * 3
    assert omega.locate([[2**70 + 1, 1, 1, -1]]).region.tolist() == [14]
    assert len(omega.locate(np.zeros((1, 4))).all(0)) == 16
    for bad in (np.zeros((2, 3)), np.zeros(3), 1.0, np.zeros((2, 2, 3))):
        with pytest.raises(es.ShapeError):
            omega.locate(bad)
    for bad in ([[1, 2, 3, math.nan]], [[1, 2, 3, math.inf]], [["a", 1, 2, 3]],
                np.zeros((1, 4), dtype=complex)):  # fmt: skip
        with pytest.raises(es.ParameterError):
            omega.locate(bad)
    for bad in (1, -2):
        with pytest.raises(IndexError):
            one.all(bad)
    assert "1 points" in repr(one)


def test_many_regions_at_one_point(monkeypatch):
    net = es.Network([es.ReLU()], (5,))
    with pytest.raises(es.LimitError, match="raise the limit"):
        es.regions_at(net, [0] * 5, limit=31)
    assert len(es.regions_at(net, [0] * 5, limit=32)) == 32
    for bad in (0, 1.5, True):
        with pytest.raises(es.ParameterError):
            es.regions_at(net, [1] * 5, limit=bad)
    monkeypatch.setattr(module, "MOST_AROUND", 31)
    omega = es.enumerate_regions(net)
    found = omega.locate([[0] * 5])
    assert found.region[0] == 0
    with pytest.raises(es.LimitError):
        found.all(0)


def test_regions_at_needs_no_enumeration():
    """A network with more regions than could ever be listed."""
    rng = np.random.default_rng(1)
    net = es.Network(
        [es.Dense(rng.normal(size=(60, 30)), rng.normal(size=60)), es.ReLU(),
         es.Dense(rng.normal(size=(60, 60))), es.ReLU()], (30,),
    )  # fmt: skip
    x = rng.normal(size=30)
    (region,) = es.regions_at(net, x)
    assert region.witness == tuple(Fraction(v) for v in x.tolist())
    assert len(region.inequalities(irredundant=False)) > 60
    weights = [Fraction(v) for v in net.operators[0].weight[7].tolist()]
    bias = Fraction(net.operators[0].bias[7])
    exact = [Fraction(v) for v in x.tolist()]
    lack = sum(w * v for w, v in zip(weights, exact, strict=True)) + bias
    exact[0] -= lack / weights[0]  # on the hyperplane of unit 7
    two = es.regions_at(net, exact)
    assert len(two) == 2
    assert np.flatnonzero(two[0].code != two[1].code).tolist() == [7]
    with pytest.raises(es.DomainError):
        es.regions_at(net, x, es.Box(0, 1, dim=30))
    with pytest.raises(es.ShapeError):
        es.regions_at(net, x, es.Box(0, 1, dim=3))
    with pytest.raises(es.ShapeError):
        es.regions_at("net", x)
    with pytest.raises(es.ParameterError):
        es.regions_at(net, [math.nan] * 30)


def test_a_stopped_search_knows_some_regions():
    net = es.Network([es.Dense([[1], [1], [1]], [0, -1, -2]), es.ReLU()], (1,))
    omega = es.enumerate_regions(net, limit=2)
    found = omega.locate([[-1], [0.5], [1], [1.5], [2]])
    assert found.region.tolist() == [0, 1, 1, -1, -1]
    assert found.on_boundary.tolist()[:4] == [False, False, True, False]
    assert found.all(2) == (1,)


def test_codes_of_any_number_of_pieces():
    """Keys of codes are sorted as the regions are: pieces of several bits, and of one only."""
    rng = random.Random(4)
    for _ in range(12):
        net = nets.network(nets.random_spec(rng, 2, [4, 3], "third", kinds=("max", "scalar")))
        omega = es.enumerate_regions(net, es.Box(-3, 3, dim=2))
        index = omega._code_index
        assert index(omega.codes).tolist() == list(range(len(omega)))
        known = {tuple(c) for c in omega.codes.tolist()}
        other = np.array([[rng.randrange(4) for _ in range(net.units)] for _ in range(200)])
        truth = [tuple(c) in known for c in other.tolist()]
        assert (index(other.astype(np.uint8)) >= 0).tolist() == truth
        assert (index(other) >= 0).tolist() == truth


# --- Signs in float64 ------------------------------------------------------------------------


@pytest.mark.parametrize("exact", [False, True])
def test_error_bounds_hold(exact):
    """Members in float64 against Fractions: also with 1/3, 1e400 and 1e-400, and near overflow."""
    rng = random.Random(77)
    zero = 0
    for number in range(60):
        n, m = rng.randint(1, 5), rng.randint(1, 4)
        pick = [lambda: Fraction(rng.randint(-3, 3)), lambda: Fraction(rng.gauss(0, 1)),
                lambda: Fraction(rng.randint(-5, 5), 3),
                lambda: Fraction(10) ** rng.choice((300, -310, 400, -400, 0)) * rng.randint(-2, 2),
                ][number % 4]  # fmt: skip
        op = es.Dense([[pick() for _ in range(n)] for _ in range(m)], [pick() for _ in range(m)])
        forms = es.Network([op, es.ReLU()], (n,)).program.layers[0].members
        points = [[pick() for _ in range(n)] for _ in range(6)]
        values, errors = module._floats(nets._array(points).reshape(6, n))
        with np.errstate(all="ignore"):
            found, bounds = FloatForms(forms)(values, errors, exact=exact)
        for i, x in enumerate(points):
            for j in range(m):
                indices, data, const = forms.row(j)
                pairs = zip(indices.tolist(), data.tolist(), strict=True)
                truth = sum((Fraction(c) * x[k] for k, c in pairs), const)
                if math.isfinite(bounds[i, j]):
                    assert abs(Fraction(found[i, j]) - truth) <= Fraction(bounds[i, j])
                    zero += bounds[i, j] == 0
    assert (zero > 50) == exact


@pytest.mark.parametrize("exact", [False, True])
def test_codes_are_proved_or_not_claimed(exact):
    """Every claimed condition holds in rationals, at points that are often on boundaries."""
    rng = random.Random(31)
    proved = zeros = 0
    for _ in range(60):
        dim = rng.choice((1, 2, 3))
        style = rng.choice(("integer", "dyadic", "third", "float"))
        net = nets.network(nets.random_spec(rng, dim, [4, 3, 2], style, bias=rng.random() < 0.5))
        program = net.program
        if not program.layers:
            continue
        points = [[Fraction(rng.randint(-4, 4), 2) for _ in range(dim)] for _ in range(8)]
        values, errors = module._floats(nets._array(points).reshape(8, dim))
        signs = FloatProgram(program)(values, errors, exact=exact)
        named = set(
            zip(signs.zero_point.tolist(), signs.zero_layer.tolist(), signs.zero_form.tolist(),
                strict=True)
        )  # fmt: skip
        for i in np.flatnonzero(signs.proved).tolist():
            truth = values_at(program, [_q(v) for v in points[i]])
            at = 0
            for index, layer in enumerate(program.layers):
                units = layer.units
                for k in range(len(units)):
                    for form, sign, _ in units.conditions(k, int(signs.codes[i, at + k])):
                        value = truth[index][form] * sign
                        assert value >= 0
                        assert (value == 0) == ((i, index, form) in named)
                        zeros += value == 0
                at += len(units)
            proved += 1
    assert proved > (300 if exact else 60)
    assert (zeros > 50) == exact


@pytest.mark.parametrize("exact", [False, True])
def test_wide_sparse_layers(exact):
    """Few of many coefficients: the sparse way to the same signs."""
    n = 400
    rows = np.eye(n) - 2 * np.eye(n, k=1)
    program = es.Network([es.Dense(rows, np.full(n, -1.0)), es.ReLU(), es.Abs()], (n,)).program
    points = np.random.default_rng(2).integers(-3, 4, size=(5, n)).astype(float)
    points[0] += 0.25
    signs = FloatProgram(program)(points, np.zeros_like(points), exact=exact)
    members = points @ rows.T - 1
    assert np.array_equal(signs.codes[:, :n], members > 0)
    assert signs.proved.all() == exact  # in the second layer all that is off ties
    assert np.count_nonzero(signs.zero_layer == 0) == (np.sum(members == 0) if exact else 0)


def _q(value: Fraction):
    from exactspline.polyhedra.lp import q

    return q(value)
