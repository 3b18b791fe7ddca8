"""How far samples are from walls and from the decision boundary, while a network is trained.

    python examples/figures/distances.py    # writes distances.png

The two-moons network at some steps of its training (before the first one class fills the
window, and there is no boundary). Distances are exact: to the nearest wall of
the partition (`theory.wall_distance`) and to the nearest point of the decision boundary
(`theory.boundary_distances`).
"""

from __future__ import annotations

import sys

import numpy as np
from drawing import HERE, save, sheet
from matplotlib.figure import Figure

import exactspline as es
from exactspline import theory

sys.path.insert(0, str(HERE.parent))
from plot_moons import SHOWN, WINDOW, checkpoints
from train_moons import SEED, moons


def measured(network: es.Network, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distances to walls and to the decision boundary, shape (n,); NaN where there is none."""
    walls = np.array([float(theory.wall_distance(network, x)) for x in points])
    boundary = es.enumerate_regions(network, WINDOW).decision_boundary()
    if not len(boundary):  # one class everywhere
        return walls, np.full(len(points), np.nan)
    squares, _ = theory.boundary_distances(boundary, points)
    return walls, np.sqrt(squares.astype(np.float64))


def draw(small: bool) -> Figure:
    """Quartiles over the steps, and both distributions at the end."""
    points, _ = moons(5 if small else 60, 0.1, SEED)
    points = points.astype(np.float32)
    networks = list(zip(SHOWN, checkpoints(), strict=True))[:: 4 if small else 1]
    found = [measured(network, points) for _, network in networks]
    steps = np.array([step for step, _ in networks], dtype=float)
    figure = sheet(9.4, 3.7)
    left, right = figure.subplots(1, 2)
    for place, name, colour in (
        (0, "nearest wall", "#0072b2"), (1, "decision boundary", "#d55e00"),
    ):  # fmt: skip
        values = np.array([pair[place] for pair in found])
        low, middle, high = np.quantile(values, (0.25, 0.5, 0.75), axis=1)
        left.plot(steps, middle, ".-", color=colour, label=name)
        left.fill_between(steps, low, high, color=colour, alpha=0.2, linewidth=0)
        right.hist(values[-1], bins=np.geomspace(1e-4, 2, 36), color=colour, alpha=0.6, label=name)
    left.set_xscale("symlog", linthresh=20)
    left.set_xticks([0, 20, 100, 400, 1600, 4000], ["0", "20", "100", "400", "1600", "4000"])
    left.set(yscale="log", xlabel="steps of training", ylabel="distance (median, quartiles)")
    left.legend(frameon=False, fontsize=9)
    right.set(xscale="log", xlabel="distance", ylabel=f"of {len(points)} samples")
    right.set_title("after training", fontsize=10)
    right.legend(frameon=False, fontsize=9, loc="upper left")
    return figure


if __name__ == "__main__":
    save(draw, "distances.png")
