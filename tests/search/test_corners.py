"""Quantised, pruned, badly scaled and nearly degenerate networks against the naive twin."""

from __future__ import annotations

from pathlib import Path

import corner_networks
import numpy as np
import pytest
from marks import first_quick

import exactspline as es

SHAPES = ((1, 5, 3), (2, 5, 3), (2, 4, 3, 2), (3, 4, 3))
SEEDS = 28  # a block: 2,016 networks in all


@pytest.mark.parametrize("block", first_quick(range(8)))
@pytest.mark.parametrize("name", corner_networks.FAMILIES)
def test_the_twin_finds_the_same_codes(name, block):
    for seed in range(SEEDS * block, SEEDS * (block + 1)):
        corner = corner_networks.draw(name, seed, SHAPES[seed % len(SHAPES)])
        found = es.enumerate_regions(corner.network, corner.domain)
        assert [tuple(code) for code in found.codes.tolist()] == corner.codes, seed


@pytest.mark.parametrize("name", corner_networks.FAMILIES)
def test_the_rational_engine_counts_the_same(name):
    corner = corner_networks.draw(name, 1, (2, 5, 4))
    counts = [
        int(es.count_regions(corner.network, corner.domain, engine=engine))
        for engine in ("kernel", "rational")
    ]
    assert counts == [len(corner.codes)] * 2


def test_families_are_what_they_say():
    drawn = {name: corner_networks.draw(name).layers for name in corner_networks.FAMILIES}
    weight = drawn["quantised"][0][0]
    steps = weight / np.abs(weight).max() * 127
    assert np.allclose(steps, np.rint(steps), atol=1e-9)
    assert 0.5 < np.mean(drawn["pruned"][1][0] == 0) < 0.7
    assert 0 < np.abs(drawn["subnormal"][0][0]).max() < 2.3e-308
    assert np.isfinite(drawn["huge"][0][0]).all()
    for weight, bias in drawn["duplicates"]:
        half = len(weight) - len(weight) // 2
        for row, shift in zip(weight[half:], bias[half:], strict=True):
            near = np.isclose(weight[:half], row, rtol=1e-10).all(axis=1)
            assert np.isclose(bias[:half][near], shift, rtol=1e-10).any()


def test_max_in_place_of_average_pooling():
    path = Path(__file__).parents[3] / "shared" / "networks" / "conv" / "Convnet_avgpool.onnx"
    pooled, averaged = corner_networks.max_pooled(path), es.load(path)
    kinds = [[type(step).__name__ for step in net.operators] for net in (pooled, averaged)]
    assert kinds[0] == ["MaxPool" if k == "AveragePool" else k for k in kinds[1]]
    x = np.random.default_rng(0).uniform(0, 1, (1, *pooled.input_shape))
    values = x
    for step in averaged.operators[:2]:
        values = step.forward(values)
    n, channels, height, width = values.shape
    (h, w), dense = averaged.operators[2].kernel, averaged.operators[-1]
    windows = values[:, :, : height // h * h, : width // w * w]
    windows = windows.reshape(n, channels, height // h, h, width // w, w).max(axis=(3, 5))
    assert np.allclose(pooled.forward(x), windows.reshape(n, -1) @ dense.weight.T + dense.bias)
