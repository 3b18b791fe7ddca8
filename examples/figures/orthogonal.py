"""Orthogonal templates: angles between the last layer's templates, with and without a penalty.

    python examples/figures/orthogonal.py    # writes orthogonal.png

The penalty is lambda times the sum of <W_c, W_c'>^2 over all pairs of classes; `train_digits.py`
has trained both networks. examples/orthogonal_templates tells whether it helps.
"""

from __future__ import annotations

import numpy as np
from drawing import HERE, save, sheet
from matplotlib.figure import Figure

import exactspline as es
from exactspline.theory import orthogonality_penalty


def draw(small: bool) -> Figure:
    """Two matrices of cosines, one scale."""
    figure = sheet(7.6, 3.7)
    panels = figure.subplots(1, 2)
    for axes, (name, title) in zip(
        panels,
        (("cnn_relu", "without the penalty"), ("cnn_relu_orthogonal", "λ = 1")),
        strict=True,
    ):
        W = es.load(HERE / "networks" / f"{name}.onnx").operators[-1].weight
        unit = W / np.linalg.norm(W, axis=1, keepdims=True)
        picture = axes.imshow(unit @ unit.T, cmap="RdBu_r", vmin=-1, vmax=1)
        axes.set_title(f"{title}: penalty {orthogonality_penalty(W):.3g}", fontsize=10)
        axes.set_xlabel("class")
        axes.set_xticks(range(10))
        axes.set_yticks(range(10))
    panels[0].set_ylabel("class")
    figure.colorbar(picture, ax=panels, label="cosine between templates", shrink=0.9)
    return figure


if __name__ == "__main__":
    save(draw, "orthogonal.png")
