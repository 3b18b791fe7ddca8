"""Splines in place of smooth operators: every bound is checked against independent values."""

import itertools
import json
import math
from fractions import Fraction

import flint
import numpy as np
import pytest
from marks import first_quick

import exactspline as es
from exactspline.approximation.functions import curve_of
from exactspline.approximation.intervals import Bounds, input_bounds, through
from exactspline.approximation.network import approximate
from exactspline.approximation.proof import image, lipschitz, sup_error
from exactspline.approximation.splines import fit
from exactspline.compile import compile_operator

F = Fraction
PRECISION = 220
REFERENCE = F(1, 2**120)  # how far the reference values themselves may be off

OPERATORS = {
    "sigmoid": es.Sigmoid(),
    "tanh": es.Tanh(),
    "softplus": es.Softplus(),
    "softplus 7/2": es.Softplus(F(7, 2)),
    "silu": es.SiLU(),
    "gelu": es.GELU(),
    "gelu tanh": es.GELU("tanh"),
    "hard swish": es.HardSwish(),
    "elu": es.ELU(),
    "elu 0.3": es.ELU("0.3"),
    "elu 3": es.ELU(3),
    "elu -2": es.ELU(-2),
}
CONVEX = ["softplus", "softplus 7/2", "elu", "elu 0.3"]


def _ball(x):
    return flint.arb(flint.fmpq(x.numerator, x.denominator))


def _fraction(value):
    mantissa, exponent = value.mid().man_exp()
    m, e = int(mantissa), int(exponent)
    return F(m) * F(2) ** e


def truth(operator, x):
    """The function by its defining formula, at a precision far beyond what is compared."""
    with flint.ctx.workprec(PRECISION):
        u = _ball(x)
        if isinstance(operator, es.Sigmoid):
            out = 1 / (1 + (-u).exp())
        elif isinstance(operator, es.Tanh):
            out = ((2 * u).exp() - 1) / ((2 * u).exp() + 1)
        elif isinstance(operator, es.Softplus):
            beta = _ball(operator.beta)
            out = (1 + (beta * u).exp()).log() / beta
        elif isinstance(operator, es.SiLU):
            out = u / (1 + (-u).exp())
        elif isinstance(operator, es.HardSwish):
            out = u if x > 3 else u * (u + 3) / 6 if x > -3 else u * 0
        elif isinstance(operator, es.ELU):
            out = u if x > 0 else _ball(operator.alpha) * (u.exp() - 1)
        elif operator.approximate == "none":
            out = u * (1 + (u / flint.arb(2).sqrt()).erf()) / 2
        else:
            inner = (2 / flint.arb.pi()).sqrt() * (u + _ball(F("0.044715")) * u**3)
            out = u * (1 + inner.tanh()) / 2
        assert float(out.rad()) < 1e-40 * (1 + abs(float(out.mid())))
        return _fraction(out)


def at(spline, x):
    piece = sum(b < x for b in spline.breaks)
    return spline.slopes[piece] * x + spline.offsets[piece]


def errors(operator, spline, low, high, samples=40):
    """Absolute errors at the ends of all pieces, right beside them, and densely between."""
    ends = [low, *(b for b in spline.breaks if low < b < high), high]
    points = set(ends)
    for a, b in itertools.pairwise(ends):
        points.update(a + (b - a) * F(k, samples) for k in range(samples))
        tiny = (b - a) / 2**30
        points.update((a + tiny, b - tiny))
        # the extreme inside a piece, by halving where the error rises
        best = max(
            (a + (b - a) * F(k, 8) for k in range(9)), key=lambda x: _off(operator, spline, x)
        )
        step = (b - a) / 16
        for _ in range(5):
            near = [x for x in (best - step, best, best + step) if a <= x <= b]
            best = max(near, key=lambda x: _off(operator, spline, x))
            step /= 2
        points.add(best)
    return [_off(operator, spline, x) for x in points]


def _off(operator, spline, x):
    return max(F(0), abs(truth(operator, x) - at(spline, x)) - REFERENCE)


def optimum(operator, low, high, error):
    """The asymptotic number of pieces: the integral of sqrt|f''| / (4 sqrt(error))."""
    n = 4000
    x = np.linspace(low, high, n + 1)
    y = operator.forward(x.reshape(1, -1))[0]
    h = x[1] - x[0]
    second = np.abs(np.diff(y, 2)) / h**2
    kinks = {es.ELU: [0.0], es.HardSwish: [-3.0, 3.0]}.get(type(operator), [])
    for kink in kinks:
        second[np.abs(x[1:-1] - kink) <= 2 * h] = 0  # it is a breakpoint anyhow
    return float(np.sqrt(second).sum() * h) / (4 * math.sqrt(error))


@pytest.mark.parametrize("name", OPERATORS)
@pytest.mark.parametrize("error", first_quick([F(1, 4), F(1, 100), F(1, 5000)]))
def test_bound_holds_and_is_tight(name, error):
    operator = OPERATORS[name]
    few = 2 if error < F(1, 1000) else 16
    for low, high in (
        (F(-5), F(5)),
        (F(-1, 3), F(2, 7)),
        (F(-9), F(-1)),
        (None, None),
        (F(1), None),
    ):
        spline = fit(operator, low, high, error)
        a, b = F(-40) if low is None else low, F(40) if high is None else high
        worst = max(errors(operator, spline, a, b, few))
        assert worst <= spline.bound <= error
        if spline.bound:
            assert spline.bound <= F(13, 10) * worst


@pytest.mark.parametrize("name", first_quick(list(OPERATORS), 3))
def test_number_of_pieces_is_near_the_optimum(name):
    operator = OPERATORS[name]
    for error in (F(1, 1000), F(1, 30000)):
        found = len(fit(operator, F(-6), F(6), error).slopes)
        least = optimum(operator, -6.0, 6.0, float(error))
        inflections = 2 if name.startswith(("silu", "gelu", "hard")) else 1
        assert least * 0.97 - 1 <= found <= least * 1.02 + 2 + inflections


def test_smallest_splines():
    """Where few pieces do, no more are used."""
    assert len(fit(es.Softplus(), None, None, F(36, 100)).slopes) == 2  # log(2) / 2 = 0.347
    assert len(fit(es.Sigmoid(), None, None, F(1, 2)).slopes) == 3
    assert len(fit(es.Sigmoid(), None, None, F(51, 100)).slopes) == 1
    assert len(fit(es.GELU(), None, None, F(9, 100)).slopes) == 2  # the least of GELU is -0.17
    assert len(fit(es.Tanh(), None, None, F(1, 10)).slopes) == 3
    assert len(fit(es.Tanh(), F(-1, 8), F(1, 8), F(1, 1000)).slopes) == 1


@pytest.mark.parametrize("name", CONVEX)
@pytest.mark.parametrize("error", first_quick([F(1, 2), F(1, 7), F(1, 900), F(1, 10**5)]))
def test_convex_operators_become_masos(name, error):
    for low, high in ((None, None), (F(-3), F(4)), (F(-1, 100), F(1, 90)), (F(-8), None)):
        spline = fit(OPERATORS[name], low, high, error)
        assert spline.convex
        operator = es.ScalarSpline(list(spline.breaks), list(spline.slopes), list(spline.offsets))
        maso = operator.as_maso((1,))
        for x in (F(-7, 3), F(0), F(5, 8)):
            point = np.array([[x]], dtype=object)
            assert maso.forward(point)[0, 0] == operator.forward(point)[0, 0] == at(spline, x)


@pytest.mark.parametrize("name", OPERATORS)
def test_coefficients_are_float64(name):
    spline = fit(OPERATORS[name], None, None, F(1, 1000))
    for value in (*spline.breaks, *spline.slopes, *spline.offsets):
        assert F(float(value)) == value


@pytest.mark.parametrize("name", OPERATORS)
def test_one_point(name):
    operator = OPERATORS[name]
    for x in (F(0), F(-3, 7), F(5), F(-(10**30))):
        spline = fit(operator, x, x, F(1, 10**6))
        assert len(spline.slopes) == 1
        value = truth(operator, max(x, F(-100)))  # all are flat to the left
        assert abs(at(spline, x) - value) <= F(1, 10**6)
        assert spline.bound <= F(1, 10**6)


@pytest.mark.parametrize("name", OPERATORS)
def test_huge_ranges(name):
    operator = OPERATORS[name]
    big = F(10) ** 30
    spline = fit(operator, -big, big, F(1, 50))
    everywhere = fit(operator, None, None, F(1, 50))
    assert len(spline.slopes) <= len(everywhere.slopes)
    # at 1e30 the asymptotes are the function, to far more digits than are compared
    right = F(1) if name in ("sigmoid", "tanh") else big
    left = {"tanh": F(-1), "elu": F(-1), "elu 0.3": F("-0.3"), "elu 3": F(-3), "elu -2": F(2)}
    assert abs(at(spline, big) - right) <= spline.bound
    assert abs(at(spline, -big) - left.get(name, F(0))) <= spline.bound
    assert max(errors(operator, spline, F(-30), F(30), 6)) <= spline.bound <= F(1, 50)


def test_tiny_errors():
    for operator, low, high, error in (
        (es.SiLU(), F(0), F(1, 10**6), F(1, 10**17)),
        (es.Tanh(), F(-1, 10**9), F(1, 10**9), F(1, 10**28)),
        (es.GELU(), F(141421, 10**5), F(141422, 10**5), F(1, 10**18)),  # round an inflection
        (es.Softplus(F(1, 10**9)), F(-1), F(1), F(1, 10**12)),
    ):
        spline = fit(operator, low, high, error)
        worst = max(errors(operator, spline, low, high, 4))
        assert worst <= spline.bound <= min(error, F(13, 10) * worst)


def test_too_many_pieces():
    net = es.Network([es.Tanh(name="inner"), es.Dense([[1]])], (1,))
    for error in ("1e-12", "1e-300"):
        with pytest.raises(es.LimitError, match=r"inner.*pieces.*larger error"):
            es.approximate(net, error)


def test_relu_in_disguise_is_exact():
    net = es.Network([es.ELU(0), es.Dense([[1]])], (1,))
    found = es.approximate(net, 1)
    assert found.error == 0
    assert found.units[0].pieces == 2
    points = np.array([[F(-5)], [F(1, 3)]], dtype=object)
    assert found.network.forward(points).tolist() == [[F(0)], [F(1, 3)]]
    positive = es.approximate(es.Network([es.ELU(3), es.Abs()], (1,)), 1, es.Box([1], [2]))
    assert (positive.error, positive.units[0].pieces) == (0, 1)


# the proofs alone: on lines and intervals that nobody chose well


@pytest.mark.parametrize("name", OPERATORS)
def test_bounds_of_any_line(name):
    operator = OPERATORS[name]
    curve = curve_of(operator, 200)
    rng = np.random.default_rng(8)
    for trial in range(30):
        low = F(rng.normal() * 3)
        high = low + F(rng.exponential() * rng.choice([0.01, 1, 10]))
        slope, offset = F(rng.normal()), F(rng.normal())
        if trial % 3 == 0:  # through both ends: the error is inside
            slope = (truth(operator, high) - truth(operator, low)) / (high - low)
            offset = truth(operator, low) - slope * low
        proved = sup_error(curve, [(low, high, slope, offset)], F(1, 10**12), 200)
        points = [low + (high - low) * F(k, 200) for k in range(201)]
        points += [F(0)] if low < 0 < high else []  # where ELU has its kink
        off = max(abs(truth(operator, x) - slope * x - offset) for x in points)
        assert off - REFERENCE <= proved <= off * F(101, 100) + F(1, 10**9)


@pytest.mark.parametrize("name", first_quick(list(OPERATORS), 3))
def test_bounds_of_any_tail(name):
    operator = OPERATORS[name]
    curve = curve_of(operator, 200)
    (a, b), (c, d) = curve.left, curve.right
    for end in (F(-6), F(-2), F(-1, 3), F(1, 2), F(4)):
        for shift in (F(0), F(1, 50), F(-1, 9)):
            left = sup_error(curve, [(None, end, a, b + shift)], F(1, 10**12), 200)
            right = sup_error(curve, [(end, None, c, d + shift)], F(1, 10**12), 200)
            for proved, way, slope, offset in ((left, -1, a, b), (right, 1, c, d)):
                points = [end + way * F(k, 10) for k in range(300)]
                off = max(abs(truth(operator, x) - slope * x - offset - shift) for x in points)
                assert off - REFERENCE <= proved <= off * F(101, 100) + F(1, 10**9)


@pytest.mark.parametrize("name", OPERATORS)
def test_images_and_slopes(name):
    operator = OPERATORS[name]
    curve = curve_of(operator, 200)
    rng = np.random.default_rng(9)
    low = rng.normal(size=24) * 3
    high = low + rng.exponential(size=24) * rng.choice([0.01, 1, 5], size=24)
    least, most = image(curve, low, high)
    for k in range(len(low)):
        a, b = F(low[k]), F(high[k])
        values = [truth(operator, a + (b - a) * F(i, 100)) for i in range(101)]
        assert F(least[k]) <= min(values) + REFERENCE
        assert max(values) <= F(most[k]) + REFERENCE
        spread = max(values) - min(values)
        assert F(most[k]) - F(least[k]) <= spread * F(101, 100) + F(1, 10**9)
        steepest = max(abs(v - u) for u, v in itertools.pairwise(values)) * 100 / (b - a)
        proved = lipschitz(curve, a, b, 100)
        assert steepest <= proved + F(1, 10**15)
        assert proved <= steepest * F(11, 10) + F(1, 1000) + curve.jump
    ends = np.array([-math.inf]), np.array([math.inf])
    bottom, top = (float(v[0]) for v in image(curve, *ends))
    samples = operator.forward(np.linspace(-60, 60, 5001).reshape(1, -1))[0]
    assert bottom <= samples.min()
    assert bottom >= samples.min() - 1e-3
    assert top >= samples.max()
    assert top == math.inf or name in ("sigmoid", "tanh")


def test_errors_are_balanced():
    """With a given number of pieces the error is about as small as it can be."""
    # three pieces of the sigmoid; two of softplus, off by log(2) / 2 at least
    three = fit(es.Sigmoid(), None, None, F(1, 10))
    assert len(three.slopes) == 3
    assert three.bound < F(1, 22)
    two = fit(es.Softplus(), None, None, F(2, 1))
    assert len(two.slopes) == 2
    assert F(34657, 10**5) <= two.bound <= F(36, 100)


def test_asymptotes_that_overlap():
    """The two outer lines hold on a common interval and do not cross there: a line between."""
    for error in (F(3, 10), F(2, 5), F(49, 100)):
        spline = fit(es.Sigmoid(), None, None, error)
        assert len(spline.slopes) == 3
        assert max(errors(es.Sigmoid(), spline, F(-40), F(40))) <= spline.bound <= error


# networks


def true_forward(net, x):
    """The smooth network in rationals, each smooth value rounded at 2^-PRECISION or so."""
    results = []
    for node in net.nodes:
        inputs = [x if i < 0 else results[i] for i in node.inputs]
        if node.operator.smooth:
            out = np.empty(inputs[0].size, dtype=object)
            out[:] = [truth(node.operator, _short(v)) for v in inputs[0].reshape(-1).tolist()]
            results.append(out.reshape(inputs[0].shape))
        else:
            results.append(node.operator.forward(*inputs))
    return results[-1]


def _short(value):
    return F(round(value * 2**150), 2**150)


def _objects(array):
    out = np.empty(array.size, dtype=object)
    out[:] = [F(v) for v in array.reshape(-1).tolist()]
    return out.reshape(array.shape)


def check_network(net, found, points):
    x = _objects(np.asarray(points, dtype=float)).reshape(-1, *net.input_shape)
    exact = true_forward(net, x).reshape(len(x), -1)
    close = found.network.forward(x).reshape(len(x), -1)
    off = np.abs(exact - close)
    tiny = F(1, 2**100)  # the reference is rounded in every layer
    for k, bound in enumerate(found.errors):
        assert off[:, k].max() <= bound + tiny
    assert off.max() > 0
    assert found.error == max(found.errors)
    for unit in found.units:
        assert unit.bound <= found.requested


def dense(rng, out, inside, scale=1.0):
    return es.Dense(rng.normal(size=(out, inside)) * scale, rng.normal(size=out) * 0.5)


@pytest.mark.parametrize("seed", range(4))
def test_random_dense_networks(seed):
    rng = np.random.default_rng(seed)
    kinds = [OPERATORS[k] for k in rng.permutation(list(OPERATORS))[:3]]
    net = es.Network(
        [dense(rng, 4, 2), kinds[0], dense(rng, 4, 4, 0.6), kinds[1], es.LeakyReLU(2),
         dense(rng, 3, 4, 0.6), kinds[2], dense(rng, 2, 3)],
        (2,),
    )  # fmt: skip
    domain = es.Box([-1, -1], [1, 1])
    found = es.approximate(net, F(1, 30), domain)
    assert [u.kind for u in found.units] == [k.kind for k in kinds]
    assert not any(op.smooth for op in found.network.operators)
    points = np.concatenate([rng.uniform(-1, 1, size=(25, 2)), [[-1, -1], [1, 1], [-1, 1], [0, 0]]])
    check_network(net, found, points)
    check_network(net, es.approximate(net, F(1, 30)), rng.normal(size=(25, 2)) * 30)


def test_convolution_with_batch_norm_and_a_skip():
    rng = np.random.default_rng(5)
    norm = es.BatchNorm(
        rng.normal(size=3), rng.uniform(0.5, 2, size=3), rng.normal(size=3), rng.normal(size=3)
    )
    body = [es.Conv(rng.normal(size=(3, 3, 3, 3)) * 0.2, padding=1), es.GELU()]
    net = es.Network(
        [es.Conv(rng.normal(size=(3, 1, 3, 3)) * 0.5), norm, es.SiLU(), es.Residual(body),
         es.MaxPool((2, 2), stride=2), es.Flatten(), dense(rng, 4, 12, 0.3), es.Tanh(),
         dense(rng, 2, 4)],
        (1, 6, 6),
    )  # fmt: skip
    found = es.approximate(net, F(1, 50), es.Box(np.zeros(36), np.ones(36)))
    assert [u.units for u in found.units] == [48, 48, 4]
    check_network(net, found, rng.uniform(size=(6, 36)).round(3))


def test_ranges_hold_what_is_reached():
    rng = np.random.default_rng(11)
    first, second = dense(rng, 5, 2), dense(rng, 4, 5)
    domain = es.Box([-2, -2], [2, 2])
    found = es.approximate(
        es.Network([first, es.Tanh(), second, es.SiLU()], (2,)), F(1, 10), domain
    )
    x = _objects(rng.uniform(-2, 2, size=(60, 2)))
    reached = [first.forward(x)]
    reached.append(es.Network([first, es.Tanh(), second], (2,)).forward(x.astype(float)))
    reached.append(
        found.network.operators[2].forward(found.network.operators[1].forward(reached[0]))
    )
    assert found.units[0].low <= reached[0].min() <= reached[0].max() <= found.units[0].high
    for values in reached[1:]:
        assert found.units[1].low <= values.min() <= values.max() <= found.units[1].high


def test_approximated_networks_can_be_counted():
    net = es.Network([es.Dense([[1], [2]]), es.Tanh(), es.Dense([[1, -1]])], (1,))
    box = es.Box([-4], [4])
    found = es.approximate(net, F(1, 100), box)
    breaks = as_set(found.network.operators[1].breakpoints)
    inside = {b for b in breaks if abs(b) < 4} | {b / 2 for b in breaks if abs(b / 2) < 4}
    assert es.count_regions(found.network, box, engine="rational") == len(inside) + 1
    one = es.approximate(es.Network([es.Softplus()], (1,)), F(1, 100))
    assert es.count_regions(one.network, engine="rational") == one.units[0].pieces


def as_set(array):
    return {F(v) for v in array.tolist()}


def test_output_operator_stays():
    for last in (es.Softmax(), es.LogSoftmax(), es.Sigmoid()):
        net = es.Network(
            [es.Dense([[1], [2]]), es.Sigmoid(), es.Dense([[1, 2], [3, 4]]), last], (1,)
        )
        found = es.approximate(net, F(1, 10))
        assert found.network.output_operator == last.kind
        assert len(found.units) == 1
        x = np.array([0.3])
        close = found.network.forward(x, output_operator=True)
        assert np.all(np.abs(close - net.forward(x, output_operator=True)) < 1)


def test_nothing_to_do():
    net = es.Network([es.Dense([[1], [2]]), es.ReLU(), es.Softmax()], (1,))
    found = es.approximate(net, F(1, 10))
    assert found.network is net
    assert found.error == 0
    assert found.units == ()
    assert "unchanged" in str(found)


def test_report():
    net = es.Network(
        [es.Tanh(), es.Dense([[2, 0], [0, 3]]), es.Tanh(), es.Softplus(name="s")], (2,)
    )
    found = es.approximate(net, "0.01")
    assert [u.operator for u in found.units] == ["Tanh.0", "Tanh.2", "s"]
    assert [op.label for op in found.network.operators] == ["Tanh", "Dense", "Tanh", "s"]
    assert str(found.network.unit_name(3)) == "Tanh.2[1]"
    assert (found.units[0].low, found.units[0].high) == (None, None)
    assert [u.convex for u in found.units] == [False, False, True]
    assert 3 <= found.units[1].high < F(31, 10)
    text = str(found)
    assert "Tanh.2 (Tanh): 2 units on [-3.0" in text
    assert "MASO" in text
    stored = json.loads(json.dumps(found.to_json()))
    assert F(stored["error"]) == found.error
    assert F(stored["requested"]) == F(1, 100)
    assert stored["units"][0]["low"] is None
    assert F(stored["units"][1]["high"]) == found.units[1].high


def test_constant_units():
    net = es.Network([es.Dense([[0, 0]], [F(1, 4)]), es.SiLU(), es.Dense([[3]])], (2,))
    found = es.approximate(net, F(1, 1000))
    assert (found.units[0].low, found.units[0].high, found.units[0].pieces) == (F(1, 4), F(1, 4), 1)
    value = 3 * truth(es.SiLU(), F(1, 4))
    got = found.network.forward(_objects(np.zeros(2)))[0]
    assert abs(got - value) <= found.error <= F(31, 10000)


def test_error_grows_beyond_float64():
    net = es.Network([es.Tanh(), *[es.Dense([[1e200]])] * 3], (1,))
    found = es.approximate(net, F(1, 10))
    assert found.error is None
    assert found.errors == (None,)
    assert "beyond float64" in found.reason
    assert "no bound" in str(found)
    assert found.to_json()["error"] is None


@pytest.mark.parametrize("error", [0, -1, float("nan"), float("inf"), "x", None, "1e-99999", 1j])
def test_bad_errors(error):
    with pytest.raises(es.ExactSplineError):
        es.approximate(es.Network([es.Tanh(), es.Dense([[1]])], (1,)), error)


def test_refusals():
    inside = es.Network([es.Softmax(name="attention"), es.Dense([[1, 1]])], (2,))
    with pytest.raises(es.UnsupportedOperatorError, match="attention"):
        es.approximate(inside, 1)
    net = es.Network([es.Tanh(), es.Dense([[1]])], (1,))
    with pytest.raises(es.ShapeError, match="Network"):
        es.approximate("net", 1)
    with pytest.raises(es.ShapeError, match="domain"):
        es.approximate(net, 1, [0, 1])
    with pytest.raises(es.ShapeError, match=r"R\^2"):
        es.approximate(net, 1, es.Box([0, 0], [1, 1]))
    with pytest.raises(es.DomainError, match="empty"):
        es.approximate(net, 1, es.Polytope([[1], [-1]], [0, -1]))
    assert es.approximate is not approximate  # the name stays a function after the import
    assert es.approximate(net, 1).units


# ranges and errors through operators


def _program(operator, *shapes):
    operator.output_shape(*shapes)
    return compile_operator(operator, shapes)


@pytest.mark.parametrize(
    "operator",
    [
        es.Dense([[1, -2, 0.1], [0, 0, 0], ["1/3", "-1e-400", "1e-5"]], [0, 5, "1/7"]),
        es.Dense([["1e400", 1, 1]]),
        es.ReLU(), es.LeakyReLU(3), es.Clip("-0.1", "1/3"), es.HardSigmoid(), es.Abs(),
        es.PReLU([2, -1, "0.1"]), es.Threshold("0.1", "0.1"), es.ReduceMax(), es.ReduceMin(),
        es.Maxout(3), es.MASO([[[1, 2, 3], [0, 0, 1], [1, 1, -1]]], [[0, "0.1", 1]]),
        es.ScalarSpline([0, 1, 2], [0, 1, -1, 0], [0, 0, 2, 0]), es.MaxLeaky(2),
    ],
    ids=lambda op: op.describe(),
)  # fmt: skip
def test_bounds_through_one_operator(operator):
    rng = np.random.default_rng(3)
    program = _program(operator, (3,))
    for trial in range(12):
        centre = rng.normal(size=3) * 10.0 ** rng.integers(-3, 3)
        width = rng.uniform(size=3) * (trial % 3)
        error = rng.uniform(size=3) * rng.choice([0, 1e-3, 1]) * (trial % 4 > 0)
        low, high = centre - width, centre + width
        if trial == 11:
            low[0], high[1] = -math.inf, math.inf
        out = through(program, Bounds(low, high, error))
        for _ in range(12):
            x = np.clip(centre + rng.uniform(-1, 1, size=3) * width, low, high)
            y = np.clip(x + rng.uniform(-1, 1, size=3) * error, low, high)
            y = np.where(np.abs(x - y) <= error, y, x)
            a, b = (operator.forward(_objects(v).reshape(1, 3)).reshape(-1) for v in (x, y))
            for k in range(len(a)):
                assert out.low[k] <= a[k] <= out.high[k]
                assert abs(a[k] - b[k]) <= out.error[k]


def test_affine_bounds_round_outwards():
    """Sums that float64 gets wrong by all of their digits."""
    operator = es.Dense([[1e16, 1, -1e16], [0.1, 0.2, -0.3]])
    x = np.array([1.0, 0.5, 1.0])
    out = through(_program(operator, (3,)), Bounds(x, x, np.zeros(3)))
    exact = operator.forward(_objects(x).reshape(1, 3))[0]
    assert exact[0] == F(1, 2)
    for k in range(2):
        assert F(out.low[k]) <= exact[k] <= F(out.high[k])
    assert out.error.tolist() == [0.0, 0.0]


def test_input_bounds():
    triangle = es.Polytope([[1, 1], [-3, 0], [0, -1]], [1, 1, 2])
    found = input_bounds(triangle, 2)
    exact = [(F(-1, 3), F(3)), (F(-2), F(4, 3))]
    for k, (low, high) in enumerate(exact):
        assert low - F(1, 2**50) <= F(found.low[k]) <= low
        assert high <= F(found.high[k]) <= high + F(1, 2**50)
    line = es.Slice([1, 2, 0], [[1, -2, 0]], es.Box(["-0.1"], [3]))
    found = input_bounds(line, 3)
    for k, (low, high) in enumerate([(F(9, 10), F(4)), (F(-4), F(22, 10)), (F(0), F(0))]):
        assert F(found.low[k]) <= low <= high <= F(found.high[k])
        assert found.high[k] - found.low[k] <= float(high - low) + 1e-12
    half = input_bounds(es.Polytope([[-1, 0]], [0]), 2)
    assert half.low.tolist() == [0.0, -math.inf]
    assert half.high.tolist() == [math.inf, math.inf]
    assert input_bounds(None, 1).low.tolist() == [-math.inf]


def test_wide_layers_take_seconds():
    rng = np.random.default_rng(2)
    net = es.Network(
        [es.Conv(rng.normal(size=(16, 1, 5, 5)) * 0.2), es.SiLU(), es.Flatten(),
         es.Dense(rng.normal(size=(4, 9216)) * 0.01), es.Softplus()],
        (1, 28, 28),
    )  # fmt: skip
    found = es.approximate(net, F(1, 100), es.Box(np.zeros(784), np.ones(784)))
    assert found.units[0].units == 9216
    assert found.units[0].high < 20
    x = rng.uniform(size=(3, 784))
    off = np.abs(net.forward(x) - found.network.forward(x))
    assert 0 < off.max() <= found.error
