"""Verdicts: seconds and cells of the property files; prints the figures and the machine.

    python benchmarks/verify.py [--networks FOLDER] [--only acasxu control tll reach pairs split]
                                [--timeout S]

FOLDER holds networks and properties as the competition has them (acasxu, control, tll, reach,
pairs). All is one process, so that what is compiled once is not counted.
"""

from __future__ import annotations

import argparse
import platform
import resource
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from count import cpu_name

import exactspline as es

ACASXU = {5: "1_1", 6: "1_1", 7: "1_9", 8: "2_9", 9: "3_3", 10: "4_5"}
PAIRS = (("1_1", "pruned30"), ("3_4", "pruned5"))

Instance = tuple[str, Callable[[float], Any]]


def property_files(folder: Path, pairs: list[tuple[Path, Path]]) -> Iterator[Instance]:
    """Network and property, each verified as version 1."""
    for network, text in pairs:
        if network.exists() and text.exists():

            def solve(limit: float, network: Path = network, text: Path = text) -> Any:
                return es.verify(es.load(network), text, time_limit=limit)

            yield f"{network.stem[:24]} {text.stem}", solve


def acasxu(folder: Path) -> Iterator[Instance]:
    """ACAS Xu, properties 1 to 10."""
    own = folder / "acasxu"
    pairs = []
    for number in range(1, 11):
        for network in sorted(own.glob("*.onnx")):
            name = network.stem.split("run2a_")[-1][:3]
            if ACASXU.get(number, name) == name:
                pairs.append((network, own / f"prop_{number}.vnnlib"))
    return property_files(folder, pairs)


def control(folder: Path) -> Iterator[Instance]:
    """Controllers."""
    own = folder / "control"
    return property_files(folder, [
        (own / f"{text.stem.split('_case')[0]}.onnx", text) for text in sorted(own.glob("*.vnnlib"))
    ])  # fmt: skip


def reach(folder: Path) -> Iterator[Instance]:
    """Reachability: vdp, robot, gcas."""
    own = folder / "reach"
    return property_files(folder, [
        (own / f"{text.stem.split('_')[0]}.onnx", text) for text in sorted(own.glob("*.vnnlib"))
    ])  # fmt: skip


def tll(folder: Path) -> Iterator[Instance]:
    """Two-level lattices: those of the competition, and larger ones made here."""
    own = folder / "tll"
    pairs = []
    for text in sorted(own.glob("*.vnnlib")):
        size = text.stem.split("=")[1].split("_")[0]
        pairs += [(network, text) for network in own.glob(f"*M={size}_*.onnx")]
    yield from property_files(folder, pairs)
    for size in (24, 32):
        network, low = lattice(size)

        def solve(limit: float, network: es.Network = network, low: float = low) -> Any:
            box = es.Box(-2, 2, dim=2)
            return es.prove(es.exists(box, lambda x: network(x)[0] <= Fraction(low)),
                            time_limit=limit)  # fmt: skip

        yield f"lattice N = M = {size}", solve


def lattice(size: int) -> tuple[es.Network, float]:
    """max over ``size`` minima of ``size`` linear functions, in ReLU; a value below its samples."""
    rng = np.random.default_rng(size)
    weight, bias = rng.standard_normal((size, 2)), rng.standard_normal(size)
    sets = [rng.permutation(size)[: size // 2] for _ in range(size)]
    wide = 1 << (size - 1).bit_length()
    chosen = np.concatenate([np.resize(s, wide) for s in (*sets, *sets[: wide - size])])
    operators: list[Any] = [es.Dense(weight[chosen], bias[chosen])]
    sign, width = -1.0, len(chosen)
    while width > 1:
        half = np.zeros((2 * width, width))
        back = np.zeros((width // 2, 2 * width))
        for i in range(width // 2):
            a, b = 2 * i, 2 * i + 1
            half[4 * i : 4 * i + 4, [a, b]] = [[1, 1], [-1, -1], [1, -1], [-1, 1]]
            back[i, 4 * i : 4 * i + 4] = [0.5, -0.5, 0.5 * sign, 0.5 * sign]
        operators += [es.Dense(half), es.ReLU(), es.Dense(back)]
        width //= 2
        if width == wide:
            sign = 1.0  # minima within sets, then their maximum
    network = es.Network(operators, (2,))
    points = np.split(rng.uniform(-2, 2, (20_000, 2)), 40)  # rows of a layer are wide
    samples = np.concatenate([network.forward(some) for some in points])
    return network, float(samples.min() - 0.2 * (samples.max() - samples.min()))


def pairs(folder: Path) -> Iterator[Instance]:
    """Queries over two networks."""
    own, first = folder / "pairs", folder / "acasxu"
    jobs = [
        (own / f"{query}.vnnlib", {"f": first / f"ACASXU_run2a_{name}_batch_2000.onnx",
                                   "g": own / f"ACASXU_run2a_{name}_batch_2000_{twin}.onnx"})
        for query in ("close", "differ", "differ_small") for name, twin in PAIRS
    ]  # fmt: skip
    jobs += [(own / "monotone.vnnlib", {"f": f}) for f in sorted(first.glob("*.onnx"))]
    for query, networks in jobs:
        if query.exists() and all(path.exists() for path in networks.values()):

            def solve(limit: float, query: Path = query, networks: Any = networks) -> Any:
                return es.verify_query(query, networks, time_limit=limit)

            yield f"{query.stem} {networks['f'].stem[13:16]}", solve


def split(folder: Path) -> Iterator[Instance]:
    """ACAS Xu 1_1 and itself with a neuron in two halves; the same with 2^-20 at an output."""
    path = folder / "acasxu" / "ACASXU_run2a_1_1_batch_2000.onnx"
    if not path.exists():
        return
    low = ("-0.303531156", "-0.009549297", "0.493380324", "0.3", "0.3")
    high = ("-0.298552812", "0.009549297", "0.5", "0.5", "0.5")
    box = es.Box([Fraction(v) for v in low], [Fraction(v) for v in high])
    net = es.load(path)
    for name, more in (("equal", 0.0), ("2^-20 apart", 2.0**-20)):
        twin = _twin(net, more)

        def solve(limit: float, twin: es.Network = twin) -> Any:
            def differ(x: Any) -> Any:
                return net(x.reshape(net.input_shape)) != twin(x.reshape(net.input_shape))

            return es.prove(es.exists(box, differ), time_limit=limit)

        yield f"split neuron, {name}", solve


def _twin(net: es.Network, more: float) -> es.Network:
    operators = list(net.operators)
    dense = [i for i, operator in enumerate(operators) if isinstance(operator, es.Dense)]
    at, after = dense[1], dense[2]
    weight = np.array(operators[at].weight, dtype=float)
    shift = np.array(operators[at + 1].shift, dtype=float).reshape(-1)
    half = np.vstack([weight[:1] / 2, weight[1:], weight[:1] / 2])
    shift = np.concatenate([shift[:1] / 2, shift[1:], shift[:1] / 2])
    reads = np.array(operators[after].weight, dtype=float)
    operators[at], operators[at + 1] = es.Dense(half), es.Elementwise(shift=shift)
    operators[after] = es.Dense(np.hstack([reads, reads[:, :1]]), operators[after].bias)
    last = operators[dense[-1]]
    bias = np.array(last.bias, dtype=float)
    bias[-1] += more
    operators[dense[-1]] = es.Dense(last.weight, bias)
    return es.Network(operators, net.input_shape)


FAMILIES = {"acasxu": acasxu, "control": control, "tll": tll, "reach": reach, "pairs": pairs,
            "split": split}  # fmt: skip


def verdict_of(found: Any) -> str:
    """sat, unsat, or what stopped it."""
    if isinstance(found, es.Verdict):
        return {True: "sat", False: "unsat", None: "timeout"}[found.holds]
    return str(found.verdict)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--networks", default="../shared/networks")
    parser.add_argument("--only", nargs="+", default=list(FAMILIES), choices=list(FAMILIES))
    parser.add_argument("--timeout", type=float, default=100.0)
    arguments = parser.parse_args()
    folder = Path(arguments.networks)
    print(f"machine   {platform.processor() or platform.machine()}, {cpu_name()}")
    print(f"python    {platform.python_version()}, exactspline {es.__version__}\n")
    small = lattice(4)[0]  # has what is compiled once loaded
    es.prove(es.exists(es.Box(-1, 1, dim=2), lambda x: small(x)[0] >= 10**6), order="canonical")
    for family in arguments.only:
        times: list[float] = []
        for name, solve in FAMILIES[family](folder):
            start = time.perf_counter()
            found = solve(arguments.timeout)
            seconds = time.perf_counter() - start
            times.append(seconds)
            cells = getattr(found, "pruned", 0) + getattr(found, "closed", 0)
            print(f"{family:<9}{name:<36}{verdict_of(found):<9}{found.regions:>9,} regions "
                  f"{cells:>9,} closed {seconds:>8.2f} s", flush=True)  # fmt: skip
        if times:
            print(f"{family:<9}{len(times)} instances: median {statistics.median(times):.2f} s, "
                  f"mean {statistics.mean(times):.2f} s, longest {max(times):.2f} s")  # fmt: skip
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            unit = 1024 if sys.platform != "darwin" else 1024**2
            print(f"{family:<9}peak memory up to here {peak / unit:,.0f} MiB\n")


if __name__ == "__main__":
    main()
