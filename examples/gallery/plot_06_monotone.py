"""
A monotone network, proved
==========================

A price must not fall when the quality rises. You learn how to state that a network is monotone in
one input, how it is proved over the whole domain, and how a network that is not is caught by two
points.
"""

import matplotlib.pyplot as plt
import numpy as np

import exactspline as es

rng = np.random.default_rng(3)
W1, b1 = rng.normal(size=(8, 2)).round(2), rng.normal(size=8).round(2)
W2 = np.abs(rng.normal(size=(1, 8))).round(2)
W1[:, 0] = np.abs(W1[:, 0])  # the first input goes up everywhere: monotone by construction
rising = es.Network([es.Dense(W1, b1), es.ReLU(), es.Dense(W2)], (2,))
W1[5, 0] = -W1[5, 0]  # one weight with the wrong sign
falling = es.Network([es.Dense(W1, b1), es.ReLU(), es.Dense(W2)], (2,))

# %%
# The statement in words of mathematics: for all x and t >= 0 with x and x + t e_0 in the box, f(x)
# <= f(x + t e_0).

box = es.Box(-2, 2, dim=2)
for name, net in (("rising", rising), ("falling", falling)):
    verdict = es.monotone(net, box, 0)
    print(f"{name}: holds {verdict.holds}, {verdict.regions} regions")
    if not verdict.holds:
        x, y = verdict.counterexample
        print("  f(x) =", float(net(x)[0]), "at", [float(t) for t in x])
        print("  f(y) =", float(net(y)[0]), "at", [float(t) for t in y])

# %%
# The slope in the first input, region by region: below 0 in some regions of the second network.

figure, axes = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
for ax, net, name in zip(axes, (rising, falling), ("rising", "falling"), strict=True):
    omega = es.enumerate_regions(net, box)
    slopes = omega.affine_pieces()[0][:, 0, 0]
    omega.plot(ax, color=slopes)
    ax.set_title(f"{name}: slope in x0 from {slopes.min():.2f}")
plt.show()
