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
from exactspline.cli import main
from exactspline.plot.palette import fills_of
from exactspline.plot.solid import plot_3d, plot_mesh


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
    figure = plot_3d(partition).figure
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
    plain, apart = (plot_3d(partition, explode=e, edges=None).figure.data[0] for e in (0.0, 0.5))
    (p, triangles), (a, _) = drawn(plain), drawn(apart)
    owner = np.array([int(text.split()[1]) for text in plain.text])
    for i in range(len(partition)):
        moved = a[owner == i] - p[owner == i]
        assert np.abs(moved - moved[0]).max() < 1e-12
        assert moved[0] == pytest.approx(p[owner == i].mean(axis=0) / 2)
    assert volume(a, triangles) == pytest.approx(8.0)
    chosen = plot_3d(partition, regions=[2, 0]).figure.data[0]
    assert {int(text.split()[1]) for text in chosen.text} == {0, 2}


def test_colours(partition):
    by_code = plot_3d(partition).figure.data[0]
    owner = np.array([int(text.split()[1]) for text in by_code.text])
    of_triangle = owner[np.asarray(by_code.i)]
    piece = partition.distinct_pieces().labels[of_triangle]
    pairs = set(zip(piece.tolist(), by_code.facecolor, strict=True))
    assert len(pairs) == len(set(piece.tolist()))  # a colour a piece
    fills = [tuple(np.rint(c[:3] * 255)) for c in fills_of(np.arange(12, dtype=np.uint64))]
    assert {tuple(map(float, re.findall(r"\d+", c))) for c in by_code.facecolor} <= set(fills)
    assert len(set(by_code.facecolor)) > 5
    numbers = np.arange(len(partition)) / 2
    scaled = plot_3d(partition, color=numbers).figure.data[0]
    assert (np.asarray(scaled.intensity) == numbers[of_triangle]).all()
    assert scaled.intensitymode == "cell"
    assert scaled.colorbar.title.text == "value of the region"
    slope = plot_3d(partition, color="slope", regions=[4]).figure.data[0]
    gradient = np.array(partition[4].affine()[0][0], dtype=float)
    assert np.asarray(slope.intensity) == pytest.approx(np.linalg.norm(gradient))
    classes = plot_3d(partition, color=np.array(["a", "<b>"])[np.arange(len(partition)) % 2]).figure
    assert [trace.name for trace in classes.data[1:3]] == ["&lt;b&gt;", "a"]
    assert set(classes.data[0].facecolor) == {trace.marker.color for trace in classes.data[1:3]}
    red = plot_3d(partition, color=np.tile([1.0, 0.5, 0.0], (len(partition), 1))).figure.data[0]
    assert set(red.facecolor) == {"rgb(255,128,0)"}


def test_surfaces(partition):
    mesh = es.enumerate_regions(octahedron(), es.Box("-1/2", 2, dim=3)).surface()
    surface, caps, borders = plot_mesh(mesh).figure.data
    assert (surface.name, caps.name, borders.name) == ("f > 0", "caps", "pieces")
    for trace, chosen in ((surface, mesh.side < 0), (caps, mesh.side >= 0)):
        points, triangles = drawn(trace)
        assert (points == mesh.vertices).all()
        assert (triangles == mesh.triangles[chosen]).all()
    # every polygon of the mesh is convex, and its border drawn once or twice
    ends = np.stack([borders.x, borders.y, borders.z], axis=1).reshape(-1, 3, 3)
    polygons = len(set(mesh.polygon.tolist()))
    assert len(mesh.vertices) - len(ends) + polygons == 2
    alone = plot_mesh(mesh, caps=False, edges=False).figure
    assert [trace.name for trace in alone.data] == ["f > 0"]
    wedges = es.enumerate_regions(octahedron((1, -1, 0), 0), CUBE).surface()
    assert plot_mesh(wedges).figure.data[-1].name == "no manifold"
    assert len(plot_mesh(es.enumerate_regions(octahedron(), CUBE).surface(2)).figure.data) == 0
    both = plot_3d(partition, surface=[partition.surface(), partition.surface("1/10")]).figure
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


def test_options_of_partition_plot(partition):
    inside = np.array([[0.0, 0, 0], [0.5, 0.25, -0.5]])
    picture = partition.plot(boundary=True, witnesses=True, points=inside, regions=[0, 3])
    names = [trace.name for trace in picture.figure.data]
    assert names == ["2 regions", "edges", "f > 0", "witnesses", "points"]
    shown = picture.figure.data[3]
    assert (np.stack([shown.x, shown.y, shown.z], axis=1) == partition.witnesses[[0, 3]]).all()
    assert repr(picture) == "<SolidPicture: 2 regions of [-1, 1]^3>"
    assert not partition.plot(legend=False).figure.layout.showlegend
    classes = es.enumerate_regions(random_network([3, 4, 3], 2), es.Box(-1, 1, dim=3))
    surfaces = [t for t in classes.plot(boundary=True).figure.data if t.name[:2] == "f["]
    assert 2 <= len(surfaces) <= 3
    assert len({trace.color for trace in surfaces}) == len(surfaces)


def test_a_page_needs_no_network_and_names_are_text(tmp_path):
    name = "</script><img src=x onerror=alert(1)>\n<b>\u202e"
    network = octahedron()
    network.inputs = {name: slice(0, 3)}
    picture = es.enumerate_regions(network, CUBE).plot()
    picture.save(tmp_path / "a.html", title=name)
    text = (tmp_path / "a.html").read_text("utf-8")
    page = Page()
    page.feed(text)
    assert page.asks == []
    assert "img" not in page.tags
    assert "b" not in page.tags
    assert text.count("</script>") == page.tags.count("script")
    assert "&lt;img src=x" in text[:600]  # the title
    label = re.search(r'"title":\{"text":"([^"]*script[^"]*)"', text)
    assert "<" not in json.loads(f'"{label.group(1)}"')
    picture.save(tmp_path / "b.html", title=name)
    assert (tmp_path / "b.html").read_bytes() == (tmp_path / "a.html").read_bytes()
    with pytest.raises(es.FormatError, match=r"\.html or \.htm"):
        picture.save(tmp_path / "a.pdf")


def test_the_command_writes_a_page(tmp_path, capsys):
    octahedron().save(tmp_path / "net.json")
    command = ["plot", str(tmp_path / "net.json"), "--box", "-2", "2", "--out"]
    assert main([*command, str(tmp_path / "a.html"), "--boundary", "--color", "slope"]) == 0
    assert "8 regions of [-2, 2]^3" in capsys.readouterr().out
    assert "plotly" in (tmp_path / "a.html").read_text("utf-8")
    assert main([*command, str(tmp_path / "a.png")]) == 2
    assert re.search(r"three dimensions is written as \.html? or \.html?$", capsys.readouterr().err)


def test_bad_input_is_told(partition, monkeypatch):
    n = len(partition)
    mesh = partition.surface()
    cases = [
        ({"color": [1.0]}, es.ShapeError, "one value for each"),
        ({"color": "slop"}, es.ParameterError, "is not known"),
        ({"color": [1j] * n}, es.ParameterError, "give numbers"),
        ({"window": ([0] * 3, [1] * 3)}, es.ParameterError, "smaller box"),
        ({"graph": True}, es.ParameterError, "one or two dimensions"),
        ({"colour": 1}, es.ParameterError, "no option"),
        ({"points": [[1, 2]]}, es.ShapeError, "shape .n, 3."),
        ({"explode": 1, "witnesses": True}, es.ParameterError, "unexploded"),
        ({"opacity": 2}, es.ParameterError, "from 0 to 1"),
        ({"explode": -1}, es.ParameterError, "explode"),
        ({"explode": 1, "surface": mesh}, es.ParameterError, "unexploded"),
        ({"regions": [n]}, es.ParameterError, f"from 0 to {n - 1}"),
    ]
    for options, error, text in cases:
        with pytest.raises(error, match=text):
            plot_3d(partition, **options)
    unbounded = es.enumerate_regions(es.Network([es.ReLU()], (3,)))
    with pytest.raises(es.DomainError, match="not bounded"):
        unbounded.plot()
    with pytest.raises(es.DomainError, match="take a slice"):
        plot_3d(es.enumerate_regions(es.Network([es.ReLU()], (4,)), es.Box(-1, 1, dim=4)))
    with pytest.raises(es.ParameterError, match="give a Mesh"):
        plot_mesh(partition)
    monkeypatch.setattr("exactspline.plot.solid.MOST_CELLS", 3)
    with pytest.raises(es.LimitError, match="regions="):
        plot_3d(partition)
    monkeypatch.setitem(sys.modules, "plotly.graph_objects", None)
    with pytest.raises(es.ParameterError, match=r"pip install 'exactspline\[plot3d\]'"):
        plot_mesh(mesh)
