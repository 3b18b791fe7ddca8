"""Searches in tasks: the same regions, facets and order, whoever does them and dies of them."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import random_networks as nets
from folders import MOONS
from marks import slow
from random_networks import known_operators
from results import same

import exactspline as es
from exactspline.search.kernel import engine as kernel_engine
from exactspline.search.part import Part
from exactspline.search.run import Run
from exactspline.tasks import task
from exactspline.tasks.chunk import decode_codes
from exactspline.tasks.order import InOrder
from exactspline.tasks.workers import end, processes


def test_a_piece_that_takes_longer_than_a_task(short_tasks, monkeypatch):
    """Inside a piece what remains is the part that a task began with: it must not come back."""
    monkeypatch.setattr(kernel_engine, "BUDGET", 1)
    rng = np.random.default_rng(5)
    net = es.Network([es.Dense(rng.normal(size=(12, 3))), es.Maxout(12)], (3,))
    part, codes = Part(), np.zeros(0, dtype=int)
    while True:
        done = task.work_on(Run(net.program, es.WholeSpace(3), part=part), 0.0, 1)
        for chunk in done.chunks:
            codes = np.append(codes, decode_codes(chunk, net.program)[:, 0])
        if not done.remaining:
            break
        (rest,) = done.remaining
        assert (rest.begin, rest.depth) != (part.begin, part.depth)
        part = rest
    whole = es.enumerate_regions(net, engine="rational")
    assert codes.tolist() == whole.codes[:, 0].tolist()


@pytest.fixture(scope="module")
def pool():
    """Two processes."""
    workers = processes(2)
    yield workers
    end(workers)


@pytest.mark.parametrize("graph", [False, *slow([True])])
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


@pytest.mark.parametrize("engine", ["highs", "rational"])
def test_other_engines(short_tasks, engine):
    with ThreadPoolExecutor(2) as executor:
        for seed in range(6):
            rng = random.Random(seed)
            net = known_operators(rng)
            domain = nets.any_domain(rng, net.input_dim)[0]
            whole = es.enumerate_regions(net, domain, engine=engine)
            if len(whole) < 100:
                same(es.enumerate_regions(net, domain, engine=engine, executor=executor), whole)


def test_processes(pool):
    net = es.load(MOONS)
    whole = es.enumerate_regions(net, graph=True)
    same(es.enumerate_regions(net, graph=True, executor=pool), whole, graph=True)
    count = es.count_regions(net, executor=pool)
    assert count == 479
    assert count.complete
    assert count.decisions.total >= 3000


@pytest.mark.slow
def test_limits(short_tasks):
    net = es.load(MOONS)
    whole = es.enumerate_regions(net)
    with ThreadPoolExecutor(3) as executor:
        for limit in (1, 2, 17, 100, 478, 479, 480):
            count = es.count_regions(net, limit=limit, executor=executor)
            assert count == min(limit, 479)
            assert count.complete == (limit >= 479)
            part = es.enumerate_regions(net, limit=limit, executor=executor, graph=True)
            assert part.complete == (limit >= 479)
            assert np.array_equal(part.codes, whole.codes[: min(limit, 479)])
            assert len(part.edges) >= len(part) - 30
        late = es.enumerate_regions(net, time_limit=0.0, executor=executor)
        assert np.array_equal(late.codes, whole.codes[: len(late)])
        assert not late.complete
        stream = es.stream_regions(net, executor=executor)
        for _ in range(2):
            assert [bytes(r.code) for r in stream] == [bytes(code) for code in whole.codes]
            assert stream.complete
        for i, _ in enumerate(stream):  # left in the middle
            if i == 3:
                break


def test_trivial_networks(pool):
    net = es.Network([es.Dense([[1, 2]])], (2,))
    assert es.count_regions(net, executor=pool) == 1
    assert len(es.enumerate_regions(net, executor=pool)) == 1


def test_a_plain_stream_begins_again():
    net = es.load(MOONS)
    stream = es.stream_regions(net)
    assert sum(1 for _ in stream) == sum(1 for _ in stream) == 479


def test_results_wait_for_earlier_ones():
    """A result of a later part is held back; no more of them are asked for when it is too much."""
    net = es.load(MOONS)
    order = InOrder(net.program, (2, 2), 2**62)
    found = es.enumerate_regions(net)
    first, rest = Part((0,), 1), Part((1,), 0)
    results = {}
    for part in (first, rest):
        work = Run(net.program, es.WholeSpace(2), part=part)
        results[part] = task.work_on(work, 100.0, 1)
        assert results[part].remaining == []
    order.take(rest, results[rest])
    assert list(order.ready((0,))) == []
    assert order.nbytes > 1000
    order.take(first, results[first])
    batches = list(order.ready(None))
    assert order.nbytes == 0
    assert np.array_equal(np.concatenate([b.codes for b in batches]), found.codes)
