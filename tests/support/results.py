"""Two partitions compared in every column."""

from __future__ import annotations

import numpy as np

import exactspline as es


def same(a: es.Partition, b: es.Partition, *, graph: bool = False) -> None:
    """Every column of two partitions is equal."""
    assert len(a) == len(b)
    assert a.complete == b.complete
    assert np.array_equal(a.codes, b.codes)
    assert np.array_equal(a.witnesses, b.witnesses)
    assert a.exact_witnesses == b.exact_witnesses
    if not graph:
        return
    assert len(a.edges) == len(b.edges)
    for name in ("source", "target", "unit", "piece", "sign", "layer", "form"):
        assert np.array_equal(getattr(a.edges, name), getattr(b.edges, name)), name
    for e in range(min(len(a.edges), 60)):
        assert a.edges.flips(e) == b.edges.flips(e)
        assert a.edges.witness(e) == b.edges.witness(e)
    assert np.array_equal(a.borders.region, b.borders.region)
    assert np.array_equal(a.borders.side, b.borders.side)
