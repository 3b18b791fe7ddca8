"""Data frames and graphs: every column against the objects, one by one."""

from __future__ import annotations

import sys

import networkx as nx
import numpy as np
import pytest

import exactspline as es


@pytest.fixture(scope="module")
def omega():
    rng = np.random.default_rng(0)
    first = es.Dense(rng.standard_normal((5, 2)), rng.standard_normal(5))
    second = es.Dense(rng.standard_normal((3, 5)), rng.standard_normal(3))
    net = es.Network([first, es.LeakyReLU("1/10"), second, es.Abs()], (2,))
    return es.enumerate_regions(net, es.Box(-2, 2, dim=2))


def rows(frame):
    """Rows as dicts, whatever the library."""
    return frame.to_dicts() if hasattr(frame, "to_dicts") else frame.to_dict("records")


@pytest.mark.parametrize("way", ["to_pandas", "to_polars"])
def test_regions(omega, way):
    frame = rows(getattr(omega, way)(affine=True))
    assert len(frame) == len(omega)
    for region, row in zip(omega, frame, strict=True):
        assert row["code"] == "".join(map(str, region.code))
        assert [row["x0"], row["x1"]] == [float(v) for v in region.witness]
        A, b = region.affine(exact=True)
        for output in range(3):
            near = [row[f"A{output}_0"], row[f"A{output}_1"], row[f"b{output}"]]
            assert near == pytest.approx(
                [float(v) for v in (*A[output], b[output])], rel=1e-9, abs=1e-12
            )


@pytest.mark.parametrize("way", ["to_pandas", "to_polars"])
def test_edges_and_borders(omega, way):
    graph, frame = omega.adjacency_graph(), rows(getattr(omega.edges, way)())
    assert len(frame) == graph.number_of_edges()
    for row in frame:
        edge = graph.edges[row["source"], row["target"]]
        assert row["unit"] == edge["units"][0]
        assert row["flips"] == len(edge["units"])
        assert [row["normal0"], row["normal1"]] == pytest.approx(list(edge["normal"]))
        assert [row["x0"], row["x1"]] == pytest.approx(list(edge["witness"]))
    borders = rows(getattr(omega.borders, way)())
    assert [(r["region"], r["side"]) for r in borders] == list(
        zip(omega.borders.region.tolist(), omega.borders.side.tolist(), strict=True)
    )


def test_graphs(omega):
    graph = omega.edges.to_networkx()
    assert nx.utils.graphs_equal(nx.Graph(graph.edges), nx.Graph(omega.adjacency_graph().edges))
    assert sorted(graph) == list(range(len(omega)))
    assert np.array_equal(
        omega.edges.to_scipy().toarray(),
        nx.to_numpy_array(graph, weight=None, nodelist=sorted(graph)),
    )


@pytest.mark.parametrize("way", ["to_pandas", "to_polars"])
def test_a_census(omega, way):
    X = np.random.default_rng(1).uniform(-2, 2, (500, 2))
    frame = rows(getattr(es.census(omega.network, X), way)())
    codes = ["".join(map(str, code)) for code in es.codes(omega.network, X).tolist()]
    assert {r["code"]: r["samples"] for r in frame} == {c: codes.count(c) for c in set(codes)}
    assert all(codes.index(r["code"]) == r["first"] for r in frame)


@pytest.mark.parametrize("package", ["pandas", "polars"])
def test_a_missing_package_is_named(omega, monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(es.ExactSplineError, match=rf"pip install 'exactspline\[{package}\]'"):
        getattr(omega, f"to_{package}")()
