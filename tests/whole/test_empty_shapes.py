"""Shapes with a zero in them: a point, a polytope without rows, batches without samples."""

from __future__ import annotations

import json

import numpy as np
import pytest

import exactspline as es
from exactspline.formats import domain_to_json, load_domain
from exactspline.search.choice import engine_names
from exactspline.theory.run import run_checks

NONE = np.zeros((0, 2))
POINT = es.Slice([1, 2], NONE)
ENGINES = engine_names()


def network() -> es.Network:
    return es.Network([es.Dense([[1, 2], [3, -1]], [1, 0]), es.ReLU(), es.Dense([[1, 1]])], (2,))


@pytest.mark.parametrize("engine", ENGINES)
def test_a_point_is_one_region(engine, tmp_path):
    net = network()
    assert POINT.chart.dim == 0
    assert es.count_regions(net, POINT, engine=engine) == 1
    omega = es.enumerate_regions(net, POINT, graph=True, engine=engine)
    assert omega.codes.tolist() == [[1, 1]]
    assert omega.witnesses.shape == (1, 0)
    assert len(omega.edges) == len(omega.borders) == 0
    assert omega.locate([[1, 2], [0, 0]]).region.tolist() == [0, -1]
    assert omega[0].affine()[1].tolist() == [1.0]
    assert omega.linear_regions().count == 1
    inside = es.Slice([1, 2], NONE, inputs=es.Box(0, 2, dim=2))
    assert es.count_regions(net, inside, engine=engine) == 1
    with pytest.raises(es.DomainError, match="within the bounds"):
        es.count_regions(net, es.Slice([1, 2], NONE, inputs=es.Box(0, 1, dim=2)), engine=engine)
    stored = es.enumerate_regions(net, POINT, store=tmp_path / "a.sqlite", engine=engine)
    assert len(stored) == len(es.open_partition(tmp_path / "a.sqlite")) == 1


def test_a_point_of_many_inputs_and_on_a_boundary():
    image = es.Network([es.Flatten(), es.ReLU()], (1, 2, 2))
    at = es.Slice(np.zeros((1, 2, 2)), np.zeros((0, 1, 2, 2)))
    assert es.enumerate_regions(image, at).codes.tolist() == [[0, 0, 0, 0]]
    assert [r.code.tolist() for r in es.regions_at(image, np.zeros(4), at)] == [[0, 0, 0, 0]]


def test_domains_without_rows_as_json(tmp_path):
    bounded = es.Slice([1, 2], NONE, inputs=es.Box(0, 2, dim=2))
    for domain in (POINT, es.Polytope(NONE, []), bounded):
        path = tmp_path / "domain.json"
        path.write_text(json.dumps(domain_to_json(domain)))
        again = load_domain(path)
        assert (again.dim, again.chart.dim) == (domain.dim, domain.chart.dim)
        assert es.count_regions(network(), again) == es.count_regions(network(), domain)
    assert es.count_regions(network(), es.Polytope(NONE, [])) == es.count_regions(network()) == 4


@pytest.mark.parametrize(
    "make",
    [
        lambda: es.Slice([1, 2], []), lambda: es.Slice([1, 2], np.zeros((0, 3))),
        lambda: es.Slice([], [[]]), lambda: es.Slice([], np.zeros((0, 0))),
        lambda: es.Slice.through([]), lambda: es.Slice.through([[], []]),
        lambda: es.Polytope([], []), lambda: es.Polytope(np.zeros((2, 0)), [0, 0]),
        lambda: es.Box(0, 1, dim=-1), lambda: es.WholeSpace(0),
        lambda: es.count_regions(network(), es.Box([], [])),
        lambda: es.Network([es.ReLU()], (0,)), lambda: es.Dense(np.zeros((0, 2))),
        lambda: es.Dense(np.zeros((2, 0))), lambda: es.Branches([], es.Add()),
        lambda: es.Select([]), lambda: es.MASO(np.zeros((2, 0, 2))), lambda: es.MaxPool([]),
        lambda: es.Conv(np.zeros((0, 1, 3, 3))), lambda: es.regions_at(network(), NONE),
    ],
)  # fmt: skip
def test_what_holds_nothing_is_refused(make):
    with pytest.raises((es.ShapeError, es.DomainError)):
        make()


@pytest.mark.parametrize("X", [NONE, NONE.astype(int), NONE.astype(object), NONE.astype("f4")])
def test_batches_without_samples(X):
    net = network()
    for one in (net, es.prepare(net, engine="numpy"), es.prepare(net)):
        assert es.forward(one, X).shape == (0, 1)
        values, layers = es.forward(one, X, return_layers=True)
        assert values.shape == (0, 1)
        assert layers[0].outputs.shape == (0, 2)
        assert es.codes(one, X, exact=True).shape == (0, 2)
        assert [a.shape for a in es.affine_maps(one, X)] == [(0, 1, 2), (0, 1)]
        assert es.forward_core(one, X, exact=True).values.shape == (0, 1)
        assert es.vq_distance(one, X, X).shape[0] == 0
        for other in ([], np.zeros((0, 3)), np.zeros((3, 0))):
            with pytest.raises(es.ShapeError):
                es.forward(one, other)
    assert net.forward(X).shape == net.forward(X, exact=True).shape == (0, 1)
    assert es.enumerate_regions(net, engine="rational").locate(X).region.shape == (0,)


def test_checks_at_a_point():
    """They hold, or say why they do not apply."""
    for found in run_checks(network(), POINT):
        assert found.report.verdict in ("holds", "not applicable"), str(found.report)
