"""
A layer is a power diagram
==========================

Which units are on at x? Those of the code whose centroid is nearest, if squared distances are
lowered by a radius each. You learn how to get centroids and radii as fractions, and see that the
nearest one is right at every sample.
"""

from fractions import Fraction

import matplotlib.pyplot as plt
import numpy as np

import exactspline as es
from exactspline.theory import layer_power_diagram

layer = [es.Dense([[1, "1/2"], ["-1/2", 1], ["3/4", "-1"]], ["1/4", 0, "-1/2"]), es.ReLU()]
net = es.Network(layer, (2,))
omega = es.enumerate_regions(net, es.Box(-2, 2, dim=2))
diagram = layer_power_diagram(net)
print(f"{'code':>8} {'centroid':>14} {'radius':>8}")
for code in omega.codes.tolist():
    mu = ", ".join(str(v) for v in diagram.centroid(code))
    print(f"{code!s:>8} {mu:>14} {diagram.radius(code)!s:>8}")

# %%
# 500 points: the cell with the least \|x - mu\|^2 - rad is the one that the network takes.

X = np.random.default_rng(0).uniform(-2, 2, (500, 2))
sites = [(diagram.centroid(code), diagram.radius(code)) for code in omega.codes.tolist()]


def nearest(x):
    x = [Fraction(t) for t in x]
    powers = [sum((a - m) ** 2 for a, m in zip(x, mu, strict=True)) - rad for mu, rad in sites]
    return powers.index(min(powers))


chosen = np.array([nearest(x) for x in X.tolist()])
print("all the same:", (omega.codes[chosen] == es.codes(net, X)).all())

# %%
# Cells, and the points by the site that is nearest; crosses are centroids, some of them far from
# their cells.

figure, ax = plt.subplots(figsize=(5.6, 5.4), layout="constrained")
omega.plot(ax, legend=False)
ax.scatter(*X.T, c=chosen, cmap="tab10", vmin=0, vmax=9, s=9, zorder=10)
for i, (mu, _) in enumerate(sites):
    ax.plot(
        *map(float, mu),
        "X",
        color=plt.cm.tab10(i),
        markeredgecolor="black",
        markersize=10,
        zorder=11,
    )
plt.show()
