"""Upper bounds: the published values, plain twins of the formulas, and where they apply."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

import exactspline as es
from exactspline.bounds import (
    generic_arrangement,
    montufar2017,
    rank_of_inputs,
    serra2018,
    upper_bounds,
)


def naive_montufar(widths, n0):
    total = 1
    for layer, width in enumerate(widths):
        top = min([n0, *widths[:layer]])
        total *= sum(math.comb(width, j) for j in range(top + 1))
    return total


def naive_serra(widths, n0):
    total = 0
    for chosen in itertools.product(*(range(width + 1) for width in widths)):
        allowed = all(
            chosen[i] <= min([n0, *(widths[j] - chosen[j] for j in range(i))])
            for i in range(len(widths))
        )
        if allowed:
            total += math.prod(math.comb(n, j) for n, j in zip(widths, chosen, strict=True))
    return total


@pytest.mark.parametrize(
    ("n0", "widths", "value"),
    [(2, [8, 8], 1369), (2, [6, 6, 6], 10648), (3, [9, 9], 16900), (1, [3, 3, 3], 64)],
)
def test_published_values(n0, widths, value):
    assert serra2018(widths, n0) == value


@pytest.mark.parametrize("seed", range(40))
def test_formulas_against_plain_sums(seed):
    rng = np.random.default_rng(seed)
    widths = rng.integers(1, 6, size=rng.integers(1, 5)).tolist()
    n0 = int(rng.integers(0, 6))
    assert montufar2017(widths, n0) == naive_montufar(widths, n0)
    assert serra2018(widths, n0) == naive_serra(widths, n0)
    assert serra2018(widths, n0) <= montufar2017(widths, n0)


def test_generic_arrangement():
    for m in range(8):
        for n in range(8):
            assert generic_arrangement(m, n) == sum(math.comb(m, i) for i in range(n + 1))


def test_no_layers_and_one_point():
    assert montufar2017([], 3) == serra2018([], 3) == 1
    assert montufar2017([5, 5], 0) == serra2018([5, 5], 0) == 1


@pytest.mark.parametrize(
    "call",
    [
        lambda: generic_arrangement(-1, 2),
        lambda: generic_arrangement(3, 1.5),
        lambda: montufar2017([3, 0], 2),
        lambda: serra2018([3], -1),
    ],
)
def test_bad_arguments(call):
    with pytest.raises(es.ParameterError):
        call()


def folding(layers):
    """h = |2 x - 1|, then |1 - 2 h|: 2^layers regions on R."""
    operators = [es.Dense([[2]], [-1]), es.Abs()]
    for _ in range(layers - 1):
        operators += [es.Dense([[-2]], [1]), es.Abs()]
    return es.Network(operators, (1,))


def test_serra_does_not_apply_to_absolute_values():
    network = folding(4)
    assert serra2018([1] * 4, 1) == 5  # false for this network
    bounds = {b.name: b for b in upper_bounds(network.program, 1)}
    assert bounds["Serra et al. 2018"].value is None
    assert "ReLU" in bounds["Serra et al. 2018"].note
    assert bounds["Montufar 2017"].value == 16 == es.count_regions(network)


def test_leaky_units_are_never_off():
    network = es.Network([es.Dense([[1], [2]]), es.LeakyReLU("1/10")], (1,))
    bounds = {b.name: b.value for b in upper_bounds(network.program, 1)}
    assert bounds == {"choices of pieces": 4, "Montufar 2017": 3, "Serra et al. 2018": None}


def test_units_that_are_affine_make_a_skip_connection():
    # the second entry has slope 1: no unit, its value is passed by the first layer
    operators = [
        es.Dense(np.eye(2)), es.PReLU([0, 1]), es.Dense([[1, 1]]), es.ReLU()
    ]  # fmt: skip
    network = es.Network(operators, (2,))
    bounds = upper_bounds(network.program, 2)
    assert [b.value for b in bounds] == [4, None, None]
    assert "skip" in bounds[1].note


def test_network_without_units():
    network = es.Network([es.Dense([[1, 2]])], (2,))
    assert [b.value for b in upper_bounds(network.program, 2)] == [1]
    assert rank_of_inputs(network.program, es.WholeSpace(2).chart) == 0


def test_rank_of_inputs():
    rows = [[1, -1, 0], [0, 1, -1], [1, 0, -1]]
    network = es.Network([es.Dense(rows), es.ReLU()], (3,))
    assert rank_of_inputs(network.program, es.WholeSpace(3).chart) == 2
    assert rank_of_inputs(network.program, es.Box([0, 0, 0], [1, 0, 0]).chart) == 1
    assert rank_of_inputs(network.program, es.Box(0, 0, dim=3).chart) == 0
    wide = es.Network([es.Dense(np.ones((30, 784))), es.ReLU()], (784,))
    assert rank_of_inputs(wide.program, es.WholeSpace(784).chart) == 30  # an upper bound


def test_bounds_hold_for_random_networks():
    rng = np.random.default_rng(3)
    for _ in range(12):
        n0, *widths = rng.integers(1, 5, size=rng.integers(2, 5)).tolist()
        sizes = [n0, *widths]
        operators = []
        for a, b in itertools.pairwise(sizes):
            operators += [
                es.Dense(rng.integers(-3, 4, (b, a)), rng.integers(-2, 3, b)), es.ReLU()
            ]  # fmt: skip
        network = es.Network(operators, (n0,))
        count = es.count_regions(network)
        rank = rank_of_inputs(network.program, es.WholeSpace(n0).chart)
        for bound in upper_bounds(network.program, rank):
            assert bound.value is None or count <= bound.value
