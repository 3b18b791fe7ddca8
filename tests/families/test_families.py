"""Networks with free parameters, against brute force: single values, counted and evaluated anew."""

from __future__ import annotations

import random
from fractions import Fraction

import numpy as np
import pytest

import exactspline as es
from exactspline import theory

F = Fraction


def numbers(rng, *shape):
    flat = [F(rng.randint(-9, 9), 4) for _ in range(int(np.prod(shape)))]
    return np.array(flat, dtype=object).reshape(shape)


def dense(rng, *widths):
    operators, n = [], widths[0]
    for k in widths[1:]:
        operators += [es.Dense(numbers(rng, k, n), numbers(rng, k)), es.ReLU()]
        n = k
    return es.Network(operators, (widths[0],))


def kinds(rng):
    conv = es.Conv(numbers(rng, 2, 1, 2), numbers(rng, 2))
    body = [es.Dense(numbers(rng, 2, 2), numbers(rng, 2)), es.Abs()]
    return {
        "dense": (dense(rng, 2, 3, 3), "Dense.0.bias"),
        "conv": (es.Network([es.Reshape((1, 3)), conv, es.ReLU(), es.MaxPool((2,))], (3,)),
                 "Conv.bias"),
        "residual": (es.Network([*body, es.Residual(body, [])], (2,)), "Dense.2.bias[1]"),
        "shift": (es.Network([es.Elementwise(2, [[1, "1/2"]]), es.ReLU()], (1, 2)),
                  "Elementwise.shift"),
    }  # fmt: skip


def test_one_layer_of_one_input_by_hand():
    """Breaks of x at -b, -1/2 and 2: they meet at b = 1/2 and b = -2."""
    net = es.Network([es.Dense([[1], [2], [-1]], [0, 1, 2]), es.ReLU()], (1,))
    steps = es.parametric(net, ["Dense.bias[0]"]).sweep()
    assert steps.breakpoints == (F(-2), F(1, 2))
    assert (steps.between, steps.at) == ((4, 4, 4), (3, 3))
    # on [0, 1] the break at 2 is outside, and that at -1/2, too
    steps = es.parametric(net, ["Dense.bias[0]"], es.Box([0], [1])).sweep()
    assert steps.breakpoints == (F(-1), F(0))
    assert (steps.between, steps.at) == ((1, 2, 1), (1, 1))


def test_a_unit_that_hears_its_bias_alone():
    """relu(b) is off at b = 0 by the rule for ties: the region behind b >= 0 begins after it."""
    net = es.Network([es.Dense([[0], [1]], [0, 0]), es.ReLU()], (1,))
    family = es.parametric(net, ["Dense.bias[0]"])
    assert str(family.where([1, 1])) == "Dense.bias[0] >= 0"
    steps = family.sweep()
    assert (steps.breakpoints, steps.between, steps.at) == ((F(0),), (2, 2), (2,))
    assert len(es.enumerate_regions(family.at([0])).codes) == 2


@pytest.mark.parametrize("seed", range(4))
def test_a_sweep_is_what_single_biases_give(seed):
    rng = random.Random(f"sweep {seed}")
    net = dense(rng, 2, 4, 3)
    name = rng.choice(["Dense.0.bias[1]", "Dense.2.bias[2]"])
    family = es.parametric(net, [name], es.Box([-2, -2], [2, 2]), ranges=(-2, 2))
    steps = family.sweep()
    for value in (*steps.samples(), *steps.breakpoints):
        layer, entry = (0, 1) if name == "Dense.0.bias[1]" else (2, 2)
        operators = list(net.operators)
        bias = operators[layer].bias.astype(object).tolist()
        bias[entry] = value
        operators[layer] = es.Dense(operators[layer].weight, bias)
        fresh = es.Network(operators, (2,))
        assert steps(value) == es.count_regions(fresh, es.Box([-2, -2], [2, 2]), engine="rational")
    for k, at in enumerate(steps.at):
        assert at <= min(steps.between[k : k + 2])


@pytest.mark.parametrize("kind", ["dense", "conv", "residual", "shift"])
def test_the_joint_network_is_the_network_at_every_bias(kind):
    rng = random.Random(f"joint {kind}")
    net, free = kinds(rng)[kind]
    family = es.parametric(net, [free])
    for _ in range(5):
        x = numbers(rng, *net.input_shape)
        values = numbers(rng, len(family.names)).tolist()
        joined = np.array([*x.reshape(-1), *values], dtype=object)
        here = family.network.forward(joined, exact=True)
        assert here.tolist() == family.at(values).forward(x, exact=True).tolist()
    stored = family.at(family.stored)
    x = numbers(rng, *net.input_shape)
    assert stored.forward(x, exact=True).tolist() == net.forward(x, exact=True).tolist()


@pytest.mark.parametrize("kind", ["dense", "conv", "residual"])
def test_where_a_code_exists(kind):
    """The projections hold exactly the biases at which an enumeration finds the code."""
    rng = random.Random(f"where {kind}")
    net, free = kinds(rng)[kind]
    box = es.Box([-1] * net.input_dim, [2] * net.input_dim)
    family = es.parametric(net, [free], box, ranges=(-3, 3))
    codes = {tuple(c) for c in family.partition().codes.tolist()}
    some = rng.sample(sorted(codes), min(12, len(codes)))
    sets = {code: family.where(code) for code in some}
    found = 0
    for _ in range(6):
        values = [F(rng.randint(-290, 290), 101) for _ in family.names]  # on no wall
        there = {tuple(c) for c in es.enumerate_regions(family.at(values), box).codes.tolist()}
        assert there <= codes
        for code, inside in sets.items():
            assert inside.contains(values) == (code in there)
            found += code in there
    assert found


def test_a_region_in_x_and_biases():
    rng = random.Random("region")
    net = dense(rng, 2, 3, 2)
    family = es.parametric(net, ["Dense.0.bias[0]"], es.Box([-1, -1], [1, 1]), ranges=(-1, 1))
    omega = family.partition()
    region = family.region(omega.codes[3])
    assert region == omega[3]
    assert region.vertices().tolist() == omega[3].vertices().tolist()
    ends = [v[-1] for v in region.vertices()]
    steps = family.where(region.code)
    assert steps.contains([min(ends)], closure=True)
    assert not steps.contains([min(ends)])
    codes = {tuple(c) for c in omega.codes.tolist()}
    absent = next(c for c in np.ndindex(*[2] * 5) if c not in codes)
    assert family.region(absent) is None
    assert family.where(absent).empty
    assert str(family.where(absent)) == "no parameters"


def test_free_weights_at_a_fixed_sample():
    """Codes of random weights lie in the polyhedra; the values are those of NumPy's formula."""
    rng = random.Random("weights")
    net, x = dense(rng, 2, 3, 2), numbers(rng, 2)
    family = es.parametric(net, ["Dense.0.weight", "Dense.2.bias"], x=x)
    assert len(family.names) == 8
    for _ in range(5):
        W, b = numbers(rng, 3, 2), numbers(rng, 2)
        hidden = W @ x + net.operators[0].bias.astype(object)
        first = np.where(hidden > 0, hidden, F(0))
        last = np.array([[F(v) for v in row] for row in net.operators[2].weight.tolist()]) @ first
        last = last + b
        code = [*(hidden > 0).astype(int), *(last > 0).astype(int)]
        values = [*W.reshape(-1), *b]
        value = family.network.forward(np.array(values, dtype=object), exact=True)
        assert value.tolist() == np.where(last > 0, last, F(0)).tolist()
        assert family.where(code).contains(values, closure=True)
    deep = es.parametric(net, ["Dense.2.weight[1, 0]"], x=x)
    assert deep.network.input_dim == 1


def test_domains_that_are_slices_and_polytopes():
    rng = random.Random("slice")
    net = dense(rng, 3, 4)
    plane = es.Slice.through([0, 0, 0], [1, 0, 2], [0, 1, -1])
    triangle = es.Polytope([[-1, 0, 0], [0, -1, 0], [0, 0, -1], [1, 1, 1]], [0, 0, 0, 2])
    for domain in (plane, triangle):
        steps = es.parametric(net, ["Dense.bias[2]"], domain, ranges=(-2, 1)).sweep()
        assert len(steps.breakpoints) >= 1
        for value in steps.samples():
            fresh = es.parametric(net, ["Dense.bias[2]"]).at([value])
            assert steps(value) == es.count_regions(fresh, domain)


@pytest.mark.parametrize(
    ("free", "options", "message"),
    [
        ("Dense.bias", {}, "list of names"),
        ([], {}, "at least one"),
        (["Dense.bias[0]"], {}, "no operator is called 'Dense'; there are Dense.0"),
        (["Dense.0.slope"], {}, "bias and weight can be free"),
        (["Dense.0.bias[7]"], {}, "has shape"),
        (["Dense.0.bias[0]", "Dense.0.bias"], {}, "named twice"),
        (["Dense.0.weight"], {}, "fix a sample"),
        (["Dense.0.bias", "Dense.2.weight"], {"x": [0, 0]}, "weights of one layer"),
        (["Dense.0.bias"], {"x": [0]}, "2 inputs"),
        (["Dense.0.bias"], {"ranges": 3}, "give \\(low, high\\)"),
        (["nothing"], {}, "no name of a parameter"),
        (["Dense.0.bias"], {"x": [0, 0], "domain": es.WholeSpace(2)}, "not both"),
    ],
)
def test_what_is_refused(free, options, message):
    net = dense(random.Random(1), 2, 3, 2)
    with pytest.raises(es.ExactSplineError, match=message):
        es.parametric(net, free, **options)


def test_sweeps_that_are_refused():
    net = dense(random.Random(1), 2, 3, 2)
    with pytest.raises(es.ParameterError, match="3 parameters are free"):
        es.parametric(net, ["Dense.0.bias"]).sweep()
    with pytest.raises(es.ParameterError, match="x is fixed"):
        es.parametric(net, ["Dense.0.bias[0]"], x=[0, 0]).sweep()
    with pytest.raises(es.ParameterError, match="single point"):
        es.parametric(net, ["Dense.0.bias[0]"], ranges=(1, 1)).sweep()
    steps = es.parametric(net, ["Dense.0.bias[0]"], ranges=(-1, 1)).sweep()
    with pytest.raises(es.ParameterError, match="not inside"):
        steps(1)
    with pytest.raises(es.ShapeError, match="2 values for 1"):
        es.parametric(net, ["Dense.0.bias[0]"]).at([1, 2])


def test_the_check_and_its_broken_twins():
    net = es.Network([es.Dense([[1], [2], [-1]], [0, 1, 2]), es.ReLU()], (1,))  # steps -2, 1/2
    assert theory.check_bias_sweep(net, width=3).holds

    def tie_counts_as_before(family):
        steps = family.sweep()
        return es.RegionSteps(steps.name, steps.low, steps.high, steps.breakpoints, steps.between,
                              steps.between[:-1])  # fmt: skip

    def a_step_is_lost(family):
        steps = family.sweep()
        return es.RegionSteps(steps.name, steps.low, steps.high, steps.breakpoints[1:],
                              steps.between[1:], steps.at[1:])  # fmt: skip

    for twin in (tie_counts_as_before, a_step_is_lost):
        report = theory.check_bias_sweep(net, width=3, sweep=twin)
        assert report.verdict == "fails"
        assert report.counterexample
    assert theory.check_bias_sweep(es.Network([es.ReLU()], (2,))).verdict == "not applicable"
