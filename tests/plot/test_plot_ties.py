"""Regions that the boundary need not ask: the bound holds, and nothing of the boundary is lost."""

from __future__ import annotations

import random
from fractions import Fraction

import numpy as np
import pytest
import random_networks as nets
from folders import MOONS
from graph_networks import draw
from marks import first_quick
from plane_cases import draw_case

import exactspline as es
from exactspline.plot.boundary import boundary_in, boundary_of
from exactspline.plot.colours import maps_of
from exactspline.plot.dispatch import cells_of
from exactspline.plot.ties import _errors, regions_with_ties

F = Fraction


def classifier(network: es.Network, outputs: int, seed: int) -> es.Network:
    """The same partition with a few outputs behind it."""
    rng = np.random.default_rng(seed)
    rows = rng.integers(-2, 3, (outputs, network.output_dim))
    shift = rng.integers(-1, 2, outputs)
    return es.Network([*network.operators, es.Dense(rows, shift)], network.input_shape)


def same(omega: es.Partition, window=None) -> tuple[int, int]:
    cells = cells_of(omega, window)
    whole = boundary_in(omega.decision_boundary(), cells.window)
    some = boundary_in(boundary_of(omega, cells), cells.window)
    assert set(map(frozenset, some[0])) == set(map(frozenset, whole[0]))
    assert sorted(some[1]) == sorted(whole[1])
    asked = regions_with_ties(omega, cells.region, cells.start, cells.xy, cells.off)
    return len(asked), len(cells)


def test_few_regions_are_asked():
    omega = es.enumerate_regions(es.load(MOONS), es.Box([-2, "-1.5"], [3, 2]))
    asked, all_ = same(omega)
    assert asked < all_ / 4


@pytest.mark.parametrize("seed", first_quick(range(2)))
def test_nothing_is_lost(seed):
    rng, counts, done = random.Random(seed), np.zeros(2, dtype=int), 0
    while done < 20:
        spec, (domain, _) = draw(rng, rng.choice(("any", "ties", "stacked", "slivers")))
        if domain.chart.dim != 2:
            continue
        network = classifier(nets.network(spec), rng.choice((1, 2, 3)), done)
        omega = es.enumerate_regions(network, domain)
        try:
            counts += same(omega, None if done % 2 else (["-1/3", -1], [1, "3/2"]))
        except es.DomainError:  # the domain is elsewhere
            continue
        done += 1
    assert 0 < counts[0] < counts[1]


def test_bounds_hold_for_hostile_networks():
    """Computed values and exact ones at the window's corners, of networks of many magnitudes."""
    held = 0
    for seed in range(24):
        case, _ = draw_case(seed)
        omega = es.enumerate_regions(case.network, case.domain)
        if omega.domain.chart.dim != 2:
            continue
        reach = np.array([1.5, 2.0])
        error, error_of_slope = _errors(omega, reach)
        slope, offset = (np.concatenate(part) for part in zip(*maps_of(omega), strict=True))
        for i in range(min(len(omega), 6)):
            A, b = omega[i].affine(exact=True)
            for t in ([1.5, -2.0], [-1.5, 2.0], [1.0, 0.25]):
                x = omega.domain.chart.lift([F(v) for v in t])
                with np.errstate(all="ignore"):
                    near = slope[i] @ t + offset[i]
                for c, (row, shift) in enumerate(zip(A, b, strict=True)):
                    exact = sum((F(a) * v for a, v in zip(row, x, strict=True)), F(shift))
                    if np.isfinite(near[c]) and np.isfinite(error[c]):
                        assert abs(F(near[c]) - exact) <= F(error[c])
                        held += 1
        assert (error_of_slope >= 0).all() or np.isnan(error_of_slope).any()
    assert held > 100


def test_values_within_the_bound_decide_nothing():
    """1 - 1 + 2^-53 is not told from 0, 1 - 1 + 1e-3 is well above all roundings."""
    for height, asked in ((2.0**-53, [0]), (1e-3, [])):
        net = es.Network([es.Dense([[0, 0]], [1]), es.ReLU(), es.Dense([[1]], [height - 1])], (2,))
        omega = es.enumerate_regions(net, es.Box(-1, 1, dim=2))
        xy, off = np.array([[0, 0], [1, 0], [1, 1.0]]), np.array([1e-9, 1e-9])
        found = regions_with_ties(omega, np.array([0]), np.array([0, 3]), xy, off)
        assert found.tolist() == asked


def test_a_stopped_search_and_none():
    net = classifier(es.Network([es.ReLU()], (2,)), 3, 0)
    omega = es.enumerate_regions(net, es.Box(-1, 1, dim=2), limit=2)
    assert omega.plot(boundary=True).artists["boundary"] is not None
    none = regions_with_ties(
        omega, np.zeros(0, int), np.zeros(1, int), np.zeros((0, 2)), np.zeros(2)
    )
    assert len(none) == 0
