"""Penalties on templates: does training with one help? Five seeds each, half a minute.

    python examples/templates/penalties.py    # prints the table, writes results/penalties.md

The templates of an input are the rows of A[x], and the penalties are on these themselves
(`exactspline.torch`), not only on the last layer's weights.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path

import torch
from torch.nn.functional import cross_entropy
from training import accuracy, digits, network, train

from exactspline import torch as losses

HERE = Path(__file__).resolve().parent
ALPHA = 100.0  # the bound on sum_c |A_c|^2


def _orthogonal_weights(net, x, y):
    return losses.orthogonality_penalty(net[-1].weight)


def _orthogonal(net, x, y):
    return losses.template_orthogonality(losses.templates(net, x))


def _norm(net, x, y):
    return losses.norm_penalty(losses.templates(net, x), ALPHA)


def _across(net, x, y):
    return losses.collinear_penalty(losses.templates(net, x), x)


def _share_across(net, x, y):
    return losses.collinear_penalty(losses.templates(net, x), x, relative=True)


def _optimum(net, x, y):
    return losses.collinear_distance(losses.templates(net, x), x, y, ALPHA)


CASES = (
    ("none", 0.0, _norm),
    ("<W_c, W_c'>^2, last layer", 0.1, _orthogonal_weights),
    ("<A_c, A_c'>^2", 1e-5, _orthogonal),
    ("<A_c, A_c'>^2", 1e-3, _orthogonal),
    ("sum_c |A_c|^2 above 100", 1e-6, _norm),
    ("sum_c |A_c|^2 above 100", 1e-4, _norm),
    ("A_c across x", 1e-4, _across),
    ("A_c across x, shares", 0.01, _share_across),
    ("A_c across x, shares", 0.1, _share_across),
    ("distance from the collinear optimum", 1e-4, _optimum),
)


def measures(net, x: torch.Tensor) -> tuple[float, float, float]:
    """Of the templates at inputs: mean |cosine| of pairs, size, and the share along x."""
    A = losses.templates(net, x, penalty=False).detach()
    unit = torch.nn.functional.normalize(A, dim=2)
    pairs = (unit @ unit.transpose(1, 2)).abs()
    classes = A.shape[1]
    apart = (pairs.sum(dim=(1, 2)) - pairs.diagonal(dim1=1, dim2=2).sum(1)).mean()
    size = A.square().sum(dim=(1, 2))
    across = (A - (A @ (x / x.norm(dim=1, keepdim=True))[:, :, None]) *
              (x / x.norm(dim=1, keepdim=True))[:, None]).square().sum(dim=(1, 2))  # fmt: skip
    along = (1 - across / size).mean()
    return float(apart / (classes * (classes - 1))), float(size.mean()), float(along)


def main() -> None:
    """Train every case with every seed, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--out", type=Path, default=HERE / "results" / "penalties.md")
    given = parser.parse_args()
    torch.set_num_threads(1)  # such small networks are slower with more
    begin = time.perf_counter()
    images, labels, test, test_labels = digits()
    lines = [
        f"{len(images)} digits for training and {len(test)} for testing, 64-64-32-10, ReLU, "
        f"{given.epochs} epochs, {given.seeds} seeds. Accuracy on the test digits in percent; "
        "the last three columns are means over test digits and seeds.",
        "",
        "| penalty | lambda | mean | deviation | least | most | gain (standard error) "
        "| mean abs. cosine of pairs | sum_c abs(A_c)^2 | share of A along x |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    plain: list[float] = []
    for name, weight, penalty in CASES:
        found, seen = [], []
        for seed in range(given.seeds):
            net = network(seed)

            def loss(net, x, y, weight=weight, penalty=penalty):
                value = cross_entropy(net(x), y)
                return value + weight * penalty(net, x, y) if weight else value

            train(net, images, labels, given.epochs, loss)
            found.append(100 * accuracy(net, test, test_labels))
            seen.append(measures(net, test))
        plain = plain or found
        gains = [a - b for a, b in zip(found, plain, strict=True)]
        several = len(gains) > 1
        error = statistics.stdev(gains) / len(gains) ** 0.5 if several else float("nan")
        apart, size, along = (statistics.mean(column) for column in zip(*seen, strict=True))
        lines.append(
            f"| {name.replace('|', chr(92) + '|')} | {weight:g} | {statistics.mean(found):.2f} "
            f"| {statistics.stdev(found) if several else 0:.2f} | {min(found):.2f} "
            f"| {max(found):.2f} | {statistics.mean(gains):+.2f} ({error:.2f}) | {apart:.2f} "
            f"| {size:.1f} | {along:.3f} |"
        )
        print(lines[-1], flush=True)
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{time.perf_counter() - begin:.0f} seconds; written: {given.out}")


if __name__ == "__main__":
    main()
