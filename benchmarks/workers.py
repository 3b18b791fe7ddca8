"""Runs in processes, on dask and into a store: prints the figures that README and docs quote.

    python benchmarks/workers.py [--networks FOLDER] [--repeat N] [--large] [--only NAME]

Every time is that of a command in a process of its own, start included (kernels in Numba's
cache). The ways of one work are taken in turns; times are medians, a ratio is that of the first
way to this one. Counts of all ways are compared. ``--large`` adds a store of ten million regions.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import numpy as np
from count import cpu_name

HERE = Path(__file__).resolve().parent
ACAS = "acasxu/ACASXU_run2a_{}_batch_2000.onnx"
BOXES = (("2_3", "0.1"), ("4_5", "0.1"))  # [-w, w]^5: over 20 s in one process


def run(*arguments: str) -> tuple[float, dict, int]:
    """Seconds, the JSON object and the peak memory in KiB of a command."""
    start = time.perf_counter()
    child = subprocess.Popen(
        [sys.executable, "-m", "exactspline", *arguments, "--json"], stdout=subprocess.PIPE
    )
    assert child.stdout is not None
    text = child.stdout.read()
    _, status, usage = os.wait4(child.pid, 0)
    seconds = time.perf_counter() - start
    if status:
        raise SystemExit(f"exactspline {' '.join(arguments)}: exit {status}")
    return seconds, json.loads(text), usage.ru_maxrss


@contextmanager
def cluster() -> Iterator[str]:
    """The address of a dask cluster of two workers with one thread each."""
    from distributed import LocalCluster

    with LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None, scheduler_port=0
    ) as found:
        yield found.scheduler_address


def compare(title: str, ways: dict[str, list[str]], repeat: int, reach: dict[str, str]) -> None:
    """Print the medians of several ways to do one work."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    counts: dict[str, int] = {}
    for _ in range(repeat):
        for name, arguments in ways.items():
            with tempfile.TemporaryDirectory() as folder:
                words = [word.replace("FOLDER", folder) for word in arguments]
                seconds, found, _ = run(*words)
            times[name].append(seconds)
            assert found["complete"]
            counts[name] = found["regions"]
    assert len(set(counts.values())) == 1, counts
    regions = next(iter(counts.values()))
    first = statistics.median(next(iter(times.values())))
    print(f"\n{title}: {regions:,} regions")
    for name, values in times.items():
        median = statistics.median(values)
        rate = f"{regions / median:>10,.0f}/s"
        print(f"  {name:<34}{median:>9.2f} s{rate}  {first / median:>6.2f}  {reach.get(name, '')}")


def large(folder: Path) -> None:
    """Ten million regions into a store: 67 generic hyperplanes in R^5, a known number."""
    import exactspline as es

    rng = np.random.default_rng(5)
    net = es.Network([es.Dense(rng.normal(size=(67, 5)), rng.normal(size=67)), es.ReLU()], (5,))
    name, store = str(folder / "generic.json"), str(folder / "generic.sqlite")
    from exactspline.formats.json.network import save_json

    save_json(net, name)
    known = sum(math.comb(67, k) for k in range(6))
    limit = known // 2
    half = run("enumerate", name, "--store", store, "--limit", str(limit))
    rest = run("enumerate", name, "--store", store, "--resume", "--workers", "2")
    assert rest[1]["complete"]
    assert rest[1]["regions"] == known
    size = os.path.getsize(store)
    print(f"\n67 generic hyperplanes in R^5: {known:,} regions (Zaslavsky), into a store")
    first = half[1]["regions"]
    print(f"  one process, the first {first:,}: {half[0]:.1f} s, {half[2] / 1024:,.0f} MiB")
    print(f"  two processes, the rest: {rest[0]:.1f} s, {rest[2] / 1024:,.0f} MiB (to reach: 1024)")
    print(f"  file: {size / 2**20:,.0f} MiB, {size / known:.1f} bytes a region")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    omega = es.open_partition(store)
    opened = time.perf_counter() - start
    digest = 0
    for codes in omega.iter_codes():
        digest += len(codes)
    seconds = time.perf_counter() - start
    assert digest == known
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"  opened in {opened:.2f} s, all codes read in {seconds:.1f} s, ", end="")
    print(f"{(after - before) / 1024:,.0f} MiB more")


def main() -> None:
    """Run what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--networks", type=Path, default=HERE.parent.parent / "shared/networks")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--large", action="store_true")
    parser.add_argument("--only", choices=("workers", "store", "large"))
    arguments = parser.parse_args()
    import exactspline as es

    print(f"machine   {platform.machine()}, {cpu_name()}")
    names = ("numpy", "numba", "distributed")
    versions = ", ".join(f"{name} {version(name)}" for name in names)
    print(f"versions  exactspline {es.__version__}, Python {platform.python_version()}, {versions}")
    if arguments.only in (None, "workers"):
        for which, width in BOXES:
            net = str(arguments.networks / ACAS.format(which))
            box = ["--box", f"-{width}", width]
            with cluster() as address:
                ways = {
                    "one process": ["count", net, *box],
                    "two processes": ["count", net, *box, "--workers", "2"],
                    "dask, two workers of one thread": ["count", net, *box, "--dask", address],
                }
                reach = {
                    "two processes": "to reach: 1.7", "dask, two workers of one thread": "1.5"
                }  # fmt: skip
                title = f"ACAS Xu {which}, [-{width}, {width}]^5, start included"
                compare(title, ways, arguments.repeat, reach)
    if arguments.only in (None, "store"):
        net = str(arguments.networks / ACAS.format("2_3"))
        box = ["--box", "-0.07", "0.07"]
        ways = {
            "into a file at the end (.npz)": ["enumerate", net, *box, "--out", "FOLDER/o.npz"],
            "count": ["count", net, *box],
            "store": ["enumerate", net, *box, "--store", "FOLDER/o.sqlite"],
            "store, two processes": [
                "enumerate", net, *box, "--store", "FOLDER/o.sqlite", "--workers", "2"
            ],
            "with facets, .npz": ["enumerate", net, *box, "--edges", "--out", "FOLDER/o.npz"],
            "with facets, store": ["enumerate", net, *box, "--edges", "--store", "FOLDER/o.sqlite"],
        }  # fmt: skip
        compare("ACAS Xu 2_3, [-0.07, 0.07]^5", ways, arguments.repeat, {})
    if arguments.large or arguments.only == "large":
        with tempfile.TemporaryDirectory() as folder:
            large(Path(folder))


if __name__ == "__main__":
    main()
