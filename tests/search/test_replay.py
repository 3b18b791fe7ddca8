"""Every verdict that the kernel proves in floats, pairs of them or integers, replayed exactly.

The kernel stops at each verdict and on entry to each layer. The cell of that moment is built
again from its constraints by the twin's double description, in integers: a form keeps its sign
on a cell if and only if it does on the cell's generators.
"""

from __future__ import annotations

import random
from collections import Counter
from fractions import Fraction
from math import lcm

import corner_networks as corners
import naive
import pytest
import random_networks as nets
from marks import first_quick

from exactspline.cells.space import search_space
from exactspline.search.decisions import Decisions
from exactspline.search.kernel import control as c
from exactspline.search.kernel import engine
from exactspline.search.kernel.engine import KernelSearch
from exactspline.search.kernel.middle.arrays import exactly

BLOCKS, PER_BLOCK = 8, 27  # at least 200 networks


def fractions(row) -> list[Fraction]:
    return [Fraction(int(v.p), int(v.q)) for v in row]


def integers(row) -> list[int]:
    """A positive multiple of a rational row."""
    exact = fractions(row)
    scale = lcm(*[v.denominator for v in exact])
    return [int(v * scale) for v in exact]


def value(row, point) -> Fraction:
    constant, *coefficients = fractions(row)
    return constant + sum(a * Fraction(x) for a, x in zip(coefficients, point, strict=True))


class Replay:
    """The callback of a search: checks what the kernel claims about its current cell."""

    def __init__(self) -> None:
        self.seen: Counter[str] = Counter()
        self.cones: list[tuple[tuple[int, ...], naive.Cone]] = []  # one per constraint
        self.started = False

    def cell(self, search: KernelSearch) -> naive.Cone:
        """Generators of the current cell; cones of the constraints that stayed are kept."""
        n = search.space.dim + 1
        unit = [tuple(int(i == j) for j in range(n)) for i in range(n)]
        rows = [unit[0], *(tuple(integers(row)) for row in search.path_rows())]
        same = 0
        while same < min(len(rows), len(self.cones)) and self.cones[same][0] == rows[same]:
            same += 1
        del self.cones[same:]
        for row in rows[same:]:
            cone = self.cones[-1][1] if self.cones else naive.Cone(tuple(unit), (), (), 0)
            _, above = naive._split(cone, row, 0)
            assert above is not None, "a constraint leaves nothing of the cell"
            self.cones.append((row, above))
        return self.cones[-1][1]

    def signs(self, search: KernelSearch, cone: naive.Cone, layer: int, form: int) -> set[int]:
        """The signs that a condition form takes on the generators of a cell."""
        row = integers(search.forms.form(layer, form, search.state.codes))
        values = [sum(a * b for a, b in zip(row, ray, strict=True)) for ray in cone.rays]
        for line in cone.lines:
            at = sum(a * b for a, b in zip(row, line, strict=True))
            values += [at, -at]
        return {(v > 0) - (v < 0) for v in values}

    def __call__(self, search: KernelSearch) -> None:
        ctl, state = search.state.ctl, search.state
        cone = self.cell(search)
        layer = int(ctl[c.LAYER])
        if not self.started:  # the first layer was entered before the first stop
            self.started = True
            still_open = state.open_units[: ctl[c.OPEN_END]] if layer == 0 else []
            self.settled(search, cone, 0, still_open)
        if ctl[c.REASON] == c.SEEN_LAYER:
            if layer > 0:  # all units before are decided, by whichever tier
                self.settled(search, cone, layer - 1, [])
            still_open = state.open_units[ctl[c.POSITION] : ctl[c.OPEN_END]]
            self.seen["settled"] += self.settled(search, cone, layer, still_open)
            return
        if ctl[c.REASON] == c.SEEN_FILTER:  # the open units were filtered inside the layer
            self.settled(search, cone, layer, state.open_units[ctl[c.POSITION] : ctl[c.OPEN_END]])
            self.seen["settled"] += int(ctl[c.SETTLED])
            self.seen["filtered"] += 1
            return
        assert ctl[c.REASON] == c.SEEN_VERDICT
        verdict = int(ctl[c.ANSWER])
        signs = self.signs(search, cone, layer, int(ctl[c.QUERY_FORM]))
        if verdict == c.CUT:
            self.cut(search, layer, signs)
        else:
            wrong = {c.POS: -1, c.NEG: 1}[verdict]
            assert wrong not in signs, "the form changes its sign on the cell"
            assert -wrong in signs, "the form is zero on the cell"
            self.seen["one sign"] += 1

    def cut(self, search: KernelSearch, layer: int, signs: set[int]) -> None:
        """Both children hold the point that the kernel hands to them."""
        state = search.state
        assert {1, -1} <= signs
        form = search.forms.form(layer, int(state.ctl[c.QUERY_FORM]), state.codes)
        rows = search.path_rows()
        for near, low, flag, sign in (
            (state.plus_point, state.plus_low, c.PLUS_OK, 1),
            (state.minus_point, state.minus_low, c.MINUS_OK, -1),
        ):
            point = fractions(exactly(near, low))
            assert state.ctl[flag] == 1
            assert value(form, point) * sign > 0
            assert all(value(row, point) > 0 for row in rows)
        self.seen["cut"] += 1

    def settled(self, search: KernelSearch, cone: naive.Cone, layer: int, still_open) -> int:
        """Each unit that is not open has a piece that holds on the whole cell, the lowest one."""
        units = search.program.layers[layer].units
        start = int(search.program.unit_start[layer])
        todo = sorted(set(range(len(units))) - {int(k) for k in still_open})
        for k in todo:
            for form, sign, drop in units.conditions(k, int(search.state.codes[start + k])):
                signs = self.signs(search, cone, layer, form)
                assert -sign not in signs
                assert signs != {0} or not drop, "a lower piece coincides"
        return len(todo)


def small_case(rng: random.Random) -> tuple[nets.Spec, nets.DomainPair]:
    style = rng.choice(nets.STYLES)
    dim = rng.choice((1, 2, 2, 3))
    widths = [rng.randint(2, 5) for _ in range(rng.randint(1, 3))]
    kinds = rng.choice((("relu",), nets.ALL_KINDS))
    spec = nets.random_spec(rng, dim, widths, style, kinds=kinds, bias=rng.random() < 0.7)
    return spec, rng.choice((nets.whole, lambda d: nets.any_domain(rng, d)))(dim)


def replayed(spec: nets.Spec, pair: nets.DomainPair, **options) -> tuple[KernelSearch, Replay]:
    network = nets.network(spec)
    replay = Replay()
    space = search_space(network.program, pair[0].chart)
    search = KernelSearch(network.program, space, audit=replay, **options)
    found = [tuple(row) for batch in search.batches() for row in batch.codes.tolist()]
    assert found == naive.codes(nets.twin(spec), pair[1])
    return search, replay


@pytest.mark.parametrize("block", first_quick(range(BLOCKS), 2))
def test_verdicts_of_random_networks(block):
    rng = random.Random(7_000 + block)
    seen: Counter[str] = Counter()
    while seen["networks"] < PER_BLOCK:
        spec, pair = small_case(rng)
        program = nets.network(spec).program
        if not program.layers or pair[0].chart.dim == 0:
            continue
        if search_space(program, pair[0].chart).dim == 0:
            continue
        # box_above=0: every cell's bounding box is computed, by linear programs
        options = {"box_above": 0} if seen["networks"] % 2 else {}
        _, replay = replayed(spec, pair, **options)
        seen["networks"] += 1
        seen.update(replay.seen)
    assert seen["networks"] == PER_BLOCK
    assert min(seen["cut"], seen["one sign"]) >= 100, seen
    assert seen["settled"] >= 40, seen
    assert seen["filtered"] >= 5, seen


def test_generic_networks_leave_no_verdict_out():
    """Without identically zero forms, proofs = regions + verdicts + settled units, exactly."""
    rng = random.Random(3)
    for number in range(12):
        spec = nets.random_spec(rng, 2, [5, 5, 4], "float", kinds=("abs",), odd=False, bias=True)
        pair = nets.box(rng, 2)
        search, replay = replayed(spec, pair, box_above=number % 3)
        first = len(search.program.layers[0].units)
        by = search.decisions
        known = search.regions + replay.seen["one sign"] + replay.seen["settled"]
        # the first layer was entered before the first stop: at most all of its units
        assert known <= by.float + by.integer <= known + first


@pytest.mark.parametrize("name", ["signs", "large integers", "magnitudes", "duplicates"])
def test_verdicts_in_corners_of_float64(name, monkeypatch):
    monkeypatch.setattr(engine, "FEW", 0)
    seen: Counter[str] = Counter()
    by = Decisions()
    for seed in range(6):
        corner = corners.draw(name, seed, (2, 4, 3))
        replay = Replay()
        space = search_space(corner.network.program, corner.domain.chart)
        search = KernelSearch(corner.network.program, space, audit=replay)
        found = [tuple(row) for batch in search.batches() for row in batch.codes.tolist()]
        assert found == corner.codes
        seen.update(replay.seen)
        by = by + search.decisions
    assert min(seen["cut"], seen["one sign"]) >= 10, seen
    assert by.double_double > 0
