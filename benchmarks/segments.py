"""Templates of many images, and paths of segments: what they take.

    python benchmarks/segments.py

10,000 digits through a small CNN (`affine_maps`), and segments through narrow and wide networks
(`segment_path`): the list of events, and then every exact t, rank and kind.
"""

from __future__ import annotations

import time
from itertools import pairwise
from pathlib import Path

import numpy as np

import exactspline as es

NETWORKS = Path(__file__).resolve().parents[1] / "examples" / "figures" / "networks"


def tents(depth: int) -> es.Network:
    """2^depth pieces over [0, 1], from that many units."""
    operators = [op for _ in range(depth) for op in (es.Dense([[2]], [-1]), es.Abs())]
    return es.Network(operators, (1,))


def drawn(*widths: int) -> es.Network:
    """A random ReLU network."""
    rng, operators = np.random.default_rng(0), []
    for n_in, n_out in pairwise(widths):
        weight = (rng.normal(size=(n_out, n_in)) * np.sqrt(2 / n_in)).astype(np.float32)
        operators += [es.Dense(weight, rng.normal(size=n_out).astype(np.float32)), es.ReLU()]
    return es.Network(operators[:-1], (widths[0],))


def path(name: str, network: es.Network, a: np.ndarray, b: np.ndarray) -> None:
    """The times of one segment."""
    es.segment_path(network, a, a + (b - a) / 2**20)  # kernels are loaded
    marks = [time.perf_counter()]
    found = es.segment_path(network, a, b)
    for part in ("", "exact_t", "inside_wall", "ranks", "kinds"):
        if part:
            getattr(found, part)
        marks.append(time.perf_counter())
    names = ("events", "t", "walls", "ranks", "kinds")
    each = ", ".join(f"{n} {v - u:.2f} s" for n, (u, v) in zip(names, pairwise(marks), strict=True))
    print(f"{name:<28} {len(found):>7,} events: {each}; together {marks[-1] - marks[0]:.2f} s")


def main() -> None:
    rng = np.random.default_rng(1)
    for name in ("cnn_relu", "cnn_abs_norm", "resnet_relu_norm"):
        core = es.prepare(es.load(NETWORKS / f"{name}.onnx"))
        images = rng.integers(0, 17, size=(10_000, 1, 8, 8)) / 16
        start = time.perf_counter()
        core.affine_maps(images)
        print(f"{name:<28} templates of 10,000 images: {time.perf_counter() - start:.2f} s")
    path("14 tents", tents(14), np.zeros(1), np.ones(1))
    for widths in ((8, 64, 64, 64, 10), (8, 200, 200, 200, 10), (8, 2000, 10)):
        a, b = rng.normal(size=(2, 8)) * 30
        path("-".join(map(str, widths)), drawn(*widths), a, b)


if __name__ == "__main__":
    main()
