"""Searches in tasks: the same regions, facets and order, whoever does them and dies of them."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction

import numpy as np
import pytest
import random_networks as nets

import exactspline as es
from exactspline.search import engine as kernel_engine
from exactspline.search import highs as highs_engine
from exactspline.tasks import coordinate, task
from exactspline.tasks.workers import end, processes


@pytest.fixture
def short_tasks(monkeypatch):
    """Tasks that end after a few decisions, so that small searches are cut up."""
    monkeypatch.setattr(kernel_engine, "BUDGET", 40)
    monkeypatch.setattr(highs_engine, "HEARTBEAT", 0.0)
    monkeypatch.setattr(coordinate, "SECONDS", 0.0)
    monkeypatch.setattr(coordinate, "SHORT_SECONDS", 0.0)
    monkeypatch.setattr(task, "_DESCENTS", 0)


@pytest.fixture(scope="module")
def pool():
    """Two processes."""
    workers = processes(2)
    yield workers
    end(workers)


def same(a: es.Partition, b: es.Partition, *, graph: bool = False) -> None:
    """Every column of two partitions is equal."""
    assert len(a) == len(b)
    assert a.complete == b.complete
    assert np.array_equal(a.codes, b.codes)
    assert np.array_equal(a.witnesses, b.witnesses)
    assert a.exact_witnesses == b.exact_witnesses
    if not graph:
        return
    assert len(a.edges) == len(b.edges)
    for name in ("source", "target", "unit", "piece", "sign", "layer", "form"):
        assert np.array_equal(getattr(a.edges, name), getattr(b.edges, name)), name
    for e in range(min(len(a.edges), 60)):
        assert a.edges.flips(e) == b.edges.flips(e)
        assert a.edges.witness(e) == b.edges.witness(e)
    assert np.array_equal(a.borders.region, b.borders.region)
    assert np.array_equal(a.borders.side, b.borders.side)


def known_operators(rng: random.Random) -> es.Network:
    """A random network of exactspline's own operators, with ties."""
    n = dim = rng.randint(1, 3)
    operators: list[es.Operator] = []
    for _ in range(rng.randint(1, 3)):
        width = rng.randint(1, 5)
        weight = [[Fraction(rng.randint(-3, 3), rng.choice([1, 1, 3])) for _ in range(n)]
                  for _ in range(width)]  # fmt: skip
        operators.append(es.Dense(weight, [rng.randint(-2, 2) for _ in range(width)]))
        kind = rng.randint(0, 3)
        n = width
        if kind == 0:
            operators.append(es.Abs())
        elif kind == 1:
            operators.append(es.LeakyReLU("1/3"))
        elif kind == 2 and width % 2 == 0:
            operators.append(es.Maxout(2))
            n = width // 2
        else:
            operators.append(es.ReLU())
    return es.Network(operators, (dim,))


@pytest.mark.parametrize("graph", [False, True])
def test_random_networks_in_threads(short_tasks, graph):
    sizes = []
    with ThreadPoolExecutor(2) as executor:
        for seed in range(40):
            rng = random.Random(seed)
            net = known_operators(rng)
            domain = nets.any_domain(rng, net.input_dim)[0]
            whole = es.enumerate_regions(net, domain, graph=graph)
            parts = es.enumerate_regions(net, domain, graph=graph, executor=executor)
            same(parts, whole, graph=graph)
            assert es.count_regions(net, domain, executor=executor) == len(whole)
            sizes.append(len(whole))
    assert sum(size > 20 for size in sizes) > 8
