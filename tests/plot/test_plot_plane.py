"""Pictures of the plane: what the artists hold is the complex, cut at the window exactly."""

from __future__ import annotations

import random
import re
import warnings
from fractions import Fraction

import numpy as np
import pytest
import random_networks as nets
from folders import MOONS
from graph_networks import draw
from marks import first_quick
from matplotlib import pyplot
from plane_cases import draw_case

import exactspline as es
from exactspline.plot.boundary import boundary_in
from exactspline.plot.clip import clip
from exactspline.rationals import nearest_float

F = Fraction
RECIPES = ("any", "ties", "stacked", "tight", "skips", "slivers")
WINDOW = ([-2, "-1.5"], [3, 2])


def planes(seed: int, count: int):
    """Degenerate networks on domains of two dimensions."""
    rng = random.Random(seed)
    while count:
        spec, (domain, _) = draw(rng, rng.choice(RECIPES))
        if domain.chart.dim == 2:
            count -= 1
            yield nets.network(spec), domain, rng


def moons(domain=None):
    return es.enumerate_regions(es.load(MOONS), domain)


def turned(points) -> list:
    """The corners of a polygon from its least one on."""
    points = [tuple(p) for p in points]
    first = points.index(min(points))
    return points[first:] + points[:first]


def drawn(picture) -> list[list]:
    """The polygons that matplotlib was given: paths end where they begin."""
    paths = picture.artists["regions"].get_paths()
    assert all((path.vertices[0] == path.vertices[-1]).all() for path in paths)
    return [path.vertices[:-1].tolist() for path in paths]


def by_code(omega: es.Partition) -> dict[bytes, int]:
    return {omega.code(i).tobytes(): i for i in range(len(omega))}


def area(points) -> Fraction:
    pairs = zip(points, [*points[1:], points[0]], strict=True)
    return sum((a[0] * b[1] - b[0] * a[1] for a, b in pairs), F(0)) / 2


def plainly(points: list, sides: list) -> list:
    """A polygon cut by half-planes c + a x + b y >= 0, corner by corner (Sutherland, Hodgman)."""
    for c, a, b in sides:
        value = [c + a * x + b * y for x, y in points]
        out = []
        for i, (p, v) in enumerate(zip(points, value, strict=True)):
            q, w = points[(i + 1) % len(points)], value[(i + 1) % len(points)]
            if v >= 0:
                out.append(p)
            if v * w < 0:
                out.append(tuple(s + (t - s) * v / (v - w) for s, t in zip(p, q, strict=True)))
        points = list(dict.fromkeys(out))
        if len(points) < 3:
            return []
    return points


# ------------------------------------------------------------------------------ polygons, edges
def test_polygons_are_the_faces_of_the_complex():
    omega = moons(es.Box(*WINDOW))
    picture, corners = omega.plot(), omega.complex().corners
    polygons = drawn(picture)
    assert len(polygons) == len(omega) == 281
    assert picture.cells.exact == {}
    for i, polygon in enumerate(polygons):
        exact = [corners.exact(corner) for corner in omega.complex().faces[i].corners]
        near = [[nearest_float(v) for v in p] for p in exact]
        assert np.abs(np.array(polygon) - near).max() < 1e-12


def test_edges_are_those_of_the_complex():
    omega = moons(es.Box(*WINDOW))
    picture, c = omega.plot(), omega.complex()
    xy, seen = c.corners.xy, 0
    for layer in (0, 1):
        lines = picture.artists[f"layer {layer + 1}"]
        own = np.flatnonzero(c.edges.layer == layer)
        ends = {
            tuple(sorted(map(tuple, xy[[c.edges.tail[e], c.edges.head[e]]].tolist()))) for e in own
        }
        found = {tuple(sorted(map(tuple, np.asarray(s).tolist()))) for s in lines.get_segments()}
        assert found == ends
        seen += len(own)
    assert seen == len(c.interior_edges)
    widths = [picture.artists[f"layer {k}"].get_linewidth()[0] for k in (1, 2)]
    assert widths[0] > widths[1] > 0


def test_a_window_cuts_as_a_search_inside_of_it_does():
    """The same regions, corner by corner, as a search on the window alone finds."""
    omega, inside = moons(), moons(es.Box(*WINDOW))
    cells = omega.plot(window=WINDOW).cells
    number = by_code(inside)
    assert len(cells) == len(inside)
    assert len(cells.exact) > 40
    for i, region in enumerate(cells.region.tolist()):
        own = inside.complex().faces[number[omega.code(region).tobytes()]].polygon(exact=True)
        if i in cells.exact:
            assert turned(cells.exact[i]) == turned(map(tuple, own.corners.tolist()))
        near = np.array(own.corners, dtype=np.float64)
        here = np.array(turned(cells.polygons()[i]))
        assert np.abs(here - near).max() < 1e-12


@pytest.mark.parametrize("seed", first_quick(range(3)))
def test_degenerate_networks_in_random_windows(seed):
    """Against a clipping that is written plainly; the parts fill what the domain has of it."""
    cut = 0
    for network, domain, rng in planes(seed, 12):
        omega = es.enumerate_regions(network, domain)
        sides = [[side for side in r.polygon().sides if side is not None] for r in omega]
        low = [F(rng.randint(-4, 1), 2), F(rng.randint(-4, 1), 3)]
        high = [low[0] + F(rng.randint(1, 6), 2), low[1] + F(rng.randint(1, 9), 3)]
        square = [tuple(low), (high[0], low[1]), tuple(high), (low[0], high[1])]
        expected = {i: p for i, own in enumerate(sides) if (p := plainly(square, own))}
        if not expected:
            with pytest.raises(es.DomainError, match="no inner points in common"):
                omega.plot(window=(low, high))
            continue
        cells = omega.plot(window=(low, high)).cells
        assert set(cells.region.tolist()) == set(expected)
        total = F(0)
        for i, region in enumerate(cells.region.tolist()):
            if i in cells.exact:
                cut += 1
                total += area(cells.exact[i])
                assert area(cells.exact[i]) == area(expected[region])
                assert set(cells.exact[i]) <= set(expected[region])
            else:  # whole: the window does not touch it
                total += omega[region].polygon().area()
                assert area(expected[region]) == omega[region].polygon().area()
        rows = [row for own in sides for row in own]
        walls = [tuple(row) for row in _domain_rows(omega)]
        assert rows or len(omega) == 1
        assert total == area(plainly(square, walls))
        assert np.isclose(cells.areas.sum(), float(total), rtol=1e-9)
    assert cut > 20


def _domain_rows(omega: es.Partition) -> list:
    """The domain's sides as (c, a, b)."""
    chart, rows = omega.domain.chart, []
    for j in range(2):
        unit = [F(int(k == j)) for k in range(2)]
        if chart.low[j] is not None:
            rows.append((-chart.low[j], *unit))
        if chart.high[j] is not None:
            rows.append((chart.high[j], *(-v for v in unit)))
    for i in range(len(chart.rows)):
        indices, data, const = chart.rows.row(i)
        row = [F(const), F(0), F(0)]
        for j, v in zip(indices.tolist(), data.tolist(), strict=True):
            row[1 + j] += F(v)
        rows.append(tuple(row))
    return rows


def test_clipping_of_sets_that_touch_the_window():
    low, high = [F(0), F(0)], [F(1), F(1)]
    assert clip(low, high, [((F(0), F(-1), F(0)), 0)]) is None  # x <= 0: a side only
    assert clip(low, high, [((F(0), F(-1), F(-1)), 0)]) is None  # x + y <= 0: a corner only
    through = clip(low, high, [((F(0), F(1), F(-1)), 5)])  # y <= x, from corner to corner
    assert through.points() == [(0, 0), (1, 0), (1, 1)]
    assert through.labels == [-1, -1, 5]
    assert clip(low, high, []).points() == [(0, 0), (1, 0), (1, 1), (0, 1)]


def test_edges_in_a_window_lie_between_its_regions():
    omega = moons()
    cells = omega.plot(window=WINDOW).cells
    inside = moons(es.Box(*WINDOW))
    assert len(cells.segments) == len(inside.complex().interior_edges)
    pairs = {tuple(sorted(p)) for p in zip(cells.left.tolist(), cells.right.tolist(), strict=True)}
    number = by_code(omega)
    edges = inside.edges
    expected = {
        tuple(sorted(number[inside.code(int(v)).tobytes()] for v in pair))
        for pair in zip(edges.source, edges.target, strict=True)
    }
    assert pairs == expected
    for (a, b), unit in zip(cells.segments, cells.unit.tolist(), strict=True):
        assert 0 <= unit < omega.network.units
        assert (np.minimum(a, b) >= [-2, -1.5]).all()
        assert (np.maximum(a, b) <= [3, 2]).all()


# ------------------------------------------------------------------------------------- windows
def test_without_a_window_every_vertex_is_shown():
    omega = moons()
    picture = omega.plot()
    window, corners = picture.window, omega.complex().corners
    for i in range(len(corners)):
        for v, low, high in zip(corners.exact(i), window.low, window.high, strict=True):
            assert low < v < high
    assert f"all {len(corners)} vertices" in picture.notes[0]
    assert picture.notes[0].startswith("window [")
    assert "most of them are in window=(" in picture.notes[0]
    assert f"all {len(corners)}" in picture.ax.get_title(loc="left").replace("\n", " ")
    assert len(picture.cells) == len(omega)


@pytest.mark.parametrize(
    ("rows", "domain", "count", "note"),
    [
        ([[1, 0], [0, 1]], None, 4, "around the vertex"),
        ([[1, 1], [2, 2]], None, 2, "every line"),
        ([[0, 0]], None, 1, "chosen freely"),
        ([[1, 1]], es.Box([0, -1], [np.inf, 1]), 2, "all 4 vertices"),
        ([[1, 0]], es.Polytope([[-1, -1]], [0]), 2, "around the vertex"),
        ([[0, 0]], es.Box(-1, 1, dim=2), 1, ""),
        ([[1, 0]], es.Polytope([[1, 1], [-1, 2], [-1, -5]], [1, 1, 1]), 2, ""),
    ],
)
def test_a_window_is_found_for_every_domain(rows, domain, count, note):
    omega = es.enumerate_regions(
        es.Network([es.Dense(rows, [0] * len(rows)), es.ReLU()], (2,)), domain
    )
    picture = omega.plot(boundary=True, graph=True, labels="code", witnesses=True)
    assert len(picture.cells) == len(omega) == count
    assert note in picture.window.note
    picture.figure.canvas.draw()
    assert not picture.artists["regions"].get_paths() or all(picture.cells.areas > 0)


def test_parallel_strips_are_cut_exactly():
    """Regions that hold whole lines have a complex of one dimension, and are drawn all the same."""
    net = es.Network([es.Dense([[1, 1], [1, 1]], [0, -1]), es.ReLU()], (2,))
    omega = es.enumerate_regions(net)
    assert omega.complex().dimension == 1
    cells = omega.plot(window=([0, 0], [1, 1])).cells
    assert sorted(map(len, cells.polygons())) == [3, 3]
    assert cells.areas.tolist() == [0.5, 0.5]
    assert cells.segments.tolist() in ([[[1.0, 0.0], [0.0, 1.0]]], [[[0.0, 1.0], [1.0, 0.0]]])
    assert len(omega.plot().cells) == 3


def test_a_stopped_search_is_drawn_as_far_as_it_is(monkeypatch):
    whole = moons(es.Box(*WINDOW))
    omega = es.enumerate_regions(whole.network, es.Box(*WINDOW), limit=40)
    picture = omega.plot(boundary=True, highlight=3)
    assert len(picture.cells) == 40
    faces, number = whole.complex().faces, by_code(whole)
    for i, region in enumerate(picture.cells.region.tolist()):
        own = faces[number[omega.code(region).tobytes()]].polygon(exact=True)
        assert turned(picture.cells.exact[i]) == turned(map(tuple, own.corners.tolist()))
    assert any("stopped" in note for note in picture.notes)
    assert "missing" in picture.ax.get_title(loc="left")
    monkeypatch.setattr("exactspline.plot.loose.MOST_REGIONS", 39)
    with pytest.raises(es.LimitError, match="one by one"):
        omega.plot()
    nothing = es.enumerate_regions(whole.network, es.Box(*WINDOW), time_limit=0)
    if not len(nothing):
        assert len(nothing.plot().cells) == 0


def test_a_far_away_window_is_exact():
    """A window of width 1e-6 at 1e3: float64 tells its pixels apart, and corners come right."""
    third = es.Network([es.Dense([[3, 0], [0, 3]], [-3001, -1]), es.ReLU()], (2,))
    at = F(3001, 3)
    width = F(1, 10**6)
    omega = es.enumerate_regions(third)
    cells = omega.plot(
        window=([at - width, F(1, 3) - width], [at + width, F(1, 3) + 2 * width])
    ).cells
    assert sorted(area(p) / width**2 for p in cells.exact.values()) == [1, 1, 2, 2]


WRONG = [
    ({"window": ([-1, float("-inf")], [1, 1])}, "window=([-1, -1], [1, 1])"),
    ({"window": es.Box(0, float("inf"), dim=2)}, "is unbounded; write finite ends"),
    ({"window": ([1, 1], [0, 2])}, "low 1 > high 0"),
    ({"window": ([0, 0], [0, 2])}, "to itself"),
    ({"window": 3}, "is no window"),
    ({"window": ([0, 0, 0], [1, 1, 1])}, "window"),
    ({"window": ([10**17, 0], [10**17 + 16, 1])}, "no picture in float64"),
    ({"color": "slop"}, "piece, region, slope, output, active"),
    ({"color": "output 7"}, "the network has 1"),
    ({"color": [1, 2]}, "give one value for each of the 281 regions"),
    ({"labels": "names"}, "region, code"),
    ({"labels": ["a"]}, "281 regions"),
    ({"edges": "all"}, "layer, plain, none"),
    ({"highlight": 99}, "unit 99 of 32"),
    ({"highlight": "relu9[3]"}, "no unit is called"),
    ({"points": [[1, 2, 3]]}, "shape (n, 2)"),
    ({"points": [[np.nan, 0]]}, "finite numbers"),
    ({"ax": "here"}, "no matplotlib Axes"),
    ({"explode": 1}, "no option 'explode'"),
]


@pytest.mark.parametrize(("options", "said"), WRONG)
def test_bad_options_are_refused(options, said):
    omega = moons(es.Box(*WINDOW))
    with pytest.raises(es.ExactSplineError) as caught:
        omega.plot(**options)
    assert said in str(caught.value)


@pytest.mark.parametrize("size", [10**99, 10**120, 10**320])
def test_vertices_beyond_what_can_be_drawn(size):
    net = es.Network([es.Dense([[1, 0], [0, 1]], [-size, 0]), es.ReLU()], (2,))
    omega = es.enumerate_regions(net)
    if size < 10**100:
        omega.plot().figure.canvas.draw()
        return
    with pytest.raises(es.DomainError, match="float64"):
        omega.plot()
    assert len(omega.plot(window=([-1, -1], [1, 1])).cells) == 2


def test_more_dimensions_need_a_slice():
    omega = es.enumerate_regions(es.Network([es.ReLU()], (4,)))
    with pytest.raises(es.DomainError, match=r"choose a slice, such as Slice.through\(a, b, c\)"):
        omega.plot()
    point = es.enumerate_regions(es.Network([es.ReLU()], (1,)), es.Box([1], [1]))
    with pytest.raises(es.DomainError, match="is a point"):
        point.plot()


def test_too_many_polygons_are_refused_with_what_to_do(monkeypatch):
    monkeypatch.setattr("exactspline.plot.plane.MOST_POLYGONS", 280)
    omega = moons(es.Box(*WINDOW))
    with pytest.raises(es.LimitError, match=r"rasterised=True.*explore"):
        omega.plot()
    assert len(omega.plot(rasterised=True).cells) == 281


@pytest.mark.slow
def test_hostile_networks_have_a_picture_or_one_clear_error():
    """Of every kind of domain and magnitude: drawn without a warning, or refused."""
    drawn, refused = 0, []
    for seed in range(45):
        case, _ = draw_case(seed)
        if case.domain.chart.dim > 2:
            continue
        rng = random.Random(seed)
        limit = rng.choice((None, None, 3))
        omega = es.enumerate_regions(case.network, case.domain, limit=limit)
        flat = omega.domain.chart.dim == 1
        options = {
            "color": rng.choice(("piece", "region", "slope", "output", "active")),
            "boundary": rng.random() < 0.5, "labels": rng.choice((None, "code", "region")),
            "witnesses": rng.random() < 0.5, "graph": not flat,
            "highlight": 0 if case.network.units else None,
        }  # fmt: skip
        if rng.random() < 0.4:
            options["window"] = (-1, 1) if flat else ([rng.choice((-1, "-1e-5"))] * 2, [1, "1e9"])
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                omega.plot(**options).figure.canvas.draw()
            drawn += 1
        except es.ExactSplineError as error:
            refused.append(str(error))
        pyplot.close("all")
    assert drawn > len(refused) > 0
    for text in refused:
        assert re.match("window: |color: |plot: f reaches", text)


# ------------------------------------------------------------------------------------- overlays
def test_a_bent_line_is_where_the_unit_changes():
    omega = moons(es.Box(*WINDOW))
    c = omega.complex()
    picture = omega.plot(highlight=[3, "relu1[4]"])
    for unit in (3, 20):
        own = {e for e in c.interior_edges.tolist() if unit in dict(c.edges.units(e))}
        assert own
        found = picture.artists[f"unit {unit}"].get_segments()
        assert len(found) == len(own)
        ends = [c.corners.xy[[c.edges.tail[e], c.edges.head[e]]].tolist() for e in sorted(own)]
        assert [np.asarray(s).tolist() for s in found] == ends
    assert [t.get_text() for t in picture.legend.get_texts()][-2:] == [
        "unit relu0[3]",
        "unit relu1[4]",
    ]


def test_units_on_one_line_are_all_found():
    net = es.Network([es.Dense([[1, 0], [2, 0], [0, 1]]), es.ReLU()], (2,))
    picture = es.enumerate_regions(net, es.Box(-1, 1, dim=2)).plot(highlight=[0, 1])
    for unit in (0, 1):
        assert len(picture.artists[f"unit {unit}"].get_segments()) == 2


def test_the_graph_joins_regions_with_an_edge():
    omega = moons(es.Box(*WINDOW))
    picture = omega.plot(graph=True)
    paths = picture.artists["graph"].get_segments()
    place = {tuple(p): i for i, p in enumerate(picture.cells.centroids.tolist())}
    pairs = {
        tuple(sorted((place[tuple(p[0])], place[tuple(p[-1])]))) for p in map(np.asarray, paths)
    }
    assert pairs == set(zip(omega.edges.source.tolist(), omega.edges.target.tolist(), strict=True))
    found = omega.locate(picture.cells.centroids)
    assert found.region.tolist() == list(range(len(omega)))  # each node lies in its region


def test_the_boundary_is_where_f_vanishes():
    omega = moons()
    picture = omega.plot(window=WINDOW, boundary=True)
    segments, areas = boundary_in(omega.decision_boundary(), picture.window)
    assert not areas
    assert len(segments) > 10
    for ends in segments:
        for point in ends:
            assert omega.network.forward(list(point), exact=True)[0] == 0
    near = [np.asarray(s).tolist() for s in picture.artists["boundary"].get_segments()]
    assert near == np.array(segments, dtype=np.float64).tolist()
    # as long as that of a search on the window alone
    inside = boundary_in(moons(es.Box(*WINDOW)).decision_boundary(), picture.window)[0]
    assert {frozenset(s) for s in inside} == {frozenset(s) for s in segments}


def test_ties_with_interior_and_whole_lines():
    net = es.Network([es.Dense([[1, 0]]), es.ReLU(), es.Dense([[1]])], (2,))  # 0 where x <= 0
    picture = es.enumerate_regions(net).plot(window=([-1, -1], [1, 1]), boundary=True)
    (tie,) = picture.artists["ties"].get_paths()
    assert turned(tie.vertices[:-1].tolist()) == [(-1, -1), (0, -1), (0, 1), (-1, 1)]
    line = es.Network([es.Dense([[1, 1], [1, -1]]), es.ReLU(), es.Dense([[1, -1]])], (2,))
    shown = es.enumerate_regions(line).plot(window=([0, -1], [1, 1]), boundary=True)
    assert [np.asarray(s).tolist() for s in shown.artists["boundary"].get_segments()] in (
        [[[0.0, 0.0], [1.0, 0.0]]], [[[1.0, 0.0], [0.0, 0.0]]],
    )  # fmt: skip


def test_labels_points_and_witnesses():
    net = es.Network([es.Dense([[1, 0], [0, 1]]), es.ReLU()], (2,))
    omega = es.enumerate_regions(net, es.Box(-1, 1, dim=2))
    picture = omega.plot(
        labels="code", witnesses=True, points=([[0.5, 0.5], [-0.5, 0]], ["a", "b"])
    )
    texts = {t.get_text(): t.get_position() for t in picture.artists["labels"]}
    for text, (x, y) in texts.items():
        assert text == f"{int(x > 0)}{int(y > 0)}"
    assert len(texts) == 4
    assert picture.artists["witnesses"].get_offsets().tolist() == omega.witnesses.tolist()
    assert picture.artists["b"].get_offsets().tolist() == [[-0.5, 0]]
    own = omega.plot(labels=["one", "two", "three", "four"])
    assert {t.get_text() for t in own.artists["labels"]} == {"one", "two", "three", "four"}


def test_own_axes_keep_what_is_drawn_elsewhere():
    from matplotlib.figure import Figure

    axes = Figure().subplots(1, 2)
    omega = moons(es.Box(*WINDOW))
    picture = omega.plot(ax=axes[1])
    assert picture.ax is axes[1]
    assert axes[1].get_xlim() == (-2, 3)
    assert not axes[0].collections
