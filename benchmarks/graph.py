"""Rates of the adjacency graph: prints the figures that README and CHANGELOG quote.

    python benchmarks/graph.py [--networks FOLDER] [--repeat N]

Regions with all their facets, certified, and the edges resolved and checked; numbers that are
known are compared. Times are medians of N runs in this process, after a first run that
compiles (or loads) the kernels. The memory figure comes from a process of its own.
"""

from __future__ import annotations

import argparse
import itertools
import platform
import statistics
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np
from count import HERE, arrangement, cpu_name, peak, random_net, resonance, threshold

import exactspline as es
from exactspline.formats.vnnlib.reader import load_vnnlib


def braid(n: int) -> es.Network:
    """x_i - x_j."""
    pairs = itertools.combinations(range(n), 2)
    return arrangement([tuple((k == i) - (k == j) for k in range(n)) for i, j in pairs])


def type_b(n: int) -> es.Network:
    """x_i, x_i + x_j, x_i - x_j."""
    rows = [tuple(int(k == i) for k in range(n)) for i in range(n)]
    for i, j in itertools.combinations(range(n), 2):
        rows += [tuple((k == i) + s * (k == j) for k in range(n)) for s in (1, -1)]
    return arrangement(rows)


def shi(n: int) -> es.Network:
    """x_i - x_j = 0 and 1 for i < j."""
    rows, offsets = [], []
    for i, j in itertools.combinations(range(n), 2):
        rows += [[(k == i) - (k == j) for k in range(n)]] * 2
        offsets += [0, -1]
    return es.Network([es.Dense(np.array(rows), offsets), es.ReLU()], (n,))


def measure(net: es.Network, domain: es.Domain, repeat: int) -> tuple[es.Partition, float]:
    """The partition with its edges, and median seconds for both."""
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        omega = es.enumerate_regions(net, domain, graph=True)
        len(omega.edges)
        times.append(time.perf_counter() - start)
    return omega, statistics.median(times)


def line(
    name: str, net: es.Network, domain: es.Domain, repeat: int, reach: str,
    known: tuple[int, int] | None = None,
) -> tuple[es.Partition, float]:  # fmt: skip
    """Measure and print one row."""
    omega, seconds = measure(net, domain, repeat)
    found = (len(omega), len(omega.edges))
    if known is not None and found != known:
        sys.exit(f"{name}: {found} regions and edges, but {known} are known: the result is wrong")
    made = omega.decisions
    print(
        f"{name:<36}{found[0]:>10,}{found[1]:>12,}{len(omega.borders):>10,}{seconds:>9.3f} s"
        f"{found[0] / seconds:>10,.0f}/s{found[1] / seconds:>10,.0f}/s   {reach:<16}"
        f"{made.float:>11,}{made.integer:>9,}{made.rational:>7,}",
        flush=True,
    )
    return omega, seconds


def memory() -> None:
    """A graph of about a million regions, streamed into columns."""
    net = random_net([8, 12, 12])
    start = time.perf_counter()
    omega = es.enumerate_regions(net, graph=True)
    edges = omega.edges
    seconds = time.perf_counter() - start
    print(
        f"random 8-12-12, R^8: {len(omega):,} regions, {len(edges):,} edges in {seconds:.1f} s, "
        f"{peak() / 1024:.1f} MiB at most (to reach: under 1024)"
    )


def main() -> None:
    """Run all benchmarks."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--networks", type=Path, default=HERE.parents[1] / "shared" / "networks",
        help="folder with acasxu/",
    )  # fmt: skip
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--memory", action="store_true", help="only the memory figure")
    args = parser.parse_args()
    if args.memory:
        memory()
        return
    print(f"machine   {platform.processor() or platform.machine()}, {cpu_name()}")
    packages = ", ".join(f"{name} {version(name)}" for name in ("numpy", "numba", "python-flint"))
    print(f"versions  exactspline {es.__version__}, Python {platform.python_version()}, {packages}")
    print(f"process   one; median of {args.repeat} runs, after a run that compiles or loads\n")
    measure(resonance(3), es.WholeSpace(3), 1)
    measure(random_net([2, 4, 4]), es.Box(-1, 1, dim=2), 1)
    print(
        f"{'work':<36}{'regions':>10}{'edges':>12}{'borders':>10}{'time':>11}{'regions':>12}"
        f"{'edges':>12}   {'to reach':<16}{'float':>11}{'integer':>9}{'rational':>7}"
    )
    acas = es.load(args.networks / "acasxu" / "ACASXU_run2a_1_1_batch_2000.onnx")
    for prop, reach in ((3, "10,000 regions/s"), (4, "")):
        (box,) = load_vnnlib(args.networks / "acasxu" / f"prop_{prop}.vnnlib", 5)
        omega, _ = line(f"ACAS Xu 1_1, box of prop_{prop}", acas, box, args.repeat, reach)
        if prop == 3:
            times = []
            for _ in range(args.repeat):
                start = time.perf_counter()
                omega.affine_pieces()
                times.append(time.perf_counter() - start)
            rate = len(omega) / statistics.median(times)
            print(f"{'  affine pieces of all, float64':<36}{rate:>61,.0f}/s   100,000/s")
    for widths in ([2, 64, 64, 64], [3, 32, 32], [5, 10, 10, 10]):
        d = widths[0]
        name = f"random {'-'.join(map(str, widths))}, [-1, 1]^{d}"
        line(name, random_net(widths), es.Box(-1, 1, dim=d), args.repeat, "40,000 edges/s")
    print("\nties: every decision is one (to reach: 30 s together)")
    total = 0.0
    for name, net, known in (
        ("resonance n = 5", resonance(5), (11_292, 30_540)),
        ("type B n = 5", type_b(5), (3_840, 9_600)),
        ("braid n = 6", braid(6), (720, 1_800)),
        ("Shi n = 5", shi(5), (1_296, 3_355)),
        ("threshold n = 4", threshold(4), (1_882, 5_920)),
    ):
        total += line(name, net, es.WholeSpace(net.input_dim), args.repeat, "", known)[1]
    print(f"together {total:.2f} s")
    line("threshold n = 5", threshold(5), es.WholeSpace(6), 1, "", (94_572, 361_344))
    line("resonance n = 6", resonance(6), es.WholeSpace(6), 1, "", (1_066_044, 3_662_064))
    print("\nmemory, in a process of its own", flush=True)
    subprocess.run([sys.executable, __file__, "--memory"], check=True)


if __name__ == "__main__":
    main()
