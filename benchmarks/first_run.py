"""CPU time of the first commands of a new user: kernels are compiled, no cache has any.

    python benchmarks/first_run.py [--repeat N] [--study FILE]

Prints seconds, and multiples of compiling one small kernel (below: it clips polygons along the
lines of an arrangement) in the same run, which is what makes runs on different machines
comparable: the yardstick is counted 4.1 times, so that it is what compiling the whole planar
search of ../shared/studies/plane.py takes. With --study FILE that file's kernel is compiled
beside it, and the factor is printed anew.

Every command runs in a process of its own, whose children are counted too, with an empty folder
for compiled kernels; the graph comes after the count, in the folder that the count has filled. The
network reads two numbers, so that is the plane's engine; the kernel search, which searches from
three dimensions on, has a folder of its own, and so has a graph that comes first.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

from count import HERE, cpu_name

import exactspline as es

FACTOR = 4.1  # of plane.py's kernel to the one below
MOONS = str(HERE.parent / "examples" / "moons.onnx")
COUNT = ["count", MOONS]
GRAPH = ["graph", MOONS, "--box", "-2,-1.5", "3,2", "--out"]
FURTHER = {
    "count in a box": ["count", MOONS, "--box", "-2,-1.5", "3,2"],
    "graph in the whole plane": ["graph", MOONS, "--out"],
}
YARDSTICK = """
import numba as nb, numpy as np, time

@nb.njit(error_model="numpy")
def cells(lines, stack, size, at, work, values):
    n, cells, corners, top = len(lines), 0, 0, 1
    while top > 0:
        top -= 1
        k, i = size[top], at[top]
        for v in range(k):
            work[v, 0], work[v, 1] = stack[top, v, 0], stack[top, v, 1]
        while i < n:
            a, b, c = lines[i, 0], lines[i, 1], lines[i, 2]
            low, high = np.inf, -np.inf
            for v in range(k):
                values[v] = a * work[v, 0] + b * work[v, 1] + c
                low, high = min(low, values[v]), max(high, values[v])
            i += 1
            if low >= -1e-12 or high <= 1e-12:
                continue
            plus = minus = 0
            for v in range(k):
                w = v + 1 if v + 1 < k else 0
                x, y = values[v], values[w]
                if x >= 0.0:
                    stack[top, plus, 0], stack[top, plus, 1] = work[v, 0], work[v, 1]
                    plus += 1
                if x <= 0.0:
                    stack[top + 1, minus, 0], stack[top + 1, minus, 1] = work[v, 0], work[v, 1]
                    minus += 1
                if (x > 0.0 and y < 0.0) or (x < 0.0 and y > 0.0):
                    t = x / (x - y)
                    p = work[v, 0] + t * (work[w, 0] - work[v, 0])
                    q = work[v, 1] + t * (work[w, 1] - work[v, 1])
                    stack[top, plus, 0], stack[top, plus, 1] = p, q
                    stack[top + 1, minus, 0], stack[top + 1, minus, 1] = p, q
                    plus += 1
                    minus += 1
            size[top], at[top] = plus, i
            k = minus
            for v in range(k):
                work[v, 0], work[v, 1] = stack[top + 1, v, 0], stack[top + 1, v, 1]
            top += 1
        cells += 1
        corners += k
    return cells, corners

lines = np.random.default_rng(0).normal(size=(3, 3))
stack = np.zeros((9, 64, 2))
stack[0, :4] = [[-9, -9], [9, -9], [9, 9], [-9, 9]]
size, at = np.zeros(9, dtype=np.int64), np.zeros(9, dtype=np.int64)
size[0] = 4
before = time.process_time()
found = cells(lines, stack, size, at, np.zeros((64, 2)), np.zeros(64))
assert found[0] in (4, 6, 7), found
print(time.process_time() - before)
"""
STUDY = """
import sys, time
import numpy as np
sys.path.insert(0, {folder!r})
import {name} as study
before = time.process_time()
study.run([np.ones((3, 2))], [np.ones(3)])
print(time.process_time() - before)
"""


def cpu(command: list[str], cache: str) -> tuple[float, str]:
    """CPU seconds of a process with its children, and what it prints."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    path = [str(Path(es.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    environment = {
        **os.environ, "NUMBA_CACHE_DIR": cache, "PYTHONPATH": os.pathsep.join(filter(None, path))
    }  # fmt: skip
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, cwd=tempfile.gettempdir()
    )
    if done.returncode:
        sys.exit(f"{' '.join(command)}: {done.stderr}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime, done.stdout


def yardstick(code: str) -> float:
    """CPU seconds that one small kernel takes to compile."""
    with tempfile.TemporaryDirectory() as cache:
        return float(cpu([sys.executable, "-c", code], cache)[1].split()[-1])


def first_run(folder: Path) -> dict[str, float]:
    """CPU seconds of the commands, by name, in one cache that is empty at first."""
    exactspline = [sys.executable, "-m", "exactspline"]
    graph = str(folder / "moons.graphml")
    out = {}
    cache = str(folder / "first")
    out["first count"], said = cpu([*exactspline, *COUNT], cache)
    if "479" not in said:
        sys.exit(f"the count is wrong: {said}")
    out["first graph after it"], _ = cpu([*exactspline, *GRAPH, graph], cache)
    for name, command in FURTHER.items():
        more = [graph] if command[-1] == "--out" else []
        out[f"then {name}"], _ = cpu([*exactspline, *command, *more], cache)
    out["the count again, warm"], _ = cpu([*exactspline, *COUNT], cache)
    out["first graph"], _ = cpu([*exactspline, *GRAPH, graph], str(folder / "graph"))
    cache, kernel = str(folder / "kernel"), ["--engine", "kernel"]
    out["first count, kernel search"], _ = cpu([*exactspline, *COUNT, *kernel], cache)
    out["first graph after it, kernel search"], _ = cpu(
        [*exactspline, *GRAPH, graph, *kernel], cache
    )
    return out


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeat", type=int, default=3, help="runs; medians are printed")
    parser.add_argument("--study", type=Path, help="a planar search to compare the yardstick with")
    args = parser.parse_args()
    print(f"machine   {platform.processor() or platform.machine()}, {cpu_name()}")
    packages = ", ".join(f"{name} {version(name)}" for name in ("numpy", "numba", "llvmlite"))
    print(f"versions  exactspline {es.__version__}, Python {platform.python_version()}, {packages}")
    rows: dict[str, list[tuple[float, float]]] = {}
    units, factors = [], []
    for _ in range(args.repeat):
        own = [yardstick(YARDSTICK)]
        if args.study:
            study = STUDY.format(folder=str(args.study.resolve().parent), name=args.study.stem)
            factors.append(yardstick(study) / own[0])
        with tempfile.TemporaryDirectory() as folder:
            seconds = first_run(Path(folder))
        own.append(yardstick(YARDSTICK))  # before and after: machines are shared
        unit = FACTOR * statistics.mean(own)
        units.append(unit)
        for name, value in seconds.items():
            rows.setdefault(name, []).append((value, value / unit))
    print(f"yardstick {statistics.median(units):.2f} s of CPU time")
    if factors:
        print(f"factor    {statistics.median(factors):.2f} of {args.study} to the kernel here")
    print()
    for name, values in rows.items():
        seconds, multiple = (statistics.median(v) for v in zip(*values, strict=True))
        print(f"{name:<38}{seconds:>8.1f} s{multiple:>8.1f}x")


if __name__ == "__main__":
    main()
