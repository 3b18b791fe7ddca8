"""A maximum of n entries takes O(n) memory wherever it goes, and is what it was.

Its n (n - 1) conditions are made when they are asked for: here they are compared with the table
that writes them all out, and everything is done once with more of them than any memory holds.
"""

from __future__ import annotations

import json
import random
import time
import tracemalloc
from contextlib import contextmanager
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest

import exactspline as es
from exactspline.compile.program import Units
from exactspline.compile.units import max_table, merge, spline_table, stack
from exactspline.errors import FormatError, LimitError
from exactspline.search.kernel import conditions as kernels

MANY = 220_000  # its conditions would take 400 GB
ROOM = 200_000_000


@contextmanager
def little_memory(most: int = ROOM):
    """What is done inside takes at most so many bytes at a time."""
    tracemalloc.start()
    try:
        yield
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < most, f"{peak:,} bytes"


def written_out(n: int, lead: int) -> list[list[tuple[tuple[int, int], int, bool]]]:
    """Per piece its conditions: (higher, lower) member, sign, drop; from all pairs of members."""
    low, high = np.triu_indices(n, 1)
    index = np.zeros((n, n), dtype=np.int64)
    index[low, high] = index[high, low] = np.arange(len(low))
    out = []
    for piece in range(n):
        others = [o for o in range(n) if o != piece]
        forms = [index[piece, o] for o in others]
        out.append([
            ((int(high[f]), int(low[f])), lead if piece > o else -lead, o < piece)
            for f, o in zip(forms, others, strict=True)
        ])  # fmt: skip
    return out


def random_table(rng: random.Random) -> Units:
    """Splines, maxima and minima in one layer, with their members in any order."""
    tables, members = [], 0
    for _ in range(rng.randint(1, 4)):
        if rng.random() < 0.5:
            count = rng.randint(1, 3)
            splines = []
            for _ in range(count):
                breaks = sorted(rng.sample(range(-5, 6), rng.randint(1, 4)))
                points = [Fraction(b) for b in breaks]
                pieces = [(Fraction(r), Fraction(r % 2)) for r in range(len(breaks) + 1)]
                splines.append(merge(points, pieces))
            tables.append((spline_table(splines, np.arange(count)), members))
            members += count
        else:
            sizes = np.array([rng.randint(2, 6) for _ in range(rng.randint(1, 3))])
            size = int(sizes.max()) + 1
            own = [rng.sample(range(size), n) for n in sizes.tolist()]
            flat = np.array([i for m in own for i in m])
            tables.append((max_table(sizes, flat, concave=rng.random() < 0.5), members))
            members += size
    return stack(tables)


def test_conditions_are_those_of_the_table_that_writes_them_out():
    rng = random.Random(1)
    seen = set()
    for _ in range(200):
        units = random_table(rng)
        numbers = []
        for k in range(len(units)):
            first, n = int(units.piece_start[k]), int(units.pieces[k])
            own = units.piece_member[first : first + n].tolist()
            lead = int(units.lead[k])
            seen.add((lead, n))
            for r in range(n):
                found = list(units.conditions(k, r))
                assert all(list(units.conditions(k, r, s)) == found[s:] for s in range(n + 1))
                shifts = units.piece_shift[first : first + n].tolist()
                if lead:
                    table = written_out(n, lead)[r]
                    expected = [((own[a], own[b], 0), s, d) for (a, b), s, d in table]
                else:
                    below = [((own[0], -1, shifts[r - 1]), 1, True)] if r else []
                    above = [((own[0], -1, shifts[r]), -1, False)] if r < n - 1 else []
                    expected = below + above
                assert [(units.form(f), s, d) for f, s, d in found] == expected
                assert all(units.unit_of(f) == k and 0 <= f < units.n_forms for f, _, _ in found)
                numbers.append({f for f, _, _ in found})
        for a, b in pairwise(numbers):
            assert not a or not b or min(a) <= min(b)  # numbers increase with the pieces
        every = np.array(sorted(set().union(*numbers)))
        plus, minus, piece = units.form_columns(every)
        for i, f in enumerate(every.tolist()):
            shift = units.piece_shift[piece[i]] if minus[i] < 0 else 0
            assert units.form(f) == (plus[i], minus[i], shift)
    assert {(1, 5), (-1, 6), (0, 4), (1, 2), (-1, 2)} <= seen


def test_kernels_read_the_same_conditions():
    rng = random.Random(2)
    for _ in range(20):
        units = random_table(rng)
        shift = units.piece_shift.astype(np.float64)
        error = np.arange(len(shift)) / 8.0
        for k in range(len(units)):
            first, n, lead = int(units.piece_start[k]), int(units.pieces[k]), int(units.lead[k])
            for r in range(n):
                found = list(units.conditions(k, r))
                assert kernels.count_conditions(lead, n, r) == len(found)
                for place, expected in enumerate(found):
                    got = kernels.condition(lead, first, r, place, units.stride)
                    assert got == tuple(expected)
                    plus, minus, b = units.form(expected.form)
                    terms = kernels.form_terms(
                        expected.form, units.stride, 0, units.piece_member, shift, error
                    )
                    own = error[expected.form // units.stride] if minus < 0 else 0.0
                    assert terms == (plus, minus, float(b), own)
                    assert kernels.form_unit(
                        expected.form, units.stride, 0, units.piece_unit
                    ) == k  # fmt: skip


def tiny(tmp_path, operators: list, shape: list[int]) -> es.Network:
    """A network from a file of at most 200 bytes."""
    file = tmp_path / "tiny.json"
    value = {"format": "exactspline-network", "version": 1, "input_shape": shape}
    text = json.dumps(value | {"operators": operators}, separators=(",", ":"))
    assert len(text) <= 200
    file.write_text(text)
    return es.load(file)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["ReduceMax", "ReduceMin"])
@pytest.mark.parametrize("n", [6_000, MANY])
def test_a_tiny_file_with_a_large_maximum(tmp_path, kind, n):
    with little_memory():
        net = tiny(tmp_path, [{"type": "Expand", "shape": [n]}, {"type": kind}], [1])
        assert net.program.pieces.tolist() == [n]
        x = np.array([[0.25], [-3.0]])
        assert net.forward(x).tolist() == es.forward(net, x).tolist() == [0.25, -3.0]
        assert net.forward(x[0], exact=True)[()] == Fraction(1, 4)
        assert es.codes(net, x).tolist() == es.codes(net, x, exact=True).tolist() == [[0], [0]]
        if n < MANY or kind == "ReduceMax":
            assert es.count_regions(net, es.Box([-1], [1])) == 1


def test_a_pool_of_many_entries(tmp_path):
    pool = {"type": "MaxPool", "kernel": [2048], "stride": [64]}
    with little_memory():
        net = tiny(tmp_path, [{"type": "Expand", "shape": [1, 6000]}, pool], [1, 1])
        assert net.program.pieces.tolist() == [2048] * 62
        assert es.forward(net, [[0.5]]).tolist() == [[0.5] * 62]
        assert es.codes(net, [[0.5]], exact=True).tolist() == [0] * 62


def test_a_global_maximum_from_onnx(tmp_path):
    rng = np.random.default_rng(3)
    file = tmp_path / "max.onnx"
    es.Network([es.ReduceMax()], (MANY,)).to_onnx(file)
    x = rng.normal(size=(2, MANY)).astype(np.float32).astype(np.float64)
    best = np.argmax(x, axis=1)
    with little_memory():
        net = es.load(file)
        assert es.forward(net, x).reshape(-1).tolist() == x.max(axis=1).tolist()
        codes = es.codes(net, x)
        assert codes.dtype == np.uint32
        assert codes[:, 0].tolist() == best.tolist()
        assert es.codes(net, x, exact=True)[:, 0].tolist() == best.tolist()
        run = es.forward_core(net, x, proved=True)
        assert run.proved.all()
        assert not run.on_boundary.any()
        weight, offset = es.affine_maps(net, x[:1])
        assert np.flatnonzero(weight[0].reshape(-1)).tolist() == [int(best[0])]
        assert offset[0] == 0


def test_ties_of_many_members_lead_to_the_lowest():
    n = 3000
    for operator, sign in ((es.ReduceMax(), 1), (es.ReduceMin(), -1)):
        net = es.Network([operator], (n,))
        x = np.zeros(n)
        x[[7, 1000, 2999]] = sign * 0.5
        for exact in (False, True):
            assert es.codes(net, x, exact=exact).tolist() == [7]
        run = es.forward_core(net, x, exact=True)
        assert run.on_boundary
        assert net.forward(x) == es.forward(net, x) == sign * 0.5


def dominated(n: int, width: int, sign: int) -> tuple[es.Network, es.Network]:
    """A maximum of n affine forms behind ReLU units, one far above; and what is before it."""
    rng = np.random.default_rng(n)
    before = [es.Dense(rng.normal(size=(width, 2)), rng.normal(size=width)), es.ReLU()]
    bias = rng.normal(size=n)
    bias[n - n // 3] += 1000.0
    last = [es.Dense(sign * rng.normal(size=(n, width)), sign * bias)]
    last.append(es.ReduceMax() if sign > 0 else es.ReduceMin())
    return es.Network(before + last, (2,)), es.Network(before, (2,))


@pytest.mark.slow
@pytest.mark.parametrize("sign", [1, -1])
def test_a_maximum_that_one_member_dominates_is_counted(sign):
    net, before = dominated(10_000, 6, sign)
    box = es.Box([-1, -1], [1, 1])
    expected = es.count_regions(before, box)  # loads the kernels, too
    begin = time.monotonic()
    with little_memory():
        omega = es.enumerate_regions(net, box)
    assert time.monotonic() - begin < 30
    assert len(omega) == expected > 5
    assert set(omega.codes[:, -1].tolist()) == {10_000 - 10_000 // 3}
    assert omega.codes.dtype == np.uint16


@pytest.mark.slow
def test_pieces_beyond_two_bytes(tmp_path):
    """70,000 members, the best one among the last; through workers' bytes and a store as well."""
    n = 70_000
    weight, bias = np.zeros((n, 1)), np.arange(n) / 8.0
    weight[-1], bias[-2:] = 1.0, 2.0**20
    net, box = es.Network([es.Dense(weight, bias), es.ReduceMax()], (1,)), es.Box([-1], [1])
    expected = [[n - 2], [n - 1]]  # x <= 0, x >= 0
    with little_memory():
        omega = es.enumerate_regions(net, box)
        assert omega.codes.tolist() == expected
    omega = es.enumerate_regions(net, box, store=tmp_path / "run.exs")
    assert omega.codes.tolist() == expected


def tangents(n: int) -> es.Network:
    """The maximum of n tangents of a parabola, in mixed order: n regions in a row."""
    at = np.linspace(-1, 1, n)[np.random.default_rng(0).permutation(n)]
    return es.Network([es.Dense(np.stack([at, 0 * at], 1), -(at**2) / 2), es.ReduceMax()], (2,))


def test_members_that_are_beaten_are_left_out_for_the_right_reason():
    """More pieces than are gone through one by one, and every one of them holds somewhere."""
    net, box = tangents(40), es.Box([-2, -1], [2, 1])
    kernel = es.enumerate_regions(net, box, engine="kernel")
    exact = es.enumerate_regions(net, box, engine="rational")
    assert kernel.codes.tolist() == exact.codes.tolist() == [[r] for r in range(40)]
    assert len(kernel.edges) == len(exact.edges) == 39
    assert kernel.edges.source.tolist() == exact.edges.source.tolist()
    assert kernel.edges.target.tolist() == exact.edges.target.tolist()
    assert kernel.edges.form.tolist() == exact.edges.form.tolist()


def test_a_dense_maso_is_refused_before_it_is_made():
    with little_memory(), pytest.raises(LimitError, match="dense A of shape"):
        es.ReduceMax().as_maso((MANY,))


@pytest.mark.slow
def test_inequalities_that_no_memory_holds_are_refused():
    net = es.Network([es.ReduceMax()], (7000,))
    with little_memory():
        region = es.regions_at(net, np.arange(7000.0))[0]
        assert region.code.tolist() == [6999]
        with pytest.raises(LimitError, match="slice of fewer dimensions"):
            region.inequalities(irredundant=False)


@pytest.mark.parametrize(
    ("operators", "shape"),
    [
        ([{"type": "Expand", "shape": [2, 1 << 20]}, {"type": "MaxPool", "kernel": [32]}], [1, 1]),
        ([{"type": "Expand", "shape": [1, 4_000_000]},
          {"type": "AveragePool", "kernel": [2048], "stride": [1]}], [1, 1]),
    ],
)  # fmt: skip
def test_windows_are_counted_before_they_are_held(tmp_path, operators, shape):
    operators[1]["stride"] = [1]
    with little_memory(), pytest.raises(FormatError, match="entries together"):
        tiny(tmp_path, operators, shape)


def test_affine_maps_are_counted_before_they_are_held():
    """Every one of 200,000 outputs reads 200,000 inputs."""
    n = 200_000
    net = es.Network([es.ReduceSum((), keepdims=True), es.Expand((n,)), es.ReLU()], (n,))
    with little_memory(), pytest.raises(LimitError, match="affine map"):
        _ = net.program
    image = es.Network([es.Expand((1, n)), es.Conv(np.ones((1, 1, 200)))], (1, 1))
    with little_memory(), pytest.raises(LimitError, match="windows"):
        image.forward(np.zeros((1, 1, 1)))
    with little_memory(), pytest.raises(LimitError, match="windows"):
        _ = image.program
