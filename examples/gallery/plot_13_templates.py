"""
What an image is matched against
================================

At an input, a network is one affine map: a score is the product of the image with a *template*,
plus a number. You learn how to get the templates of two trained networks for one image, and see
that the products are the scores, exactly.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

import exactspline as es
from exactspline.plot import plot_templates

image = load_digits().images[1005:1006] / 16  # 1 x 8 x 8, multiples of 1/16
names = {"cnn_relu": "CNN, ReLU", "resnet_abs": "ResNet, |·|"}
nets = {name: es.load(f"../figures/networks/{name}.onnx") for name in names}
figure, axes = plt.subplots(2, 11, figsize=(11.5, 3), layout="constrained")
for row, (name, net) in zip(axes, nets.items(), strict=True):
    plot_templates(net, image, axes=row)
    row[0].set_ylabel(names[name], fontsize=8)
    row[0].set_xlabel("")
plt.show()

# %%
# The score of every class is its template times the image, plus its number: in fractions there is
# nothing left over. ``net.templates`` has the templates in the image's shape.

for name, net in nets.items():
    found = net.templates(image, exact=True)
    scores = found.matches + found.b
    same = (scores == net.forward(image, exact=True)).all()
    print(f"{names[name]}: sees a {scores.argmax()}; template times image + b is f(x): {same}")

# %%
# The cosine of the angle between each template and the image: the templates of the right class
# point towards it, and no further than so.

print(" " * 14, *(f"{c:6}" for c in range(10)))
for name, net in nets.items():
    rows = net.templates(image).A.reshape(10, -1)
    cosines = rows @ image.reshape(-1) / np.linalg.norm(rows, axis=1) / np.linalg.norm(image)
    print(f"{names[name]:>14}", *(f"{c:6.2f}" for c in cosines))
