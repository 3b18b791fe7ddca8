"""
The surface of a learnt solid
=============================

A network that has learnt how deep points lie inside of a torus: {f > 0} is the solid that it knows.
You learn how to get its surface as a mesh of flat pieces, cut exactly along the regions, and what
is known of it: whether it is closed, its Euler number, volume and area.
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import LightSource
from sklearn.neural_network import MLPRegressor

import exactspline as es

rng = np.random.default_rng(0)
points = rng.uniform(-1, 1, (8_000, 3))
x, y, z = points.T
depth = 0.25 - np.hypot(np.hypot(x, y) - 0.6, z)
model = MLPRegressor(
    hidden_layer_sizes=(16, 16), learning_rate_init=5e-3, max_iter=80, tol=0, random_state=0
)
with warnings.catch_warnings():  # that it could learn on
    warnings.simplefilter("ignore")
    model.fit(points, np.clip(depth, -0.3, 0.3))
net = es.from_sklearn(model)

# %%
# All regions of the cube, and the surface {f = 0} in those that it passes through.

omega = es.enumerate_regions(net, es.Box(-1, 1, dim=3))
mesh = omega.surface()
print(omega)
print(mesh)
print("Euler number", mesh.euler)  # a torus has 0, a ball 2: the hole was learnt
print(f"volume {mesh.volume().value:.4f}, area {mesh.area().value:.4f}")

# %%
# ``mesh.save("torus.stl")`` is a file for any viewer, or .ply, .obj, .json.

figure = plt.figure(figsize=(6, 4.4), layout="constrained")
ax = figure.add_subplot(projection="3d", computed_zorder=False)
ax.plot_trisurf(
    *mesh.vertices.T, triangles=mesh.triangles, color="#e69f00", edgecolor=(0, 0, 0, 0.4),
    linewidth=0.25, lightsource=LightSource(300, 50),
)  # fmt: skip
ax.set(aspect="equal", xlabel="x0", ylabel="x1", zticks=[-0.3, 0, 0.3])
ax.view_init(38, -60)
ax.set_title(
    f"{len(mesh):,} triangles in {len(set(mesh.region.tolist())):,} of {len(omega):,} regions"
)
plt.show()
