"""Fixtures of exports."""

from __future__ import annotations

import pytest
from export_cases import CASES

import exactspline as es


@pytest.fixture(scope="module")
def partitions():
    """A partition a case, with its edges; in rationals, so that nothing is compiled."""
    out = {}
    for name, (operators, dim, domain) in CASES.items():
        net = es.Network(operators, (dim,))
        out[name] = es.enumerate_regions(net, domain, engine="rational", graph=True)
    return out


@pytest.fixture(scope="module", params=CASES)
def omega(request, partitions):
    return partitions[request.param]
