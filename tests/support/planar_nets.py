"""Small networks of two inputs for pictures, and what tests ask of their partitions."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import numpy as np

import exactspline as es

BOX = es.Box(-1, 1, dim=2)


def network(seed: int, *sizes: int, name: str = "") -> es.Network:
    """Random weights; sizes from the inputs to the outputs."""
    rng = np.random.default_rng(seed)
    operators: list[es.Operator] = []
    for a, b in pairwise(sizes):
        weight = rng.standard_normal((b, a)) * np.sqrt(2 / a)
        operators += [
            es.Dense(weight, rng.standard_normal(b) * 0.3, name=name), es.ReLU(name=name),
        ]  # fmt: skip
    return es.Network(operators[:-1], (sizes[0],))


def shoelace(corners: list[tuple[Fraction, Fraction]]) -> Fraction:
    """The area of a polygon, from its corners in order."""
    total = Fraction(0)
    for (a, b), (c, d) in zip(corners, corners[1:] + corners[:1], strict=True):
        total += a * d - b * c
    return total / 2
