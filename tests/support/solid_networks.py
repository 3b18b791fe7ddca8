"""Networks of three inputs whose level sets are known, and random ones."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

import exactspline as es

CUBE = es.Box(-2, 2, dim=3)


def octahedron(weight: object = (-1, -1, -1), offset: object = 1) -> es.Network:
    """offset + weight . (|x|, |y|, |z|)."""
    return es.Network([es.Abs(), es.Dense([weight], [offset])], (3,))


def ring() -> es.Network:
    """1/2 - | max(|x|, |y|) - 1 | - |z|: positive inside of a square ring."""
    x, y, z = (es.Dense([np.eye(3)[i]]) for i in range(3))
    nodes = [
        (es.Abs(), [-1]), (x, [0]), (y, [0]), (z, [0]), (es.Maximum(), [1, 2]),
        (es.Dense([[1]], [-1]), [4]), (es.Abs(), [5]), (es.Concat(), [6, 3]),
        (es.Dense([[-1, -1]], ["1/2"]), [7]),
    ]  # fmt: skip
    return es.Network.from_nodes(nodes, (3,))


def random_network(widths: list[int], seed: int) -> es.Network:
    """A fully connected ReLU network, weights from a normal distribution, about 0 at the origin."""
    rng = np.random.default_rng(seed)
    operators: list[es.Operator] = []
    for i, (n_in, n_out) in enumerate(pairwise(widths)):
        weight = rng.normal(size=(n_out, n_in)) * 1.4 / np.sqrt(n_in)
        operators.append(es.Dense(weight, rng.normal(size=n_out) / 2))
        if i < len(widths) - 2:
            operators.append(es.ReLU())
    middle = es.Network(operators, (widths[0],)).forward(np.zeros(widths[0]))
    return es.Network([*operators, es.Elementwise(1, -middle)], (widths[0],))
