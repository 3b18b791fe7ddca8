"""Soft networks against torch, scipy and brute force."""

from __future__ import annotations

import math
import random
from fractions import Fraction

import numpy as np
import pytest
import torch
from scipy.optimize import minimize, minimize_scalar

import exactspline as es
from exactspline import theory
from exactspline.theory.learning.soft_units import least_error

F = Fraction


def network(rng, *widths, activation=es.ReLU):
    operators, n = [], widths[0]
    for k in widths[1:-1]:
        W = [[F(rng.randint(-9, 9), 4) for _ in range(n)] for _ in range(k)]
        operators += [es.Dense(W, [F(rng.randint(-9, 9), 4) for _ in range(k)]), activation()]
        n = k
    W = [[F(rng.randint(-9, 9), 4) for _ in range(n)] for _ in range(widths[-1])]
    return es.Network([*operators, es.Dense(W)], (widths[0],))


def in_torch(net, x, sharp, form):
    """The same by torch: softmax over a stacked axis, operator by operator."""
    for operator in net.operators:
        if isinstance(operator, es.Dense):
            W = torch.tensor(np.array(operator.weight, dtype=float))
            x = x @ W.T + torch.tensor(np.array(operator.bias, dtype=float))
            continue
        z = torch.stack([-x if isinstance(operator, es.Abs) else 0 * x, x])
        if form == "mean":
            x = (torch.softmax(sharp * z, 0) * z).sum(0)
        else:
            x = torch.logsumexp(sharp * z, 0) / sharp
    return x


@pytest.mark.parametrize("form", ["mean", "log-sum-exp"])
@pytest.mark.parametrize("activation", [es.ReLU, es.Abs])
def test_values_and_gradients_are_those_of_torch(form, activation):
    rng = random.Random(f"{form} {activation.__name__}")
    net = network(rng, 3, 5, 4, 2, activation=activation)
    points = np.array([[rng.uniform(-2, 2) for _ in range(3)] for _ in range(6)])
    for beta in (F(1, 5), F(1, 2), F(9, 10)):
        soft = theory.SoftNetwork(net, beta, form=form)
        x = torch.tensor(points, requires_grad=True)
        there = in_torch(net, x, float(beta / (1 - beta)), form)
        assert np.allclose(soft.values(points), there.detach().numpy(), rtol=1e-12, atol=1e-12)
        for c in range(2):
            (slope,) = torch.autograd.grad(there[:, c].sum(), x, retain_graph=True)
            assert np.allclose(soft.jacobian(points)[:, c], slope.numpy(), rtol=1e-11, atol=1e-11)
        exact = [F(v) for v in points[0].tolist()]
        for ball, value in zip(soft.balls(exact), there[0].tolist(), strict=True):
            assert abs(float(ball) - value) < 1e-12 * max(1, abs(value))


def test_the_ends_of_beta():
    net = network(random.Random("ends"), 2, 4, 1)
    points = np.array([[0.3, -0.7], [1.25, 0.5]])
    hard = theory.SoftNetwork(net, 1)
    assert np.allclose(hard.values(points), net.forward(points))
    assert np.allclose(hard.jacobian(points), es.affine_maps(net, points)[0])
    assert hard.error_bound() == (0,)
    mean = theory.SoftNetwork(net, 0)
    first, _, last = net.operators
    half = (np.array(first.weight, float) @ points.T).T + np.array(first.bias, float)
    assert np.allclose(mean.values(points), half / 2 @ np.array(last.weight, float).T)


def test_the_entropy_problem_by_scipy():
    """SLSQP on the simplex, with the objective as it is written."""
    rng = np.random.default_rng(3)
    for pieces in (2, 3, 5):
        A, b = rng.normal(size=(1, pieces, 2)), rng.normal(size=(1, pieces))
        maso, x = es.MASO(A, b), rng.normal(size=2)
        z = A[0] @ x + b[0]
        for beta in (0.3, 0.5, 0.8):

            def objective(t, z=z, beta=beta):
                return -(beta * t @ z - (1 - beta) * (t * np.log(t)).sum())

            found = minimize(
                objective, np.full(pieces, 1 / pieces), bounds=[(1e-9, 1)] * pieces,
                constraints={"type": "eq", "fun": lambda t: t.sum() - 1},
                options={"ftol": 1e-14, "maxiter": 500},
            )  # fmt: skip
            soft = theory.SoftNetwork(es.Network([maso], (2,)), beta)
            assert abs(found.x @ z - soft.values([x])[0, 0]) < 1e-5
            value = theory.SoftNetwork(es.Network([maso], (2,)), beta, form="log-sum-exp")
            assert abs(-found.fun / beta - value.values([x])[0, 0]) < 1e-8


def test_the_largest_error_of_a_unit():
    two = minimize_scalar(lambda u: -u / (1 + math.exp(u)), bounds=(0, 5), method="bounded")
    assert abs(-two.fun - float(least_error(2, "mean"))) < 1e-9
    rng = np.random.default_rng(1)

    def error(d):
        powers = np.exp(-np.abs(d))
        return -(np.abs(d) * powers).sum() / (1 + powers.sum())

    for pieces in (3, 5):
        best = min(minimize(error, rng.uniform(0.5, 2, pieces - 1)).fun for _ in range(3))
        assert abs(-best - float(least_error(pieces, "mean"))) < 1e-6
    # attained by ReLU, where u is 1 + W(1 / e) over beta / (1 - beta)
    relu = es.Network([es.ReLU()], (1,))
    for beta in (F(1, 2), F(99, 100)):
        soft = theory.SoftNetwork(relu, beta)
        u = 1.2784645427610738 / float(beta / (1 - beta))
        gap = u - soft.values([[u]])[0, 0]
        assert 1 - 1e-9 < gap / float(soft.error_bound()[0]) < 1 + 1e-9


def test_bounds_on_a_box_hold_and_go_to_zero():
    rng = random.Random("box")
    net = network(rng, 2, 5, 4, 1)
    box = es.Box([-1, -1], [1, 1])
    points = np.array([[rng.randint(-64, 64) / 64 for _ in range(2)] for _ in range(400)])
    hard = net.forward(points)
    for form in ("mean", "log-sum-exp"):
        before = None
        for beta in (F(1, 2), F(9, 10), F(99, 100), F(9999, 10000)):
            soft = theory.SoftNetwork(net, beta, form=form)
            (everywhere,), (inside,) = soft.error_bound(), soft.error_bound(box)
            assert inside <= everywhere
            gap = np.abs(soft.values(points) - hard).max()
            assert gap <= float(inside) * (1 + 1e-9)
            assert gap > 0 or beta > F(99, 100)
            assert before is None or inside < before
            before = inside
    # far from all walls the selection is all but hard
    stable = es.Network([es.Dense([[1], [2]], [5, 7]), es.ReLU(), es.Dense([[1, 1]])], (1,))
    soft = theory.SoftNetwork(stable, F(9, 10))
    assert soft.error_bound(es.Box([-1], [1]))[0] < F(1, 10**13)
    assert soft.error_bound()[0] > F(1, 20)


def test_bounds_on_a_box_by_hand():
    """ReLU on [2, 3] and near 0, and three pieces of which the first is largest, c = 9."""
    relu = es.Network([es.ReLU()], (1,))
    three = es.Network([es.Maxout(3)], (3,))
    lambert = 0.2784645427610738
    cases = [
        (relu, es.Box([2], [3]), 2 * math.exp(-18), math.log1p(math.exp(-18)) / 9),
        (relu, es.Box(["1/20"], [1]), lambert / 9, math.log1p(math.exp(-0.45)) / 9),
        (three, es.Box([4, 1, 0], [5, 2, 1]), 2 * math.exp(-18) + 3 * math.exp(-27),
         math.log1p(math.exp(-18) + math.exp(-27)) / 9),
    ]  # fmt: skip
    for net, box, mean, value in cases:
        for form, wanted in (("mean", mean), ("log-sum-exp", value)):
            (found,) = theory.SoftNetwork(net, "9/10", form=form).error_bound(box)
            assert wanted <= float(found) * (1 + 1e-9) <= wanted * (1 + 1e-6) + 1e-15
    # a minimum, a kept input, and what comes in wrong
    low = es.Network([es.ReduceMin()], (2,))
    (found,) = theory.SoftNetwork(low, "9/10").error_bound(es.Box([4, 1], [5, 2]))
    assert abs(float(found) - 2 * math.exp(-18)) < 1e-15
    deep = es.Network([es.Dense([[1]]), es.ReLU(), es.Dense([[3]]), es.LeakyReLU("1/2")], (1,))
    (found,) = theory.SoftNetwork(deep, "9/10").error_bound()
    assert abs(float(found) - (3 * lambert + lambert) / 9) < 1e-9  # a break: slopes 1/2 and 1


def test_pooling_counts_every_piece_once():
    """At the border of a padded window there are fewer pieces, not repeated ones."""
    net = es.Network([es.MaxPool((2,), stride=2, padding=(1,))], (1, 3))
    found = theory.SoftNetwork(net).values([[[0.5, 1.0, 2.0]]])[0]
    assert abs(found[0] - 0.5) < 1e-15  # one piece: itself
    t = np.exp([1.0, 2.0]) / np.exp([1.0, 2.0]).sum()
    assert abs(found[1] - t @ [1.0, 2.0]) < 1e-14


def test_what_is_refused():
    relu = es.Network([es.ReLU()], (1,))
    for beta, form in ((2, "mean"), (-1, "mean"), (0, "log-sum-exp"), ("1/2", "max")):
        with pytest.raises(es.ParameterError):
            theory.SoftNetwork(relu, beta, form=form)
    with pytest.raises(es.UnsupportedOperatorError, match="neither convex nor concave"):
        theory.SoftNetwork(es.Network([es.Clip(-1, 1)], (1,)))
    soft = theory.SoftNetwork(relu)
    with pytest.raises(es.ShapeError):
        soft.values([1.0])
    with pytest.raises(es.DomainError, match="unbounded"):
        soft.error_bound(es.Box([0], [float("inf")]))
    with pytest.raises(es.DomainError, match="give a Box"):
        soft.error_bound(es.WholeSpace(1))
    with pytest.raises(es.ParameterError, match="beta = 0"):
        theory.SoftNetwork(relu, 0).error_bound()
    clip = es.Network([es.Clip(-1, 1)], (1,))
    for name in ("soft_network", "soft_selection"):
        assert getattr(theory, f"check_{name}")(clip).verdict == "not applicable"


def test_the_checks_and_their_broken_twins():
    net = es.Network([es.Dense([[1, 0], [0, 1], [1, 1]]), es.Maxout(3), es.Dense([[1]])], (2,))
    assert theory.check_soft_network(net).holds
    assert theory.check_soft_selection(net).holds
    # the bound of two pieces for a unit of three; none at all
    two = float(least_error(2, "mean"))
    for twin in (
        lambda soft, _: [F(two * float((1 - soft.beta) / soft.beta))] * 1,
        lambda soft, _: [F(0)],
        lambda soft, _: [F(1, 3)],  # does not go to 0
    ):
        assert theory.check_soft_network(net, bound=twin).verdict == "fails"
    # beta is forgotten; the lowest is selected
    for twin in (
        lambda z, beta: list(np.exp(z) / np.exp(z).sum()),
        lambda z, beta: list(np.exp(-np.array(z)) / np.exp(-np.array(z)).sum()),
    ):
        report = theory.check_soft_selection(net, beta="3/4", selection=twin)
        assert report.verdict == "fails"
        assert report.counterexample["solved"]
    twins = {
        ("ReLU", "mean"): lambda z, c: z[0] / (1 + (-z[0]).exp()),  # SiLU at every beta
        ("absolute value", "log-sum-exp"): lambda z, c: ((c * z[0]).cosh()).log() / c,
        ("minimum", "mean"): lambda z, c: sum(z[1:], z[0]) / 3,
    }
    for key, wrong in twins.items():
        report = theory.check_soft_forms({key: wrong})
        assert report.verdict == "fails"
        assert (report.counterexample["operator"], report.counterexample["form"]) == key
