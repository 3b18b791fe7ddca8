"""A picture for every statement of the theory that no other figure shows.

    python examples/figures/statements.py    # writes statements_1_3.png and six others

The statements' numbers are those of docs/theory.md; docs/pictures.md shows the pictures with
formulas, sources and commands. What a title says is computed: pieces, regions, jumps, products,
centroids and constants in rationals, only what is drawn is rounded.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import matplotlib
import numpy as np
from drawing import hide_axes, save_all, sheet
from matplotlib.figure import Figure
from matplotlib.patches import Circle, Polygon, Rectangle
from panels import (
    COLOURS,
    arrow,
    draw_cells,
    draw_maximum,
    exact,
    factors,
    show_product,
    side,
    slope,
    title,
    truncated,
    written,
)

import exactspline as es
from exactspline import theory
from exactspline.theory.learning.approximation import squared_norm_maso


def ramps(mix: list[Any], shifts: list[Any]) -> es.Network:
    """x -> sum of mix_i ReLU(x + shift_i)."""
    return es.Network([es.Dense([[1]] * len(shifts), shifts), es.ReLU(), es.Dense([mix])], (1,))


def draw_one_three(small: bool) -> Figure:
    """Convexity, operators as MASOs, the composition."""
    figure = sheet(11, 5.6)
    panels = figure.subplots(2, 4).reshape(-1)
    line = es.Box(-3, 3, dim=1)
    convex = es.Network(
        [es.Dense([[1]] * 3, [2, 0, -1]), es.Abs(), es.Dense([["1/2", "1/4", "1/2"]])], (1,)
    )
    form = theory.max_affine_form(convex, line)  # an error if it were not convex
    draw_maximum(panels[0], form.A[0, :, 0], form.B[0], -3, 3)
    title(panels[0], 1, f"convex: a maximum of {form.A.shape[1]} pieces")
    bent = ramps([1, -2, 2], [1, 0, -1])
    found = theory.check_convexity(bent, line).counterexample
    x = np.linspace(-3, 3, 401 if not small else 41)
    panels[1].plot(x, bent.forward(x[:, None])[:, 0], color="black", linewidth=2.2, alpha=0.8)
    ends = [float(found["x"][0]), float(found["y"][0])]
    panels[1].plot(ends, [float(found["f(x)"]), float(found["f(y)"])], "o-", color=COLOURS[5],
                   label="segment")  # fmt: skip
    panels[1].plot(float(found["midpoint"][0]), float(found["f(midpoint)"]), "s",
                   color=COLOURS[0], label="value at its middle")  # fmt: skip
    panels[1].set(xlim=(-2, 2), ylim=(-0.4, 2.6), xlabel="x")
    title(panels[1], 1, "not convex: above a segment")
    operators = {"|u|": es.Abs(), "ReLU": es.ReLU(), "leaky ReLU, slope 1/4": es.LeakyReLU("1/4")}
    for axes, (name, operator) in zip(panels[2:5], operators.items(), strict=True):
        maso = operator.as_maso((1,))
        draw_maximum(axes, *(exact(maso.A)[0, :, 0], exact(maso.B)[0]), -2, 2, "u")
        title(axes, 2, name)
    pool = es.Network([es.MaxPool((3,)).as_maso((1, 3)).after(*triangle())], (2,))
    cells = es.enumerate_regions(pool, es.Box(-2, 2, dim=2))
    draw_cells(panels[5], cells)
    for region in cells:
        piece = region.code.tolist()[0]
        panels[5].text(*np.asarray(region.polygon().corners).mean(axis=0), f"$z_{piece + 1}$",
                       ha="center", va="center", fontsize=11)  # fmt: skip
    title(panels[5], 2, "max-pooling: which $z_r$ wins")
    layer = es.Network([es.Dense([[2], ["-1/2"]], [-1, -1]), es.Abs()], (1,)).layers[0].as_maso()
    for unit, axes in enumerate(panels[6:]):
        A, B = exact(layer.A)[unit, :, 0], exact(layer.B)[unit]
        draw_maximum(axes, A, B, -4, 4)
        title(axes, 3, f"|u| after u = {written(A[-1], B[-1])}")
    for axes in panels:
        if axes.get_legend_handles_labels()[0]:
            left = axes in (panels[1], panels[3], panels[4], panels[7])
            axes.legend(fontsize=8, frameon=False, handlelength=1.4,
                        loc="upper left" if left else "upper center")  # fmt: skip
    return figure


def triangle() -> tuple[list[list[Any]], list[Any]]:
    """Three forms of two inputs, of which each is the largest somewhere."""
    return [[1, "1/3"], ["-2/3", 1], ["-1/4", -1]], [0, "1/4", "1/4"]


def draw_four_five(small: bool) -> Figure:
    """Jumps across facets, and convexity by signs."""
    figure = sheet(11, 3.05)
    panels = figure.subplots(1, 4)
    normals = [
        [Fraction(1), Fraction(1, 3)],
        [Fraction(-1, 4), Fraction(1)],
        [Fraction(1), Fraction(-1)],
    ]
    first = es.Dense(normals, ["1/4", "-3/5", "-1/2"])
    network = es.Network([first, es.ReLU(), es.Dense([[1, "1/2", "-3/4"]])], (2,))
    omega = es.enumerate_regions(network, es.Box(-2, 2, dim=2))
    draw_cells(panels[0], omega)
    slopes = [region.affine(exact=True)[0][0] for region in omega]
    edges = omega.edges
    ends = list(zip(edges.source.tolist(), edges.target.tolist(), strict=True))
    straight = 0
    for (a, b), unit, middle in zip(ends, edges.unit.tolist(), edges.witnesses, strict=True):
        jump = [q - p for p, q in zip(slopes[a], slopes[b], strict=True)]
        n = normals[unit]
        straight += jump[0] * n[1] == jump[1] * n[0]  # v n^T, exactly
        across = [float(q - p) for p, q in zip(omega[a].witness, omega[b].witness, strict=True)]
        up = np.dot(np.array(jump, dtype=float), across) > 0  # bends upward
        arrow(panels[0], middle, 0.55 * np.array(jump, dtype=float), COLOURS[0 if up else 5])
        points = np.array([slopes[a], slopes[b]], dtype=float)
        panels[1].plot(*points.T, color=COLOURS[0 if up else 5], linewidth=1.3, zorder=1)
    title(panels[0], 4, f"{straight} of {len(ends)} jumps along normals")
    for i, point in enumerate(slopes):
        panels[1].plot(*map(float, point), "o", color=COLOURS[i % 7], markeredgecolor="black",
                       markersize=8)  # fmt: skip
    panels[1].set_aspect("equal", adjustable="datalim")
    panels[1].set(xlabel="$A_1$", ylabel="$A_2$")
    panels[1].margins(0.12)
    for colour, name in ((COLOURS[0], "up"), (COLOURS[5], "down")):
        panels[1].plot([], [], color=colour, label=name)
    panels[1].legend(fontsize=8, frameon=False, loc="upper left", title="f bends")
    title(panels[1], 4, f"the jumps join {len(slopes)} slopes")
    x = np.linspace(-3, 3, 61 if small else 601)
    for axes, last in zip(panels[2:], (["1/2", 1], ["1/2", -1]), strict=True):
        deep = es.Network(
            [
                es.Dense([[1]] * 3, [2, 0, -1]), es.Abs(),
                es.Dense([["1/2", 0, "1/2"], [0, 1, "1/2"]], [-1, -2]), es.ReLU(),
                es.Dense([last]),
            ],
            (1,),
        )  # fmt: skip
        signs = theory.check_nondecreasing(deep, es.Box(-3, 3, dim=1)).verdict
        form = theory.check_convexity(deep, es.Box(-3, 3, dim=1)).verdict
        says = {"holds": "convex", "fails": "not convex"}[form]
        applies = {"holds": "all A ≥ 0", "not applicable": "one A < 0"}[signs]
        axes.plot(x, deep.forward(x[:, None])[:, 0], color="black", linewidth=2, alpha=0.8)
        axes.set(xlim=(-3, 3), xlabel="x")
        title(axes, 5, f"{applies}: {says}")
    return figure


def draw_six(small: bool) -> Figure:
    """One product of matrices for a CNN, one for a residual network."""
    figure = sheet(11, 5.2)
    above, below = figure.subfigures(2, 1, height_ratios=(1.25, 1))
    x = ["1/2", -1, 2, "3/2", "-1/4", 1, "-3/2", "3/4"]
    kernel = [[["1/2", -1, "1/2"]], [[1, "1/2", -1]]]
    chain = [
        es.Conv(kernel, [0, "1/4"]), es.ReLU(), es.MaxPool((2,)), es.Flatten(),
        es.Dense([[1, -1, "1/2", "1/2", -1, 1], [-1, 1, 1, "-1/2", "1/2", "-1/2"]]),
    ]  # fmt: skip
    C, sigma, rho, _, W = factors(chain, (1, 8), x)
    show_product(above, "CNN", {
        "$W$": W, r"$A_\rho$": rho, r"$A_\sigma$": sigma, "$C$": C, "$= A[x]$": W @ rho @ sigma @ C,
        "slope at $x$": slope(es.Network(chain, (1, 8)), x),
    })  # fmt: skip
    rows = [[1 if i == j else "-1/2" if abs(i - j) == 1 else 0 for j in range(8)] for i in range(8)]
    block = [es.Dense(rows), es.ReLU()]
    last = es.Dense([[1, 0, -1, "1/2"] * 2, [-1, "1/2"] * 4])
    (C, sigma), (W,) = factors(block, (8,), x), factors([last], (8,), x)
    skip = exact(np.eye(8, dtype=int))
    show_product(below, "ResNet", {
        "$W$": W, r"$(\,A_\sigma$": sigma, "$C$": C, r"$+\ C_{\mathrm{skip}}\,)$": skip,
        "$= A[x]$": W @ (sigma @ C + skip),
        "slope at $x$": slope(es.Network([es.Residual(block), last], (8,)), x),
    })  # fmt: skip
    return figure


def draw_eight_ten(small: bool) -> Figure:
    """Nested maxima, one shared bias, tangents."""
    figure = sheet(11, 5.6)
    panels = figure.subplots(2, 4).reshape(-1)
    network = es.Network(
        [
            es.Dense([[1], ["1/2"]], [1, "-1/2"]), es.Abs(), es.Dense([[1, -2], [-1, 1]], [0, 1]),
            es.ReLU(), es.Dense([[1, "-1/2"]], ["1/2"]),
        ],
        (1,),
    )  # fmt: skip
    x = [Fraction(i, 8) for i in range(-32, 33)]
    values = [[v] for v in x]
    for depth, (axes, layer) in enumerate(zip(panels, network.layers, strict=False)):
        maso = layer.as_maso()
        pieces = np.array([exact(maso.A) @ v + exact(maso.B) for v in map(exact, values)])
        values = [maso.evaluate(v).tolist() for v in values]
        for k, colour in zip(range(len(values[0])), COLOURS, strict=False):
            if pieces.shape[2] > 1:
                axes.plot(x, pieces[:, k].astype(float), "--", color=colour, linewidth=1)
            axes.plot(x, [v[k] for v in values], color=colour, linewidth=2,
                      label=("$z_{}$", "$y_{}$", "f")[depth].format(k + 1))  # fmt: skip
        axes.set(xlim=(-4, 4), xlabel="x")
    points = np.arange(-4.0, 4.1)
    panels[2].plot(points, network.forward(points[:, None])[:, 0], "o", color="black",
                   markersize=4, label="forward")  # fmt: skip
    texts = ("z: layer 1, max(A x + B)", "y: layer 2, max(A z + B)", "f = W y + b")
    places = ("upper center", "upper center", "upper left")
    for axes, text, place in zip(panels, texts, places, strict=False):
        axes.legend(fontsize=8, frameon=False, loc=place)
        title(axes, 8, text)
    panels[1].set_ylim(-2.7, 4)
    two = [[1, "1/2"], ["-1/2", 1]]
    for axes, W, b in zip(panels[3:5], (two, [*two, [1, -1]]), (["1/2", "-3/4"],
                          ["1/2", "-3/4", 0]), strict=True):  # fmt: skip
        network = es.Network([es.Dense(W, b), es.ReLU()], (2,))
        draw_cells(axes, es.enumerate_regions(network, es.Box(-2, 2, dim=2)))
        try:
            beta = theory.as_simplified_maso(network.layers[0].as_maso()).beta
            axes.plot(*(-float(v) for v in beta), "o", color="black", markersize=7)
            title(axes, 9, f"{len(W)} filters meet at −β")
        except es.UnsupportedOperatorError:
            title(axes, 9, f"{len(W)} filters share no bias")
    grid = np.linspace(-1, 1, 101 if small else 801)
    maso = squared_norm_maso(1, 4)
    A, B = exact(maso.A)[0, :, 0], exact(maso.B)[0]
    panels[5].plot(grid, grid**2, color="black", linewidth=2.4, alpha=0.35, label="$x^2$")
    for a, b, colour in zip(A, B, COLOURS, strict=False):
        panels[5].plot(grid, float(a) * grid + float(b), "--", color=colour, linewidth=1.2)
    panels[5].set(xlim=(-1, 1), ylim=(-0.35, 1.05), xlabel="x")
    panels[5].legend(fontsize=8, frameon=False, loc="upper center")
    title(panels[5], 10, f"$x^2$ above its {len(A)} tangents")
    for cells, colour in zip((2, 4, 8), COLOURS, strict=False):
        maso = squared_norm_maso(1, cells)
        error = grid**2 - maso.forward(grid[:, None])[:, 0]
        panels[6].plot(grid, error, color=colour, label=f"{cells} tangents")
        panels[6].axhline(float(Fraction(1, cells**2)), color=colour, linestyle=":")
    panels[6].set(xlim=(-1, 1), ylim=(0, 0.38), xlabel="x")
    panels[6].legend(fontsize=8, frameon=False, loc="upper center", ncols=2)
    title(panels[6], 10, "the errors, at most $1/R^2$")
    smooth = es.Network([es.Tanh()], (1,))
    close = es.approximate(smooth, "1/10", es.Box(-3, 3, dim=1))
    omega = es.enumerate_regions(close.network, es.Box(-3, 3, dim=1))
    x = np.linspace(-3, 3, 301)
    panels[7].plot(x, np.tanh(x), color="black", linewidth=2.4, alpha=0.35, label="tanh")
    panels[7].plot(x, close.network.forward(x[:, None])[:, 0], color=COLOURS[5], linewidth=1.4,
                   label=f"{len(omega)} pieces")  # fmt: skip
    panels[7].set(xlim=(-3, 3), xlabel="x")
    panels[7].legend(fontsize=8, frameon=False, loc="upper left")
    title(panels[7], 10, "an affine spline within 1/10")
    return figure


def draw_eleven_twelve(small: bool) -> Figure:
    """Voronoi cells, the mirror of |u|, a bent line, balls between walls."""
    figure = sheet(11, 3.05)
    panels = figure.subplots(1, 4)
    box = es.Box(-2, 2, dim=2)
    A = exact([[-1, "3/4"], ["1/2", "5/4"], ["5/4", "-1/4"], ["-1/2", -1], [1, "-3/2"], [0, 0]])
    one = es.Network([es.MASO([A.tolist()], [[-(a @ a) / 2 for a in A]])], (2,))
    cells = es.enumerate_regions(one, box)
    draw_cells(panels[0], cells)
    panels[0].plot(*A.T.astype(float), "o", color="black", markersize=4)
    found = {"holds": "Voronoi cells of the slopes", "fails": "no Voronoi diagram"}
    title(panels[0], 11, found[theory.check_voronoi(cells).verdict])

    w, b = exact([1, "1/2"]), Fraction(1, 4)
    absolute = es.Network([es.Dense([w.tolist()], [b]), es.Abs()], (2,))
    grid = np.linspace(-2, 2, 41 if small else 161)
    mesh = np.stack(np.meshgrid(grid, grid), axis=-1)
    height = absolute.forward(mesh.reshape(-1, 2)).reshape(mesh.shape[:2])
    panels[1].contourf(grid, grid, height, levels=9, cmap="Blues", alpha=0.6)
    panels[1].plot(grid, [-2 * (v + float(b)) for v in grid], color="black", linewidth=2)
    equal = 0
    points = exact([["5/4", "1/2"], ["1/4", "5/4"], [1, "-5/4"], ["3/8", "-3/8"]])
    for x, colour in zip(points, COLOURS, strict=False):
        y = x - 2 * (w @ x + b) / (w @ w) * w
        equal += abs(w @ x + b) == abs(w @ y + b)
        panels[1].plot(*np.array([x, y], dtype=float).T, "o--", color=colour, markersize=5)
    panels[1].set(xlim=(-2, 2), ylim=(-2, 2), aspect="equal")
    hide_axes(panels[1])
    title(panels[1], 12, f"|u| equal at {equal} of {len(points)} mirrored pairs")

    first = es.Dense([[1, "1/3"], ["-1/4", 1], [1, -1]], ["1/4", "-3/5", "-1/2"])
    deep = es.Network([first, es.LeakyReLU("1/4"), es.Dense([[1, "3/2", -1]], [0]), es.ReLU()],
                      (2,))  # fmt: skip
    omega = es.enumerate_regions(deep, box)
    draw_cells(panels[2], omega, ["#f2f2f2"] * len(omega))
    edges = omega.edges
    bent = [i for i in range(len(edges)) if edges.unit[i] == 3]
    for i in bent:
        normal = edges.normals[i] / np.linalg.norm(edges.normals[i])
        corners = side(omega[int(edges.source[i])], edges.normals[i], edges.witnesses[i])
        panels[2].plot(*corners.T, color=COLOURS[0], linewidth=2.6)
        arrow(panels[2], corners.mean(axis=0), 0.6 * normal, COLOURS[5])
    title(panels[2], 12, f"a deeper unit's line: {len(bent)} normals")

    draw_cells(panels[3], omega)
    for x in (["-5/4", "5/4"], ["-1", "-1"], ["5/4", "-1"], ["1/4", "3/8"], ["1/4", "5/4"]):
        found = theory.wall_distance(deep, x)
        at = [float(Fraction(v)) for v in x]
        panels[3].add_patch(Circle(at, float(found), fill=False, linewidth=1.4))
        panels[3].plot(*at, "o", color="black", markersize=3.5)
        panels[3].plot(*map(float, found.nearest), "o", color=COLOURS[5], markersize=5)
    title(panels[3], 12, "the nearest wall")
    return figure


def draw_thirteen_fifteen(small: bool) -> Figure:
    """Counts, constants, margins, and templates that cross-entropy asks for."""
    figure = sheet(11, 6.2)
    panels = figure.subplots(2, 3).reshape(-1)
    box = es.Box(-2, 2, dim=2)
    W = exact([[1, "1/3"], ["-1/4", 1], [1, -1], ["2/3", 1]])
    b = ["1/4", "1/5", "-1/2", "-1/2"]
    lines = es.enumerate_regions(es.Network([es.Dense(W.tolist(), b), es.ReLU()], (2,)))
    number, _ = theory.zaslavsky(W.tolist(), b)
    draw_cells(panels[0], es.enumerate_regions(lines.network, box))
    title(panels[0], 13, f"4 lines: {len(lines)} regions; Zaslavsky {number}")
    widths = list(range(1, 5 if small else 9))
    counts = [
        [es.count_regions(theory.random_network([2, n, n], seed)) for seed in range(6)]
        for n in widths
    ]
    panels[1].semilogy(widths, [theory.bounds([2, n, n]).upper for n in widths], "s-",
                       color=COLOURS[5], label="least upper bound")  # fmt: skip
    panels[1].plot(np.repeat(widths, 6), np.ravel(counts), "o", color=COLOURS[0], markersize=4,
                   alpha=0.6, label="random networks")  # fmt: skip
    panels[1].set(xlabel="n", xticks=widths)
    panels[1].legend(fontsize=8, frameon=False, loc="upper left")
    title(panels[1], 13, "regions of networks 2-n-n on the plane")
    deep = es.Network(
        [
            es.Dense(W[:3].tolist(), ["1/4", "1/5", "-1/2"]), es.ReLU(),
            es.Dense([[1, -1, "1/2"], ["1/2", 1, -1]], ["-1/4", "-1/4"]), es.ReLU(),
            es.Dense([[1, "-1/2"], ["1/2", 1]]),
        ],
        (2,),
    )  # fmt: skip
    constants(figure, panels[2], es.enumerate_regions(deep, box))
    margins(panels[3], box)
    templates_of_three(panels[4], panels[5], small)
    return figure


def constants(figure: Figure, axes: Any, omega: es.Partition) -> None:
    """Every region by its norm, the largest marked."""
    found = theory.lipschitz(omega)
    norms = [
        max(sum(abs(v) for v in row) for row in region.affine(exact=True)[0]) for region in omega
    ]
    scale = matplotlib.colors.Normalize(0, float(max(norms)))
    colours = matplotlib.colormaps["YlOrBr"](scale([float(v) for v in norms]) * 0.85)
    draw_cells(axes, omega, colours)
    for region in found.regions["inf"]:
        axes.add_patch(Polygon(omega[region].polygon().corners, fill=False, linewidth=3))
    figure.colorbar(matplotlib.cm.ScalarMappable(scale, truncated("YlOrBr", 0.85)), ax=axes,
                    shrink=0.8)  # fmt: skip
    product = theory.product_bound(omega.network)["inf"]
    title(axes, 14, f"$|A|_\\infty$: largest {found.infinity}; product {product}")


def margins(axes: Any, box: es.Box) -> None:
    """A point, the square that the margin proves, and the one up to another class."""
    network = es.Network(
        [
            es.Dense([[1, "1/3"], ["-1/4", 1], [1, -1]], ["1/4", "1/5", "-1/2"]), es.ReLU(),
            es.Dense([[1, "-1/2", "-1/4"], ["-1/2", 1, 0], ["-1/2", "-1/2", 1]], [0, "1/8", "1/4"]),
        ],
        (2,),
    )  # fmt: skip
    omega = es.enumerate_regions(network, box)
    draw_cells(axes, omega, [None] * len(omega))
    grid = (np.arange(600) + 0.5) / 150 - 2
    mesh = np.stack(np.meshgrid(grid, grid), axis=-1).reshape(-1, 2)
    classes = network.forward(mesh).argmax(axis=1).reshape(600, 600)
    axes.imshow(classes, origin="lower", extent=(-2, 2, -2, 2), alpha=0.35,
                cmap=matplotlib.colors.ListedColormap(COLOURS[:3]))  # fmt: skip
    x = [Fraction(9, 8), Fraction(1, 8)]
    (region,) = es.regions_at(network, x)
    A, b = region.affine(exact=True)
    scores = [
        sum(a * v for a, v in zip(row, x, strict=True)) + c for row, c in zip(A, b, strict=True)
    ]
    own = max(range(3), key=lambda k: scores[k])
    proved = min(
        (scores[own] - scores[c]) / difference_constant(network, own, c, box)
        for c in range(3) if c != own
    )  # fmt: skip
    found = theory.class_distance(omega, x)
    for half, colour, name in (
        (proved, COLOURS[0], "margin / L"),
        (found.value, COLOURS[5], "exact"),
    ):
        low = [float(v - half) for v in x]
        axes.add_patch(Rectangle(low, 2 * float(half), 2 * float(half), fill=False, linewidth=2,
                                 edgecolor=colour, label=f"{name}: {float(half):.3f}"))  # fmt: skip
    axes.plot(*map(float, x), "o", color="black", markersize=4)
    axes.plot(*map(float, found.nearest), "o", color=COLOURS[5], markersize=5)
    axes.legend(fontsize=8, loc="lower left")
    title(axes, 14, "within the margin no other class")


def difference_constant(network: es.Network, y: int, c: int, box: es.Box) -> Fraction:
    """The Lipschitz constant of f_y - f_c for the largest coordinate."""
    row = [int(k == y) - int(k == c) for k in range(network.output_dim)]
    found = theory.lipschitz(es.Network([*network.operators, es.Dense([row])], (2,)), box).infinity
    assert found is not None  # a box of full dimension
    return found


def templates_of_three(left: Any, right: Any, small: bool) -> None:
    """The best templates under a bound on their size, and what is lost without one."""
    x = np.array([1.6, 1.0])
    templates = theory.collinear_templates(x, 3, 0, 2)
    aside = np.array([-x[1], x[0]]) / np.linalg.norm(x)
    arrow(left, (0, 0), x, "black")
    left.text(*(x + 0.08), "$x$", fontsize=11)
    for c, (A, shift) in enumerate(zip(templates, (0.16, 0.1, -0.1), strict=True)):
        arrow(left, shift * aside, A, COLOURS[c])
        end = A + shift * aside
        left.text(*(end + (2.2 if c < 2 else -2.9) * 0.08 * aside), f"$A_{c + 1}$", fontsize=11,
                  color=COLOURS[c], ha="center", va="center")  # fmt: skip
    left.set(xlim=(-1.3, 2.1), ylim=(-1.1, 1.6), aspect="equal")
    left.axhline(0, color="0.85", linewidth=0.8, zorder=0)
    left.axvline(0, color="0.85", linewidth=0.8, zorder=0)
    title(left, 15, "best templates are collinear with x")
    t = np.linspace(0, 8, 41 if small else 201)
    scores = templates @ x
    loss = np.log(np.exp(t[:, None] * (scores - scores[0])).sum(axis=1))
    right.semilogy(t, loss, color=COLOURS[0], linewidth=2)
    right.set(xlim=(0, 8), xlabel="t")
    right.grid(alpha=0.25)
    title(right, 15, "the cross-entropy of t A is never 0")


def draw_sixteen_twenty(small: bool) -> Figure:
    """The soft selection, its objective, and the numbers of the mixed-integer model."""
    figure = sheet(11, 3.3)
    left, middle, right = figure.subplots(1, 3)
    z = np.array([1.0, 0.25, -0.5])
    betas = np.linspace(0, 0.99, 34 if small else 199)
    scores = betas[:, None] * z / (1 - betas[:, None])
    shares = np.exp(scores - scores.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    left.stackplot(betas, shares.T, colors=COLOURS[:3], alpha=0.6,
                   labels=[f"$z_{r + 1}$ = {v:g}" for r, v in enumerate(z)])  # fmt: skip
    left.set(xlim=(0, 0.99), ylim=(0, 1), xlabel="β", ylabel="$t_r$")
    left.legend(fontsize=8, loc="lower right", framealpha=0.9)
    title(left, 16, "soft selection: shares of three pieces")
    t = np.linspace(1e-9, 1 - 1e-9, 61 if small else 401)
    entropy = -t * np.log(t) - (1 - t) * np.log(1 - t)
    for beta, colour in zip((0.1, 0.5, 0.7), COLOURS, strict=False):

        def value(share: Any, own: Any, beta: float = beta) -> Any:
            return beta * (share * z[0] + (1 - share) * z[2]) + (1 - beta) * own

        best = 1 / (1 + np.exp(-beta * (z[0] - z[2]) / (1 - beta)))
        own = -best * np.log(best) - (1 - best) * np.log(1 - best)
        middle.plot(t, value(t, entropy), color=colour, label=f"β = {beta:g}")
        middle.plot(best, value(best, own), "o", color=colour, markeredgecolor="black")
    middle.set(xlim=(0, 1), xlabel="$t_1$", ylabel="β ⟨t, z⟩ + (1 − β) H(t)")
    middle.legend(fontsize=8, frameon=False, loc="lower right")
    title(middle, 16, "softmax (dots) is the maximum")
    big_m(right)
    return figure


def big_m(axes: Any) -> None:
    """One ReLU unit on an interval, and how far it is above each of its pieces."""
    import cvxpy as cp

    domain = es.Box([-1], [3])
    network = es.Network([es.Dense([[2]], [1]), es.ReLU()], (1,))
    # pieces in the order of the model: the unit less its piece 0, then less its piece 2 x + 1
    bounds = network.to_cvxpy(cp.Variable(1), domain).bounds[0]
    x = np.array([-1, -0.5, 3])
    axes.plot(x, 2 * x + 1, "--", color=COLOURS[1], linewidth=1.2, label="2 x + 1")
    axes.plot(x, 0 * x, "--", color=COLOURS[0], linewidth=1.2, label="0")
    axes.plot(x, np.maximum(2 * x + 1, 0), color="black", linewidth=2.2, alpha=0.8)
    places = ((3, 0, 7), (-1, -1, 0))
    for (at, low, high), M, colour in zip(places, bounds, COLOURS, strict=False):
        axes.annotate("", (at, high), (at, low), arrowprops={
            "arrowstyle": "<->", "color": colour, "linewidth": 1.6, "shrinkA": 0, "shrinkB": 0,
        })  # fmt: skip
        assert high - low == M
        axes.text(at - 0.12, (low + high) / 2, f"M = {M}", color=colour, va="center", ha="right",
                  fontsize=9)  # fmt: skip
    axes.set(xlim=(-2.4, 3.4), ylim=(-1.6, 7.6), xlabel="x")
    axes.legend(fontsize=8, frameon=False, loc="upper left")
    title(axes, 20, "M is the largest difference to a piece")


def main() -> None:
    save_all(PICTURES)


PICTURES = {
    "statements_1_3": draw_one_three,
    "statements_4_5": draw_four_five,
    "statements_6": draw_six,
    "statements_8_10": draw_eight_ten,
    "statements_11_12": draw_eleven_twelve,
    "statements_13_15": draw_thirteen_fifteen,
    "statements_16_20": draw_sixteen_twenty,
}

if __name__ == "__main__":
    main()
