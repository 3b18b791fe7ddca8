"""
Which regions a data set visits
===============================

A network of images has more regions than anybody will count, but a data set visits only some of
them. You learn how to take a census of a scikit-learn model: how many samples share a region,
layer by layer, and how far classes are apart.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.neural_network import MLPClassifier

import exactspline as es

images, labels = load_digits(return_X_y=True)
model = MLPClassifier((8, 8), max_iter=150, random_state=1).fit(images / 16, labels)
net = es.from_sklearn(model)
found = es.census(net, images / 16, labels)
print(
    f"{len(images)} images in {len(found)} regions; accuracy {model.score(images / 16, labels):.3f}"
)

# %%
# Codes are proved, not rounded. How fine each depth is, and how many units have a say at all:

print(f"{'layer':>5} {'units':>6} {'regions':>8} {'units that change':>18}")
for i, layer in enumerate(found.layers, 1):
    print(f"{i:>5} {layer.units:>6} {layer.regions:>8} {layer.changing:>18}")
print(f"{float(found.alone_share):.1%} of the images are alone in their region")

# %%
# Left, how many images share a region, from the fullest on. Right, the mean share of units in
# which an image of one class differs from one of another; within a class on the diagonal.

figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 4), layout="constrained")
left.loglog(np.arange(1, len(found) + 1), np.sort(found.counts)[::-1], ".-")
left.set(xlabel="region, by its number of images", ylabel="images")
shown = right.imshow(found.class_distances.astype(float), cmap="viridis")
right.set(xticks=range(10), yticks=range(10), xlabel="digit", ylabel="digit")
figure.colorbar(shown, ax=right, label="share of units that differ")
plt.show()
