"""Orthogonal templates: does a penalty that spreads the last layer's templates help?

    python examples/orthogonal_templates/train.py            # all of it, some minutes
    python examples/orthogonal_templates/train.py --quick    # a small version, under two minutes
    python examples/orthogonal_templates/train.py --mnist mnist.npz

The theory sees a network as a matched filter bank: f(x) = A[x] x + b[x], one template (row of
A[x]) a class. "A Spline Theory of Deep Networks" (Balestriero, Baraniuk, ICML 2018, section 5)
adds lambda times sum_{c != c'} <W_c, W_c'>^2 over the last layer's rows to the loss. This script
trains a small convolutional network on scikit-learn's digits (or on MNIST, from an .npz file with
x_train, y_train, x_test, y_test), for several lambda and seeds, and writes

- accuracy.png: test accuracy by lambda: mean, standard deviation, maximum, every seed;
- epochs.png: training error and test accuracy over the epochs for lambda = 0 and 1;
- templates.png: the templates of one test image for ReLU and abs, with and without batch
  normalisation, in a CNN and a small residual network, from exactspline.theory.templates;
- report.md and results.json: the numbers, and whether there is a gain.

Needs torch, scikit-learn and matplotlib (pip install exactspline[torch,sklearn,plot]).
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn

import exactspline as es
from exactspline.theory import orthogonality_penalty, templates

HERE = Path(__file__).parent
LAMBDAS = (0.0, 0.01, 0.1, 1.0, 10.0)
Activation = Callable[[torch.Tensor], torch.Tensor]
ACTIVATIONS: dict[str, Activation] = {"ReLU": torch.relu, "abs": torch.abs}


@dataclass
class Data:
    """Images (n, 1, s, s) in [0, 1] and labels, for training and for testing."""

    name: str
    train: torch.Tensor
    labels: torch.Tensor
    test: torch.Tensor
    test_labels: torch.Tensor


@dataclass
class Settings:
    """How much is trained."""

    seeds: int = 15
    epochs: int = 60
    batch: int = 64
    rate: float = 3e-3


def digits() -> Data:
    """scikit-learn's 8 x 8 digits: half for training, half for testing."""
    images, labels = load_digits(return_X_y=True)
    split = train_test_split(images / 16, labels, test_size=0.5, random_state=0, stratify=labels)
    train, test, train_labels, test_labels = (torch.tensor(a) for a in split)
    shape = (-1, 1, 8, 8)
    return Data(
        "digits", train.float().reshape(shape), train_labels, test.float().reshape(shape),
        test_labels,
    )  # fmt: skip


def mnist(path: Path, images: int = 2000) -> Data:
    """The first images of MNIST, from an .npz file."""
    with np.load(path) as file:
        arrays = [file[key] for key in ("x_train", "y_train", "x_test", "y_test")]
    train, labels, test, test_labels = (torch.tensor(a) for a in arrays)
    return Data(
        "MNIST", train[:images, None].float() / 255, labels[:images].long(),
        test[:images, None].float() / 255, test_labels[:images].long(),
    )  # fmt: skip


class Block(nn.Module):
    """activation(normalise(conv(z))), plus conv(z) past it in a residual network."""

    def __init__(
        self, channels: tuple[int, int], activation: str, norm: bool, residual: bool
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(*channels, 3, padding=1)
        self.norm = nn.BatchNorm2d(channels[1]) if norm else nn.Identity()
        self.skip = nn.Conv2d(*channels, 1) if residual else None
        self.activation = ACTIVATIONS[activation]

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        out = self.activation(self.norm(self.conv(z)))
        return out if self.skip is None else out + self.skip(z)


class Net(nn.Module):
    """Two blocks, each with max-pooling behind it, and the last layer with the templates."""

    def __init__(
        self, size: int, activation: str = "ReLU", norm: bool = False, residual: bool = False
    ) -> None:
        super().__init__()
        self.one = Block((1, 8), activation, norm, residual)
        self.two = Block((8, 16), activation, norm, residual)
        self.pool = nn.MaxPool2d(2)
        self.last = nn.Linear(16 * (size // 4) ** 2, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        z = self.pool(self.two(self.pool(self.one(x))))
        return self.last(torch.flatten(z, 1))


def fit(
    data: Data, weight: float, seed: int, settings: Settings, **options: bool | str
) -> tuple[Net, list[tuple[float, float]]]:
    """A trained network, and per epoch the training error and the test accuracy."""
    torch.manual_seed(seed)
    net = Net(data.train.shape[-1], **options)
    optimizer = torch.optim.Adam(net.parameters(), lr=settings.rate)
    history = []
    for _ in range(settings.epochs):
        net.train()
        for batch in torch.randperm(len(data.train)).split(settings.batch):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(net(data.train[batch]), data.labels[batch])
            if weight:
                loss = loss + weight * orthogonality_penalty(net.last.weight)
            loss.backward()
            optimizer.step()
        error = 1 - accuracy(net, data.train, data.labels)
        history.append((round(error, 6), round(accuracy(net, data.test, data.test_labels), 6)))
    return net.eval(), history


def accuracy(net: Net, images: torch.Tensor, labels: torch.Tensor) -> float:
    """The share of images whose largest output is their label."""
    net.eval()
    with torch.no_grad():
        return float((net(images).argmax(1) == labels).float().mean())


def experiment(data: Data, settings: Settings) -> dict[float, list[dict]]:
    """Every lambda with every seed: accuracy, penalty of the last layer, history."""
    out: dict[float, list[dict]] = {}
    for weight in LAMBDAS:
        out[weight] = []
        for seed in range(settings.seeds):
            net, history = fit(data, weight, seed, settings)
            penalty = float(orthogonality_penalty(net.last.weight.detach().numpy()))
            out[weight].append(
                {"seed": seed, "accuracy": history[-1][1], "penalty": penalty, "history": history}
            )
        print(f"lambda {weight:g}: mean accuracy "
              f"{statistics.mean(r['accuracy'] for r in out[weight]):.4f}", flush=True)  # fmt: skip
    return out


def summary(results: dict[float, list[dict]]) -> list[dict]:
    """Per lambda mean, deviation and maximum, and the paired difference to lambda = 0."""
    base = [run["accuracy"] for run in results[0.0]]
    rows = []
    for weight, runs in results.items():
        values = [run["accuracy"] for run in runs]
        gains = [a - b for a, b in zip(values, base, strict=True)]
        many = len(values) > 1
        rows.append(
            {
                "lambda": weight,
                "mean": statistics.mean(values),
                "deviation": statistics.stdev(values) if many else 0.0,
                "maximum": max(values),
                "penalty": statistics.mean(run["penalty"] for run in runs),
                "gain": statistics.mean(gains),
                "error": statistics.stdev(gains) / math.sqrt(len(gains)) if many else math.inf,
            }
        )
    return rows


def verdict(rows: list[dict]) -> str:
    """What was found, in words: a gain or a loss counts beyond two standard errors."""
    words = []
    for row in rows[1:]:
        gain, error = row["gain"], row["error"]
        text = f"lambda = {row['lambda']:g}: "
        if gain > 2 * error:
            text += f"a gain of {100 * gain:.2f} points (standard error {100 * error:.2f})"
        elif gain < -2 * error:
            text += f"a loss of {-100 * gain:.2f} points (standard error {100 * error:.2f})"
        else:
            text += f"no clear difference ({100 * gain:+.2f} points, standard error "
            text += f"{100 * error:.2f})" if math.isfinite(error) else "unknown)"
        words.append(text)
    best = max(rows, key=lambda row: row["mean"])
    if best["lambda"] == 0 or best["gain"] <= 2 * best["error"]:
        words.append("So there is no gain from the penalty beyond chance.")
    else:
        words.append(f"So there is a gain, the largest at lambda = {best['lambda']:g}.")
    return "\n".join(f"- {w}" for w in words)


def report(data: Data, settings: Settings, rows: list[dict], seconds: float) -> str:
    """The findings as Markdown."""
    lines = [
        f"# Orthogonal templates on {data.name}",
        "",
        f"{len(data.train)} training and {len(data.test)} test images, {settings.seeds} seeds "
        f"a lambda, {settings.epochs} epochs; {seconds:.0f} seconds. Accuracy on the test "
        "images in percent; the gain is the mean paired difference to lambda = 0.",
        "",
        "| lambda | mean | deviation | maximum | gain | its standard error | penalty of W |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        lines.append(
            f"| {row['lambda']:g} | {100 * row['mean']:.2f} | {100 * row['deviation']:.2f} "
            f"| {100 * row['maximum']:.2f} | {100 * row['gain']:+.2f} | {100 * row['error']:.2f} "
            f"| {row['penalty']:.3g} |"
        )
    return "\n".join([*lines, "", verdict(rows), ""])


# --- Figures ------------------------------------------------------------------------------------


def draw_accuracy(results: dict[float, list[dict]], rows: list[dict], path: Path) -> None:
    """Test accuracy by lambda."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    for i, (runs, row) in enumerate(zip(results.values(), rows, strict=True)):
        values = [run["accuracy"] for run in runs]
        axes.plot([i] * len(values), values, ".", color="0.7", label="seeds" if i == 0 else None)
        axes.errorbar(i, row["mean"], row["deviation"], fmt="o", color="C0", capsize=4,
                      label="mean, standard deviation" if i == 0 else None)  # fmt: skip
        axes.plot(i, row["maximum"], "^", color="C1", label="maximum" if i == 0 else None)
    axes.set_xticks(range(len(rows)), [f"{row['lambda']:g}" for row in rows])
    axes.set_xlabel("lambda")
    axes.set_ylabel("test accuracy")
    axes.legend()
    figure.savefig(path, dpi=100)


def draw_epochs(results: dict[float, list[dict]], path: Path) -> None:
    """Training error and test accuracy over the epochs: mean and range of the seeds."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    for color, weight in (("C0", 0.0), ("C1", 1.0)):
        histories = np.array([run["history"] for run in results[weight]])
        epochs = np.arange(1, histories.shape[1] + 1)
        for axes, column in ((left, 0), (right, 1)):
            values = histories[:, :, column]
            axes.plot(epochs, values.mean(axis=0), color=color, label=f"lambda = {weight:g}")
            axes.fill_between(epochs, values.min(axis=0), values.max(axis=0), color=color,
                              alpha=0.2)  # fmt: skip
    left.set_yscale("symlog", linthresh=1e-3)
    left.set_ylabel("training error")
    right.set_ylabel("test accuracy")
    for axes in (left, right):
        axes.set_xlabel("epoch")
        axes.legend()
    figure.savefig(path, dpi=100)


def draw_templates(data: Data, settings: Settings, path: Path) -> list[str]:
    """The templates of one test image in eight networks; returns what they are."""
    from matplotlib.figure import Figure

    cases = [
        {"activation": activation, "norm": norm, "residual": residual}
        for residual in (False, True)
        for activation in ACTIVATIONS
        for norm in (False, True)
    ]
    figure = Figure(figsize=(12, 1.25 * len(cases)), layout="constrained")
    grid = figure.subplots(len(cases), 11)
    image = data.test[0]
    names = []
    for line, options in zip(grid, cases, strict=True):
        net, history = fit(data, 0.0, 0, settings, **options)
        network = es.from_torch(net, tuple(image.shape))
        found = templates(network, image.numpy())
        names.append(
            f"{'ResNet' if options['residual'] else 'CNN'}, {options['activation']}, "
            f"{'with' if options['norm'] else 'no'} batch norm, {100 * history[-1][1]:.1f}%"
        )
        largest = float(np.abs(found.A).max()) or 1.0
        line[0].imshow(image[0].numpy(), cmap="gray")
        line[0].set_ylabel(names[-1].replace(", ", "\n"), fontsize=6)
        for c, axes in enumerate(line[1:]):
            axes.imshow(found.A[c, 0], cmap="RdBu_r", vmin=-largest, vmax=largest)
            axes.set_title(f"{c}: {found.matches[c] + found.b[c]:.1f}", fontsize=7)
        for axes in line:
            axes.set_xticks([])
            axes.set_yticks([])
    figure.savefig(path, dpi=100)
    return names


def main(arguments: list[str] | None = None) -> None:
    """Train, draw and report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few seeds and epochs")
    parser.add_argument("--seeds", type=int, help="seeds a lambda (15; quick: 3)")
    parser.add_argument("--epochs", type=int, help="epochs a network (60; quick: 6)")
    parser.add_argument("--mnist", type=Path, help="an .npz file with MNIST")
    parser.add_argument("--out", type=Path, default=HERE / "results", help="folder to write to")
    given = parser.parse_args(arguments)
    settings = Settings(seeds=3, epochs=6) if given.quick else Settings()
    settings.seeds = given.seeds or settings.seeds
    settings.epochs = given.epochs or settings.epochs
    given.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)  # such small networks are slower with more
    data = digits() if given.mnist is None else mnist(given.mnist)
    start = time.perf_counter()
    results = experiment(data, settings)
    rows = summary(results)
    draw_accuracy(results, rows, given.out / "accuracy.png")
    draw_epochs(results, given.out / "epochs.png")
    names = draw_templates(data, settings, given.out / "templates.png")
    text = report(data, settings, rows, time.perf_counter() - start)
    text += "\nTemplates of one test image, one seed each (templates.png):\n\n"
    text += "\n".join(f"- {name}" for name in names) + "\n"
    (given.out / "report.md").write_text(text)
    finite = [{k: v for k, v in row.items() if math.isfinite(v)} for row in rows]
    (given.out / "results.json").write_text(
        json.dumps({"data": data.name, "summary": finite, "runs": {
            f"{weight:g}": runs for weight, runs in results.items()
        }}) + "\n"
    )  # fmt: skip
    print(text)


if __name__ == "__main__":
    main()
