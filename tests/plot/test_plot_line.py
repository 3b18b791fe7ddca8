"""Pictures of one-dimensional domains: the graph of f, and where it bends."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from folders import MOONS

import exactspline as es
from exactspline.rationals import nearest_float

F = Fraction


def line(domain=None):
    where = es.Slice.through([-2, 0], [3, 1], domain=domain or es.Box([0], [1]))
    return es.enumerate_regions(es.load(MOONS), where)


def graph(picture, output=0) -> np.ndarray:
    return np.array([np.asarray(s) for s in picture.artists[f"output {output}"].get_segments()])


def test_the_graph_is_that_of_the_network():
    omega = line()
    pieces = graph(omega.plot(boundary=True))
    assert len(pieces) == len(omega) == 24
    corners = omega.complex().corners
    exact = [corners.exact(i) for i in range(len(corners))]
    assert pieces[:, 0, 0].tolist() == [float(v) for v in exact[:-1]]
    assert pieces[:, 1, 0].tolist() == [float(v) for v in exact[1:]]
    for i, t in enumerate(exact):  # values by the operators, which know no regions
        (value,) = omega.network.forward([-2 + 5 * t, t], exact=True)
        if i:
            assert pieces[i - 1, 1, 1] == nearest_float(value)
        if i < len(omega):
            assert pieces[i, 0, 1] == nearest_float(value)


def test_many_intervals_in_float64(monkeypatch):
    omega = line()
    exact = graph(omega.plot())
    monkeypatch.setattr("exactspline.plot.line._EXACT", 1)
    near = graph(omega.plot())
    assert np.abs(near - exact).max() < 1e-9
    assert (near != exact).any()

    def wrong(partition, region, at):
        return np.arange(len(region))[:, None] * 1.0

    monkeypatch.setattr("exactspline.plot.line.outputs_at", wrong)
    assert (graph(omega.plot()) == exact).all()  # what does not fit together is computed exactly


def test_breakpoints_boundary_and_names():
    omega = line()
    picture = omega.plot(boundary=True, window=(0, "1/2"))
    assert picture.ax.get_xlim() == (0, 0.5)
    assert picture.ax.get_xlabel() == "t0"
    corners = omega.complex().corners
    for layer in (1, 2):
        lines = [np.asarray(s)[0, 0] for s in picture.artists[f"layer {layer}"].get_segments()]
        units = range(16) if layer == 1 else range(16, 32)
        own = [
            float(corners.exact(i)) for i, unit in enumerate(corners.unit.tolist())
            if unit in units and corners.exact(i) <= F(1, 2)
        ]  # fmt: skip
        assert lines == own
    zeros = [np.asarray(s)[0, 0] for s in picture.artists["boundary"].get_segments()]
    assert len(zeros) == 2
    for t in zeros:
        assert abs(omega.network.forward([-2 + 5 * t, t])[0]) < 1e-9


@pytest.mark.parametrize(
    ("net", "domain", "pieces", "note"),
    [
        (
            es.Network([es.Dense([[1], [1]], [0, -1]), es.ReLU()], (1,)),
            None,
            3,
            "all 2 breakpoints",
        ),
        (es.Network([es.Dense([[2]])], (1,)), None, 1, "no breakpoints"),
        (es.Network([es.Abs()], (1,)), es.Box([1], [2]), 1, ""),
        (es.Network([es.Abs()], (1,)), es.Box([0], [float("inf")]), 1, "no breakpoints"),
    ],
)
def test_every_domain_has_a_picture(net, domain, pieces, note):
    omega = es.enumerate_regions(net, domain)
    picture = omega.plot(witnesses=True, points=[1, 1.5])
    assert len(graph(picture)) == pieces
    assert note in picture.window.note
    picture.figure.canvas.draw()


def test_outputs_are_chosen():
    net = es.Network([es.Dense([[k] for k in range(12)])], (1,))
    omega = es.enumerate_regions(net, es.Box([0], [1]))
    picture = omega.plot()
    assert "output 7" in picture.artists
    assert "output 8" not in picture.artists
    assert any("8 of 12 outputs" in note for note in picture.notes)
    some = omega.plot(outputs=[11, 2])
    assert graph(some, 11)[0].tolist() == [[0, 0], [1, 11]]
    assert [t.get_text() for t in some.legend.get_texts()] == ["output 11", "output 2"]
    for wrong in ([12], [], "all", 1.5, [True, "x"]):
        with pytest.raises(es.ParameterError, match="numbers from 0 to 11"):
            omega.plot(outputs=wrong)


def test_a_stopped_search():
    net, where = line().network, line().domain
    omega = es.enumerate_regions(net, where, limit=7)
    picture = omega.plot()
    assert len(graph(picture)) == 7
    whole = {tuple(map(tuple, s)) for s in graph(line().plot()).tolist()}
    assert {tuple(map(tuple, s)) for s in graph(picture).tolist()} <= whole


def test_windows_that_are_none():
    for window, said in (
        ((0, float("inf")), "unbounded"),
        ((1, 0), "low 1 > high 0"),
        (5, "window=(-1, 1)"),
    ):
        with pytest.raises(es.DomainError) as caught:
            line().plot(window=window)
        assert said in str(caught.value)
    with pytest.raises(es.DomainError, match="no inner points in common"):
        line().plot(window=(2, 3))
    huge = es.Network([es.Dense([[1]]), es.ReLU(), es.Dense([[10**250]])], (1,))
    omega = es.enumerate_regions(huge, es.Box([-1], [1]))
    with pytest.raises(es.ParameterError, match="cannot be drawn"):
        omega.plot()
