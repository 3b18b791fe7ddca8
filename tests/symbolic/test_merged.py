"""Regions with equal maps in one formula: merged where the union is convex, and nowhere else."""

from __future__ import annotations

import random
from fractions import Fraction

import numpy as np
import pytest
import theory_networks as toys
from scipy.optimize import linprog

import exactspline as es
from exactspline.partition.pieces.merged import Merging

F = Fraction


def holds(branch, x):
    return all(c + sum(a * v for a, v in zip(row, x, strict=True)) >= 0 for c, row in branch.rows)


def necessary(branch, which):
    """Whether the set without one inequality has points that violate it, by floats."""
    rows = [(np.array(row, float), float(c)) for c, row in branch.rows]
    cost, constant = rows.pop(which)
    if not rows:
        return True
    found = linprog(cost, A_ub=-np.array([r for r, _ in rows]), b_ub=[c for _, c in rows],
                    bounds=(-1e4, 1e4))  # fmt: skip
    return found.fun + constant < -1e-9


def test_branches_are_the_function_irredundant_and_convex():
    rng, merged, apart = random.Random("merged"), 0, 0
    for _ in range(40):
        net = toys.any_network(rng)
        omega = es.enumerate_regions(net)
        if len(omega) > 30 or not len(omega.network.program.layers):
            continue
        merging = Merging(omega)
        for k in range(net.output_dim):
            branches = merging.branches(k)
            # every region stands in one branch
            assert sorted(i for b in branches for i in b.regions) == list(range(len(omega)))
            merged += len(omega) - len(branches)
            for branch in branches:
                assert all(necessary(branch, i) for i in range(len(branch.rows)))
            points = [[F(rng.randint(-40, 40), 7) for _ in range(net.input_dim)] for _ in range(30)]
            points += [list(omega.witness(i)) for i in range(len(omega))]
            forward = net.forward(np.array(points, dtype=object).reshape(-1, *net.input_shape),
                                  exact=True).reshape(len(points), -1)  # fmt: skip
            for x, values in zip(points, forward, strict=True):
                own = [b for b in branches if holds(b, x)]
                assert own  # they fill the domain
                for b in own:  # and the conditions hold nowhere but in the branch's regions
                    value = b.constant + sum(a * v for a, v in zip(b.coefficients, x, strict=True))
                    assert value == values[k]
                    assert set(omega.locate([x]).all(0)) & set(b.regions)
            maps = {(b.constant, b.coefficients) for b in branches}
            apart += len(branches) - len(maps)
    assert merged > 20
    assert apart > 1  # one map on sets whose union is not convex


def test_an_l_shaped_set_stays_in_two_parts():
    """min(relu(x), relu(y)) is 0 where x <= 0 or y <= 0: three regions, no convex union."""
    both = es.Branches([[es.Select([0])], [es.Select([1])]], es.Minimum())
    omega = es.enumerate_regions(es.Network([es.ReLU(), both], (2,)))
    branches = Merging(omega).branches(0)
    assert [(str(b.constant), b.coefficients) for b in branches].count(("0", (0, 0))) == 2
    assert len(branches) == 4
    assert len(omega.to_sympy().map[0].args) == 4


def test_three_sets_that_merge_only_together():
    """Sectors around a point, no two of which have a convex union, that fill the plane."""
    f = es.Network([es.MASO([[[1, 0], [0, 1], [-1, -1]]]), es.Dense([[0]], [5])], (2,))
    omega = es.enumerate_regions(f)
    assert len(omega) == 3
    (branch,) = Merging(omega).branches(0)
    assert branch.regions == (0, 1, 2)
    assert branch.rows == []
    assert omega.to_latex() == "f(x) = 5"


def test_a_union_that_is_not_convex_is_refused():
    """The twin: without the test of convexity the L-shaped set would have one wrong condition."""
    both = es.Branches([[es.Select([0])], [es.Select([1])]], es.Minimum())
    omega = es.enumerate_regions(es.Network([es.ReLU(), both], (2,)))
    merging = Merging(omega)
    zero = frozenset(i for i in range(len(omega)) if not omega[i].affine()[0].any())
    assert not merging._is_convex(zero)
    merging._is_convex = lambda block: True
    wrong = [b for b in merging.branches(0) if b.regions == tuple(sorted(zero))]
    assert len(wrong) == 1
    inside = [x for x in ([-1, 1], [1, -1], [-1, -1]) if holds(wrong[0], x)]
    assert len(inside) < 3  # the half-spaces of its facets leave points of the set out


@pytest.mark.slow
def test_two_hundred_regions_are_one_formula():
    rng = np.random.default_rng(5)
    net = es.Network(
        [es.Dense(rng.normal(size=(10, 2)), rng.normal(size=10)), es.ReLU(),
         es.Dense(rng.normal(size=(8, 10)), rng.normal(size=8)), es.ReLU(),
         es.Dense([[1, -1, 1, -1, 0, 0, 0, 0]])], (2,),
    )  # fmt: skip
    omega = es.enumerate_regions(net, es.Box(-3, 3, dim=2))
    assert 100 < len(omega) < 300
    branches = Merging(omega).branches(0)
    assert len(branches) < len(omega)
    assert omega.to_sympy().map.shape == (1, 1)
