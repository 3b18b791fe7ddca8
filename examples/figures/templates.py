"""Templates as images: all classes of one digit in eight networks, with what each class scores.

    python examples/figures/templates.py    # writes templates.png

A network is f(x) = A[x] x + B[x]; a row of A[x] is what the input is matched against for one class.
"""

from __future__ import annotations

from drawing import HERE, digits, save, sheet
from matplotlib.figure import Figure

import exactspline as es
from exactspline.plot import plot_templates

NETWORKS = {
    "cnn_relu": "CNN, ReLU", "cnn_relu_norm": "CNN, ReLU,\nbatch norm",
    "cnn_abs": "CNN, |·|", "cnn_abs_norm": "CNN, |·|,\nbatch norm",
    "resnet_relu": "ResNet, ReLU", "resnet_relu_norm": "ResNet, ReLU,\nbatch norm",
    "resnet_abs": "ResNet, |·|", "resnet_abs_norm": "ResNet, |·|,\nbatch norm",
}  # fmt: skip


def draw(small: bool) -> Figure:
    """One row a network: the input, and the template of every class."""
    chosen = list(NETWORKS.items())[: 2 if small else None]
    figure = sheet(11.5, 1.2 * len(chosen))
    grid = figure.subplots(len(chosen), 11, squeeze=False)
    image, _ = (values[1005] for values in digits())
    for row, (name, title) in zip(grid, chosen, strict=True):
        network = es.load(HERE / "networks" / f"{name}.onnx")
        plot_templates(network, image, axes=row)
        row[0].set_ylabel(title, fontsize=8)
        row[0].set_xlabel("")
        if row is not grid[0]:
            row[0].set_title("")
    return figure


if __name__ == "__main__":
    save(draw, "templates.png")
