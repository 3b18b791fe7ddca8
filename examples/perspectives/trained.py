"""Trained networks that are no MASOs, and a trained classifier behind wavelets.

    python examples/perspectives/trained.py    # a minute or two; writes results/trained.md

First two moons, 2-6-6-1, with hard tanh, a leaky ReLU of slope 2 and a spline of tanh: which
statements of the theory hold for what training made of them. Then scikit-learn's digits, read row
by row as one periodic signal of 64 numbers: a linear classifier on the pixels, and one on the
scattering network of the signal, which is one exact network with it.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import load_digits, make_moons
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from torch import nn

import exactspline as es
from exactspline import theory

HERE = Path(__file__).resolve().parent
UNIT = es.Box(0, 1, dim=64)
BOX = es.Box([-2, "-3/2"], [3, 2])
KINDS = ("haar", "daubechies")
STATEMENTS = (
    "convexity", "piecewise affine", "templates along a segment", "power diagram",
    "whole partition", "counts", "Lipschitz", "VQ", "symbolic forms",
)  # fmt: skip


class Spline(nn.Module):
    """A continuous spline of every entry: breakpoints, slopes, and the value at 0."""

    def __init__(self, operator: es.Operator) -> None:
        super().__init__()
        breaks, slopes = pieces(operator)
        self.breaks, self.slopes = torch.tensor(breaks), torch.tensor(slopes)
        self.shift = 0.0
        self.shift = float(operator.forward(np.zeros((1, 1)))[0, 0] - self(torch.zeros(1))[0])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        bends = self.slopes[1:] - self.slopes[:-1]
        return self.slopes[0] * x + self.shift + sum(
            bend * torch.relu(x - at) for bend, at in zip(bends, self.breaks, strict=True)
        )  # fmt: skip


def pieces(operator: es.Operator) -> tuple[list[float], list[float]]:
    """The breakpoints and slopes of a unit of one input."""
    at = sorted(breakpoints(operator))
    ends = np.array([at[0] - 1, *at, at[-1] + 1])
    values = operator.forward(ends[:, None])[:, 0]
    return at, (np.diff(values) / np.diff(ends)).tolist()


def breakpoints(operator: es.Operator) -> list[float]:
    """Where a unit of one input changes its piece."""
    omega = es.enumerate_regions(es.Network([operator], (1,)))
    return [float(omega.edges.witness(e)[0]) for e in range(len(omega.edges))]


def moons(operator: es.Operator, seed: int, steps: int) -> tuple[es.Network, float]:
    """A trained network with this activation, and its accuracy on new points."""
    torch.manual_seed(seed)
    net = nn.Sequential(
        nn.Linear(2, 6), Spline(operator), nn.Linear(6, 6), Spline(operator), nn.Linear(6, 1)
    )
    points, classes = make_moons(400, noise=0.1, random_state=seed)
    x, y = torch.tensor(points).float(), torch.tensor(classes).float()
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    for _ in range(steps):
        optimizer.zero_grad()
        nn.functional.binary_cross_entropy_with_logits(net(x)[:, 0], y).backward()
        optimizer.step()
    dense = [
        es.Dense(part.weight.detach().numpy(), part.bias.detach().numpy())
        for part in net if isinstance(part, nn.Linear)
    ]  # fmt: skip
    made = es.Network([dense[0], operator, dense[1], operator, dense[2]], (2,))
    new, truth = make_moons(400, noise=0.1, random_state=1000 + seed)
    return made, float(np.mean((made.forward(new)[:, 0] > 0) == truth))


def activations(seeds: int, steps: int) -> list[str]:
    """The table of trained networks that are no MASOs."""
    lines = [
        f"Two moons, 2-6-6-1, {steps} steps, {seeds} seeds, box [-2, 3] x [-3/2, 2]: in how many "
        "of the trained networks a statement holds, fails, or says nothing (-).",
        "",
        "| activation | accuracy | regions | " + " | ".join(STATEMENTS) + " |",
        "|---" * (3 + len(STATEMENTS)) + "|",
    ]
    for name, operator in theory.nonconvex_activations().items():
        accuracy, regions = [], []
        verdicts: dict[str, list[str]] = {key: [] for key in STATEMENTS}
        for seed in range(seeds):
            net, right = moons(operator, seed, steps)
            omega = es.enumerate_regions(net, BOX)
            accuracy.append(100 * right)
            regions.append(len(omega))
            for key in STATEMENTS:
                found = theory.check_function(key)(omega)
                for report in found if isinstance(found, list) else [found]:
                    verdicts[key].append(report.verdict)
        cells = [told(verdicts[key]) for key in STATEMENTS]
        lines.append(
            f"| {name} | {np.mean(accuracy):.1f} | {min(regions)} to {max(regions)} | "
            + " | ".join(cells) + " |"
        )  # fmt: skip
        print(lines[-1], flush=True)
    return lines


def told(verdicts: list[str]) -> str:
    """Verdicts in a cell: how many of each."""
    short = {"holds": "holds", "fails": "fails", "not applicable": "-", "undecided": "undecided"}
    return ", ".join(
        f"{short[v]} {verdicts.count(v)}" for v in short if v in verdicts
    )  # fmt: skip


def wavelets(seeds: int) -> list[str]:
    """The table of classifiers of digits as periodic signals, also shifted by some pixels."""
    images, labels = load_digits(return_X_y=True)
    banks = {kind: theory.scattering_network(kind, length=64, scales=3, window=4) for kind in KINDS}
    lines = [
        f"Digits as signals of 64 numbers, half of them for training, {seeds} splits: accuracy of "
        "logistic regression on test digits in percent, mean and deviation, also of signals that "
        "are shifted; regions of the whole network on the plane through three test digits.",
        "",
        "| features | numbers | accuracy | shifted by 1 | by 2 | by 4 | regions |",
        "|---|---|---|---|---|---|---|",
    ]
    for name in ("pixels", *banks):
        bank = banks.get(name)
        found, regions = [], []
        for seed in range(seeds):
            x, test, y, truth = train_test_split(
                images / 16, labels, test_size=0.5, random_state=seed, stratify=labels
            )
            model = LogisticRegression(C=100, max_iter=2000)
            model.fit(features(bank, x), y)
            shifts = [np.roll(test, by, axis=1) for by in (0, 1, 2, 4)]
            found.append([100 * model.score(features(bank, s), truth) for s in shifts])
            head = es.Dense(model.coef_, model.intercept_)
            if bank is None:
                regions.append(1)
                continue
            nodes = [(node.operator, node.inputs) for node in bank.nodes]
            whole = es.Network.from_nodes([*nodes, (head, (len(nodes) - 1,))], (1, 64))
            assert np.array_equal(
                whole.forward(test[:, None]).argmax(axis=1), model.predict(features(bank, test))
            )
            plane = es.Slice.through(*test[:3, None], inputs=UNIT)
            regions.append(es.count_regions(whole, plane))
        width = features(bank, x[:1]).shape[1]
        means, deviations = np.mean(found, axis=0), np.std(found, axis=0)
        cells = [f"{m:.1f} ({d:.1f})" for m, d in zip(means, deviations, strict=True)]
        lines.append(
            f"| {name} | {width} | " + " | ".join(cells) + f" | {min(regions)} to {max(regions)} |"
        )
        print(lines[-1], flush=True)
    return lines


def features(bank: es.Network | None, signals: np.ndarray) -> np.ndarray:
    """The pixels, or what the scattering network makes of them."""
    return signals if bank is None else bank.forward(signals[:, None])


def main() -> None:
    """Train, check, and write both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--out", type=Path, default=HERE / "results" / "trained.md")
    given = parser.parse_args()
    torch.set_num_threads(1)  # such small networks are slower with more
    begin = time.perf_counter()
    lines = [*activations(given.seeds, given.steps), "", *wavelets(given.seeds)]
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{time.perf_counter() - begin:.0f} seconds; written: {given.out}")


if __name__ == "__main__":
    main()
