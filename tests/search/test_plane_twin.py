"""The plane's search against the naive twin: codes, witnesses, corners, also disturbed ones.

The twin knows a cell by the generators of its cone in integers, so a region's corners are compared
as they are."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from fractions import Fraction

import naive
import numpy as np
import plane_cases as cases
import plane_checks as checks
import pytest
import random_networks as nets
from marks import first_quick

import exactspline as es
from exactspline.cells.space import search_space
from exactspline.search.plane.engine import PlaneSearch

BLOCKS, PER_BLOCK, QUICK = 40, 50, 1


@pytest.mark.parametrize("block", first_quick(range(BLOCKS), QUICK))
def test_same_cells_in_the_same_order(block):
    seen: Counter[str] = Counter()
    for seed in range(block * PER_BLOCK, (block + 1) * PER_BLOCK):
        case, space = cases.draw_case(seed)
        program, cones = case.network.program, cases.cones(case)
        faults = (0.5, seed) if seed % 3 == 2 else None
        try:
            checks.check_batches(program, space, [code for code, _ in cones], faults)
            seen += checks.check_cells(program, space, cones, cases.is_plain(case, space), faults)
        except AssertionError as error:
            raise AssertionError(f"seed {seed}: {error}\n{case.source}") from error
        kind, where = case.kind.split(", ")
        seen[kind] += 1
        seen[where] += 1
    assert len([kind for kind in set(cases.KINDS) if seen[kind]]) > 8
    assert len([where for where in set(cases.DOMAINS) if seen[where]]) > 8
    for name, least in {
        "regions": 250, "polygons": 200, "ideal": 50, "bounded": 800, "wide": 30,
        "unbounded": 5, "asked": 100,
    }.items():  # fmt: skip
        assert seen[name] >= least, f"{name}: {seen}"


def test_a_row_of_which_floats_know_nothing():
    """Sums that overflow leave bounds that are no numbers: they must not become 0."""
    case, space = cases.draw_case(20290)
    checks.check_batches(case.network.program, space, case.codes)


@pytest.mark.parametrize("seed", range(4))
def test_larger_networks(seed):
    rng = random.Random(seed)
    kinds = (("relu",), ("abs", "leaky"), ("max", "min", "scalar"), ("relu", "max"))[seed]
    cones = []
    while not 60 < len(cones) < 400:
        style = rng.choice(("float", "third"))
        spec = nets.random_spec(rng, 2, [9, 6], style, kinds=kinds, odd=False)
        pair = nets.whole(2) if seed % 2 else nets.polytope(rng, 2)
        found = naive._cells(nets.twin(spec), *naive._root(pair[1]))
        cones = list(itertools.islice(found, 400))
    program = nets.network(spec).program
    space = search_space(program, pair[0].chart)
    checks.check_batches(program, space, [code for code, _ in cones])
    seen = checks.check_cells(program, space, cones, True)
    assert seen["polygons"] > 60


# ------------------------------------------------------------------------------------- controls
class Upper(naive._Ready):
    """The twin with one sign rule turned round: a form that is 0 on a whole cell is above."""

    def children(self, i, u, cell, dim):
        for piece, part in super().children(i, u, cell, dim):
            unit = self.units[i]
            if isinstance(unit, naive.Scalar) and piece < len(unit.breaks):
                form = [Fraction(v) for v in u.rows[unit.j]]
                form[0] -= unit.breaks[piece] * u.den
                piece += not any(form)
            yield piece, part


def test_a_broken_twin_is_refused(monkeypatch):
    """So what is compared does tell one sign that is wrong."""
    refused = seen = 0
    for seed in range(60):
        case, space = cases.draw_case(seed)
        right = case.codes
        with monkeypatch.context() as broken:
            broken.setattr(naive, "_Ready", Upper)
            wrong = naive.codes(case.layers, case.pair[1])
        if wrong == right:
            continue
        seen += 1
        try:
            checks.check_batches(case.network.program, space, wrong)
        except checks.WrongError:
            refused += 1
    assert refused == seen >= 10


def test_a_corner_in_the_wrong_place_is_refused():
    program = es.Network([es.Dense([[1, 2], [3, -1]], [0.1, 0.3]), es.ReLU()], (2,)).program
    space = search_space(program, es.Box([-1, -1], [1, 1]).chart)
    search = PlaneSearch(program, space, keep=False)
    moved = 0
    for _ in checks.at_regions(search):
        for corner, near, _ in checks.corners_of_cell(search):
            assert checks.check_bound(corner, near)
            n = int(np.argmin(np.abs(near[:3])))
            near[n] += 3e-15
            with pytest.raises(checks.WrongError, match="not within"):
                checks.check_bound(corner, near)
            moved += 1
    assert moved >= 12


# ----------------------------------------------------------------------------------- disturbances
@pytest.mark.parametrize("rate", [0.05, 0.5, 1.0])
def test_disturbed_corners_change_no_region(rate):
    """They do move, and their bounds say how far."""
    rng = random.Random(5)
    clean: Counter[str] = Counter()
    faulty: Counter[str] = Counter()
    for number in range(6):
        spec = nets.random_spec(rng, 2, [5, 4], "float", kinds=("relu",), odd=False)
        program = nets.network(spec).program
        pair = nets.whole(2) if number % 2 else nets.box(rng, 2)
        cones = list(naive._cells(nets.twin(spec), *naive._root(pair[1])))
        space = search_space(program, pair[0].chart)
        checks.check_batches(program, space, [code for code, _ in cones], (rate, number))
        clean += checks.check_cells(program, space, cones, True)
        faulty += checks.check_cells(program, space, cones, True, (rate, number))
    corners = clean["bounded"] + clean["unbounded"]
    assert corners == faulty["bounded"] + faulty["unbounded"] > 300
    assert clean["wide"] == 0
    assert faulty["wide"] > 0.3 * rate * corners  # half of them by less than 1e-9


def test_disturbances_are_reproducible_and_end_with_their_search():
    rng = random.Random(6)
    spec = nets.random_spec(rng, 2, [5, 5], "float", kinds=("relu",))
    program = nets.network(spec).program
    space = search_space(program, es.WholeSpace(2).chart)

    def places(faults):
        search = PlaneSearch(program, space, keep=False, faults=faults)
        return [
            tuple(near.tolist())
            for _ in checks.at_regions(search) for _, near, _ in checks.corners_of_cell(search)
        ]  # fmt: skip

    clean = places(None)
    assert len(clean) > 30
    runs = [places((0.3, seed)) for seed in (1, 1, 2, 3)]
    assert runs[0] == runs[1]
    assert len(set(map(tuple, [clean, *runs]))) == 4
    assert places(None) == clean


def test_the_same_search_again_does_the_same():
    case, space = cases.draw_case(11)
    searches = [
        checks.check_batches(case.network.program, space, case.codes, faults)
        for faults in (None, (1.0, 3), None, None)
    ]
    told = [(s.regions, str(s.decisions)) for s in searches]
    assert told[0] == told[2] == told[3]
