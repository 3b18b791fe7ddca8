"""Areas of merged faces: holes, pinches, infinity, straight corners, what is refused."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

import exactspline as es

F = Fraction
SQUARE = es.Box(-2, 2, dim=2)


def board() -> es.Complex:
    """The square in sixteen: cells (i, j) from the lower left corner, by their centres."""
    rows, shifts = [[1, 0]] * 3 + [[0, 1]] * 3, [-1, 0, 1] * 2
    net = es.Network([es.Dense(rows, shifts), es.ReLU()], (2,))
    return es.enumerate_regions(net, SQUARE).complex()


def groups_of(c: es.Complex, picture: list[str]) -> np.ndarray:
    """Groups by letters on a board, the first row on top; numbered as they come up."""
    letters = []
    for face in c.faces:
        x, y = face.centroid()
        letters.append(picture[3 - math.floor(y + 2)][math.floor(x + 2)])
    return np.unique(letters, return_inverse=True)[1]


def corners(c: es.Complex, loop: np.ndarray) -> list[tuple[int, int]]:
    return [tuple(int(v) for v in c.corners.exact(i)) for i in loop.tolist()]


def test_a_ring():
    c = board()
    ring = c.merged(groups_of(c, ["aaaa", "abba", "abba", "aaaa"]))
    assert len(ring) == 2
    (outer,), (hole,) = ring.outer(0), ring.holes(0)
    assert set(corners(c, outer)) == {(-2, -2), (2, -2), (2, 2), (-2, 2)}
    assert set(corners(c, hole)) == {(-1, -1), (-1, 1), (1, 1), (1, -1)}
    path = corners(c, hole)  # clockwise
    turns = [
        (b[0] - a[0]) * (d[1] - b[1]) - (b[1] - a[1]) * (d[0] - b[0])
        for a, b, d in zip(path, path[1:] + path[:1], path[2:] + path[:2], strict=True)
    ]
    assert all(turn < 0 for turn in turns)
    assert ring.area(0) == 12
    assert [ring.is_convex(i) for i in range(2)] == [False, True]
    assert len(ring.corners) == 8
    assert len(ring.edges) == 8
    assert (
        sorted(zip(ring.edges.left.tolist(), ring.edges.right.tolist(), strict=True))
        == [(0, -1)] * 4 + [(0, 1)] * 4
    )


def test_corners_amid_a_side_are_kept_where_a_third_area_ends():
    c = board()
    found = c.merged(groups_of(c, ["aabb", "aabb", "cccc", "cccc"]))
    assert set(corners(c, found.corners)) == {
        (-2, -2), (2, -2), (2, 2), (-2, 2), (-2, 0), (0, 0), (2, 0), (0, 2)
    }  # fmt: skip
    assert [len(found.outer(i)[0]) for i in range(3)] == [4, 4, 5]
    assert all(found.is_convex(i) for i in range(3))  # with a straight corner, too
    assert len(found.edges) == 10


def test_areas_that_touch_themselves():
    """A hole that touches the border in a corner is no hole of the open area."""
    c = board()
    found = c.merged(groups_of(c, ["aaaa", "aaba", "abaa", "aaaa"]))
    (outer,) = found.outer(0)
    assert len(found.holes(0)) == 1  # the two squares touch: one path around both
    assert len(found.holes(0)[0]) == 8
    assert len(outer) == 4
    assert len(found.outer(1)) == 2  # but they are two parts
    found = c.merged(groups_of(c, ["baaa", "abaa", "aaaa", "aaaa"]))
    (outer,) = found.outer(0)
    assert found.holes(0) == []
    assert corners(c, outer).count((-1, 1)) == 2
    assert not found.is_convex(0)


def test_two_holes_and_an_island():
    c = board()
    found = c.merged(groups_of(c, ["aaaa", "abaa", "aaba", "aaaa"]))
    assert len(found.holes(0)) == 1
    rows, shifts = [[1, 0]] * 5 + [[0, 1]] * 5, [-2, -1, 0, 1, 2] * 2
    net = es.Network([es.Dense(rows, shifts), es.ReLU()], (2,))
    c = es.enumerate_regions(net, es.Box(-3, 3, dim=2)).complex()
    letters = []
    for face in c.faces:
        size = max(abs(v) for v in face.centroid())
        letters.append(0 if size > 2 else 1 if size > 1 else 2)
    found = c.merged(np.array(letters))
    assert [found.area(i) for i in range(3)] == [20, 12, 4]
    assert [len(found.holes(i)) for i in range(3)] == [1, 1, 0]
    letters = [
        0 if face.centroid() not in ((F(-3, 2), F(1, 2)), (F(3, 2), F(-3, 2))) else 1
        for face in c.faces
    ]
    found = c.merged(letters)
    assert [len(loop) for loop in found.holes(0)] == [4, 4]
    assert len(found.outer(1)) == 2


def test_unbounded_areas():
    net = es.Network([es.Dense([[1, 0], [1, 0], [0, 1]], [-1, 1, 0]), es.ReLU()], (2,))
    omega = es.enumerate_regions(net)
    c = omega.complex()
    x = omega.locate([[-2, -1], [-2, 1], [0, -1], [0, 1], [2, -1], [2, 1]]).region
    groups = np.zeros(6, dtype=int)
    groups[x[2:4]] = 1  # the strip in the middle
    strip = c.merged(groups)
    assert len(strip.outer(0)) == 2  # half-planes on both sides
    assert strip.is_convex(1)
    assert strip.area(1) == math.inf
    assert len(strip.corners) == 0
    assert len(strip.edges) == 2
    assert np.all(strip.edges.tail < 0)
    whole = c.merged(np.zeros(6, dtype=int))
    assert [loop.tolist() for loop in whole.loops(0)] == [[]]
    assert whole.is_convex(0)
    assert len(whole.edges) == 0
    groups[:] = 0
    groups[x[3]] = 1  # half of the strip
    half = c.merged(groups)
    (loop,) = half.outer(1)
    assert sum(v >= 0 for v in loop) == 2
    assert half.is_convex(1)
    assert not half.is_convex(0)


def test_a_bounded_hole_in_the_plane():
    rows, shifts = [[1, 0], [1, 0], [0, 1], [0, 1]], [-1, 1, -1, 1]
    net = es.Network([es.Dense(rows, shifts), es.ReLU()], (2,))
    c = es.enumerate_regions(net).complex()
    found = c.merged((~c.faces.bounded).astype(int))
    assert [loop.tolist() for loop in found.outer(1)] == [[]]
    assert len(found.holes(1)) == 1
    assert found.area(0) == 4
    assert not found.is_convex(1)


def test_a_hat_of_one_piece():
    """max(|x|, |y|): eight regions of the units, four linear ones."""
    net = es.Network([es.Abs(), es.Dense([[1, -1], [0, 1]]), es.ReLU(), es.Dense([[1, 1]])], (2,))
    omega = es.enumerate_regions(net, es.Box(-1, 1, dim=2))
    found = omega.complex().linear_regions()
    assert len(found) == omega.linear_regions().count == 4
    assert [found.area(i) for i in range(4)] == [1, 1, 1, 1]
    assert all(found.is_convex(i) for i in range(4))
    assert sorted(len(found.outer(i)[0]) for i in range(4)) == [3, 3, 3, 3]


def test_groups_that_do_not_fit():
    c = board()
    with pytest.raises(es.ShapeError, match="16 whole numbers"):
        c.merged([0, 1])
    with pytest.raises(es.ShapeError):
        c.merged(np.zeros(16))
    with pytest.raises(es.ParameterError, match="numbered"):
        c.merged([0] * 15 + [2])
    with pytest.raises(es.ParameterError, match="numbered"):
        c.merged([0] * 15 + [-1])
    with pytest.raises(es.ParameterError, match="numbered"):
        c.merged([0] * 15 + [10**15])
    found = c.merged([0] * 16)
    with pytest.raises(IndexError):
        found.faces(1)
    with pytest.raises(IndexError):
        found.outer(-1)


def test_layers_that_there_are_not():
    omega = es.enumerate_regions(es.Network([es.ReLU()], (2,)))
    with pytest.raises(es.ParameterError, match="layers"):
        omega.after_layer(2)
    assert len(omega.after_layer(0)) == 1
