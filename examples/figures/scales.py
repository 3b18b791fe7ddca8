"""Regions layer by layer: counts, volumes and diameters; and hats, wide and deep.

    python examples/figures/scales.py    # writes scales.png

Left and middle all regions of the two moons behind the first and the second layer, in a square: how
large they are, and how long. Right x^2 by Faber and Schauder's hats: the error is a quarter with
every level, for 3 units a hat in one layer, and for 4 units a level in depth.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from drawing import save, sheet
from matplotlib.figure import Figure

import exactspline as es
from exactspline.theory import hat_network, layer_scales, square_network

MOONS = Path(__file__).resolve().parents[1] / "moons.onnx"


def draw(small: bool) -> Figure:
    """Sizes behind every layer, and units against the error."""
    side = 1 if small else 3
    scales = layer_scales(es.load(MOONS), es.Box([-side, -side], [side, side]))
    figure = sheet(11, 3.4)
    left, middle, right = figure.subplots(1, 3)
    for scale, colour in zip(scales, ("#0072b2", "#d55e00"), strict=True):
        volumes = np.sort([float(v) for v in scale.volumes])[::-1]
        label = f"behind layer {scale.layer}: {len(scale)} regions"
        left.loglog(range(1, len(volumes) + 1), volumes, color=colour, label=label)
        middle.loglog(range(1, len(volumes) + 1), np.sort(scale.diameters)[::-1], color=colour,
                      label=f"largest {scale.largest:.2f}")  # fmt: skip
    left.set_title("areas of regions, in order", fontsize=9)
    middle.set_title("diameters of regions, in order", fontsize=9)
    levels = range(1, 5 if small else 8)
    wide = [hat_network([(i / 2**j) ** 2 for i in range(2**j + 1)]).units for j in levels]
    deep = [square_network(j).units for j in levels]
    errors = [4.0 ** -(j + 1) for j in levels]
    right.loglog(wide, errors, "o-", color="#0072b2", label="hats, one layer")
    right.loglog(deep, errors, "s-", color="#d55e00", label="composed hats, deep")
    right.set_title("largest error of x² on [0, 1], exact", fontsize=9)
    right.set_xlabel("units")
    for axes in (left, middle):
        axes.set_xlabel("region")
    for axes in (left, middle, right):
        axes.grid(alpha=0.25)
        axes.legend(fontsize=8, frameon=False)
    return figure


if __name__ == "__main__":
    save(draw, "scales.png")
