"""Preimages: membership and volumes against brute force, enclosures, unbounded domains."""

from __future__ import annotations

import math
import random
from fractions import Fraction

import pytest
from marks import first_quick
from where_twin import case

import exactspline as es

RAMP = es.Network([es.Dense([[1, 1]]), es.ReLU()], (2,))


@pytest.mark.parametrize("block", first_quick(range(3)))
def test_against_all_faces_of_the_plane(block):
    rng, seen = random.Random(5_000 + block), {"thin": 0, "part of the square": 0}
    for k in range(12):
        made = case(rng, premise=k % 2 == 1)
        if k % 3 == 0:
            made = case(rng, comparisons=1, relations=("==",))
        found = es.preimage(made.net, made.box, made.symbolic)
        assert found.complete
        for p, _ in made.faces:
            own = [part.contains(p) for part in (*found.polyhedra, *found.thin)]
            assert any(own) == made.truth(p) == found.contains(p)
        for p in made.insides:
            assert sum(part.contains(p) for part in found) <= 1  # interiors are disjoint
        area = sum(
            (a for a, p in zip(made.areas, made.insides, strict=True) if made.truth(p)), Fraction(0)
        )
        volume = found.volume()
        assert volume.exact
        assert volume.value == area
        assert volume.share == area / 16
        assert not any(part.is_thin for part in found)
        assert all(part.is_thin and part.volume() == 0 for part in found.thin)
        for n, part in enumerate(found.thin):  # none is in another one
            others = [*found, *found.thin[:n]]
            assert not any(other._holds_all_of(part) for other in others)
        seen["thin"] += bool(found.thin)
        seen["part of the square"] += 0 < area < 16
    assert min(seen.values()) > 0, seen


def simplex(n):
    """The sum of n inputs, and the volume of where it is at most 1 in a unit cube: 1 / n!."""
    net = es.Network([es.Dense([[1] * n], [-1]), es.ReLU()], (n,))
    return es.preimage(net, es.Box(0, 1, dim=n), lambda x: net(x)[0] <= 0)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 6])
def test_volumes_of_simplices(n):
    volume = simplex(n).volume()
    assert volume.value == Fraction(1, math.factorial(n))
    assert volume.share == volume.value


def test_volumes_in_many_dimensions_are_enclosed():
    volume = simplex(9).volume()
    exact = Fraction(1, math.factorial(9))
    assert not volume.exact
    assert 0 <= volume.low <= exact <= volume.high < Fraction(1, 2)
    assert volume.share_low <= exact <= volume.share_high
    assert "9 dimensions" in volume.note
    with pytest.raises(es.UndecidedError, match="between"):
        _ = volume.value
    with pytest.raises(es.UndecidedError, match="share"):
        _ = volume.share


def test_what_exceeds_limits_is_enclosed(monkeypatch):
    """Of all cells at once: bounds by boxes hold the exact volume, and come near it."""
    rng, gaps = random.Random(77), []
    for _ in range(10):
        made = case(rng, relations=("<=", "<", ">=", ">"))
        found = es.preimage(made.net, made.box, made.symbolic)
        exact = found.volume().value

        def refuse(*_):
            raise es.LimitError("too large")

        with monkeypatch.context() as patched:
            patched.setattr("exactspline.verification.parts.volume", refuse)
            found = es.preimage(made.net, made.box, made.symbolic)
            volume = found.volume()
        assert volume.low <= exact <= volume.high
        gaps.append(volume.high - volume.low)
        assert volume.note == "too large" or not len(found)
    assert sum(gap < Fraction(1, 2) for gap in gaps) >= 3  # forms that vanish on a region stay open


def test_bounds_hold_when_the_search_is_stopped():
    net = es.Network([es.Dense([[1, 0], [0, 1], [1, 1]]), es.ReLU(), es.Dense([[1, 1, 1]])], (2,))
    box = es.Box(-1, 1, dim=2)
    exact = es.preimage(net, box, lambda x: net(x)[0] < 1).volume().value
    part = es.preimage(net, box, lambda x: net(x)[0] < 1, limit=2)
    assert not part.complete
    assert part.stopped.reason == "limit"
    volume = part.volume()
    assert volume.low <= exact <= volume.high <= 4
    assert "stopped" in volume.note


def test_domains_of_all_kinds():
    triangle = es.Polytope([[-1, 0], [0, -1], [1, 1]], [0, 0, 2])
    volume = es.preimage(RAMP, triangle, "f(x)[0] <= 1").volume()
    assert (volume.value, volume.share) == (Fraction(1, 2), Fraction(1, 4))
    line = es.Slice([0, 0], [[1, 1]], es.Box([0], [4]))
    volume = es.preimage(RAMP, line, "f(x)[0] <= 2").volume()
    assert (volume.value, volume.share) == (1, Fraction(1, 4))
    point = es.Box([1, 1], [1, 1])
    assert es.preimage(RAMP, point, "f(x)[0] == 2").volume().share == 1
    assert len(es.preimage(RAMP, point, "f(x)[0] < 2")) == 0


def test_unbounded_domains():
    everywhere = es.WholeSpace(2)
    far = es.preimage(RAMP, everywhere, "f(x)[0] >= 1")
    assert far.volume().value == math.inf
    assert far.volume().share_low is None
    near = es.preimage(RAMP, everywhere, "f(x)[0] <= 1 and norm(x) <= 1")
    volume = near.volume()
    assert volume.value == Fraction(7, 2)
    assert "undefined" in volume.note
    with pytest.raises(es.UndecidedError, match="undefined"):
        _ = volume.share


def test_polytopes_are_enclosed_too(monkeypatch):
    def refuse(*_):
        raise es.LimitError("too large")

    monkeypatch.setattr("exactspline.verification.parts.volume", refuse)
    triangle = es.Polytope([[-1, 0], [0, -1], [1, 1]], [0, 0, 2])
    volume = es.preimage(RAMP, triangle, "f(x)[0] <= 1").volume()
    assert Fraction(2, 5) < volume.low <= Fraction(1, 2) <= volume.high < Fraction(3, 5)
    volume = es.preimage(RAMP, triangle, "f(x)[0] > 1").volume()  # beyond the triangle, too
    assert Fraction(7, 5) < volume.low <= Fraction(3, 2) <= volume.high < Fraction(8, 5)
    assert volume.share_low <= Fraction(3, 4) <= volume.share_high


def test_half_spaces_that_leave_a_corner_out_are_told():
    (part,) = es.preimage(RAMP, es.Box(0, 1, dim=2), "x[0] + x[1] > 0")
    assert "x[0] + x[1] > 0" in map(str, part.half_spaces)
    assert part.contains([1, 0])
    assert not part.contains([0, 0])
    (part,) = es.preimage(RAMP, es.Box(0, 1, dim=2), "x[0] + x[1] > -1")
    assert len(part.half_spaces) == 4


@pytest.mark.parametrize(
    ("where", "options", "says"),
    [
        (None, {}, "is no condition"), ("f(x)[5] <= 0", {}, "5"),
        ("f(x)[0] <= 0", {"limit": -1}, "at least 1"),
        ("f(x)[0] <= 0", {"time_limit": -1}, "at least 0"),
    ],
)  # fmt: skip
def test_bad_input(where, options, says):
    with pytest.raises(es.ExactSplineError, match=says):
        es.preimage(RAMP, es.Box(0, 1, dim=2), where, **options)
    with pytest.raises(es.ExactSplineError, match="2 inputs"):
        es.preimage(RAMP, es.Box(0, 1, dim=3), lambda x: x[0] <= 0)
