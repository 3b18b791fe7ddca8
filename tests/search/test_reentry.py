"""Layers that are entered again by what has changed, against the same layers entered in full."""

from __future__ import annotations

import random
from fractions import Fraction

import numpy as np
import pytest
from marks import first_quick

import exactspline as es
from exactspline.cells.forms import ExactForms
from exactspline.cells.space import search_space
from exactspline.search.kernel import control as c
from exactspline.search.kernel import engine, reentered
from exactspline.search.kernel.engine import KernelSearch

SIZE = 6  # of images
MOST = 150  # entries that are compared
FEW = 250  # regions that the rational engine finds in a second or two


def image_network(rng: np.random.Generator, kind: str) -> es.Network:
    """Convolution, ReLU, maxima over windows, and what reads them."""

    def weights(*shape: int) -> np.ndarray:
        values = rng.normal(size=shape)
        values[rng.random(shape) < 0.2] = 0.0
        return np.rint(4 * values) if kind == "integer" else values

    steps: list[es.Operator] = [
        es.Conv(weights(2, 1, 3, 3), weights(2), padding=1), es.ReLU(),
        es.MaxPool((2, 2), stride=2 if kind != "overlapping" else 1),
    ]  # fmt: skip
    if kind == "two":
        steps += [es.Conv(weights(2, 2, 2, 2), weights(2)), es.LeakyReLU(0.1), es.MaxPool((2, 2))]
    return es.Network([*steps, es.Flatten()], (1, SIZE, SIZE))


def plane(rng: np.random.Generator) -> es.Domain:
    """A plane through three images with a constant background."""
    images = np.zeros((3, 1, SIZE, SIZE))
    for image in images:
        at = rng.integers(0, SIZE - 2, size=2)
        image[0, at[0] : at[0] + 3, at[1] : at[1] + 3] = rng.random((3, 3))
    return es.Slice.through(list(images), es.Box(0, 1, dim=2))


def found(network: es.Network, domain: es.Domain, audit=None) -> KernelSearch:
    search = KernelSearch(network.program, search_space(network.program, domain.chart), audit=audit)
    search.state.ctl[c.AUDIT] = audit is not None
    search.codes = [tuple(row) for b in search.batches() for row in b.codes.tolist()]  # type: ignore[attr-defined]
    return search


class Rows:
    """Compares the rows that a layer has with those that it has when entered in full."""

    def __init__(self) -> None:
        self.compared = 0
        self.rng = random.Random(1)

    def __call__(self, search: KernelSearch) -> None:
        from exactspline.search.kernel.tiers import call_tier

        state, problem, layer = search.state, search.problem, int(search.state.ctl[c.LAYER])
        if state.ctl[c.REASON] != c.SEEN_LAYER or not problem.rows.on[layer]:
            return
        if self.compared == MOST:
            return
        u, n, d = (
            int(problem.layers.mem_at[layer]),
            int(problem.layers.n_mem[layer]),
            search.space.dim,
        )
        part = slice(u * (d + 1), (u + n) * (d + 1))
        first, end = int(state.ctl[c.POSITION]), int(state.ctl[c.OPEN_END])
        kept = {name: getattr(state, name).copy() for name in ("ctl", "codes", "open_units")}
        rows, bounds = state.members.U[part].copy(), state.members.error[u : u + n].copy()
        box = [b[layer].copy() for b in (state.boxes.low, state.boxes.high)]
        again = problem.rows.on.copy()
        problem.rows.on[:] = 0
        state.ctl[c.OPEN_END] = first
        call_tier(c.ENTER_LAYER, problem, state, layer)
        problem.rows.on[:] = again
        assert np.array_equal(rows, state.members.U[part])
        full = state.members.error[u : u + n]  # with another count of terms
        assert np.all((bounds <= 2.5 * full) | (full == 0))  # 0: on a grid, nothing was rounded
        if self.compared % 10 == 0:
            self.check_bounds(search, layer, rows.reshape(d + 1, n), bounds)
        assert kept["open_units"][first:end].tolist() == (
            state.open_units[first : int(state.ctl[c.OPEN_END])].tolist()
        )
        unit, count = int(problem.layers.unit_at[layer]), int(problem.layers.n_units[layer])
        still = set(kept["open_units"][first:end].tolist())
        for k in set(range(count)) - still:
            assert kept["codes"][unit + k] == state.codes[unit + k]
        for low, before in zip((state.boxes.low, state.boxes.high), box, strict=True):
            low[layer] = before
        for name, before in kept.items():
            getattr(state, name)[:] = before
        self.compared += 1

    def check_bounds(self, search: KernelSearch, layer: int, rows, bounds) -> None:
        """No row is farther from the exact one, anywhere in the box, than its bound says."""
        exact = ExactForms(*search.moderate)
        reach = [Fraction(v) for v in search.problem.box.reach.tolist()]
        for i in self.rng.sample(range(len(bounds)), 3):
            constant, *row = exact.layer(layer, search.state.codes).member(i)
            off = abs(Fraction(int(constant.p), int(constant.q)) - Fraction(rows[-1, i]))
            for a, b, r in zip(row, rows[:-1, i].tolist(), reach, strict=True):
                off += abs(Fraction(int(a.p), int(a.q)) - Fraction(b)) * r
            assert off <= Fraction(bounds[i])


CASES = [(kind, block) for block in range(3) for kind in ("float", "overlapping", "two", "integer")]


@pytest.mark.parametrize(("kind", "block"), first_quick(CASES, 2))
def test_rows_are_those_of_a_full_entry(kind, block, monkeypatch):
    monkeypatch.setattr(reentered, "FEWEST", 1)
    monkeypatch.setattr(engine, "SMALL", 0)
    rng = np.random.default_rng(block)
    network, domain = image_network(rng, kind), plane(rng)
    rows = Rows()
    search = found(network, domain, audit=rows)
    assert rows.compared > 10
    # rows that are exact on a grid are entered in full
    assert kind == "integer" or np.any(search.state.reentry.member_mark >= 0)
    few = len(search.codes) <= FEW  # type: ignore[attr-defined]
    plain = es.enumerate_regions(network, domain, engine="rational" if few else "plane")
    assert search.codes == [tuple(code) for code in plain.codes.tolist()]  # type: ignore[attr-defined]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["float", "overlapping", "two"])
def test_results_do_not_depend_on_it(kind, monkeypatch):
    """The same regions and witnesses; as many decisions, though equal rows may cost one more."""
    rng = random.Random(kind)
    for _ in range(3):
        seed = rng.randrange(10**6)
        runs = []
        for fewest in (1, 10**9):
            monkeypatch.setattr(reentered, "FEWEST", fewest)
            source = np.random.default_rng(seed)
            network, domain = image_network(source, kind), plane(source)
            runs.append(es.enumerate_regions(network, domain))
        one, other = runs
        assert one.codes.tolist() == other.codes.tolist()
        assert one.decisions.total >= other.decisions.total > len(other)
