"""Slivers and parameters that float64 cannot hold: found, counted and witnessed exactly."""

from __future__ import annotations

import math
from fractions import Fraction

import naive
import numpy as np
import pytest
import random_networks as nets

import exactspline as es

WIDTHS = [Fraction(1, 10**12), Fraction(1, 10**30), Fraction(1, 10**200), Fraction(1, 10**400)]
NAMES = ["1e-12", "1e-30", "1e-200", "1e-400"]
THIRD = Fraction(1, 3)
widths = pytest.mark.parametrize("width", WIDTHS, ids=NAMES)


def relu_layers(*layers: tuple) -> nets.Spec:
    """A chain of dense and ReLU steps from weights and biases."""
    steps = []
    for W, b in layers:
        W = [[Fraction(w) for w in row] for row in W]
        steps += [("dense", W, [Fraction(c) for c in b]), ("relu",)]
    return nets.Spec(len(layers[0][0][0]), steps)


def checked(spec: nets.Spec, pair: nets.DomainPair | None = None) -> es.Partition:
    """The partition; compared with the twin, every witness checked in Fractions."""
    pair = nets.whole(spec.dim) if pair is None else pair
    layers = nets.twin(spec)
    expected = naive.codes(layers, pair[1])
    omega = es.enumerate_regions(nets.network(spec), pair[0])
    assert [tuple(code) for code in omega.codes.tolist()] == expected
    check = nets.WitnessCheck(layers, pair)
    for i, code in enumerate(expected):
        check(code, omega.witness(i))
        if i not in omega.exact_witnesses:  # then the float64 point itself is the witness
            check(code, [Fraction(v) for v in omega.witnesses[i].tolist()])
    return omega


@widths
@pytest.mark.parametrize("at", [0, 1, -THIRD], ids=["at 0", "at 1", "at -1/3"])
def test_interval_between_two_kinks(width, at):
    """relu(x - at), relu(x - at - w): three regions, the middle one of width w."""
    omega = checked(relu_layers(([[1], [1]], [-at, -at - width])))
    assert len(omega) == 3
    (t,) = omega.witness(1)
    assert at < t < at + width
    # between 1 and 1 + 1e-30 there is no float64 number: the witness has to be rational
    middle = omega.witnesses[1, 0]
    if not at < Fraction(middle) < at + width:
        assert 1 in omega.exact_witnesses


@widths
def test_strip_between_slanted_lines(width):
    spec = relu_layers(([[1, 3], [1, 3], [2, -1]], [0, -width, 0]))
    assert len(checked(spec)) == 6
    box = es.Box([-1, -1], [1, 1]), ("box", [-1, -1], [1, 1])
    assert len(checked(spec, box)) == 6


@widths
def test_triangle(width):
    """Three lines in general position around a triangle of size w: seven regions."""
    third = relu_layers(([[1, 0], [0, 1], [1, 1]], [0, 0, -width]))
    assert len(checked(third)) == 7
    moved = relu_layers(([[1, 0], [0, 1], [1, 1]], [-1, -THIRD, -1 - THIRD - width]))
    assert len(checked(moved)) == 7


@widths
def test_sliver_of_a_deeper_layer(width):
    """The second layer cuts the sliver of the first in its middle."""
    first = [[1], [1]], [0, -width]
    second = [[1, -1]], [-width / 2]
    assert len(checked(relu_layers(first, second))) == 4
    plane = relu_layers(([[1, 1], [1, 1], [1, -2]], [0, -width, 1]), ([[1, -1, 0]], [-width / 3]))
    assert len(checked(plane)) == 8


@widths
def test_box_of_that_width(width):
    """The cell is the domain itself: a box of width w, cut once in its middle."""
    spec = relu_layers(([[1, 0], [0, 1], [1, -1]], [-width / 2, -width / 2, 0]))
    box = es.Box(["0", "0"], [str(width), str(width)])
    assert len(checked(spec, (box, ("box", [0, 0], [width, width])))) == 6
    high = [1 + width, width]
    shifted = relu_layers(([[1, 0], [0, 1]], [-1 - width / 2, -width / 2]))
    box = es.Box(["1", "0"], [str(v) for v in high])
    assert len(checked(shifted, (box, ("box", [1, 0], high)))) == 4


@pytest.mark.parametrize(
    "big",
    [10**400, Fraction(1, 10**400), THIRD, Fraction(2, 7)],
    ids=["1e400", "1e-400", "1/3", "2/7"],
)
def test_parameters_that_float64_cannot_hold(big):
    """Scaling rows by any positive number, however large or small, changes no region."""
    rows, offsets = [[1, 0], [0, 1], [1, 1], [1, -2]], [0, 1, -2, THIRD]
    plain = checked(relu_layers((rows, offsets), ([[1, 1, -1, 2], [1, -1, 0, 1]], [-1, 2])))
    scaled = [[big * w for w in row] for row in rows], [big * c for c in offsets]
    second = [[1, 1, -1, 2], [1, -1, 0, 1]], [-big, 2 * big]
    omega = checked(relu_layers(scaled, second))
    assert omega.codes.tolist() == plain.codes.tolist()


def test_far_and_near_kinks():
    """Kinks at 1e400, 1e-400 and their negatives: five regions of the line."""
    far, near = Fraction(10**400), Fraction(1, 10**400)
    spec = relu_layers(([[1], [1], [1], [1]], [far, near, -near, -far]))
    omega = checked(spec)
    assert len(omega) == 5
    rational = list(omega.exact_witnesses)
    assert np.all(np.isfinite(np.delete(omega.witnesses, rational, axis=0)))
    assert {0, 4} <= set(rational)  # no float64 number lies beyond 1e400
    box = es.Box([str(-2 * far)], [str(2 * far)])
    assert len(checked(spec, (box, ("box", [-2 * far], [2 * far])))) == 5


def test_huge_boxes_and_tiny_weights():
    """Products of weights underflow in float64, and reach a kink all the same: 1e-420 x."""
    tiny = Fraction(1e-140)
    spec = relu_layers(([[tiny]], [0]), ([[tiny]], [0]), ([[tiny]], [Fraction(-1e-113)]))
    high = Fraction(1e308)
    assert len(checked(spec)) == 3
    assert len(checked(spec, (es.Box([-1], [1e308]), ("box", [-1], [high])))) == 3


def test_huge_weights_beside_an_open_side():
    """The box gives no bound: one side is open, the others are near the largest float64."""
    spec = relu_layers(([[1, Fraction(1e158), Fraction(1e158)]], [0]))
    low, high = [None, Fraction(9e149), Fraction(9e149)], [None, Fraction(1e150), Fraction(1e150)]
    box = es.Box([-math.inf, 9e149, 9e149], [math.inf, 1e150, 1e150])
    assert len(checked(spec, (box, ("box", low, high)))) == 2


def test_cancellation_of_float_weights():
    """0.1 a + 0.2 a - 0.3 a is not zero in the float64 weights as stored, but is in tenths."""
    floats = [Fraction(0.1), Fraction(0.2), Fraction(-0.3)]
    tenths = [Fraction(1, 10), Fraction(2, 10), Fraction(-3, 10)]
    for weights, regions in ((floats, 3), (tenths, 2)):
        # all three units of the first layer are relu(a); the sum is c * relu(a), c = 0 or not
        spec = relu_layers(([[1]] * 3, [0] * 3), ([weights], [Fraction(-1, 10**9)]))
        assert sum(weights) == 0 or regions == 3
        assert len(checked(spec)) == regions
        # and as one row: relu(c a) cuts, or is identically zero and cuts nothing
        one = nets.Spec(1, [("dense", [[1]] * 3, [0] * 3), ("dense", [weights], [0]), ("relu",)])
        assert len(checked(one)) == regions - 1


def test_neurons_that_coincide_up_to_the_last_bit():
    """Rows that differ by one unit in the last place are two hyperplanes, not one."""
    one, after = Fraction(1), Fraction(math.nextafter(1.0, 2.0))
    assert len(checked(relu_layers(([[1], [1]], [-one, -after])))) == 3
    assert len(checked(relu_layers(([[1], [1]], [-one, -one])))) == 2
    # two lines through 0 that differ by an angle of 2e-16: four regions, else two
    assert len(checked(relu_layers(([[1, one], [1, after]], [0, 0])))) == 4
    assert len(checked(relu_layers(([[1, one], [1, one]], [0, 0])))) == 2
    assert len(checked(relu_layers(([[1, one], [-1, -after]], [0, 0])))) == 4
    third = Fraction(1 / 3)  # the float64 nearest to 1/3 is another number
    assert len(checked(relu_layers(([[1], [1]], [-third, -THIRD])))) == 3
    deep = relu_layers(([[1, 0], [0, 1]], [0, 0]), ([[1, one], [1, after]], [-1, -1]))
    assert len(checked(deep)) == len(naive.codes(nets.twin(deep), ("all", 2)))


def test_dyadic_coincidence_is_exact_in_a_box():
    """Coinciding kinks of different layers, inside a box where float bounds are sharp."""
    spec = relu_layers(([[1, 1]], [0]), ([[1], [-1]], [-0.75, 0.75]), ([[1, 1], [1, -1]], [0, 0]))
    box = es.Box([-1, -1], [1, 1]), ("box", [-1, -1], [1, 1])
    assert len(checked(spec, box)) == len(checked(spec)) == 3
