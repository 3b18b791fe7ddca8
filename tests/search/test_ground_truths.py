"""Counts that are known: arrangements, deep networks that attain a formula, real networks.

Sources: OEIS (A-numbers), Zaslavsky's theorem, Stanley's lectures on hyperplane arrangements;
Montufar et al. 2014 and Serra et al. 2018 for the deep ones.
"""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import pytest
import random_networks as nets
from folders import ACAS, NETWORKS
from known_networks import (
    abs_folding,
    arrangement,
    differences,
    folded,
    folding,
    moment_curve,
    unit_row,
)

import exactspline as es
from exactspline.formats.vnnlib.reader import load_vnnlib

HALF = Fraction(1, 2)


# --- Hyperplane arrangements -----------------------------------------------------------------


@pytest.mark.parametrize("n", range(1, 13))
def test_boolean(n):
    assert es.count_regions(arrangement([unit_row(n, **{f"x{i}": 1}) for i in range(n)])) == 2**n


@pytest.mark.parametrize("n", range(2, 8))
def test_braid(n):
    """x_i = x_j: n! regions, all of which contain the line (1, ..., 1)."""
    assert es.count_regions(arrangement(differences(n))) == math.factorial(n)


@pytest.mark.parametrize("n", range(1, 7))
def test_type_b(n):
    rows = [unit_row(n, **{f"x{i}": 1}) for i in range(n)] + differences(n)
    rows += [[abs(v) for v in row] for row in differences(n)]
    assert es.count_regions(arrangement(rows)) == 2**n * math.factorial(n)


@pytest.mark.parametrize("n", range(2, 7))
def test_shi(n):
    """x_i - x_j = 0 and 1: (n + 1)^(n - 1) regions."""
    rows = differences(n)
    offsets = [0] * len(rows) + [-1] * len(rows)
    assert es.count_regions(arrangement(rows * 2, offsets)) == (n + 1) ** (n - 1)


@pytest.mark.parametrize(("n", "regions"), [(1, 2), (2, 6), (3, 32), (4, 370), (5, 11292)])
def test_resonance(n, regions):
    """All nonzero 0/1 rows (A034997): everything is a tie."""
    rows = [v for v in itertools.product((0, 1), repeat=n) if any(v)]
    assert es.count_regions(arrangement(rows)) == regions


@pytest.mark.parametrize(("n", "regions"), [(1, 4), (2, 14), (3, 104), (4, 1882), (5, 94572)])
def test_threshold(n, regions):
    """Linear threshold functions of n bits (A000609)."""
    rows = [(1, *v) for v in itertools.product((0, 1), repeat=n)]
    assert es.count_regions(arrangement(rows)) == regions


@pytest.mark.parametrize(
    ("m", "n"), [(1, 1), (9, 1), (3, 2), (7, 2), (40, 2), (5, 3), (16, 3), (4, 4), (11, 4),
                 (10, 5), (9, 6), (12, 6), (5, 8), (13, 8)],
)  # fmt: skip
def test_generic(m, n):
    """sum_{i <= n} C(m, i), for rational and float rows, ReLU or abs."""
    expected = sum(math.comb(m, i) for i in range(n + 1))
    rows, offsets = moment_curve(m, n)
    assert es.count_regions(arrangement(rows, offsets)) == expected
    # scaled to modest floats: the moment curve at t / (m + 1) instead
    points = [t / (m + 1) for t in range(1, m + 1)]
    rows = [[t**i for i in range(n)] for t in points]
    network = arrangement(rows, [-(t**n) for t in points], operator=es.Abs)
    assert es.count_regions(network) == expected


def test_generic_in_a_box_that_holds_all_vertices():
    rows, offsets = moment_curve(8, 2)
    box = es.Box([-1000, -1000], [1000, 1000])
    assert es.count_regions(arrangement(rows, offsets), box) == 1 + 8 + 28


# --- Deep networks that attain a formula -----------------------------------------------------


@pytest.mark.parametrize(
    ("k", "n"), [*((k, 1) for k in range(1, 13)), (2, 2), (5, 2), (7, 2), (2, 3), (5, 3), (3, 5)]
)
def test_abs_folding(k, n):
    assert es.count_regions(abs_folding(k, n)) == 2 ** (k * n)


@pytest.mark.parametrize("k", range(1, 12))
def test_tent(k):
    """2 relu(x) - 4 relu(x - 1/2), k times: 2^k on [0, 1], more outside."""
    between = [[2, -4], [2, -4]], [0, -0.5]
    network = folded(([[1], [1]], [0, -0.5]), between, ([[2, -4]],), k)
    assert es.count_regions(network, es.Box([0], [1])) == 2**k
    assert es.count_regions(network) == (3 if k == 1 else 2**k + 2)


def test_hat():
    """Its two zero ends are two regions: activation regions 4."""
    network = es.Network([es.Dense([[1], [1], [1]], [0, -1, -2]), es.ReLU()], (1,))
    omega = es.enumerate_regions(network)
    assert omega.codes.tolist() == [[0, 0, 0], [1, 0, 0], [1, 1, 0], [1, 1, 1]]
    one = es.Network([nets.ScalarUnits([nets.HAT])], (1,))  # as one unit of four pieces
    assert es.enumerate_regions(one).codes.tolist() == [[0], [1], [2], [3]]


@pytest.mark.parametrize("k", range(1, 8))
def test_serra_bound_attained(k):
    """Three units a layer: Z = 2 relu(x) - 2 relu(3 - x) + 3 relu(6 - x) - 13; 4^k on R."""
    slopes, offsets = (1, -1, -1), (0, 3, 6)
    z, shift = (2, -2, 3), -13
    # the next layer reads 3.5 Z + 0.5
    inner = [3.5 * v for v in z]
    constant = 3.5 * shift + 0.5
    between = (
        [[s * v for v in inner] for s in slopes],
        [s * constant + o for s, o in zip(slopes, offsets, strict=True)],
    )
    network = folded(([[s] for s in slopes], list(offsets)), between, ([list(z)], [shift]), k)
    assert es.count_regions(network) == 4**k


@pytest.mark.parametrize("sizes", [(2, 2, 2), (3, 3, 2), (2, 5, 3), (4, 3, 4), (5, 4, 1)])
def test_montufar_folding(sizes):
    p, layers, m = sizes
    network = folding(p, layers, m)
    assert es.count_regions(network, es.Box([0], [1])) == p**layers * (m + 1)


def test_montufar_folding_as_stated():
    assert es.count_regions(folding(2, 2, 2), es.Box([0], [1])) == 12
    assert es.count_regions(folding(3, 3, 2), es.Box([0], [1])) == 81


@pytest.mark.parametrize(
    ("directions", "constants", "regions"),
    [
        ([(1,)] * 3, [(0, 1), (2, 3), (4, 5)], 7),
        ([(1, 0), (0, 1), (1, 1)], [(0, 1), (0, 1), (HALF, Fraction(7, 4))], 19),
        ([(1, 0, 0), (0, 1, 0), (0, 0, 1)], [(0, 1)] * 3, 27),
    ],
)
def test_maxout_of_rank_three(directions, constants, regions):
    """Units max(0, t - c1, 2t - c1 - c2), t = <w, x>: the bound of Montufar, Ren, Zhang 2021."""
    rows, offsets, members = [], [], []
    for w, (c1, c2) in zip(directions, constants, strict=True):
        members.append(range(len(rows), len(rows) + 3))
        rows += [[0 * v for v in w], list(w), [2 * v for v in w]]
        offsets += [0, -c1, -c1 - c2]
    dense = es.Dense(nets._array(rows), nets._array(offsets))
    network = es.Network([dense, nets.MaxUnits(members)], (len(directions[0]),))
    assert es.count_regions(network) == regions
    n0, m = len(directions[0]), len(directions)
    assert regions == sum(math.comb(m, j) * 2**j for j in range(n0 + 1))
    # min(-a, -b, -c) = -max(a, b, c): the same regions, and the same codes
    negated = es.Dense(nets._array([[-v for v in r] for r in rows]), nets._array(offsets) * -1)
    concave = es.Network([negated, nets.MaxUnits(members, concave=True)], (n0,))
    first, second = es.enumerate_regions(network), es.enumerate_regions(concave)
    assert first.codes.tolist() == second.codes.tolist()


# --- Upper bounds ----------------------------------------------------------------------------


def test_no_network_exceeds_montufars_bound():
    """prod_l sum_{j <= min(n0 .. n_{l-1})} C(n_l, j) for chains of two-piece units."""
    import random

    rng = random.Random(11)
    for _ in range(25):
        n0, widths = rng.randint(1, 3), [rng.randint(2, 6) for _ in range(3)]
        spec = nets.random_spec(rng, n0, widths, "float", kinds=("relu", "abs"))
        bound, smallest = 1, n0
        for width in widths:
            bound *= sum(math.comb(width, j) for j in range(min(smallest, width) + 1))
            smallest = min(smallest, width)
        assert 1 <= es.count_regions(nets.network(spec)) <= bound


# --- Real networks ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "regions"),
    [
        ("tll/tllBench_n=2_N=M=8_m=1_instance_0_0.onnx", 433),
        ("tll/tllBench_n=2_N=M=16_m=1_instance_1_0.onnx", 3984),
    ],
)
def test_two_level_lattices(file, regions):
    """Full of ties and coincident hyperplanes."""
    network = es.load(NETWORKS / file)
    assert es.count_regions(network, es.Box([-2, -2], [2, 2])) == regions


@pytest.mark.parametrize(
    ("network", "prop", "regions"),
    [("2_3", 3, 10_694), ("1_1", 3, 71_930), ("1_1", 4, 19_143)],
)
def test_acas_xu(network, prop, regions):
    """Input boxes of the properties; that of property 4 is 4-dimensional (one input fixed)."""
    loaded = es.load(NETWORKS / ACAS.format(network))
    (box,) = load_vnnlib(NETWORKS / f"acasxu/prop_{prop}.vnnlib", loaded.input_dim)
    assert box.chart.dim == (4 if prop == 4 else 5)
    assert es.count_regions(loaded, box) == regions
