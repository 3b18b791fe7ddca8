"""Panels that the pictures of the statements are made of: maxima, cells, arrows, titles."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import matplotlib
import numpy as np
from drawing import hide_axes
from matplotlib.patches import Polygon

import exactspline as es

COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#999999")


def title(axes: Any, number: int, text: str) -> None:
    """A panel's title, the statement's number in front."""
    axes.set_title(f"{number}   {text}", fontsize=9.5)
    axes.tick_params(labelsize=8)


def written(slope: Any, offset: Any, name: str = "x") -> str:
    """An affine function of one variable in exact numbers, as a reader would write it."""
    slope, offset = Fraction(slope), Fraction(offset)
    if not slope:
        return str(offset)
    sign, size = "−" if slope < 0 else "", abs(slope)
    factor = "" if size == 1 else f"{size} " if size.denominator == 1 else f"({size}) "
    end = "" if not offset else f" {'−' if offset < 0 else '+'} {abs(offset)}"
    return f"{sign}{factor}{name}{end}"


def exact(values: Any) -> np.ndarray:
    """An array as Fractions."""
    flat = [Fraction(v) for v in np.asarray(values).reshape(-1).tolist()]
    return np.array(flat, dtype=object).reshape(np.shape(values))


def draw_maximum(axes: Any, A: Any, B: Any, low: float, high: float, name: str = "x") -> None:
    """The pieces of one unit as thin lines, their maximum as a thick one."""
    x = np.linspace(low, high, 401)
    values = [float(a) * x + float(b) for a, b in zip(A, B, strict=True)]
    for a, b, v, colour in zip(A, B, values, COLOURS, strict=False):
        axes.plot(x, v, "--", color=colour, linewidth=1.2, label=written(a, b, name))
    top = np.max(values, axis=0)
    axes.plot(x, top, color="black", linewidth=2.2, zorder=1, alpha=0.8)
    room = 0.12 * (top.max() - top.min())
    axes.set(xlim=(low, high), ylim=(min(top.min(), 0) - 2 * room, top.max() + room), xlabel=name)


def draw_cells(axes: Any, omega: es.Partition, colours: Any = None) -> None:
    """The regions of a partition of a square."""
    corners = []
    for i, region in enumerate(omega):
        own = np.asarray(region.polygon().corners, dtype=float)
        corners.append(own)
        colour = COLOURS[i % len(COLOURS)] if colours is None else colours[i]
        if colour is not None:
            axes.add_patch(Polygon(own, facecolor=colour, alpha=0.3 if colours is None else 1))
        axes.add_patch(Polygon(own, fill=False, linewidth=0.9, edgecolor="0.25"))
    whole = np.concatenate(corners)
    axes.set(xlim=(whole[:, 0].min(), whole[:, 0].max()),
             ylim=(whole[:, 1].min(), whole[:, 1].max()), aspect="equal")  # fmt: skip
    hide_axes(axes)


def arrow(axes: Any, at: Any, step: Any, colour: str, **look: Any) -> None:
    """An arrow from a point."""
    at, step = np.asarray(at, dtype=float), np.asarray(step, dtype=float)
    axes.annotate("", at + step, at, arrowprops={
        "arrowstyle": "-|>", "color": colour, "linewidth": 1.6, "shrinkA": 0, "shrinkB": 0, **look,
    })  # fmt: skip


def side(region: es.Region, normal: np.ndarray, point: np.ndarray) -> np.ndarray:
    """The ends of a region's side that has a normal and holds a point."""
    corners = np.asarray(region.polygon().corners, dtype=float)
    off = np.abs((corners - point) @ normal) / np.linalg.norm(normal)
    return corners[off < 1e-9]


def truncated(name: str, end: float) -> Any:
    """The first part of a map of colours."""
    return matplotlib.colors.ListedColormap(matplotlib.colormaps[name](np.linspace(0, end, 256)))


def factors(operators: list[es.Operator], shape: tuple[int, ...], x: Any) -> list[np.ndarray]:
    """A[x] of each operator in a chain at a point, in Fractions."""
    out, value = [], exact(x)
    for operator in operators:
        A, B = operator.as_maso(shape).active(value.tolist())
        out.append(A)
        value, shape = A @ value + B, operator.output_shape(shape)
    return out


def slope(network: es.Network, x: Any) -> np.ndarray:
    """The slope of the region that holds x, in Fractions."""
    (region,) = es.regions_at(network, [Fraction(v) for v in x])
    return exact(region.affine(exact=True)[0])


def show_product(part: Any, net: str, matrices: dict[str, np.ndarray]) -> None:
    """Matrices as images, all cells of one size: blue below zero, red above."""
    *_, product, own = matrices.values()
    says = "equal" if (product == own).all() else "not equal"
    limit = float(max(np.abs(matrix).max() for matrix in matrices.values()))
    widths = [matrix.shape[1] for matrix in matrices.values()]
    panels = part.subplots(1, len(matrices), width_ratios=widths)
    for axes, (name, matrix) in zip(panels, matrices.items(), strict=True):
        axes.imshow(matrix.astype(float), cmap="RdBu_r", vmin=-limit, vmax=limit)
        axes.set_title(name, fontsize=11)
        axes.set_xlabel(" × ".join(map(str, matrix.shape)), fontsize=8)
        hide_axes(axes)
    panels[-1].set_xlabel(f"{net}: {says}", fontsize=8)
    part.suptitle(f"6   {net}", fontsize=9.5, x=0.02, ha="left")
