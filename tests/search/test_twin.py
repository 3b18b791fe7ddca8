"""The package against its naive twin: the same regions in the same order, on random networks.

The twin (``naive``) enumerates by double description in integers: no linear programs and no
floats. Every block draws the same mixture of networks from its own seed, so that blocks run in
parallel; what a block must have seen at least is asserted at its end.
"""

from __future__ import annotations

import random
from collections import Counter
from fractions import Fraction

import naive
import numpy as np
import pytest
import random_networks as nets
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from marks import first_quick
from small_networks import small_domains, small_networks

import exactspline as es

BLOCKS = 16
# Counted over all blocks: networks; of three or more layers and 200 or more regions; on R^D
# with unbounded cells; on polytopes or lower-dimensional domains; with many ties.
QUOTAS = {"nets": 2000, "deep": 300, "unbounded": 300, "flat or polytope": 300, "ties": 200}
PLAN = {"deep": 20, "whole": 22, "polytope": 27, "ties": 42, "any": 31}  # per block


def draw(rng: random.Random, recipe: str) -> tuple[nets.Spec, nets.DomainPair]:
    """One network and domain of a recipe."""
    style = rng.choice(nets.STYLES)
    dim = rng.choice((1, 2, 2, 3))
    widths = [rng.randint(1, 5) for _ in range(rng.randint(1, 3))]
    if recipe == "deep":
        while True:  # big enough to count, small enough for the twin
            spec, pair = draw(rng, "any size")
            if 200 <= es.count_regions(nets.network(spec), pair[0], limit=501) <= 500:
                return spec, pair
    if recipe == "any size":
        dim = rng.choice((2, 2, 2, 3))
        widths = [10, 8, 6] if dim == 2 else [7, 5, 4]
        kinds = rng.choice((("abs",), ("prelu",), ("abs", "scalar"), ("relu", "abs"), ("leaky",)))
        style = rng.choice(("float", "float", "third", "dyadic"))
        spec = nets.random_spec(rng, dim, widths, style, kinds=kinds, odd=rng.random() < 0.3)
        return spec, nets.whole(dim) if rng.random() < 0.6 else nets.polytope(rng, dim)
    if recipe == "ties":
        style = rng.choice(("integer", "integer", "third"))
        spec = nets.random_spec(
            rng, dim, [rng.randint(3, 6) for _ in range(rng.randint(1, 2))], style,
            bias=rng.random() < 0.15,
        )  # fmt: skip
        return spec, nets.any_domain(rng, dim)
    spec = nets.random_spec(
        rng, dim, widths, style, bias=rng.random() < 0.8, skip=rng.random() < 0.2
    )
    if recipe == "whole":
        return spec, nets.whole(dim)
    if recipe == "polytope":
        return spec, nets.lower_or_polytope(rng, dim)
    return spec, nets.any_domain(rng, dim)


def found_codes(omega: es.Partition) -> list[tuple[int, ...]]:
    return [tuple(code) for code in omega.codes.tolist()]


@pytest.mark.parametrize("block", first_quick(range(BLOCKS)))
def test_same_regions_in_the_same_order(block):
    rng = random.Random(20_000 + block)
    seen: Counter[str] = Counter()
    for recipe, many in PLAN.items():
        for number in range(many):
            spec, pair = draw(rng, recipe)
            layers = nets.twin(spec)
            expected = naive.codes(layers, pair[1])
            omega = es.enumerate_regions(nets.network(spec), pair[0])
            assert found_codes(omega) == expected, nets.describe(spec, pair[1])
            assert omega.complete
            assert expected == sorted(set(expected))
            tally(seen, spec, pair, omega)
            check = nets.WitnessCheck(layers, pair)
            every = 1 if len(omega) <= 20 else len(omega) // 4
            for i in range(number % every, len(omega), every):
                check(expected[i], omega.witness(i))
            if number % 6 == 0 and len(expected) <= 60:  # rational arithmetic takes its time
                same = es.enumerate_regions(nets.network(spec), pair[0], engine="rational")
                assert found_codes(same) == expected, nets.describe(spec, pair[1])
                assert es.count_regions(nets.network(spec), pair[0]) == len(expected)
    for name, least in QUOTAS.items():
        assert seen[name] * BLOCKS >= least, f"{name}: {seen}"


def tally(seen: Counter[str], spec: nets.Spec, pair: nets.DomainPair, omega: es.Partition) -> None:
    """Count a network under every heading it belongs to.

    *Ties*: over 30 % of the proved decisions (a unit settled on a cell, or a region shown to be
    nonempty) needed exact arithmetic, in integers or rationals.
    """
    given_domain, domain = pair
    seen["nets"] += 1
    layers = omega.network.program.layers
    seen["deep"] += len(layers) >= 3 and len(omega) >= 200
    seen["unbounded"] += domain[0] == "all" and len(omega) > 1
    lower = given_domain.chart.dim < given_domain.dim
    seen["flat or polytope"] += lower or domain[0] == "polytope"
    by = omega.certificates
    exactly = by.integer + by.double_double + by.rational
    seen["ties"] += exactly > 0.3 * by.total and len(omega) > 1


# --- Shrinkable small cases ------------------------------------------------------------------


@pytest.mark.slow
@settings(
    max_examples=300, deadline=None, derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)  # fmt: skip
@given(st.data())
def test_small_integer_networks(data):
    spec = data.draw(small_networks())
    pair = data.draw(small_domains(spec.dim))
    layers = nets.twin(spec)
    expected = naive.codes(layers, pair[1])
    omega = es.enumerate_regions(nets.network(spec), pair[0])
    assert found_codes(omega) == expected
    check = nets.WitnessCheck(layers, pair)
    for i, code in enumerate(expected):
        check(code, omega.witness(i))


# --- Cases that random networks met ----------------------------------------------------------


def test_inactive_units_are_passed_on_as_zero():
    """A slope of 1 passes an entry over a layer; that of a unit which is off is zero there."""
    network = es.Network(
        [
            es.Dense([[1], [-1]]), es.ReLU(),
            es.Dense([[1, 0], [0, 1], [1, 1]], [0, 0, -1]), es.PReLU([1, 1, 0.5]),
            es.Dense([[1, 1, 0]], [-2]), es.ReLU(),
        ],
        (1,),
    )  # fmt: skip
    expected = [(0, 1, 0, 0), (0, 1, 1, 0), (0, 1, 1, 1), (1, 0, 0, 0), (1, 0, 1, 0), (1, 0, 1, 1)]
    assert found_codes(es.enumerate_regions(network)) == expected
    assert found_codes(es.enumerate_regions(network, es.Box([-3], [3]))) == expected


def test_units_of_one_piece():
    """A maximum of one member is a unit that never changes; it cuts nothing."""
    for members, regions in (([[0]], 1), ([[0], [0, 1]], 2), ([[0, 1], [0]], 2)):
        network = es.Network([es.Dense([[1, 2], [3, 1]]), nets.MaxUnits(members)], (2,))
        assert es.count_regions(network) == regions


# --- Other ways to the same result -----------------------------------------------------------


def test_streams_and_limits_give_the_same_beginning():
    rng = random.Random(5)
    for _ in range(20):
        spec, pair = draw(rng, "any")
        expected = naive.codes(nets.twin(spec), pair[1])
        stream = es.stream_regions(nets.network(spec), pair[0])
        assert [tuple(r.code.tolist()) for r in stream] == expected
        assert stream.complete
        some = es.enumerate_regions(nets.network(spec), pair[0], limit=3)
        assert found_codes(some) == expected[:3]
        if len(expected) != 3:  # stopped at its last region, a search need not know it is one
            assert some.complete == (len(expected) < 3)


def test_floats_are_the_rationals_they_are():
    """A float weight and the equal Fraction give one network; its decimal text another."""
    W = [[0.1, 0.2], [0.3, -0.7]]
    exact = [[Fraction(v) for v in row] for row in W]
    text = np.array([["0.1", "0.2"], ["0.3", "-0.7"]], dtype=object)
    programs = [
        es.Network([es.Dense(w), es.ReLU()], (2,)).program for w in (W, nets._array(exact), text)
    ]
    assert programs[0].sha256() == programs[1].sha256()
    assert programs[0].sha256() != programs[2].sha256()
