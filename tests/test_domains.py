"""Domains: exact charts, exact descriptions, and one set told in different ways."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

import exactspline as es

F = Fraction


def value(row, t):
    """An affine form (indices, data, const) at a point, exactly."""
    indices, data, total = row
    for j, c in zip(indices.tolist(), data.tolist(), strict=True):
        total += F(c) * t[j]
    return total


def assert_inside(domain):
    """The chart's point is strictly inside the chart; returns it in R^D."""
    chart = domain.chart
    assert len(chart.interior) == len(chart.low) == len(chart.high) == chart.dim
    for t, low, high in zip(chart.interior, chart.low, chart.high, strict=True):
        assert low is None or low < t
        assert high is None or t < high
    for i in range(len(chart.rows)):
        assert value(chart.rows.row(i), chart.interior) > 0
    return chart.lift(chart.interior)


def random_fractions(rng, n):
    return [F(int(p), int(q)) for p, q in rng.integers(1, 30, (n, 2))]


# ----------------------------------------------------------------------------- boxes
def test_whole_space():
    domain = es.WholeSpace(3)
    assert domain.chart.dim == 3
    assert domain.chart.low == domain.chart.high == (None,) * 3
    assert_inside(domain)
    with pytest.raises(es.DomainError, match="at least 1"):
        es.WholeSpace(0)


def test_domains_say_what_they_are():
    assert repr(es.Box(-1, "1/3", dim=2)) == "<Box [-1, 1/3]^2>"
    assert repr(es.WholeSpace(3)) == "<WholeSpace all of R^3>"
    assert repr(es.Slice([0, 0], [[1, 1]])).startswith("<Slice 1-dimensional slice of R^2")
    long = repr(es.Box(list(range(784)), list(range(1, 785))))
    assert len(long) < 220
    assert long.endswith("...>")


def test_box_is_exact():
    box = es.Box(["0.1", F(1, 3), 0.1], ["1e-1", "1/2", math.inf])
    assert box.low == (F(1, 10), F(1, 3), F(0.1))
    assert box.high == (F(1, 10), F(1, 2), None)
    assert box.chart.dim == 2
    assert box.chart.lift([F(5, 12), F(7)]) == [F(1, 10), F(5, 12), F(7)]
    assert_inside(box)


def test_box_of_scalars():
    assert es.Box(-1, "1/3", dim=3).describe() == "[-1, 1/3]^3"
    assert es.Box(-1, [1, 2]).low == (-1, -1)
    assert es.Box(np.float32(0.1), 1, dim=1).low == (F(13421773, 134217728),)


@pytest.mark.parametrize(
    ("low", "high", "error", "text"),
    [
        ([1], [0], es.DomainError, "coordinate 0 has low 1 > high 0"),
        ([0, "1/2"], [1, "1/3"], es.DomainError, "coordinate 1 has low 1/2 > high 1/3"),
        ([math.nan], [1], es.DomainError, "low of coordinate 0 is nan"),
        ([math.inf], [math.inf], es.DomainError, "low of coordinate 0 is inf"),
        ([0], [-math.inf], es.DomainError, "high of coordinate 0 is -inf"),
        (["x"], [1], es.DomainError, "not a finite number"),
        (["1/0"], [1], es.DomainError, "divides by zero"),
        ([0, 0], [1], es.ShapeError, "high has 1 entries"),
        ([[0, 0]], [1, 1], es.ShapeError, r"shape \(1, 2\)"),
    ],
)
def test_bad_boxes(low, high, error, text):
    with pytest.raises(error, match=text):
        es.Box(low, high)


# ------------------------------------------------------------------------- polytopes
def test_polytope_finds_equalities():
    # x + y + z = 1 as two inequalities, and x = 1/3 forced by three rows together
    G = [[1, 1, 1], [-1, -1, -1], [1, 0, 0], [-1, -1, 0], [0, 1, 0], [0, 0, 1]]
    h = [1, -1, "1/3", "-1/2", "1/6", 2]
    domain = es.Polytope(G, h)
    assert domain.chart.dim == 0
    assert domain.chart.lift([]) == [F(1, 3), F(1, 6), F(1, 2)]


@pytest.mark.parametrize("seed", range(20))
def test_polytope_charts_are_exact(seed):
    """Equalities hold exactly at every point of the chart, inequalities strictly inside."""
    rng = np.random.default_rng(seed)
    dim, n_equal = 4, seed % 4
    point = random_fractions(rng, dim)
    rows, bounds = [], []
    for _ in range(n_equal):
        row = [F(int(v), 7) for v in rng.integers(-3, 4, dim)]
        at = sum(a * b for a, b in zip(row, point, strict=True))
        rows += [row, [-a for a in row]]
        bounds += [at, -at]
    for _ in range(5):
        row = [F(int(v), 3) for v in rng.integers(-3, 4, dim)]
        rows.append(row)
        bounds.append(sum(a * b for a, b in zip(row, point, strict=True)) + F(1, 9))
    domain = es.Polytope(rows, bounds)
    chart = domain.chart
    rank = np.linalg.matrix_rank(np.array(rows[: 2 * n_equal] or [[0] * dim], dtype=float))
    assert chart.dim == dim - rank
    inside = assert_inside(domain)
    for i, (row, bound) in enumerate(zip(rows, bounds, strict=True)):
        at = sum(a * b for a, b in zip(row, inside, strict=True))
        assert at == bound if i < 2 * n_equal or not any(row) else at < bound
    for _ in range(5):  # anywhere on the affine hull
        x = chart.lift(random_fractions(rng, chart.dim))
        for row, bound in zip(rows[: 2 * n_equal], bounds, strict=False):
            assert sum(a * b for a, b in zip(row, x, strict=True)) == bound


def test_polytope_single_bounds_become_bounds():
    chart = es.Polytope([[2, 0], [-3, 0], [1, 0], [0, -1], [1, 1]], [1, 1, 5, 0, 9]).chart
    assert chart.low == (F(-1, 3), F(0))
    assert chart.high == (F(1, 2), None)
    assert len(chart.rows) == 1


def test_polytope_may_be_unbounded():
    domain = es.Polytope([[1, -1]], [0])
    assert domain.chart.dim == 2
    assert_inside(domain)


@pytest.mark.parametrize(
    ("G", "h"),
    [([[1], [-1]], [0, -1]), ([[0, 0]], [-1]), ([[1, 1], [-1, 0], [0, -1]], ["-1e-300", 0, 0])],
)
def test_empty_polytopes(G, h):
    with pytest.raises(es.DomainError, match="empty"):
        _ = es.Polytope(G, h).chart


@pytest.mark.parametrize(
    ("G", "h", "error"),
    [
        ([[1, 2]], [1, 2], es.ShapeError),
        ([1, 2], [1, 2], es.ShapeError),
        ([[math.nan]], [1], es.DomainError),
        ([[1]], [math.inf], es.DomainError),
    ],
)
def test_bad_polytopes(G, h, error):
    with pytest.raises(error):
        es.Polytope(G, h)


# ---------------------------------------------------------------------------- slices
def test_slice_is_exact():
    domain = es.Slice([0, "1/3", 1], [[1, 2, 0], [0, "1/7", "0.1"]], es.Box([0, 0], [1, 2]))
    assert domain.dim == 3
    assert domain.chart.dim == 2
    assert domain.chart.lift([F(1), F(7)]) == [F(1), F(10, 3), F(17, 10)]
    assert assert_inside(domain) == [F(1, 2), F(1, 3) + 1 + F(1, 7), F(11, 10)]


def test_slice_of_a_lower_dimensional_domain():
    inner = es.Box([0, "1/2"], [1, "1/2"])
    domain = es.Slice([0, 0, 0], [[1, 0, 1], [0, 2, 2]], inner)
    assert domain.chart.dim == 1
    assert domain.chart.lift([F(1, 4)]) == [F(1, 4), F(1), F(5, 4)]


def test_slice_of_a_slice():
    outer = es.Slice([1, 1, 1], [[1, 0, 0], [0, 1, 0]], es.Slice([0, 5], [["1/2", 1]]))
    assert outer.chart.dim == 1
    assert outer.chart.lift([F(4)]) == [F(3), F(10), F(1)]


def test_slice_through_points_is_exact():
    domain = es.Slice.through([["0.1", 0], [["1/3", 1]]], es.Box([0], [1]))
    assert domain.chart.lift([F(1)]) == [F(1, 3), F(1)]
    assert domain.chart.lift([F(0)]) == [F(1, 10), F(0)]
    with pytest.raises(es.ShapeError, match="equally many"):
        es.Slice.through([[0, 0], [1]])


def test_slice_through_points_one_by_one():
    a, b, c, box = [0, 0], [1, 2], ["1/3", 0], es.Box([0, 0], [1, 1])
    for slice_ in (
        es.Slice.through(a, b, c, domain=box), es.Slice.through(a, b, c, box),
        es.Slice.through([a, b, c], box), es.Slice.through(np.array([a, b, [F(1, 3), 0]]), box),
        es.Slice.through(a, b, c, box, None), es.Slice.through(a, b, c, box, inputs=None),
    ):  # fmt: skip
        assert slice_.chart.lift([F(1), F(1)]) == [F(4, 3), F(2)]
        assert slice_.domain is box
    inside = es.Slice.through(a, b, None, box)
    assert (inside.inputs, inside.chart.high) == (box, (F(1, 2),))
    for wrong in ((a,), (box,), (box, a, b), (a, box, b), (a, b, box, box, box), ()):
        with pytest.raises(es.ExactSplineError, match="slice"):
            es.Slice.through(*wrong)


@pytest.mark.parametrize("seed", range(20))
def test_slice_with_bounded_inputs_is_the_polytope(seed):
    """Exactly the parameters t with low <= x(t) <= high, whatever was dropped as implied."""
    rng = np.random.default_rng(seed)
    k, n = int(rng.integers(1, 4)), int(rng.integers(5, 60))
    origin = rng.integers(0, 4, n) / 4
    directions = rng.integers(-3, 4, (k, n)) / 4
    directions[:, :k] = np.eye(k)
    box, t_box = es.Box(0, 1, dim=n), es.Box(-2, 2, dim=k)
    chart = es.Slice(origin, directions, t_box, box).chart
    G = np.concatenate([directions.T, -directions.T, np.eye(k), -np.eye(k)])
    h = np.concatenate([1 - origin, origin, np.full(2 * k, 2)])
    expected = es.Polytope(G, h).chart
    assert chart.dim == expected.dim
    for t in rng.integers(-16, 17, (200, k)) / 8:  # many of them on the border
        x = [F(v) for v in origin + t @ directions]
        inside = all(0 <= v <= 1 for v in x)
        assert inside == (np.all(G @ t <= h))
        if chart.dim == k:
            held = all(
                (low is None or low <= v) and (high is None or v <= high)
                for v, low, high in zip(map(F, t), chart.low, chart.high, strict=True)
            ) and all(
                const + sum(F(c) * F(t[j]) for j, c in zip(i, d, strict=True)) >= 0
                for i, d, const in map(chart.rows.row, range(len(chart.rows)))
            )
            assert held == inside
    lifted = chart.lift(chart.interior)
    assert all(0 <= v <= 1 for v in lifted)
    assert len(chart.rows) <= 40


def test_slice_that_meets_its_bounds_in_a_lower_dimension():
    domain = es.Slice([0, 0], [[1, 0], [0, 1]], es.Box(0, 3, dim=2), es.Box([3, 0], [4, 1]))
    assert domain.chart.dim == 1
    with pytest.raises(es.DomainError, match="within the bounds"):
        _ = es.Slice([0, 0], [[1, 0]], None, es.Box([0, 1], [1, 2])).chart


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        (([0, 0], [[1, 1]], es.WholeSpace(1), es.Box([0], [1])), es.ShapeError, "1 inputs"),
        (([0, 0], [[1, 1], [2, 2]]), es.DomainError, "dependent"),
        (([0, 0], [[1, 1, 1]]), es.ShapeError, "do not fit"),
        (([0, 0], [[1, 1]], es.WholeSpace(2)), es.ShapeError, "dimension 2"),
        (([0, math.nan], [[1, 1]]), es.DomainError, "nan"),
    ],
)
def test_bad_slices(arguments, error, text):
    with pytest.raises(error, match=text):
        es.Slice(*arguments)


# ------------------------------------------------------------- one set, several ways
def network(dim, seed):
    rng = np.random.default_rng(seed)
    return es.Network(
        [
            es.Dense(rng.standard_normal((6, dim)), rng.standard_normal(6)),
            es.ReLU(),
            es.Dense(rng.standard_normal((4, 6)), rng.standard_normal(4)),
            es.Abs(),
        ],
        (dim,),
    )


@pytest.mark.parametrize("seed", range(4))
def test_one_box_told_in_three_ways(seed):
    net = network(2, seed)
    box = es.Box([-1, "-1/3"], [1, 2])
    polytope = es.Polytope([[1, 0], [-1, 0], [0, 1], [0, -1]], [1, 1, 2, "1/3"])
    slanted = es.Slice([0, 0], [[1, 1], [1, -1]], es.Polytope(
        [[1, 1], [-1, -1], [1, -1], [-1, 1]], [1, 1, 2, "1/3"]
    ))  # fmt: skip
    codes = es.enumerate_regions(net, box).codes.tolist()
    assert es.enumerate_regions(net, polytope).codes.tolist() == codes
    assert es.enumerate_regions(net, slanted).codes.tolist() == codes


@pytest.mark.parametrize("seed", range(4))
def test_one_line_told_in_three_ways(seed):
    net = network(3, seed)
    flat = es.Box([-2, "1/3", "0.1"], [2, "1/3", "0.1"])
    line = es.Slice([0, "1/3", "0.1"], [[1, 0, 0]], es.Box([-2], [2]))
    rows = [[0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1], [1, 0, 0], [-1, 0, 0]]
    polytope = es.Polytope(rows, ["1/3", "-1/3", "1/10", "-1/10", 2, 2])
    codes = es.enumerate_regions(net, flat).codes.tolist()
    assert es.enumerate_regions(net, line).codes.tolist() == codes
    assert es.enumerate_regions(net, polytope).codes.tolist() == codes


def test_a_border_is_not_counted():
    """A region that meets the domain only in its border does not count."""
    net = es.Network([es.Dense([[1, 0], [0, 1]]), es.ReLU()], (2,))
    assert es.count_regions(net, es.Box([0, 0], [1, 1])) == 1
    assert es.count_regions(net, es.Box(["-1e-300", 0], [1, 1])) == 2
    assert es.count_regions(net, es.Polytope([[-1, 0], [1, 1]], [0, 0])) == 1
