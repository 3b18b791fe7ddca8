"""Readers of what skl2onnx puts around a network: operators of the domain ai.onnx.ml."""

from __future__ import annotations

import numpy as np

from ....network import Elementwise, Identity
from ....rationals import as_fractions, compact, exact_array
from ..graph import Graph
from ..node import NodeView
from ..registry import handles
from ..values import Value

__all__: list[str] = []

_DOMAIN = "ai.onnx.ml"


@handles("ZipMap", attributes=("classlabels_int64s", "classlabels_strings"), domain=_DOMAIN)
def _zip_map(node: NodeView, graph: Graph) -> Value:
    """The entries under the names of their classes: the same numbers."""
    return graph.apply(node, Identity(), node.variable(0))


@handles("Scaler", attributes=("offset", "scale"), domain=_DOMAIN)
def _scaler(node: NodeView, graph: Graph) -> Value:
    """scale * (x - offset)."""
    x = node.variable(0)
    offset, scale = (
        exact_array(np.array(node.floats_attribute(name) or [default]), node.where)
        for name, default in (("offset", 0.0), ("scale", 1.0))
    )
    if any(v.size not in (1, x.shape[-1] if x.shape else 1) for v in (offset, scale)):
        raise node.wrong(f"offset and scale do not fit an input of shape {x.shape}")
    graph.budget.about_to_compute(max(offset.size, scale.size), node.where)
    shift = np.asarray(-as_fractions(scale) * as_fractions(offset))
    graph.budget.array(shift, node.where)
    return graph.apply(node, Elementwise(scale, compact(shift)), x)
