"""Colours of pictures: by what they go, that they stay, and that everybody tells them apart."""

from __future__ import annotations

from itertools import combinations, pairwise

import numpy as np
import pytest
from folders import MOONS

import exactspline as es
from exactspline.plot.palette import FILLS, LINES, hashes, scale_of_numbers

# Machado, Oliveira and Fernandes (2009): severity 1, linear RGB
VISION = {
    "normal": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
                   [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
                     [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602],
                   [0.004733, 0.691367, 0.303900]],
}  # fmt: skip


def lab(colour: str, vision) -> np.ndarray:
    """A colour in CIELAB (D65) as somebody sees it."""
    rgb = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    seen = np.clip(np.asarray(vision) @ linear, 0, 1)
    to_xyz = np.array(
        [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750],
         [0.0193339, 0.1191920, 0.9503041]]
    )  # fmt: skip
    t = to_xyz @ seen / to_xyz.sum(axis=1)
    f = np.where(t > 216 / 24389, np.cbrt(t), (24389 / 27 * t + 16) / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def fills(picture) -> np.ndarray:
    return picture.artists["regions"].get_facecolor()


def moons(weight=0.0):
    """The moons in a box; with a small weight, as they may be after another step of training."""
    net = es.load(MOONS)
    rng = np.random.default_rng(3)
    operators = [
        es.Dense(o.weight * (1 + weight * rng.standard_normal(o.weight.shape)), o.bias)
        if isinstance(o, es.Dense)
        else o
        for o in net.operators
    ]
    return es.enumerate_regions(es.Network(operators, (2,)), es.Box([-2, "-1.5"], [3, 2]))


@pytest.mark.parametrize("vision", VISION)
def test_colours_can_be_told_apart(vision):
    for palette, least in ((FILLS, 11), (LINES, 11)):
        seen = [lab(c, VISION[vision]) for c in palette]
        assert min(np.linalg.norm(a - b) for a, b in combinations(seen, 2)) > least
    light = [lab(c, VISION[vision])[0] for c in FILLS]
    assert min(light) > 65  # black lines and texts are seen on all of them


def test_the_scale_gets_lighter_and_is_never_black():
    scale = scale_of_numbers()
    rgb = [scale(v)[:3] for v in np.linspace(0, 1, 9)]
    light = [lab("#" + "".join(f"{round(255 * v):02x}" for v in c), np.eye(3))[0] for c in rgb]
    assert all(b > a + 2 for a, b in pairwise(light))
    assert light[0] > 25


def test_the_same_code_keeps_its_colour():
    before, after = moons(), moons(0.01)
    assert len(before) != len(after) or (before.witnesses != after.witnesses).any()
    for color in ("region", "piece"):
        known = {
            code.tobytes(): tuple(c)
            for code, c in zip(before.codes, fills(before.plot(color=color)), strict=True)
        }
        same = [
            known[code.tobytes()] == tuple(c)
            for code, c in zip(after.codes, fills(after.plot(color=color)), strict=True)
            if code.tobytes() in known
        ]
        assert len(same) > 150
        assert np.mean(same) == 1 if color == "region" else np.mean(same) > 0.9
    assert len({tuple(c) for c in fills(before.plot(color="region"))}) == len(FILLS)


def mixed(z: int) -> int:
    """The output function of splitmix64, in Python's integers."""
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB % 2**64
    return z ^ (z >> 31)


def test_colours_depend_on_codes_alone():
    codes = np.random.default_rng(0).integers(0, 4, (50, 9))
    golden = 0x9E3779B97F4A7C15
    for code, found in zip(codes.tolist(), hashes(codes.astype(np.uint8)).tolist(), strict=True):
        total = sum((c + 1) * mixed((i + 1) * golden % 2**64) for i, c in enumerate(code))
        assert found == mixed(total % 2**64)
    assert (hashes(codes) == hashes(codes.astype(np.uint8))).all()
    counts = np.bincount((hashes(np.indices((10,) * 4).reshape(4, -1).T) % 12).astype(int))
    assert counts.min() > 0.9 * counts.mean()  # all colours are used alike


def test_pieces_have_one_colour_each():
    net = es.Network([es.ReLU(), es.Dense([[1, 1]], [-1]), es.ReLU()], (2,))
    omega = es.enumerate_regions(net, es.Box(-1, 2, dim=2))
    colours = [tuple(c) for c in fills(omega.plot())]
    labels = omega.distinct_pieces().labels
    for group in range(int(labels.max()) + 1):
        assert len({c for c, label in zip(colours, labels, strict=True) if label == group}) == 1


def test_numbers_are_what_they_say():
    net = es.Network(
        [es.Dense([[3, 4], [0, 1]]), es.ReLU(), es.Dense([[1, 0], [0, 2]], [1, 0])], (2,)
    )
    omega = es.enumerate_regions(net, es.Box(-1, 1, dim=2))
    at = omega.plot(color="active").cells.centroids
    values = {name: omega.plot(color=name).artists["regions"].get_array() for name in
              ("active", "slope", "output", "output 1")}  # fmt: skip
    assert values["active"].tolist() == [0, 1, 1, 2]
    for i in range(4):
        A, b = omega[i].affine()
        assert values["slope"][i] == pytest.approx(np.linalg.norm(A, 2))
        assert values["output"][i] == pytest.approx((A @ at[i] + b)[0])
        assert values["output 1"][i] == pytest.approx(net.forward(at[i])[1])
    assert omega.plot(color="slope").colorbar.ax.get_ylabel() == "slope (spectral norm)"


def test_slopes_are_those_along_a_slice():
    net = es.Network([es.Dense([[1, 0, 5]]), es.ReLU()], (3,))
    where = es.Slice([0, 0, 0], [[2, 0, 0], [0, 1, 0]], es.Box(-1, 1, dim=2))
    values = es.enumerate_regions(net, where).plot(color="slope").artists["regions"].get_array()
    assert values.tolist() == [0, 2]


def test_arrays_of_the_user():
    omega = es.enumerate_regions(es.Network([es.ReLU()], (2,)), es.Box(-1, 1, dim=2))
    shown = omega.plot(color=np.array([0.5, 1.5, np.nan, 3]))
    assert shown.artists["regions"].get_array().tolist() == [0.5, 1.5, None, 3]
    assert shown.artists["regions"].get_clim() == (0.5, 3)
    texts = omega.plot(color=["cat", "dog", "cat", "$x^{"])
    assert [t.get_text() for t in texts.legend.get_texts()] == ["$x^{", "cat", "dog"]
    colours = fills(texts)
    assert (colours[0] == colours[2]).all()
    assert len({tuple(c) for c in colours}) == 3
    assert fills(omega.plot(color="white")).tolist() == [[1, 1, 1, 1]] * 4
    rgb = np.linspace(0, 1, 12).reshape(4, 3)
    assert np.allclose(fills(omega.plot(color=rgb))[:, :3], rgb)
    with pytest.raises(es.ParameterError, match="from 0 to 1"):
        omega.plot(color=2 * rgb)
    many = moons()
    with pytest.raises(es.ParameterError, match="different texts"):
        many.plot(color=[str(i) for i in range(len(many))])
