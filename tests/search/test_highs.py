"""The engine for wide inputs: the same regions as the others, whatever HiGHS answers."""

from __future__ import annotations

import dataclasses
import time
from fractions import Fraction

import flint
import highspy
import numpy as np
import pytest
from marks import first_quick

import exactspline as es
from exactspline.cells.point import code_at
from exactspline.network import Operator
from exactspline.polyhedra import highs_lp
from exactspline.polyhedra.bounded import decide_in_box
from exactspline.polyhedra.decide import decide
from exactspline.polyhedra.highs_lp import Guess, WarmLP
from exactspline.polyhedra.lp import ONE, ZERO, q, value_at
from exactspline.search.highs import cell as highs_cell
from exactspline.search.highs.engine import HighsSearch
from exactspline.search.run import Run


class MaxOf(Operator):
    """Max (or min) of the entries listed for every unit."""

    def __init__(self, members, concave=False):
        self.members, self.concave = members, concave

    def output_shape(self, shape):
        return (len(self.members),)

    def forward(self, x):
        best = np.min if self.concave else np.max
        return np.stack([best(x[:, list(m)], axis=1) for m in self.members], axis=1)

    def lower(self, builder, x):
        return builder.max_units(x, self.members, (len(self.members),), concave=self.concave)


class Steps(Operator):
    """A continuous function with several breakpoints: 0, u + 1, 1, 2 - u."""

    def output_shape(self, shape):
        return shape

    def forward(self, x):
        return np.minimum(np.clip(x + 1, 0, 1), 2 - x)

    def lower(self, builder, x):
        n = int(np.prod(x.shape))
        breaks = [[Fraction(-1), Fraction(0), Fraction(1)]] * n
        pieces = [
            [(Fraction(0), Fraction(0)), (Fraction(1), Fraction(1)), (Fraction(0), Fraction(1)),
             (Fraction(-1), Fraction(2))]
        ] * n  # fmt: skip
        return builder.scalar_units(x, breaks, pieces)


def dense(rng, n_out, n_in, kind):
    """A dense layer: floats, small integers (ties), or rationals that no float holds."""
    if kind == "float":
        return es.Dense(rng.normal(size=(n_out, n_in)), rng.normal(size=n_out) * 0.5)
    weight, bias = rng.integers(-2, 3, (n_out, n_in)), rng.integers(-1, 2, n_out)
    if kind == "cone":
        bias = bias * 0
    if kind == "thirds":
        third = np.vectorize(lambda v: Fraction(int(v), 3), otypes=[object])
        return es.Dense(third(weight), third(bias))
    return es.Dense(weight, bias)


def random_net(rng, kind, max_dim=4):
    d = n = int(rng.integers(1, max_dim + 1))
    operators = []
    for _ in range(int(rng.integers(1, 4))):
        k = int(rng.integers(1, 6))
        operators.append(dense(rng, k, n, kind))
        n = k
        what = rng.integers(8)
        if what == 0 and k > 1:
            m = [tuple(rng.choice(k, size=min(k, 3), replace=False).tolist()) for _ in range(2)]
            operators.append(MaxOf(m, bool(rng.integers(2))))
            n = 2
        elif what == 1:
            operators.append(Steps())
        elif what == 2:
            operators.append(es.LeakyReLU("0.1"))
        elif what == 3:
            operators.append(es.Abs())
        else:
            operators.append(es.ReLU())
    return es.Network(operators, input_shape=(d,))


def random_domain(rng, d):
    what = rng.integers(6)
    if what == 0:
        return es.WholeSpace(d)
    if what == 1:
        low = rng.integers(-2, 1, d)
        return es.Box(low, low + rng.integers(0, 3, d) * (rng.random(d) < 0.8))  # flat sides too
    if what == 2:
        low = [["-1/3", -1, "-inf"][i] for i in rng.integers(0, 3, d)]
        return es.Box(low, [["1/7", 1, "inf"][i] for i in rng.integers(0, 3, d)])
    if what == 3:  # a simplex, its box implied by a general row
        G = np.vstack([-np.eye(d), np.ones(d)])
        return es.Polytope(G, np.append(np.ones(d), 1))
    if what == 4:  # random rows around the origin: may be unbounded
        return es.Polytope(rng.integers(-2, 3, (d + 2, d)), rng.integers(1, 4, d + 2))
    k = int(rng.integers(1, d + 1))
    directions = np.eye(d, dtype=int)[:k] + np.triu(rng.integers(-1, 2, (k, d)), 1)
    return es.Slice(rng.integers(-1, 2, d), directions, es.Box([-1] * k, [2] * k))


def check_equal(net, domain, other="kernel", limit=500):
    """Compare with another engine; of large partitions the first regions."""
    ours = es.enumerate_regions(net, domain, engine="highs", limit=limit)
    theirs = es.enumerate_regions(net, domain, engine=other, limit=limit)
    assert ours.complete == theirs.complete
    np.testing.assert_array_equal(ours.codes, theirs.codes)
    return ours


def check_witnesses(net, domain, found, every=1):
    for i in range(0, len(found), every):
        x = domain.chart.lift(found.witness(i))
        code, _ = code_at(net.program, x)
        np.testing.assert_array_equal(code, found.codes[i])


@pytest.mark.parametrize("kind", ["float", "integer", "cone", "thirds"])
@pytest.mark.parametrize("seed", first_quick(range(5)))
def test_same_regions_in_the_same_order_as_the_kernel(kind, seed):
    rng = np.random.default_rng([seed, *kind.encode()])
    for _ in range(10):
        net = random_net(rng, kind, 3 if kind == "thirds" else 4)
        check_equal(net, random_domain(rng, net.input_dim))


@pytest.mark.parametrize("kind", ["float", "integer", "cone", "thirds"])
def test_same_regions_as_the_rational_engine(kind):
    rng = np.random.default_rng([77, *kind.encode()])
    for _ in range(15):
        net = random_net(rng, kind, 2)
        check_equal(net, random_domain(rng, net.input_dim), "rational")


@pytest.mark.slow
def test_units_with_several_pieces():
    rng = np.random.default_rng(5)
    for trial in range(4):
        kind = ("float", "integer")[trial % 2]
        members = [(0, 1, 2), (2, 3, 4), (4, 0, 3, 3)]
        net = es.Network(
            [dense(rng, 5, 2, kind), MaxOf(members), dense(rng, 3, 3, kind), Steps(),
             MaxOf([(0, 1, 2)], concave=True)],
            input_shape=(2,),
        )  # fmt: skip
        for domain in (es.Box([-2, -2], [2, 2]), es.WholeSpace(2)):
            check_equal(net, domain)


def test_identical_pieces_and_dead_units_split_nothing():
    weight = [[1, 0], [2, 0], [-1, 0], [0, 0], ["0.1", 0]]
    twice = es.Dense([[1, 0, 0, 0, -10], [1, "-0.5", 0, 0, 0], [0, 0, 0, 1, 0]])
    net = es.Network([es.Dense(weight), es.ReLU(), twice, es.ReLU()], input_shape=(2,))
    for domain in (es.Box([-1, -1], [1, 1]), es.WholeSpace(2)):
        found = check_equal(net, domain)
        assert len(found) == 2


def test_parameters_and_domains_that_float64_does_not_hold():
    huge, small = Fraction(10) ** 400, Fraction(1, 10**400)
    for scale in (huge, small):
        weight = [[scale, scale / 3], [-scale, scale]]
        net = es.Network([es.Dense(weight, [0, scale / 7]), es.ReLU()], input_shape=(2,))
        check_equal(net, es.Box([-1, -1], [1, 1]))
        check_equal(net, es.WholeSpace(2), "rational")
    # two boundaries closer than floats can tell, and a domain thinner than floats are dense
    near = 1 + Fraction(1, 10**40)
    net = es.Network([es.Dense([[1], [near]], [-1, -1]), es.ReLU()], input_shape=(1,))
    found = check_equal(net, es.Box([0], [2]))
    assert len(found) == 3
    third = Fraction(1, 3)
    thin = es.Box([third, third], [third + Fraction(1, 10**30), third + Fraction(1, 10**25)])
    net = es.Network(
        [es.Dense([[1, -1], [1, 1]], [0, -2 * third - Fraction(1, 10**30)]), es.ReLU()],
        input_shape=(2,),
    )
    check_equal(net, thin, "rational")


def test_counting_limits_and_progress(monkeypatch):
    rng = np.random.default_rng(3)
    operators = [dense(rng, 6, 3, "float"), es.ReLU(), dense(rng, 5, 6, "float"), es.ReLU()]
    net = es.Network(operators, input_shape=(3,))
    box = es.Box([-1] * 3, [1] * 3)
    every = es.enumerate_regions(net, box, engine="highs")
    counted = es.count_regions(net, box, engine="highs")
    assert counted == len(every) > 10
    assert counted.complete
    some = es.enumerate_regions(net, box, engine="highs", limit=7)
    assert not some.complete
    np.testing.assert_array_equal(some.codes, every.codes[:7])
    assert es.count_regions(net, box, engine="highs", limit=len(every)).complete
    with monkeypatch.context() as patch:  # else all of it is done before the first look
        patch.setattr("exactspline.search.highs.engine.HEARTBEAT", 0.0)
        stopped = es.count_regions(net, box, engine="highs", time_limit=0.0)
    assert not stopped.complete
    assert stopped < len(every)
    run = Run(net.program, box, keep=False, engine="highs")
    shares = [run.share for _ in run.batches()]
    assert shares == sorted(shares)
    assert run.share == pytest.approx(1.0, abs=1e-12)
    assert run.decisions.total >= len(every)


# ------------------------------------------------------------------------- wide inputs
def wide_net(rng, hidden=(8, 8)):
    operators, n = [], 784
    for k in hidden:
        weight = rng.normal(size=(k, n)) * 1.4 / np.sqrt(n)
        operators += [es.Dense(weight, rng.normal(size=k) * 0.1), es.ReLU()]
        n = k
    return es.Network(operators, input_shape=(784,))


def image_box(rng, eps):
    """All images near one that looks like MNIST's: mostly black, pixels in 256ths."""
    x = np.where(rng.random(784) < 0.8, 0, rng.integers(0, 256, 784)) / 256
    return es.Box(np.maximum(x - eps, 0), np.minimum(x + eps, 1))


@pytest.mark.slow
@pytest.mark.parametrize(("seed", "eps"), [(0, 0.01), (5, 0.01)])
def test_wide_box_every_witness_has_its_region_s_code(seed, eps):
    rng = np.random.default_rng(seed)
    net, box = wide_net(rng), image_box(rng, eps)
    found = es.enumerate_regions(net, box)  # the engine that is chosen for so many inputs
    assert found.complete
    assert found.engine == "highs"
    assert 10 <= len(found) <= 500
    check_witnesses(net, box, found)
    codes = {tuple(code) for code in found.codes.tolist()}
    assert len(codes) == len(found)
    assert found.codes.tolist() == sorted(found.codes.tolist())
    low, high = np.array([float(v) for v in box.low]), np.array([float(v) for v in box.high])
    for t in rng.random((20, 784)):  # nothing is missing where points fall
        point = low + np.round(t) * (high - low) * (0.5 + 0.5 * t)
        code, boundary = code_at(net.program, [Fraction(v) for v in point.tolist()])
        assert boundary or tuple(code.tolist()) in codes


def test_wide_box_where_few_pixels_vary():
    rng = np.random.default_rng(2)
    net = wide_net(rng)
    x = rng.random(784)
    for chosen in (rng.choice(784, 3, replace=False), rng.choice(784, 5, replace=False)):
        low, high = x.copy(), x.copy()
        low[chosen], high[chosen] = -2.0, 3.0
        check_equal(net, es.Box(low, high))


@pytest.mark.parametrize("kind", first_quick(["float", "integer", "cone"]))
def test_wide_box_with_the_regions_of_a_narrow_one(kind):
    """Sums over disjoint groups of pixels: the image of the wide box is a box again."""
    rng = np.random.default_rng([8, *kind.encode()])
    group = rng.integers(0, 4, 784)
    sign = rng.choice([-0.5, 1.0, 2.0], 784)
    first, second = dense(rng, 5, 4, kind), dense(rng, 4, 5, kind)
    wide = es.Network(
        # integer weights and dyadic signs: every product and sum here is exact
        [es.Dense(np.eye(4)[group].T * sign), first, es.ReLU(), second, es.ReLU()],
        input_shape=(784,),
    )
    low, high = rng.integers(-3, 1, 784) / 256, rng.integers(1, 4, 784) / 256
    ends = np.minimum(sign * low, sign * high), np.maximum(sign * low, sign * high)
    narrow = es.Network([first, es.ReLU(), second, es.ReLU()], input_shape=(4,))
    sums = [np.bincount(group, weights=end, minlength=4) for end in ends]
    ours = es.enumerate_regions(wide, es.Box(low, high), engine="highs")
    theirs = es.enumerate_regions(narrow, es.Box(*sums), engine="kernel")
    assert len(ours) > 10
    np.testing.assert_array_equal(ours.codes, theirs.codes)
    check_witnesses(wide, es.Box(low, high), ours, every=10)


@pytest.mark.slow
def test_deadline_and_heartbeats_on_a_wide_box():
    rng = np.random.default_rng(6)
    net, box = wide_net(rng, (24, 24)), image_box(rng, 0.2)
    es.count_regions(net, box, engine="highs", limit=1)  # compiles what is to be compiled
    run = Run(net.program, box, keep=False, engine="highs")
    start = last = time.monotonic()
    gaps = []
    for _ in run.batches(deadline=start + 1.5):
        gaps.append(time.monotonic() - last)
        last = time.monotonic()
    assert not run.complete
    assert last - start < 4.0
    assert len(gaps) >= 5
    assert 0.0 < run.share < 1.0


# ------------------------------------------------------------------------- wrong answers
def spoil(rng, n, guess, lp):
    """What a solver could answer in its worst hour."""
    if n == 0:
        return None
    if guess is None or n == 1:
        d = len(lp.width)
        point = lp.centre + lp.width * rng.normal(size=d)
        return Guess(float(rng.normal()), point, rng.exponential(size=lp.rows))
    if n == 2:
        return guess._replace(value=-guess.value)
    if n == 3:
        return guess._replace(multipliers=guess.multipliers * (1 + 0.1 * rng.random(lp.rows)))
    if n == 4:
        factor = 1 + 1e-9 * rng.normal(size=lp.rows)
        return guess._replace(multipliers=guess.multipliers * factor, value=1.0)
    if n == 5:
        return guess._replace(point=lp.centre + 1e3 * lp.width * rng.normal(size=len(lp.width)))
    if n == 6:
        nothing = float("nan")
        return Guess(nothing, guess.point * nothing, guess.multipliers * nothing)
    if n == 7:
        return guess._replace(multipliers=np.full(lp.rows, np.inf), value=np.inf)
    if n == 8:
        return guess._replace(multipliers=np.zeros(lp.rows + 1))
    if n == 9:
        return guess._replace(multipliers=-guess.multipliers, value=1.0)
    return guess


def corrupt(monkeypatch, rng, rate):
    minimise, basis = WarmLP.minimise, WarmLP.basis

    def bad_minimise(self, form):
        guess = minimise(self, form)
        if rng.random() < rate:
            guess = spoil(rng, int(rng.integers(10)), guess, self)
        return guess

    def bad_basis(self):
        tight, between = basis(self)
        if rng.random() < rate:
            k = int(rng.integers(0, min(self.rows, len(self.width)) + 1))
            tight = rng.permutation(self.rows)[:k].tolist()
            between = rng.permutation(len(self.width))[:k].tolist()
        return tight, between

    monkeypatch.setattr(WarmLP, "minimise", bad_minimise)
    monkeypatch.setattr(WarmLP, "basis", bad_basis)


@pytest.mark.parametrize("rate", [0.3, 1.0])
@pytest.mark.parametrize("seed", first_quick(range(4)))
def test_wrong_answers_of_the_solver_change_nothing(monkeypatch, rate, seed):
    rng = np.random.default_rng([31, seed])
    nets = [random_net(rng, kind, 3) for kind in ("float", "integer", "cone") for _ in range(4)]
    cases = [(net, random_domain(rng, net.input_dim)) for net in nets]
    expected = [es.enumerate_regions(*case, engine="kernel").codes for case in cases]
    corrupt(monkeypatch, rng, rate)
    for case, codes in zip(cases, expected, strict=True):
        found = es.enumerate_regions(*case, engine="highs")
        np.testing.assert_array_equal(found.codes, codes)


@pytest.mark.slow
def test_wrong_answers_change_nothing_on_a_wide_box(monkeypatch):
    rng = np.random.default_rng(5)
    net, box = wide_net(rng, (6, 4)), image_box(rng, 0.02)
    expected = es.enumerate_regions(net, box, engine="highs")
    assert len(expected) > 10
    corrupt(monkeypatch, rng, 0.15)
    found = es.enumerate_regions(net, box, engine="highs")
    np.testing.assert_array_equal(found.codes, expected.codes)
    assert found.decisions.rational > 0


def test_an_unusable_solver_changes_nothing(monkeypatch):
    """Options that HiGHS refuses, solves that it gives up: the rational tier does it all."""
    rng = np.random.default_rng(9)
    net = random_net(rng, "float", 3)
    box = es.Box([-1] * net.input_dim, [1] * net.input_dim)
    expected = es.enumerate_regions(net, box, engine="kernel")
    for options in ({"simplex_iteration_limit": 0}, {"threads": -5}, {"time_limit": 0.0}):
        monkeypatch.setattr(highs_lp, "OPTIONS", highs_lp.OPTIONS | options)
        found = es.enumerate_regions(net, box, engine="highs")
        np.testing.assert_array_equal(found.codes, expected.codes)

    def fails(self, form):
        raise RuntimeError("out of memory")

    monkeypatch.setattr(WarmLP, "minimise", fails)
    found = es.enumerate_regions(net, box, engine="highs")
    np.testing.assert_array_equal(found.codes, expected.codes)


def test_another_model_with_other_options_is_no_trouble():
    other = highspy.Highs()
    other.setOptionValue("output_flag", False)
    other.addVars(1, np.zeros(1), np.ones(1))
    other.run()  # with HiGHS' own number of threads
    rng = np.random.default_rng(10)
    net = es.Network([dense(rng, 6, 3, "float"), es.ReLU()], input_shape=(3,))
    found = check_equal(net, es.Box([-1] * 3, [1] * 3))
    assert found.decisions.rational == 0


# ------------------------------------------------------------------------- exact simplex
def test_the_bounded_simplex_agrees_with_the_plain_one():
    rng = np.random.default_rng(12)
    seen = set()
    for _ in range(300):
        d, m = int(rng.integers(1, 5)), int(rng.integers(0, 5))
        inside = [q(Fraction(int(v), 3)) for v in rng.integers(-2, 3, d)]
        rows = []
        for _ in range(m):
            row = [ZERO, *(flint.fmpq(int(v)) for v in rng.integers(-2, 3, d))]
            row[0] = ONE * int(rng.integers(1, 3)) - value_at(row, inside)
            rows.append(row)
        low = [None if rng.random() < 0.3 else x - int(rng.integers(1, 3)) for x in inside]
        high = [None if rng.random() < 0.3 else x + int(rng.integers(1, 3)) for x in inside]
        form = [ZERO, *(flint.fmpq(int(v)) for v in rng.integers(-2, 3, d))]
        form[0] = int(rng.integers(-6, 7)) - value_at(form, inside)
        if rng.random() < 0.05:
            form = [ZERO] * (d + 1)
        bounds = []
        for j in range(d):
            unit = [ZERO] * (d + 1)
            unit[j + 1] = ONE
            if low[j] is not None:
                bounds.append([-low[j], *unit[1:]])
            if high[j] is not None:
                bounds.append([high[j], *(-v for v in unit[1:])])
        near = [x + int(rng.integers(-1, 2)) for x in inside] if rng.random() < 0.5 else None
        ours = decide_in_box(rows, low, high, form, inside, near)
        assert ours.kind == decide([*rows, *bounds], form, inside).kind
        seen.add(ours.kind)
        if ours.kind == "cut":
            assert value_at(form, ours.plus) > 0 > value_at(form, ours.minus)
            for point in (ours.plus, ours.minus):
                assert all(value_at(row, point) > 0 for row in [*rows, *bounds])
    assert seen == {"positive", "negative", "zero", "cut"}


def test_float_certificates_are_never_too_good():
    """Bounds and points proved in float64 against exact arithmetic, on forms with errors."""
    rng = np.random.default_rng(13)
    checked = 0
    for kind in ("float", "thirds"):
        for _ in range(6):
            net = random_net(rng, kind, 3)
            d = net.input_dim
            run = Run(net.program, es.Box([-1] * d, ["1/3"] * d), engine="highs")
            search = HighsSearch(net.program, run.space)
            cell = search.cell
            search._start()
            node = search._node
            while node is not None and checked < 400:
                if node.piece < 0 and node.position == node.open_end:
                    if node.layer + 1 == len(net.program.layers):
                        search._count(node)
                        node = search._resumed()
                        continue
                    search._enter(node)
                    continue
                units = net.program.layers[node.layer].units
                conditions = [
                    units.conditions(k, r) for k, n in enumerate(units.pieces) for r in range(n)
                ]
                for index in sorted({c.form for each in conditions for c in each}):
                    checked += check_certificates(rng, cell, cell.read(node.layer, index))
                search._decide(node)
                node = search._node or search._resumed()
    assert checked > 50


def check_certificates(rng, cell: highs_cell.HighsCell, form) -> int:
    exact, rows = cell._exact(form), cell._exact_rows()
    z = rng.exponential(size=cell.n) * (rng.random(cell.n) < 0.7)
    least = cell._least(form, 1, z - (z == 0))  # multipliers below 0 do not count
    rest = list(exact)
    for zk, row in zip(z.tolist(), rows, strict=True):
        rest = [a - q(zk) * b for a, b in zip(rest, row, strict=True)]
    low, high = cell.bounds
    box = list(zip(low, high, strict=True))
    bound = rest[0]
    for slope, (a, b) in zip(rest[1:], box, strict=True):
        bound += min(slope * a, slope * b)
    assert q(least) <= bound
    assert float(bound.p) / float(bound.q) - least < 1e-9
    errors = cell.state.path.error.copy()
    cell.state.path.error[:] += 0.125  # the error bounds of all rows count in full
    assert cell._least(form, 1, z) <= least - 0.125 * z.sum() * (1 - 1e-9)
    middle = np.array([float(Fraction(int((a + b).p), int((a + b).q)) / 2) for a, b in box])
    for i in range(cell.n):
        cell.state.path.error[i] += 1e3
        cell._set_margin(i)
    assert cell.n == 0 or not cell.is_inside(middle)
    cell.state.path.error[:] = errors
    for i in range(cell.n):
        cell._set_margin(i)
    vague = dataclasses.replace(form, error=form.error + 0.25)
    assert cell._least(vague, 1, z) <= least - 0.25 * (1 - 1e-9)
    x = np.array([float(Fraction(int(v.p), int(v.q))) for v in low])
    x = x + rng.random(len(x)) * 4 / 3
    at = [q(v) for v in x.tolist()]
    assert cell.sign_at(dataclasses.replace(form, error=form.error + 1e3), x) == 0
    sign = cell.sign_at(form, x)
    assert sign == 0 or sign * value_at(exact, at) > 0
    if cell.is_inside(x):
        assert all(value_at(row, at) > 0 for row in rows)
        assert all(a < v < b for a, v, b in zip(low, at, high, strict=True))
    return 1
