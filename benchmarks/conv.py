"""Convolutional networks: loading, slices, memory; prints the figures and the machine.

    python benchmarks/conv.py [--networks FOLDER] [--repeat N]

Times are medians of N runs in this process after one that compiles or loads the kernel. Rates
hold the set-up of a search. Memory is what a fresh process takes from the system beyond what it
had before the file was read.
"""

from __future__ import annotations

import argparse
import itertools
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np

import exactspline as es

HERE = Path(__file__).resolve().parent
EXAMPLES = HERE.parent / "examples"
_MEMORY = """
import sys
import exactspline as es
def peak():  # not ru_maxrss: a process inherits that from its parent
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
es.load(sys.argv[1])  # imports, and what a small file needs
before = peak()
net = es.load(sys.argv[2])
print(peak() - before)
"""


def median_time(work, repeat: int) -> float:
    """Median seconds of a function without arguments."""
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def images(folder: str) -> list[np.ndarray]:
    """The three images of an example."""
    return [np.load(EXAMPLES / folder / f"{name}.npy") for name in "abc"]


def counted(label: str, net: es.Network, domain: es.Domain, repeat: int, goal: str) -> None:
    """Count, and print one line."""
    _ = net.program
    counts = []
    seconds = median_time(lambda: counts.append(es.count_regions(net, domain)), repeat)
    count = counts[0]
    by = count.decisions
    print(
        f"{label:<44}{count:>10,}{seconds:>9.3f} s{count / seconds:>11,.0f}/s   {goal:<10}"
        f"{by.float:>13,}{by.integer:>11,}{by.rational:>9,}",
        flush=True,
    )


def conv_slice(folder: Path, repeat: int) -> None:
    """The slice of Convnet_avgpool through three images."""
    path = folder / "conv" / "Convnet_avgpool.onnx"
    seconds = median_time(lambda: es.load(path), repeat)
    compiled = median_time(lambda: es.load(path).program, repeat)
    print(f"load Convnet_avgpool: {seconds:.3f} s, with compiling {compiled:.3f} s (to reach: 2 s)")
    net = es.load(path)
    slice_ = es.Slice.through(images("slice"), es.Box(0, 1, dim=2))
    es.count_regions(net, slice_, limit=10)
    counted("Convnet_avgpool, slice through 3 images", net, slice_, repeat, "5,000/s")
    inside = es.Slice.through(images("slice"), es.Box(0, 1, dim=2), es.Box(0, 1, dim=784))
    counted("the same, pixels in [0, 1]", net, inside, repeat, "")


def digits(repeat: int) -> None:
    """The residual network of examples/digits."""
    net = es.load(EXAMPLES / "digits" / "digits.onnx")
    points = [image.reshape(-1) for image in images("digits")]
    square = es.Box(0, 1, dim=2)
    counted("digits, slice through 3 images", net, es.Slice.through(points, square), repeat, "")
    low, high = points[0].astype(float), points[0].astype(float)
    pixels = [27, 28, 35, 36]  # the four in the middle
    low[pixels] -= 0.05
    high[pixels] += 0.05
    counted("digits, 4 pixels +- 0.05", net, es.Box(low, high), repeat, "")


def forward(folder: Path) -> None:
    """The float64 forward against onnxruntime's float32, on every real network."""
    import onnxruntime

    worst = 0.0
    paths = [*sorted(folder.glob("*/*.onnx")), *sorted(EXAMPLES.glob("**/*.onnx"))]
    for path in paths:
        net = es.load(path)
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        source = session.get_inputs()[0]
        shape = [n if isinstance(n, int) else 1 for n in source.shape]
        X = np.random.default_rng(0).uniform(-1, 1, (100, *shape)).astype(np.float32)
        expected = np.array([session.run(None, {source.name: x})[0].reshape(-1) for x in X])
        got = net.forward(X.reshape(100, -1)).reshape(100, -1)
        worst = max(worst, float(np.abs(got - expected).max() / np.abs(expected).max()))
    print(
        f"forward of {len(paths)} networks against onnxruntime: error at most {worst:.1e} of the "
        "largest output (to reach: 1e-5)"
    )


def memory(folder: Path) -> None:
    """What loading takes, as a multiple of the file."""
    small = EXAMPLES / "moons.onnx"
    with tempfile.TemporaryDirectory() as temporary:
        large = Path(temporary) / "large.onnx"
        rng = np.random.default_rng(0)
        sizes = [784, 2000, 2000, 10]
        operators: list[es.Operator] = []
        for n_in, n_out in itertools.pairwise(sizes):
            weight = rng.standard_normal((n_out, n_in)).astype(np.float32)
            operators += [es.Dense(weight), es.ReLU()]
        es.Network(operators, (784,)).to_onnx(large)
        for path in (folder / "conv" / "Convnet_avgpool.onnx", large):
            out = subprocess.run(
                [sys.executable, "-c", _MEMORY, str(small), str(path)],
                capture_output=True, text=True, check=True,
            )  # fmt: skip
            taken, size = int(out.stdout) * 1024, path.stat().st_size
            print(
                f"load {path.name} ({size:,} bytes): {taken:,} bytes more, "
                f"{taken / size:.1f} times the file (to reach: 20)"
            )


def main() -> None:
    """Print all figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    shared = HERE.parent.parent / "shared" / "networks"
    parser.add_argument("--networks", type=Path, default=shared, help="folder with conv/")
    parser.add_argument("--repeat", type=int, default=3)
    arguments = parser.parse_args()
    packages = ("numpy", "numba", "python-flint", "onnx")
    print(f"machine   {platform.machine()}, Python {platform.python_version()}")
    print("versions  exactspline", es.__version__, *(f"{p} {version(p)}" for p in packages))
    print(
        f"\n{'work':<44}{'regions':>10}{'time':>11}{'rate':>13}   {'to reach':<10}"
        f"{'float':>13}{'integer':>11}{'rational':>9}"
    )
    conv_slice(arguments.networks, arguments.repeat)
    digits(arguments.repeat)
    forward(arguments.networks)
    memory(arguments.networks)


if __name__ == "__main__":
    main()
