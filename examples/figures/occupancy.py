"""A network that knows which points a solid holds, and the solid's surface as an exact mesh.

    python examples/figures/occupancy.py    # writes occupancy.png, occupancy.ply, occupancy.html

A 3-16-16-1 network is taught how deep points lie inside of a torus; {f > 0} is what it has learnt.
The surface is no sample on a grid: each piece is the plane of one region's affine map, cut exactly.
Needs scikit-learn, matplotlib and plotly; some seconds.
"""

from __future__ import annotations

import numpy as np
from drawing import arguments, sheet
from matplotlib.colors import LightSource
from sklearn.neural_network import MLPRegressor

import exactspline as es
from exactspline.plot import plot_mesh


def depth(points: np.ndarray) -> np.ndarray:
    """How deep points lie inside of a torus; negative outside."""
    x, y, z = points.T
    return 0.25 - np.hypot(np.hypot(x, y) - 0.6, z)


def main() -> None:
    """Train, enumerate, write the mesh, draw it."""
    given = arguments("occupancy.png")
    small = given.small
    rng = np.random.default_rng(0)
    points = rng.uniform(-1, 1, (5_000 if small else 20_000, 3))
    model = MLPRegressor(
        hidden_layer_sizes=(16, 16), learning_rate_init=3e-3, max_iter=20 if small else 60, tol=0,
        random_state=0,
    )  # fmt: skip
    network = es.from_sklearn(model.fit(points, np.clip(depth(points), -0.3, 0.3)))
    test = rng.uniform(-1, 1, (20_000, 3))
    right = np.mean((network.forward(test)[:, 0] > 0) == (depth(test) > 0))
    omega = es.enumerate_regions(network, es.Box(-1, 1, dim=3))
    mesh = omega.surface()
    print(f"{100 * right:.1f}% of points are told right; {mesh}; Euler number {mesh.euler}")
    print(f"volume {mesh.volume().value:.6f}, area {mesh.area().value:.6f}")
    mesh.save(given.out.with_suffix(".ply"))
    plot_mesh(mesh).save(given.out.with_suffix(".html"), title="A torus, as it was learnt")
    figure = sheet(5.2, 4)
    axes = figure.add_subplot(projection="3d", computed_zorder=False)
    axes.plot_trisurf(
        *mesh.vertices.T, triangles=mesh.triangles, color="#e69f00", edgecolor=(0, 0, 0, 0.45),
        linewidth=0.25, lightsource=LightSource(300, 50),
    )  # fmt: skip
    axes.set(aspect="equal", xticks=[-1, 0, 1], yticks=[-1, 0, 1], zticks=[-0.2, 0.2])
    axes.set(xlabel="x[0]", ylabel="x[1]")
    axes.set_title(f"{len(mesh):,} triangles in {len(set(mesh.region.tolist())):,} of "
                   f"{len(omega):,} regions; Euler number {mesh.euler}", fontsize=9)  # fmt: skip
    axes.view_init(38, -60)
    figure.savefig(given.out, dpi=110)


if __name__ == "__main__":
    main()
