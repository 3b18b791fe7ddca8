"""A trained network as the difference of two convex functions.

    python examples/figures/difference.py    # writes difference.png

The classifier of moons.onnx on a window: f bends upward and downward. G, the weighted sum of all
units, is affine on the same regions and bends upward at every edge, so that f + c G is convex for
the c that is named, and for no smaller one.
"""

from __future__ import annotations

import numpy as np
from drawing import HERE, save, sheet
from matplotlib import colormaps
from matplotlib.figure import Figure
from mpl_toolkits.mplot3d.art3d import Poly3DCollection

import exactspline as es
from exactspline import theory

VIOLET, ORANGE = "#5e3c99", "#b35806"


def draw(small: bool) -> Figure:
    """The network, f + c G and c G as surfaces of flat faces."""
    window = es.Box([0, 0], [1, 1]) if small else es.Box([-2, "-3/2"], [3, 2])
    omega = es.enumerate_regions(es.load(HERE.parent / "moons.onnx"), window)
    found = theory.difference_of_convex(omega)
    assert found.prove().holds
    corners = [np.asarray(region.polygon().corners, dtype=float) for region in omega]
    figure = sheet(10.6, 4.1)
    c = float(found.factor)
    first, second = found.pieces
    panels = (
        ("f", found.original, f"f: {len(omega)} regions, {found.facets} edges", "viridis"),
        ("f + c G", es.Network([found.convex], (2,)), f"f + c G: {first} pieces", "Purples_r"),
        ("c G", es.Network([found.subtracted], (2,)), f"c G: {second} pieces", "Oranges_r"),
    )
    for k, (name, network, title, colours) in enumerate(panels, 1):
        axes = figure.add_subplot(1, 3, k, projection="3d")
        faces = [np.column_stack([xy, network.forward(xy)[:, 0]]) for xy in corners]
        heights = np.array([face[:, 2].mean() for face in faces])
        low, high = min(f[:, 2].min() for f in faces), max(f[:, 2].max() for f in faces)
        shades = colormaps[colours]((heights - low) / (high - low) * 0.8)
        axes.add_collection3d(
            Poly3DCollection(faces, facecolors=shades, edgecolors=(0, 0, 0, 0.45), linewidths=0.25)
        )
        (x0, x1), (y0, y1) = ((float(a), float(b)) for a, b in zip(window.low, window.high))
        axes.set(xlim=(x0, x1), ylim=(y0, y1), zlim=(low, high), xlabel="$x_0$", ylabel="$x_1$")
        axes.set_title(title, fontsize=10)
        axes.tick_params(labelsize=7, pad=-1)
        axes.view_init(elev=28, azim=-122)
    figure.suptitle(f"f = (f + c G) - c G, c = {c:.4g}: equal on the whole window, proved",
                    fontsize=11)  # fmt: skip
    return figure


if __name__ == "__main__":
    save(draw, "difference.png")
