"""Memorisation: do templates become multiples of their input while a network is trained?

    python examples/templates/memorisation.py    # draws memorisation.png, writes the table

The theory: if templates were free, the cross-entropy of one input x of class y under
sum_c |A_c|^2 <= alpha and without bias would be least for A_y along x and all others against it
(`theory.check_collinear`). Here: the cosines of templates with training inputs over epochs, with
and without bias, next to the cosines of that optimum, +1 and -1.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure
from torch.nn.functional import cross_entropy
from training import accuracy, digits, network, train

import exactspline as es
from exactspline import torch as losses

HERE = Path(__file__).resolve().parent
SHOWN = (0, 1, 5, 20, 50, 100)


def cosines(net, x: torch.Tensor, y: torch.Tensor) -> tuple[float, float]:
    """Mean cosine of the own class's template with x, and of the other classes' templates."""
    found = losses.template_cosines(losses.templates(net, x, penalty=False), x).detach()
    own = found.gather(1, y[:, None])[:, 0]
    others = (found.sum(dim=1) - own) / (found.shape[1] - 1)
    return float(own.mean()), float(others.mean())


def run(bias: bool, seed: int, epochs: int) -> list[tuple[float, float, float, float]]:
    """Per epoch both cosines at training digits, the loss, and the accuracy on test digits."""
    images, labels, test, test_labels = digits()
    net = network(seed, bias=bias)
    out = []

    def after(epoch: int) -> None:
        with torch.no_grad():
            loss = float(cross_entropy(net(images), labels))
        out.append((*cosines(net, images, labels), loss, accuracy(net, test, test_labels)))

    train(net, images, labels, epochs, lambda net, x, y: cross_entropy(net(x), y), after)
    if seed == 0:  # the same cosines from exact templates: autograd is no witness of its own
        network_exact = es.from_torch(net, (64,))
        for k in range(3):
            A = network_exact.templates(images[k].double().numpy()).A
            x = images[k].double().numpy()
            exact = A @ x / np.linalg.norm(A, axis=1) / np.linalg.norm(x)
            near = losses.template_cosines(losses.templates(net, images[k : k + 1]),
                                           images[k : k + 1])[0].detach().numpy()  # fmt: skip
            if np.abs(exact - near).max() > 1e-4:
                raise SystemExit("autograd's templates are not the exact ones")
    return out


def draw(results: dict[bool, np.ndarray], path: Path) -> None:
    """Curves over epochs: mean of the seeds, and their range."""
    figure = Figure(figsize=(8.6, 3.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    for bias, colour in ((True, "#0072b2"), (False, "#d55e00")):
        runs = results[bias]
        epochs = np.arange(runs.shape[1])
        name = "with bias" if bias else "without bias"
        for column, style, what in ((0, "-", "own class"), (1, "--", "other classes")):
            values = runs[:, :, column]
            left.plot(epochs, values.mean(axis=0), style, color=colour, label=f"{what}, {name}")
            left.fill_between(epochs, values.min(axis=0), values.max(axis=0), color=colour,
                              alpha=0.15, linewidth=0)  # fmt: skip
        right.plot(epochs, runs[:, :, 2].mean(axis=0), color=colour, label=name)
    left.axhline(0, color="0.8", linewidth=0.8, zorder=0)
    left.set(xlabel="epoch", ylabel="mean cosine of template and input", ylim=(-1.02, 1.02))
    for level in (1, -1):
        left.axhline(level, color="0.4", linewidth=0.8, linestyle=":", zorder=0)
    left.legend(fontsize=8, frameon=False, loc=(0.3, 0.66))
    left.set_title("dotted: the optimum of free templates", fontsize=9)
    right.set(xlabel="epoch", ylabel="training cross-entropy", yscale="log")
    right.legend(fontsize=8, frameon=False)
    figure.savefig(path, dpi=110)


def main() -> None:
    """Train with and without bias, draw, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--out", type=Path, default=Path("memorisation.png"))
    parser.add_argument("--table", type=Path, default=HERE / "results" / "memorisation.md")
    given = parser.parse_args()
    torch.set_num_threads(1)
    begin = time.perf_counter()
    results = {
        bias: np.array([run(bias, seed, given.epochs) for seed in range(given.seeds)])
        for bias in (True, False)
    }
    lines = [
        f"Means over {given.seeds} seeds (deviation of the cosines in parentheses), 64-64-32-10, "
        "ReLU, 898 training digits; the optimum of free templates has cosines +1 and -1.",
        "",
        "| epoch | bias | cosine, own class | cosine, other classes | training loss "
        "| test accuracy |",
        "|---|---|---|---|---|---|",
    ]
    for bias, runs in results.items():
        for epoch in (e for e in SHOWN if e <= given.epochs):
            own, others, loss, right = runs[:, epoch].mean(axis=0)
            spread = runs[:, epoch].std(axis=0, ddof=min(1, given.seeds - 1))
            lines.append(
                f"| {epoch} | {'yes' if bias else 'no'} | {own:+.3f} ({spread[0]:.3f}) "
                f"| {others:+.3f} ({spread[1]:.3f}) | {loss:.2g} | {100 * right:.1f}% |"
            )
    given.table.parent.mkdir(parents=True, exist_ok=True)
    given.table.write_text("\n".join(lines) + "\n", encoding="utf-8")
    draw(results, given.out)
    print("\n".join(lines))
    print(f"{time.perf_counter() - begin:.0f} seconds; written: {given.out}, {given.table}")


if __name__ == "__main__":
    main()
