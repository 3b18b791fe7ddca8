"""A network from a triangulation with values, and the regions that it has.

    python examples/figures/interpolation.py    # writes interpolation.png

Left what is given: triangles, and a value at every corner. Right the network of maxima of minima
that interpolates it exactly: on every triangle it is the one affine function; its own regions are
finer, since minima change their pieces out of sight.
"""

from __future__ import annotations

import numpy as np
from drawing import save, sheet
from matplotlib import colormaps
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from scipy.spatial import Delaunay

import exactspline as es
from exactspline import theory


def draw(small: bool) -> Figure:
    """The triangulation, the network's value with the triangles, and its regions."""
    rng = np.random.default_rng(7)
    inner = rng.integers(-44, 45, size=(3 if small else 12, 2)) / 16
    points = np.concatenate([inner, [[-3, -3], [3, -3], [3, 3], [-3, 3]]])
    simplices = Delaunay(points).simplices
    values = np.round(8 * np.sin(points[:, 0]) * np.cos(points[:, 1] / 2)) / 8
    found = theory.interpolate_triangulation(points, simplices, values)
    box = es.Box(-3, 3, dim=2)
    omega = es.enumerate_regions(found.network, box)
    figure = sheet(10.6, 3.9)
    left, middle, right = figure.subplots(1, 3)
    left.triplot(points[:, 0], points[:, 1], simplices, color="0.55", lw=0.8)
    seen = left.scatter(points[:, 0], points[:, 1], c=values, cmap="viridis", s=42, zorder=3,
                        edgecolors="black", linewidths=0.6)  # fmt: skip
    left.set_title(f"given: {len(simplices)} triangles, {len(points)} values", fontsize=10)
    grid = np.linspace(-3, 3, 241)
    mesh = np.stack(np.meshgrid(grid, grid), axis=-1)
    image = found.network.forward(mesh.reshape(-1, 2)).reshape(241, 241)
    middle.imshow(image, extent=(-3, 3, -3, 3), origin="lower", cmap="viridis",
                  vmin=values.min(), vmax=values.max())  # fmt: skip
    middle.triplot(points[:, 0], points[:, 1], simplices, color="white", lw=0.7)
    sets = len(found.terms[0])
    middle.set_title(f"network: maximum of {sets} minima", fontsize=10)
    groups = omega.distinct_pieces()
    shades = colormaps["tab20"](groups.labels % 20)
    shades[:, 3] = 0.55
    faces = [np.asarray(region.polygon().corners, dtype=float) for region in omega]
    right.add_collection(PolyCollection(faces, facecolors=shades, edgecolors="0.25", lw=0.4))
    right.triplot(points[:, 0], points[:, 1], simplices, color="black", lw=1.3)
    right.set_title(f"its {len(omega)} regions have {len(groups)} maps", fontsize=10)
    for axes in (left, middle, right):
        axes.set(xlim=(-3.12, 3.12), ylim=(-3.12, 3.12), aspect="equal")
        axes.tick_params(labelsize=8)
    figure.colorbar(seen, ax=middle, shrink=0.85)
    return figure


if __name__ == "__main__":
    save(draw, "interpolation.png")
