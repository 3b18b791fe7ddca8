"""Partitions of ReLU, leaky ReLU and |.| with the same weights, after one layer and after two.

    python examples/figures/layers.py    # writes layers.png

One layer cuts the plane by the same lines whatever the activation. The second layer's lines bend
where the first layer's are crossed: by how much, the activation says.
"""

from __future__ import annotations

import numpy as np
from drawing import hide_axes, save, sheet
from matplotlib.figure import Figure

import exactspline as es

ACTIVATIONS = {"ReLU": es.ReLU, "leaky ReLU (0.3)": lambda: es.LeakyReLU("0.3"), "|·|": es.Abs}


def draw(small: bool) -> Figure:
    """A column an activation, a row a depth."""
    rng = np.random.default_rng(1)
    n = 4 if small else 6
    dense = [
        es.Dense(rng.normal(size=(n, 2)), rng.normal(size=n) / 2),
        es.Dense(rng.normal(size=(n, n)) / 2, rng.normal(size=n) / 2),
    ]
    figure = sheet(9.6, 6.8)
    grid = figure.subplots(2, 3)
    for column, (name, activation) in zip(grid.T, ACTIVATIONS.items(), strict=True):
        for depth, axes in enumerate(column, 1):
            operators = [op for layer in dense[:depth] for op in (layer, activation())]
            omega = es.enumerate_regions(es.Network(operators, (2,)), es.Box(-2, 2, dim=2))
            omega.plot(axes, legend=False)
            axes.set_title(f"{name}, {depth} layer{'s' * (depth > 1)}: {len(omega)} regions",
                           fontsize=10)  # fmt: skip
            axes.set(xlabel="", ylabel="")
            hide_axes(axes)
    return figure


if __name__ == "__main__":
    save(draw, "layers.png")
