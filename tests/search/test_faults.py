"""Fault injection: whatever the floats guess wrongly, no result is ever wrong.

The kernel is told to disturb its multipliers, dictionary rows, points and claims at random. A
run may end in the right regions, in order, or in one of the package's own errors.
"""

from __future__ import annotations

import random
from fractions import Fraction

import naive
import pytest
import random_networks as nets

import exactspline as es
from exactspline.cells.space import search_space
from exactspline.search.kernel import engine
from exactspline.search.kernel.engine import KernelSearch
from exactspline.search.prepared import space_of

BLOCKS, RUNS = 8, 1250  # 10,000 runs
RATES = (0.01, 0.03, 0.1, 0.3, 1.0)
FAMILIES = ("generic", "ties", "unbounded", "polytope", "pieces")


def case(rng: random.Random, family: str) -> tuple[nets.Spec, nets.DomainPair]:
    """A small network: some ten regions, so that a run takes milliseconds."""
    dim = rng.choice((1, 2, 2, 3))
    widths = [rng.randint(2, 3), rng.randint(1, 3)]
    if family == "generic":
        return nets.random_spec(rng, dim, widths, "float", kinds=("relu",)), nets.box(rng, dim)
    if family == "ties":
        spec = nets.random_spec(rng, dim, widths, "integer", bias=False, kinds=("relu", "abs"))
        return spec, nets.any_domain(rng, dim)
    if family == "unbounded":
        style = rng.choice(("float", "third"))
        return nets.random_spec(rng, dim, widths, style, kinds=("relu", "abs")), nets.whole(dim)
    if family == "polytope":
        return nets.random_spec(rng, dim, widths, "dyadic"), nets.lower_or_polytope(rng, dim)
    kinds = ("max", "min", "scalar")
    spec = nets.random_spec(rng, dim, [3, 2], rng.choice(nets.STYLES), kinds=kinds)
    return spec, nets.any_domain(rng, dim)


def cases(rng: random.Random):
    """Cases with something to search, again and again through the families."""
    while True:
        for family in FAMILIES:
            spec, pair = case(rng, family)
            program = nets.network(spec).program
            chart = pair[0].chart
            if program.layers and chart.dim and search_space(program, chart).dim:
                yield family, spec, pair, program


def run(program, space, **options) -> tuple[list[tuple[int, ...]], list, KernelSearch]:
    """All codes, the witnesses in search coordinates, and the search."""
    search = KernelSearch(program, space, **options)
    codes, points = [], []
    for batch in search.batches():
        codes += [tuple(code) for code in batch.codes.tolist()]
        for i, near in enumerate(batch.points.tolist()):
            points.append(batch.exact.get(i) or [Fraction(v) for v in near])
    return codes, points, search


@pytest.mark.slow
@pytest.mark.parametrize("block", range(BLOCKS))
def test_faults_never_change_a_result(block, monkeypatch):
    # in every second block the double-double tier is asked before rationals are
    monkeypatch.setattr(engine, "FEW", 0 if block % 2 else engine.FEW)
    rng = random.Random(90_000 + block)
    done = errors = 0
    clean_queries = faulty_queries = 0
    for _, spec, pair, program in cases(rng):
        if done >= RUNS:
            break
        space = space_of(program, pair[0].chart)  # what is made of it is kept for all runs
        layers = nets.twin(spec)
        expected = naive.codes(layers, pair[1])
        codes, _, clean = run(program, space)
        assert codes == expected
        if len(codes) > 40:
            continue
        check = nets.WitnessCheck(layers, pair)
        for rate in RATES:
            options = {"box_above": 0} if done % 3 == 0 else {}
            try:
                codes, points, search = run(
                    program, space, faults=(rate, rng.randrange(2**31)), **options
                )
            except es.ExactSplineError:
                errors += 1
                continue
            finally:
                done += 1
            assert codes == expected, f"rate {rate}\nspec = {spec}\ndomain = {pair[1]}"
            assert search.finished
            if rate == 0.3:
                for code, point in zip(codes, points, strict=True):
                    check(code, space.to_chart(point))
            clean_queries += clean.rational + clean.decisions.double_double
            faulty_queries += search.rational + search.decisions.double_double
    assert done >= RUNS
    assert errors <= done // 100  # an error is allowed, but must not be the way out
    # the faults bite: decisions that the floats lost were taken by later tiers
    assert faulty_queries > clean_queries + 2 * RUNS


@pytest.mark.parametrize("few", [0, 10**9], ids=["double-double first", "rationals"])
def test_every_rational_answer_is_needed_at_rate_one(few, monkeypatch):
    """With everything disturbed, almost all verdicts fall to the rational tier."""
    monkeypatch.setattr(engine, "FEW", few)
    rng = random.Random(4)
    spec = nets.random_spec(rng, 2, [6, 5], "float", kinds=("relu",), odd=False)
    program = nets.network(spec).program
    space = search_space(program, es.Box([-2, -2], [2, 2]).chart)
    clean_codes, _, clean = run(program, space)
    codes, _, search = run(program, space, faults=(1.0, 1))
    assert codes == clean_codes
    assert clean.rational == 0 < len(codes) < search.rational


def test_without_certificates_the_faults_do_show():
    """The control: the same faults give wrong regions as soon as nothing is proved."""
    rng = random.Random(8)
    wrong = 0
    for _ in range(30):
        spec = nets.random_spec(rng, 2, [4, 3], "float", kinds=("relu",), odd=False)
        program = nets.network(spec).program
        space = search_space(program, es.Box([-2, -2], [2, 2]).chart)
        expected, _, _ = run(program, space)
        try:
            codes, _, _ = run(program, space, faults=(0.3, rng.randrange(2**31)), certify=False)
            wrong += codes != expected
        except es.UndecidedError:  # a point that nobody has proved is not where it should be
            wrong += 1
    assert wrong > 10


def test_faults_are_reproducible():
    rng = random.Random(6)
    spec = nets.random_spec(rng, 2, [4, 4], "float", kinds=("relu",))
    program = nets.network(spec).program
    space = search_space(program, es.WholeSpace(2).chart)
    runs = [run(program, space, faults=(0.2, seed))[2].rational for seed in (1, 1, 2, 3)]
    assert runs[0] == runs[1]
    assert len(set(runs)) > 1
