"""Every sign that the plane's search tells, replayed in rationals.

Kernels are plain functions here, so that each can be followed: in a process of its own.
"""

from __future__ import annotations

import ast
import os
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import naive
import plane_cases as cases
import pytest
import random_networks as nets

from exactspline.cells.space import SearchSpace, search_space
from exactspline.compile.program import Program
from exactspline.search.kernel.block import NOT_COMPILED
from exactspline.search.plane import control as c
from exactspline.search.plane import cuts, dfs, engine, general, signs, steps
from exactspline.search.plane.engine import PlaneSearch
from exactspline.search.plane.questions import exact_corner, line_row

NETS = 150


def sign(value: Fraction) -> int:
    return (value > 0) - (value < 0)


class Replay:
    """Follows one search: what its kernels say of a form and a corner is computed again."""

    def __init__(self, program: Program, space: SearchSpace, **options: Any) -> None:
        self.seen: Counter[str] = Counter()
        self.search = PlaneSearch(program, space, **options)
        self.program, self.state = program, self.search.state

    def form(self, layer: int, form: int) -> tuple[Fraction, ...]:
        """The exact row of a form, slopes first."""
        const, a, b = (
            Fraction(int(v.p), int(v.q))
            for v in self.search.forms.form(layer, form, self.state.codes)
        )
        return a, b, const

    def sign_at(self, row: tuple[Fraction, ...], at: int) -> int:
        """The sign of a row at a corner."""
        corner = exact_corner(self.search, at)
        return sign(sum(a * b for a, b in zip(row, corner, strict=True)))

    def told(self, at: int, found: int, by: int) -> None:
        """A sign of the form that is asked."""
        if found == c.UNSURE:
            self.seen["open"] += 1
            return
        row = self.form(int(self.state.ctl[c.LAYER]), int(self.state.ctl[c.ASK_FORM]))
        assert self.sign_at(row, at) == found
        self.seen[f"tier {int(by)}"] += 1
        self.seen["zero"] += found == 0

    def settled(self, still_open: set[int]) -> None:
        """The units of a layer that are not open have the lowest piece that holds on the cell."""
        ctl, layer = self.state.ctl, int(self.state.ctl[c.LAYER])
        start, units = int(self.program.unit_start[layer]), self.program.layers[layer].units
        corners = range(int(ctl[c.AT]), int(ctl[c.AT] + ctl[c.K]))
        for unit in sorted(set(range(len(units))) - still_open):
            for form, way, drop in units.conditions(unit, int(self.state.codes[start + unit])):
                row = self.form(layer, form)
                found = {self.sign_at(row, at) for at in corners}
                if ctl[c.WHOLE]:
                    assert not any(row[:2]), "it cuts the plane"
                assert -way not in found, f"unit {unit}"
                assert found != {0} or not drop, f"unit {unit}: a lower piece coincides"
                self.seen["settled"] += 1

    def open_units(self) -> set[int]:
        ctl = self.state.ctl
        return set(self.state.open_units[ctl[c.POSITION] : ctl[c.OPEN_END]].tolist())

    def inside(self) -> None:
        """The current cell's corners: on their edges' lines, inside of all, in order."""
        ctl, state = self.state.ctl, self.state
        if ctl[c.WHOLE]:
            return
        at, k = int(ctl[c.AT]), int(ctl[c.K])
        corners = [exact_corner(self.search, i) for i in range(at, at + k)]
        for n in range(k):
            line, inward = state.corners.lines[at + n, c.EDGE :].tolist()
            row = line_row(self.search, line)
            values = [inward * sum(a * b for a, b in zip(row, p, strict=True)) for p in corners]
            assert values[n] == values[(n + 1) % k] == 0
            assert min(values) == 0 < max(values)
        self.seen["cells"] += 1


def following(replay: Replay) -> dict[tuple[Any, str], Any]:
    """What takes the places of the kernels, by module and name."""
    quick, corner_signs, own_leaf = steps.quickly, signs.sign_at, dfs.leaf

    def sign_at(P: Any, S: Any, at: int, kind: int) -> tuple[int, int]:
        found, by = corner_signs(P, S, at, kind)
        replay.told(at, found, by)
        return found, by

    def quickly(P: Any, S: Any, layer: int, plus: int, minus: int) -> int:
        found = quick(P, S, layer, plus, minus)
        if found != c.UNSURE:
            units = replay.program.layers[layer].units
            row = replay.form(layer, int(units.piece_start[plus]) * units.stride)
            at, k = int(S.ctl[c.AT]), int(S.ctl[c.K])
            true = {replay.sign_at(row, i) for i in range(at, at + k)}
            assert true == {c.POS: {1}, c.NEG: {-1}, c.CUT: {-1, 1}}[found]
            replay.seen["quickly"] += 1
        return found

    def after(kernel: Any) -> Any:
        def follow(P: Any, S: Any) -> Any:
            status = kernel(P, S)
            if S.ctl[c.PHASE] == c.UNIT:
                replay.settled(replay.open_units())
            return status

        return follow

    def filtered(kernel: Any) -> Any:
        def follow(P: Any, S: Any) -> None:
            before = replay.open_units()
            kernel(P, S)
            left = replay.open_units()
            assert left <= before
            if left < before:  # those that were not open are not settled before their turn
                units = set(range(len(replay.program.layers[int(S.ctl[c.LAYER])].units)))
                replay.settled(units - (before - left))
                replay.seen["filtered"] += 1

        return follow

    def leaf(P: Any, S: Any) -> int:
        replay.inside()
        return int(own_leaf(P, S))

    return {
        (signs, "sign_at"): sign_at, (cuts, "sign_at"): sign_at, (steps, "quickly"): quickly,
        (dfs, "enter_layer"): after(dfs.enter_layer),
        (dfs, "filter_units"): filtered(dfs.filter_units),
        (steps, "filter_units"): filtered(steps.filter_units),
        (dfs, "leaf"): leaf,
    }  # fmt: skip


def searches() -> Iterator[tuple[str, Program, SearchSpace, int]]:
    """Small ones of all kinds, with how many regions they have; two with many units a layer."""
    for seed in range(5000, 5000 + NETS):
        case, space = cases.draw_case(seed, 30)
        yield case.source, case.network.program, space, len(case.codes)
    rng = random.Random(1)
    for domain in (nets.whole(2), nets.box(rng, 2)):
        spec = nets.random_spec(rng, 2, [24, 2], "float", kinds=("relu",), odd=False)
        program, n = nets.network(spec).program, naive.count(nets.twin(spec), domain[1])
        yield nets.describe(spec, domain[1]), program, search_space(program, domain[0].chart), n


def all_signs() -> dict[str, int]:
    """Follow all searches; what was seen."""
    assert NOT_COMPILED
    assert general.verdict is signs.verdict
    seen: Counter[str] = Counter()
    few = engine.FEW
    for number, (source, program, space, regions) in enumerate(searches()):
        faults = (0.5, number) if number % 4 == 3 else None
        engine.FEW = 0 if number % 3 else few  # double-double is asked before rationals
        replay = Replay(program, space, keep=number % 2 == 0, faults=faults)
        places = following(replay)
        before = {place: getattr(*place) for place in places}
        for (module, name), kernel in places.items():
            setattr(module, name, kernel)
        try:
            for _ in replay.search.batches():
                pass
            assert replay.search.regions == regions
        except AssertionError as error:
            raise AssertionError(f"{number}: {error}\n{source}") from error
        finally:
            for (module, name), kernel in before.items():
                setattr(module, name, kernel)
        seen += replay.seen
    return {name: int(n) for name, n in seen.items()}


@pytest.mark.slow
def test_every_sign_is_right():
    here = os.path.dirname(__file__)
    support = os.path.join(os.path.dirname(here), "support")
    path = os.pathsep.join([here, support, *(entry or os.getcwd() for entry in sys.path)])
    env = {**os.environ, "PYTHONPATH": path, "NUMBA_DISABLE_JIT": "1", "PYTHONWARNINGS": "ignore"}
    script = f"import {__name__.split('.')[-1]} as own; print(own.all_signs())"
    done = subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    seen = ast.literal_eval(done.stdout)
    for name, least in {
        "tier 0": 5000, "tier 1": 50, "tier 2": 150, "tier 3": 500, "open": 2000, "zero": 1000,
        "quickly": 150, "settled": 700, "filtered": 10, "cells": 800,
    }.items():  # fmt: skip
        assert seen.get(name, 0) >= least, f"{name}: {seen}"
