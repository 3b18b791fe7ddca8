"""
A slice through a convolutional network
=======================================

All inputs of an image network are too many dimensions. A plane through three images is exact as
well. You learn how to lay a slice, and see where a residual network with max-pooling changes its
mind between three digits.
"""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import exactspline as es

folder = Path("../digits")
net = es.load(folder / "digits.onnx")
a, b, c = (np.load(folder / f"{name}.npy") for name in "abc")
print(net)

# %%
# The inputs a + s (b - a) + t (c - a), for s and t in [0, 1/8]: near to the image a. ``es.Box(0,
# 1, dim=2)`` takes the whole square (45 thousand regions, under a second; drawing them takes
# longer).

plane = es.Slice.through(a, b, c, domain=es.Box(0, "1/8", dim=2))
omega = es.enumerate_regions(net, plane)
print(len(omega), "regions;", omega.decisions)

# %%
# The regions in the coordinates (s, t) of the slice, beside the images that span it:

figure = plt.figure(figsize=(9, 5), layout="constrained")
grid = figure.add_gridspec(3, 2, width_ratios=(4, 1))
ax = figure.add_subplot(grid[:, 0])
omega.plot(ax, color="active", legend=False)
ax.set_title(f"{len(omega)} regions, coloured by the number of active units")
for i, (name, image) in enumerate(zip("abc", (a, b, c), strict=True)):
    small = figure.add_subplot(grid[i, 1])
    small.imshow(image.reshape(8, 8), cmap="gray_r")
    value = int(net.forward(image).argmax())
    small.set(xticks=[], yticks=[], title=f"{name}: a {value}")
plt.show()

# %%
# ``omega.explore().save("slice.html")`` writes the same partition as a page to walk through in a
# browser.
