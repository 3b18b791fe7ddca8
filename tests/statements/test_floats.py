"""The joint network in float64 against exact forward passes and the regions of a partition."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import exactspline as es
from exactspline.polyhedra.highs_lp import least_point
from exactspline.statements import floats, search
from exactspline.statements.climbing import climbed
from exactspline.statements.floats import FloatNetwork
from exactspline.statements.pruning import Boxes

BENDS: dict[str, list[es.Operator]] = {
    "relu": [es.ReLU()],
    "leaky": [es.LeakyReLU(0.1)],
    "abs": [es.Abs()],
    "clip": [es.Clip(-0.5, 0.75)],
    "pool": [es.Reshape((1, 3, 2)), es.MaxPool((1, 2)), es.Flatten()],
}


def network(name: str) -> es.Network:
    rng = np.random.default_rng(5)

    def dense(a: int, b: int) -> es.Dense:
        return es.Dense(rng.standard_normal((b, a)), rng.standard_normal(b))

    after = 3 if name == "pool" else 6
    return es.Network([
        dense(2, 6), *BENDS[name], dense(after, 6), es.ReLU(), dense(6, 2),
    ], (2,))  # fmt: skip


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("name", BENDS)
def test_values_and_regions(name, sparse, monkeypatch):
    if sparse:
        monkeypatch.setattr(floats, "_DENSE", 0)
        monkeypatch.setattr(floats, "_SHARE", 0)
    net, box, seen = network(name), es.Box(-1, 1, dim=2), []

    class Seen(FloatNetwork):
        def __init__(self, joint: Any, chart: Any) -> None:
            super().__init__(joint, chart)
            seen.append(self)

    monkeypatch.setattr(search, "FloatNetwork", Seen)
    # nothing settles it before the search
    monkeypatch.setattr(search, "undecided", lambda joint, domain, *_, **__: Boxes(domain, 0))
    assert not es.prove(es.exists(box, lambda x: (net(x)[0] > 1000) & (net(x)[1] < 0))).holds
    (near,) = seen
    points = np.random.default_rng(1).uniform(-1, 1, (25, 2))
    exact = [net.forward([Fraction(v) for v in x], exact=True) for x in points.tolist()]
    wanted = {(float(y[0] - 1000), float(-y[1])) for y in exact}
    found = {tuple(v) for v in near.compared(points).T.tolist()}
    assert np.allclose(sorted(found), sorted(wanted), rtol=1e-12)
    partition = es.enumerate_regions(net, box)
    for x, own in zip(points, partition.locate(points).region.tolist(), strict=True):
        region = near.region(x)
        assert np.all(region.rows @ x <= region.ends)
        assert np.allclose(region.forms @ np.append(x, 1.0), near.compared(x[None])[:, 0])
        # it is the exact one: not more, as what follows from its rows is asked of a corner
        corners = partition[own].vertices().astype(float)
        assert np.all(corners @ region.rows.T <= region.ends + 1e-9)
        rng = np.random.default_rng(0)
        for cost in rng.standard_normal((3, 2)):
            low, high = np.full(2, -1.0), np.full(2, 1.0)
            at = least_point(cost, region.rows, region.ends, low, high)
            assert at is not None
            assert np.isclose(cost @ at, (corners @ cost).min(), atol=1e-7)


def test_equal_forms_and_fixed_coordinates(monkeypatch):
    """Two networks with equal comparisons, at a point one coordinate of which is fixed."""
    net, tried = network("relu"), []

    def steps(joint: Any, chart: Any, condition: Any) -> Any:
        near = FloatNetwork(joint, chart)
        points = np.random.default_rng(0).uniform(-1, 1, (9, chart.dim))
        values = near.compared(points)
        for x, own in zip(points, values.T, strict=True):
            at = np.append(0.5, x) if chart.dim == 1 else x
            y = net.forward(at)
            known = {float(y[0]), float(y[0]) - 1, float(y[1]) - 3}
            assert all(np.isclose(list(known), v, atol=1e-9).any() for v in own[:3])
            assert np.allclose(near.region(x).forms @ np.append(x, 1.0), own)
        tried.append((chart.dim, list(climbed(near, chart, condition))))
        return near

    monkeypatch.setattr(search, "FloatNetwork", lambda joint, chart: steps(joint, chart, state[0]))
    monkeypatch.setattr(search, "undecided", lambda joint, domain, *_, **__: Boxes(domain, 0))
    state: list[Any] = [search.TRUE]
    twin = es.Network(list(net.operators), net.input_shape)
    box = es.Box(-1, 1, dim=2)

    def both(x: Any) -> Any:
        f, g = net(x), twin(x)
        return ((f[0] > 0) & (g[0] > 1)) | ((g[0] > 0) & (f[1] > 3))

    es.prove(es.exists(box, both), order="canonical")
    es.prove(es.exists(box, lambda x: (x[0] == Fraction(1, 2)) & both(x)), order="canonical")
    assert [dim for dim, _ in tried] == [2, 1]
    assert all(len(points) == 1 for _, points in tried)


def test_the_middle_is_tried_exactly():
    """0.1 + 0.2 is not 0.3 in float64: where it is in truth, no search is needed."""
    net = es.Network([
        es.Dense([["1/10"], ["1/5"]], ["1/10", "1/5"]), es.ReLU(), es.Dense([[1, 1]]),
    ], (1,))  # fmt: skip
    found = es.prove(es.exists(es.Box(-1, 1, dim=1), lambda x: net(x)[0] == Fraction(3, 10)))
    assert (found.witness, found.regions) == ((0,), 0)


def test_no_point_of_an_empty_set():
    rows, most = np.array([[1.0], [-1.0]]), np.array([-1.0, -1.0])  # x <= -1 and x >= 1
    assert least_point(np.ones(1), rows, most, np.full(1, -9.0), np.full(1, 9.0)) is None
