"""Nothing is kept for a network that is gone, and repeated calls take no more memory."""

from __future__ import annotations

import gc
import os
import tracemalloc
import weakref

import numpy as np
import pytest
from marks import first_quick

import exactspline as es
from exactspline import theory
from exactspline.theory.run import run_checks

X = np.ones((20, 2))
BOX = es.Box(-1, 1, dim=2)


def network(seed: int = 3) -> es.Network:
    rng = np.random.default_rng(seed)
    return es.Network(
        [
            es.Dense(rng.normal(size=(8, 2)), rng.normal(size=8)), es.ReLU(),
            es.Dense(rng.normal(size=(4, 8)), rng.normal(size=4)), es.ReLU(),
            es.Dense(rng.normal(size=(2, 4))),
        ],
        (2,),
    )  # fmt: skip


def small() -> es.Network:
    weight = [[1, 0.5], [1, -1], [0.25, 1]]
    return es.Network([es.Dense(weight, [0.1, 0.2, 0.3]), es.ReLU(), es.Dense([[1, -1, 1]])], (2,))


def stored(net, folder):
    name = os.path.join(folder, "omega.sqlite")
    omega = es.enumerate_regions(net, store=name, graph=True)
    return omega.edges, omega.codes, es.open_partition(name).linear_regions()


USES = {
    "program": lambda net, folder: net.program,
    "layers": lambda net, folder: [layer.as_maso() for layer in net.layers],
    "Network.forward": lambda net, folder: net.forward(X),
    "forward": lambda net, folder: es.forward(net, X),
    "forward in float32": lambda net, folder: es.forward(net, X, dtype="float32"),
    "codes": lambda net, folder: es.codes(net, X, exact=True),
    "affine_maps": lambda net, folder: es.affine_maps(net, X),
    "forward_core": lambda net, folder: es.forward_core(net, X, exact=True, return_layers=True),
    "forward_core in float32": lambda net, folder: es.forward_core(
        net, X, proved=True, dtype="float32"
    ),
    "prepare": lambda net, folder: es.prepare(net),
    "prepare in NumPy": lambda net, folder: es.prepare(net, engine="numpy").run(X),
    "vq_distance": lambda net, folder: es.vq_distance(net, X[:2], X[2:4]),
    "count": lambda net, folder: es.count_regions(net),
    "count in rationals": lambda net, folder: es.count_regions(net, BOX, engine="rational"),
    "count with HiGHS": lambda net, folder: es.count_regions(net, BOX, engine="highs"),
    "stopped": lambda net, folder: es.count_regions(net, limit=2),
    "graph": lambda net, folder: es.enumerate_regions(net, graph=True).edges.witnesses,
    "adjacency": lambda net, folder: es.enumerate_regions(net).adjacency_graph(),
    "stream": lambda net, folder: list(es.stream_regions(net)),
    "a stream left": lambda net, folder: next(iter(es.stream_regions(net))),
    "region": lambda net, folder: es.enumerate_regions(net)[0].facets(),
    "regions_at": lambda net, folder: es.regions_at(net, [0.5, 0.5])[0].affine(exact=True),
    "vertices": lambda net, folder: es.enumerate_regions(net, BOX)[0].vertices(),
    "locate": lambda net, folder: es.enumerate_regions(net).locate(X),
    "pieces": lambda net, folder: es.enumerate_regions(net).affine_pieces(),
    "linear_regions": lambda net, folder: es.enumerate_regions(net).linear_regions(),
    "decision_boundary": lambda net, folder: es.enumerate_regions(net).decision_boundary(),
    "faces": lambda net, folder: es.enumerate_regions(small(), BOX).faces(),
    "save": lambda net, folder: es.enumerate_regions(net).save(os.path.join(folder, "o.npz")),
    "store": stored,
    "to_onnx": lambda net, folder: net.to_onnx(os.path.join(folder, "n.onnx")),
}  # fmt: skip


@pytest.mark.parametrize("use", first_quick(list(USES), 3))
def test_a_network_goes_at_once(use, tmp_path):
    """Not even a cycle keeps it: cycles are only found after so many objects, however large."""
    net = network()
    gone = weakref.ref(net)
    gc.collect()
    gc.disable()
    try:
        USES[use](net, tmp_path)
        del net
        assert gone() is None
    finally:
        gc.enable()


CHECKS = [name for name, check in theory.CHECKS.items() if check.needs_network]


@pytest.mark.slow
@pytest.mark.parametrize("check", first_quick(CHECKS, 2))
def test_checks_keep_no_network(check):
    net = small()
    gone = weakref.ref(net)
    assert list(run_checks(net, BOX, names=[check]))
    del net
    gc.collect()
    assert gone() is None


def test_a_core_is_kept_as_long_as_its_network():
    """The second call finds what the first one made; a core that is held keeps the network."""
    from exactspline.evaluate import core_of

    net = network()
    assert core_of(net, "float64") is core_of(net, None)
    assert core_of(net, "float64").program is net.program
    core = es.prepare(net)
    gone = weakref.ref(net)
    del net
    gc.collect()
    assert gone() is core.network


@pytest.mark.slow
@pytest.mark.parametrize("use", ["count", "forward", "forward_core", "graph", "a stream left"])
def test_repeats_take_no_more_memory(use, tmp_path):
    def traced(repeats: int) -> int:
        for i in range(repeats):
            USES[use](network(i % 5), tmp_path)
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        traced(20)  # what is kept once, such as caches of modules
        before = traced(10)
        assert traced(30) - before < 30 * 1024  # a network alone has 20 KB
    finally:
        tracemalloc.stop()
