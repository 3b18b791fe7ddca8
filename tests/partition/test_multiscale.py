"""The coarser partitions behind every layer, and the units that never change."""

from __future__ import annotations

import random
from collections import Counter
from fractions import Fraction

import numpy as np
import pytest
import random_networks as nets
from known_networks import abs_folding, folding
from marks import first_quick
from naive_pieces import in_order, value

import exactspline as es


def draw(rng: random.Random) -> tuple[nets.Spec, nets.DomainPair, es.Partition]:
    """A network of two or three layers with few enough regions."""
    while True:
        dim = rng.choice((1, 2, 2, 3))
        widths = [rng.randint(1, 4) for _ in range(rng.choice((2, 2, 3)))]
        spec = nets.random_spec(
            rng, dim, widths, rng.choice(nets.STYLES), bias=rng.random() < 0.7,
            skip=rng.random() < 0.4,
        )  # fmt: skip
        pair = nets.any_domain(rng, dim)
        omega = es.enumerate_regions(nets.network(spec), pair[0], limit=120)
        if omega.complete:
            return spec, pair, omega


def prefixes(spec: nets.Spec) -> list[list[tuple]]:
    """The steps up to every layer: each ends with the step that has the layer's units."""
    steps = spec.steps
    ends = [i + 1 for i, step in enumerate(steps) if step[0] not in ("dense",)]
    return [steps[:end] for end in ends]


@pytest.mark.parametrize("block", first_quick(range(3)))
def test_against_the_network_that_ends_there(block):
    """The codes and maps are those of the first layers alone; parents are codes' beginnings."""
    rng = random.Random(80_000 + block)
    seen: Counter[str] = Counter()
    for _ in range(24):
        spec, pair, omega = draw(rng)
        layers = len(omega.network.program.layers)
        chain = [omega.at_layer(level) for level in range(layers + 1)]
        assert [c.layer for c in chain] == list(range(layers + 1))
        codes = omega.codes
        assert chain[0].count == 1
        assert chain[0].codes.shape == (1, 0)
        assert chain[-1].count == len(omega)
        assert chain[-1].parent.tolist() == list(range(len(omega)))
        for coarse in chain:
            own = coarse.codes
            assert in_order(own.tolist())
            assert len(own) == coarse.count == len(coarse)
            assert np.array_equal(codes[:, : coarse.units], own[coarse.parent])
            first = [coarse.parent.tolist().index(i) for i in range(coarse.count)]
            assert coarse.representatives.tolist() == first
            assert coarse.complete
            for coarser in chain[: coarse.layer + 1]:
                parents = coarse.parents_of(coarser)
                assert np.array_equal(parents[coarse.parent], coarser.parent)
        if layers != len(prefixes(spec)):
            continue  # a step whose units are all affine makes no layer
        for steps, coarse in zip(prefixes(spec), chain[1:], strict=True):
            shorter = nets.Spec(spec.dim, steps)
            alone = es.enumerate_regions(nets.network(shorter), pair[0])
            assert alone.codes.tolist() == coarse.codes.tolist()
            seen["layers"] += 1
            seen["coarser"] += 1 < coarse.count < len(omega)
            seen["skip"] += steps[-1][0] == "skip"
        check_maps(spec, omega, chain, seen)
    assert seen["layers"] >= 25
    assert seen["coarser"] >= 5
    assert seen["skip"] >= 3
    assert seen["maps"] >= 60


def check_maps(spec, omega, chain, seen) -> None:
    """The maps to z^(l), exactly, at witnesses; float64 is near."""
    for steps, coarse in zip(prefixes(spec), chain[1:], strict=True):
        A, b = coarse.affine_pieces(exact=True)
        rounded = coarse.affine_pieces()
        units = A.shape[1]
        assert rounded[0].dtype == rounded[1].dtype == np.float64
        assert np.allclose(rounded[0], A.astype(float), rtol=1e-9, atol=1e-9)
        assert np.allclose(rounded[1], b.astype(float), rtol=1e-9, atol=1e-9)
        for i in range(0, len(omega), 3):
            x = omega.domain.chart.lift(omega.witness(i))
            region = int(coarse.parent[i])
            got = [
                sum((a * v for a, v in zip(row, x, strict=True)), c)
                for row, c in zip(A[region], b[region], strict=True)
            ]
            # a unit that is affine is none: what the step gives holds the units, in order
            assert set(got) <= set(value(steps, x))
            assert len(got) == units
            one = coarse.affine(region, exact=True)
            assert one[0].tolist() == A[region].tolist()
            assert one[1].tolist() == b[region].tolist()
            near = coarse.affine(region)
            assert np.array_equal(near[0], rounded[0][region])
            seen["maps"] += 1


def test_unit_outputs_in_order():
    """z^(l) has one row a unit, in the order of the code, without what a skip carries past."""
    body = [es.Dense([[1, 2], [0, -1]], [1, 0]), es.ReLU()]
    both = es.Branches([body, []], es.Concat())
    net = es.Network([both, es.Dense(np.eye(4)[::-1]), es.Abs()], (2,))
    omega = es.enumerate_regions(net, es.Box(-3, 3, dim=2))
    assert omega.at_layer(1).affine_pieces()[0].shape[1:] == (2, 2)
    last = omega.at_layer(2)
    A, b = last.affine_pieces(exact=True)
    assert A.shape[1:] == (4, 2)
    for i in range(len(omega)):
        x = omega.domain.chart.lift(omega.witness(i))
        z = [
            sum((a * v for a, v in zip(row, x, strict=True)), c)
            for row, c in zip(A[i], b[i], strict=True)
        ]
        assert z == net.forward(np.array(x, dtype=object)).tolist()


def test_the_domain_as_layer_zero():
    omega = es.enumerate_regions(abs_folding(2, 2))
    whole = omega.at_layer(0)
    A, b = whole.affine_pieces()
    assert A.tolist() == [[[1.0, 0.0], [0.0, 1.0]]]
    assert b.tolist() == [[0.0, 0.0]]
    assert whole.affine(0, exact=True)[0][0][0] == Fraction(1)
    assert "1 regions after layer 0 of 2" in repr(whole)


def test_counts_of_a_folding():
    """p^l regions after l folds, and m + 1 times as many at the end."""
    omega = es.enumerate_regions(folding(3, 2, 2), es.Box([0], [1]))
    assert [omega.at_layer(level).count for level in range(4)] == [1, 3, 9, 27]
    assert omega.at_layer(3).parents_of(omega.at_layer(2)).tolist() == sorted(list(range(9)) * 3)


def test_networks_without_units():
    omega = es.enumerate_regions(es.Network([es.Dense([[1, 2]])], (2,)))
    assert omega.at_layer(0).count == 1
    assert len(omega.stable_units()) == 0
    with pytest.raises(es.ParameterError, match="0 layers"):
        omega.at_layer(1)


def test_wrong_layers():
    omega = es.enumerate_regions(abs_folding(2, 1))
    other = es.enumerate_regions(abs_folding(2, 1))
    for layer in (-1, 3):
        with pytest.raises(es.ParameterError, match="give 0"):
            omega.at_layer(layer)
    with pytest.raises(es.ParameterError, match="no coarser partition"):
        omega.at_layer(1).parents_of(omega.at_layer(2))
    with pytest.raises(es.ParameterError, match="same partition"):
        omega.at_layer(2).parents_of(other.at_layer(1))
    with pytest.raises(IndexError):
        omega.at_layer(1).affine(2)


def test_a_stopped_search():
    part = es.enumerate_regions(folding(3, 2, 2), es.Box([0], [1]), limit=8)
    coarse = part.at_layer(1)
    assert not coarse.complete
    assert coarse.count <= 3
    assert "lower bound" in repr(coarse)
    assert not part.stable_units().complete
    assert "not seen to change" in repr(part.stable_units())


@pytest.mark.parametrize("block", range(2))
def test_stable_units(block):
    rng = random.Random(90_000 + block)
    seen: Counter[str] = Counter()
    for _ in range(15):
        _, _, omega = draw(rng)
        found, codes = omega.stable_units(), omega.codes
        expected = [u for u in range(codes.shape[1]) if len(set(codes[:, u].tolist())) == 1]
        assert found.unit.tolist() == expected
        assert found.piece.tolist() == codes[0, expected].tolist()
        assert found.names == tuple(omega.network.unit_name(u) for u in expected)
        assert found.complete
        assert len(found) == len(expected)
        seen["stable"] += len(expected)
        seen["others"] += codes.shape[1] - len(expected)
    assert seen["stable"] >= 5
    assert seen["others"] >= 30
