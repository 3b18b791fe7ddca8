"""Numbers that float64 takes for 0 or infinity: bounds, scales, fits and checks charge for them."""

from __future__ import annotations

import itertools
import math
import random
from fractions import Fraction

import flint
import numpy as np
import pytest

import exactspline as es
from exactspline import theory
from exactspline.approximation.functions import Curve
from exactspline.approximation.intervals import Bounds, through
from exactspline.approximation.proof import _value
from exactspline.compile import compile_operator
from exactspline.network.activations import _float_below
from exactspline.theory import CHECKS, check_function

F = Fraction
SIZES = [F(10) ** k for k in (-400, -310, -200, -160, 0, 160, 200, 300, 400)]
SHARES = [F(1), F(1, 3), F(7, 5), F(0)]


def number(rng, sizes=SIZES):
    return rng.choice((-1, 1)) * rng.choice(sizes) * rng.choice(SHARES)


def bounds(rng, n):
    """Intervals and errors of float64 numbers of any size, some degenerate, some without end."""
    ends = [0.0, 5e-324, 1e-310, 3e-200, 1e-160, 1.0, 1e160, 1e300, math.inf]
    low, high, error = [], [], []
    for _ in range(n):
        pair = sorted(rng.choice((-1, 1)) * rng.choice(ends) for _ in range(2))
        if math.isinf(pair[0]) and pair[0] == pair[1]:
            pair = [-math.inf, math.inf]
        low.append(pair[0])
        high.append(pair[1])
        error.append(rng.choice(ends[:-1]) if rng.random() < 0.7 else 0.0)
    return Bounds(np.array(low), np.array(high), np.array(error))


def at_most(a, b):
    """a <= b, for rationals and infinities."""
    if isinstance(b, float) and math.isinf(b):
        return b > 0
    return Fraction(a) <= Fraction(b)


def finite(low, high):
    """The ends of an interval as rationals; far out where there is none."""
    return (F(-(10**900)) if math.isinf(low) else F(low),
            F(10**900) if math.isinf(high) else F(high))  # fmt: skip


# --- Bounds of operators ---------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(150))
def test_affine_bounds_hold(seed):
    """Against interval arithmetic in rationals, for the values and for the errors."""
    rng = random.Random(seed)
    n = rng.randint(1, 3)
    weight = [[number(rng) for _ in range(n)] for _ in range(2)]
    bias = [number(rng) if rng.random() < 0.5 else F(0) for _ in range(2)]
    x = bounds(rng, n)
    found = through(compile_operator(es.Dense(weight, bias), [(n,)]), x)
    for k in range(2):
        low = high = bias[k]
        error = F(0)
        for w, a, b, e in zip(weight[k], x.low, x.high, x.error, strict=True):
            ends = [w * v for v in finite(a, b)]
            low, high, error = low + min(ends), high + max(ends), error + abs(w) * F(e)
        assert at_most(-low, -found.low[k])
        assert at_most(high, found.high[k])
        # no two values of the interval are further apart, either
        assert at_most(min(error, high - low), found.error[k])


@pytest.mark.parametrize(
    ("weights", "x"),
    [
        ([1 + F(1, 10**20)], 1e-310),  # rounds to 1, and the error's product to 0
        ([F(1, 10**162)] * 9, 1e-162),  # nine products that round to 0 are together more
        ([F(1, 10**400)], 0.25),
        ([F(1, 10**400), F(1)], 1e-300),
        ([F(10**400)], 1e-310),
    ],
)
@pytest.mark.parametrize("sign", [1, -1])
def test_sums_of_what_rounds_to_zero(weights, x, sign):
    n = len(weights)
    at = Bounds(np.full(n, x), np.full(n, x), np.zeros(n))
    found = through(compile_operator(es.Dense([[sign * w for w in weights]]), [(n,)]), at)
    exact = sum(sign * w * F(x) for w in weights)
    assert at_most(-exact, -found.low[0])
    assert at_most(exact, found.high[0])
    assert found.error.tolist() == [0.0]  # network and approximation are the same


@pytest.mark.parametrize("seed", range(200))
def test_unit_bounds_hold(seed):
    """At ends, breakpoints and pairs of points as far apart as the error allows."""
    rng = random.Random(seed)
    breaks = sorted({number(rng) for _ in range(rng.randint(0, 2))})
    slopes = [number(rng) for _ in range(len(breaks) + 1)]
    operator = rng.choice(
        [es.ScalarSpline(breaks, slopes), es.LeakyReLU(number(rng)), es.ReLU(), es.Abs()]
    )
    x = bounds(rng, 1)
    found = through(compile_operator(operator, [(1,)]), x)
    low, high = finite(x.low[0], x.high[0])
    inside = [b for b in [*breaks, F(0)] if low < b < high]
    points = {low, high, (low + high) / 2, *inside}
    e = F(x.error[0])
    points |= {min(max(p + s * e, low), high) for p in set(points) for s in (-1, 1)}

    def value(p):
        return operator.forward(np.array([[p]], dtype=object))[0, 0]

    values = {p: value(p) for p in points}
    for v in values.values():
        assert at_most(-v, -found.low[0])
        assert at_most(v, found.high[0])
    for p, q in itertools.combinations(points, 2):
        if abs(p - q) <= e:
            assert at_most(abs(values[p] - values[q]), found.error[0])


@pytest.mark.parametrize("vanishing", ["1e-200", "1e-310", "1e-400", "-1e-400"])
def test_what_vanishes_keeps_its_error(vanishing):
    """The error of tanh, times two numbers whose product is 0 in float64."""
    net = es.Network(
        [es.Tanh(), es.Dense([["1e-200"]]), es.LeakyReLU(vanishing), es.Dense([[1]])], (1,)
    )
    found = es.approximate(net, "1/100", es.Box([-2], [-1]))
    spline = found.network.operators[0]
    worst = F(0)
    for k in range(11):
        x = F(-10 - k, 10)
        tanh = flint.arb(flint.fmpq(x.numerator, x.denominator)).tanh().str(10, radius=False)
        y = spline.forward(np.array([[x]], dtype=object))[0, 0]
        worst = max(worst, abs(F(tanh) - y))
    assert worst > F(1, 1000)
    assert found.error >= worst * F(1, 10**200) * abs(F(vanishing))


def test_an_asymptote_whose_slope_vanishes():
    """Beyond all bounds a line rises, however flat it is."""
    for slope in (F(1, 10**400), -F(1, 10**400), F(10**400)):
        curve = Curve((), (slope, F(1)), (slope, F(1)), (), F(0))
        for end in (math.inf, -math.inf):
            expected = end if slope > 0 else -end
            assert _value(curve, end, curve.left) == (expected, expected)


def test_no_bound_is_shown_as_zero():
    net = es.Network([es.ELU("1e-400"), es.Dense([[1]])], (1,))
    found = es.approximate(net, "1e-390", es.Box([-1], [1]))
    assert 0 < found.units[0].bound <= F(1, 10**390)
    text = str(found)
    assert text.count("error about 2^-129") == 1
    assert "error at most about 2^-1" in text
    assert "error 0" not in text
    assert "at most 0" not in text


@pytest.mark.parametrize("error", ["0", "-1e400", "-1e-400"])
def test_an_error_that_is_not_positive(error):
    with pytest.raises(es.ParameterError, match="is not positive"):
        es.approximate(es.Network([es.Tanh(), es.Dense([[1]])], (1,)), error)


# --- Operators -------------------------------------------------------------------------------


def test_breakpoints_between_floats():
    """A float64 is above a breakpoint exactly if it is above the float64 that stands for it."""
    rng = random.Random(1)
    cases = [number(rng) for _ in range(300)] + [F(1, 2**1074), F(2**1024), -F(2**1024), F(1, 3)]
    for at in cases:
        stands = _float_below(at)
        near = [v for v in (stands, math.nextafter(stands, math.inf)) if math.isfinite(v)]
        for x in (*near, 0.0, -5e-324, 5e-324, 1.7e308, -1.7e308):
            assert (x > stands) == (F(x) > at)


@pytest.mark.parametrize("gamma", ["1e-200", "-1e-200", "1e-400"])
def test_no_scale_of_batch_normalisation_vanishes(gamma, tmp_path):
    """gamma / sqrt(variance) = 1e-350 or less, of which float64 has only 0."""
    op = es.BatchNorm([0], ["1e300"], [gamma], [0], epsilon=0)
    net = es.Network([op, es.ReLU()], (1,))
    exact = F(gamma) / 10**150
    for x in (F(1), F(-1)):
        value = net.forward([x], exact=True)[0]
        assert abs(value - max(exact * x, 0)) <= abs(exact) / 2**52
        assert (value > 0) == (exact * x > 0)
    net.save(tmp_path / "net.json")
    again = es.load(tmp_path / "net.json")
    assert again.forward([F(1)], exact=True)[0] == net.forward([F(1)], exact=True)[0]
    assert net.rounded_scales == 1


@pytest.mark.parametrize("divisor", [3, 2**53 + 1, 10**400])
def test_divisors_beyond_float64_are_exact(divisor):
    op = es.AveragePool((2,), divisor=divisor)
    x = np.array([[[F(1, 2), F(5, 2)]]], dtype=object)
    assert op.forward(x).tolist() == [[[F(3, divisor)]]]
    maso = op.as_maso((1, 2))
    assert [F(v) for v in maso.A.reshape(-1).tolist()] == [F(1, divisor)] * 2


# --- The theory ------------------------------------------------------------------------------


def test_every_check_with_products_that_vanish():
    """The six regions of a difference of leaky units, scaled by what float64 takes for 0."""
    for a, b in (("1e-200", "1e-200"), ("1e-400", "1"), ("1e200", "1e200"), ("1e400", "1e-400")):
        net = es.Network(
            [
                es.Dense([["1/4", 0], [0, "1/4"]]), es.LeakyReLU("1/2"),
                es.Dense([[a, f"-{a}"]]), es.Dense([[b]]), es.ReLU(),
            ],
            (2,),
        )  # fmt: skip
        partition = es.enumerate_regions(net, engine="rational")
        assert len(partition) == 6
        verdicts = {}
        for name, check in CHECKS.items():
            if check.needs_network:
                found = check_function(name)(partition)
                for report in found if isinstance(found, list) else [found]:
                    verdicts.setdefault(name, set()).add(report.verdict)
        # relu of a difference of leaky units is not convex: -1 and 1 in the second input
        assert verdicts.pop("convexity") == {"fails"}
        assert not any("fails" in v for v in verdicts.values())
        for name in ("counts", "power diagram", "piecewise affine", "templates", "VQ", "Lipschitz"):
            assert "holds" in verdicts[name]
        size = F(a) * F(b) / 4
        assert theory.lipschitz(partition).infinity == 2 * size


@pytest.mark.parametrize("tiny", ["1e-200", "1e-400"])
def test_lipschitz_on_a_slice_with_a_short_direction(tiny):
    """The chart's Gram matrix is singular in float64."""
    net = es.Network([es.Dense([[3, 0], [0, 1]]), es.ReLU(), es.Dense([[1, 1]])], (2,))
    domain = es.Slice([0, 0], [[1, 0], [0, tiny]])
    partition = es.enumerate_regions(net, domain, engine="rational")
    found = theory.lipschitz(partition)
    assert found.two_squared[0] <= 10 <= found.two_squared[1]
    assert theory.check_lipschitz(partition).holds


# --- What is computed in floats --------------------------------------------------------------


@pytest.mark.parametrize(("inputs", "values"), [(-600, 0), (0, -600), (-500, -1000), (600, 300)])
def test_fits_do_not_depend_on_powers_of_two(inputs, values):
    rng = np.random.default_rng(3)
    X = rng.normal(size=(25, 2))
    y = np.abs(X @ [1.0, 2.0]) + 0.1 * rng.normal(size=25)
    for options in ({"method": "alternating"}, {"method": "convex"}):
        fit = theory.fit_max_affine(X, y, 2, **options)
        other = theory.fit_max_affine(np.ldexp(X, inputs), np.ldexp(y, values), 2, **options)
        assert np.array_equal(other.maso.A, np.ldexp(fit.maso.A, values - inputs))
        assert np.array_equal(other.maso.B, np.ldexp(fit.maso.B, values))
        assert other.rmse == math.ldexp(fit.rmse, values) > 0
        assert other.max_error == math.ldexp(fit.max_error, values)


def test_errors_of_a_fit_do_not_vanish():
    """Every number of a row of noise is below 1e-200: squares are 0 in float64."""
    X, y = [[0.0], [1.0], [2.0]], [0.0, 3e-200, 0.0]
    fit = theory.fit_max_affine(X, y, 1, method="alternating")
    assert fit.max_error == pytest.approx(2e-200, rel=1e-6)
    assert fit.rmse == pytest.approx(2**0.5 * 1e-200, rel=1e-6)
    assert (
        0
        < F(fit.rmse) ** 2 * 3
        >= sum((F(fit.maso.evaluate(x)[0]) - F(v)) ** 2 for x, v in zip(X, y, strict=True))
    )
    with pytest.raises(es.UndecidedError, match="beyond float64"):
        theory.fit_max_affine([[0.0], [1e-200]], [0.0, 1e200], 1, method="alternating")
    with pytest.raises(es.ParameterError, match="no float64"):
        theory.fit_max_affine([[0], [F(10) ** 400]], [0, 1], 1)


@pytest.mark.parametrize("size", [1e-310, 1e-200, 1.0, 1e200])
def test_collinear_templates_of_any_size(size):
    x = np.array([3.0, 4.0]) * size
    expected = theory.collinear_templates([3.0, 4.0], 3, 1, 2)
    assert np.allclose(theory.collinear_templates(x, 3, 1, 2), expected, rtol=1e-12)
    small = theory.collinear_templates(x, 3, 1, F(2, 10**400))
    assert np.allclose(small * 1e200, expected, rtol=1e-12)
    with pytest.raises(es.ParameterError):
        theory.collinear_templates(x, 3, 1, -F(1, 10**400))


def test_a_soft_selection_of_huge_values():
    """The scores' differences count, so nothing is infinity less infinity."""
    absolute = es.Abs().as_maso((1,))
    assert theory.soft_maso(absolute, [[1e308], [-1e308]], 0.999).tolist() == [[1e308], [1e308]]
    assert theory.soft_maso(absolute, [[1e-310]], 0.5).tolist() == [[0.0]]
    with np.errstate(over="ignore"), pytest.raises(es.ParameterError, match="beyond float64"):
        theory.soft_maso(es.MASO([[[1e10]]]), [[1e300]])
