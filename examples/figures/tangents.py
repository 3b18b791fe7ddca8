"""Convex functions by the maximum of grid tangents: how the error falls with their number.

    python examples/figures/tangents.py    # writes tangents.png

Lines are what is proved from a bound alone; dots are the largest errors, which are attained at
vertices of the spline's regions. With bounded curvature R^(-2/D), with bounded slopes R^(-1/D).
"""

from __future__ import annotations

import numpy as np
import sympy
from drawing import save, sheet
from matplotlib.figure import Figure

import exactspline as es
from exactspline.theory import grid_tangents
from exactspline.theory.universality.rates import flat_cone

CURVED, STEEP = {1: "-2", 2: "-1", 3: "-2/3"}, {1: "-1", 2: "-1/2"}
COLOURS = {1: "#1b7837", 2: "#b35806", 3: "#5e3c99"}


def draw(small: bool) -> Figure:
    """Two panels: functions of bounded curvature, and of bounded slopes."""
    figure = sheet(9.6, 4.1)
    left, right = figure.subplots(1, 2)
    counts = {1: (2, 4, 8, 16), 2: (2, 4, 8), 3: (1, 2)}
    if not small:
        counts = {1: (2, 4, 8, 16, 32, 64, 128), 2: (2, 4, 6, 8, 12), 3: (1, 2, 3, 4)}
    for dim, own in counts.items():
        x = sympy.symbols(f"x:{dim}", real=True)
        bowl = sum(sympy.exp(v) for v in x)
        box = es.Box([-1] * dim, [1] * dim)
        found = [grid_tangents(bowl, box, n) for n in own]
        _curve(left, found, COLOURS[dim], f"D = {dim}, proved: $R^{{{CURVED[dim]}}}$")
    for dim in (1, 2):
        own = [n for n in counts[dim] if n >= 4]
        box = es.Box([-1] * dim, [1] * dim)
        found = [grid_tangents(flat_cone(dim, n), box, n, lipschitz=1) for n in own]
        _curve(right, found, COLOURS[dim], f"D = {dim}, proved: $R^{{{STEEP[dim]}}}$")
    left.set_title("curvature bounded: the sum of exp($x_j$) on $[-1, 1]^D$", fontsize=10)
    right.set_title("slopes bounded: cones whose flat tip is smaller than a cell", fontsize=10)
    for axes in (left, right):
        axes.plot([], [], "o", color="0.4", ms=4.5, mfc="white", label="largest, at a vertex")
        axes.set(xscale="log", yscale="log", xlabel="R, tangents", ylabel="error")
        axes.grid(alpha=0.3, which="major")
        axes.legend(fontsize=8, frameon=False)
    return figure


def _curve(axes, found, colour, label) -> None:
    R = np.array([f.pieces for f in found])
    axes.plot(R, [float(f.error) for f in found], color=colour, label=label)
    axes.plot(R, [float(f.gap()) for f in found], "o", color=colour, ms=4.5, mfc="white")


if __name__ == "__main__":
    save(draw, "tangents.png")
