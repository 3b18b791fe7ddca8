"""Seconds from call to return under a time limit, and what was reported.

    python benchmarks/limits.py [--cold] [name ...]

With --cold every case runs in a process of its own whose cache of kernels is empty. The
networks have random weights, but for ACAS Xu, which is read from a folder of shared networks
beside the project, if there is one.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np

import exactspline as es
from exactspline.clock import allowance
from exactspline.domain import Domain

ACASXU = Path(__file__).resolve().parents[2] / "shared" / "networks" / "acasxu"
LIMITS = (1.0, 2.0, 5.0, 20.0)
Case = tuple[es.Network, Domain | None]


def dense() -> es.Network:
    rng, operators = np.random.default_rng(0), []
    for n, m in pairwise([784, 512, 512, 10]):
        operators += [es.Dense(rng.normal(size=(m, n)) / n**0.5, rng.normal(size=m)), es.ReLU()]
    return es.Network(operators[:-1], (784,))


def thirds() -> es.Network:
    rng, operators = np.random.default_rng(1), []
    for n, m in pairwise([30, 40, 40, 3]):
        rows = [[Fraction(int(v), 3) for v in row] for row in rng.integers(-20, 21, (m, n))]
        operators += [es.Dense(rows, [Fraction(int(v), 7) for v in rng.integers(-9, 10, m)])]
        operators += [es.ReLU()]
    return es.Network(operators[:-1], (30,))


def conv() -> es.Network:
    rng = np.random.default_rng(2)
    return es.Network(
        [
            es.Conv(rng.normal(size=(16, 3, 3, 3)), rng.normal(size=16)), es.ReLU(),
            es.Conv(rng.normal(size=(16, 16, 3, 3)), rng.normal(size=16)), es.ReLU(),
        ],
        (3, 32, 32),
    )  # fmt: skip


def cases() -> dict[str, Case]:
    """All cases by name."""
    rng = np.random.default_rng(3)
    directions = [rng.normal(size=3072) for _ in range(2)]
    out: dict[str, Case] = {
        "dense, box": (dense(), es.Box(np.zeros(784), np.ones(784))),
        "dense, whole space": (dense(), None),
        "thirds": (thirds(), None),
        "conv, slice": (conv(), es.Slice(rng.normal(size=3072), directions)),
        "conv, box": (conv(), es.Box(-np.ones(3072), np.ones(3072))),
    }
    for path in sorted(ACASXU.rglob("*1_1*.onnx"))[:1]:
        out["ACAS Xu"] = es.load(path), es.Box([-0.3] * 5, [0.3] * 5)
    return out


def run(name: str, case: Case, limits: tuple[float, ...], engines: tuple[str, ...]) -> None:
    """Print a line for every limit and engine."""
    network, domain = case
    for engine in engines:
        for limit in limits:
            start = time.monotonic()
            count = es.count_regions(network, domain, time_limit=limit, engine=engine)
            seconds = time.monotonic() - start
            mark = "" if seconds <= limit + allowance(limit) else "LATE"
            said = "complete" if count.stopped is None else str(count.stopped)
            print(
                f"{name:<20}{engine:<10}{limit:>5g} s{seconds:>8.2f} s  {int(count):>10,}  "
                f"{said} {mark}",
                flush=True,
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cold", action="store_true")
    parser.add_argument("--limits", type=float, nargs="*", default=LIMITS)
    parser.add_argument("--engines", nargs="*", default=["auto", "highs", "rational"])
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    for name, case in cases().items():
        if arguments.names and name not in arguments.names:
            continue
        if arguments.cold:
            for limit in arguments.limits:
                with tempfile.TemporaryDirectory() as cache:
                    command = [sys.executable, __file__, name, "--limits", str(limit)]
                    subprocess.run(
                        [*command, "--engines", "auto"], check=True,
                        env={**os.environ, "NUMBA_CACHE_DIR": cache},
                    )  # fmt: skip
        else:
            run(name, case, tuple(arguments.limits), tuple(arguments.engines))


if __name__ == "__main__":
    main()
