"""A soft network and how far it is from the hard one, for beta towards 1.

    python examples/figures/soft_network.py    # writes soft_network.png

Left the output of the two moons along a line, soft for several beta. Right the largest error that
was found on a grid of a box, and two proved bounds: on all of the plane, a number of the weights
times (1 - beta) / beta, and on the box, where units that keep their piece by far count for little.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import matplotlib
import numpy as np
from drawing import save, sheet
from matplotlib.figure import Figure

import exactspline as es
from exactspline.theory import SoftNetwork

MOONS = Path(__file__).resolve().parents[1] / "moons.onnx"
BETAS = tuple(Fraction(b) for b in ("1/2", "3/4", "9/10", "19/20", "49/50", "99/100", "199/200",
                                    "499/500", "999/1000", "9999/10000"))  # fmt: skip


def draw(small: bool) -> Figure:
    """Curves along a line, and errors with bounds."""
    net = es.load(MOONS)
    side = 21 if small else 201
    box = es.Box([-0.25, 0], [0.25, 0.5])
    grid = np.stack(np.meshgrid(np.linspace(-0.25, 0.25, side), np.linspace(0, 0.5, side)), -1)
    points = grid.reshape(-1, 2)
    hard = net.forward(points)[:, 0]
    figure = sheet(10, 3.6)
    left, right = figure.subplots(1, 2)
    line = np.stack([np.linspace(-2, 3, 401), np.full(401, 0.25)], axis=1)
    colours = matplotlib.colormaps["viridis"](np.linspace(0.92, 0.25, 4))
    for beta, colour in zip(("1/2", "9/10", "19/20", "99/100"), colours, strict=True):
        soft = SoftNetwork(net, beta)
        label = f"β = {float(Fraction(beta)):g}"
        left.plot(line[:, 0], soft.values(line)[:, 0], color=colour, linewidth=1.4, label=label)
    left.plot(line[:, 0], net.forward(line)[:, 0], color="black", linewidth=1.8, label="hard")
    left.set_xlabel("x[0], at x[1] = 1/4")
    left.set_title("output of the moons, mean of pieces", fontsize=10)
    left.legend(fontsize=8, frameon=False)
    left.grid(alpha=0.25)
    shares = [float(1 - b) for b in BETAS]
    soft = [SoftNetwork(net, b) for b in BETAS]
    bounds = {
        "proved on all of R²": [float(s.error_bound()[0]) for s in soft],
        "proved on the box": [float(s.error_bound(box)[0]) for s in soft],
        "largest on a grid of the box": [abs(s.values(points)[:, 0] - hard).max() for s in soft],
    }
    for (name, values), style in zip(bounds.items(), ("s--", "o-", "x-"), strict=True):
        right.loglog(shares, values, style, label=name, markersize=4, linewidth=1.3)
    right.set_xlabel("1 - β")
    right.set_title("distance of the soft network to the hard one", fontsize=10)
    right.legend(fontsize=8, frameon=False)
    right.grid(alpha=0.25, which="both")
    return figure


if __name__ == "__main__":
    save(draw, "soft_network.png")
