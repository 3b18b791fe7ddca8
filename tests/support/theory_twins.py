"""Twins of the theory's statements that are wrong in one place: every check must refuse its own."""

from __future__ import annotations

import copy
from dataclasses import replace
from fractions import Fraction

import numpy as np
import sympy

import exactspline as es
from exactspline import theory
from exactspline.theory.counting.counts import Bound
from exactspline.theory.geometry.power import PowerDiagram
from exactspline.theory.operators import composition, written
from exactspline.theory.structure import formulas

F = Fraction
PATH = es.Network(
    [es.Dense([[1, 0], [1, 1]], [0, -1]), es.ReLU(), es.Dense([[1, 2]])], (2,)
)  # fmt: skip
DENSE = es.Network(
    [es.Dense([[1, "1/3"], [2, -1]], ["1/2", 1]), es.Abs(), es.Dense([[1, -3], [2, 1]], ["1/3", 1]),
     es.ReLU(), es.Dense([[3, "-2/7"]], [1])], (2,),
)  # fmt: skip
CNN = es.Network(
    [es.Conv([[[1, "-1/2"]], [["1/3", 1]]], ["1/7", "1/2"]), es.LeakyReLU("1/10"), es.MaxPool((2,)),
     es.Flatten(), es.Dense([[1, -1], ["1/2", "2/3"]], ["2/3", "-1/4"]), es.Clip(-1, 2)], (1, 3),
)  # fmt: skip
RES = es.Network(
    [es.Residual([es.Dense([[1, "1/2"], [-1, "1/3"]], ["1/2", "1/9"]), es.ReLU()]),
     es.Residual([es.Dense([["1/3", -1], [1, 1]], ["1/8", 0]), es.Clip(-1, 2)],
                 [es.Dense([[1, "1/4"], ["1/2", 1]], [3, "1/6"])]), es.Dense([[1, -1]])], (2,),
)  # fmt: skip


def no_bias(A, B, W, b):
    return composition.formula(A, B, W, 0 * b)


def bias_by_weights(A, B, W, b):
    slopes, offsets = composition.formula(A, B, W, b)
    return slopes, offsets + b[0]


def transposed(A, B, W, b):
    return composition.formula(A, B, W.T if W.shape[0] == W.shape[1] else W[::-1], b)


def reversed_order(D, d, W, b):
    return formulas.products(D[::-1], d[::-1], W, b)


def own_term_only(D, d, W, b):
    """Every bias counts as if no later level changed it."""
    slopes, _ = formulas.products(D, d, W, b)
    if any(len(v) != W.shape[1] for v in d):
        return slopes, b
    return slopes, b + sum((written._applied(W, v) for v in d), 0 * b)


def no_last_bias(D, d, W, b):
    return formulas.products(D, d, W, 0 * b)


def zero_radii(layer):
    right = theory.layer_power_diagram(DENSE, layer)
    return {layer: PowerDiagram(right.centroids, tuple(0 * r for r in right.radii))}


def flipped_codes():
    X = np.array([[0.5, 2.0], [3.0, -1.0]])
    codes = theory.vq_codes(DENSE, X)
    return {"X": X, "codes": 1 - codes}


def path_without_its_event():
    path = es.segment_path(PATH, [-1, 0], [2, 1])
    out = copy.copy(path)
    out.__dict__.update(
        codes=path.codes[:2], pieces=2, exact_t=path.exact_t[:1], kinds=path.kinds[:1],
        ranks=path.ranks[:1], inside_wall=path.inside_wall[:2],
        _maps={},
    )  # fmt: skip
    return out


def path_of_other_ranks():
    path = es.segment_path(PATH, [-1, 0], [2, 1])
    out = copy.copy(path)
    out.__dict__["ranks"] = 1 - path.ranks
    return out


def minima_for_maxima():
    formula = DENSE.to_sympy()
    return formula._replace(map=formula.map.replace(sympy.Max, sympy.Min))


def other_on_a_wall():
    """Right at every point but those where the first unit is 0."""
    formula = PATH.to_sympy()
    x = formula.symbols[0]
    pairs = (formula.map[0], x > 0), (formula.map[0], x < 0), (sympy.S(5), True)
    twin = sympy.Piecewise(*pairs, evaluate=False)
    return formula._replace(map=sympy.Matrix([twin]))


def cases_with(change):
    """The cases of PATH, with one of its (value, inequalities) changed, or taken out."""
    symbols, image = es.enumerate_regions(PATH).to_sympy()
    pairs = [(part.expr, list(part.cond.args)) for part in image[0].args]
    changed = [(value, sympy.And(*rows, evaluate=False)) for value, rows in change(pairs, symbols)]
    return type(PATH.to_sympy())(symbols, sympy.Matrix([sympy.Piecewise(*changed, evaluate=False)]))


def without_the_dual_norm(network, x, norm):
    return replace(theory.wall_distance(network, x, "l2"), norm=norm)


def without_a_case():
    form = PATH.to_sympy()
    x = form.symbols[0]
    return form._replace(map=[sympy.Piecewise((x, x > 0)) + part for part in form.map])


TWINS = {
    "path, an event missing": lambda: theory.check_path(PATH, path=path_without_its_event()),
    "path, other ranks": lambda: theory.check_path(PATH, path=path_of_other_ranks()),
    "symbolic forms, minima": lambda: theory.check_symbolic_forms(
        DENSE, nested=minima_for_maxima()
    ),
    "symbolic forms, another on a wall": lambda: theory.check_symbolic_forms(
        PATH, nested=other_on_a_wall()
    ),
    "symbolic forms, no case at a point": lambda: theory.check_symbolic_forms(
        PATH, nested=without_a_case()
    ),
    "symbolic forms, an inequality less": lambda: theory.check_symbolic_forms(
        PATH, cases=cases_with(lambda pairs, x: [(pairs[0][0], pairs[0][1][1:]), *pairs[1:]])
    ),
    "symbolic forms, an inequality more": lambda: theory.check_symbolic_forms(
        PATH, cases=cases_with(
            lambda pairs, x: [(pairs[0][0], [*pairs[0][1], sympy.Ge(9, x[0] + x[1])]), *pairs[1:]]
        )
    ),
    "symbolic forms, a case less": lambda: theory.check_symbolic_forms(
        PATH, cases=cases_with(lambda pairs, x: pairs[1:])
    ),
    "symbolic forms, another constant": lambda: theory.check_symbolic_forms(
        PATH, cases=cases_with(lambda pairs, x: [(pairs[0][0] + 1, pairs[0][1]), *pairs[1:]])
    ),
    "mixed-integer model, half of M": lambda: theory.check_mixed_integer(
        DENSE, es.Box(-1, 1, dim=2),
        change=lambda bounds: {k: tuple(v / 2 for v in M) for k, M in bounds.items()},
    ),
    "distance to walls, one norm": lambda: theory.check_wall_distance(
        DENSE, distance=without_the_dual_norm
    ),
    "composition, no bias": lambda: theory.check_composition(DENSE, formula=no_bias),
    "composition, bias added": lambda: theory.check_composition(DENSE, formula=bias_by_weights),
    "composition, W for W^T": lambda: theory.check_composition(DENSE, formula=transposed),
    "CNN, products the other way": lambda: theory.check_cnn_formula(DENSE, formula=reversed_order),
    "CNN, biases past later levels": lambda: theory.check_cnn_formula(CNN, formula=own_term_only),
    "CNN, no b_W": lambda: theory.check_cnn_formula(DENSE, formula=no_last_bias),
    "ResNet, the other way": lambda: theory.check_resnet_formula(RES, formula=reversed_order),
    "ResNet, biases": lambda: theory.check_resnet_formula(RES, formula=own_term_only),
    "power diagram, radii 0": lambda: theory.check_power_diagram(DENSE, diagrams=zero_radii(1)),
    "power diagram, deep radii 0": lambda: theory.check_power_diagram(
        DENSE, diagrams=zero_radii(2)
    ),
    "whole partition, even weights": lambda: theory.check_whole_partition(
        theory.toy_networks()["dense abs"], weights=[F(1, 1000), 1]
    ),
    "layers together, one that is right": lambda: theory.check_layers_together(
        es.Network([es.Dense([[1], [1]], [0, -1]), es.ReLU(), es.Dense([[1, 1]]), es.ReLU()], (1,))
    ),
    "equal cuts, other breakpoint": lambda: theory.check_cut_alike(
        DENSE, activations=[es.Threshold(1, 1)]
    ),
    "reflection, constant forgotten": lambda: theory.check_reflection(
        DENSE, reflection=lambda x, n, c: [-v for v in x]
    ),
    "counts, a bound too small": lambda: theory.check_counts(
        DENSE, against=[Bound("mine", "upper", 3, "", "")]
    ),
    "margins, a constant too small": lambda: theory.check_margin(
        theory.toy_networks()["K-means"], constant=lambda size, norm: size / 100
    ),
    "Lipschitz, too small": lambda: theory.check_lipschitz(DENSE, at_most={"inf": 1}),
    "Lipschitz, another": lambda: theory.check_lipschitz(DENSE, constant={"1": 10**6}),
    "hard to soft, even selection": lambda: theory.check_hard_to_soft(
        selection=lambda z, b: [sympy.Rational(1, len(z))] * len(z)
    ),
    "memorisation, against the input": lambda: theory.check_memorisation(
        direction=lambda C: (-1, 0)
    ),
    "memorisation, all templates alike": lambda: theory.check_memorisation(
        direction=lambda C: (1, 1)
    ),
    "template penalties, no squares": lambda: theory.check_template_penalties(
        formulas={"orthogonality": lambda A, x, alpha: sum(
            (A[c, :] * A[d, :].T)[0] for c in range(A.rows) for d in range(A.rows) if c != d
        )}
    ),
    "template penalties, x not normed": lambda: theory.check_template_penalties(
        formulas={"across": lambda A, x, alpha: (A * A.T).trace() - (x.T * A.T * A * x)[0]}
    ),
    "template penalties, no square of the excess": lambda: theory.check_template_penalties(
        formulas={"excess": lambda A, x, alpha: (A * A.T).trace() - alpha}
    ),
    "VQ, other codes": lambda: theory.check_vq(DENSE, **flipped_codes()),
    "tangents, half the bound": lambda: theory.check_tangent_rates(factor="1/2"),
    "difference, half the factor": lambda: theory.check_difference_of_convex(DENSE, factor="1/2"),
    "interpolation, a set less": lambda: theory.check_interpolation(
        DENSE, change=lambda sets: sets[1:]
    ),
    "interpolation, no minima": lambda: theory.check_interpolation(
        DENSE, change=lambda sets: [s[:1] for s in sets]
    ),
    "convexity, a concave output": lambda: theory.check_convexity(
        es.Network([es.Abs(), es.Dense([[-1]])], (1,))
    ),
}  # fmt: skip
