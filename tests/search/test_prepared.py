"""What is kept between searches: the same results, never of another domain or network."""

from __future__ import annotations

import copy
import gc
import pickle
import random
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction

import hostile_networks as hostile
import numpy as np
import pytest

import exactspline as es
from exactspline.cells.space import SearchSpace, search_space
from exactspline.clock import Clock, OutOfTime
from exactspline.compile.forms import Forms
from exactspline.compile.kept import Kept
from exactspline.search import prepared
from exactspline.search.choice import engine_names
from exactspline.search.facet_columns import hash_table
from exactspline.search.kernel.block import Block
from exactspline.search.kernel.engine import KernelSearch
from exactspline.search.prepared import DOMAINS, kept_for, moderate, space_of
from exactspline.search.scaling import Coordinates, scaled

BOX = es.Box([-1, -1], [1, 1])


def network(seed: int = 0, size: float = 1.0, width: int = 6) -> es.Network:
    rng = np.random.default_rng(seed)
    return es.Network(
        [
            es.Dense(size * rng.normal(size=(width, 2)), size * rng.normal(size=width)), es.ReLU(),
            es.Dense(rng.normal(size=(3, width)), rng.normal(size=3)), es.Abs(),
        ],
        (2,),
    )  # fmt: skip


def same_forms(a: Forms, b: Forms) -> bool:
    columns = ("indptr", "indices", "data", "const")
    return a.width == b.width and all(
        getattr(a, name).tolist() == getattr(b, name).tolist() for name in columns
    )


def same_spaces(a: SearchSpace, b: SearchSpace) -> bool:
    plain = ("dim", "fixed", "low", "high", "interior")
    return (
        all(getattr(a, name) == getattr(b, name) for name in plain)
        and a.columns.tolist() == b.columns.tolist()
        and all(same_forms(getattr(a, n), getattr(b, n)) for n in ("inputs", "first", "rows"))
    )


DOMAINS_OF_EQUAL_NUMBERS = {
    "box": lambda: es.Box([-1, "-1/3"], [1, "1/7"]),
    "open box": lambda: es.Box([-1, float("-inf")], [float("inf"), 1]),
    "flat box": lambda: es.Box([-1, "1/3"], [1, "1/3"]),
    "plane": lambda: es.WholeSpace(2),
    "polytope": lambda: es.Polytope([[1, 1], [-1, 0], [0, -1]], ["1/3", 1, 1]),
    "slice": lambda: es.Slice(["1/3", 0], [[1, "1/7"]], es.Box([-1], [1])),
}


@pytest.mark.parametrize("name", DOMAINS_OF_EQUAL_NUMBERS)
def test_equal_domains_are_prepared_once(name):
    make = DOMAINS_OF_EQUAL_NUMBERS[name]
    for other, make_other in DOMAINS_OF_EQUAL_NUMBERS.items():
        program = network().program
        first = space_of(program, make().chart)
        assert same_spaces(first, search_space(program, make().chart))
        space = space_of(program, make_other().chart)
        assert (space is first) == (other == name)
        assert same_spaces(space, search_space(program, make_other().chart))
        assert space_of(program, make().chart) is first


ALMOST = {
    "a bound": (es.Box([-1, -1], [1, 1]), es.Box([-1, -1], [1, 1 + 2**-52])),
    "a bound that rounds alike": (
        es.Box([-1, -1], [1, 1]), es.Box([-1, -1], [1, 1 + Fraction(1, 10**30)])
    ),
    "a side that is open": (es.Box([-1, -1], [1, 1]), es.Box([-1, -1], [1, float("inf")])),
    "a side's slope": (
        es.Polytope([[1, 1], [-1, 0], [0, -1]], [1, 1, 1]),
        es.Polytope([[1, "1.0000000000000000000001"], [-1, 0], [0, -1]], [1, 1, 1]),
    ),
    "the origin": (
        es.Slice([0, 0], [[1, 0]], es.Box([-1], [1])), es.Slice([0, 2], [[1, 0]], es.Box([-1], [1]))
    ),
    "the direction": (
        es.Slice([0, 0], [[1, 0]], es.Box([-1], [1])), es.Slice([0, 0], [[1, 3]], es.Box([-1], [1]))
    ),
    "the order of inputs": (es.Slice([0, 0], [[1, 0]]), es.Slice([0, 0], [[0, 1]])),
}  # fmt: skip


@pytest.mark.parametrize("what", ALMOST)
def test_domains_that_differ_a_little_are_told_apart(what):
    program = network().program
    one, other = (domain.chart for domain in ALMOST[what])
    first, second = space_of(program, one), space_of(program, other)
    assert first is not second
    assert same_spaces(first, search_space(program, one))
    assert same_spaces(second, search_space(program, other))


@pytest.mark.parametrize("engine", engine_names())
def test_the_same_is_found_again(engine):
    """One network on several domains, in turn, against networks that have nothing kept."""
    net, domains = network(), [make() for make in DOMAINS_OF_EQUAL_NUMBERS.values()]
    for _ in range(2):
        for domain in domains:
            again = es.enumerate_regions(net, domain, engine=engine)
            fresh = es.enumerate_regions(network(), domain, engine=engine)
            assert np.array_equal(again.codes, fresh.codes)
            assert np.array_equal(again.witnesses, fresh.witnesses)
            count = es.count_regions(net, domain, engine=engine)
            assert (count, count.decisions) == (len(fresh), fresh.decisions)
            assert count.domain is domain


@pytest.mark.parametrize("size", [1.0, 2.0**-300])
def test_moderate_numbers_are_those_of_scaling(size):
    net = network(size=size)
    space = space_of(net.program, BOX.chart)
    coordinates = Coordinates(space)
    program, inner = scaled(net.program, coordinates.space)
    assert (program is net.program) == (size == 1.0)
    found, (other, again) = moderate(net.program, space)
    assert found.exponents.tolist() == coordinates.exponents.tolist()
    assert (other is net.program) == (size == 1.0)
    assert other.sha256() == program.sha256()
    assert same_spaces(again, inner)
    assert moderate(net.program, space)[1][1] is again


@pytest.mark.parametrize("seed", range(12))
def test_hostile_networks_twice(seed):
    case = hostile.draw_case(seed)
    net, domain = case.network, case.domain
    first = es.enumerate_regions(net, domain)
    again = es.enumerate_regions(net, domain)
    assert np.array_equal(first.codes, again.codes)
    assert first.decisions == again.decisions
    assert np.array_equal(first.witnesses, again.witnesses)
    assert es.count_regions(net, domain) == len(first)


def bytes_of(block: Block) -> bytes:
    parts = [getattr(block, name) for name in block.schema]
    return b"".join(bytes_of(p) if isinstance(p, Block) else p.tobytes() for p in parts)


@pytest.mark.parametrize("seed", range(12))
def test_no_kernel_writes_into_what_is_searched(seed):
    case = hostile.draw_case(seed)
    program, chart = case.network.program, case.domain.chart
    if not chart.dim or not program.layers or not search_space(program, chart).dim:
        assert es.count_regions(case.network, case.domain) == 1
        return
    space = space_of(program, chart)
    search = KernelSearch(program, space, facets=True)
    start = kept_for(program, space).of("kernel start", list)

    def numbers() -> bytes:
        parts = [getattr(start.rows, name) for name in ("values", "bound", "error", "size")]
        parts += [getattr(start.members, name) for name in ("values", "bound", "error", "size")]
        parts += [start.inputs.values, start.scale, start.grid, start.largest]
        return b"".join(p.tobytes() for p in (*parts, hash_table(program))) + bytes_of(
            search.problem
        )

    before = numbers()
    assert sum(batch.count for batch in search.batches()) > 0
    assert numbers() == before
    other = KernelSearch(program, space_of(program, chart))
    assert other.problem is search.problem
    certified = KernelSearch(program, space_of(program, chart), certify=False)
    assert certified.problem is not search.problem


# ------------------------------------------------------------------------- how much, how long
def test_only_the_last_domains_are_kept():
    program = network().program
    charts = [es.Box(-1, 1 + i, dim=2).chart for i in range(DOMAINS + 2)]
    spaces = [space_of(program, chart) for chart in charts]
    again = [space_of(program, chart) for chart in charts[-DOMAINS:]]
    assert list(map(id, again)) == list(map(id, spaces[-DOMAINS:]))
    made = kept_for(program, spaces[0])  # it was displaced: nothing is kept with it
    made.of("name", lambda: 1)
    assert kept_for(program, spaces[0]).of("name", lambda: 2) == 2


def test_of_large_networks_nothing_is_kept(monkeypatch):
    count = es.count_regions(network(), BOX)
    monkeypatch.setattr(prepared, "SMALL", 40)
    net, program = network(), network().program
    space = space_of(program, BOX.chart)
    assert space_of(program, BOX.chart) is not space
    assert kept_for(program, space) is not kept_for(program, space)
    assert es.count_regions(net, BOX) == es.count_regions(net, BOX) == count


def test_what_is_kept_goes_with_the_network():
    """At once: nothing that is kept refers to the program, so there are no cycles."""
    net = network(size=2.0**-300)  # scaled
    gc.collect()
    gc.disable()
    try:
        for domain in (BOX, es.WholeSpace(2)):
            es.count_regions(net, domain)
            es.enumerate_regions(net, domain)
        space = space_of(net.program, BOX.chart)
        gone = [weakref.ref(v) for v in (net, net.program, space, moderate(net.program, space)[0])]
        del net, space
        assert [ref() for ref in gone] == [None] * 4
    finally:
        gc.enable()


def test_copies_begin_empty():
    net = network()
    count = es.count_regions(net, BOX)
    space = space_of(net.program, BOX.chart)
    kept_for(net.program, space).of("lock", threading.Lock)  # cannot be copied
    for other in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert other.program is not net.program
        assert space_of(other.program, BOX.chart) is not space
        assert es.count_regions(other, BOX) == count
    assert space_of(net.program, BOX.chart) is space


def test_a_clock_that_ends_it_leaves_nothing_behind():
    """What was not made is made at the next search."""
    program = network().program
    space = space_of(program, BOX.chart)
    kept = kept_for(program, space)

    def late() -> int:
        raise OutOfTime

    with pytest.raises(OutOfTime):
        kept.of("late", late)
    assert kept.of("late", lambda: 3) == 3
    plane = es.WholeSpace(2).chart
    with Clock(-1.0, -1.0).running(), pytest.raises(OutOfTime):
        space_of(program, plane)
    assert same_spaces(space_of(program, plane), search_space(program, plane))


# -------------------------------------------------------------------------------------- threads
def test_threads_are_given_the_same():
    net = network()
    domains = [es.Box(-1, 1 + i % 3, dim=2) for i in range(24)] + [es.WholeSpace(2)] * 8
    random.Random(0).shuffle(domains)
    alone = [es.count_regions(network(), domain) for domain in domains]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda domain: es.count_regions(net, domain), domains))
        assert together == alone
        kept, barrier = Kept(), threading.Barrier(8)

        def ask(i: int) -> object:
            barrier.wait()
            return kept.of("one", object)

        assert len(set(map(id, pool.map(ask, range(8))))) == 1


def test_what_is_taken_is_nobody_elses():
    kept = Kept()
    kept.put("buffer", np.zeros(3))
    barrier = threading.Barrier(8)

    def take(i: int) -> object:
        barrier.wait()
        return kept.take("buffer")

    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(take, range(8)))
    assert sum(v is not None for v in taken) == 1
    assert kept.take("buffer") is None
