"""VQ distances between digits: the share of units with different pieces, layer by layer.

    python examples/figures/vq_distances.py    # writes vq_distances.png

The digits are sorted by what they show. Layers that tell classes apart have dark squares on the
diagonal: two digits of one class share more pieces than two of different classes.
"""

from __future__ import annotations

import numpy as np
from drawing import HERE, digits, sheet
from drawing import save as save_figure
from matplotlib.figure import Figure

import exactspline as es


def draw(small: bool) -> Figure:
    """A matrix a layer, one scale."""
    images, labels = digits()
    each = 4 if small else 10
    chosen = np.concatenate([1000 + np.flatnonzero(labels[1000:] == c)[:each] for c in range(10)])
    network = es.load(HERE / "networks" / "cnn_relu_norm.onnx")
    apart = es.vq_distance(network, images[chosen], per_layer=True)
    own = np.equal.outer(labels[chosen], labels[chosen])
    different = ~np.eye(len(chosen), dtype=bool)
    names = ("ReLU", "max-pooling", "ReLU", "max-pooling")
    figure = sheet(10.4, 3.3)
    panels = figure.subplots(1, len(apart))
    for i, (axes, matrix) in enumerate(zip(panels, apart, strict=True)):
        shown = axes.imshow(
            matrix, cmap="viridis", vmin=0, vmax=apart.max(), interpolation="nearest"
        )
        within, between = matrix[own & different].mean(), matrix[~own].mean()
        axes.set_title(
            f"layer {i + 1} ({names[i]})\nsame class {within:.2f}, others {between:.2f}",
            fontsize=9,
        )
        middles = np.arange(10) * each + each / 2 - 0.5
        axes.set_xticks(middles, [str(c) for c in range(10)])
        axes.set_yticks(middles, [str(c) for c in range(10)])
        axes.tick_params(length=0)
    panels[0].set_ylabel("digit")
    figure.colorbar(shown, ax=panels, label="share of units", shrink=0.75)
    return figure


if __name__ == "__main__":
    save_figure(draw, "vq_distances.png")
