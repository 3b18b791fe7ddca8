"""
The partition while a network learns
====================================

Training moves the lines of a network to where the data need them. You learn how to make a film of
checkpoints, and the curve of the number of regions over training.
"""

import sys

import matplotlib.pyplot as plt

sys.path.insert(0, "..")
from plot_moons import network
from train_moons import SEED, moons, train

import exactspline as es
from exactspline.plot import film

# %%
# The network of the first example again, kept at some steps of its training (NumPy alone, a few
# seconds).

points, classes = moons(200, 0.1, SEED)
shown, checkpoints = (0, 50, 200, 1600), []


def watch(step, parameters):
    if step in shown:
        checkpoints.append(network(parameters))


train(points, classes, watch)

# %%
# A film enumerates all of them in one window. ``training.save("training.gif")`` or ``.html``
# writes it as one that moves; here its pictures stand side by side.

training = film(checkpoints, es.Box([-2, "-1.5"], [3, 2]), epochs=shown, boundary=True)
figure, axes = plt.subplots(2, 2, figsize=(9, 6.4), layout="constrained")
for ax, step, net, n in zip(axes.flat, shown, checkpoints, training.counts, strict=True):
    omega = es.enumerate_regions(net, es.Box([-2, "-1.5"], [3, 2]))
    omega.plot(ax, boundary=True, legend=False, points=(points, classes.astype(int)))
    ax.set_title(f"step {step}: {n} regions")
plt.show()

# %%
# The counts alone:

print(f"{'step':>6} {'regions':>8}")
for step, n in zip(shown, training.counts.tolist(), strict=True):
    print(f"{step:>6} {n:>8}")
