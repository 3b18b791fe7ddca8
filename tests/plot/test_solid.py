"""Pictures in three dimensions, from what plotly is given: cells, surfaces, pages."""

from __future__ import annotations

import json
import re
import sys
from html.parser import HTMLParser

import numpy as np
import pytest
from solid_networks import CUBE, octahedron, random_network

import exactspline as es
from exactspline.plot.solid import code_colour, plot_3d, plot_mesh, save_page


@pytest.fixture(scope="module")
def partition():
    return es.enumerate_regions(random_network([3, 5, 5, 1], 1), es.Box(-1, 1, dim=3))


def drawn(trace) -> tuple[np.ndarray, np.ndarray]:
    """Vertices and triangles of a trace."""
    points = np.stack([trace.x, trace.y, trace.z], axis=1)
    return points, np.stack([trace.i, trace.j, trace.k], axis=1)


def volume(points: np.ndarray, triangles: np.ndarray) -> float:
    return float(np.linalg.det(points[triangles]).sum()) / 6


def test_cells_are_the_regions(partition):
    figure = plot_3d(partition)
    points, triangles = drawn(figure.data[0])
    owner = np.array([int(text.split()[1]) for text in figure.data[0].text])
    for i, region in enumerate(partition):
        mine = owner[triangles[:, 0]] == i
        assert (owner[triangles[mine]] == i).all()
        corners = {tuple(float(v) for v in row) for row in region.vertices().tolist()}
        assert {tuple(row) for row in points[owner == i].tolist()} == corners
        assert volume(points, triangles[mine]) == pytest.approx(float(region.volume()))
    segments = np.stack([figure.data[1].x, figure.data[1].y, figure.data[1].z], axis=1)
    assert np.isnan(segments[2::3]).all()
    ends = segments.reshape(-1, 3, 3)[:, :2]
    # vertices - edges + facets = 2 in every cell; facets by the regions' own count
    facets = sum(len(region.facets()) for region in partition)
    assert len(points) - len(ends) + facets == 2 * len(partition)


def test_exploded_cells_keep_their_shape(partition):
    plain, apart = (plot_3d(partition, explode=e, lines=False).data[0] for e in (0.0, 0.5))
    (p, triangles), (a, _) = drawn(plain), drawn(apart)
    owner = np.array([int(text.split()[1]) for text in plain.text])
    for i in range(len(partition)):
        moved = a[owner == i] - p[owner == i]
        assert np.abs(moved - moved[0]).max() < 1e-12
        assert moved[0] == pytest.approx(p[owner == i].mean(axis=0) / 2)
    assert volume(a, triangles) == pytest.approx(8.0)
    chosen = plot_3d(partition, regions=[2, 0]).data[0]
    assert {int(text.split()[1]) for text in chosen.text} == {0, 2}


def test_colours(partition):
    by_code = plot_3d(partition).data[0]
    owner = np.array([int(text.split()[1]) for text in by_code.text])
    of_triangle = owner[np.asarray(by_code.i)]
    for region, colour in zip(of_triangle, by_code.facecolor, strict=True):
        assert colour == "rgb({},{},{})".format(*code_colour(partition.code(region)))
    assert len(set(by_code.facecolor)) > 5
    numbers = np.arange(len(partition)) / 2
    scaled = plot_3d(partition, color=numbers, label="half <b>").data[0]
    assert (np.asarray(scaled.intensity) == numbers[of_triangle]).all()
    assert scaled.intensitymode == "cell"
    assert scaled.colorbar.title.text == "half &lt;b&gt;"
    red = plot_3d(partition, color=np.tile([1.0, 0.5, 0.0], (len(partition), 1))).data[0]
    assert set(red.facecolor) == {"rgb(255,128,0)"}


def test_surfaces(partition):
    mesh = es.enumerate_regions(octahedron(), es.Box("-1/2", 2, dim=3)).surface()
    surface, caps, borders = plot_mesh(mesh).data
    assert (surface.name, caps.name, borders.name) == ("f > 0", "caps", "pieces")
    for trace, chosen in ((surface, mesh.side < 0), (caps, mesh.side >= 0)):
        points, triangles = drawn(trace)
        assert (points == mesh.vertices).all()
        assert (triangles == mesh.triangles[chosen]).all()
    # every polygon of the mesh is convex, and its border drawn once or twice
    ends = np.stack([borders.x, borders.y, borders.z], axis=1).reshape(-1, 3, 3)
    polygons = len(set(mesh.polygon.tolist()))
    assert len(mesh.vertices) - len(ends) + polygons == 2
    alone = plot_mesh(mesh, caps=False, edges=False)
    assert [trace.name for trace in alone.data] == ["f > 0"]
    wedges = es.enumerate_regions(octahedron((1, -1, 0), 0), CUBE).surface()
    assert plot_mesh(wedges).data[-1].name == "no manifold"
    assert len(plot_mesh(es.enumerate_regions(octahedron(), CUBE).surface(2)).data) == 0
    both = plot_3d(partition, surface=[partition.surface(), partition.surface("1/10")])
    assert [trace.name for trace in both.data[2:]] == ["f > 0", "f > 1/10"]


class Page(HTMLParser):
    """What a page asks for, and its scripts."""

    def __init__(self) -> None:
        super().__init__()
        self.asks: list[tuple[str, str | None]] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.asks += [(tag, value) for key, value in attrs if key in ("src", "href", "srcset")]


def test_a_page_needs_no_network_and_names_are_text(partition, tmp_path):
    name = "</script><img src=x onerror=alert(1)>\n<b>\u202e"
    figure = plot_3d(partition, color=np.arange(len(partition)), label=name)
    save_page(figure, tmp_path / "a.html", title=name)
    text = (tmp_path / "a.html").read_text("utf-8")
    page = Page()
    page.feed(text)
    assert page.asks == []
    assert "img" not in page.tags
    assert "b" not in page.tags
    assert text.count("</script>") == page.tags.count("script")
    assert "&lt;img src=x" in text[:600]  # the title
    label = re.search(r'"title":\{"text":"([^"]*onerror[^"]*)"', text)
    assert "<" not in json.loads(f'"{label.group(1)}"')
    save_page(figure, tmp_path / "b.html", title=name)
    assert (tmp_path / "b.html").read_bytes() == (tmp_path / "a.html").read_bytes()
    with pytest.raises(es.FormatError, match=r"\.htm or \.html"):
        save_page(figure, tmp_path / "a.pdf")


def test_bad_input_is_told(partition, monkeypatch):
    n = len(partition)
    mesh = partition.surface()
    cases = [
        ({"color": [1.0]}, es.ShapeError, "a number a region"),
        ({"color": "slope"}, es.ParameterError, "give numbers"),
        ({"color": [float("nan")] * n}, es.ParameterError, "NaN"),
        ({"opacity": 2}, es.ParameterError, "from 0 to 1"),
        ({"explode": -1}, es.ParameterError, "explode"),
        ({"explode": 1, "surface": mesh}, es.ParameterError, "without explode"),
        ({"regions": [n]}, es.ParameterError, f"from 0 to {n - 1}"),
    ]
    for options, error, text in cases:
        with pytest.raises(error, match=text):
            plot_3d(partition, **options)
    with pytest.raises(es.DomainError, match="has 2 dimensions"):
        plot_3d(es.enumerate_regions(es.Network([es.ReLU()], (2,)), es.Box(-1, 1, dim=2)))
    with pytest.raises(es.DomainError, match="take a slice"):
        plot_3d(es.enumerate_regions(es.Network([es.ReLU()], (4,)), es.Box(-1, 1, dim=4)))
    with pytest.raises(es.ParameterError, match="give a Mesh"):
        plot_mesh(partition)
    monkeypatch.setattr("exactspline.plot.solid.MOST_CELLS", 3)
    with pytest.raises(es.LimitError, match="regions="):
        plot_3d(partition)
    monkeypatch.setitem(sys.modules, "plotly.graph_objects", None)
    with pytest.raises(es.ExactSplineError, match=r"pip install 'exactspline\[plot3d\]'"):
        plot_mesh(mesh)
