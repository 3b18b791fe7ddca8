"""Templates along a segment between two digits: where they change, and what lies between.

    python examples/figures/path.py    # writes path.png

Every tick is an event of `exactspline.segment_path`: there the segment crosses a facet, and all
templates change by a matrix of rank one at most.
"""

from __future__ import annotations

import numpy as np
from drawing import HERE, digits, hide_axes, save
from matplotlib.figure import Figure

import exactspline as es

FROM, TO = 1005, 1011  # two of the digits that were not for training


def draw(small: bool) -> Figure:
    """The two classes' outputs along the segment, and their templates on some of its pieces."""
    network = es.load(HERE / "networks" / "cnn_abs_norm.onnx")
    images, labels = digits()
    path = es.segment_path(network, images[FROM], images[TO])
    classes = (int(labels[FROM]), int(labels[TO]))
    t = np.array([0.0, *path.t, 1.0])
    values = es.forward(
        network, images[FROM] + t[:, None, None, None] * (images[TO] - images[FROM])
    )
    figure = Figure((9.2, 5.0), layout="constrained")
    shown = np.linspace(0, 1, 4 if small else 7)
    pieces = np.searchsorted(path.t, shown, side="right")
    grid = figure.add_gridspec(3, len(shown), height_ratios=(1.5, 1, 1))
    axes = figure.add_subplot(grid[0, :])
    for c, colour in zip(classes, ("#0072b2", "#d55e00"), strict=True):
        axes.plot(t, values[:, c], color=colour, label=f"output {c}")
    low, high = axes.get_ylim()
    low -= 0.15 * (high - low)
    axes.vlines(path.t, low, low + 0.1 * (high - low), color="0.3", linewidth=0.4)
    axes.set(xlim=(0, 1), ylim=(low, high), xlabel="t", ylabel="output")
    axes.legend(frameon=False, fontsize=8, loc="upper center", ncols=2)
    axes.set_title(
        f"from a {classes[0]} to a {classes[1]}: {len(path)} events, "
        f"of rank {' and '.join(map(str, np.unique(path.ranks).tolist()))}", fontsize=10,
    )  # fmt: skip
    templates = np.stack([path.templates(int(i))[:, 0] for i in pieces])
    largest = np.abs(templates[:, list(classes)]).max()
    for column, (at, image) in enumerate(zip(shown, templates, strict=True)):
        for row, c in enumerate(classes, 1):
            panel = figure.add_subplot(grid[row, column])
            panel.imshow(image[c], cmap="RdBu_r", vmin=-largest, vmax=largest)
            hide_axes(panel)
            if row == 1:
                panel.set_title(f"t = {at:.2f}", fontsize=9)
            if column == 0:
                panel.set_ylabel(f"template {c}", fontsize=9)
    return figure


if __name__ == "__main__":
    save(draw, "path.png")
