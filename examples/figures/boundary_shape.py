"""Shapes of decision boundaries of trained networks: facets, bends, turning, over width and depth.

    python examples/figures/boundary_shape.py    # writes boundary_shape.png, prints two tables

Above the boundaries of six networks that were trained on two half moons. Below, over five seeds a
kind, the number of facets and the total turning of the curve, and, for a shell in space, the facets
of the surface and the mean angle between neighbours. Exact: only angles are rounded, for drawing.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from drawing import hide_axes, save, sheet
from matplotlib.figure import Figure

import exactspline as es
from exactspline.theory import BoundaryShape, boundary_shape

WIDTHS, DEPTHS, SEEDS, STEPS = (4, 8, 16), (1, 2, 3), 5, 1000
COLOURS = ("#0072b2", "#e69f00", "#d55e00")


def moons(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Two interleaved half circles of 100 points each."""
    angle = np.pi * np.linspace(0, 1, 100)
    upper = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    lower = np.stack([1 - np.cos(angle), 0.5 - np.sin(angle)], axis=1)
    points = np.concatenate([upper, lower]) + 0.1 * rng.standard_normal((200, 2))
    return points, np.repeat([0.0, 1.0], 100)


def shell(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Points of a cube, inside or outside of a ball."""
    points = rng.uniform(-1.5, 1.5, (400, 3))
    return points, (np.linalg.norm(points, axis=1) > 1.1).astype(float)


def trained(
    data: tuple[np.ndarray, np.ndarray], width: int, depth: int, seed: int, steps: int
) -> es.Network:
    """A ReLU network by Adam on the logistic loss; its float64 parameters are the network."""
    points, classes = data
    rng = np.random.default_rng(seed)
    sizes = [points.shape[1], *[width] * depth, 1]
    W = [rng.standard_normal((m, n)) * np.sqrt(2 / n) for n, m in pairwise(sizes)]
    b = [0.3 * rng.standard_normal(m) for m in sizes[1:]]
    parameters = [*W, *b]
    mean, square = ([np.zeros_like(p) for p in parameters] for _ in range(2))
    for step in range(1, steps + 1):
        inputs = [points]
        for w, c in zip(W[:-1], b[:-1], strict=True):
            inputs.append(np.maximum(inputs[-1] @ w.T + c, 0))
        score = (inputs[-1] @ W[-1].T + b[-1])[:, 0]
        back = ((1 / (1 + np.exp(-np.clip(score, -500, 500))) - classes) / len(points))[:, None]
        slopes: list[np.ndarray] = [np.zeros(0)] * len(parameters)
        for k in reversed(range(depth + 1)):
            slopes[k], slopes[depth + 1 + k] = back.T @ inputs[k], back.sum(axis=0)
            back = (back @ W[k]) * (inputs[k] > 0)
        for p, g, m, v in zip(parameters, slopes, mean, square, strict=True):
            g = g + 1e-4 * p
            m += 0.1 * (g - m)
            v += 0.001 * (g**2 - v)
            p -= 0.02 * m / (1 - 0.9**step) / (np.sqrt(v / (1 - 0.999**step)) + 1e-8)
    layers: list[es.Operator] = []
    for w, c in zip(W[:-1], b[:-1], strict=True):
        layers += [es.Dense(w, c), es.ReLU()]
    return es.Network([*layers, es.Dense(W[-1], b[-1])], (points.shape[1],))


def table(name: str, found: dict[tuple[int, int], list[BoundaryShape]], turning: bool) -> None:
    """Means over seeds, one row a kind."""
    last = "turning / 2 pi" if turning else "mean angle, degrees"
    print(f"| {name}: layers x width | facets | bends | parts | {last} |\n|---|---|---|---|---|")
    for (depth, width), shapes in found.items():
        values = [
            s.turning / (2 * np.pi) if turning else np.degrees(s.angles.mean()) for s in shapes
        ]
        means = [np.mean([getattr(s, key) for s in shapes]) for key in ("facets", "parts")]
        bends = np.mean([len(s.bends) for s in shapes])
        print(f"| {depth} x {width} | {means[0]:.1f} | {bends:.1f} | {means[1]:.1f} "
              f"| {np.mean(values):.2f} +- {np.std(values, ddof=1):.2f} |")  # fmt: skip


def draw(small: bool) -> Figure:
    """Boundaries above, counts below."""
    seeds = range(2 if small else SEEDS)
    widths, depths = (WIDTHS[:2], DEPTHS[:2]) if small else (WIDTHS, DEPTHS)
    steps = 200 if small else STEPS
    square, cube = es.Box([-2, -1.5], [3, 2]), es.Box([-1.5] * 3, [1.5] * 3)
    plane: dict[tuple[int, int], list[BoundaryShape]] = {}
    space: dict[tuple[int, int], list[BoundaryShape]] = {}
    shown = {}
    for depth in depths:
        for width in widths:
            plane[depth, width], space[depth, width] = [], []
            for seed in seeds:
                net = trained(moons(np.random.default_rng(seed)), width, depth, seed, steps)
                omega = es.enumerate_regions(net, square)
                plane[depth, width].append(boundary_shape(omega))
                shown.setdefault((depth, width), (omega, net))
                if width < 16:
                    net = trained(shell(np.random.default_rng(seed)), width, depth, seed, steps)
                    found = boundary_shape(es.enumerate_regions(net, cube))
                    if found.bends:
                        space[depth, width].append(found)
    space = {key: shapes for key, shapes in space.items() if len(shapes) > 1}
    table("moons", plane, turning=True)
    table("shell", space, turning=False)
    figure = sheet(11, 5)
    grid = figure.subplots(2, 6 if not small else 4, height_ratios=[1, 1.9])
    for axes in grid[1]:
        axes.remove()
    kinds = [k for k in shown if k[1] != 8 or small]
    for axes, kind in zip(grid[0], kinds, strict=False):
        omega, net = shown[kind]
        shape = plane[kind][0]
        omega.plot(axes, boundary=True, legend=False)
        axes.set_title(f"{kind[0]} x {kind[1]}: {shape.facets} facets,\n"
                       f"turning {shape.turning / (2 * np.pi):.2f} · 2π", fontsize=8)  # fmt: skip
        hide_axes(axes)
        axes.set_xlabel("")
        axes.set_ylabel("")
    spec = grid[0, 0].get_gridspec()
    third = spec.ncols // 2
    left, right = (figure.add_subplot(spec[1, :third]), figure.add_subplot(spec[1, third:]))
    for depth, colour in zip(depths, COLOURS, strict=False):
        for axes, shapes, value in (
            (left, plane, lambda s: s.turning / (2 * np.pi)),
            (right, space, lambda s: float(np.degrees(s.angles.mean()))),
        ):
            own = [(s.facets, value(s)) for key, v in shapes.items() if key[0] == depth for s in v]
            if own:
                name = "1 layer" if depth == 1 else f"{depth} layers"
                axes.plot(*zip(*own, strict=True), "o", color=colour, markersize=4, label=name)
    left.set_title("moons: total turning / 2π", fontsize=9)
    right.set_title("shell in space: mean angle between facets, degrees", fontsize=9)
    for axes in (left, right):
        axes.set_xlabel("facets of the boundary")
        axes.grid(alpha=0.25)
        axes.legend(fontsize=8, frameon=False)
    return figure


if __name__ == "__main__":
    save(draw, "boundary_shape.png")
