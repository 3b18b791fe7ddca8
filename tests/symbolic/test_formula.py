"""A network as a formula: its values at rational points, sympy's own solutions, and its size."""

from __future__ import annotations

import random
from fractions import Fraction

import numpy as np
import pytest
import sympy
import theory_networks as toys

import exactspline as es
from exactspline.symbolic import formula as formula_module
from exactspline.symbolic import latex as latex_module

F = Fraction
RAMPS = es.Dense([[1], [1], [1]], [0, -1, -2])
HAT = es.Network([RAMPS, es.ReLU(), es.Dense([[1, -2, 1]])], (1,))


def rational(value):
    return F(int(value.p), int(value.q))


def differences(net, symbolic, points):
    """At how many points a formula has not the values of the network's exact forward."""
    symbols, image = symbolic
    expected = net.forward(np.array(points, dtype=object).reshape(-1, *net.input_shape), exact=True)
    wrong = 0
    for x, values in zip(points, expected.reshape(len(points), -1).tolist(), strict=True):
        at = {
            s: sympy.Rational(v.numerator, v.denominator) for s, v in zip(symbols, x, strict=True)
        }
        wrong += [rational(v) for v in image.xreplace(at)] != values
    return wrong


def drawn(rng, net, count):
    return [[F(rng.randint(-60, 60), rng.choice((1, 3, 8))) for _ in range(net.input_dim)]
            for _ in range(count)]  # fmt: skip


def test_the_formula_has_the_network_s_values():
    """1,000 points in rationals, in 25 networks with every kind of unit."""
    rng, seen, points = random.Random("formula"), set(), 0
    for _ in range(25):
        net = toys.any_network(rng)
        found = net.to_sympy()
        assert differences(net, found, drawn(rng, net, 40)) == 0
        points += 40
        for part in sympy.preorder_traversal(found.map):
            seen.add(type(part).__name__)
    assert points == 1000
    assert {"Max", "Min", "Abs", "Piecewise"} <= seen


@pytest.mark.parametrize(
    "operator", [es.Clip(-1, 1), es.ScalarSpline([-1, 0, 2], [1, 3, "-1/2", 2])]
)
def test_splines_of_splines_are_no_nested_cases(operator):
    """Sympy folds cases in conditions of cases, which takes exponential time and depth."""
    rng = np.random.default_rng(2)
    hidden = [es.Dense(rng.integers(-9, 10, (2, 2)) / 8, rng.integers(-9, 10, 2) / 8), operator]
    net = es.Network([es.Dense([[1], [-2]]), operator, *hidden, *hidden, es.Dense([[1, -1]])],
                     (1,))  # fmt: skip
    found = net.to_sympy()
    conditions = [part.cond for cases in found.map.atoms(sympy.Piecewise) for part in cases.args]
    assert conditions
    assert not any(condition.has(sympy.Piecewise) for condition in conditions)
    assert differences(net, found, drawn(random.Random("spline"), net, 20)) == 0
    symbol = found.symbols[0]
    assert found.map.subs(symbol, 3)[0] == rational_of(net.forward([3], exact=True)[0])


def rational_of(value):
    return sympy.Rational(F(value).numerator, F(value).denominator)


def test_a_wrong_formula_is_told_apart():
    """Twins: a maximum that is a minimum, a constant that is lost, a weight that is another."""
    first = es.Dense([[2, -1], [1, 3]], ["1/3", -1])
    net = es.Network([first, es.ReLU(), es.Dense([[1, -2]])], (2,))
    rng = random.Random("twin")
    points = drawn(rng, net, 60)
    symbols, image = net.to_sympy()
    assert differences(net, (symbols, image), points) == 0
    for twin in (
        image.replace(sympy.Max, sympy.Min),
        image.subs(sympy.Rational(1, 3), 0),
        image.replace(lambda e: e == 3 * symbols[1], lambda e: 2 * symbols[1]),
    ):
        assert twin != image
        assert differences(net, (symbols, twin), points) > 0


@pytest.mark.parametrize("of", ["network", "partition"])
def test_sympy_solves_the_hat(of):
    """Where the hat is 1/3: at 1/3 and 5/3; where its slope is -1: between 1 and 2."""
    (x,), (f,) = HAT.to_sympy() if of == "network" else es.enumerate_regions(HAT).to_sympy()
    level = sympy.Rational(1, 3)
    found = sympy.solve(sympy.piecewise_fold(f.rewrite(sympy.Piecewise)) - level, x)
    assert sorted(found) == [sympy.Rational(1, 3), sympy.Rational(5, 3)]
    slope = sympy.diff(f.rewrite(sympy.Piecewise), x)
    assert [slope.subs(x, v) for v in ("-1/2", "1/2", "3/2", "5/2")] == [0, 1, -1, 0]
    assert sympy.integrate(f.rewrite(sympy.Piecewise), (x, -5, 5)) == 1


def test_sympy_solves_a_deep_network_of_one_input():
    """All zeros by sympy are those between regions' ends, where the maps say so."""
    net = es.Network(
        [es.Dense([[1], [-2]], [1, 1]), es.Abs(), es.Dense([[1, -1], ["1/2", 1]], [0, -2]),
         es.ReLU(), es.Dense([[1, -1]], ["-1/4"])], (1,),
    )  # fmt: skip
    omega = es.enumerate_regions(net)
    expected = set()
    for region in omega:
        (slope,), (offset,) = region.affine(exact=True)
        root = -offset / slope[0] if slope[0] else None
        if root is not None and region.contains([root]):
            expected.add(root)
    (x,), (f,) = omega.to_sympy()
    found = {rational(v) for v in sympy.solve(f, x)}
    assert found == expected
    assert len(found) >= 2


def test_what_stands_for_the_inputs():
    a, b = sympy.symbols("a b", real=True)
    net = es.Network([es.Dense([[1, 2]]), es.Abs()], (2,))
    assert net.to_sympy([a, b]).map[0] == abs(a + 2 * b)
    assert net.to_sympy(sympy.Matrix([a, 1])).map[0].subs(a, -5) == 3
    assert net.to_sympy([0.5, "1/3"]).map[0] == sympy.Rational(7, 6)
    assert net.to_sympy([0.1, 0]).map[0] == sympy.Rational(*(0.1).as_integer_ratio())
    with pytest.raises(es.ShapeError, match=r"shape \(3,\).*\(2,\)"):
        net.to_sympy([a, b, a])
    with pytest.raises(es.ParameterError, match="not real"):
        net.to_sympy([sympy.I, sympy.Symbol("z", imaginary=True)])
    with pytest.raises(es.ParameterError):
        net.to_sympy([float("nan"), 1])
    image = es.Network([es.Flatten(), es.Dense([[1, 2, 3, 4]])], (1, 2, 2))
    assert image.to_sympy([[[1, 0], [0, 1]]]).map[0] == 5


def test_sizes_that_are_refused(monkeypatch):
    rng = np.random.default_rng(0)
    deep = [es.Dense(rng.integers(-3, 4, size=(9, 9))), es.ReLU()]
    with pytest.raises(es.LimitError, match=r"to_sympy.*45 units has [\d,]+ terms, over.*20,000"):
        es.Network(deep * 5, (9,)).to_sympy()
    net = es.Network([es.Dense(rng.normal(size=(40, 9))), es.ReLU(), es.Dense([[1] * 40])], (9,))
    with pytest.raises(es.LimitError, match=r"to_latex.*40 units has 441 terms, over.*400"):
        net.to_latex()
    long = es.Network([es.Dense(rng.normal(size=(20, 6))), es.ReLU(), es.Dense([[1] * 20])], (6,))
    with pytest.raises(es.LimitError, match=r"20 units takes [\d,]+ characters, over.*4,000"):
        long.to_latex()
    star = [es.Dense(rng.normal(size=(9, 2))), es.ReLU(), es.Dense([[1] * 9])]
    omega = es.enumerate_regions(es.Network(star, (2,)))
    with pytest.raises(es.LimitError, match=rf"pieces of {len(omega)} regions takes"):
        omega.to_latex()
    monkeypatch.setattr(formula_module, "MOST_TERMS", 3)
    with pytest.raises(es.LimitError, match="over the limit of 3"):
        HAT.to_sympy()
    monkeypatch.setattr(latex_module, "MOST_SIGNS", 30)
    with pytest.raises(es.LimitError, match="over the limit of 30"):
        es.enumerate_regions(HAT)[1].to_latex()


def test_latex_of_small_ones():
    assert HAT.to_latex() == (
        r"f(x) = \max\left(0, x_{0}\right) + \max\left(0, x_{0} - 2\right) "
        r"- 2 \max\left(0, x_{0} - 1\right)"
    )
    omega = es.enumerate_regions(HAT)
    assert omega.to_latex().splitlines()[1:-1] == [
        r"0 & \text{if } x_{0} \leq 0 \\",
        r"x_{0} & \text{if } x_{0} \geq 0, \; x_{0} \leq 1 \\",
        r"2 - x_{0} & \text{if } x_{0} \geq 1, \; x_{0} \leq 2 \\",
        r"0 & \text{if } x_{0} \geq 2",
    ]
    assert omega[3].to_latex().splitlines()[1:-1] == [
        r"f(x) &= 0 \\", r"\text{where } & x_{0} \geq 2",
    ]  # fmt: skip
    slope = es.Slice([0, 1], [[1, 1]], es.Box([0], [1]))
    cut = es.enumerate_regions(es.Network([es.Dense([[1, -1]]), es.Abs()], (2,)), slope)
    assert cut.to_latex() == (
        "f(t) = \\begin{cases}\n1 & \\text{if } t_{0} \\geq 0, \\; t_{0} \\leq 1\n\\end{cases}"
    )
    affine = es.Network([es.Dense([[1, "-2/3"], [0, 1]], [0, 4])], (2,))
    assert es.enumerate_regions(affine).to_latex().splitlines()[1:-1] == [
        r"f_{0}(x) &= x_{0} - \frac{2 x_{1}}{3} \\", r"f_{1}(x) &= x_{1} + 4",
    ]  # fmt: skip
