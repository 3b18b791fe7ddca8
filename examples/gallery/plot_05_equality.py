"""
Are two networks the same function?
===================================

A network is simplified, its neurons are permuted and rescaled: same function or not? Testing
points cannot tell. You learn how to prove equality on a whole domain, and what a refutation looks
like.
"""

import matplotlib.pyplot as plt
import numpy as np

import exactspline as es

rng = np.random.default_rng(0)
W, b, v = (
    rng.integers(-8, 9, (6, 2)) / 8,
    rng.integers(-8, 9, 6) / 8,
    rng.integers(-8, 9, (1, 6)) / 8,
)
one = es.Network([es.Dense(W, b), es.ReLU(), es.Dense(v)], (2,))

# %%
# The neurons in another order, each twice as large inside and half as large outside, which ReLU
# allows:

order = rng.permutation(6)
two = es.Network([es.Dense(2 * W[order], 2 * b[order]), es.ReLU(), es.Dense(v[:, order] / 2)], (2,))
box = es.Box(-4, 4, dim=2)
verdict = es.equal(one, two, box)
print("equal:", verdict.holds)

# %%
# Now one weight is off by 2^-40. Float32 does not see it at most points; the refutation is a point
# in exact fractions, which one forward pass confirms.

off = v[:, order] / 2
off[0, 0] += 2.0**-40
three = es.Network([es.Dense(2 * W[order], 2 * b[order]), es.ReLU(), es.Dense(off)], (2,))
verdict = es.equal(one, three, box)
x = verdict.counterexample
print("equal:", verdict.holds, "at x =", [str(t) for t in x])
print("difference:", one(x)[0] - three(x)[0])

# %%
# One function, and the same pieces of it, although units and weights differ:

figure, axes = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
for ax, net, title in zip(axes, (one, two), ("one", "two: permuted and rescaled"), strict=True):
    omega = es.enumerate_regions(net, box)
    omega.plot(ax, color="slope", legend=False)
    ax.set_title(f"{title}: {len(omega)} regions")
plt.show()
