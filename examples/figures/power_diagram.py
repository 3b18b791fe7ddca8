"""A layer's partition as a power diagram, and how the next layer cuts one of its cells.

    python examples/figures/power_diagram.py    # writes power_diagram.png

The cell of a code holds the points x with the least |x - mu|^2 - rad. The circles have the radius
sqrt(rad); those of two neighbours meet on the line between their cells. (Where rad is negative
there is no circle.) A cell's centroid need not lie in it.
"""

from __future__ import annotations

import math

import numpy as np
from drawing import save, sheet
from matplotlib.figure import Figure
from matplotlib.patches import Circle, Polygon

import exactspline as es
from exactspline.theory import layer_power_diagram

COLOURS = ("#56b4e9", "#e69f00", "#009e73", "#cc79a7", "#f0e442", "#0072b2", "#d55e00", "#999999")


def draw_cells(axes, regions, diagram, codes, window: float) -> None:
    """Cells in light colours, with their centroids and circles in the same ones."""
    for i, (region, code) in enumerate(zip(regions, codes, strict=True)):
        colour = COLOURS[i % len(COLOURS)]
        axes.add_patch(Polygon(region.polygon().corners, facecolor=colour, alpha=0.3, zorder=1))
        axes.add_patch(Polygon(region.polygon().corners, fill=False, linewidth=1, zorder=2))
        mu = [float(v) for v in diagram.centroid(code)]
        power = float(diagram.radius(code))
        if power > 0:
            axes.add_patch(
                Circle(mu, math.sqrt(power), fill=False, edgecolor=colour, linewidth=1.3, zorder=3)
            )
        axes.plot(*mu, "o", color=colour, markeredgecolor="black", markersize=6, zorder=4)
    axes.set(xlim=(-window, window), ylim=(-window, window), aspect="equal")
    axes.set(xlabel="x0", ylabel="x1")


def draw(small: bool) -> Figure:
    """The first layer, and one cell of it."""
    first = es.Dense([["9/10", "3/10"], ["-2/5", 1], ["1/2", "-4/5"]], ["1/2", "1/5", "2/5"])
    second = es.Dense([[1, "-3/5", "1/2"], ["-1/2", 1, "3/4"]], ["-2/5", "-1/2"])
    box = es.Box(-2, 2, dim=2)
    one = es.Network([first, es.ReLU()], (2,))
    both = es.Network([first, es.ReLU(), second, es.ReLU()], (2,))
    cells = es.enumerate_regions(one, box)
    parts = es.enumerate_regions(both, box)
    within = parts.at_layer(1)
    fullest = int(np.bincount(within.parent).argmax())
    chosen = next(cell for cell in cells if (cell.code == within.codes[fullest]).all())
    J, c = chosen.affine(exact=True)
    inner = layer_power_diagram(both, 2).inside(J, c)
    inside = [parts[i] for i in np.flatnonzero(within.parent == fullest).tolist()]
    figure = sheet(10, 5)
    left, right = figure.subplots(1, 2)
    draw_cells(left, cells, layer_power_diagram(one), cells.codes, 2.0)
    left.add_patch(Polygon(chosen.polygon().corners, fill=False, linewidth=3, zorder=5))
    left.set_title(f"layer 1: {len(cells)} cells, centroids and radii", fontsize=10)
    draw_cells(right, inside, inner, [part.code[3:] for part in inside], 2.0)
    right.add_patch(Polygon(chosen.polygon().corners, fill=False, linewidth=3, zorder=5))
    right.set_title(f"the cell with the bold border, cut by layer 2: {len(inside)} cells",
                    fontsize=10)  # fmt: skip
    return figure


if __name__ == "__main__":
    save(draw, "power_diagram.png")
