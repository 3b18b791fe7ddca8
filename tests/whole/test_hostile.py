"""Degenerate networks through every way of counting, against the twin; see ``hostile_checks``.

``benchmarks/hostile.py`` runs thousands more, with processes among the workers.
"""

from __future__ import annotations

import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import hostile_checks
import hostile_networks as hostile
import numpy as np
import pytest

import exactspline as es
from exactspline.search.choice import engine_names

BLOCKS, CASES = 5, 36
WORKERS = ("none", "none", "2 threads", "4 threads")


@pytest.fixture(scope="module")
def executors():
    pools = {"2 threads": ThreadPoolExecutor(2), "4 threads": ThreadPoolExecutor(4)}
    yield pools
    for pool in pools.values():
        pool.shutdown()


@pytest.mark.slow
@pytest.mark.parametrize("block", range(BLOCKS))
def test_every_kind_in_every_way(block, tmp_path, executors):
    seen: Counter[str] = Counter()
    for number in range(CASES):
        seed = block * CASES + number
        case = hostile.draw_case(seed, hostile.KINDS[number % len(hostile.KINDS)], most=40)
        rng = random.Random(-seed)
        way = hostile_checks.draw_way(rng, case, WORKERS)
        folder = tmp_path / str(seed)
        folder.mkdir()
        try:
            hostile_checks.check(case, way, rng, folder, executors)
        except Exception as error:
            raise AssertionError(f"{way}: {error!r}\n{case.source}") from error
        seen.update((way.engine, way.form, way.workers))
        seen["graph"] += way.graph
        seen["regions"] += len(case.codes)
    assert min(seen[name] for name in ("kernel", "highs", "list", "store")) >= 2, seen
    assert seen["regions"] > 3 * CASES, seen


def test_a_wrong_code_is_found_out(tmp_path):
    """The checks see every claim that is not as the twin has it."""
    case = hostile.draw_case(5, "near ties")
    right, rng = case.codes, random.Random(0)
    assert len(right) > 2
    for form in ("count", "list", "stream", "store", "parts"):
        way = hostile_checks.Way("kernel", form, "none", (), False, 10)
        folder = tmp_path / form
        folder.mkdir()
        case.__dict__["codes"] = right[:-1]
        with pytest.raises(hostile_checks.WrongError):
            hostile_checks.check(case, way, rng, folder, {})
    case.__dict__["codes"] = right
    omega = es.enumerate_regions(case.network, case.domain, graph=True)
    hostile_checks.check_partition(case, omega, rng, True)
    omega.witnesses[:] = np.roll(omega.witnesses, 1, axis=0)
    omega.exact_witnesses.clear()
    with pytest.raises(hostile_checks.WrongError):
        hostile_checks.check_partition(case, omega, rng, False)


@pytest.mark.parametrize("engine", engine_names())
def test_facets_where_inputs_are_not_read(engine, tmp_path, executors):
    """Workers and stores take facets of networks that read less than their domain has."""
    inf = float("inf")
    for number, (weight, domain, edges, borders) in enumerate(
        (
            ([[1, 1]], es.WholeSpace(2), 1, 0), ([[1, 0]], es.Box([-1, 0], [1, 1]), 1, 6),
            ([[0, 2]], es.Box([0, -inf], [inf, inf]), 1, 2),
        )
    ):  # fmt: skip
        net = es.Network([es.Dense(weight), es.ReLU()], (2,))
        path = tmp_path / f"{number}.sqlite"
        for options in ({"executor": executors["2 threads"]}, {"store": path}):
            omega = es.enumerate_regions(net, domain, engine=engine, graph=True, **options)
            assert omega.codes.tolist() == [[0], [1]]
            assert (len(omega.edges), len(omega.borders)) == (edges, borders)
