"""No computation warns, or raises where NumPy is told to: what overflows is dealt with."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from marks import slow

import exactspline as es

STYLES = ("integer", "spread", "tiny", "huge", "all", "thirds", "subnormal", "beyond")


@pytest.fixture(autouse=True)
def strict() -> Iterator[None]:
    with np.errstate(all="raise"), warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        yield


def entries(rng: np.random.Generator, shape: tuple[int, ...], style: str) -> Any:
    """Weights of many magnitudes, exact numbers that float64 may not hold."""
    flat = rng.integers(-3, 4, int(np.prod(shape))).tolist()
    low, high = {
        "spread": (-18, 18), "tiny": (-300, -100), "huge": (100, 306), "all": (-307, 306),
        "beyond": (-400, 400), "subnormal": (-323, -310),
    }.get(style, (0, 1))  # fmt: skip
    exact = [v * Fraction(10) ** int(rng.integers(low, high)) for v in flat]
    if style == "thirds":
        exact = [Fraction(v, 3) for v in flat]
    out = np.empty(len(flat), dtype=object)
    out[:] = exact if style in ("thirds", "beyond") else [Fraction(float(v)) for v in exact]
    return out.reshape(shape)


def network(rng: np.random.Generator) -> es.Network:
    dim, wide, out = rng.integers(1, 4, 3).tolist()
    first, second = rng.choice(STYLES, 2)
    unit = [es.ReLU(), es.Abs(), es.LeakyReLU(0.5), es.Clip(-1, 1)][rng.integers(4)]
    operators = [
        es.Dense(entries(rng, (wide, dim), first), entries(rng, (wide,), second)), unit,
        es.Dense(entries(rng, (out, wide), second), entries(rng, (out,), first)), es.ReLU(),
    ]  # fmt: skip
    if rng.integers(2):
        operators.append(es.Dense([[1.0] * out]))
    return es.Network(operators, (dim,))


def domains(dim: int) -> list[es.Domain | None]:
    return [
        None, es.Box(-1, 1, dim=dim), es.Box(-1e-300, 1e300, dim=dim), es.Box(0, "1/3", dim=dim),
        es.Box(-1e30, np.inf, dim=dim), es.Slice([0.1] * dim, [[1e-200] * dim]),
        es.Polytope(
            np.vstack([np.eye(dim) * 1e-200, -np.eye(dim)]), [1e-310] * dim + [1e100] * dim
        ),
    ]  # fmt: skip


@pytest.mark.parametrize("block", [*slow([0]), 1, *slow([2, 3])])
def test_searches(block):
    """The three engines, warnings being errors, agree."""
    rng = np.random.default_rng(block)
    for _ in range(15):
        net = network(rng)
        domain = domains(net.input_dim)[rng.integers(7)]
        expected = es.count_regions(net, domain, engine="rational")
        assert es.count_regions(net, domain, engine="kernel") == expected
        assert es.count_regions(net, domain, engine="highs") == expected
        omega = es.enumerate_regions(net, domain, graph=True)
        assert len(omega) == expected
        assert omega.edges.witnesses.shape == (len(omega.edges), omega.domain.chart.dim)
        omega.linear_regions()
        omega.decision_boundary()
        omega.locate([[0.5] * net.input_dim, [0.0] * net.input_dim, [1e-300] * net.input_dim])
        omega.adjacency_graph()


@pytest.mark.parametrize("block", range(4))
def test_passes(block):
    """A pass gives finite values and exact codes, or says what is beyond the type's range."""
    rng = np.random.default_rng(100 + block)
    refused = passed = 0
    for _ in range(20):
        net = network(rng)
        x = rng.normal(size=(4, net.input_dim)) * 10.0 ** float(rng.integers(-5, 5))
        exact = [es.regions_at(net, row, limit=64)[-1].code for row in x]
        for dtype in ("float32", "float64"):
            for engine in ("numpy", "numba"):
                try:
                    core = es.prepare(net, dtype=dtype, engine=engine)
                    found = es.forward_core(core, x, exact=True)
                except es.ParameterError as error:
                    assert "beyond the range" in str(error)  # noqa: PT017
                    refused += 1
                    continue
                passed += 1
                assert np.isfinite(found.values).all()
                assert np.isfinite(found.A).all()
                inside = ~found.on_boundary
                if dtype == "float64":  # else x is rounded first
                    assert np.array_equal(found.codes[inside], np.array(exact)[inside])
        try:
            value = net.forward(x)
        except es.ParameterError as error:
            assert "beyond the range of float64" in str(error)  # noqa: PT017
        else:
            assert np.isfinite(value).all()
    assert refused > 10
    assert passed > 10


def test_what_overflows_on_the_way_is_named():
    net = es.Network([es.Dense([[1e300]]), es.Dense([[1e300]], name="second"), es.ReLU()], (1,))
    with pytest.raises(es.ParameterError, match=r"operator 1 'second' \(Dense\).*exact=True"):
        net.forward([1.0])
    assert net.forward([1.0], exact=True)[0] == Fraction(1e300) ** 2


def test_output_operators_have_limits():
    for last in (es.Softmax(), es.LogSoftmax(), es.Sigmoid(), es.GELU(), es.SiLU(), es.Softplus()):
        net = es.Network([es.Dense([[1.0], [-1.0]]), last], (1,))
        for x in (0.0, 30.0, 1000.0, 1e300):
            if last.output_operator:
                assert np.isfinite(es.forward(net, [x], output_operator=True)).all()
            assert np.isfinite(net.forward([x], output_operator=True)).all()
