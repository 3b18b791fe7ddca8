"""VQ cells that hold training samples: a network's code book, and how little of it is used.

    python examples/figures/vq_cells.py    # writes vq_cells.png

Every region of the two-moons network is a cell of its vector quantisation: all inputs in it have
one code. Shown are the cells with training samples, by the classes of these; the rest is white.
"""

from __future__ import annotations

import sys

import numpy as np
from drawing import HERE, save, sheet
from matplotlib.figure import Figure
from matplotlib.patches import Patch

import exactspline as es

sys.path.insert(0, str(HERE.parent))
from train_moons import SEED, moons


def draw(small: bool) -> Figure:
    """The cells with samples, the samples, and the decision boundary."""
    network = es.load(HERE.parent / "moons.onnx")
    points, classes = moons(200, 0.1, SEED)  # those that it was trained on
    omega = es.enumerate_regions(network, es.Box(["-3/2", "-1.2"], ["5/2", "1.7"]))
    cell = omega.locate(points).region
    count = np.stack([np.bincount(cell[classes == c], minlength=len(omega)) for c in (0, 1)])
    kind = np.array(["no sample", "class 0", "class 1", "both"])[(count > 0).T @ [1, 2]]
    colours = {"no sample": (1, 1, 1), "class 0": (0.68, 0.85, 0.95), "class 1": (0.97, 0.85, 0.6),
               "both": (0.75, 0.65, 0.75)}  # fmt: skip
    figure = sheet(7.4, 5.2)
    axes = figure.subplots()
    picture = omega.plot(axes, color=np.array([colours[k] for k in kind]), edges="plain",
                         boundary=True, legend=False)  # fmt: skip
    for c, marker, colour in ((0, "o", "#0072b2"), (1, "^", "#d55e00")):
        own = points[classes == c]
        axes.scatter(*own.T, s=9, marker=marker, color=colour, linewidths=0, zorder=5,
                     label=f"samples of class {c}")  # fmt: skip
    shades = [Patch(facecolor=colours[k], edgecolor="0.4", label=f"cells with {k}")
              for k in ("class 0", "class 1", "both")]  # fmt: skip
    points_shown, _ = axes.get_legend_handles_labels()
    axes.legend(handles=[*points_shown[-2:], *shades], fontsize=8, loc="lower left")
    used = int((kind != "no sample").sum())
    axes.set_title(f"{used} of {len(picture.cells)} cells hold the {len(points)} training samples",
                   fontsize=10)  # fmt: skip
    return figure


if __name__ == "__main__":
    save(draw, "vq_cells.png")
