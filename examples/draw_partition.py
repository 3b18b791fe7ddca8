"""Draw the partition of examples/moons.onnx: every region inside a window, none invented.

    python examples/draw_partition.py [picture]

writes docs/partition.png. Needs matplotlib. The regions are enumerated exactly; each cell is
then cut out of the window by the half-planes of its code, in float64, and the areas of the
cells are checked to add up to the window's area. Cells thinner than a pixel are drawn but
cannot be seen.
"""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib
import numpy as np

import exactspline as es

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.colors import hsv_to_rgb
from train_moons import SEED, moons

HERE = Path(__file__).resolve().parent
LOW, HIGH = np.array([-2.0, -1.5]), np.array([3.0, 2.0])


def clip(polygon: np.ndarray, normal: np.ndarray, offset: float) -> np.ndarray:
    """The part of a convex polygon where normal . x + offset >= 0."""
    if len(polygon) == 0:
        return polygon
    value = polygon @ normal + offset
    out = []
    for i in range(len(polygon)):
        j = (i + 1) % len(polygon)
        if value[i] >= 0:
            out.append(polygon[i])
        if (value[i] >= 0) != (value[j] >= 0):
            t = value[i] / (value[i] - value[j])
            out.append(polygon[i] + t * (polygon[j] - polygon[i]))
    return np.array(out).reshape(-1, 2)


def cell(network: es.Network, code: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """A region's polygon in the window, and the slope and offset of the output on it."""
    polygon = np.array([LOW, (HIGH[0], LOW[1]), HIGH, (LOW[0], HIGH[1])])
    slope, offset, at = np.eye(2), np.zeros(2), 0
    for operator in network.operators:
        if isinstance(operator, es.Dense):
            slope, offset = operator.weight @ slope, operator.weight @ offset + operator.bias
        else:  # ReLU
            on = code[at : at + len(offset)]
            at += len(offset)
            for row, constant, piece in zip(slope, offset, on, strict=True):
                sign = 1.0 if piece else -1.0
                polygon = clip(polygon, sign * row, sign * constant)
            slope, offset = slope * on[:, None], offset * on
    return polygon, slope[0], float(offset[0])


def area(polygon: np.ndarray) -> float:
    """Area of a polygon."""
    x, y = polygon.T
    return 0.5 * abs(float(x @ np.roll(y, -1) - y @ np.roll(x, -1)))


def colour(slope: np.ndarray) -> np.ndarray:
    """The slope as a line: its direction as hue; its length as saturation."""
    hue = (np.arctan2(slope[1], slope[0]) / np.pi - 0.35) % 1
    strength = np.hypot(*slope)
    return hsv_to_rgb([hue, 0.08 + 0.42 * strength / (strength + 4), 0.98])


def main(path: Path) -> None:
    network = es.load(HERE / "moons.onnx")
    partition = es.enumerate_regions(network)
    polygons, colours, boundary, total = [], [], [], 0.0
    for code in partition.codes:
        polygon, slope, offset = cell(network, code)
        if len(polygon) < 3:
            continue  # outside the window
        polygons.append(polygon)
        colours.append(colour(slope))
        total += area(polygon)
        positive = clip(polygon, slope, offset)
        if len(positive) > 0 and area(positive) < area(polygon):
            boundary.append(positive[np.argsort(np.abs(positive @ slope + offset))[:2]])
    window = float(np.prod(HIGH - LOW))
    if abs(total - window) > 1e-6 * window:
        raise SystemExit(f"the cells cover {total} of {window}")

    figure, axes = plt.subplots(figsize=(7.5, 5.25), dpi=130)
    axes.add_collection(
        PolyCollection(polygons, facecolors=colours, edgecolors="0.35", linewidths=0.35)
    )
    axes.add_collection(LineCollection(boundary, colors="black", linewidths=1.8))
    points, classes = moons(200, 0.1, SEED)
    axes.scatter(*points.T, c=np.where(classes > 0, "black", "white"), s=7, lw=0.4, ec="black")
    axes.set(xlim=(LOW[0], HIGH[0]), ylim=(LOW[1], HIGH[1]), aspect="equal")
    axes.set_axis_off()
    figure.subplots_adjust(left=0, right=1, bottom=0, top=1)
    figure.savefig(path)
    print(f"{len(polygons)} of {len(partition)} regions meet the window; {path.name} written")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE.parent / "docs" / "partition.png")
