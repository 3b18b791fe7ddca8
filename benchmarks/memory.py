"""Memory of repeated calls: resident size over hundreds of counts, forwards, graphs, stores.

Run: python benchmarks/memory.py [--repeats 300] [name ...]

Every repeat makes a new network, so that whatever is kept for a network shows. What is printed
is the resident size after the first tenth of the repeats and at the end; flat is a growth that
does not go up with the repeats. ``--trace`` shows where Python's memory grew.
"""

from __future__ import annotations

import argparse
import gc
import os
import tempfile
import tracemalloc
from collections.abc import Callable

import numpy as np

import exactspline as es
from exactspline import theory

PAGE = os.sysconf("SC_PAGE_SIZE")


def network(seed: int) -> es.Network:
    """A new network of 12 units in two layers."""
    rng = np.random.default_rng(seed)
    return es.Network(
        [
            es.Dense(rng.normal(size=(8, 2)), rng.normal(size=8)), es.ReLU(),
            es.Dense(rng.normal(size=(4, 8)), rng.normal(size=4)), es.ReLU(),
            es.Dense(rng.normal(size=(2, 4))),
        ],
        (2,),
    )  # fmt: skip


def count(net: es.Network) -> None:
    es.count_regions(net)


def stream(net: es.Network) -> None:
    for _ in es.stream_regions(net):
        pass


def graph(net: es.Network) -> None:
    omega = es.enumerate_regions(net, graph=True)
    assert len(omega.edges) > len(omega) > 10
    omega.adjacency_graph()


def highs(net: es.Network) -> None:
    es.count_regions(net, engine="highs")


def forward(net: es.Network) -> None:
    es.forward(net, np.zeros((100, 2)))
    es.forward_core(net, np.ones((100, 2)), proved=True)
    es.forward(net, np.zeros((100, 2)), dtype="float32")


def prepared(net: es.Network) -> None:
    es.prepare(net).point(np.zeros(2))


def region(net: es.Network) -> None:
    one = es.regions_at(net, [0.5, 0.25])[0]
    one.facets()
    one.affine(exact=True)


def boundary(net: es.Network) -> None:
    omega = es.enumerate_regions(net)
    omega.decision_boundary()
    omega.linear_regions()
    omega.locate(np.zeros((3, 2)))


def checks(net: es.Network) -> None:
    theory.check_power_diagram(net)


def store(net: es.Network) -> None:
    with tempfile.TemporaryDirectory() as folder:
        name = os.path.join(folder, "omega.sqlite")
        assert len(es.enumerate_regions(net, store=name)) > 10


CASES: dict[str, Callable[[es.Network], None]] = {
    f.__name__: f
    for f in (count, stream, graph, highs, forward, prepared, region, boundary, checks, store)
}


def resident() -> int:
    """Bytes of this process in memory (Linux)."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * PAGE


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", choices=[[], *CASES], help="all by default")
    parser.add_argument("--repeats", type=int, default=300)
    parser.add_argument("--trace", action="store_true")
    arguments = parser.parse_args()
    print(f"{'':10}{'first':>12}{'a tenth':>12}{'end':>12}{'growth a repeat':>18}")
    for name in arguments.names or CASES:
        case, repeats = CASES[name], arguments.repeats
        case(network(0))
        gc.collect()
        first = begin = resident()
        before = None
        for i in range(1, repeats + 1):
            case(network(i))
            if i == max(1, repeats // 10):
                gc.collect()
                begin = resident()
                if arguments.trace:
                    tracemalloc.start(12)
                    before = tracemalloc.take_snapshot()
        gc.collect()
        end = resident()
        each = (end - begin) / max(1, repeats - repeats // 10)
        print(
            f"{name:10}{first / 2**20:9.1f} MB{begin / 2**20:9.1f} MB{end / 2**20:9.1f} MB"
            f"{each / 2**10:15.2f} KB",
            flush=True,
        )
        if before is not None:
            after = tracemalloc.take_snapshot()
            for line in after.compare_to(before, "lineno")[:12]:
                print("   ", line)
            tracemalloc.stop()


if __name__ == "__main__":
    main()
