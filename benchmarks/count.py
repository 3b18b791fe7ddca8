"""Counting rates: prints the figures that README and CHANGELOG quote, with the machine.

    python benchmarks/count.py [--networks FOLDER] [--large] [--repeat N]

Every count is compared with the known one. Times are medians of N runs in this process, after
a first run that compiles (or loads) the kernel; they hold the set-up of a search (compiling
the network, rounding, the exact start), not the reading of the file.
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

import exactspline as es
from exactspline.cells.space import search_space
from exactspline.formats.vnnlib.reader import load_vnnlib
from exactspline.search.kernel.engine import KernelSearch

HERE = Path(__file__).resolve().parent


def random_net(widths: list[int], seed: int = 1) -> es.Network:
    """Weights and biases standard normal, ReLU after every layer."""
    rng = np.random.default_rng(seed)
    operators: list[es.Operator] = []
    for n_in, n_out in itertools.pairwise(widths):
        operators += [es.Dense(rng.normal(size=(n_out, n_in)), rng.normal(size=n_out)), es.ReLU()]
    return es.Network(operators, (widths[0],))


def arrangement(rows: list[tuple[int, ...]]) -> es.Network:
    """One layer of ReLU units without bias: a central hyperplane arrangement."""
    return es.Network([es.Dense(np.array(rows)), es.ReLU()], (len(rows[0]),))


def resonance(n: int) -> es.Network:
    """All nonzero 0/1 rows (A034997)."""
    return arrangement([r for r in itertools.product((0, 1), repeat=n) if any(r)])


def threshold(n: int) -> es.Network:
    """Rows (1, v), v in {0, 1}^n (A000609)."""
    return arrangement([(1, *r) for r in itertools.product((0, 1), repeat=n)])


def measure(
    net: es.Network, domain: es.Domain, repeat: int, *, certify: bool = True
) -> tuple[int, float, KernelSearch]:
    """Regions, median seconds and the last search."""
    times = []
    program, chart = net.program, domain.chart
    for _ in range(repeat):
        start = time.perf_counter()
        search = KernelSearch(program, search_space(program, chart), keep=False, certify=certify)
        for _ in search.batches():
            pass
        times.append(time.perf_counter() - start)
    return search.regions, statistics.median(times), search


def line(
    name: str, net: es.Network, domain: es.Domain, known: int | None, repeat: int, reach: str
) -> float:
    """Measure and print one row; returns the rate."""
    regions, seconds, search = measure(net, domain, repeat)
    if known is not None and regions != known:
        sys.exit(f"{name}: {regions} regions, but {known} are known: the count is wrong")
    made = search.decisions
    print(
        f"{name:<42}{regions:>11,}{seconds:>9.3f} s{regions / seconds:>11,.0f}/s   {reach:<12}"
        f"{made.float:>11,} {made.integer:>11,} {made.rational:>8,}",
        flush=True,
    )
    return regions / seconds


def peak() -> int:
    """The most memory this process has had, in KiB; ru_maxrss would begin with its parent's."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))


def memory() -> None:
    """Growth of this process between the first 10,000 regions and the last."""
    net = random_net([8, 12, 12])
    es.count_regions(net, limit=10_000)
    before = peak()
    count = es.count_regions(net)
    after = peak()
    print(
        f"random 8-12-12, R^8: {before / 1024:.1f} MiB after 10,000 regions, "
        f"{after / 1024:.1f} MiB after {count:,}"
    )


def start_up() -> None:
    """Seconds from the command to the end of a small count, files and kernel on disk."""
    example = HERE.parent / "examples" / "moons.onnx"
    command = [sys.executable, "-m", "exactspline", "count", str(example), "--limit", "1"]
    times = []
    for _ in range(5):
        start = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        times.append(time.perf_counter() - start)
    print(f"\ncommand to first region and exit, warm: median {statistics.median(times):.2f} s")


def main() -> None:
    """Run all benchmarks."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--networks", type=Path, default=HERE.parents[1] / "shared" / "networks",
        help="folder with acasxu/ and tll/",
    )  # fmt: skip
    parser.add_argument("--large", action="store_true", help="also minutes-long ones")
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--memory", action="store_true", help="only the memory figure")
    args = parser.parse_args()
    if args.memory:
        memory()
        return
    repeat = args.repeat

    print(f"machine   {platform.processor() or platform.machine()}, {cpu_name()}")
    names = ("numpy", "numba", "python-flint", "highspy", "onnx")
    packages = ", ".join(f"{name} {version(name)}" for name in names)
    print(f"versions  exactspline {es.__version__}, Python {platform.python_version()}, {packages}")
    print(f"process   one; median of {repeat} runs, after a run that compiles or loads\n")
    measure(resonance(3), es.WholeSpace(3), 1)
    print(
        f"{'work':<42}{'regions':>11}{'time':>11}{'rate':>13}   {'to reach':<12}"
        f"{'float':>11} {'integer':>11} {'rational':>8}"
    )
    acas = {
        name: es.load(args.networks / "acasxu" / f"ACASXU_run2a_{name}_batch_2000.onnx")
        for name in ("1_1", "2_3")
    }
    for name, prop, known, reach in (
        ("1_1", 3, 71_930, "80,000/s"),
        ("1_1", 4, 19_143, "70,000/s"),
        ("2_3", 3, 10_694, "70,000/s"),
    ):
        (box,) = load_vnnlib(args.networks / "acasxu" / f"prop_{prop}.vnnlib", 5)
        line(f"ACAS Xu {name}, box of prop_{prop}", acas[name], box, known, repeat, reach)
    for widths in ([2, 64, 64, 64], [5, 10, 10, 10], [8, 12, 12]):
        net, d = random_net(widths), widths[0]
        name = "random " + "-".join(map(str, widths))
        box = line(f"{name}, [-1, 1]^{d}", net, es.Box(-1, 1, dim=d), None, repeat, "100,000/s")
        free = line(f"{name}, R^{d}", net, es.WholeSpace(d), None, min(repeat, 3), "half the box")
        print(f"{'':<42}  box rate / whole-space rate = {box / free:.2f} (to reach: at most 2)")
    print("\ncertified against the same search without certificates (to reach: at most 1.3)")
    (box3,) = load_vnnlib(args.networks / "acasxu" / "prop_3.vnnlib", 5)
    for name, net, domain in (
        ("ACAS Xu 1_1, prop_3", acas["1_1"], box3),
        ("random 2-64-64-64", random_net([2, 64, 64, 64]), es.Box(-1, 1, dim=2)),
        ("random 5-10-10-10", random_net([5, 10, 10, 10]), es.Box(-1, 1, dim=5)),
        ("random 8-12-12", random_net([8, 12, 12]), es.Box(-1, 1, dim=8)),
    ):
        ratios = []
        for _ in range(repeat):  # side by side: the machine is noisy
            _, proved, _ = measure(net, domain, 1)
            _, bare, _ = measure(net, domain, 1, certify=False)
            ratios.append(proved / bare)
        print(f"{name:<42}{statistics.median(ratios):>11.2f}")
    print("\nties: every decision is one")
    line("resonance n = 5, R^5", resonance(5), es.WholeSpace(5), 11_292, repeat, "2 s")
    line("threshold n = 5, R^6", threshold(5), es.WholeSpace(6), 94_572, min(repeat, 3), "20 s")
    line("resonance n = 6, R^6", resonance(6), es.WholeSpace(6), 1_066_044, 1, "120 s")
    if args.large:
        line("threshold n = 6, R^7", threshold(6), es.WholeSpace(7), 15_028_134, 1, "")
    for n, file, known, reach in (
        (8, "tllBench_n=2_N=M=8_m=1_instance_0_0.onnx", 433, "1 s"),
        (16, "tllBench_n=2_N=M=16_m=1_instance_1_0.onnx", 3984, "10 s"),
    ):
        net = es.load(args.networks / "tll" / file)
        line(f"tll N = M = {n}, [-2, 2]^2", net, es.Box(-2, 2, dim=2), known, 1, reach)
    print("\nmemory while counting, in a process of its own", flush=True)
    subprocess.run([sys.executable, __file__, "--memory"], check=True)
    start_up()


def cpu_name() -> str:
    """The processor's name and how many cores this process may use."""
    import os

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    try:
        text = Path("/proc/cpuinfo").read_text()
        model = next(x.split(":")[1].strip() for x in text.splitlines() if "model name" in x)
    except (OSError, StopIteration):
        model = "unknown processor"
    return f"{model}, {cores} cores"


if __name__ == "__main__":
    main()
