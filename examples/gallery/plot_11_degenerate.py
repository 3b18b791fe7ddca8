"""
Where floats go wrong
=====================

Networks after quantisation, pruning or training are full of ties: lines that coincide, units that
are 0 everywhere. You learn on three small networks what rounded arithmetic makes of them, and what
is true. :doc:`plot_17_peers` has what other packages answer on such networks.
"""

import matplotlib.pyplot as plt
import numpy as np

import exactspline as es

# %%
# **A unit that is never on.** 0.1 + 0.2 - 0.3 is 0 for the decimals and 2^-55 for the floats. Both
# networks are legitimate; each gets the code of the numbers that it has.


def sums(a, b, c):
    return es.Network(
        [es.Dense([[1], [1], [1]]), es.ReLU(), es.Dense([[a, b, c]]), es.ReLU()], (1,)
    )


print("decimals:", es.enumerate_regions(sums("0.1", "0.2", "-0.3")).codes.tolist())
print("floats:  ", es.enumerate_regions(sums(0.1, 0.2, -0.3)).codes.tolist())

# %%
# **A sliver.** Two lines of slope 1 and 1 + 2^-40 through one point, and a third one close by. A
# million random points in float64 find fewer regions than there are.

thin = es.Network(
    [es.Dense([[1, -1], [1 + 2.0**-40, -1], [1, 1]], [0, 0, 2.0**-45]), es.ReLU()], (2,)
)
box = es.Box(-1, 1, dim=2)
X = np.random.default_rng(0).uniform(-1, 1, (1_000_000, 2))
on = X @ np.array([[1, 1 + 2.0**-40, 1], [-1, -1, 1]]) + [0, 0, 2.0**-45] > 0
print("found by sampling:", len(np.unique(on, axis=0)), "of", es.count_regions(thin, box))
print(
    "the smallest region's area:",
    min(region.volume() for region in es.enumerate_regions(thin, box)),
)

# %%
# **Three lines through one point.** The third form is the sum of the other two, so that all three
# are 0 at one point: six regions. Computed in float64, the third is not 0 there. And the floats
# next to these decimals are another network, whose third line misses the point: seven regions.

A = np.array([[1.0, 3.0], [7.0, -2.0]]) / 10
rows = np.vstack([A, A.sum(axis=0)])
exact = es.Network([es.Dense([["0.1", "0.3"], ["0.7", "-0.2"], ["0.8", "0.1"]],
                             ["-0.24", "-0.07", "-0.31"]), es.ReLU()], (2,))  # fmt: skip
crossing = np.linalg.solve(A, [0.24, 0.07])
print("third form at the crossing, float64:", rows[2] @ crossing - 0.31, "exactly: 0")
print("regions:", es.count_regions(exact), "of the decimals;", end=" ")
floats = es.Network([es.Dense(rows, [-0.24, -0.07, -0.31]), es.ReLU()], (2,))
print(es.count_regions(floats), "of the floats next to them")

# %%
# The regions of the decimals, and how few decisions needed more than float64 with error bounds:

omega = es.enumerate_regions(exact, box)
print(omega.decisions)
omega.plot(legend=False)
plt.show()
