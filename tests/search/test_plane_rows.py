"""Rows of dense layers made in one pass, against those of the kernel search and exact ones."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest

import exactspline as es
from exactspline.cells.space import search_space
from exactspline.search.kernel.block import given
from exactspline.search.kernel.rows import NOT_EXACT, member_rows, state_rows
from exactspline.search.plane import forms
from exactspline.search.plane.engine import PlaneSearch


def stopped(seed: int) -> PlaneSearch:
    """A search of a dense network that has stopped in its third layer or behind."""
    rng = np.random.default_rng(seed)
    widths = [2, *rng.integers(3, 12, size=4).tolist()]
    operators: list[es.Operator] = []
    for n_in, n_out in pairwise(widths):
        weight, bias = rng.normal(size=(n_out, n_in)), rng.normal(size=n_out) * (seed % 2)
        weight[rng.random(weight.shape) < 0.2] = 0.0
        operators += [es.Dense(weight, bias), es.ReLU()]
    program = es.Network(operators, (2,)).program
    domain = es.Box([-1, -1], [1, 1]) if seed % 3 else es.WholeSpace(2)
    search = PlaneSearch(program, search_space(program, domain.chart), max_regions=1 + seed % 7)
    for _ in search.batches():
        pass
    return search


@pytest.mark.parametrize("seed", range(12))
def test_rows_in_one_pass(seed: int) -> None:
    search = stopped(seed)
    problem, state = search.problem, search.state
    compared = 0
    for layer in range(1, 4):
        n, u = int(problem.layers.n_mem[layer]), 3 * int(problem.layers.mem_at[layer])
        if state.members.grid[layer] != NOT_EXACT:
            continue
        part = slice(u, u + 3 * n)
        forms._state_rows(given(problem), given(state), layer)
        entries = state.entries
        kept = [a.copy() for a in (entries.Z, entries.error, entries.zero)]
        state_rows(given(problem), state.codes, layer, given(state.members), given(entries), 2)
        for a, b in zip(kept, (entries.Z, entries.error, entries.zero), strict=True):
            assert np.array_equal(a, b)
        forms._dense_rows(given(problem), given(state), layer)
        rows, bounds = state.members.U[part].copy(), state.members.error[part].copy()
        member_rows(given(problem), layer, given(state.entries), given(state.members), 2, False)
        assert np.array_equal(rows, state.members.U[part])  # the same sums
        np.testing.assert_allclose(bounds, state.members.error[part], rtol=1e-12, atol=0)
        exact = search.forms.layer(layer, state.codes)
        for i in range(n):
            const, a, b = (Fraction(int(v.p), int(v.q)) for v in exact.member(i))
            for k, value in enumerate((a, b, const)):
                off = abs(value - Fraction(float(rows[k * n + i])))
                assert off <= Fraction(float(bounds[k * n + i]))
                compared += 1
    assert compared > 20


def test_what_nothing_is_known_about_stays_unknown() -> None:
    """A weight of 0 times an infinite bound is no bound of 0."""
    search = stopped(1)
    problem, state = search.problem, search.state
    n, u = int(problem.layers.n_mem[1]), 3 * int(problem.layers.mem_at[1])
    at = int(problem.layers.state_at[1])
    state.entries.zero[at] = False
    state.entries.error[at] = np.inf
    forms._dense_rows(given(problem), given(state), 1)
    assert np.all(np.isinf(state.members.error[u : u + 3 * n]))
    assert forms.bound_of(np.nan) == forms.bound_of(np.inf) == np.inf
    assert forms.bound_of(0.0) == 0.0 < forms.bound_of(1.0)
    assert forms.reach_of(0.0, np.inf, 1e-16) == forms.reach_of(1.0, np.nan, 1e-16) == np.inf
