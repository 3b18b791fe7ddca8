"""What notebooks show: text that is escaped, pictures of small partitions, no searches."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import pytest
from planar_nets import BOX, network

import exactspline as es

HOSTILE = "<img src=x onerror=alert(1)>"


def parsed(thing):
    return ElementTree.fromstring(thing._repr_html_())


def words(thing):
    return " ".join(parsed(thing).itertext())


def test_all_of_them_say_their_sizes():
    net = network(0, 2, 5, 4, 2)
    omega = es.enumerate_regions(net, BOX, polygons=True)
    assert "2 → 2" in words(net)
    assert f"{len(omega):,}" in words(omega)
    assert "[-1, 1]^2" in words(omega)
    assert "".join(map(str, omega.code(0).tolist())) in words(omega[0])
    assert f"{len(omega):,}" in words(es.count_regions(net, BOX))
    assert "at least 3" in words(es.count_regions(net, BOX, limit=3))
    assert str(len(omega.edges)) in words(omega.edges)
    assert str(len(omega.complex().corners)) in words(omega.complex())


@pytest.mark.parametrize("domain", [BOX, None])
def test_a_small_partition_has_a_picture(domain):
    omega = es.enumerate_regions(network(1, 2, 5, 4, 1), domain, polygons=True)
    polygons = list(parsed(omega).iter("polygon"))
    assert len(polygons) == len(omega)


def test_nothing_is_searched_for_a_picture():
    net = network(1, 2, 5, 4, 1)
    omega = es.enumerate_regions(net, BOX)  # without polygons
    assert not list(parsed(omega).iter("svg"))
    assert "_complex" not in vars(omega)
    fresh = es.Network(net.operators, (2,))
    assert "units" not in words(fresh)
    assert "program" not in vars(fresh)


def test_names_are_text():
    net = network(0, 2, 3, 1, name=HOSTILE)
    assert HOSTILE in words(net)
    assert "<img" not in net._repr_html_()


def test_an_explorer_shows_inline():
    text = es.enumerate_regions(network(0, 2, 3, 1), BOX).explore(title=HOSTILE)._repr_html_()
    frame = ElementTree.fromstring(text)
    assert frame.get("sandbox") == "allow-scripts allow-downloads"
    assert frame.get("srcdoc").startswith("<!doctype html>")
    assert frame.get("title") == HOSTILE


def test_a_page_that_is_too_large_says_what_to_do(monkeypatch):
    monkeypatch.setattr("exactspline.explorer.explorer._MOST_INLINE", 100)
    omega = es.enumerate_regions(network(0, 2, 3, 1), BOX)
    assert "explorer.save(" in omega.explore()._repr_html_()
