"""The check of symbolic forms: what it goes through, what it refuses, where it says nothing."""

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
