"""Stopped anywhere and gone on with, a search finds every region once, in order, with its facets.

The family has weights over 80 binary orders of magnitude, near-ties and slivers, so that the
kernel asks, gives up subtrees and grows its buffers all the time. ``benchmarks/parts.py`` has
thousands more.
"""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor

import part_searches as parts
import plane_cases
import pytest
from marks import first_quick

import exactspline as es
from exactspline.tasks.workers import end, processes

BLOCKS, NETS = 10, 20
PLANE_BLOCKS, PLANE_NETS = 8, 25
MOST = 9  # regions


def tangled() -> es.Network:
    """Two thresholds that float64 can hardly tell apart, and what lies between them."""
    first = es.Dense([[2 - 2.0**-51], [2]], [0, -1])
    return es.Network([first, es.ReLU(), es.Dense([[-1, 1]]), es.ReLU()], (1,))


TANGLED = [[0, 0, 0], [1, 0, 0], [1, 1, 0], [1, 1, 1]]


@pytest.mark.parametrize("limit", [1, 2, 3, 4])
@pytest.mark.parametrize("graph", [False, True])
def test_a_resumed_store_counts_nothing_twice(tmp_path, limit, graph):
    path = tmp_path / "omega.sqlite"
    some = es.enumerate_regions(tangled(), store=path, limit=limit, graph=graph)
    assert some.codes.tolist() == TANGLED[:limit]
    whole = es.enumerate_regions(tangled(), store=path, resume=True, graph=graph)
    assert whole.codes.tolist() == TANGLED
    assert whole.complete
    assert es.open_partition(path).codes.tolist() == TANGLED
    if graph:
        assert whole.edges.source.tolist() == [0, 1, 2]
        assert whole.edges.target.tolist() == [1, 2, 3]


@pytest.mark.slow
@pytest.mark.parametrize("block", range(BLOCKS))
def test_every_stop_of_the_kernel(block):
    asked = exact = grown = 0
    for seed in range(block * NETS, (block + 1) * NETS):
        rng = random.Random(seed)
        case = parts.draw(seed, MOST)
        cut = parts.Cutter(
            case, facets=seed % 2 == 0, arena=rng.choice((1, 8, None)),
            chunk=rng.choice((1, 2, 4096)),
        )  # fmt: skip
        assert [region.code for region in cut.whole] == case.codes, case.source
        try:
            parts.check_everywhere(cut, rng, (1, 2, 3, 4), splits=1)
        except parts.WrongError as error:
            raise AssertionError(f"{error}\n{case.source}") from error
        asked, exact, grown = asked + cut.queries, exact + cut.subtrees, grown + cut.grown
    assert asked > 500, "the kernel's questions are what makes stops hard"
    assert exact > 10, "so are cells that are searched exactly"
    assert grown > 100, "and buffers that grow"


@pytest.mark.parametrize("block", first_quick(range(PLANE_BLOCKS)))
def test_every_stop_of_the_plane(block):
    """On its own domains, with tables that are full at once."""
    asked = grown = cases = 0
    for seed in range(block * PLANE_NETS, (block + 1) * PLANE_NETS):
        rng = random.Random(seed)
        case, _ = plane_cases.draw_case(seed, MOST)
        if len(case.codes) < 3:
            continue
        cases += 1
        cut = parts.Cutter(
            case, "plane", facets=seed % 2 == 0, arena=rng.choice((1, None)),
            chunk=rng.choice((1, 2, 4096)),
        )  # fmt: skip
        assert [region.code for region in cut.whole] == case.codes, case.source
        try:
            parts.check_everywhere(cut, rng, (1, 2, 3, 4), splits=1)
        except parts.WrongError as error:
            raise AssertionError(f"{error}\n{case.source}") from error
        asked, grown = asked + cut.queries, grown + cut.grown
    assert cases > 15
    assert asked > 200
    assert grown > 100


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["rational", "highs"])
@pytest.mark.parametrize("facets", [False, True])
def test_every_stop_of_other_engines(engine, facets):
    for seed in range(500, 503):
        rng = random.Random(seed)
        case = parts.draw(seed, MOST)
        cut = parts.Cutter(case, engine, facets=facets)
        assert [region.code for region in cut.whole] == case.codes, case.source
        try:
            parts.check_everywhere(cut, rng, (1, 2), splits=1)
        except parts.WrongError as error:
            raise AssertionError(f"{error}\n{case.source}") from error


@pytest.fixture(scope="module")
def pools():
    """Executors by their number of workers; processes are forked before there are threads."""
    forked = processes(2)
    forked.submit(int).result()
    out = [forked, *(ThreadPoolExecutor(n) for n in (1, 2, 4))]
    yield out
    end(forked)
    for pool in out[1:]:
        pool.shutdown()


@pytest.mark.slow
@pytest.mark.parametrize("graph", [False, True])
def test_stops_of_threads_and_processes(pools, tmp_path, graph):
    for number in range(16):
        pool = pools[number % len(pools)]
        case = parts.draw(900 + number, 20)
        parts.checked(case, pool, tmp_path / f"{number}.sqlite", random.Random(number), graph)
