"""
How far an input can be moved
=============================

A robust radius is the distance from an input to the nearest one with another class. Attacks give
upper bounds, and relaxations lower ones; here both are the same fraction. You learn how to compute
it, in three norms.
"""

import math

import matplotlib.pyplot as plt
from matplotlib.patches import Circle, Polygon, Rectangle

import exactspline as es

net = es.load("../moons.onnx")
x = [1, "0.25"]
box = es.Box([-2, "-1.5"], [3, 2])
print("f(x) =", net.forward([1, 0.25]))

# %%
# The network has one output, so the condition is said: the sign of f changes.

sign = 1 if net.forward([1, 0.25])[0] > 0 else -1
found = {
    norm: es.robust_radius(net, x, box, norm=norm, condition=lambda x: sign * net(x)[0] <= 0)
    for norm in ("max", "l1", "l2")
}
r = {norm: float(radius.radius) for norm, radius in found.items()}
r["l2"] = math.sqrt(r["l2"])  # of "l2" the square is a fraction, and given
for norm, radius in found.items():
    print(f"{norm:>4}: radius {r[norm]:.6f}, at {[round(float(t), 6) for t in radius.at]}")
print("exactly, in the maximum norm:", found["max"].radius)

# %%
# The three balls touch the decision boundary and do not cross it.

omega = es.enumerate_regions(net, es.Box(["1/4", "-1/2"], ["7/4", 1]))
figure, ax = plt.subplots(figsize=(6, 5.5), layout="constrained")
omega.plot(ax, boundary=True, legend=False)
corners = [(1 + r["l1"], 0.25), (1, 0.25 + r["l1"]), (1 - r["l1"], 0.25), (1, 0.25 - r["l1"])]
style = {"fill": False, "linewidth": 2, "zorder": 20}
ax.add_patch(
    Rectangle((1 - r["max"], 0.25 - r["max"]), 2 * r["max"], 2 * r["max"], edgecolor="C3", **style)
)
ax.add_patch(Polygon(corners, edgecolor="C0", **style))
ax.add_patch(Circle((1, 0.25), r["l2"], edgecolor="C2", **style))
for (norm, radius), colour in zip(found.items(), ("C3", "C0", "C2"), strict=True):
    ax.plot(*map(float, radius.at), "o", color=colour, label=f"{norm}: {r[norm]:.4f}", zorder=21)
ax.legend(loc="upper right")
plt.show()
