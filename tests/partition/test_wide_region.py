"""Regions with very many inequalities: what is settled by rays and programs, against exact ones."""

from __future__ import annotations

import random
from fractions import Fraction

import numpy as np
import pytest
from marks import first_quick

import exactspline as es
from exactspline.cells.facets import beyond, conditions
from exactspline.partition.regions import (
    descent,
    fan,
    of_code,
    proofs,
    settle,
    settled,
    small_forms,
    wide_lp,
)
from exactspline.partition.regions import region as module
from exactspline.polyhedra.lp import q


@pytest.fixture(autouse=True)
def wide(monkeypatch):
    """Every region is taken for a wide one."""
    monkeypatch.setattr(of_code, "_MUCH_WORK", -1)


def dense(rng, n, m, twins=True):
    weights = [[rng.randint(-3, 3) for _ in range(m)] for _ in range(n)]
    offsets = [rng.randint(-4, 4) for _ in range(n)]
    if twins and n > 2:  # one unit twice, one scaled, one shifted, one turned round
        weights[1], offsets[1] = weights[0], offsets[0]
        weights[2] = [2 * w for w in weights[0]]
        offsets[2] = 2 * offsets[0] + rng.choice((0, 0, 3))
        if n > 4:
            weights[3], offsets[3] = [-w for w in weights[0]], -offsets[0]
            weights[4], offsets[4] = [0] * m, rng.choice((-1, 0, 1))
    return es.Dense(weights, offsets)


def network(rng, dim):
    """Coincident, parallel and dead units; maxima over them; later layers that meet them."""
    kind, n = rng.randrange(5), rng.randint(3, 8)
    first = dense(rng, n, dim)
    if kind == 0:
        layers = [first, es.ReLU()]
    elif kind == 1:
        layers = [first, es.ReLU(), dense(rng, 4, n), es.ReLU()]
    elif kind == 2:  # maxima over units of which some are off
        layers = [dense(rng, 8, dim), es.ReLU(), es.Maxout(4), dense(rng, 3, 2, twins=False)]
        layers.append(es.ReLU())
    elif kind == 3:
        layers = [first, es.LeakyReLU("1/3"), dense(rng, 3, n), es.Clip(-1, 1)]
    else:
        layers = [first, es.Abs(), dense(rng, 3, n, twins=False), es.ReLU(), dense(rng, 2, 3)]
        layers.append(es.ReLU())
    return es.Network(layers, (dim,))


def domain(rng, dim):
    kind = rng.randrange(4)
    if kind == 0:
        return es.Box([-3] * dim, [2] * dim)
    if kind == 1:
        rows = [[rng.randint(-2, 2) for _ in range(dim)] for _ in range(dim + 2)]
        return es.Polytope(rows, [rng.randint(3, 9) for _ in rows])
    if kind == 2 and dim > 2:
        origin = [rng.randint(-1, 1) for _ in range(dim)]
        directions = [[int(i == k) + int(i == k + 1) for i in range(dim)] for k in range(dim - 1)]
        return es.Slice(origin, directions)
    return es.WholeSpace(dim)


def drawn(seed, count):
    """Regions of random networks and domains."""
    rng = random.Random(seed)
    out = []
    while len(out) < count:
        dim = rng.randint(1, 5)
        net, where = network(rng, dim), domain(rng, dim)
        inside = where.chart.interior
        t = [v + Fraction(rng.randint(-30, 30), 97) for v in inside]
        try:
            out += es.regions_at(net, where.chart.lift(t), where)[:1]
        except es.DomainError:
            continue
    return out


def shown(facets):
    return [(str(f.inequality), f.inequality.unit, f.inequality.side, f.flips) for f in facets]


@pytest.mark.parametrize("seed", first_quick(range(4)))
def test_what_is_settled_is_what_exact_programs_find(seed):
    seen = dict.fromkeys(("twins", "implied", "several", "sides", "facets"), 0)
    for region in drawn(seed, 40):
        found = region.settle_facets()
        twin = module.Region(region.network, region.domain, region.code, region.witness)
        exact = twin.facets()
        assert found.complete
        assert shown(found.facets) == shown(exact)
        assert found.total == len(twin._conditions)
        for facet, other in zip(found.facets, exact, strict=True):
            assert facet.inequality == other.inequality
            assert facet.inequality.value(facet.point) == 0
            for another in exact:
                value = another.inequality.value(facet.point)
                assert value > 0 or another.inequality == facet.inequality
        counts = [region._settling.count(state) for state in (proofs.EQUAL, proofs.IMPLIED)]
        seen["twins"] += counts[0]
        seen["implied"] += counts[1]
        seen["several"] += any(len(f.flips) > 1 for f in found.facets)
        seen["sides"] += any(f.on_border for f in found.facets)
        seen["facets"] += len(found.facets)
    assert all(seen.values()), seen


@pytest.mark.parametrize("seed", first_quick(range(2)))
def test_nothing_is_claimed_too_early(seed):
    """Stopped after every step: what is proved by then is right, and a later call goes on."""
    partial = 0
    for region in drawn(100 + seed, 15):
        exact = {f.inequality for f in module.Region(
            region.network, region.domain, region.code, region.witness
        ).facets()}  # fmt: skip
        settling = region._settling
        while not settling.done:
            asked = iter([False])
            settling.run(lambda asked=asked: next(asked, True))
            found = settled.WideFacets(settling, region._inequality)
            redundant, left = settled.counts(settling)
            assert {f.inequality for f in found} <= exact
            assert redundant + left + len(found) + settling.count(proofs.CONSTANT) == len(
                settling.rows
            )
            assert redundant <= len(region._conditions) - len(exact)
            partial += left > 0
    assert partial


def test_rows_are_enclosed_and_exact_ones_are_exact():
    for region in drawn(7, 60):
        rows = region._wide_rows
        exact = rows.exact(range(len(rows)))
        value, error = rows.value.toarray(), rows.error.toarray()
        for i, row in enumerate(exact):
            for j, c in enumerate([*row[1:], row[0]]):
                off = abs(q(float(value[i, j])) - c)
                assert off <= q(float(error[i, j]))
                assert error[i, j] > 0 or off == 0
        wanted = {(c.side, c.layer, c.form, c.sign, c.unit): c.row
                  for c in conditions(region._forms, region.code)}  # fmt: skip
        got = {tuple(p): row for p, row in zip(rows.places, exact, strict=True) if any(row[1:])}
        assert got == wanted


@pytest.mark.slow
def test_codes_behind_facets_by_slopes(monkeypatch):
    """Where slopes decide, and they mostly do, they say what exact derivatives say."""
    fallen = []
    monkeypatch.setattr(settled, "beyond", lambda *a: fallen.append(a) or beyond(*a))
    decided = several = 0
    for region in drawn(11, 80):
        found = region.settle_facets().facets
        for k, facet in zip(found._rows, found, strict=True):
            if facet.on_border:
                continue
            way = region._settling.way(k)[1]
            assert facet.flips == beyond(
                region._forms, region.code, [q(v) for v in facet.point], way
            )
            decided += 1
            several += len(facet.flips) > 1
    assert several
    assert decided > 3 * len(fallen)


@pytest.mark.slow
def test_wrong_guesses_settle_nothing_wrongly(monkeypatch):
    """HiGHS and the centre are guesses: with nonsense in their place the facets stay right."""
    rng = np.random.default_rng(5)

    def ask(self, solver, i):
        d = self.rays.normals.shape[1]
        basis = rng.permutation(len(self.rays))[: rng.integers(1, d + 2)].tolist()
        return rng.normal(size=d), [k for k in basis if k != i]

    monkeypatch.setattr(wide_lp.LastResort, "_ask", ask)
    monkeypatch.setattr(settle, "_away", lambda rays: rng.normal(size=rays.normals.shape[1]))
    monkeypatch.setattr(settle, "_ROUNDS", 1)

    def astray(self, rows, at):
        return 9 * rng.normal(size=at.shape)

    monkeypatch.setattr(descent.Descent, "_gradient", astray)
    undecided = 0
    for region in drawn(13, 60):
        exact = {f.inequality for f in module.Region(
            region.network, region.domain, region.code, region.witness
        ).facets()}  # fmt: skip
        found = region.settle_facets()
        assert {f.inequality for f in found.facets} <= exact
        assert found.redundant <= found.total - len(exact)
        assert len(found.facets) + found.undecided >= len(exact)
        undecided += found.undecided
    assert undecided


def test_numbers_beyond_float64_prove_nothing_and_nothing_wrong():
    net = es.Network([es.Dense([["1e-200", 1], [1, "1e200"], [1, 1]], [0, 0, 1]), es.ReLU()], (2,))
    (region,) = es.regions_at(net, [1, 1])
    found = region.settle_facets()
    assert (len(found.facets), found.undecided) == (0, found.total)
    assert found.total == 3


def test_points_inside_where_regions_meet(monkeypatch):
    """The witness beside a boundary is strictly inside; mostly without all exact rows."""
    fallen = []
    true = fan.step_towards
    monkeypatch.setattr(fan, "step_towards", lambda *a: fallen.append(a) or true(*a))
    rng, met = random.Random(17), 0
    for _ in range(40):
        dim = rng.randint(1, 4)
        net, box = network(rng, dim), es.Box([-2] * dim, [2] * dim)
        for region in es.regions_at(net, [rng.randint(-1, 2) for _ in range(dim)], box):
            assert region._holds(list(region.witness)) == (True, True)
            met += region._witness is None
    assert met > 30
    assert len(fallen) < met / 3


@pytest.mark.parametrize("power", [60, 85, 89, -60, -89])
@pytest.mark.parametrize("at", [1, 10.0**200])
def test_sizes_near_the_ends_of_the_range_prove_nothing_wrong(power, at):
    """Products of layers that overflow or vanish in floats, and points that are far out."""
    rng, size = random.Random(power), Fraction(10) ** power
    layers = []
    for n in (2, 4, 4, 4, 4):
        rows = [[rng.randint(1, 9) * size for _ in range(n)] for _ in range(4)]
        layers += [es.Dense(rows, [rng.randint(-3, 3) for _ in rows]), es.ReLU()]
    net = es.Network(layers, (2,))
    (region,) = es.regions_at(net, [Fraction(at) * 3, Fraction(at) * 2])
    twin = module.Region(net, region.domain, region.code, region.witness)
    exact = {f.inequality for f in twin.facets()}
    found = region.settle_facets()
    assert {f.inequality for f in found.facets} <= exact
    assert found.redundant <= len(twin._conditions) - len(exact)


def test_what_needs_all_facets_says_what_to_ask_instead(monkeypatch):
    monkeypatch.setattr(module, "_MOST_WORK", 10)
    net = es.Network([es.Dense([[1, 0], [0, 1]]), es.ReLU()], (2,))
    region = es.regions_at(net, [1, 1])[0]
    for ask in (region.facets, region.neighbors, region.inequalities):
        with pytest.raises(es.LimitError, match="settle_facets"):
            ask()
    assert len(region.settle_facets().facets) == 2


def test_sums_of_two_need_each_other_never():
    small = small_forms.Small
    one, atoms = Fraction(1), [(0, k) for k in range(3)]

    def form(*terms, constant=0):
        return small({atoms[k]: Fraction(c) for k, c in terms}, Fraction(constant))

    rows = {0: form((0, 1)), 1: form((0, 1), (1, -1)), 2: form((1, 1)), 3: form((2, 1)),
            4: form((0, 1), (2, 2), constant=1), 5: form((0, 1), (2, -1))}  # fmt: skip
    assert small_forms.sums_of_two(rows) == [0, 4]  # 0 = 1 + 2; 4 = 5 + 3 * 3 + 1
    assert small_forms.sums_of_two({k: rows[k] for k in (0, 1, 3)}) == []
    found = small_forms.parallel({0: form((0, 2)), 1: form((0, 1)), 2: form((0, 1), constant=one),
                                  3: form((0, 3), constant=3), 4: form()})  # fmt: skip
    assert (found.constant, found.equal, found.looser) == ([4], {1: 0, 3: 2}, [2])


def test_combinations_are_exact():
    def row(*values):
        return [q(Fraction(v)) for v in values]

    third = Fraction(1, 3)
    rows = [row(0, 1, 0, third), row(0, 0, 1, 1), row(0, 1, 1, 1 + third)]
    assert wide_lp.combines(row(1, 2, 3, 2 * third + 3), rows)
    assert wide_lp.combines(row(0, 2, 3, 2 * third + 3), rows)
    assert not wide_lp.combines(row(Fraction(-1, 10**30), 2, 3, 2 * third + 3), rows)
    assert not wide_lp.combines(row(1, 2, 3, 2 * third + 3 + Fraction(1, 10**30)), rows)
    assert not wide_lp.combines(row(1, 2, -3, 2 * third - 3), rows)
    assert not wide_lp.combines(row(1, 1, 1, 0), rows)


def test_parallel_rows_are_suspected():
    """Only rows with a direction of their own are cleared; twins of any size never are."""
    from scipy.sparse import csr_array

    from exactspline.partition.regions.rays import Rays

    rng = np.random.default_rng(3)
    normals = rng.normal(size=(60, 20))
    normals[7], normals[30], normals[31] = 3 * normals[5], -normals[5], normals[29] * 1e-3
    value = csr_array(np.column_stack([normals, np.ones(60)]))
    suspects = settle._maybe_parallel(Rays(value, abs(value) * 0.0, np.zeros(20))).tolist()
    assert set(suspects) == {5, 7, 29, 31}  # not what is opposite


def test_a_ray_that_ties_proves_nothing():
    from scipy.sparse import csr_array

    from exactspline.partition.regions.rays import Rays

    value = csr_array(np.array([[1.0, 0, 1], [0, 1.0, 1], [1.0, 1.0, 4]]))
    rays = Rays(value, abs(value) * 0.0, np.zeros(2))
    ways = np.array([[-1.0, 0], [0, -1], [-1, -1], [1, 1], [-1, -1 + 1e-9]]).T
    hits = rays.shoot(ways)
    assert hits.first.tolist() == [0, 1, -1, -1, 0]
    assert hits.endless.tolist() == [False, False, False, True, False]
