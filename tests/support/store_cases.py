"""What several tests of stores use."""

from __future__ import annotations

import folders

import exactspline as es

NET = es.Network(
    [es.Dense([[1, 0], [0, 1], [1, 1], [1, -1]], [0, 0, "1/3", 1]), es.ReLU(),
     es.Dense([[1, 1, -1, 0], [0, 1, 1, -2]], [0, -1]), es.Abs()], (2,)
)  # fmt: skip


BOX = es.Box([-2, -2], [2, 2])


MOONS = es.load(folders.MOONS)
