"""The domain's box, halved before the tree: bounds in rationals, and what is closed by them.

Truth comes from members in Fractions at points of the boxes, and from the enumeration.
"""

from __future__ import annotations

import random
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import random_networks as nets
from program_at import program_at
from test_look_ahead import condition, drawn, found, holds

import exactspline as es
from exactspline.cells.space import search_space
from exactspline.search.goal import Goal, Node
from exactspline.search.kernel import control as c
from exactspline.search.kernel.block import given
from exactspline.search.kernel.engine import KernelSearch
from exactspline.search.kernel.tiers import tier


def at_root(program: Any, space: Any, goal: Goal, look: Any) -> None:
    """Call a function of the search at its first layer, before any cut."""
    first = []

    def audit(search: KernelSearch) -> None:
        if search.state.ctl[c.REASON] == c.SEEN_LAYER and not first:
            first.append(search.state.ctl[c.LAYER])
            look(search)

    search = KernelSearch(program, space, goal=goal, audit=audit)
    for _ in search.batches():
        if first:
            break


@pytest.mark.parametrize("seed", range(150))
def test_bounds_in_boxes_hold_in_rationals(seed):
    """What is said of the compared members is true of them at points of the box, in Fractions."""
    rng = random.Random(500 + seed)
    spec, domain, slots = drawn(rng)
    program = nets.network(spec).program
    members = nets.network(nets.Spec(spec.dim, spec.steps[:-1])).program  # before the last ReLU
    space = search_space(program, domain.chart)
    if space.dim != spec.dim:
        return
    goal = Goal(range(program.n_units - slots, program.n_units), [Node("constant", 1)],
                points=False, every=10**6)  # fmt: skip

    def look(search: KernelSearch) -> None:
        state, d = search.state, space.dim
        assert search.coordinates.unchanged
        for most in (1, 2, 3, 7, 20):
            seen = tier(c.HALVE_BOX)(given(search.problem), given(state), most)
            assert seen == c.IS_OPEN
            ahead = state.ahead
            assert ahead.ctl[c.HALVED] == most
            low, high = ahead.own_low[:d].copy(), ahead.own_high[:d].copy()
            for _ in range(6):
                share = [Fraction(rng.randint(0, 8), 8) for _ in range(d)]
                x = [Fraction(a) + t * (Fraction(b) - Fraction(a))
                     for a, b, t in zip(low, high, share, strict=True)]  # fmt: skip
                _, values, _ = program_at(members, domain.chart.lift(space.to_chart(x)))
                for slot, value in enumerate(values):
                    assert Fraction(ahead.low[slot]) <= value <= Fraction(ahead.high[slot])

    at_root(program, space, goal, look)


def halved(program: Any, space: Any, goal: Goal) -> tuple[list[Any], int, bool]:
    """What a search leaves, how many boxes were looked at, and whether they were enough."""
    left, search = found(program, space, goal=goal)
    boxes = int(search.state.ahead.ctl[c.HALVED])
    return left, boxes, boxes > 0 and search.state.ctl[c.NODES] == 0 and search.closed == 1


@pytest.mark.parametrize("seed", range(40))
def test_what_is_closed_holds_nowhere(seed):
    """Against the enumeration: nothing is left only where no region satisfies the condition."""
    rng = random.Random(900 + seed)
    spec, domain, slots = drawn(rng)
    program = nets.network(spec).program
    space = search_space(program, domain.chart)
    if not space.dim:
        return
    first = program.n_units - slots
    everything, _ = found(program, space)
    for _ in range(8):
        nodes = condition(rng, slots)
        goal = Goal(range(first, program.n_units), nodes, points=False, any_order=True)
        wanted = {x for x in everything if holds(nodes, [v > 0 for v in x[first:]])}
        left, _, closed = halved(program, space, goal)
        assert wanted <= set(left)
        assert not (closed and wanted)


@pytest.mark.parametrize("seed", range(60))
def test_networks_of_any_scale(seed):
    """Layers times powers of two: the kernel's numbers are other ones than the network's."""
    rng, pick = np.random.default_rng(seed), random.Random(seed)
    dim, exponents = pick.choice((1, 2, 3)), [pick.choice((0, 60, 300, -200)) for _ in range(3)]

    def drawn(rows: int, columns: int, exponent: int) -> np.ndarray:
        values = [[Fraction(v) * Fraction(2) ** exponent for v in row]
                  for row in rng.standard_normal((rows, columns)).tolist()]  # fmt: skip
        return np.array(values, dtype=object)

    operators: list[es.Operator] = []
    for at, (a, b) in enumerate(((dim, 6), (6, 6), (6, 1))):
        bias = drawn(1, b, sum(exponents[: at + 1]))[0]
        operators += [es.Dense(drawn(b, a, exponents[at]), bias), es.ReLU()]
    points = np.vectorize(Fraction)(rng.uniform(-1, 1, (100, dim)))
    seen = es.Network(operators[:-1], (dim,)).forward(points, exact=True)[:, 0].tolist()
    for share in (Fraction(-1, 20), Fraction(1, 3)):
        bar = max(seen) + share * (max(seen) - min(seen))
        shift = es.Elementwise(shift=np.array([-bar], dtype=object))
        program = es.Network([*operators[:-1], shift, es.ReLU()], (dim,)).program
        space = search_space(program, es.Box(-1, 1, dim=dim).chart)
        everything, _ = found(program, space)
        wanted = {code for code in everything if code[-1]}
        assert wanted or share > 0
        for any_order in (False, True):
            goal = Goal([12], [Node(">", 0)], points=False, any_order=any_order)
            left, _, closed = halved(program, space, goal)
            assert wanted <= set(left) <= set(everything)
            assert not (closed and wanted)


def bumpy(dim: int, widths: tuple[int, ...], seed: int = 0) -> list[es.Operator]:
    rng, operators = np.random.default_rng(seed), list[es.Operator]()
    for a, b in zip((dim, *widths[:-1]), widths, strict=True):
        operators += [es.Dense(rng.standard_normal((b, a)), rng.standard_normal(b)), es.ReLU()]
    return operators


def above(dim: int, widths: tuple[int, ...], share: float) -> tuple[Any, Any, Goal]:
    """Whether a function is above its range, from its largest value seen, by so much."""
    operators = bumpy(dim, (*widths, 1))
    net = es.Network(operators[:-1], (dim,))
    seen = net.forward(np.random.default_rng(1).uniform(-1, 1, (4000, dim)))[:, 0]
    bar = seen.max() + share * (seen.max() - seen.min())
    net = es.Network([*operators[:-1], es.Elementwise(shift=[-bar]), es.ReLU()], (dim,))
    space = search_space(net.program, es.Box(-1, 1, dim=dim).chart)
    goal = Goal([sum(widths)], [Node(">", 0)], points=False, any_order=True)
    return net.program, space, goal


@pytest.mark.parametrize("dim", [1, 2, 3])
def test_boxes_are_enough(dim):
    """A function that stays below a bar: no cell is looked at."""
    program, space, goal = above(dim, (12, 12), 0.3)
    left, boxes, closed = halved(program, space, goal)
    assert (left, closed) == ([], True)
    assert boxes > 1


def test_it_is_given_up():
    """Where the condition holds, with many coordinates or weights, and where an order is asked."""
    program, space, goal = above(2, (12, 12), -0.3)
    left, boxes, closed = halved(program, space, goal)
    assert left
    assert not closed
    assert 0 < boxes < 1 << 14
    for dim, widths in ((5, (8, 8)), (2, (400, 400))):
        program, space, goal = above(dim, widths, 5.0)
        search = KernelSearch(program, space, goal=goal)
        assert search.state.ahead.ctl[c.HALVES] == 0
    program, space, _ = above(2, (12, 12), 0.3)
    left, boxes, closed = halved(program, space, Goal([24], [Node(">", 0)], points=False))
    assert (left, boxes) == ([], 0)


def test_weighted_sums_close_a_box():
    """x + ReLU(y) / 10 > 0.7 and -x + ReLU(y) / 10 > 0.7: one box, where each holds somewhere."""
    program = es.Network([
        es.Dense([[1, 0], [-1, 0], [0, 1]]), es.ReLU(),
        es.Dense([[1, -1, "1/10"], [-1, 1, "1/10"]], ["-7/10", "-7/10"]), es.ReLU(),
    ], (2,)).program  # fmt: skip
    space = search_space(program, es.Box(-1, 1, dim=2).chart)
    both = [Node(">", 0), Node(">", 1), Node("all", 2)]
    left, boxes, closed = halved(program, space, Goal([3, 4], both, points=False, any_order=True))
    assert (left, closed) == ([], True)
    assert boxes < 8
    one = Goal([3, 4], [Node(">", 0), Node(">", 1), Node("any", 2)], points=False, any_order=True)
    left, _, closed = halved(program, space, one)
    assert left
    assert not closed


def test_a_domain_without_bounds():
    program = es.Network([es.Dense([[1, 1], [1, -1]]), es.ReLU(), es.Dense([[-1, -1]], [-1]),
                          es.ReLU()], (2,)).program  # fmt: skip
    space = search_space(program, nets.whole(2)[0].chart)
    goal = Goal([2], [Node(">", 0)], points=False, any_order=True)
    _, boxes, closed = halved(program, space, goal)
    assert (boxes, closed) == (0, False)
