"""
A convex function as a maximum of planes
========================================

Every convex function is a limit of maxima of affine functions: one max-affine spline operator. You
learn how to fit one, use it as a network, count its pieces, and prove that the result is convex.
"""

import matplotlib.pyplot as plt
import numpy as np

import exactspline as es
from exactspline.theory import fit_max_affine

rng = np.random.default_rng(0)
X = rng.uniform(-1, 1, (400, 2))
y = np.hypot(X[:, 0], X[:, 1]) ** 1.5

# %%
# More pieces, smaller errors:

box = es.Box(-1, 1, dim=2)
nets = {}
print(f"{'pieces':>6} {'regions':>8} {'largest error on the samples':>30}")
for pieces in (3, 6, 12, 24):
    fit = fit_max_affine(X, y, pieces, method="alternating")
    nets[pieces] = es.Network([fit.maso], (2,))
    regions = es.count_regions(nets[pieces], box)
    print(f"{pieces:>6} {regions:>8} {float(fit.max_error):>30.4f}")

# %%
# It is convex, whatever the fit did: proved over all regions.

print(es.convex(nets[12], box).holds)

# %%
# The regions are where each plane is the largest.

figure, axes = plt.subplots(1, 3, figsize=(10, 3.4), layout="constrained")
for ax, pieces in zip(axes, (6, 12, 24), strict=True):
    omega = es.enumerate_regions(nets[pieces], box)
    omega.plot(ax, color="output", legend=False)
    ax.set_title(f"{len(omega)} regions")
plt.show()
