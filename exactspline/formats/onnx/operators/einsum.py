"""ONNX's Einsum with one operand that depends on the input: sums of its entries with weights."""

from __future__ import annotations

import math
import re

import numpy as np

from ....network import Conv, ReduceSum, Select, Transpose
from ....rationals import as_fractions, compact
from ...limits import check_entries
from ..graph import Graph
from ..moves import flat, numbered
from ..node import NodeView
from ..registry import handles
from ..values import Constant, Value, Variable

__all__: list[str] = []

_LABELS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


@handles("Einsum", inputs=(1, 64), attributes=("equation",), since=12)
def _einsum(node: NodeView, graph: Graph) -> Value:
    values = [node.value(i) for i in range(len(node.inputs))]
    moving = [i for i, v in enumerate(values) if isinstance(v, Variable)]
    if len(moving) != 1:
        if not moving:
            raise node.not_computed()
        raise node.unsupported(
            "several operands depend on the network's input: their product is not piecewise affine"
        )
    terms, out = _equation(node, [len(v.shape) for v in values])
    sizes = _sizes(node, terms, [v.shape for v in values])
    check_entries([sizes[c] for c in out] or [1], node.where)
    x = values[moving[0]]
    assert isinstance(x, Variable)
    weight, labels = _weight(node, graph, terms, values, moving[0], out, sizes)
    return _contracted(node, graph, x, terms[moving[0]], weight, labels, out, sizes)


def _equation(node: NodeView, ranks: list[int]) -> tuple[list[str], str]:
    """The labels of every operand and of the result, without dots."""
    text = node.text_attribute("equation", "").replace(" ", "")
    left, arrow, right = text.partition("->")
    terms = left.split(",")
    if len(terms) != len(ranks) or not re.fullmatch(r"[A-Za-z.,]*(->[A-Za-z.]*)?", text):
        raise node.wrong(f"equation {text[:60]!r} does not fit {len(ranks)} operands")
    extra = max(
        (rank - len(t) + 3 for t, rank in zip(terms, ranks, strict=True) if "..." in t), default=0
    )
    free = [c for c in _LABELS if c not in text]
    if extra < 0 or extra > len(free):
        raise node.wrong(f"equation {text[:60]!r} does not fit operands of {ranks[:8]} axes")
    dots = "".join(free[:extra])
    full = []
    for term, rank in zip(terms, ranks, strict=True):
        shown = term.replace("...", dots[len(dots) - (rank - len(term) + 3) :], 1)
        if "." in shown or len(shown) != rank:
            raise node.wrong(f"equation {text[:60]!r} does not fit operands of {ranks[:8]} axes")
        full.append(shown)
    joined = "".join(full)
    if arrow:
        out = right.replace("...", dots, 1)
    else:  # NumPy's rule: what stands once, in the order of the alphabet
        named = [c for c in sorted(set(joined)) if joined.count(c) == 1 and c not in dots]
        out = dots + "".join(named)
    if "." in out or len(set(out)) != len(out) or any(c not in joined for c in out):
        raise node.wrong(f"the result of equation {text[:60]!r} has labels that are not there")
    return full, out


def _sizes(node: NodeView, terms: list[str], shapes: list[tuple[int, ...]]) -> dict[str, int]:
    sizes: dict[str, int] = {}
    for term, shape in zip(terms, shapes, strict=True):
        for label, n in zip(term, shape, strict=True):
            known = sizes.setdefault(label, n)
            if known != n and 1 not in (known, n):
                raise node.wrong(f"axes of lengths {known} and {n} have one label")
            sizes[label] = max(known, n)
    return sizes


def _weight(
    node: NodeView,
    graph: Graph,
    terms: list[str],
    values: list[Value],
    moving: int,
    out: str,
    sizes: dict[str, int],
) -> tuple[np.ndarray, str]:
    """The product of all constants, and its labels: those of the variable or of the result."""
    total, labels = np.ones(()), ""
    wanted = set(terms[moving]) | set(out)
    for i, (term, value) in enumerate(zip(terms, values, strict=True)):
        if i == moving:
            continue
        assert isinstance(value, Constant)
        later = "".join(t for k, t in enumerate(terms) if k > i and k != moving)
        joined = labels + "".join(c for c in dict.fromkeys(term) if c not in labels)
        kept = "".join(c for c in joined if c in wanted or c in later)
        graph.budget.about_to_compute(math.prod(sizes[c] for c in joined), node.where)
        operand = value.values.reshape(value.shape)
        stretched = np.broadcast_to(operand, [sizes[c] for c in term])
        left, right = as_fractions(total), as_fractions(stretched)
        total = np.asarray(np.einsum(f"{labels},{term}->{kept}", left, right))
        graph.budget.array(total, node.where)
        labels = kept
    return compact(as_fractions(total).reshape(total.shape)), labels


def _contracted(
    node: NodeView,
    graph: Graph,
    x: Variable,
    term: str,
    weight: np.ndarray,
    labels: str,
    out: str,
    sizes: dict[str, int],
) -> Value:
    """sum of weight[b, o, c] x[b, c, f] over c: a convolution with a group for each b."""
    entries = numbered(x.shape)
    stretched = np.broadcast_to(entries, [sizes[c] for c in term])
    once = "".join(dict.fromkeys(term))
    diagonal = np.einsum(f"{term}->{once}", stretched)  # a view
    y = flat(node, graph, x)
    shape = tuple(sizes[c] for c in once)
    if diagonal.shape != entries.shape or once != term:
        check_entries(shape, node.where)
        graph.budget.about_to_compute(diagonal.size, node.where)
        y = graph.apply(node, Select(diagonal.reshape(-1).tolist()), y)
    alone = [i for i, c in enumerate(once) if c not in labels and c not in out]
    kept = "".join(c for i, c in enumerate(once) if i not in alone)
    if alone:
        y = graph.inner_reshape(node, y, shape, False) if shape[0] > 1 else _plain_shape(
            node, graph, y, shape)  # fmt: skip
        y = _summed(node, graph, y, shape, alone)
    both = "".join(c for c in labels if c in kept and c in out)  # one map for each
    summed = "".join(c for c in labels if c in kept and c not in out)
    made = "".join(c for c in labels if c not in kept)
    free = "".join(c for c in kept if c not in labels)
    y = _turned(node, graph, y, kept, both + summed + free, sizes)
    groups, n_in, n_out, columns = (
        math.prod(sizes[c] for c in part) for part in (both, summed, made, free)
    )
    kernel = np.einsum(f"{labels}->{both}{made}{summed}", weight).reshape(groups * n_out, n_in, 1)
    y = graph.inner_reshape(node, y, (groups * n_in, columns), True)
    y = graph.apply(node, Conv(kernel, groups=groups), y, batch=True)
    found = both + made + free
    y = _turned(
        node, graph, flat(node, graph, y), found, "".join(c for c in out if c in found), sizes
    )
    shape = tuple(sizes[c] for c in out)
    return graph.reshape(node, y, shape)


def _plain_shape(node: NodeView, graph: Graph, y: Variable, shape: tuple[int, ...]) -> Variable:
    """A shape whose first axis is 1, as the batch axis."""
    return graph.inner_reshape(node, y, shape[1:], True)


def _summed(
    node: NodeView, graph: Graph, y: Variable, shape: tuple[int, ...], axes: list[int]
) -> Variable:
    if y.batch:
        axes = [a - 1 for a in axes if a > 0]
    if axes:
        y = graph.apply(node, ReduceSum(axes), y)
    return flat(node, graph, y)


def _turned(
    node: NodeView, graph: Graph, y: Variable, labels: str, wanted: str, sizes: dict[str, int]
) -> Variable:
    """The entries, in a row, in the order of other labels."""
    long = [c for c in labels if sizes[c] > 1]
    order = [long.index(c) for c in wanted if sizes[c] > 1]
    if order == sorted(order):
        return y
    y = graph.inner_reshape(node, y, tuple(sizes[c] for c in long), False)
    return flat(node, graph, graph.apply(node, Transpose(order), y))
