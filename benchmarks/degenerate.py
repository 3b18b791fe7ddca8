"""Networks on which rounded arithmetic may go wrong, for peers.py and the gallery.

Each is a list of weights and biases, of layers followed by ReLU each, in float64: what the floats
are is what the network is. All but those that say so are float32, too, so that a package of that
precision is given the same network. Regions are sets of inputs on which no unit changes.
"""

from __future__ import annotations

import dataclasses
import itertools
from typing import Any

import numpy as np

Weights = list[tuple[np.ndarray, np.ndarray]]


@dataclasses.dataclass
class Case:
    """A network and what is the matter with it."""

    name: str
    about: str
    layers: Weights

    @property
    def dim(self) -> int:
        """Of the input."""
        return self.layers[0][0].shape[1]


def layer(*rows: Any) -> tuple[np.ndarray, np.ndarray]:
    """Units as rows (weights..., bias)."""
    table = np.array(rows, dtype=float)
    return table[:, :-1].copy(), table[:, -1].copy()


def central(rows: Any) -> Weights:
    """One layer without biases."""
    return [layer(*[(*row, 0) for row in rows])]


def thin(k: int, shift: int) -> Weights:
    """Two lines whose slopes differ by 2^-k, and one that misses their crossing by 2^-shift."""
    return [layer((1, -1, 0), (1 + 2.0**-k, -1, 0), (1, 1, 2.0**-shift))]


def lattice() -> Weights:
    """Lines in four directions that meet four at a time."""
    directions = [(1, 0), (0, 1), (1, 1), (1, -1)]
    return [layer(*[(*d, k / 4) for d in directions for k in range(-2, 3)])]


def quantised(widths: list[int], values: list[float], biases: list[float], seed: int) -> Weights:
    """Weights and biases from a few values, as after quantisation."""
    rng = np.random.default_rng(seed)
    return [
        (rng.choice(values, size=(n, m)), rng.choice(biases, size=n))
        for m, n in itertools.pairwise(widths)
    ]


def cases() -> list[Case]:
    """All of them."""
    x, y, quarters = (1, 0, 0), (0, 1, 0), [k / 4 for k in range(-4, 5)]
    bits = [list(row) for n in (3, 4) for row in itertools.product((0, 1), repeat=n) if any(row)]
    return [
        Case("a line twice", "two units with the same weights, and a third",
             [layer((1, 2, 0.5), (1, 2, 0.5), (2, -1, 0.25))]),
        Case("a line twice, scaled", "a unit and -3 times it, and a third",
             [layer((1, 2, 0.5), (-3, -6, -1.5), (2, -1, 0.25))]),
        Case("three lines, one point", "the third is the sum of the other two",
             [layer((1, 3, -2), (7, -2, -1), (8, 1, -3))]),
        Case("no biases", "eight lines through 0",
             central([(1, 0), (0, 1), (1, 1), (1, -1), (2, 1), (1, 2), (3, -1), (1, -3)])),
        Case("no biases, two layers", "2-8-8, weights normal, rounded to float32",
             [(np.random.default_rng(s).normal(size=(8, n)).astype(np.float32).astype(float),
               np.zeros(8)) for s, n in ((1, 2), (2, 8))]),
        Case("zero on a quadrant", "a sum of two units, without bias",
             [layer(x, y), layer((1, 1, 0))]),
        Case("zero everywhere", "a unit without weights and bias, and two others",
             [layer((1, 2, 0.5), (0, 0, 0), (2, -1, 0.25))]),
        Case("cancels", "a second layer that subtracts equal units",
             [layer((1, 2, 0.5), (1, 2, 0.5), (2, -1, 0.25)), layer((1, -1, 0, 0))]),
        Case("0.1 + 0.2 - 0.3", "2^-55 in float64, so a unit is 0 at h = 1/2; not float32",
             [layer((1, 0, 0), (1, 0, 0), (1, 0, 0)), layer((0.1, 0.2, -0.3, -(2.0**-56)))]),
        Case("sliver, 2^-20", "slopes that differ by 2^-20, a third line that misses by 2^-22",
             thin(20, 22)),
        Case("sliver, 2^-40", "by 2^-40, a third line that misses by 2^-45; not float32",
             thin(40, 45)),
        Case("along the square's side", "x = 1 and y = 1/4", [layer((1, 0, -1), (0, 1, -0.25))]),
        Case("through its corners", "x = y, x = -y, y = 1/4",
             [layer((1, -1, 0), (1, 1, 0), (0, 1, -0.25))]),
        Case("a lattice", "20 lines, four through a point", lattice()),
        Case("ternary weights", "2-8-8, weights -1, 0, 1, biases -1/2, 0, 1/2",
             quantised([2, 8, 8], [-1, 0, 1], [-0.5, 0, 0.5], 0)),
        Case("weights in quarters", "2-16-16, weights and biases from -1 to 1 in quarters",
             quantised([2, 16, 16], quarters, quarters, 0)),
        Case("resonance, n = 3", "all rows of 0 and 1, no biases; 32 (OEIS A034997)",
             central(row for row in bits if len(row) == 3)),
        Case("resonance, n = 4", "the same in four dimensions; 370",
             central(row for row in bits if len(row) == 4)),
        Case("threshold, n = 3", "rows (1, v), v of 0 and 1, no biases; 104 (OEIS A000609)",
             central([(1, *v) for v in itertools.product((0, 1), repeat=3)])),
    ]  # fmt: skip
