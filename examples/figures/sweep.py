"""The number of regions as a function of one bias: an exact step function, lower at its steps.

    python examples/figures/sweep.py    # writes sweep.png

Left the partition of a square at three values of a bias of the first layer, whose line is red; at
the middle one it passes through a point where two others meet: a region has vanished there. Right
the count over the bias: horizontal lines are the open intervals, dots the steps.
"""

from __future__ import annotations

import random
from fractions import Fraction

from drawing import hide_axes, save, sheet
from matplotlib.figure import Figure

import exactspline as es


def network(hidden: int) -> es.Network:
    """Random rationals of a fixed seed: 2 inputs, two layers."""
    rng = random.Random("sweep")

    def numbers(rows: int, columns: int) -> list[list[Fraction]]:
        return [[Fraction(rng.randint(-9, 9), 4) for _ in range(columns)] for _ in range(rows)]

    return es.Network(
        [es.Dense(numbers(hidden, 2), numbers(1, hidden)[0]), es.ReLU(),
         es.Dense(numbers(hidden, hidden), numbers(1, hidden)[0]), es.ReLU()], (2,)
    )  # fmt: skip


def draw(small: bool) -> Figure:
    """Three partitions and the step function."""
    box, name = es.Box([-2, -2], [2, 2]), "Dense.0.bias[0]"
    family = es.parametric(network(3 if small else 5), [name], box, ranges=(-4, 4))
    steps = family.sweep()
    # a step where a region vanishes and another one comes: three lines in one point
    meeting = [
        value
        for k, value in enumerate(steps.breakpoints)
        if steps.at[k] < steps.between[k] == steps.between[k + 1]
    ]
    middle = min(meeting, key=abs)
    figure = sheet(11, 3.4)
    *panels, last = figure.subplots(1, 4, width_ratios=[1, 1, 1, 1.7])
    shown = (middle - Fraction(1, 4), middle, middle + Fraction(1, 4))
    for axes, value in zip(panels, shown, strict=True):
        omega = es.enumerate_regions(family.at([value]), box)
        omega.plot(axes, legend=False)
        w, v = (float(x) for x in family.base.operators[0].weight[0])
        axes.axline((0, -float(value) / v), slope=-w / v, color="#d62728", linewidth=2.5)
        axes.set_title(f"bias {float(value):.3f}: {len(omega)} regions", fontsize=9)
        hide_axes(axes)
        axes.set_xlabel("")
        axes.set_ylabel("")
    for low, high, count in steps.intervals:
        ends = [float(v) for v in (low, high) if v is not None]
        last.plot(ends, [count, count], color="#0072b2", linewidth=2)
    last.plot([float(v) for v in steps.breakpoints], steps.at, "o", color="#d55e00", markersize=3)
    last.set_xlabel(f"{name} (stored: {float(family.stored[0]):g})", fontsize=9)
    last.set_title(f"regions: {len(steps.breakpoints)} exact steps", fontsize=9)
    last.grid(alpha=0.25)
    return figure


if __name__ == "__main__":
    save(draw, "sweep.png")
