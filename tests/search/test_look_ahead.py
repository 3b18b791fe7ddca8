"""Cells that are closed since what is sought holds nowhere on them: bounds and results, exactly.

Truth comes from the enumeration without a goal (whose codes tell all signs) and from members in
Fractions at points of the cells.
"""

from __future__ import annotations

import random
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import random_networks as nets
from program_at import program_at

import exactspline as es
from exactspline.cells.space import search_space
from exactspline.search.goal import Goal, Node
from exactspline.search.kernel import control as c
from exactspline.search.kernel.block import given
from exactspline.search.kernel.engine import KernelSearch
from exactspline.search.kernel.tiers import tier

STYLES = ("float", "integer", "third", "dyadic")


def drawn(rng: random.Random, *, whole: bool = False) -> tuple[nets.Spec, Any, int]:
    """A network that ends in ReLU units, a domain, and how many of these there are."""
    dim, slots = rng.choice((1, 2, 3)), rng.randint(1, 3)
    kinds = rng.choice((("relu",), ("relu", "abs"), nets.ALL_KINDS))
    spec = nets.random_spec(rng, dim, [rng.randint(2, 4), rng.randint(2, 3)],
                            rng.choice(STYLES), kinds=kinds)  # fmt: skip
    step = nets.dense(rng, slots, nets.network(spec).output_dim, rng.choice(STYLES))
    spec.steps += [step, ("relu",)]
    domain = (nets.whole(dim) if whole else nets.box(rng, dim))[0]
    return spec, domain, slots


def condition(rng: random.Random, slots: int, deep: int = 2) -> list[Node]:
    """A tree over the slots, operands first."""
    if deep == 0 or rng.random() < 0.4:
        return [Node(rng.choice(("<=", ">")), rng.randrange(slots))]
    parts = [condition(rng, slots, deep - 1) for _ in range(rng.randint(1, 3))]
    return [*(node for part in parts for node in part),
            Node(rng.choice(("all", "any")), len(parts))]  # fmt: skip


def holds(nodes: list[Node], positive: list[bool]) -> bool:
    """Whether it holds inside of a region."""
    stack: list[bool] = []
    for node in nodes:
        if node.kind in ("all", "any"):
            own = [stack.pop() for _ in range(node.first)]
            stack.append(all(own) if node.kind == "all" else any(own))
        else:
            stack.append(positive[node.first] == (node.kind == ">"))
    return stack[0]


def found(program: Any, space: Any, **options: Any) -> tuple[list[tuple[int, ...]], KernelSearch]:
    search = KernelSearch(program, space, **options)
    codes = [tuple(code) for batch in search.batches() for code in batch.codes.tolist()]
    return codes, search


@pytest.mark.parametrize("seed", range(60))
def test_no_region_is_lost(seed):
    """All regions inside of which the condition holds are found, in order; whatever floats do."""
    rng = random.Random(seed)
    spec, domain, slots = drawn(rng, whole=seed % 6 == 0)
    program = nets.network(spec).program
    space = search_space(program, domain.chart)
    if not space.dim:
        return
    first = program.n_units - slots
    everything, _ = found(program, space)
    for _ in range(4):
        nodes = condition(rng, slots)
        goal = Goal(range(first, program.n_units), nodes, points=False, every=rng.choice((1, 3)))
        wanted = [x for x in everything if holds(nodes, [v > 0 for v in x[first:]])]
        for faults in (None, (0.3, rng.randrange(2**31))):
            try:
                left, search = found(program, space, goal=goal, faults=faults)
            except es.ExactSplineError:
                assert faults
                continue
            assert [x for x in left if x in set(wanted)] == wanted
            assert [x for x in everything if x in set(left)] == left
            assert len(left) == len(everything) or search.closed
            left, _ = found(program, space, goal=replace(goal, any_order=True))
            assert len(left) == len(set(left))
            assert set(wanted) <= set(left) <= set(everything)


def test_the_side_that_promises_more_comes_first():
    """In any order a point is found after fewer cells than in the order of the codes."""
    rng = np.random.default_rng(3)
    operators: list[es.Operator] = []
    for a, b in ((4, 16), (16, 16), (16, 1)):
        operators += [es.Dense(rng.standard_normal((b, a)), rng.standard_normal(b)), es.ReLU()]
    net = es.Network(operators[:-1], (4,))
    top = np.sort(net.forward(rng.uniform(-1, 1, (4000, 4)))[:, 0])[-2]
    program = es.Network([*operators[:-1], es.Elementwise(shift=[-top]), es.ReLU()], (4,)).program
    space = search_space(program, es.Box(-1, 1, dim=4).chart)
    seen = []
    for any_order in (False, True):
        goal = Goal([32], [Node(">", 0)], any_order=any_order)
        search = KernelSearch(program, space, goal=goal)
        for batch in search.batches():
            if batch.candidates or len(batch.codes):
                break
        seen.append(search.closed)
    assert seen[1] < seen[0]
    with pytest.raises(es.ParameterError, match="order"):
        search.remaining()


def test_cells_are_closed():
    """A condition that holds nowhere: no region of a network of many is looked at."""
    rng = np.random.default_rng(0)
    operators: list[es.Operator] = []
    for a, b in ((3, 12), (12, 12), (12, 1)):
        operators += [es.Dense(rng.standard_normal((b, a)), rng.standard_normal(b)), es.ReLU()]
    operators[-2] = es.Dense(rng.standard_normal((1, 12)), [-1000.0])
    program = es.Network(operators, (3,)).program
    space = search_space(program, es.Box(-1, 1, dim=3).chart)
    everything, _ = found(program, space)
    left, search = found(program, space, goal=Goal([24], [Node(">", 0)]))
    assert len(everything) > 100
    assert (left, search.closed) == ([], 1)


def test_comparisons_that_exclude_each_other_close_a_cell():
    """x + ReLU(y) / 10 > 0.7 and -x + ReLU(y) / 10 > 0.7 hold somewhere each, and never both."""
    program = es.Network([
        es.Dense([[1, 0], [-1, 0], [0, 1]]), es.ReLU(),
        es.Dense([[1, -1, "1/10"], [-1, 1, "1/10"]], ["-7/10", "-7/10"]), es.ReLU(),
    ], (2,)).program  # fmt: skip
    space = search_space(program, es.Box(-1, 1, dim=2).chart)
    both, one = [Node(">", 0), Node(">", 1), Node("all", 2)], [Node(">", 0), Node(">", 1)]
    left, search = found(program, space, goal=Goal([3, 4], both, points=False))
    assert (left, search.closed) == ([], 1)
    # neither alone is excluded: it holds inside of regions
    for kind in (one[:1], one[1:], [*one, Node("any", 2)]):
        left, _ = found(program, space, goal=Goal([3, 4], kind, points=False))
        assert any(holds(kind, [v > 0 for v in code[3:]]) for code in left)


@pytest.mark.parametrize("seed", range(200))
def test_bounds_hold_in_rationals(seed):
    """What a look says of members is true of them at points of the cell, in Fractions."""
    rng = random.Random(100 + seed)
    spec, domain, slots = drawn(rng)
    program = nets.network(spec).program
    members = nets.network(nets.Spec(spec.dim, spec.steps[:-1])).program  # before the last ReLU
    space = search_space(program, domain.chart)
    if space.dim != spec.dim:
        return
    first, seen = program.n_units - slots, []

    def look(search: KernelSearch) -> None:
        ctl, state = search.state.ctl, search.state
        if ctl[c.REASON] != c.SEEN_LAYER:
            return
        tier(c.LOOK_AHEAD)(given(search.problem), given(state), c.LOOK_ENTERED)
        begin = int(search.problem.layers.unit_at[ctl[c.LAYER]])
        seen.append((
            tuple(state.codes[:begin].tolist()), state.ahead.low.copy(), state.ahead.high.copy(),
            search.point(),
        ))  # fmt: skip

    nowhere = [Node("constant", 1)]
    goal = Goal(range(first, program.n_units), nowhere, points=False, every=10**6)
    search = KernelSearch(program, space, goal=goal, audit=look)
    points = []
    for batch in search.batches():
        points += [
            (tuple(code), [Fraction(v) for v in point])
            for code, point in zip(batch.codes.tolist(), batch.points.tolist(), strict=True)
        ]
    checked = 0
    for prefix, low, high, _ in seen:
        for code, x in points:
            if code[: len(prefix)] != prefix:
                continue
            _, values, _ = program_at(members, domain.chart.lift(space.to_chart(x)))
            for slot, value in enumerate(values):
                assert low[slot] == -np.inf or Fraction(low[slot]) <= value
                assert high[slot] == np.inf or value <= Fraction(high[slot])
                checked += 1
    assert checked or not seen


def test_the_point_of_a_node_is_handed_over():
    net = es.Network([es.Dense([[1, 1], [1, -1]]), es.ReLU(), es.Dense([[1, 1]], [-1]), es.ReLU()],
                     (2,))  # fmt: skip
    space = search_space(net.program, es.Box(-1, 1, dim=2).chart)
    search = KernelSearch(net.program, space, goal=Goal([2], [Node(">", 0)]))
    candidates = [point for batch in search.batches() for point in batch.candidates]
    assert candidates
    for point in candidates:
        x = np.array([point], dtype=object)
        assert net.forward(x, exact=True)[0, 0] > 0
