"""Subdivision layer by layer: the partition of a network after one, two and three layers.

    python examples/figures/subdivision.py    # writes subdivision.png

Each layer cuts the cells of the one before by straight lines inside of a cell, and the lines of one
unit meet where cells do. Nothing is erased: a deeper partition refines the one before.
"""

from __future__ import annotations

import numpy as np
from drawing import hide_axes, save, sheet
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

import exactspline as es


def draw(small: bool) -> Figure:
    """Three partitions in one window; lines by layer."""
    rng = np.random.default_rng(6)
    widths = (2, 4, 4, 4) if small else (2, 6, 6, 6)
    operators: list[es.Operator] = []
    figure = sheet(10.4, 3.9)
    for depth, axes in enumerate(figure.subplots(1, 3), 1):
        n_in, n_out = widths[depth - 1 : depth + 1]
        weight = rng.normal(size=(n_out, n_in)) * np.sqrt(2 / n_in)
        operators += [es.Dense(weight, rng.normal(size=n_out) / 2), es.ReLU()]
        omega = es.enumerate_regions(es.Network(operators, (2,)), es.Box(-2, 2, dim=2))
        picture = omega.plot(axes, color="region", legend=False)
        axes.set_title(f"after layer {depth}: {len(omega)} regions", fontsize=10)
        axes.set(xlabel="", ylabel="")
        hide_axes(axes)
    lines = [
        Line2D([], [], color=picture.artists[f"layer {i}"].get_color()[0], label=f"layer {i}")
        for i in (1, 2, 3)
    ]
    figure.legend(handles=lines, loc="outside lower center", ncols=3, frameon=False)
    return figure


if __name__ == "__main__":
    save(draw, "subdivision.png")
