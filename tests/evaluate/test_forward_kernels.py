"""The kernels of the forward passes against plain twins, and how a program is laid out."""

from __future__ import annotations

import copy
import pickle
import random
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import numba
import numpy as np
import pytest
import torch
from random_networks import STYLES, network, random_spec

import exactspline as es
from exactspline.evaluate.fast import FastPass
from exactspline.evaluate.kernel import (
    backward,
    batch,
    bounds,
    endings,
    layout,
    map_rows,
    rows,
    running,
    unit_rows,
)
from exactspline.evaluate.kernel import vector_sums as lanes
from exactspline.evaluate.levels import levels_of
from exactspline.evaluate.plain import PlainPass
from exactspline.evaluate.plan import make_plan
from exactspline.evaluate.windows import find_windows

TYPES = (np.float64, np.float32)


def close(a, b, dtype):
    tolerance = 1e-4 if dtype == np.float32 else 1e-12
    scale = 1 + np.abs(b).max(initial=0)
    return a.shape == b.shape and bool(np.all(np.abs(a - b) <= tolerance * scale))


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("n", [0, 1, 4, 11])
@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
def test_some_rows(count, n, dtype):
    """Rows of a tile times rows of samples."""
    rng = np.random.default_rng(n)
    F, Z = rng.normal(size=200).astype(dtype), rng.normal(size=(9, 48)).astype(dtype)
    columns, numbers = rng.integers(0, 9, size=n), rng.permutation(20)[:6]
    numbers = np.append(numbers, 3)
    T = np.concatenate([[7, n, 5, 20, 30], numbers, np.zeros(8, int), columns, [7, 2, 5, 1, 0]])
    U = np.full((8, 48), np.nan, dtype)
    where = 20 + n
    lanes.some_rows(F, T, Z, U, 0, 2, count, 100, where)
    for q in range(count):
        weights = F[30 + (2 + q) * n :][:n]
        want = F[100 + numbers[2 + q]] + weights @ Z[columns]
        assert close(U[T[where + q]], want.astype(dtype), dtype)
    assert np.isnan(U).sum() == 48 * (8 - count)


def test_rows_go_together_in_fives_and_alike():
    for n in range(1, 200):
        sizes, left = [], n
        while left:
            sizes.append(lanes.rows_at_once(left))
            left -= sizes[-1]
        assert len(sizes) == -(-n // lanes.MOST)
        assert max(sizes) - min(sizes) <= 1
        assert max(sizes) <= lanes.MOST


def test_fill_and_copy():
    row = np.arange(5.0)
    rows.fill(row, 2)
    assert row.tolist() == [2.0] * 5
    rows.copy_row(row, np.arange(5.0))
    assert row.tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("pieces", [2, 3, 5])
@pytest.mark.parametrize("add", [0, 1])
def test_scalar_unit(pieces, add, dtype):
    rng = np.random.default_rng(pieces)
    breaks = np.sort(rng.integers(-3, 3, size=pieces - 1)).astype(float)
    breaks += np.arange(pieces - 1)
    slope, offset = rng.normal(size=pieces), rng.normal(size=pieces)
    F = np.concatenate([[9], -breaks, slope, offset]).astype(dtype)
    u = np.concatenate([rng.normal(size=32) * 3, breaks])[-32:].astype(dtype)
    U, Y, P = np.stack([u * 0, u]), np.ones((3, 32), dtype), np.full((4, 32), 7, np.uint8)
    ends = np.stack([np.full(32, np.inf), np.full(32, 0.1)]).astype(dtype)
    unit_rows.scalar_unit(F, U, Y, P, ends, 1, pieces, 1, 2, 3, add, 1, 1)
    want = (u[:, None] > breaks).sum(axis=1)  # at a breakpoint the lower piece
    assert P[3].tolist() == want.tolist()
    made = slope.astype(dtype)[want] * u + offset.astype(dtype)[want]
    assert close(Y[2], made + dtype(add), dtype)
    assert np.array_equal(ends[1], np.maximum(np.abs(u), dtype(0.1)))
    assert close(ends[0], np.abs(u[:, None] - breaks).min(axis=1).astype(dtype), dtype)
    assert np.all(Y[:2] == 1)
    assert np.all(P[:3] == 7)
    unit_rows.scalar_unit(F, U, Y, P, ends, 1, pieces, 1, 0, 0, 0, 0, 0)
    assert close(Y[0], made, dtype)
    assert np.all(P[0] == 7)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_extreme_unit(sign):
    rng = np.random.default_rng(0)
    source = rng.integers(-2, 3, size=(5, 48)).astype(float)  # ties
    table = np.array([[layout.MAXIMUM, 3, 6, 0, 0, 1]]).T.reshape(-1)
    T = np.concatenate([table, [4, 0, 2], np.arange(5)])
    Y, P, ends = np.zeros((1, 48)), np.zeros((2, 48), np.uint8), np.zeros((2, 48))
    ends[0] = np.inf
    unit_rows.extreme_unit(np.array([sign]), T, source, Y, P, ends, 0, 1, 9, 1, 0, 1, 1)
    members = sign * source[[4, 0, 2]]
    assert np.array_equal(P[1], members.argmax(axis=0))  # the lowest of equal ones
    assert np.array_equal(Y[0], sign * members.max(axis=0))
    ordered = np.sort(members, axis=0)
    assert np.array_equal(ends[0], ordered[2] - ordered[1])
    assert np.array_equal(ends[1], np.abs(members).max(axis=0))


def test_running_bounds_are_one_formula():
    rng = np.random.default_rng(0)
    for _ in range(50):
        N = np.abs(rng.normal(size=16)) * 10.0 ** rng.integers(-12, 3, size=16)
        N[15] = rng.integers(1, 3)
        S, E, U = np.abs(rng.normal(size=(3, 4))) * 10.0 ** rng.integers(-5, 5, size=(3, 1))
        members, units = bounds.of_members(N, 0, S, E), bounds.of_units(N, 0, U, E)
        for i in range(4):  # compiled, for single numbers
            assert running.of_members(N, 0, S[i], E[i]) == pytest.approx(members[i], rel=1e-12)
            assert running.of_units(N, 0, U[i], E[i]) == pytest.approx(
                [column[i] for column in units], rel=1e-12
            )
            # and rounded up: never below the same in rationals
            exact = [Fraction(v) for v in N]
            s, e = Fraction(S[i]), Fraction(E[i])
            least = exact[0] * e + exact[1] * (s + e) + exact[3]
            least += exact[4] * (exact[0] * s + exact[2]) + exact[5]
            assert least <= members[i] <= least * (1 + Fraction(1, 10**5))


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("seed", range(12))
def test_passes_agree(seed, dtype):
    """Blocks, single samples and NumPy: the same values, codes and proofs."""
    rng = random.Random(seed)
    dim = rng.randint(1, 5)
    widths = [rng.randint(2, 9) for _ in range(3)]
    net = network(random_spec(rng, dim, widths, STYLES[seed % 5], skip=seed % 2 == 0))
    program, kind = net.program, np.dtype(dtype)
    X = np.random.default_rng(seed).normal(size=(300, dim)).astype(dtype)
    n, C, n_units = len(X), net.output_dim, program.n_units
    plan = make_plan(program, kind)
    results = []
    errors = np.full(n, 1e-12)
    for run in (PlainPass(program, kind), FastPass(plan, dim, C, n_units, 2)):
        values, codes = np.empty((n, C), dtype), np.zeros((n, n_units), np.uint8)
        stats = np.zeros((n, 3))
        run(X, errors, values, codes, stats)
        again = np.empty_like(values)
        run(X, errors, again, None, None)
        assert close(again, values, dtype)
        results.append((values, codes, stats))
    (v1, q1, s1), (v2, q2, s2) = results
    assert close(v2, v1, dtype)
    both = (s1[:, 0] == 1) & (s2[:, 0] == 1)
    assert both.mean() > (0.3 if dtype == np.float32 else 0.9) or s1[:, 1].any()
    assert np.array_equal(q1[both], q2[both])
    assert np.allclose(s1[:, 2], s2[:, 2], rtol=0.1)
    fast = FastPass(plan, dim, C, n_units, 1)
    values, codes, stats = np.empty_like(v1), np.zeros_like(q1), np.zeros_like(s1)
    fast._one_by_one(X, errors, 0, n, values, codes, stats)
    assert close(values, v1, dtype)
    assert np.array_equal(codes[both], q1[both])
    assert np.allclose(stats[:, 2], s2[:, 2], rtol=1e-6)
    one = fast.one_sample()
    for i in range(0, n, 29):
        value, code = np.empty(C, dtype), np.zeros(n_units, np.uint8)
        assert one.kernel(one.table, X[i], value, code)
        assert np.array_equal(value, values[i])
        assert np.array_equal(code, codes[i])


def unaligned(x):
    room = np.zeros(x.nbytes + 1, np.uint8)
    room[1:] = np.frombuffer(x.tobytes(), np.uint8)
    return room[1:].view(x.dtype)


def read_only(x):
    x = x.copy()
    x.flags.writeable = False
    return x


KINDS = (
    np.copy, read_only, unaligned, lambda x: np.repeat(x, 2)[::2], lambda x: x[::-1].copy()[::-1],
    lambda x: x.reshape(2, 3), lambda x: np.asfortranarray(x.reshape(2, 3)), list,
    lambda x: x.astype(x.dtype.newbyteorder()), lambda x: x.astype(np.longdouble),
    np.ma.asarray,
    lambda x: x.astype(np.dtype(x.dtype, metadata={"a": 1})), torch.tensor,
    lambda x: x.astype(np.float64 if x.dtype == np.float32 else np.float32),
)  # fmt: skip


@pytest.fixture(params=TYPES)
def prepared(request):
    rng = np.random.default_rng(0)
    shape = es.Flatten(), es.Dense(rng.normal(size=(9, 6))), es.ReLU()
    net = es.Network([*shape, es.Dense(rng.normal(size=(4, 9)))], (2, 3))
    return es.prepare(net, dtype=request.param)


def test_one_sample_of_any_kind(prepared):
    """What compiled code would misread goes another way, to the same result or a clear error."""
    x = np.arange(-2, 4).astype(prepared.dtype) / 4
    want = es.ForwardCore(prepared.network, prepared.dtype, "numpy").run([x])
    for kind in KINDS:
        for _ in range(2):
            value, code = prepared.point(kind(x))
            assert value.dtype == prepared.dtype
            assert close(value, want.values[0], prepared.dtype)
            assert np.array_equal(code, want.codes[0])
    before = prepared.point(x)
    after = prepared.point(-x)
    assert not np.array_equal(before[0], after[0])
    assert close(before[0], want.values[0], prepared.dtype)  # no buffer is shared
    for bad in (x[:5], np.append(x, x), x[:0], x.reshape(3, 2), np.array([x, x]), np.array(1.0)):
        with pytest.raises(es.ShapeError):
            prepared.point(bad.astype(prepared.dtype))
    for bad in (np.nan, np.inf, -np.inf):
        for i in range(6):
            y = x.copy()
            y[i] = bad
            with pytest.raises(es.ParameterError, match=f"entry {i} is"):
                prepared.point(y)
    with pytest.raises(es.ParameterError):
        prepared.point(x.astype(complex))


def test_batches_of_any_kind():
    """Of a network whose samples go one by one, and in tiles."""
    wide = es.Network([es.Conv([[[[1, 2, -1], [0, 1, 1], [2, -1, 1]]]]), es.ReLU(),
                       es.AveragePool((47, 47))], (1, 96, 96))  # fmt: skip
    small = es.Network([es.Dense([[1, -1], [2, 1]]), es.ReLU()], (2,))
    for net in (wide, small):
        core = es.ForwardCore(net, np.float64, "numba")
        x = np.random.default_rng(0).integers(-4, 5, (3, *net.input_shape)).astype(float)
        want = es.ForwardCore(net, np.float64, "numpy").run(x)
        for kind in (np.copy, read_only, unaligned, lambda x: x[::-1].copy()[::-1]):
            given = kind(x).reshape(x.shape)
            assert close(core.run(given).values, want.values, np.float64)
            assert np.array_equal(core.codes(given), want.codes)


def test_a_copy_of_a_core_has_its_own_arrays(prepared):
    x = np.arange(-2, 4).astype(prepared.dtype) / 4
    value, code = prepared.point(x)
    one = prepared._sample
    for other in (copy.deepcopy(one), pickle.loads(pickle.dumps(one))):
        assert not set(other.table[:-1:2]) & set(one.table[:8:2])
        found = np.empty_like(value), np.empty_like(code)
        assert other.kernel(other.table, x, *found)
        assert np.array_equal(found[0], value)
        assert np.array_equal(found[1], code)


@numba.njit
def weigh(F, matrix, width, units, own, n, above, size, rows, source, target):
    map_rows.weigh(F, matrix, width, units, own, n, above, size, rows, source, target)


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("n", [1, 4, 5, 8, 12, 13, 21])
@pytest.mark.parametrize("size", [0, 1, 20])
def test_weigh(size, n, dtype):
    """Rows of eight numbers, weighted by columns of a matrix."""
    rng = np.random.default_rng(size)
    F = rng.normal(size=7 + 30 * 41).astype(dtype)
    units = rng.integers(0, 30, size=90).astype(np.uint16)
    rows = rng.normal(size=8 * 80).astype(dtype)
    before, matrix = rows.copy(), F[7:].reshape(30, 41)
    weigh(F, 7, 41, units, 5, n, 50, size, rows, 8, 8 * 30)
    part = matrix[units[50 : 50 + size]][:, units[5 : 5 + n]]
    want = part.T @ before[8 : 8 * (1 + size)].reshape(size, 8)
    assert close(rows[8 * 30 :][: 8 * n].reshape(n, 8), want, dtype)
    rest = slice(8 * (30 + n + 7), None)
    assert np.array_equal(rows[: 8 * 30], before[: 8 * 30])
    assert np.array_equal(rows[rest], before[rest])


@numba.njit
def put_product(F, matrix, units, above, size, rows, source, A, b, sample, begin, lanes):
    map_rows.put_product(F, matrix, units, above, size, rows, source, A, b, sample, begin, lanes)


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("size", [0, 1, 2, 7, 20])
@pytest.mark.parametrize(("dim", "lanes"), [(1, 1), (2, 8), (5, 5), (6, 3), (7, 8)])
def test_put_product(dim, lanes, size, dtype):
    """Rows of eight outputs times rows of a matrix with few columns; nothing else is written."""
    rng = np.random.default_rng(size)
    F = rng.normal(size=9 + 30 * (dim + 1) + 8).astype(dtype)
    units = rng.integers(0, 30, size=40).astype(np.uint16)
    rows = rng.normal(size=8 * 40).astype(dtype)
    A, b = rng.normal(size=(4, lanes + 3, dim)).astype(dtype), rng.normal(size=(4, lanes + 3))
    b = b.astype(dtype)
    want_A, want_b = A.copy(), b.copy()
    part = F[9 : 9 + 30 * (dim + 1)].reshape(30, dim + 1)[units[4 : 4 + size]].astype(float)
    own = rows.reshape(-1, 8)[3 : 3 + size, :lanes].astype(float)
    made = own.T @ part
    want_A[1, 2 : 2 + lanes] = made[:, :dim]
    want_b[1, 2 : 2 + lanes] = made[:, dim] + rows.reshape(-1, 8)[3 + size, :lanes]
    put_product(F, 9, units, 4, size, rows, 24, A, b, 1, 2, lanes)
    assert close(A, want_A, dtype)
    assert close(b, want_b, dtype)
    others = np.ones(len(A), bool)
    others[1] = False
    assert np.array_equal(A[others], want_A[others])
    assert np.array_equal(b[others], want_b[others])


@numba.njit
def write_bits(P, bits, begin, n, word, units):
    batch.write_bits(P, bits, begin, n, word, units)


@pytest.mark.parametrize("n", [1, 16, 63, 64, 65, 200])
@pytest.mark.parametrize("units", [1, 8, 63, 64, 65, 150])
def test_write_bits(units, n):
    """Squares of codes, transposed as bits; nothing else is written."""
    rng = np.random.default_rng(units)
    width, words = 16 * (-(-n // 16)), -(-units // 64)
    room = rng.integers(0, 3, size=units * width + 64).astype(np.uint8)  # any byte but 0 is 1
    P, bits = room[: units * width].reshape(units, width), np.full((n + 5, 8 * words + 24), 7)
    bits = bits.astype(np.uint8)
    want = bits.copy()
    padded = np.zeros((n, 64 * words), bool)
    padded[:, :units] = P[:, :n].T != 0
    want[3 : 3 + n, 16 : 16 + 8 * words] = np.packbits(padded, axis=1, bitorder="little")
    write_bits(P, bits, 3, n, 2, units)
    assert np.array_equal(bits, want)


@pytest.mark.parametrize("widths", [(1,), (8,), (63, 64, 65), (50, 3, 130, 5)])
def test_bits(widths):
    """Codes as bits, which units those say are active, and the order of the samples."""
    rng = np.random.default_rng(sum(widths))
    ops, n_in = [], 3
    for width in widths:
        ops += [es.Dense(rng.normal(size=(width, n_in))), es.ReLU()]
        n_in = width
    net = es.Network([*ops, es.Dense(rng.normal(size=(2, n_in)))], (3,))
    plan = make_plan(net.program, np.dtype(np.float64))
    assert plan.chain
    ends = np.cumsum([0, *widths])
    layers = [rng.integers(0, 2, size=(4, width)).astype(np.uint8) for width in widths]
    codes = np.concatenate([layer[rng.integers(0, 4, size=300)] for layer in layers], axis=1)
    counts = [-(-width // 64) for width in widths]
    words, keys = np.empty((300, sum(counts)), np.uint64), np.empty(300, np.uint64)
    numbers = rng.integers(0, 2**64, size=sum(counts), dtype=np.uint64)
    endings.take_bits(plan.T, plan.levels, codes, words)
    endings.take_keys(plan.T, plan.levels, words, numbers, keys)
    starts, units = np.cumsum([0, *counts]), np.full(200, 9, np.uint16)
    for sample in (0, 7, 299):
        for a, b, start, count in zip(ends, ends[1:], starts, counts, strict=False):
            own = words[sample, start : start + count].astype("<u8").view(np.uint8)
            bits = np.unpackbits(own, bitorder="little")
            assert np.array_equal(bits[: b - a], codes[sample, a:b])
            assert not bits[b - a :].any()
            found = endings._collect(words, sample, start, b - a, units, 11)
            assert np.array_equal(units[11 : 11 + found], np.flatnonzero(codes[sample, a:b]))
    order = np.argsort(keys)
    for ending in range(1, min(len(widths), 3) + 1):
        own = codes[order, ends[-1 - ending] :]
        changes = 1 + np.count_nonzero(np.any(own[1:] != own[:-1], axis=1))
        assert changes == len(np.unique(own, axis=0))
    for a, b in pairwise(order):
        first = endings._first_differing(words, starts, a, b, len(widths))
        same = [np.array_equal(codes[a, i:], codes[b, i:]) for i in ends]
        assert first == same.index(True)


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("pad", [16, 32, 48, 80])
@pytest.mark.parametrize("n", [0, 1, 6, 63, 64, 65, 130])
def test_combine(n, pad, dtype):
    """Columns of a matrix for the entries that are not zero, and none beyond the end."""
    rng = np.random.default_rng(n)
    F, U = rng.normal(size=3 + (n + 1) * pad).astype(dtype), np.full(pad + 2, np.nan, dtype)
    columns = F[3 : 3 + n * pad].reshape(n, pad)
    for share in (0, 0.1, 0.5, 1):
        Z = np.full(n + layout.WORD, np.nan, dtype)
        Z[:n] = np.where(rng.random(n) < share, rng.normal(size=n), rng.choice([0.0, -0.0], n))
        where = np.flatnonzero(Z[:n] == 0)
        F[3 : 3 + n * pad].reshape(n, pad)[where] = np.nan  # not even read
        lanes.combine(F, 3 + n * pad, 3, pad, n, Z, U)
        rest = np.flatnonzero(Z[:n])
        assert close(U[:pad], F[3 + n * pad :] + Z[rest] @ columns[rest], dtype)
        assert np.isnan(U[pad:]).all()
        columns[where] = rng.normal(size=(len(where), pad))


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("kind", ["dense", "tiles"])
def test_kernels_that_leave_layers_out(kind, dtype):
    """Compiled for fewer kinds of layers, the same kernels: equal to the last bit."""
    rng = np.random.default_rng(5)
    if kind == "dense":
        ops = [es.Dense(rng.normal(size=(19, 3)), rng.normal(size=19)), es.ReLU()]
        ops += [es.Dense(rng.normal(size=(5, 19)), rng.normal(size=5)), es.ReLU()]
        net = es.Network([*ops, es.Dense(rng.normal(size=(2, 5)))], (3,))
    else:
        conv = es.Conv(rng.normal(size=(3, 1, 3, 3)), rng.normal(size=3))
        layers = [conv, es.LeakyReLU(0.125), es.Flatten(), es.Dense(rng.normal(size=(2, 972)))]
        net = es.Network(layers, (1, 20, 20))
    plan = make_plan(net.program, np.dtype(dtype))
    assert (plan.dense, plan.chain, plan.fused) == (kind == "dense", kind == "dense", True)
    general = replace(plan, dense=False, fused=False)
    X, errors = rng.normal(size=(70, net.input_dim)).astype(dtype), np.full(70, 1e-12)
    for single in (False, True):
        found = []
        for one in (plan, general):
            values = np.empty((70, 2), dtype)
            codes, stats = np.zeros((70, net.units), np.uint8), np.zeros((70, 3))
            run = FastPass(replace(one, single=single), net.input_dim, 2, net.units, 2)
            run(X, errors, values, codes, stats)
            found.append((values, codes, stats))
        for a, b in zip(*found, strict=True):
            assert np.array_equal(a, b)
    assert not make_plan(conv_net(rng).program, np.dtype(dtype)).dense


@pytest.mark.parametrize("n_units", [1, 7, 8, 50, 64, 70, 130])
def test_write_codes(n_units):
    """Bytes by units to bytes by samples."""
    rng = np.random.default_rng(n_units)
    P = rng.integers(0, 256, size=(n_units, 24)).astype(np.uint8)
    for n in (1, 8, 23, 24):
        codes = np.full((30, n_units + 5), 7, np.uint8)
        batch.write_codes(P, codes, 4, n, 3, n_units)
        assert np.array_equal(codes[4 : 4 + n, 3:-2], P[:, :n].T)
        codes[4 : 4 + n, 3:-2] = 7
        assert np.all(codes == 7)


@pytest.mark.parametrize("layers", [1, 2, 5])
def test_keys_sort_equal_endings_together(layers):
    rng = np.random.default_rng(layers)
    ops = [op for _ in range(layers) for op in (es.Dense(rng.normal(size=(4, 4))), es.ReLU())]
    net = es.Network(ops, (4,))
    plan = make_plan(net.program, np.dtype(np.float64))
    codes = rng.integers(0, 2, size=(500, net.units)).astype(np.uint8)
    random_ = rng.integers(0, 2**64, net.units + 1, dtype=np.uint64)
    keys = np.empty(500, np.uint64)
    backward.suffix_keys(plan.T, plan.levels, codes, 0, 500, random_, keys)
    for ending in range(1, min(layers, 3) + 1):
        own = codes[np.argsort(keys), -4 * ending :]
        changes = 1 + np.count_nonzero(np.any(own[1:] != own[:-1], axis=1))
        assert changes == len(np.unique(own, axis=0))
    whole = {code.tobytes(): key for code, key in zip(codes, keys.tolist(), strict=True)}
    assert all(whole[code.tobytes()] == key for code, key in zip(codes, keys, strict=True))


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("threads", [1, 3])
def test_maps_by_endings_and_by_blocks(dtype, threads):
    """Samples that share endings of codes, and all of them, against the two other ways."""
    rng = np.random.default_rng(0)
    ops = []
    for n_in, n_out in ((3, 9), (9, 20), (20, 6)):
        ops += [es.Dense(rng.normal(size=(n_out, n_in)), rng.normal(size=n_out)), es.ReLU()]
    net = es.Network([*ops, es.Dense(rng.normal(size=(4, 6)), rng.normal(size=4))], (3,))
    X = np.concatenate([rng.normal(size=(200, 3)), np.zeros((70, 3)), rng.normal(size=(9, 3))])
    X = X.astype(dtype)
    core = es.ForwardCore(net, dtype, "numba", threads)
    assert core._plan.chain
    A, b = core.affine_maps(X)
    reference = es.ForwardCore(net, dtype, "numpy")
    want = reference.affine_maps(X)
    assert close(A, want[0], dtype)
    assert close(b, want[1], dtype)
    blocks = np.empty_like(A), np.empty_like(b)
    core._fast._by_blocks(core.codes(X), *blocks)
    assert close(A, blocks[0], dtype)
    assert close(b, blocks[1], dtype)


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("outputs", [1, 8, 19])
def test_maps_of_many_samples(outputs, dtype):
    """More samples than are sorted together; more units and outputs than go into one word."""
    rng = np.random.default_rng(outputs)
    ops = [es.Dense(rng.normal(size=(70, 2)), rng.normal(size=70)), es.ReLU()]
    ops += [es.Dense(rng.normal(size=(5, 70)), rng.normal(size=5)), es.ReLU()]
    net = es.Network([*ops, es.Dense(rng.normal(size=(outputs, 5)))], (2,))
    core = es.ForwardCore(net, dtype, "numba", 1)
    assert core._plan.chain
    X = rng.normal(size=(9001, 2)).astype(dtype)
    A, b = np.full((9001, outputs, 2), np.nan, dtype), np.full((9001, outputs), np.nan, dtype)
    core._fast.maps_of(X, A, b)
    blocks, codes = (np.empty_like(A), np.empty_like(b)), core.codes(X)
    core._fast._by_blocks(codes, *blocks)
    assert close(A, blocks[0], dtype)
    assert close(b, blocks[1], dtype)
    again = np.empty_like(A), np.empty_like(b)
    core._fast.maps(codes, *again)  # the same sums, in the same order
    assert np.array_equal(A, again[0])
    assert np.array_equal(b, again[1])


def conv_net(rng):
    return es.Network(
        [
            es.Conv(rng.normal(size=(8, 1, 2, 2)), rng.normal(size=8)), es.ReLU(),
            es.AveragePool((4, 4)), es.Flatten(), es.Dense(rng.normal(size=(3, 128))),
        ],
        (1, 17, 17),
    )  # fmt: skip


@pytest.mark.parametrize("dtype", TYPES)
def test_a_convolution_is_tiles_and_pooling_is_a_sum(dtype):
    rng = np.random.default_rng(0)
    net = conv_net(rng)
    plan = make_plan(net.program, np.dtype(dtype))
    header = plan.T[: layout.HEADER]
    assert header[layout.TILES] == 256  # one a position: 8 channels that read 4 entries
    tile = plan.T[header[layout.TILE_AT] :][: layout.TILE]
    assert tile[:2].tolist() == [8, 4]
    where = plan.T[header[layout.TILE_AT] :][: 256 * layout.TILE].reshape(256, -1)[:, 4]
    assert len(np.unique(where)) == 1  # equal tiles are stored once
    if dtype == np.float64:  # 1/16 of a weight is exact in both types here only by luck
        assert header[layout.MERGED] == 1
        assert header[layout.STATE] == 128
    X = rng.normal(size=(70, 289)).astype(dtype)
    want = net.forward(X.astype(float))
    core, reference = es.ForwardCore(net, dtype, "numba"), es.ForwardCore(net, dtype, "numpy")
    assert close(core.forward(X), want, dtype)
    assert np.array_equal(core.codes(X, exact=True), reference.codes(X, exact=True))
    (A, b), (A0, b0) = core.affine_maps(X), reference.affine_maps(X)
    assert close(A, A0, dtype)
    assert close(b, b0, dtype)


def windows_twin(net, kind):
    """Every sparse level's windows, and the rows in none: once more the level's matrix."""
    found = 0
    for level in levels_of(net.program, kind):
        m, lanes = level.members, 64 // kind.itemsize
        parts = find_windows(m.indptr, m.indices, m.data.values, m.const.values, lanes, m.width)
        made, const = np.zeros((len(m), m.width + 1), kind), m.const.values.copy()
        seen = np.zeros(len(m), dtype=int)
        made[parts[1], :-1], seen[parts[1]] = m.dense()[parts[1]], 1
        for w in parts[0]:
            own = [[(b + w.offsets) for b in range(s, s + lanes)] for s, _ in w.direct]
            own = [np.array(e).T for e in own] + [entries for entries, _ in w.listed]
            rows = [np.arange(r, r + lanes) for _, r in w.direct] + [r for _, r in w.listed]
            for entries, at in zip(own, rows, strict=True):
                assert entries.shape == (len(w.offsets), lanes)
                for lane in range(lanes):
                    for r, row in enumerate(at[lane] + w.rows):
                        made[row], const[row], seen[row] = 0, w.const[r], 1
                        made[row, entries[:, lane]] = w.weights[:, r]
        made[:, -1] = 0  # the entry that is zero
        assert np.array_equal(made[:, :-1], m.dense())
        assert np.array_equal(const, m.const.values)
        assert seen.all()
        found += len(parts[0])
    return found


def window_net(name):
    rng = np.random.default_rng(0)

    def conv(n_in, n_out, k=3, pad=1, stride=1):
        weight = rng.normal(size=(n_out, n_in, k, k))
        return es.Conv(weight, rng.normal(size=n_out), padding=pad, stride=stride)

    if name == "padded":
        return es.Network([conv(1, 6), es.ReLU(), conv(6, 3), es.Abs()], (1, 21, 20))
    if name == "strides":
        layers = [conv(2, 5, stride=2), es.LeakyReLU(), conv(5, 2, k=2, pad=0), es.MaxPool((2, 2))]
        return es.Network([*layers, es.Flatten(), es.Dense(rng.normal(size=(2, 18)))], (2, 15, 15))
    if name == "averages":  # 3 x 3 windows, with units that nobody reads
        layers = [conv(1, 9, pad=0), es.ReLU(), es.AveragePool((3, 3)), es.Flatten()]
        return es.Network([*layers, es.Dense(rng.integers(-9, 9, size=(4, 225)))], (1, 18, 18))
    block = es.Residual([conv(4, 4), es.ReLU(), conv(4, 4)])
    return es.Network([conv(1, 4), block, es.MaxPool((2, 2)), es.ReLU()], (1, 10, 10))


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("name", ["padded", "strides", "averages", "residual"])
def test_windows(name, dtype):
    """Single samples of convolutions: windows are the matrix, and passes NumPy's."""
    net, kind = window_net(name), np.dtype(dtype)
    assert windows_twin(net, kind) >= 1
    plan = make_plan(net.program, kind)
    X = np.random.default_rng(1).normal(size=(23, net.input_dim)).astype(dtype)
    runs = [PlainPass(net.program, kind)]
    for single in (True, False):
        made = replace(plan, single=single)
        runs.append(FastPass(made, net.input_dim, net.output_dim, net.units, 2))
    results = []
    for run in runs:
        values, codes = np.empty((23, net.output_dim), dtype), np.zeros((23, net.units), np.uint8)
        stats = np.zeros((23, 3))
        run(X, np.full(23, 1e-12), values, codes, stats)
        results.append((values, codes, stats))
    (v0, q0, s0), (v1, q1, s1), (v2, q2, s2) = results
    assert close(v1, v0, dtype)
    assert close(v2, v0, dtype)
    for q, s in ((q1, s1), (q2, s2)):
        both = (s0[:, 0] == 1) & (s[:, 0] == 1)
        assert both.mean() > (0.5 if dtype == np.float64 else -1)
        assert np.array_equal(q[both], q0[both])
        assert np.mean(q != q0) < 1e-3
    assert np.allclose(s1[:, 2], s2[:, 2], rtol=1e-5)  # one bound, whoever multiplies
    exact = net.forward(X[0].astype(float).reshape(net.input_shape), exact=True)
    apart = np.abs(v1[0].astype(float) - np.asarray(exact, dtype=float).reshape(-1))
    assert np.all(apart <= s1[0, 2])
    again = np.empty_like(v1)
    runs[1](X, np.zeros(23), again, None, None)  # without codes and bounds
    assert np.array_equal(again, v1)


def neighbours(net, dtype, n=40):
    """A walk with small steps, some samples twice."""
    rng = np.random.default_rng(2)
    X = rng.normal(size=net.input_dim) + np.cumsum(rng.normal(size=(n, net.input_dim)), 0) * 3e-3
    return X[np.sort(rng.integers(0, n, size=n + 20))].astype(dtype)


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("name", ["padded", "strides", "averages", "residual"])
def test_transposed_maps(name, dtype):
    """Maps by transposed layers: those of NumPy, with changes and without."""
    net = window_net(name)
    core, reference = es.prepare(net, dtype=dtype, threads=2), es.ForwardCore(net, dtype, "numpy")
    assert not core._plan.chain
    X = neighbours(net, dtype)[: 9 if name == "padded" else None]  # 1,260 outputs
    codes = core.codes(X)
    flips = np.count_nonzero(codes[1:] != codes[:-1], axis=1)
    assert flips.max() > 0
    shape = (len(X), net.output_dim)
    A, b = np.empty((*shape, net.input_dim), dtype), np.empty(shape, dtype)
    core._fast._transposed(codes, A, b)
    A1, b1 = np.empty_like(A), np.empty_like(b)
    core._fast._transposed(codes, A1, b1, fresh=True)
    want = reference._maps(codes)
    for a in (A, A1):
        assert close(a, want[0], dtype)
    for a in (b, b1):
        assert close(a, want[1], dtype)
    _, first, which = np.unique(codes, axis=0, return_index=True, return_inverse=True)
    which = which.reshape(-1)
    assert np.array_equal(A1, A1[first][which])  # one map a code
    alone = np.empty_like(A)
    for i in range(len(X)):  # fresh: whatever else is in the batch
        core._fast._transposed(codes[i : i + 1], alone[i : i + 1], b1[i : i + 1], fresh=True)
    assert np.array_equal(alone, A1)


def test_changes_of_rank_one_are_exact_where_nothing_rounds():
    """Integer weights, one layer: updated maps are the fresh ones, and within bounds otherwise."""
    rng = np.random.default_rng(0)
    for whole in (True, False):
        weight, out = rng.normal(size=(6, 1, 3, 3)) * 4, rng.normal(size=(5, 600)) * 4
        weight[0] *= 1e6  # what is taken out is large: the bound knows
        weight, out = (np.rint(weight), np.rint(out)) if whole else (weight, out)
        net = es.Network(
            [es.Conv(weight, np.ones(6)), es.ReLU(), es.Flatten(), es.Dense(out)], (1, 12, 12)
        )
        core = es.prepare(net, threads=1)
        X = neighbours(net, np.float64, 80)
        codes = core.codes(X, exact=True)
        flips = np.count_nonzero(codes[1:] != codes[:-1], axis=1)
        assert np.any((flips > 0) & (flips < 60))
        A, b = core.affine_maps(X)
        fresh = core.affine_maps(X, fresh=True)
        if whole:
            assert np.array_equal(A, fresh[0])
            assert np.array_equal(b, fresh[1])
            continue
        assert not np.array_equal(A, fresh[0])  # else nothing was changed
        layer, head = net.program.layers[0].members, net.program.output
        rows = np.repeat(np.arange(len(layer)), np.diff(layer.indptr))
        dense = np.zeros((len(layer), layer.width))
        dense[rows, layer.indices] = np.abs(layer.data.astype(float))
        sizes = np.abs(out) @ dense  # of all parts that there can be
        terms = 4 * len(layer)
        assert len(head) == 5
        assert np.all(np.abs(A - fresh[0]) <= terms * 2.0**-52 * sizes)


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize(
    "widths",
    [
        pytest.param((5, 80, 3), marks=pytest.mark.slow),
        pytest.param((150, 140, 130), marks=pytest.mark.slow),
        (3, 2, 40),
    ],
)
def test_dense_layers_of_all_sizes(widths, dtype):
    """Products by kernels and in BLAS, and more outputs than inputs."""
    rng = np.random.default_rng(0)
    d, w, c = widths
    net = es.Network(
        [es.Dense(rng.normal(size=(w, d)), rng.normal(size=w)), es.ReLU(),
         es.Dense(rng.normal(size=(w, w))), es.Abs(), es.Dense(rng.normal(size=(c, w)))], (d,)
    )  # fmt: skip
    X = rng.normal(size=(1100, d)).astype(dtype)
    core = es.ForwardCore(net, dtype, "numba", threads=3)
    want = net.forward(X.astype(float))
    out = core.run(X, proved=True)
    assert close(out.values, want, dtype)
    assert np.all(np.abs(out.values - want) <= out.error[:, None] + 1e-10)
    assert np.array_equal(out.codes[out.proved], net_codes(net, X)[out.proved])
    X, want = X[:300], want[:300]  # several blocks of maps, too, and a rest
    out = core.run(X, affine=True, proved=True)
    assert close(out.values, want, dtype)
    assert close(np.einsum("ncd,nd->nc", out.A, X) + out.b, want, dtype)


def net_codes(net, X):
    return es.ForwardCore(net, np.float64, "numpy").codes(X)


def test_a_core_may_be_used_with_any_memory_layout():
    rng = np.random.default_rng(0)
    net = es.Network([es.Dense(rng.normal(size=(4, 3))), es.ReLU()], (3,))
    core = es.prepare(net)
    X = rng.normal(size=(10, 6))
    want = net.forward(X[:, ::2])
    assert np.allclose(core.forward(X[:, ::2]), want)
    assert np.allclose(core.forward(np.asfortranarray(X[:, ::2])), want)
    assert np.allclose(core.point(X[3, ::2])[0], want[3])
    assert np.allclose(core.forward(X[::-1, ::2]), want[::-1])


@pytest.mark.slow
def test_code_that_is_read_from_disk_runs():
    """Two processes: whatever the first one compiles, the second one only reads."""
    code = (
        "import numpy as np, exactspline as es\n"
        "net = es.Network([es.Dense(np.ones((31, 9))), es.LeakyReLU(), es.Dense(np.eye(31))],"
        "                 (9,))\n"
        "core = es.prepare(net, threads=1)\n"
        "print(core.codes(np.ones((20, 9))).sum(), core.affine_maps(np.ones((3, 9)))[0].sum())\n"
    )
    for _ in range(2):
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert (done.returncode, done.stdout.split()) == (0, ["620", "837.0"]), done.stderr
