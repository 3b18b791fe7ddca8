"""Image models at full size: the region of an image, against torch and exact codes."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import torch
import vision_models

import exactspline as es
from exactspline.rationals import fraction


@pytest.mark.slow
@pytest.mark.parametrize("name", vision_models.MODELS)
def test_a_region_of_an_image_model(name):
    module, shape = vision_models.trained(name)
    net = es.from_torch(module, shape)
    torch.manual_seed(5)
    x = torch.randn(1, *shape).double()
    (region,) = es.regions_at(net, x[0].numpy())
    _the_map_is_torch_s_jacobian(region, module.double(), x)
    found = region.settle_facets(time_limit=1)
    assert found.total == len(found.facets) + found.redundant + found.undecided
    assert 0 < found.total < net.units * 9
    while len(found.facets) < 20:  # on a machine that does something else
        found = region.settle_facets(time_limit=1)
    _facets_are_crossed(net, region, found)


def _the_map_is_torch_s_jacobian(region, module, x):
    A, b = region.affine()
    jacobian = torch.autograd.functional.jacobian(module, x).reshape(len(b), -1).numpy()
    size = np.abs(jacobian).max()
    assert np.abs(A - jacobian).max() <= 1e-7 * size  # scales of batch normalisation are rounded
    value = module(x).detach().reshape(-1).numpy()
    assert np.abs(A @ x.reshape(-1).numpy() + b - value).max() <= 1e-6 * np.abs(value).max()


def _facets_are_crossed(net, region, found):
    """Just before a facet's point the code is the region's, just behind it the units flip."""
    points, wanted = [], []
    for i in range(0, len(found.facets), max(1, len(found.facets) // 3)):
        facet = found.facets[i]
        assert facet.inequality.value(facet.point) == 0
        start, _ = region._settling.way(found.facets._rows[i])
        inside = [fraction(v) for v in start]
        across = region.code.copy()
        for unit, piece in facet.flips:
            assert across[unit] != piece
            across[unit] = piece
        for share, code in ((Fraction(999, 1000), region.code), (1 + Fraction(1, 10**9), across)):
            pairs = zip(inside, facet.point, strict=True)
            points.append([float(a + share * (p - a)) for a, p in pairs])
            wanted.append(code)
    assert np.array_equal(es.codes(net, np.array(points), exact=True), np.array(wanted))
