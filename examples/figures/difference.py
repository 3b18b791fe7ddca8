"""A network as the difference of two convex functions, found and proved.

    python examples/figures/difference.py    # writes difference.png

f bends upward and downward. G, the weighted sum of all units, is affine on the same regions and
bends upward at every edge, so that f + c G is convex for the c that is named, and for no smaller
one: there the edges at which f bends downward the most are gone.
"""

from __future__ import annotations

import numpy as np
from drawing import save, sheet
from matplotlib import colormaps
from matplotlib.figure import Figure
from mpl_toolkits.mplot3d.art3d import Poly3DCollection

import exactspline as es
from exactspline import theory


def network(width: int) -> es.Network:
    """Two layers of random units, and one output."""
    rng = np.random.default_rng(12)

    def weights(*shape: int) -> np.ndarray:
        return np.round(rng.normal(size=shape) * 8) / 8

    first = es.Dense(weights(width, 2), weights(width))
    second = es.Dense(weights(width, width) / 2, weights(width))
    return es.Network([first, es.ReLU(), second, es.ReLU(), es.Dense(2 * weights(1, width))], (2,))


def draw(small: bool) -> Figure:
    """The network, f + c G and c G as surfaces of flat faces."""
    omega = es.enumerate_regions(network(3 if small else 5), es.Box(-2, 2, dim=2))
    found = theory.difference_of_convex(omega)
    assert found.prove().holds
    corners = [np.asarray(region.polygon().corners, dtype=float) for region in omega]
    figure = sheet(10.6, 4.0)
    first, second = found.pieces
    panels = (
        (found.original, f"f: {len(omega)} regions, {found.facets} edges", "viridis"),
        (es.Network([found.convex], (2,)), f"f + c G: {first} pieces", "Purples_r"),
        (es.Network([found.subtracted], (2,)), f"c G: {second} pieces", "Oranges_r"),
    )
    for k, (function, title, colours) in enumerate(panels, 1):
        axes = figure.add_subplot(1, 3, k, projection="3d")
        faces = [np.column_stack([xy, function.forward(xy)[:, 0]]) for xy in corners]
        heights = np.array([face[:, 2].mean() for face in faces])
        low, high = min(f[:, 2].min() for f in faces), max(f[:, 2].max() for f in faces)
        shades = colormaps[colours](0.1 + (heights - low) / (high - low) * 0.75)
        axes.add_collection3d(
            Poly3DCollection(faces, facecolors=shades, edgecolors=(0, 0, 0, 0.6), linewidths=0.5)
        )
        axes.set(xlim=(-2, 2), ylim=(-2, 2), zlim=(low, high), xlabel="$x_0$", ylabel="$x_1$")
        axes.set_title(title, fontsize=10)
        axes.tick_params(labelsize=7, pad=1)
        axes.locator_params(nbins=5)
        axes.view_init(elev=34, azim=-60)
    c = float(found.factor)
    figure.suptitle(f"f = (f + c G) - c G with c = {c:.4g}, proved", fontsize=11)
    return figure


if __name__ == "__main__":
    save(draw, "difference.png")
