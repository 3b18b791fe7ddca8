"""From hard to soft VQ: what ReLU, |.| and a maximum become as beta goes from 1 to 0.

    python examples/figures/soft.py    # writes soft.png

Hard VQ picks the best piece; soft VQ weighs the pieces by softmax(beta z / (1 - beta)) and takes
their mean: ReLU becomes SiLU at beta = 1/2, and half of the identity at beta = 0.
"""

from __future__ import annotations

import matplotlib
import numpy as np
from drawing import save, sheet
from matplotlib.figure import Figure

import exactspline as es
from exactspline.theory import soft_maso

BETAS = (0.0, 0.25, 0.5, 0.75, 0.9, 1.0)


def draw(small: bool) -> Figure:
    """One panel an operator, one curve a beta."""
    x = np.linspace(-4, 4, 41 if small else 401)
    operators = {
        "ReLU": es.MASO([[[0], [1]]], [[0, 0]]),
        "|·|": es.MASO([[[-1], [1]]], [[0, 0]]),
        "maximum of three pieces": es.MASO([[[-1], ["1/4"], [1]]], [[-1, 1, "-1/2"]]),
    }
    colours = matplotlib.colormaps["viridis"](np.linspace(0.92, 0, len(BETAS)))
    figure = sheet(10, 3.2)
    for axes, (name, maso) in zip(figure.subplots(1, 3), operators.items(), strict=True):
        for beta, colour in zip(BETAS, colours, strict=True):
            inside = min(max(beta, 1e-6), 1 - 1e-6)  # the ends are limits
            values = soft_maso(maso, x[:, None], inside)[:, 0]
            label = f"β = {beta:g}" + {0: " (mean of the pieces)", 1: " (hard)"}.get(beta, "")
            axes.plot(x, values, color=colour, linewidth=2.4 if beta == 1 else 1.4, label=label)
        axes.set_title(name, fontsize=10)
        axes.set_xlabel("u")
        axes.grid(alpha=0.25)
    figure.axes[0].legend(fontsize=8, frameon=False)
    return figure


if __name__ == "__main__":
    save(draw, "soft.png")
