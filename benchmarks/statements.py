"""Statements: proofs of equality, of monotonicity over pairs, exact Lipschitz constants.

Equality of two 2-16-16-1 networks, one with its units permuted and scaled by powers of two;
monotonicity of a 3-16-16-1 network over pairs of points that differ in one input, and over all
ordered pairs; Lipschitz constants of ACAS Xu 1_1 on the box of property 3; that property as a
statement. Each with the enumeration of the same regions beside it.
"""

from __future__ import annotations

import argparse
import itertools
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from count import cpu_name

import exactspline as es

PROPERTY_3 = (
    ["-0.3035311561", "-0.0095492966", "0.4933803236", "0.3", "0.3"],
    ["-0.2985528119", "0.0095492966", "0.5", "0.5", "0.5"],
)
"""Its box in normalised inputs."""


def weights(sizes: list[int], seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """He-normal weights, biases of deviation 0.3."""
    rng = np.random.default_rng(seed)
    return [
        (rng.normal(size=(m, n)) * np.sqrt(2 / n), rng.normal(size=m) * 0.3)
        for n, m in itertools.pairwise(sizes)
    ]


def dense(layers: list[tuple[np.ndarray, np.ndarray]]) -> es.Network:
    """ReLU between layers."""
    operators: list[es.Operator] = []
    for weight, bias in layers:
        operators += [es.Dense(weight, bias), es.ReLU()]
    return es.Network(operators[:-1], (layers[0][0].shape[1],))


def permuted(layers: list[tuple[np.ndarray, np.ndarray]], seed: int) -> es.Network:
    """The same function of two hidden layers, with other weights."""
    rng = np.random.default_rng(seed)
    (a, b), (c, d), (e, f) = layers
    p, q = rng.permutation(len(a)), rng.permutation(len(c))
    return dense([(2 * a[p], 2 * b[p]), (c[q][:, p] / 2, d[q]), (e[:, q], f)])


def rising(seed: int) -> es.Network:
    """A network that rises in every input: no weight is negative."""
    (a, b), (c, d), (e, f) = weights([3, 16, 16, 1], seed)
    return dense([(abs(a), b), (abs(c), d - 4), (abs(e), f)])


def say(title: str, works: Callable[[], tuple[str, int]], repeat: int, reach: str) -> None:
    """Print one row: the median of some runs, after one that compiles."""
    works()
    seconds, told, regions = [], "", 0
    for _ in range(repeat):
        start = time.perf_counter()
        told, regions = works()
        seconds.append(time.perf_counter() - start)
    median = statistics.median(seconds)
    print(f"{title:<52}{told:<10}{regions:>10,}{median:>11.3f} s   {reach}", flush=True)


def verdict(made: Callable[[], es.Verdict]) -> Callable[[], tuple[str, int]]:
    """What a proof says."""

    def work() -> tuple[str, int]:
        found = made()
        return {True: "holds", False: "fails", None: "undecided"}[found.holds], found.regions

    return work


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--repeat", type=int, default=3, help="runs; medians are printed")
    parser.add_argument("--acasxu", type=Path, help="the network of ACAS Xu 1_1, an .onnx file")
    options = parser.parse_args()
    print(f"machine   {platform.machine()}, {cpu_name()}, {os.cpu_count()} cores")
    print(f"versions  exactspline {es.__version__}, Python {platform.python_version()}")
    print(f"\n{'statement':<52}{'verdict':<10}{'regions':>10}{'time':>13}   to reach")
    box, space, repeat = es.Box(-1, 1, dim=2), es.Box(-1, 1, dim=3), options.repeat
    layers = weights([2, 16, 16, 1], 0)
    f, g, h = dense(layers), permuted(layers, 1), dense(weights([2, 16, 16, 1], 5))
    say("two 2-16-16-1 equal", verdict(lambda: es.equal(f, g, box)), repeat, "1 s")
    apart = es.forall(box, lambda x: f(x)[0] <= h(x)[0] + 10)
    say("two 2-16-16-1 at most 10 apart", verdict(lambda: es.prove(apart)), repeat, "")
    say("one of them enumerated", lambda: ("", len(es.enumerate_regions(f, box))), repeat, "")
    net = rising(3)
    say("3-16-16-1 monotone in one input, over pairs", verdict(lambda: es.monotone(net, space, 0)),
        repeat, "30 s")  # fmt: skip
    ordered = es.forall((space, space), lambda x, y: es.implies(x <= y, net(x)[0] <= net(y)[0]))
    say("3-16-16-1 monotone, over all ordered pairs (6-D)", verdict(lambda: es.prove(ordered)), 1,
        "30 s")  # fmt: skip
    if options.acasxu is None:
        print("ACAS Xu: give --acasxu FILE")
        sys.exit()
    acas, where = es.load(options.acasxu), es.Box(*PROPERTY_3)
    say("ACAS Xu 1_1, property 3: its regions", lambda: ("", int(es.count_regions(acas, where))),
        repeat, "")  # fmt: skip
    say("Lipschitz constants there, max norm",
        lambda: ("", es.lipschitz(acas, where).regions), repeat, "5 s")  # fmt: skip
    least = es.forall(where, lambda x: es.argmax(-acas(x)) != 0)
    say("the property", verdict(lambda: es.prove(least)), repeat, "")


if __name__ == "__main__":
    main()
