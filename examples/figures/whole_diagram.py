"""The partition of a whole deep network as one power diagram, by weights of its layers.

    python examples/figures/whole_diagram.py    # writes whole_diagram.png

Lines are the network's regions. Left the regions; in the middle the power diagram of the sum of
both layers' units, whose cells are other ones; right that of the first layer's sum times its
weight plus the second's: its cells are the regions, with the same colours.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from drawing import hide_axes, save, sheet
from matplotlib.figure import Figure
from matplotlib.patches import Polygon

import exactspline as es
from exactspline import theory
from exactspline.theory.geometry.whole import layer_heights

WINDOW = 3


def network() -> es.Network:
    """Two layers of ReLU units, of which the second bends down where the first bends up."""
    first = es.Dense([[1, "1/3"], ["-1/4", 1], [1, -1]], ["1/4", "1/5", "1/2"])
    second = es.Dense([[-2, -2, -1], [1, "-3/2", 1]], [3, "1/2"])
    return es.Network([first, es.ReLU(), second, es.ReLU()], (2,))


def draw(small: bool) -> Figure:
    """The partition, and two power diagrams."""
    omega = es.enumerate_regions(network(), es.Box(-WINDOW, WINDOW, dim=2))
    report = theory.check_whole_partition(omega)
    weights = report.details["weights of the layers"]
    heights = layer_heights(omega)
    figure = sheet(11.2, 4.0)
    panels = figure.subplots(1, 3)
    count = 120 if small else 480
    steps = (np.arange(count) + 0.437) * (2 * WINDOW / count) - WINDOW  # off all lines
    x, y = np.meshgrid(steps, steps)
    found = omega.locate(np.stack([x.reshape(-1), y.reshape(-1)], axis=1))
    own, inside = found.region.reshape(x.shape), ~found.on_boundary.reshape(x.shape)
    colours = 0.35 + 0.6 * np.random.default_rng(3).random((len(omega), 3))
    for axes, chosen in zip(panels, (None, [Fraction(1)] * len(weights), weights), strict=True):
        if chosen is None:
            cells, title = own, f"{len(omega)} regions"
        else:
            sums = [
                [sum(w * v for w, v in zip(chosen, values, strict=True))
                 for values in zip(*(layer[i] for layer in heights), strict=True)]
                for i in range(len(omega))
            ]  # fmt: skip
            pieces = np.array(sums, dtype=float)
            # |x - mu|^2 - rad = |x|^2 - 2 (constant + <mu, x>): least where the piece is largest
            values = pieces[:, :1, None] + pieces[:, 1:2, None] * x + pieces[:, 2:, None] * y
            cells = values.argmax(axis=0)
            right = 100 * np.mean((cells == own)[inside])
            title = f"weights {' : '.join(map(str, chosen))}: {right:.1f}% in their own cells"
        axes.imshow(colours[cells], origin="lower", extent=(-WINDOW, WINDOW, -WINDOW, WINDOW))
        for region in omega:
            axes.add_patch(Polygon(region.polygon().corners, fill=False, linewidth=0.9))
        axes.set_title(title, fontsize=10)
        hide_axes(axes)
    return figure


if __name__ == "__main__":
    save(draw, "whole_diagram.png")
