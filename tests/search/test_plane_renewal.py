"""The plane's sparse layers, made anew where they have changed, and maxima on large cells.

A search is stopped everywhere; what it holds then is compared with rationals, and with what a layer
holds that is made as a whole.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from fractions import Fraction

import numpy as np
import pytest
from marks import first_quick

import exactspline as es
from exactspline.cells.space import search_space
from exactspline.rationals import fraction
from exactspline.search.kernel.block import given
from exactspline.search.kernel.engine import KernelSearch
from exactspline.search.plane import control as c
from exactspline.search.plane import inside
from exactspline.search.plane.engine import PlaneSearch
from exactspline.search.plane.jit import TIERS
from exactspline.search.plane.questions import exact_corner, line_row
from exactspline.search.prepared import space_of

KINDS = ("integer", "dyadic", "float32", "decimal")
CASES = [
    (kind, style, block)
    for block in range(5) for kind in KINDS for style in ("dense", "maxout", "images")
]  # fmt: skip
QUICK = 12
MOST = 250  # regions that are looked at
ROWS, UNITS = 6, 25  # that are compared with rationals at every stop


def numbers(rng: np.random.Generator, kind: str, *shape: int, share: float = 1.0) -> np.ndarray:
    """Random weights, of which a share is not 0."""
    kept = rng.random(shape) < share
    if kind == "integer":
        return np.where(kept, rng.integers(-2, 3, size=shape), 0.0)
    if kind == "dyadic":
        return np.where(kept, rng.integers(-16, 17, size=shape) / 8, 0.0)
    if kind == "float32":
        return np.where(kept, rng.normal(size=shape).astype(np.float32).astype(float), 0.0)
    out = np.empty(shape, dtype=object)
    for at in np.ndindex(*shape):
        out[at] = Fraction(int(rng.integers(-20, 21)), 10) if kept[at] else Fraction(0)
    return out


def draw(kind: str, style: str, block: int) -> tuple[es.Network, es.Domain]:
    """A network with sparse layers, and a domain of two dimensions."""
    rng = np.random.default_rng([block, KINDS.index(kind), len(style)])
    steps: list[es.Operator] = []
    activations = [es.ReLU(), es.ReLU(), es.LeakyReLU(Fraction(-1, 2)), es.Abs(), es.Clip(-1, 1)]

    def active() -> es.Operator:
        return activations[int(rng.integers(len(activations)))]

    if style == "images":
        size = 6
        steps += [
            es.Conv(numbers(rng, kind, 2, 1, 3, 3, share=0.7), numbers(rng, kind, 2), padding=1),
            active(), es.MaxPool((2, 2), stride=(1, 1) if block % 2 else (2, 2)),
            es.Conv(numbers(rng, kind, 2, 2, 2, 2, share=0.7), numbers(rng, kind, 2)), es.ReLU(),
            es.MaxPool((2, 2), stride=(1, 1)),
        ]  # fmt: skip
        images = np.zeros((3, 1, size, size))
        for image in images:
            at = rng.integers(0, size - 2, size=2)
            image[0, at[0] : at[0] + 3, at[1] : at[1] + 3] = rng.random((3, 3))
        network = es.Network(steps, (1, size, size))
        return network, es.Slice.through(list(images), es.Box(0, 1, dim=2))
    width = 2
    for share in (1.0, 0.15, 0.15, 0.3):
        wider = 4 * int(rng.integers(5, 8))
        steps.append(
            es.Dense(
                numbers(rng, kind, wider, width, share=share), numbers(rng, kind, wider, share=0.7)
            )
        )
        if style == "maxout" and share < 1:
            steps.append(es.Maxout(2))
            wider //= 2
        else:
            steps.append(active())
        width = wider
    domain = es.WholeSpace(2) if block % 2 else es.Box([-1, -2], [1, Fraction(7, 3)])
    return es.Network(steps, (2,)), domain


def begin(network: es.Network, domain: es.Domain, **options) -> PlaneSearch:
    return PlaneSearch(network.program, search_space(network.program, domain.chart), **options)


def stops(search: PlaneSearch, every: int) -> Iterator[np.ndarray]:
    """Let a search go on for some cuts, again and again; the codes that it has found meanwhile."""
    while not search.finished and search.regions < MOST:
        search._nodes = every
        batches = list(search.batches(time.monotonic() - 1))
        codes = [batch.codes for batch in batches if batch.count]
        yield np.concatenate(codes) if codes else np.zeros((0, len(search.state.codes)), int)


def exact_rows(search: PlaneSearch, layer: int, members) -> list[tuple[Fraction, ...]]:
    """Members of a layer on the current cell, slopes first."""
    rows = search.forms.layer(layer, search.state.codes)
    turned = [rows.member(i) for i in members]
    return [tuple(fraction(v) for v in (*row[1:], row[0])) for row in turned]


def dot(a, b) -> Fraction:
    return sum((Fraction(x) * Fraction(y) for x, y in zip(a, b, strict=True)), Fraction(0))


# ------------------------------------------------------------------------------------------ rows
def check_rows(search: PlaneSearch, layer: int, rng: np.random.Generator) -> None:
    """Rows are near the exact ones as their bounds say, and equal where classes are."""
    state, layers = search.state, search.problem.layers
    n, u = int(layers.n_mem[layer]), int(layers.mem_at[layer])
    U = state.members.U[3 * u : 3 * (u + n)].reshape(3, n)
    error = state.members.error[3 * u : 3 * (u + n)].reshape(3, n)
    some = rng.choice(n, size=min(ROWS, n), replace=False).tolist()
    for i, exact in zip(some, exact_rows(search, layer, some), strict=True):
        for k in range(3):
            assert abs(exact[k] - Fraction(U[k, i])) <= Fraction(error[k, i])
    classes = state.members.classes[u : u + n]
    known: dict[int, tuple] = {}
    alike = [i for i in range(n) if len(classes) and np.sum(classes == classes[i]) > 1][:ROWS]
    for i, exact in zip(alike, exact_rows(search, layer, alike), strict=True):
        assert known.setdefault(int(classes[i]), exact) == exact
    for i in np.flatnonzero(classes == 0)[:1].tolist():
        assert not any(exact_rows(search, layer, [i])[0])


def check_full(search: PlaneSearch, layer: int) -> None:
    """A layer that is made as a whole, from a state made as a whole, has the same rows."""
    state, layers = search.state, search.problem.layers
    n, u = int(layers.n_mem[layer]), int(layers.mem_at[layer])
    part = slice(3 * u, 3 * (u + n))
    rows, bounds = state.members.U[part].copy(), state.members.error[part].copy()
    kept = {name: getattr(state, name).copy() for name in ("ctl", "codes", "open_units")}
    lists = [a.copy() for a in (state.again.opened, state.again.closed, state.again.entered)]
    state.again.made[layer] = 0
    state.again.piece[int(layers.state_at[layer]) :][: int(layers.n_in[layer])] = -1
    TIERS[0](given(search.problem), given(state), c.ENTERS)
    assert np.array_equal(rows, state.members.U[part])
    assert np.array_equal(bounds, state.members.error[part])
    for name, before in kept.items():
        getattr(state, name)[:] = before
    again = state.again
    again.opened[:], again.closed[:], again.entered[:] = lists


# --------------------------------------------------------------------------------------- winners
def check_winners(search: PlaneSearch, layer: int, rng: np.random.Generator) -> int:
    """Units that need not be looked at take their piece on all of a cell around; how many."""
    state, program = search.state, search.scaled[0]
    units, again, cells = program.layers[layer].units, state.again, state.lines.cell
    base, path, found = int(search.problem.layers.unit_at[layer]), int(state.ctl[c.N_LINES]), 0
    at, k = int(state.ctl[c.AT]), int(state.ctl[c.K])
    here = [exact_corner(search, v) for v in range(at, at + k)]
    for unit in rng.permutation(len(units))[:UNITS].tolist():
        place = int(again.place[base + unit])
        if not 0 <= place <= path or cells[place, c.C_ID] != again.cell[base + unit]:
            continue
        at, k = (int(v) for v in cells[place, : c.C_ID])
        corners = [exact_corner(search, v) for v in range(at, at + k)]
        for edge, inward in state.corners.lines[at : at + k, c.EDGE :].tolist():
            row = line_row(search, edge)
            assert all(inward * dot(row, corner) >= 0 for corner in here)
        start, stop = (int(v) for v in units.piece_start[unit : unit + 2])
        members = units.piece_member[start:stop].tolist()
        rows = exact_rows(search, layer, members)
        own, lead = rows[int(again.winner[base + unit])], int(units.lead[unit])
        for r, row in enumerate(rows):
            more = [lead * dot([a - b for a, b in zip(own, row, strict=True)], x) for x in corners]
            assert min(more) >= 0
            assert any(more) or (row == own and again.winner[base + unit] <= r)
        found += 1
    return found


@pytest.mark.parametrize(("kind", "style", "block"), first_quick(CASES, QUICK))
def test_what_is_kept_is_what_would_be_made(kind, style, block):
    network, domain = draw(kind, style, block)
    rng, search = np.random.default_rng(block), begin(network, domain)
    found, layers, winners = [], 0, 0
    for n, codes in enumerate(stops(search, 1 + block)):
        found.append(codes)
        layer = int(search.ctl[c.LAYER])
        if search.ctl[c.PHASE] != c.UNIT or layer == 0:
            continue
        check_rows(search, layer, rng)
        if style != "dense":
            winners += check_winners(search, layer, rng)
        if n % 3 == 0:
            check_full(search, layer)
        layers += 1
    assert style == "images" or layers > 5
    assert style != "maxout" or winners > 10
    codes = np.concatenate(found)
    space = search_space(network.program, domain.chart)
    kernel = KernelSearch(network.program, space, max_regions=len(codes))
    assert np.array_equal(codes, np.concatenate([batch.codes for batch in kernel.batches()]))


# --------------------------------------------------------------------------------------- history
def taken(search: PlaneSearch) -> list[tuple]:
    """Codes and witnesses, as they are."""
    return [
        (*batch.codes[i].tolist(), *batch.exact.get(i, batch.points[i].tolist()))
        for batch in search.batches() for i in range(batch.count)
    ]  # fmt: skip


@pytest.mark.parametrize(("kind", "style", "block"), first_quick(CASES[::3] + CASES[2::3], 4))
def test_results_do_not_depend_on_what_was_searched_before(kind, style, block):
    """The parts of a search, each begun anew, have the same regions with the same witnesses."""
    network, domain = draw(kind, style, block)
    whole = taken(begin(network, domain, max_regions=MOST))
    search, pieces = begin(network, domain), []
    search._nodes = 5
    for batch in search.batches(time.monotonic() - 1):
        pieces += [
            (*batch.codes[i].tolist(), *batch.exact.get(i, batch.points[i].tolist()))
            for i in range(batch.count)
        ]
    parts = search.remaining(6)
    assert parts or search.finished
    for part in parts:
        if len(pieces) < len(whole):
            pieces += taken(begin(network, domain, part=part, max_regions=MOST))
    assert pieces[: len(whole)] == whole


def test_work_arrays_of_an_earlier_search():
    network, domain = draw("float32", "images", 0)
    space = space_of(network.program, domain.chart)
    first = PlaneSearch(network.program, space)
    once, state = taken(first), first.state
    again = PlaneSearch(network.program, space)
    assert again.state is state
    assert taken(again) == once


# ------------------------------------------------------------------------------------ arithmetic
def test_sums_of_rows_and_bits():
    from exactspline.search.plane.jit import entry

    @entry
    def sums(table, columns, weights, at, begin, end, out):
        inside.row_sums(table, columns, weights, at, begin, end, out)

    @entry
    def bits(value):
        return inside.bits(value)

    rng = np.random.default_rng(0)
    table = rng.normal(size=(40, 8)) * 10.0 ** rng.integers(-9, 9, size=(40, 8))
    columns, weights, out = rng.integers(0, 30, size=60), rng.normal(size=60), np.zeros(10)
    for _ in range(50):
        begin, end = sorted(rng.integers(0, 61, size=2).tolist())
        out[:] = 7.0
        sums(table, columns, weights, 10, begin, end, out)
        want = np.zeros(8)
        for s in range(begin, end):
            want[:4] += weights[s] * table[10 + columns[s], :4]
            want[4:] += abs(weights[s]) * table[10 + columns[s], 4:]
        assert out[:8].tolist() == want.tolist()  # the same sums in the same order
        assert out[8:].tolist() == [7.0, 7.0]
    values = [0.0, 1.5, -2.0, 5e-324, 1e308, np.inf]
    assert [bits(v) for v in values] == [int(np.float64(v).view(np.int64)) for v in values]
    assert bits(-0.0) == bits(0.0) == 0
