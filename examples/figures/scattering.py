"""Wavelets as a MASO network: a scattering network of two layers, its templates and its regions.

    python examples/figures/scattering.py    # writes scattering.png

A row for Haar and one for Daubechies: a signal; the templates of three paths there, rows of A[x],
which are averages (over the first half of the signal) times signs times filters; and the regions of
the network on a plane through three signals, whose walls are where coefficients change their signs.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from drawing import hide_axes, save, sheet
from matplotlib.figure import Figure

import exactspline as es
from exactspline.theory import scattering_network

NAMES = ("average of x", "of |x * w0|", "of |x * w1|", "of ||x * w0| * w1|")


def signals(length: int) -> list[list[Fraction]]:
    """A step, a bump and something rough, in sixteenths."""
    n = np.arange(length)
    shapes = (
        np.where(n < length // 2, -0.5, 1.0) + 0.1 * np.cos(n),
        2 * np.exp(-((n - length / 3) ** 2) / 6) - 0.5,
        np.cos(2.4 * n) + 0.3 * np.sin(0.9 * n),
    )
    return [[Fraction(round(16 * v), 16) for v in shape] for shape in shapes]


def draw(small: bool) -> Figure:
    """A row of templates a filter bank, and two planes."""
    length = 12 if small else 16
    window = length // 2
    per_path = length // window
    chosen = signals(length)
    figure = sheet(11, 6)
    grid = figure.subplots(2, 5, width_ratios=[1, 1, 1, 1, 1.7])
    for row, kind in zip(grid, ("haar", "daubechies"), strict=True):
        net = scattering_network(kind, length=length, window=window)
        x = chosen[1]
        A, _ = es.affine_maps(net, [np.array([[float(v) for v in x]])])
        row[0].step(range(length), [float(v) for v in x], where="mid", color="black")
        row[0].set_title("a signal x", fontsize=9)
        row[0].set_ylabel({"haar": "Haar", "daubechies": "Daubechies, 4 taps"}[kind], fontsize=10)
        values = net.forward(np.array([[float(v) for v in x]]))
        for axes, path in zip(row[1:4], (1, 2, 3), strict=True):
            template = A.reshape(-1, length)[path * per_path]
            axes.bar(range(length), template, color="#0072b2")
            axes.set_title(f"{NAMES[path]}: {values[path * per_path]:.3f}", fontsize=9)
            axes.axhline(0, color="black", linewidth=0.6)
        for axes in row[:4]:
            axes.tick_params(labelsize=7)
        plane = es.Slice.through(*[np.array(v, dtype=object) for v in chosen])
        omega = es.enumerate_regions(net, plane)
        omega.plot(row[4], window=([-0.4, -0.4], [1.4, 1.4]), legend=False)
        hide_axes(row[4])
        row[4].set_xlabel("")
        row[4].set_ylabel("")
        row[4].set_title(f"a plane of signals: {len(omega)} regions", fontsize=9)
    return figure


if __name__ == "__main__":
    save(draw, "scattering.png")
