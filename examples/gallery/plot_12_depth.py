"""
What depth can do: Montufar's construction
==========================================

A layer that folds its input makes every later layer work on all folds at once, so that regions
multiply. You learn how to build such networks from exact numbers, count them, and compare the
counts with the theorem of Montufar, Pascanu, Cho and Bengio (2014).
"""

import matplotlib.pyplot as plt
import numpy as np

import exactspline as es
from exactspline.bounds import generic_arrangement, montufar2014_lower

# %%
# Four units fold [0, 1] onto itself four times: up, down, up, down. In two dimensions each
# coordinate is folded by four units of its own.


def folding(depth, dim):
    first = es.Dense(np.kron(np.eye(dim), [[4], [8], [8], [8]]), [0, -2, -4, -6] * dim)
    fold = np.kron(np.eye(dim), [[1, -1, 1, -1]])
    operators = [first, es.ReLU()]
    for _ in range(depth - 1):
        operators += [es.Dense(fold), first, es.ReLU()]
    return es.Network([*operators, es.Dense(fold)], (dim,))


# %%
# Regions in [0, 1]^D, counted; how many the theorem says that some network of these widths has on
# all of R^D (with a last layer in general position, where ours folds once more); and the most that
# one layer of as many units can have (Zaslavsky):

print(f"{'inputs':>6} {'layers':>7} {'units':>6} {'regions':>8} {'theorem':>8} {'one layer':>10}")
for dim in (1, 2):
    for depth in (1, 2, 3):
        net = folding(depth, dim)
        count = es.count_regions(net, es.Box(0, 1, dim=dim))
        bound = montufar2014_lower([4 * dim] * depth, dim)
        flat = generic_arrangement(net.units, dim)
        print(f"{dim:>6} {depth:>7} {net.units:>6} {count:>8} {bound:>8} {flat:>10}")

# %%
# Twelve units in three layers make 64 pieces here; in one layer they make 13 at most.

x = np.linspace(0, 1, 2049)[:, None]
figure, axes = plt.subplots(1, 3, figsize=(10, 2.6), layout="constrained", sharey=True)
for depth, ax in enumerate(axes, 1):
    ax.plot(x, folding(depth, 1).forward(x), linewidth=1)
    ax.set_title(f"{depth} layer{'s' * (depth > 1)} of 4 units")
plt.show()
