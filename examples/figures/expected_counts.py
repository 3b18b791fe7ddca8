"""Numbers of regions of networks as they are initialised, against bounds.

    python examples/figures/expected_counts.py    # writes expected_counts.png, prints a table

100 seeds a kind, counted exactly in the square [-1, 1]^2: normal weights of variance 2 / fan-in,
normal biases of deviation 1. The mean grows with the square of the number of units, whatever the
depth, as Hanin and Rolnick proved; the combinatorial bounds grow with every layer.
"""

from __future__ import annotations

import numpy as np
from drawing import save, sheet
from matplotlib.figure import Figure

from exactspline.bounds import serra2018
from exactspline.theory import gaussian_constants, hanin_rolnick, plane_bound, random_counts

WIDTHS, DEPTHS, SEEDS = (4, 8, 16, 32), (1, 2, 3, 4), 100


def draw(small: bool) -> Figure:
    """The table, the counts over the number of units, and the ratio to the bound."""
    gradient, bias = gaussian_constants(1)
    rows = []
    for depth in DEPTHS[:2] if small else DEPTHS:
        for width in WIDTHS[:3] if small else WIDTHS:
            widths = [2, *[width] * depth]
            found = random_counts(widths, 10 if small else SEEDS)
            units = width * depth
            ours = float(plane_bound(units, 2, gradient=gradient, bias=bias))
            theirs = float(hanin_rolnick(units, 2, 2, gradient=gradient, bias=bias))
            rows.append((depth, width, units, found, ours, theirs, serra2018(widths[1:], 2)))
    print("| layers x width | mean | deviation | least | most | plane | Hanin, Rolnick, sum "
          "| Hanin, Rolnick, power | Serra |")  # fmt: skip
    print("|---|---|---|---|---|---|---|---|---|")
    for depth, width, units, found, ours, theirs, worst in rows:
        power = float(hanin_rolnick(units, 2, 2, gradient=gradient, bias=bias, form="power"))
        low, high = min(found.counts), max(found.counts)
        print(f"| {depth} x {width} | {found.mean:.1f} | {found.deviation:.1f} | {low} | {high} "
              f"| {ours:.1f} | {theirs:.0f} | {power:,.0f} | {worst:,} |")  # fmt: skip
    figure = sheet(10, 4)
    left, right = figure.subplots(1, 2)
    units = np.arange(3, 145)
    curve = [float(plane_bound(int(n), 2, gradient=gradient, bias=bias)) for n in units]
    left.loglog(units, curve, "-", color="black", label="bound of the mean (plane)")
    curve = [float(hanin_rolnick(int(n), 2, 2, gradient=gradient, bias=bias)) for n in units]
    left.loglog(units, curve, "--", color="black", label="Hanin and Rolnick, factor 2")
    colours = ("#0072b2", "#009e73", "#e69f00", "#d55e00")
    for depth, colour in zip(DEPTHS, colours, strict=True):
        own = [row for row in rows if row[0] == depth]
        if not own:
            continue
        x = [row[2] for row in own]
        name = "1 layer" if depth == 1 else f"{depth} layers"
        left.errorbar(
            x,
            [r[3].mean for r in own],
            [r[3].deviation for r in own],
            fmt="o-",
            color=colour,
            capsize=2,
            markersize=4,
            label=f"{name}: mean, deviation",
        )
        left.plot(x, [row[6] for row in own], ":", color=colour)
        right.semilogx(x, [row[3].mean / row[4] for row in own], "o-", color=colour, label=name)
    left.plot([], [], ":", color="grey", label="combinatorial bound (Serra et al.)")
    left.set_ylim(3, 1e6)
    left.set_title("regions in a square", fontsize=10)
    right.set_title("mean count / bound of the mean (plane)", fontsize=10)
    right.set_ylim(0, 0.6)
    for axes in (left, right):
        axes.set_xlabel("units of all layers")
        axes.grid(alpha=0.25)
        axes.legend(fontsize=7.5, frameon=False)
    return figure


if __name__ == "__main__":
    save(draw, "expected_counts.png")
