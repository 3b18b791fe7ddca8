"""Resampling, running sums, folding and sorting against torch and against definitions."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest

import exactspline as es
from exactspline.errors import LimitError, ParameterError, ShapeError
from exactspline.network.resample import Resampling
from exactspline.network.sorting import comparisons
from exactspline.network.sparse import folded, running_sum, unfolded
from exactspline.network.windows import Windows

SIZES = [(1, 1), (1, 3), (2, 4), (3, 5), (5, 3), (4, 4), (7, 2), (6, 1), (2, 9)]
# ours, torch's mode, and torch's align_corners
AS_TORCH = {
    "linear": (Resampling("linear"), "linear", False),
    "linear_corners": (Resampling("linear", "align_corners"), "linear", True),
    "cubic": (Resampling("cubic"), "bicubic", False),
    "cubic_corners": (Resampling("cubic", "align_corners"), "bicubic", True),
    "nearest": (Resampling("nearest", "asymmetric", "floor"), "nearest", None),
    "nearest_exact": (
        Resampling("nearest", "half_pixel", "round_prefer_ceil"), "nearest-exact", None,
    ),
    "antialias": (Resampling("linear", antialias=True, exclude_outside=True), "bilinear", False),
    "cubic_antialias": (
        Resampling("cubic", cubic=Fraction(-1, 2), antialias=True, exclude_outside=True),
        "bicubic", False,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", AS_TORCH)
@pytest.mark.parametrize(("size", "wanted"), SIZES)
def test_resampling_is_torchs(name, size, wanted):
    import torch
    from torch.nn.functional import interpolate

    rule, mode, corners = AS_TORCH[name]
    x = np.random.default_rng(size + 10 * wanted).normal(size=(2, 3, size))
    ours = rule.along(size, wanted)[0].forward(x)
    options = {"mode": mode, "align_corners": corners}
    if "bi" in mode:  # torch's are of images only
        image = torch.tensor(x)[:, :, None, :]
        options["antialias"] = rule.antialias
        theirs = interpolate(image, (1, wanted), **options)[:, :, 0].numpy()
    else:
        theirs = interpolate(torch.tensor(x), wanted, **options).numpy()
    assert theirs.shape == ours.shape
    assert np.abs(theirs - ours).max() < 1e-12


def test_weights_are_the_rationals_of_the_definition():
    thirds, _ = Resampling("linear").along(2, 3)
    half = Fraction(1, 2)
    assert thirds.forward(np.array([[Fraction(0), Fraction(1)]])).tolist() == [[0, half, 1]]
    cubic, _ = Resampling("cubic", "asymmetric").along(4, 4, scale=Fraction(3))
    # the kernel at 4/3, 1/3, 2/3 and 5/3, with a = -3/4, for the position 1/3
    row = [cubic.forward(np.array([[Fraction(int(i == j)) for i in range(4)]])).tolist()[0][1]
           for j in range(4)]  # fmt: skip

    def kernel(u, a=Fraction(-3, 4)):
        return (a + 2) * u**3 - (a + 3) * u**2 + 1 if u <= 1 else a * (u**3 - 5 * u**2 + 8 * u - 4)

    third = Fraction(1, 3)
    assert row == [kernel(third) + kernel(1 + third), kernel(1 - third), kernel(2 - third), 0]
    assert sum(row) == 1


def test_what_lies_outside_is_told():
    rule = Resampling("linear", "tf_crop_and_resize")
    operator, outside = rule.along(3, 4, start=Fraction(-1, 2), end=Fraction(1))
    assert outside == (0,)
    assert operator.forward(np.array([[2.0, 4.0, 6.0]])).tolist() == [[0.0, 2.0, 4.0, 6.0]]


def test_what_has_no_meaning_is_refused():
    with pytest.raises(ParameterError, match="mode 'area' is not known; use nearest"):
        Resampling("area")
    with pytest.raises(ParameterError, match="antialiasing"):
        Resampling("nearest", antialias=True)
    with pytest.raises(ShapeError, match="cannot be resampled"):
        Resampling().along(3, 0)
    with pytest.raises(ShapeError, match="counts"):
        es.SparseLinear(2, [1], [0, 1])
    with pytest.raises(ShapeError, match="values"):
        es.SparseLinear(2, [2], [0, 1], [1])
    with pytest.raises(ShapeError, match="beyond 2 columns"):
        es.SparseLinear(2, [1], [2])
    with pytest.raises(ShapeError, match="twice"):
        es.SparseLinear(2, [2], [1, 1])


def test_running_sums():
    x = np.array([[1.0, 2.0, 4.0]])
    sums = {
        (exclusive, reverse): running_sum(3, exclusive=exclusive, reverse=reverse)
        .forward(x)
        .tolist()[0]
        for exclusive in (False, True)
        for reverse in (False, True)
    }
    assert sums == {
        (False, False): [1, 3, 7], (False, True): [7, 6, 4],
        (True, False): [0, 1, 3], (True, True): [6, 4, 0],
    }  # fmt: skip


@pytest.mark.parametrize("options", [(1, 0, 1), (2, 1, 1), (1, 1, 2), (3, 2, 1)])
def test_folding_is_torchs(options):
    import torch
    from torch.nn.functional import fold, unfold

    stride, padding, dilation = options
    image, kernel = (5, 6), (2, 3)
    windows = Windows(kernel, (stride,) * 2, (padding,) * 4, (dilation,) * 2)
    x = torch.arange(2 * 30, dtype=torch.float64).reshape(1, 2, 5, 6)
    cut = unfold(x, kernel, dilation=dilation, padding=padding, stride=stride)
    ours = unfolded(windows, image).forward(x.reshape(1, 2, 30).numpy())
    assert np.array_equal(ours.reshape(cut.shape), cut.numpy())
    y = torch.sin(torch.arange(cut.numel(), dtype=torch.float64)).reshape(cut.shape)
    sums = fold(y, image, kernel, dilation=dilation, padding=padding, stride=stride)
    ours = folded(windows, image).forward(y.reshape(1, 2, -1).numpy())
    assert np.allclose(ours.reshape(sums.shape), sums.numpy(), rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("size", range(1, 9))
def test_comparisons_sort(size):
    """All sequences of zeros and ones, which is enough (Knuth, theorem 5.3.4 Z)."""
    for bits in itertools.product((0, 1), repeat=size):
        for places in [None, [0], [size - 1], [size // 2], [size - 1, max(0, size - 2)]]:
            row = list(bits)
            for step in comparisons(size, places):
                for i, j in step:
                    row[i], row[j] = sorted((row[i], row[j]))
            for place in places or range(size):
                assert row[place] == sorted(bits)[place]


@pytest.mark.parametrize("size", [2, 3, 4])
def test_every_order_is_a_region(size):
    assert es.count_regions(es.Network([es.Sort()], (size,)), engine="rational") == math.factorial(
        size
    )


def test_the_ends_of_the_order_are_one_unit_each():
    net = es.Network([es.Sort([0, -1, 0])], (5,))
    assert net.program.n_units == 2
    assert net.forward([3, 1, 4, 1, 5]).tolist() == [1, 5, 1]
    assert es.Network([es.Sort([-1])], (300,)).program.n_units == 1


def test_too_many_orders_are_refused():
    with pytest.raises(LimitError, match="300 entries in a row"):
        es.Network([es.Sort()], (300,))
    with pytest.raises(LimitError, match="units; up to 65,536"):
        es.Network([es.Sort()], (10_000, 8))
    with pytest.raises(ShapeError, match="rank 3 does not fit 3"):
        es.Network([es.Sort([3])], (3,))
