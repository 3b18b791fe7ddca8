"""A convex network is a maximum of affine functions: its surface, and its regions below.

    python examples/figures/convex.py    # writes convex.png

All weights after the first layer are nonnegative, so f is convex, and the greatest of its affine
pieces everywhere: each facet of the surface lies in the plane of one piece.
"""

from __future__ import annotations

import matplotlib
import numpy as np
from drawing import save, sheet
from matplotlib.figure import Figure
from mpl_toolkits.mplot3d.art3d import Poly3DCollection

import exactspline as es
from exactspline.theory import max_affine_form


def draw(small: bool) -> Figure:
    """The graph of f over every region, exactly: a convex polygon in space."""
    rng = np.random.default_rng(4)
    n = 4 if small else 7
    network = es.Network(
        [
            es.Dense(rng.normal(size=(n, 2)), rng.normal(size=n) / 2), es.ReLU(),
            es.Dense(rng.uniform(size=(3, n)), [-1, "-1/2", 0]), es.ReLU(),
            es.Dense([[1, 1, 1]]),
        ],
        (2,),
    )  # fmt: skip
    omega = es.enumerate_regions(network, es.Box(-2, 2, dim=2))
    form = max_affine_form(omega)  # an error if f were not convex
    A, b = omega.affine_pieces()
    floor = -7.0
    graph, shadow = [], []
    for region, slope, shift in zip(omega, A[:, 0], b[:, 0], strict=True):
        corners = region.polygon().corners
        graph.append(np.column_stack([corners, corners @ slope + shift]))
        shadow.append(np.column_stack([corners, np.full(len(corners), floor)]))
    labels = omega.linear_regions().labels
    order = np.argsort(np.random.default_rng(0).permutation(labels.max() + 1))
    colours = matplotlib.colormaps["cividis"](order[labels] / max(1, labels.max()))
    figure = sheet(6.4, 5.2)
    axes = figure.add_subplot(projection="3d")
    for polygons, alpha in ((shadow, 0.45), (graph, 0.95)):
        axes.add_collection3d(
            Poly3DCollection(polygons, facecolors=colours, edgecolors="black", linewidths=0.5,
                             alpha=alpha)
        )  # fmt: skip
    axes.set(xlim=(-2, 2), ylim=(-2, 2), zlim=(floor, max(p[:, 2].max() for p in graph)),
             xlabel="x[0]", ylabel="x[1]", zlabel="f")  # fmt: skip
    axes.set(xticks=[-2, 0, 2], yticks=[-2, 0, 2])
    axes.view_init(26, -58)
    axes.set_title(
        f"{len(omega)} regions, and f is the greatest of {form.A.shape[1]} affine functions",
        fontsize=10,
    )
    return figure


if __name__ == "__main__":
    save(draw, "convex.png")
