"""Kernels of single samples against plain twins: sums side by side, and codes that are streamed."""

from __future__ import annotations

from dataclasses import replace

import numba
import numpy as np
import pytest

import exactspline as es
from exactspline.evaluate import fast
from exactspline.evaluate.fast import FastPass
from exactspline.evaluate.kernel import layout
from exactspline.evaluate.kernel import stream as streams
from exactspline.evaluate.plain import PlainPass
from exactspline.evaluate.plan import _side_by_side, make_plan

TYPES = (np.float64, np.float32)


@numba.njit
def stream(target, start, source, n):
    streams.stream(target, start, source, n)
    streams.streamed()


@pytest.mark.parametrize("n", [0, 1, 5, 63, 64, 65, 127, 128, 200, 1000])
def test_stream(n):
    """Bytes to any place: whole lines, what is before them and what is behind."""
    rng = np.random.default_rng(n)
    for start in (0, 1, 31, 63, 64, 100):
        source, target = rng.integers(0, 256, size=(2, 1200)).astype(np.uint8)
        want = target.copy()
        want[start : start + n] = source[:n]
        stream(target, start, source, n)
        assert np.array_equal(target, want)


def test_sums_side_by_side():
    """Four sums whose fours follow one another; the last ones of a run once more."""
    q = layout.QUAD

    def run(first, count):
        return [([first + q * i, first + 100 + q * i], []) for i in range(count)]

    assert _side_by_side([]) == ([], [])
    assert _side_by_side(run(0, 3)) == ([], [0, 1, 2])
    assert _side_by_side(run(0, 4)) == ([0], [])
    assert _side_by_side(run(0, 6)) == ([0, 2], [])
    assert _side_by_side(run(0, 9)) == ([0, 4, 5], [])
    assert _side_by_side(run(0, 5) + run(50, 8)) == ([0, 1, 5, 9], [])
    gap = [*run(0, 4), ([], []), *run(30, 2), ([40], [44]), *run(50, 4)]
    assert _side_by_side(gap) == ([0, 8], [4, 5, 6, 7])
    others = [*run(0, 2), *[([8 + q * i], []) for i in range(4)]]
    assert _side_by_side(others) == ([2], [0, 1])


def pooled(window, size, channels):
    """A convolution, ReLU, and average pools that nothing tells apart."""
    rng = np.random.default_rng(size)
    after = (size - 1) // window
    weight = window**2 * rng.integers(-999, 999, size=(3, channels * after**2))  # exact means
    return es.Network(
        [
            es.Conv(rng.integers(-4, 5, size=(channels, 1, 2, 2)) / 4, rng.normal(size=channels)),
            es.ReLU(), es.AveragePool((window, window)), es.Flatten(),
            es.Dense(weight),
        ],
        (1, size, size),
    )  # fmt: skip


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize(
    ("window", "size", "sides"),
    [(4, 13, 0), (4, 17, 1), (4, 21, 1), (4, 25, 1), (4, 36, 1), (8, 33, 0), (5, 26, 0), (2, 9, 0)],
)
def test_pools(window, size, sides, dtype):
    """Sums of outputs, in runs of any length: values, codes and bounds are NumPy's."""
    net, kind = pooled(window, size, 5), np.dtype(dtype)
    plan = make_plan(net.program, kind)
    assert (plan.T[layout.SIDES] > 0) == bool(sides)
    X = np.random.default_rng(1).normal(size=(9, net.input_dim)).astype(dtype)
    results = []
    for run in (
        PlainPass(net.program, kind),
        FastPass(replace(plan, single=True), net.input_dim, net.output_dim, net.units, 2),
    ):
        values, codes = np.empty((9, net.output_dim), dtype), np.zeros((9, net.units), np.uint8)
        stats = np.zeros((9, 3))
        run(X, np.full(9, 1e-12), values, codes, stats)
        results.append((values, codes, stats))
    (v0, q0, s0), (v1, q1, s1) = results
    for i in range(9):
        exact = net.forward(X[i].astype(float).reshape(net.input_shape), exact=True)
        exact = np.asarray(exact, dtype=float).reshape(-1)
        assert np.all(np.abs(v1[i] - exact) <= s1[i, 2])
        assert np.abs(v1[i] - v0[i]).max() <= s0[i, 2] + s1[i, 2]
    both = (s0[:, 0] == 1) & (s1[:, 0] == 1)
    assert np.array_equal(q1[both], q0[both])
    assert np.mean(q1 != q0) < 1e-3


@pytest.mark.parametrize("dtype", TYPES)
def test_codes_of_a_large_batch_are_streamed(dtype, monkeypatch):
    """They are those of a small one, with several threads and whatever the rows begin with."""
    net = pooled(4, 17, 33)  # 8,448 units: rows begin at any byte of a line with one unit more
    odd = pooled(4, 18, 33)  # 9,537
    for network in (net, odd):
        core = es.prepare(network, dtype=dtype, threads=3)
        assert core._plan.single
        X = np.random.default_rng(2).normal(size=(70, network.input_dim)).astype(dtype)
        monkeypatch.setattr(fast, "_STREAM", 1 << 60)
        want = core.run(X, proved=True)
        monkeypatch.setattr(fast, "_STREAM", 0)
        found = core.run(X, proved=True)
        assert np.array_equal(found.codes, want.codes)
        assert np.array_equal(found.values, want.values)
        assert np.array_equal(found.proved, want.proved)
        assert want.codes.any()
        assert np.array_equal(core.codes(X), want.codes)
