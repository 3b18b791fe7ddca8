"""Checks of formulas and solvers' models: what they go through, refuse, and say nothing of."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import sympy
from theory_twins import CNN, DENSE, PATH, cases_with, other_on_a_wall

import exactspline as es
from exactspline import theory
from exactspline.theory.structure import reading

F = Fraction
x, y = sympy.symbols("x0 x1", real=True)


@pytest.mark.parametrize("of", ["all", "box", "slice", "CNN"])
def test_formulas_are_the_network(of):
    net, domain = DENSE, None
    if of == "box":
        domain = es.Box(-1, 1, dim=2)
    if of == "slice":
        domain = es.Slice([0, 1], [[1, "1/2"]])
    if of == "CNN":
        net, domain = CNN, es.Slice([[0, 1, 0]], [[[1, "1/2", -1]]])
    omega = es.enumerate_regions(net, domain)
    report = theory.check_symbolic_forms(omega)
    assert report.holds
    assert report.details["facets"] == len(omega.edges)
    merged = sum(len(part.args) for part in omega.to_sympy().map)
    assert report.details["cases"] == merged <= len(omega) * net.output_dim


def test_a_formula_that_is_wrong_on_a_wall_alone():
    """A point inside of every facet is compared."""
    report = theory.check_symbolic_forms(PATH, nested=other_on_a_wall())
    assert report.counterexample["where"].startswith("inside facet")
    assert report.counterexample["x"][0] == 0
    assert report.counterexample["formula"] == [5]


def test_a_formula_that_is_wrong_at_a_vertex_alone():
    """Both units of the network are 0 at (0, 1)."""
    formula = PATH.to_sympy()
    at = sympy.And(x >= 0, x <= 0, y >= 1, y <= 1)
    twin = sympy.Piecewise((sympy.S(7), at), (formula.map[0], True), evaluate=False)
    report = theory.check_symbolic_forms(PATH, nested=formula._replace(map=sympy.Matrix([twin])))
    assert report.counterexample["where"].startswith("at vertices")
    assert report.counterexample["x"] == [0, 1]


def other_map(pairs, at):
    """The map of the first case on the second one, too: the first goes on into it."""
    return [(pairs[0][0], pairs[0][1][:1]), *pairs[1:]]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (other_map, "lies in 2 of them"),
        (lambda pairs, at: [*pairs, (at[0], [sympy.Ge(at[0], 5), sympy.Ge(4, at[0])])],
         "holds no region"),
        (lambda pairs, at: [(pairs[0][0], [*pairs[0][1], sympy.Ge(at[1], -50)]), *pairs[1:]],
         "cuts a region"),
        (lambda pairs, at: [(pairs[0][0] ** 2 + at[0] ** 2, pairs[0][1]), *pairs[1:]],
         "not affine"),
        (lambda pairs, at: [(pairs[0][0], [at[0] > 0]), *pairs[1:]], "no inequality of a closed"),
        (lambda pairs, at: [(sympy.sqrt(2) + at[0], pairs[0][1]), *pairs[1:]], "not affine"),
        (lambda pairs, at: [(0.5 * at[0], pairs[0][1]), *pairs[1:]], "not rational"),
    ],
)  # fmt: skip
def test_cases_that_are_wrong(change, why):
    report = theory.check_symbolic_forms(PATH, cases=cases_with(change))
    assert report.verdict == "fails"
    assert why in report.reason


def forms_of_a_ramp(low, high, domain=None):
    """Two cases of relu on the line, where they begin and end."""
    omega = es.enumerate_regions(es.Network([es.ReLU()], (1,)), domain)
    symbols, _ = omega.to_sympy()
    (t,) = symbols
    pairs = (sympy.S(0), low(t)), (t, high(t))
    twin = sympy.Matrix([sympy.Piecewise(*pairs, evaluate=False)])
    return theory.check_symbolic_forms(omega, cases=type(omega.to_sympy())(symbols, twin))


def test_a_case_that_goes_on_across_a_facet():
    """It holds the witness of its own region alone, and a little of the other one."""
    assert forms_of_a_ramp(lambda t: sympy.Le(t, 0), lambda t: sympy.Ge(t, 0)).holds
    little = sympy.Rational(1, 10**9)
    report = forms_of_a_ramp(lambda t: sympy.Le(t, little), lambda t: sympy.Ge(t, 0))
    assert "goes on into another region" in report.reason
    assert report.counterexample["t"] == [0]


def test_a_case_without_a_side_of_the_domain():
    box = es.Box(-1, 1, dim=1)

    def left(t):
        return sympy.And(sympy.Ge(t, -1), sympy.Ge(0, t), evaluate=False)

    def right(t):
        return sympy.And(sympy.Ge(t, 0), sympy.Ge(1, t), evaluate=False)

    report = forms_of_a_ramp(left, lambda t: sympy.Ge(t, 0), box)
    assert "leaves the domain" in report.reason
    assert forms_of_a_ramp(left, right, box).holds


def test_formulas_of_other_regions(monkeypatch):
    omega = es.enumerate_regions(PATH)
    formulas = [region.to_sympy() for region in omega]
    kind = type(omega[0])
    for order, why in (
        ([1, 0, *range(2, len(omega))], "that of another one"),
        ([0, 0, *range(2, len(omega))], "regions: a region lies in 2 of them"),
    ):
        other = iter([formulas[i] for i in order])
        monkeypatch.setattr(kind, "to_sympy", lambda self, it=other: next(it))
        assert why in theory.check_symbolic_forms(omega).reason


def test_what_is_too_large_is_left_out_with_its_size(monkeypatch):
    from exactspline.partition.pieces import symbolic
    from exactspline.symbolic import formula

    monkeypatch.setattr(symbolic, "MOST_REGIONS", 2)
    report = theory.check_symbolic_forms(PATH)
    assert report.holds
    assert "4 regions" in report.details["no cases"]
    assert "cases" not in report.details
    monkeypatch.setattr(formula, "MOST_TERMS", 2)
    report = theory.check_symbolic_forms(PATH)
    assert report.verdict == "not applicable"
    assert "2 units has" in report.details["no nested"]


def test_expressions_are_read_as_sympy_evaluates_them():
    """Every part that formulas are made of, at points where comparisons are ties as well."""
    parts = [
        sympy.Max(x, y, evaluate=False), sympy.Min(2 * x, y - 1, evaluate=False),
        sympy.Abs(x - y), sympy.Rational(2, 3) * x + 1,
        sympy.Piecewise((x, x <= y), (y, sympy.And(x > 0, y < 1)), (x + y, True), evaluate=False),
        sympy.Piecewise((x, sympy.Or(x >= 1, y > x)), (-y, True), evaluate=False),
    ]  # fmt: skip
    form = type(PATH.to_sympy())((x, y), sympy.Matrix(parts))
    read = reading.Reading(form)
    for a in (-1, 0, F(1, 2), 1, 2):
        for b in (-1, 0, F(1, 2), 1, 2):
            at = {s: sympy.Rational(F(v).numerator, F(v).denominator) for s, v in ((x, a), (y, b))}
            expected = [F(str(part.subs(at))) for part in parts]
            assert read.values([F(a), F(b)]) == expected
    with pytest.raises(reading.WrongFormulaError, match="holds sin"):
        reading.Reading(form._replace(map=sympy.Matrix([sympy.sin(x)])))
    with pytest.raises(reading.WrongFormulaError, match="holds Symbol"):
        reading.Reading(form._replace(map=sympy.Matrix([sympy.Symbol("z")])))


def test_at_a_point():
    report = theory.check_symbolic_forms(DENSE, es.Slice([1, 2], np.zeros((0, 2))))
    assert report.holds
    assert report.details["facets"] == 0


# --- Mixed-integer models ---------------------------------------------------------------------


def test_the_numbers_of_a_model_by_hand():
    """relu(2 x + 1) on [-1, 3]: 7 above 0 at 3, and 1 above its member at -1."""
    net = es.Network([es.Dense([[2]], [1]), es.ReLU()], (1,))
    report = theory.check_mixed_integer(net, es.Box([-1], [3]))
    assert report.holds
    assert report.details["optima of the solver, differences"] == pytest.approx([0, 0], abs=1e-9)
    right = theory.check_mixed_integer(net, es.Box([-1], [3]), change=lambda M: {0: (7, 1)})
    assert right.holds
    for wrong in ({}, {0: (7,)}, {0: (8, 1)}, {0: (7, F(1, 2))}, {0: (1, 7)}, {0: (7, 1, 0)}):
        report = theory.check_mixed_integer(net, es.Box([-1], [3]), change=lambda M, w=wrong: w)
        assert report.verdict == "fails"
        assert "no largest difference" in report.reason


UNITS = {
    "minima": es.Network(
        [es.Branches([[es.Dense([[1, 2], [0, 1]])], [es.Dense([[2, -1], [1, 1]])]], es.Minimum())],
        (2,),
    ),
    "a bump": es.Network([es.Dense([[1, 1]]), es.ScalarSpline([-1, 0, 1], [0, 1, -2, 1])], (2,)),
    "a piece that is on top nowhere else": es.Network(
        [es.MASO([[[1, 0], [-1, 0], [0, 0]]])], (2,)
    ),
    "dead": es.Network([es.Dense([[0, 0]], [-1]), es.ReLU(), es.Dense([[1]])], (2,)),
    "two layers": DENSE,
}  # fmt: skip


@pytest.mark.parametrize("name", UNITS)
def test_models_of_other_units(name):
    assert theory.check_mixed_integer(UNITS[name], es.Box(-2, 1, dim=2)).holds


def test_an_optimum_that_is_another_one(monkeypatch):
    """A model whose output is another one, with the right numbers M."""
    net = es.Network([es.ReLU(), es.Dense([[1, 1]])], (2,))
    right = es.Network.to_cvxpy

    def wrong(self, x, domain, **options):
        model = right(self, x, domain, **options)
        return model._replace(output=model.output + 1e-3)

    monkeypatch.setattr(es.Network, "to_cvxpy", wrong)
    report = theory.check_mixed_integer(net, es.Box(-1, 1, dim=2))
    assert report.verdict == "fails"
    assert report.counterexample["optimum"] == 2
    assert abs(report.counterexample["found"] - 2.001) < 1e-6


def test_models_that_nothing_is_said_of():
    assert "not bounded" in theory.check_mixed_integer(PATH).reason
    wide = es.Network([es.Dense(np.ones((70, 1)), np.arange(70)), es.ReLU()], (1,))
    assert "70 units" in theory.check_mixed_integer(wide, es.Box([-1], [1])).reason
    huge = es.Network([es.Dense([["1e300"]]), es.ReLU()], (1,))
    report = theory.check_mixed_integer(huge, es.Box([-1], [1]))
    assert report.holds
    assert "above 1,000,000" in report.details["the solver was not asked"]
    assert theory.check_mixed_integer(PATH, es.Slice([1, 2], np.zeros((0, 2)))).holds


def test_a_solver_that_gives_up_refutes_nothing(monkeypatch):
    import cvxpy as cp

    def solve(self, **options):
        raise cp.SolverError("no more")

    monkeypatch.setattr(cp.Problem, "solve", solve)
    with pytest.raises(es.UndecidedError, match="no optimum of output 0"):
        theory.check_mixed_integer(PATH, es.Box(-1, 1, dim=2))
