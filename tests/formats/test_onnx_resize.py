"""How long an axis becomes by Resize and Upsample: what onnxruntime makes of it, with rounding."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from onnx_models import agree, make_model, node, save, session_of

import exactspline as es
from exactspline.errors import FormatError, UnsupportedOperatorError


def rounded():
    """Lengths and float32 scales whose product is below an integer until it is rounded."""
    found = []
    for size in range(3, 40):
        for k in range(1, 60):
            scale = np.float32(k / size)
            exact = math.floor(size * Fraction(float(scale)))
            if 1 <= exact < math.floor(float(np.float32(size) * scale)):
                found.append((size, scale))
    return found


def resized(size, scale, *, width=(), **options):
    stored = {"f": np.float32([1, 1, scale, *[1] * len(width)])}
    return make_model([node("Resize", "x - f", **options)], stored, (1, 1, size, *width), opset=18)


def test_lengths_are_those_of_onnxruntime(tmp_path):
    cases = rounded()
    assert len(cases) > 200
    for size, scale in cases[::20]:
        path = save(resized(size, scale, mode="linear"), tmp_path)
        (wanted,) = session_of(path).run(None, {"x": np.zeros((1, 1, size), np.float32)})
        assert es.load(path).output_shape == wanted.shape[1:]
        assert wanted.shape[2] > math.floor(size * Fraction(float(scale)))


@pytest.mark.parametrize(
    "options",
    [
        {"mode": "linear"},
        {"mode": "cubic"},
        {"mode": "linear", "coordinate_transformation_mode": "asymmetric"},
        {"mode": "linear", "coordinate_transformation_mode": "pytorch_half_pixel"},
        {"mode": "linear", "coordinate_transformation_mode": "align_corners"},
        {"mode": "nearest", "nearest_mode": "floor"},
        {"mode": "linear", "antialias": 1},
    ],
)
def test_values_where_the_length_is_rounded(options, tmp_path):
    for size, scale in rounded()[::60]:
        width = (3,) if options["mode"] == "cubic" else ()
        model = resized(size, scale, width=width, **options)
        agree(save(model, tmp_path), (1, 1, size, *width), samples=2, tolerance=1e-4)


def test_upsample_rounds_too(tmp_path):
    for size, scale in [case for case in rounded() if case[1] > 1][::60]:
        stored = {"f": np.float32([1, 1, scale, 1])}
        nodes = [node("Upsample", "x f", mode="nearest")]
        path = save(make_model(nodes, stored, (1, 1, size, 2), opset=9), tmp_path)
        x = np.zeros((1, 1, size, 2), np.float32)
        assert es.load(path).output_shape == session_of(path).run(None, {"x": x})[0].shape[1:]


@pytest.mark.parametrize("policy", ["not_larger", "not_smaller"])
def test_half_an_entry_left_over(policy, tmp_path):
    """Sizes that keep the aspect ratio: also where half an entry is left, and rounded."""
    sizes = [(19, 38, 9, 27), (30, 24, 54, 50), (4, 6, 3, 9), (6, 4, 9, 11), (7, 5, 3, 9)]
    for height, width, *wanted in sizes:
        stored = {"s": np.int64(wanted)}
        nodes = [node("Resize", "x - - s", axes=[2, 3], keep_aspect_ratio_policy=policy)]
        path = save(make_model(nodes, stored, (1, 1, height, width), opset=18), tmp_path)
        x = np.zeros((1, 1, height, width), np.float32)
        assert es.load(path).output_shape == session_of(path).run(None, {"x": x})[0].shape[1:]


def test_bad_scales(tmp_path):
    for scale, text in ((0, "not positive"), (-1, "not positive"), (2.0**31, r"up to 2\^30")):
        with pytest.raises(FormatError, match=text):
            es.load(save(resized(4, scale), tmp_path))
    options = {"mode": "linear", "coordinate_transformation_mode": "align_corners"}
    with pytest.raises(UnsupportedOperatorError, match="two different lengths"):
        es.load(save(resized(4, 0.6, **options), tmp_path))
    with pytest.raises(FormatError, match="entries"):
        es.load(save(resized(40, 2.0**29), tmp_path))
    with pytest.raises(FormatError, match="no entries"):
        es.load(save(resized(4, 0.1), tmp_path))
