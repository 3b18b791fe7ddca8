"""Pictures: how long a partition of many regions takes to draw, and how much memory.

    python benchmarks/plot.py [--width N ...] [--formats png svg ...] [--repeat N]

Each row is a process of its own: a random network 2-N-N-N-1 on [-2, 2]^2 is searched, its complex
is made, and then drawn (`Partition.plot`) and written. Time is that of drawing and writing; memory
is the process's largest, and by how much drawing raised it. NumPy's BLAS has one thread.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version

import numpy as np
from count import cpu_name

import exactspline as es

ALONE = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}  # threads that wait spoil times under load
WIDTHS = (40, 184)  # some 5,000 and 100,000 regions
ROWS = (
    ("by region", "png", {"color": "region"}),
    ("by piece", "png", {"color": "piece"}),
    ("by slope, decision boundary", "png", {"color": "slope", "boundary": True}),
    ("by region, pixels in chunks", "png", {"color": "region", "rasterised": True}),
    ("by region", "svg", {"color": "region"}),
    ("by region", "pdf", {"color": "region"}),
)


def network(width: int) -> es.Network:
    """Normal weights of variance 2 / fan-in, biases of deviation 0.5."""
    rng, operators = np.random.default_rng(1), []
    for n, m in itertools.pairwise((2, width, width, width, 1)):
        weight = rng.standard_normal((m, n)) * np.sqrt(2 / n)
        operators += [es.Dense(weight, 0.5 * rng.standard_normal(m)), es.ReLU()]
    return es.Network(operators[:-1], (2,))


def megabytes() -> float:
    """The most memory that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def one(width: int, kind: str, options: dict[str, object]) -> dict[str, float]:
    """Draw one picture."""
    import matplotlib

    matplotlib.use("Agg")
    es.enumerate_regions(network(3), es.Box(-1, 1, dim=2)).plot().close()  # all is loaded
    omega = es.enumerate_regions(network(width), es.Box(-2, 2, dim=2), polygons=True)
    omega.complex()
    before, start = megabytes(), time.perf_counter()
    picture = omega.plot(**options)
    drawn = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, f"picture.{kind}")
        picture.save(path)
        size = os.path.getsize(path)
    return {
        "regions": len(omega), "plot": drawn - start, "save": time.perf_counter() - drawn,
        "size": size / 2**20, "memory": megabytes(), "more": megabytes() - before,
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--width", type=int, nargs="+", default=WIDTHS)
    parser.add_argument("--formats", nargs="+", default=["png", "svg", "pdf"])
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(one(*json.loads(arguments.one))))
        return
    print(f"machine   {platform.machine()}, {cpu_name()}, {os.cpu_count()} cores")
    names = ("matplotlib", "numpy", "numba")
    versions = ", ".join(f"{name} {version(name)}" for name in names)
    print(f"versions  exactspline {es.__version__}, Python {platform.python_version()}, {versions}")
    print(f"process   one a picture; medians of {arguments.repeat}\n")
    print(f"{'picture':<30}{'':<5}{'regions':>9}{'plot':>9}{'save':>9}{'file':>10}{'memory':>17}")
    for width, (label, kind, options) in itertools.product(arguments.width, ROWS):
        if kind not in arguments.formats:
            continue
        command = [sys.executable, __file__, "--one", json.dumps([width, kind, options])]
        found = [
            json.loads(subprocess.run(command, capture_output=True, check=True, env=ALONE).stdout)
            for _ in range(arguments.repeat)
        ]
        row = {key: statistics.median(run[key] for run in found) for key in found[0]}
        print(
            f"{label:<30}{kind:<5}{row['regions']:>9,.0f}{row['plot']:>7.2f} s{row['save']:>7.2f} s"
            f"{row['size']:>7.1f} MB{row['memory']:>6.0f} MB (+{row['more']:.0f})",
            flush=True,
        )


if __name__ == "__main__":
    main()
