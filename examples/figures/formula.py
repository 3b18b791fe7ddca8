"""A small network as a nested formula and as cases, with the sets where the cases hold.

    python examples/figures/formula.py    # writes formula.png

Both formulas are what ``network.to_latex()`` and ``partition.to_latex()`` give. Regions with one
map are one case where their union is convex: thin lines are where units change out of sight.
"""

from __future__ import annotations

import re

import numpy as np
from drawing import save, sheet
from matplotlib import colormaps
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

import exactspline as es


def network(small: bool) -> es.Network:
    """Two layers of units; for a quick look one."""
    first = es.Dense([[1, 0], [0, 1], [1, -1]], [1, -1, 0])
    second = es.Dense([[1, 1, 0], [0, 1, 1]], [-1, 1])
    if small:
        return es.Network([first, es.ReLU(), es.Dense([[1, 1, 0]])], (2,))
    return es.Network([first, es.ReLU(), second, es.ReLU(), es.Dense([[1, "-1/2"]])], (2,))


def draw(small: bool) -> Figure:
    """The formulas on the left, the cases' sets on the right."""
    net = network(small)
    omega = es.enumerate_regions(net)
    window = es.enumerate_regions(net, es.Box(-3, 3, dim=2))
    text = omega.to_latex()
    cases = re.findall(r"^(.*?) & \\text\{if \} (.*?)(?: \\\\)?$", text, flags=re.MULTILINE)
    _, (f,) = omega.to_sympy()
    figure = sheet(10.4, 4.3)
    left, right = figure.subplots(1, 2, width_ratios=(1.55, 1))
    left.axis("off")
    left.set(xlim=(0, 1), ylim=(0, 1))
    left.text(0, 0.97, f"${net.to_latex()}$", fontsize=9.5, va="top")
    colours = colormaps["tab20"](1 + 2 * np.arange(len(cases)) % 20)
    step = 0.78 / max(len(cases), 1)
    for k, (value, where) in enumerate(cases):
        y = 0.80 - k * step
        left.add_patch(Rectangle((0, y - 0.035), 0.03, 0.06, color=colours[k], lw=0))
        left.text(0.05, y, f"${value}$", fontsize=10.5, va="center")
        left.text(0.42, y, f"if  ${where}$", fontsize=10.5, va="center")
    for shown in left.texts:
        shown.set_in_layout(False)
    faces = [np.asarray(region.polygon().corners, dtype=float) for region in window]
    symbols = omega.to_sympy().symbols
    holds = [condition for _, condition in f.args]
    own = []
    for region in window:
        at = dict(zip(symbols, map(_rational, region.witness), strict=True))
        own.append(next(k for k, condition in enumerate(holds) if condition.xreplace(at) == True))  # noqa: E712
    right.add_collection(
        PolyCollection(faces, facecolors=colours[own], edgecolors="white", linewidths=0.8)
    )
    right.set(xlim=(-3, 3), ylim=(-3, 3), aspect="equal", xlabel="$x_0$", ylabel="$x_1$")
    right.set_title(f"{len(omega)} regions, {len(cases)} cases", fontsize=10)
    return figure


def _rational(value):
    import sympy

    return sympy.Rational(value.numerator, value.denominator)


if __name__ == "__main__":
    save(draw, "formula.png")
