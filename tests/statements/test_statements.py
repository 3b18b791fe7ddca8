"""Statements with known verdicts, the ready-made ones, what is refused, and what a verdict says."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

import exactspline as es
from exactspline.statements.joint import Coordinates, Joint
from exactspline.statements.quantified import Statement

ROOT = Path(__file__).parents[2]
BOX = es.Box(-1, 1, dim=2)
NET = es.Network([es.Dense([[1, 1]], [-1]), es.ReLU()], (2,))
MAX_A = es.Network([es.ReduceMax([0], keepdims=True)], (2,))
MAX_B = es.Network([es.Dense([[1, -1], [0, 1], [0, -1]]), es.ReLU(), es.Dense([[1, 1, -1]])], (2,))


def test_two_ways_to_write_a_maximum_and_an_absolute_value():
    assert es.equal(MAX_A, MAX_B, es.WholeSpace(2)).holds
    two = es.Network([es.Dense([[1], [-1]]), es.ReLU(), es.Dense([[1, 1]])], (1,))
    verdict = es.prove(es.forall(es.WholeSpace(1), lambda x: two(x) == abs(x)))
    assert verdict.holds
    assert verdict.regions == 2


def test_a_difference_on_a_sliver():
    """Equal but where x is between 1 and 1 + 10^-30."""
    thin = Fraction(1, 10**30)
    hat = es.Network(
        [es.Dense([[1], [1], [1]], [-1, -1 - thin / 2, -1 - thin]), es.ReLU(),
         es.Dense([[1, -2, 1]])], (1,),
    )  # fmt: skip
    zero = es.Network([es.Dense([[0]])], (1,))
    verdict = es.equal(hat, zero, es.Box([0], [2]))
    assert verdict.holds is False
    assert 1 < verdict.counterexample[0] < 1 + thin
    found = es.at_most_apart(hat, zero, es.Box([0], [2]), thin / 4)
    assert (found.holds, found.optimum) == (False, thin / 2)
    assert es.at_most_apart(hat, zero, es.Box([0], [2]), thin / 2).holds


@pytest.mark.parametrize(("last", "holds"), [(1, True), (Fraction(-1, 10**9), False)])
def test_monotone_by_weights(last, holds):
    net = es.Network([es.Dense([[1, 2], [3, 0]], [-1, 1]), es.ReLU(), es.Dense([[1, last]])], (2,))
    verdict = es.monotone(net, BOX, 0)
    assert verdict.holds is holds
    if not holds:
        x, y = verdict.counterexample
        assert x[0] <= y[0]
        assert x[1] == y[1]
        values = [net.forward(np.array(p, dtype=object))[0] for p in (x, y)]
        assert values[0] > values[1]
        assert not es.prove(es.forall(BOX, lambda x: net.slope(x)[0, 0] >= 0)).holds


def test_tautologies_and_equality_alone():
    f = MAX_B
    either = es.forall(BOX, lambda x: (f(x)[0] <= x[0]) | (x[0] <= f(x)[0]))
    assert es.prove(either).holds
    # -relu is at least 0 only where it is 0
    minus = es.Network([es.Dense([[1, 1]]), es.ReLU(), es.Dense([[-1]])], (2,))
    corner = es.Box(0, 1, dim=2)
    found = es.find(es.exists(corner, lambda x: minus(x)[0] >= 0))
    assert found.holds
    assert found.witness == (0, 0)
    assert es.prove(es.forall(corner, lambda x: minus(x)[0] < 0)).counterexample == (0, 0)
    tip = es.prove(es.forall(BOX, lambda x: NET(x)[0] < 1))
    assert tip.counterexample == (1, 1)
    assert es.prove(es.forall(BOX, lambda x: NET(x)[0] <= 1)).holds


def test_a_single_point_inside():
    """|x - 1/3| + |y - 1/7| is at most 0 at one point, which no grid hits."""
    centre = (Fraction(1, 3), Fraction(1, 7))
    found = es.find(es.exists(BOX, lambda x: es.l1_norm(x - list(centre)) <= 0))
    assert found.witness == centre
    assert found.float_point is None
    assert es.find(es.exists(BOX, lambda x: es.l1_norm(x - list(centre)) < 0)).holds is False
    assert es.prove(es.forall(BOX, lambda x: es.l1_norm(x - list(centre)) > 0)).holds is False


def test_argmax_takes_the_lowest_index():
    same = es.Network([es.Dense([[1], [1]])], (1,))
    line = es.WholeSpace(1)
    assert es.prove(es.forall(line, lambda x: es.argmax(same(x)) == 0)).holds
    assert es.never_class(same, line, 1).holds
    two = es.Network([es.Dense([[1], [0]])], (1,))
    assert es.find(es.exists(line, lambda x: (es.argmax(two(x)) == 0) & (x[0] <= 0))).witness == (
        0,
    )
    assert es.prove(es.forall(line, lambda x: es.implies(x[0] < 0, es.argmax(two(x)) != 0))).holds


def test_two_and_three_points_in_three_dimensions():
    box = es.Box(-1, 1, dim=3)
    f = es.Network([es.Dense([[1, -1, 0], [0, 1, 1]]), es.ReLU(), es.Dense([[1, 1]])], (3,))
    half = Fraction(1, 2)
    convex = es.forall((box, box), lambda x, y: 2 * f(half * (x + y))[0] <= f(x)[0] + f(y)[0])
    assert es.prove(convex).holds
    share = Fraction(9, 10)
    lip = es.forall((box, box), lambda x, y: f(x)[0] - f(y)[0] <= 2 * es.l1_norm(x - y))
    assert es.prove(lip).holds
    assert (
        es.prove(
            es.forall((box, box), lambda x, y: f(x)[0] - f(y)[0] <= share * es.l1_norm(x - y))
        ).holds
        is False
    )


def test_composition_shares_and_nests():
    f = es.Network([es.Dense([[1, 1], [1, -1]]), es.ReLU()], (2,))
    statement = es.forall(BOX, lambda x: f(f(x))[0] >= f(f(x))[1])
    assert es.prove(statement).holds
    joint = Joint(Coordinates(statement.points), es.statements.conditions.literals_of(
        statement.sought))  # fmt: skip
    assert joint.network.units == 2 + 2 + 1  # f(f(x)) is there once


def test_hidden_values_codes_and_slopes():
    f = es.Network(
        [es.Dense([[1, 1], [-1, 0]], [0, -3]), es.ReLU(name="a"), es.Dense([[1, 1]])], (2,)
    )
    assert es.prove(es.forall(BOX, lambda x: es.hidden(f, x, "a", before=True)[1] <= -2)).holds
    assert es.dead(f, BOX, 1).holds
    assert not es.dead(f, BOX, 0).holds
    assert es.always_on(f, es.Box("0.1", 1, dim=2), 0).holds
    assert es.code_constant(f, es.Box("0.1", 1, dim=2)).holds
    assert es.code_constant(f, BOX).holds is False
    assert es.redundant_unit(f, BOX, 1).holds
    assert es.redundant_unit(f, BOX, 0).holds is False
    verdict = es.prove(
        es.forall(BOX, lambda x: es.implies(es.unit_on(f, x, 0), f.slope(x) == [[1, 1]]))
    )
    assert verdict.holds
    assert verdict.inside_only
    assert "left out" in str(verdict)


def test_softmax_and_sigmoid_are_compared_where_order_is_kept():
    soft = es.Network([es.Dense([[1, 0], [0, 1]]), es.Softmax()], (2,))
    assert es.prove(es.forall(BOX, lambda x: (soft(x)[0] <= soft(x)[1]) | (x[0] > x[1]))).holds
    assert es.find(es.exists(BOX, lambda x: es.argmax(soft(x)) == 1)).holds
    sigmoid = es.Network([es.Dense([[1, 1]]), es.Sigmoid()], (2,))
    assert es.prove(es.forall(BOX, lambda x: es.implies(x.sum() >= 0, sigmoid(x)[0] >= 0.5))).holds
    for refused in (
        lambda x: soft(x)[0] <= 0.3, lambda x: sigmoid(x)[0] <= 0.3,
        lambda x: abs(soft(x)[0]) <= 1, lambda x: soft(x)[0] + soft(x)[1] <= 1,
    ):  # fmt: skip
        with pytest.raises(es.ParameterError, match="logits"):
            es.forall(BOX, refused)


def test_largest_values():
    box = es.Box(0, 1, dim=2)
    found = es.find(es.exists(box, lambda x: x[0] + x[1] <= 1), maximise=lambda x: MAX_A(x)[0])
    assert (found.optimum, found.attained) == (1, True)
    assert max(found.witness) == 1
    assert sum(found.witness) <= 1
    found = es.find(es.exists(box, lambda x: x[0] < "1/3"), maximise=lambda x: x[0] - x[1])
    assert (found.optimum, found.attained) == (Fraction(1, 3), False)
    assert found.limit_point == (Fraction(1, 3), 0)
    assert found.witness[0] < Fraction(1, 3)
    plane = es.WholeSpace(2)
    found = es.find(es.exists(plane, lambda x: x[0] >= 0), maximise=lambda x: NET(x)[0])
    assert found.optimum == float("inf")
    assert found.attained is False
    none = es.find(es.exists(box, lambda x: x[0] > 1), maximise=lambda x: x[0])
    assert none.holds is False
    assert none.optimum is None


@pytest.mark.parametrize(("norm", "radius"), [("max", "1/2"), ("l1", "1"), ("l2", "1/2")])
def test_robustness(norm, radius):
    identity = es.Network([es.Dense([[1, 0], [0, 1]])], (2,))
    found = es.robust(identity, [1, 0], es.Box(-2, 2, dim=2), norm)
    assert (found.holds, found.optimum, found.attained) == (False, Fraction(radius), False)
    x = found.witness
    assert x[0] == x[1]
    assert es.robust(identity, [1, 0], es.Box([1, -1], [2, "0.5"]), norm).holds
    back = es.robust(identity, [0, 1], es.Box(-2, 2, dim=2), norm)  # ties go to class 0
    assert back.attained
    assert back.optimum == Fraction(radius)


def test_other_ready_made_ones():
    leaky = es.Network([es.Dense([[2, 1], [1, 1]]), es.LeakyReLU("1/2")], (2,))
    assert es.homeomorphism(leaky).holds
    folded = es.Network([es.Dense([[1, 0], [0, 1]]), es.Abs()], (2,))
    verdict = es.homeomorphism(folded)
    x, y = verdict.counterexample
    assert x != y
    assert [abs(v) for v in x] == [abs(v) for v in y]
    assert es.symmetric(MAX_B, es.WholeSpace(2), [1, 0]).holds
    assert es.symmetric(folded, BOX, [[-1, 0], [0, 1]]).holds
    assert es.symmetric(NET, BOX, [[-1, 0], [0, 1]]).holds is False
    assert es.bounded(NET, BOX, 0, 1).holds
    assert es.bounded(NET, BOX, high="0.9").holds is False
    assert es.convex(MAX_B, BOX).holds
    concave = es.Network([*MAX_B.operators, es.Dense([[-1]])], (2,))
    assert es.convex(concave, BOX).holds is False
    assert es.equivalent(leaky, es.Network([es.Dense([[2, 1], [1, 1]])], (2,)), BOX).holds


@pytest.mark.parametrize("norm", ["max", "l1", "l2"])
def test_lipschitz_constants_against_all_maps(norm):
    rng = np.random.default_rng(4)
    net = es.Network(
        [es.Dense(rng.normal(size=(6, 3)), rng.normal(size=6)), es.ReLU(),
         es.Dense(rng.normal(size=(6, 6))), es.Abs(), es.Dense(rng.normal(size=(2, 6)))], (3,),
    )  # fmt: skip
    box = es.Box(-1, 1, dim=3)
    A, _ = es.enumerate_regions(net, box).affine_pieces(exact=True)
    size = {
        "max": lambda row: sum(abs(v) for v in row), "l1": lambda row: max(abs(v) for v in row),
        "l2": lambda row: sum(v * v for v in row),
    }[norm]  # fmt: skip
    found = es.lipschitz(net, box, norm)
    assert found.complete
    assert found.regions == len(A)
    assert found.constants == tuple(max(size(a[k]) for a in A) for k in range(2))


def test_all_regions_where_it_fails():
    net = es.Network(
        [es.Dense([[1], [1], [1]], [0, -1, -2]), es.ReLU(), es.Dense([[1, -2, 1]])], (1,)
    )
    found = list(es.counterexamples(es.forall(es.Box([-1], [3]), lambda x: net(x)[0] <= 0)))
    assert len(found) == 2  # up, and down again
    assert all(net.forward(np.array(v.counterexample, dtype=object))[0] > 0 for v in found)
    by_equality = es.forall(es.Box([-1], [3]), lambda x: net(x)[0] != 1)
    assert {v.counterexample for v in es.counterexamples(by_equality)} == {(Fraction(1),)}


def test_slices_polytopes_and_points_of_different_domains():
    f = es.Network([es.Dense([[1, 1, 1, 1]], [-1]), es.ReLU()], (4,))
    flat = es.Slice.through([0, 0, 0, 0], [1, 0, 0, 0], [0, 1, 0, 0])
    triangle = es.Polytope([[-1, 0], [0, -1], [1, 1]], [0, 0, 1])
    verdict = es.prove(es.forall((flat, triangle), lambda x, t: es.implies(
        (x[0] == t[0]) & (x[1] == t[1]), f(x)[0] <= 0)))  # fmt: skip
    assert verdict.holds
    refuted = es.prove(es.forall(flat, lambda x: f(x)[0] <= 1))
    x = refuted.counterexample
    assert x[2] == x[3] == 0
    assert x[0] + x[1] > 2


def test_what_a_verdict_says():
    held = es.prove(es.forall(BOX, lambda x: NET(x)[0] <= 1))
    assert held
    assert held.exit_code == 0
    assert "holds" in str(held)
    assert "<table>" in held._repr_html_()
    failed = es.prove(es.forall(BOX, lambda point: NET(point)[0] <= "1/2"))
    value = json.loads(failed.to_json())
    point = [Fraction(v) for v in value["counterexample"]["point"]]
    assert NET.forward(np.array(point, dtype=object))[0] > Fraction(1, 2)
    assert failed.exit_code == 1
    assert not failed
    assert NET.forward(failed.float_point)[0] > 0.5
    (one,) = failed.applied
    assert one.network is NET
    assert one.input == failed.counterexample
    assert one.output == tuple(NET.forward(np.array(one.input, dtype=object)))
    assert one.code == (1,)
    assert value["values"] == [[str(v) for v in one.output]]
    empty = es.prove(es.forall(es.Polytope([[1, 0], [-1, 0]], [0, -1]), lambda x: x[0] > 5))
    assert empty.holds
    assert empty.vacuous
    assert "no point" in str(empty)
    deep = es.Network([es.Dense(np.eye(6, 3) + 1), es.ReLU(), es.Dense(np.ones((1, 6)))], (3,))
    undecided = es.prove(es.forall(es.Box(-1, 1, dim=3), lambda x: deep(x)[0] >= 0), limit=2)
    assert undecided.holds is None
    assert undecided.exit_code == 3
    assert "limit" in undecided.stopped
    with pytest.raises(es.UndecidedError, match="not decided"):
        bool(undecided)
    assert es.prove(es.forall(BOX, lambda x: NET(x)[0] < 9), time_limit=0).holds in (None, True)


@pytest.mark.parametrize(("make", "match"), [
    (lambda: es.forall(BOX, lambda x: 0 <= x[0] <= 1), "no truth value"),
    (lambda: es.forall(BOX, lambda x: x[0] >= 0 and x[1] >= 0), "no truth value"),
    (lambda: es.forall(BOX, lambda x: not x[0] >= 0), "no truth value"),
    (lambda: es.forall(BOX, lambda x: max(x[0], x[1]) >= 0), "no truth value"),
    (lambda: es.forall(BOX, lambda x: x[0] * x[1] >= 0), "not piecewise affine"),
    (lambda: es.forall(BOX, lambda x: 1 / x[0] >= 0), "not piecewise affine"),
    (lambda: es.forall(BOX, lambda x: x[0] ** 2 >= 0), "not piecewise affine"),
    (lambda: es.forall(BOX, lambda x: x[0]), "no condition"),
    (lambda: es.forall(BOX, lambda x: (x[0] <= 1) <= 2), "not supported"),
    (lambda: es.forall(BOX, lambda x: x <= 1), "compared with a number"),
    (lambda: es.forall(BOX, lambda x: x == [1, 2, 3]), "cannot be compared"),
    (lambda: es.forall(BOX, lambda x: x[2] >= 0), "index"),
    (lambda: es.forall(BOX, lambda x: x[0] >= "one"), "one"),
    (lambda: es.forall(BOX, lambda x: x[0] >= float("nan")), "NaN|nan"),
    (lambda: es.forall(BOX, lambda x: NET(x[:1])[0] >= 0), "does not fit"),
    (lambda: es.forall((BOX, BOX), lambda x: x[0] >= 0), "domains"),
    (lambda: es.forall(BOX, lambda x, y: x[0] >= 0), "domain"),
    (lambda: es.forall([], lambda: True), "at least one"),
    (lambda: es.forall([1, 2], lambda x: True), "domain is needed"),
    (lambda: es.forall(BOX, True), "function"),
    (lambda: es.forall(BOX, lambda x: es.argmax(NET(x)) == 3), "class 3"),
    (lambda: es.forall(BOX, lambda x: es.argmax(x) <= 1), "no order"),
    (lambda: es.forall(BOX, lambda x: NET.slope(x)[0, 0] <= x[0]), "slopes"),
    (lambda: es.forall(BOX, lambda x: abs(NET.slope(x)[0, 0]) <= 1), "jump"),
    (lambda: es.forall(BOX, lambda x: es.hidden(NET, x, "other")[0] <= 1), "no operator"),
    (lambda: bool(es.forall(BOX, lambda x: x[0] <= 1)), "es.prove"),
    (lambda: es.prove(True), "statement is needed"),
    (lambda: es.find(es.forall(BOX, lambda x: x[0] <= 1)), "exists"),
    (lambda: es.find(es.exists(BOX, lambda x: x[0] <= 1), maximise=lambda x: x), "one number"),
    (lambda: es.prove(es.forall(es.WholeSpace(61), lambda x: abs(x[0]) >= 0)), "61 dimensions"),
])  # fmt: skip
def test_what_is_refused(make, match):
    with pytest.raises((es.ExactSplineError, TypeError), match=match):
        make()


def test_points_stay_in_their_statement():
    kept = []
    es.forall(BOX, lambda x: kept.append(x) or x[0] >= -1)
    with pytest.raises(es.ParameterError, match="uses x of another statement"):
        es.forall(BOX, lambda y: y[0] <= kept[0][0])
    with pytest.raises(es.ParameterError, match="another statement"):
        es.find(es.exists(BOX, lambda y: y[0] <= 1), maximise=lambda y: kept[0][0])


def test_networks_at_numbers():
    assert NET([1.0, 1.0]).tolist() == [1.0]
    assert NET.slope([1.0, 1.0]).tolist() == [[1.0, 1.0]]
    assert isinstance(es.forall(BOX, lambda x: NET(x)[0] <= 1), Statement)


def test_classifiers_of_six_classes():
    """Conditions with many alternatives: most are decided by the signs inside of a region."""
    rng = np.random.default_rng(8)
    a, b = rng.normal(size=(4, 2)), rng.normal(size=(6, 4))
    f = es.Network([es.Dense(a, rng.normal(size=4)), es.ReLU(), es.Dense(b)], (2,))
    same = es.Network([*f.operators, es.Dense(3 * np.eye(6))], (2,))
    assert es.equivalent(f, same, BOX).holds
    b[3] += 0.01
    other = es.Network([*f.operators[:2], es.Dense(b)], (2,))
    verdict = es.equivalent(f, other, BOX)
    if not verdict.holds:
        x = np.array(verdict.counterexample, dtype=object)
        one, two = (list(net.forward(x)) for net in (f, other))
        assert one.index(max(one)) != two.index(max(two))
    tied = es.Network([*f.operators[:2], es.Dense(np.vstack([b[:5], b[:1]]))], (2,))
    assert es.never_class(tied, BOX, 5).holds  # as large as class 0, which comes first
