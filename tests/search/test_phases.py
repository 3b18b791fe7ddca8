"""The phases of the search kernel: every row of their table occurs, and nothing else does."""

from __future__ import annotations

import ast
import os
import random
import subprocess
import sys
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import random_networks as nets

import exactspline as es
from exactspline.cells.space import search_space
from exactspline.search.goal import Goal, Node
from exactspline.search.kernel import control as c
from exactspline.search.kernel import dfs, engine, facet_buffers
from exactspline.search.kernel.block import NOT_COMPILED, given
from exactspline.search.kernel.engine import KernelSearch
from exactspline.search.kernel.phases import STEPS

Seen = set[tuple[int, int, int]]  # phase, status, phase that is left


def recording(made: Seen) -> None:
    """Note the steps of all searches from now on; kernels must not be compiled."""

    def recorded(step: Any) -> Any:
        def wrapper(P: Any, S: Any) -> int:
            before = int(S.ctl[c.PHASE])
            status = int(step(P, S))
            made.add((before, status, int(S.ctl[c.PHASE])))
            return status

        return wrapper

    assert NOT_COMPILED
    for row in STEPS.values():
        setattr(dfs, row.name, recorded(getattr(dfs, row.name)))


def multiscale(rng: random.Random) -> es.Network:
    """Over many binary orders of magnitude: cells without points of pairs of floats, questions."""
    most = rng.choice((40, 40, 300))

    def value() -> Fraction:
        return Fraction(rng.choice([1, 3, -1, -3, 5])) * Fraction(2) ** rng.randint(-most, most)

    n = dim = rng.choice([1, 2])
    operators: list[es.Operator] = []
    for width in [rng.randint(1, 4) for _ in range(rng.randint(1, 3))]:
        rows = [[value() if rng.random() < 0.8 else 0 for _ in range(n)] for _ in range(width)]
        bias = [value() if rng.random() < 0.6 else 0 for _ in range(width)]
        operators += [es.Dense(rows, bias), es.ReLU()]
        n = width
    return es.Network(operators, (dim,))


def searches(rng: random.Random):
    """Searches of many kinds, small ones."""
    narrow = es.Network(
        [es.Dense(np.array([[1, 2, 3], [0, 1, 0], [2, 1, 1]])), es.ReLU(),
         es.Dense(np.array([[1.1, -2.3, 1], [3, 0.7, -1]])), es.ReLU(),
         es.Dense(np.array([[1.3, -1.7], [0.3, 1]])), es.ReLU()], (3,),
    )  # fmt: skip
    beaten = es.Network([es.Dense([[1], [-1], *[[0]] * 18], [0, 0, *[-9] * 18]),
                         es.Maxout(20)], (1,))  # fmt: skip
    # 3 (x / 3) - x, which only rationals can tell to vanish
    nothing = es.Network(
        [es.Dense([[Fraction(1, 3)], [1]]), es.ReLU(), es.Dense([[3, -1], [1, 1]]), es.ReLU()], (1,)
    )
    wide = nets.random_spec(rng, 1, [14, 3], "float", kinds=("relu",))
    for number in range(60):
        style, kinds = rng.choice(nets.STYLES), rng.choice((("relu",), nets.ALL_KINDS))
        dim = rng.choice((1, 2, 2, 3))
        spec = nets.random_spec(rng, dim, [rng.randint(2, 4), 2], style, kinds=kinds)
        domain: Any = rng.choice((nets.whole, lambda d: nets.any_domain(rng, d)))(dim)[0]
        net = nets.network(spec)
        if number % 10 == 0:
            net, domain = narrow, es.WholeSpace(3)
        if number % 10 == 1:
            net, domain = nets.network(wide), es.Box([-2], [2])
        if number % 10 == 2:
            net, domain = beaten, es.Box([-1], [1])
        if number % 10 == 3:
            net, domain = nothing, es.WholeSpace(1)
        if number % 10 >= 7:
            net = multiscale(rng)
            domain = es.WholeSpace(net.input_dim)
        program = net.program
        if program.layers and domain.chart.dim and search_space(program, domain.chart).dim:
            yield program, search_space(program, domain.chart)


def goal_of(program: Any) -> Goal:
    """That the first unit of the last layer is positive, and the last one is not."""
    end = program.n_units
    return Goal(
        [end - len(program.layers[-1].units), end - 1],
        [Node(">", 0), Node("<=", 1), Node("any", 2)],
        pauses=[1], any_order=len(program.layers) % 2 == 0,
    )  # fmt: skip


def all_steps() -> Seen:
    """What occurs in all of the searches."""
    made: Seen = set()
    recording(made)
    rng = random.Random(3)
    facet_buffers.ROOM = 0
    for program, space in searches(rng):
        for options in (
            {}, {"facets": True}, {"audit": lambda search: None}, {"chunk": 1},
            {"max_regions": 2}, {"goal": goal_of(program)},
            {"goal": goal_of(program), "audit": lambda search: None},
            {"faults": (0.3, rng.randrange(2**31))}, {"box_above": 0},
            {"faults": (0.3, rng.randrange(2**31)), "facets": True},
        ):  # fmt: skip
            engine.FEW = 0 if len(made) % 2 else 10**9
            search = KernelSearch(program, space, **options)
            pending = search.state.pending
            pending.arena, pending.arena_id = np.zeros(8), np.zeros(8, dtype=np.int64)
            if options.get("chunk") == 1:
                out = search.state.out
                out.codes, out.points = out.codes[:1].copy(), out.points[:1].copy()
            try:
                for _ in search.batches():
                    pass
            except es.ExactSplineError:
                assert "faults" in options
    return made


@pytest.mark.slow
def test_every_row_of_the_table_occurs():
    """In a process of its own, where kernels are plain functions and steps can be followed."""
    here = os.path.dirname(__file__)
    path = os.pathsep.join([here, *(entry or os.getcwd() for entry in sys.path)])
    env = {**os.environ, "PYTHONPATH": path, "NUMBA_DISABLE_JIT": "1"}
    script = f"import {__name__.split('.')[-1]} as own; print(own.all_steps())"
    done = subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    seen = ast.literal_eval(done.stdout)
    table = {(phase, c.GO_ON, after) for phase, row in STEPS.items() for after in row.phases}
    table |= {(phase, *left) for phase, row in STEPS.items() for left in row.statuses}
    assert seen <= table, sorted(seen - table)
    assert table <= seen, sorted(table - seen)


def test_the_table_names_every_phase():
    assert sorted(STEPS) == list(range(c.N_PHASES))


def test_a_step_is_made_once():
    """`advance` does nothing but the steps: a pause before the first one leaves all as it was."""
    program, space = next(searches(random.Random(1)))
    search = KernelSearch(program, space)
    search._begin()
    before = search.state.ctl.copy()
    search.state.ctl[c.BUDGET] = 0
    assert dfs.advance(given(search.problem), given(search.state)) == c.PAUSE
    before[c.BUDGET] = -1
    assert np.array_equal(search.state.ctl, before)
