"""
A slice through a convolutional network
=======================================

All inputs of an image network are too many dimensions. A plane through three images is exact as
well. You learn how to lay a slice, and see where a residual network with max-pooling changes its
mind between three digits.
"""

from collections import Counter
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import exactspline as es

folder = Path("../digits")
net = es.load(folder / "digits.onnx")
a, b, c = (np.load(folder / f"{name}.npy") for name in "abc")
print(net)

# %%
# The inputs a + s (b - a) + t (c - a), where three classes meet. ``es.Box(0, 1, dim=2)`` in place
# of the small square takes the whole plane between the images: 44,944 regions.

small = es.Box(["1/16", "5/16"], ["3/16", "7/16"])
plane = es.Slice.through(a, b, c, domain=small)
omega = es.enumerate_regions(net, plane)
print(len(omega), "regions;", omega.decisions)

# %%
# Between a 2 and a 0 it sees a 1: what it says at a point of each region.

print(Counter(net.forward(omega.points()).argmax(axis=1).tolist()))

# %%
# The regions in the coordinates (s, t) of the slice, beside the images that span it:

figure = plt.figure(figsize=(9, 5), layout="constrained")
grid = figure.add_gridspec(3, 2, width_ratios=(4, 1))
ax = figure.add_subplot(grid[:, 0])
omega.plot(ax, color="active", boundary=True)
ax.set_title(f"{len(omega)} regions, by the number of active units")
for i, (name, image) in enumerate(zip("abc", (a, b, c), strict=True)):
    side = figure.add_subplot(grid[i, 1])
    side.imshow(image.reshape(8, 8), cmap="gray_r")
    value = int(net.forward(image).argmax())
    side.set(xticks=[], yticks=[], title=f"{name}: a {value}")
plt.show()

# %%
# And the same partition to walk through: point at a region to see its code, its affine map and its
# neighbours. ``omega.explore().save("slice.html")`` writes it as a page of its own.

omega.explore(title="three digits")
