"""Local Lipschitz constants and adversarial distances, exact, next to bounds and to samples.

    python examples/robustness/compare.py                  # two networks of two inputs
    python examples/robustness/compare.py --acas FILE.onnx # and an ACAS Xu network

Around some inputs of trained networks: the exact Lipschitz constant of f_y - f_c on a box, its
lower bound by sampled gradients, its upper bound by the product of the layers' norms; and the exact
distance to another class, its lower bounds by (f_y - f_c)(x) / L, and its upper bound by sampled
points and steps along gradients. Half a minute; draws robustness.png, and writes
results/robustness.md.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import exactspline as es
from exactspline import theory

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from train_moons import SEED, moons

HERE = Path(__file__).resolve().parent
NORMS = {"max": "inf", "l1": "1", "l2": "2"}  # of inputs; what theory.product_bound calls them
SAMPLES = 2000


@dataclass
class Row:
    """What was found around one input, in one norm."""

    network: str
    norm: str
    lipschitz: float
    sampled: float
    product: float
    distance: float  # infinite: no other class in the box
    by_lipschitz: float
    by_product: float
    by_samples: float
    radius: float


def blobs() -> tuple[es.Network, np.ndarray]:
    """Three classes in the plane, learned by scikit-learn; and some of the points."""
    from sklearn.datasets import make_blobs
    from sklearn.neural_network import MLPClassifier

    X, y = make_blobs(300, centers=[(-1, 0), (1, 0), (0, 1.5)], cluster_std=0.5, random_state=0)
    model = MLPClassifier((16, 16), max_iter=400, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(X, y)
    return es.from_sklearn(model), X.astype(np.float32)


def differences(network: es.Network, own: int) -> es.Network:
    """f_y - f_c for all other classes c; the network itself, or minus it, if it has one output."""
    classes = network.output_dim
    if classes == 1:
        rows = np.array([[1 if own else -1]])
    else:
        rows = np.array([[int(k == own) - int(k == c) for k in range(classes)]
                         for c in range(classes) if c != own])  # fmt: skip
    nodes = [(node.operator, node.inputs) for node in network.nodes]
    last = len(nodes) - 1
    if len(network.output_shape) > 1:
        nodes.append((es.Flatten(), [last]))
        last += 1
    return es.Network.from_nodes([*nodes, (es.Dense(rows), [last])], network.input_shape)


def measure(name: str, network: es.Network, x: np.ndarray, radius: float, rng) -> list[Row]:
    """All numbers around one input, on the box of a radius."""
    at = [Fraction(float(v)) for v in x]
    half = Fraction(radius)
    box = es.Box([v - half for v in at], [v + half for v in at])
    values = network.forward(np.array(at, dtype=object), exact=True).reshape(-1).tolist()
    own = values.index(max(values)) if len(values) > 1 else int(values[0] > 0)
    gap = differences(network, own)
    margins = gap.forward(np.array(at, dtype=object), exact=True).reshape(-1)
    points = x + radius * rng.uniform(-1, 1, size=(SAMPLES, len(x)))
    slopes, _ = es.affine_maps(gap, points)
    product = theory.product_bound(gap)
    other = points[np.asarray(es.forward(gap, points)).reshape(SAMPLES, -1).min(axis=1) < 0]
    out = []
    for norm, key in NORMS.items():
        exact = es.lipschitz(gap, box, norm)
        constants = [float(v) ** 0.5 if exact.squared else float(v) for v in exact.constants]
        dual = {"max": 1, "l1": np.inf, "l2": 2}[norm]
        order = {"max": np.inf, "l1": 1, "l2": 2}[norm]
        seen = np.linalg.norm(slopes, ord=dual, axis=2).max(axis=0)
        sizes = np.linalg.norm(other - x, ord=order, axis=1)
        reached = min([*sizes.tolist(), stepped(gap, x, norm, radius)])
        within = box
        if np.isfinite(reached):  # no point farther away in any norm matters
            small = Fraction(reached * 1.001)
            within = es.Box([v - small for v in at], [v + small for v in at])
        far = float(theory.class_distance(es.enumerate_regions(network, within), at, norm))
        steepest = int(np.argmax(constants))
        floats = [float(v) for v in margins]
        bound = min(m / c for m, c in zip(floats, constants, strict=True) if c)
        out.append(
            Row(
                name, norm, constants[steepest], float(seen[steepest]), float(product[key]),
                far, min(bound, radius), min(floats) / float(product[key]),
                reached, radius,
            )
        )  # fmt: skip
    return out


def stepped(gap: es.Network, x: np.ndarray, norm: str, radius: float) -> float:
    """How far another class is along the steepest descent of one of the differences."""
    A, _ = es.affine_maps(gap, x)
    steps = radius * np.arange(1, 2001) / 2000
    best = float("inf")
    for row in A[np.any(A != 0, axis=1)]:
        way = {
            "max": -np.sign(row), "l2": -row / np.linalg.norm(row),
            "l1": -np.sign(row) * (np.arange(len(row)) == np.abs(row).argmax()),
        }[norm]  # fmt: skip
        values = np.asarray(es.forward(gap, x + steps[:, None] * way)).reshape(len(steps), -1)
        other = values.min(axis=1) < 0
        if other.any():
            best = min(best, float(steps[other.argmax()]))
    return best


def acas(path: Path) -> tuple[es.Network, list[np.ndarray], float]:
    """An ACAS Xu network, turned: its class is the largest output; some inputs, and a radius."""
    network = es.load(path)
    nodes = [(node.operator, node.inputs) for node in network.nodes]
    nodes.append((es.Dense(-np.eye(network.output_dim, dtype=int)), [len(nodes) - 1]))
    turned, radius = es.Network.from_nodes(nodes, network.input_shape), 1 / 256
    drawn = np.random.default_rng(1).uniform(-0.3, 0.3, (2000, network.input_dim))
    points = drawn.astype(np.float32).reshape(-1, *network.input_shape)
    A, _ = es.affine_maps(turned, points)
    values = np.asarray(es.forward(turned, points)).reshape(len(points), -1)
    top = np.argsort(values, axis=1)[:, -2:]  # the two largest scores
    each = np.arange(len(points))
    steep = np.abs(A[each, top[:, 1]] - A[each, top[:, 0]]).sum(axis=1)
    guess = (values[each, top[:, 1]] - values[each, top[:, 0]]) / np.maximum(steep, 1e-12)
    chosen = np.argsort(np.abs(guess - radius / 3))[:3]  # another class may be in the box
    return turned, [points[i].reshape(-1) for i in chosen], radius


def table(rows: list[Row]) -> str:
    """All rows as Markdown."""
    lines = [
        "| network | norm | L, sampled | L, exact | L, product | L, product / exact "
        "| distance, by product | by exact L | exact | by samples |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for r in rows:
        far = [f"{v:.4g}" if np.isfinite(v) else f"over {r.radius:g}"
               for v in (r.by_product, r.by_lipschitz, r.distance, r.by_samples)]  # fmt: skip
        lines.append(
            f"| {r.network} | {r.norm} | {r.sampled:.4g} | {r.lipschitz:.4g} | {r.product:.4g} "
            f"| {r.product / r.lipschitz:.3g} | {' | '.join(far)} |"
        )
    return "\n".join(lines) + "\n"


def draw(rows: list[Row], path: Path) -> None:
    """Ratios to what is exact: samples below, product above."""
    figure = Figure((8.6, 3.9), layout="constrained")
    left, right = figure.subplots(1, 2)
    colours = {"max": "#0072b2", "l1": "#d55e00", "l2": "#009e73"}
    shown = [r for r in rows if np.isfinite(r.distance) and r.distance > 0]

    def constants(r: Row) -> tuple[float, ...]:
        return r.sampled / r.lipschitz, r.product / r.lipschitz

    def distances(r: Row) -> tuple[float, ...]:
        return tuple(v / r.distance for v in (r.by_lipschitz, r.by_samples, r.by_product))

    names_of = {"exact L": "margin / exact L", "product": "product of layers"}
    for axes, every, what, pairs in (
        (left, rows, "Lipschitz constant", constants),
        (right, shown, "distance to another class", distances),
    ):  # fmt: skip
        names = ("sampled", "product") if axes is left else ("exact L", "sampled", "product")
        marks = {"sampled": "o", "product": "^", "exact L": "s"}
        for i, row in enumerate(every):
            for name, value in zip(names, pairs(row), strict=True):
                if np.isfinite(value):
                    axes.plot(i, value, marks[name], color=colours[row.norm], markersize=5)
        axes.axhline(1, color="0.4", linewidth=0.9)
        axes.set(yscale="log", ylabel=f"{what}: ratio to the exact one")
        starts = [i for i, r in enumerate(every) if i == 0 or r.network != every[i - 1].network]
        ends = [*starts[1:], len(every)]
        axes.set_xticks([(a + b - 1) / 2 for a, b in zip(starts, ends, strict=True)],
                        [every[a].network for a in starts])  # fmt: skip
        for a in starts[1:]:
            axes.axvline(a - 0.5, color="0.85", linewidth=0.9)
        for name in names:
            axes.plot([], [], marks[name], color="0.3", label=names_of.get(name, name))
        if axes is left:
            for norm, colour in colours.items():
                axes.plot([], [], "-", color=colour, label=norm)
        axes.legend(frameon=False, fontsize=8, ncols=2, loc="upper left")
        bottom, top = axes.get_ylim()
        axes.set_ylim(bottom, top * (top / bottom) ** 0.25)
    figure.savefig(path, dpi=110)


def main() -> None:
    """Measure, print, write and draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--acas", type=Path, help="an ONNX file of an ACAS Xu network")
    parser.add_argument("--small", action="store_true", help="one input a network")
    parser.add_argument("--out", type=Path, default=Path("robustness.png"))
    parser.add_argument("--table", type=Path, default=HERE / "results" / "robustness.md")
    given = parser.parse_args()
    begin, rng = time.perf_counter(), np.random.default_rng(0)
    points, _ = moons(60, 0.1, SEED)
    learned, blob = blobs()
    cases = [
        ("moons", es.load(HERE.parent / "moons.onnx"), points[[5, 40, 90]].astype(np.float32), 0.5),
        ("three classes", learned, blob[[0, 10, 20]], 1.0),
    ]
    if given.acas is not None:
        cases.append(("ACAS Xu", *acas(given.acas)))
    rows: list[Row] = []
    for name, network, inputs, radius in cases:
        for x in inputs[: 1 if given.small else None]:
            rows += measure(name, network, np.asarray(x, dtype=float), radius, rng)
    text = table(rows)
    given.table.parent.mkdir(parents=True, exist_ok=True)
    given.table.write_text(text, encoding="utf-8")
    draw(rows, given.out)
    print(text + f"{time.perf_counter() - begin:.0f} seconds; written: {given.out}, {given.table}")


if __name__ == "__main__":
    main()
