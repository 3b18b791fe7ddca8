"""Multiples of values: what is said to be one is one at any point, and jumps are never missed."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

import exactspline as es
from exactspline.formats.multiples import multiple_of

KINDS = ("scale", "add", "relu", "identity")


def random_nodes(rng, size):
    """Entrywise nodes over two values that are independent of each other."""
    nodes = [(es.Select([0] * size), (-1,)), (es.Select([1] * size), (-1,))]
    for _ in range(rng.integers(2, 9)):
        kind = KINDS[rng.integers(4)]
        reads = [int(i) for i in rng.integers(0, len(nodes), 2)]
        weights = rng.integers(-2, 3, size).tolist()
        if kind == "scale":
            shift = rng.integers(-1, 2, size) * (rng.random() < 0.3)
            nodes.append((es.Elementwise(weights, shift.tolist()), reads[:1]))
        elif kind == "add":
            nodes.append((es.Add(rng.integers(-2, 3, 2).tolist()), reads))
        else:
            nodes.append((es.ReLU() if kind == "relu" else es.Identity(), reads[:1]))
    return nodes


def values(nodes, x):
    found = {-1: np.array([[Fraction(int(v)) for v in x]], dtype=object)}
    for i, (operator, reads) in enumerate(nodes):
        found[i] = operator.forward(*[found[r] for r in reads])
    return {i: v[0] for i, v in found.items()}


@pytest.mark.slow
def test_random_nodes():
    rng = np.random.default_rng(0)
    seen, missed = 0, 0
    for _ in range(300):
        size = 3
        nodes = random_nodes(rng, size)
        shapes = dict.fromkeys(range(-1, len(nodes)), (size,))
        points = [values(nodes, rng.integers(-50, 50, 2)) for _ in range(12)]
        for a in range(2, len(nodes)):
            for b in range(2, len(nodes)):
                factors = multiple_of(nodes, shapes.__getitem__, a, b)
                if factors is None:
                    missed += 1
                    continue
                seen += 1
                for at in points:
                    assert all(at[a][i] == factors[i] * at[b][i] for i in range(size))
    assert seen > 500
    assert missed > 500


def test_difference():
    nodes = [
        (es.Select([0, 1]), (-1,)), (es.Select([2, 3]), (-1,)), (es.Add([1, -1]), (0, 1)),
        (es.Elementwise([2, -3]), (0,)), (es.Elementwise([2, -3]), (1,)), (es.Add([1, -1]), (3, 4)),
        (es.Elementwise(1, 1), (2,)),
    ]  # fmt: skip
    shapes = {-1: (4,), **dict.fromkeys(range(7), (2,))}
    assert multiple_of(nodes, shapes.__getitem__, 5, 2).tolist() == [2, -3]
    assert multiple_of(nodes, shapes.__getitem__, 6, 2) is None
    assert multiple_of(nodes, shapes.__getitem__, 3, 2) is None
