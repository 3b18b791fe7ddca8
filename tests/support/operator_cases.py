"""Random operators with every option, each with its plain twin and torch's name for it.

A case is drawn from a seed: the operator, the shapes of its inputs, what it means in plain
loops (``plain``), and what torch computes (None where torch has no such operator).

An operator of its own file has its case in a file of its own, too: ``case_<name>.py`` beside this
one, which registers it by `case`, and what ONNX models of it are read by `onnx_case`.
What it needs it finds here: `Case`, `STYLES`, `number`, `array`, `tensor`, `_shape`.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from fractions import Fraction
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import plain
from operator_draws import STYLES, Case, _grid, _shape, _some, array, number, tensor
from operator_image_cases import (
    _reduction,
    average_pool,
    conv,
    conv_transpose,
    max_pool,
    sum_pool,
)
from plain import Grid

import exactspline as es

Draw = Callable[[random.Random], "Case"]
# --- Moving entries --------------------------------------------------------------------------


def identity(rng):
    return Case(es.Identity(), [_shape(rng)], lambda x: x, lambda x: x)


def flatten(rng):
    return Case(
        es.Flatten(), [_shape(rng)], lambda x: plain.reshape(x, (-1,)), lambda x: x.flatten(1)
    )


def reshape(rng):
    shape = rng.choice([(6, -1), (-1,), (2, 3, 4), (4, -1, 2), (-1, 12), (1, 24)])
    return Case(
        es.Reshape(shape), [rng.choice([(2, 12), (24,), (2, 3, 4)])],
        lambda x: plain.reshape(x, shape), lambda x: x.reshape(len(x), *shape),
    )  # fmt: skip


def transpose(rng):
    shape = _shape(rng)
    axes = rng.sample(range(len(shape)), len(shape))
    given = [a - len(shape) if rng.random() < 0.3 else a for a in axes]
    return Case(
        es.Transpose(given), [shape], lambda x: plain.transpose(x, given),
        lambda x: x.permute(0, *[a + 1 for a in axes]),
    )  # fmt: skip


def select(rng):
    shape = _shape(rng)
    axis = rng.randrange(-len(shape), len(shape))
    size = shape[axis]
    chosen = [rng.randrange(-size, size) for _ in range(rng.randint(1, 4))]
    positive = [i % size for i in chosen]
    return Case(
        es.Select(chosen, axis=axis), [shape], lambda x: plain.select(x, chosen, axis),
        lambda x: x.index_select(axis % len(shape) + 1, _long(positive)),
    )  # fmt: skip


def _long(values):
    import torch

    return torch.tensor(values, dtype=torch.long)


def pad(rng):
    shape = _some(rng, rng.randint(1, 3), 2, 4)
    n = rng.randint(1, len(shape))
    mode = rng.choice(("constant", "reflect", "edge", "wrap"))
    pads, kept = [0] * (2 * n), list(shape[len(shape) - n :])
    for end in rng.sample(range(2 * n), 2 * n):  # negative ones first: they limit the others
        if rng.random() < 0.3 and kept[end % n] > 1:
            pads[end] = -1
            kept[end % n] -= 1
    for end in range(2 * n):
        if pads[end] == 0:
            most = {"reflect": kept[end % n] - 1, "wrap": kept[end % n]}.get(mode, 3)
            pads[end] = rng.randint(0, most)
    fill = number(rng, rng.choice(STYLES))
    name = {"edge": "replicate", "wrap": "circular"}.get(mode, mode)
    ends = [p for axis in reversed(range(n)) for p in (pads[axis], pads[n + axis])]

    def in_torch(x):
        from torch.nn.functional import pad as torch_pad

        value = float(fill) if mode == "constant" else None
        return torch_pad(x, ends, mode=name, value=value)

    known = mode == "constant" or (len(shape) == n + 1 and min(pads) >= 0)
    return Case(
        es.Pad(pads, value=fill, mode=mode), [shape], lambda x: plain.pad(x, pads, mode, fill),
        in_torch if known else None,
    )  # fmt: skip


def expand(rng):
    target = _some(rng, rng.randint(1, 3), 1, 3)
    shape = tuple(1 if rng.random() < 0.5 else n for n in target)[rng.randint(0, 1) :] or (1,)
    given = tuple(1 if rng.random() < 0.2 else n for n in target)
    return Case(es.Expand(given), [shape], lambda x: plain.expand(x, given))


def concat(rng):
    shape = _shape(rng)
    axis = rng.randrange(-len(shape), len(shape))
    shapes = []
    for _ in range(rng.randint(1, 3)):
        one = list(shape)
        one[axis] = rng.randint(1, 3)
        shapes.append(tuple(one))

    def in_torch(*xs):
        import torch

        return torch.cat(xs, dim=axis % len(shape) + 1)

    return Case(es.Concat(axis), shapes, lambda *xs: plain.concat(xs, axis), in_torch)


# --- Affine ----------------------------------------------------------------------------------


def dense(rng):
    shape = _shape(rng)
    axis = rng.choice((-1, -1, rng.randrange(-len(shape), len(shape))))
    style, n_out = rng.choice(STYLES), rng.randint(1, 4)
    W, b = array(rng, (n_out, shape[axis]), style), array(rng, (n_out,), style)

    def in_torch(x):
        moved = x.movedim(axis % len(shape) + 1, -1)
        return (moved @ tensor(W).T + tensor(b)).movedim(-1, axis % len(shape) + 1)

    return Case(
        es.Dense(W, b, axis=axis), [shape],
        lambda x: plain.dense(x, Grid.of(W), Grid.of(b), axis), in_torch,
    )  # fmt: skip


def elementwise(rng):
    shape = _shape(rng)

    def constant():
        if rng.random() < 0.2:
            return np.array(number(rng, style), dtype=object)
        own = tuple(n if rng.random() < 0.6 else 1 for n in shape)[rng.randint(0, len(shape) - 1) :]
        more = (2,) if len(own) == len(shape) and rng.random() < 0.2 else ()
        return array(rng, more + own, style)

    style = rng.choice(STYLES)
    scale, shift = constant(), constant()
    if rng.random() < 0.3:
        shape = tuple(1 if rng.random() < 0.5 else n for n in shape)  # the input is broadcast

    def in_torch(x):
        rank = max(scale.ndim, shift.ndim, x.ndim - 1)
        x = x.reshape(len(x), *[1] * (rank - x.ndim + 1), *x.shape[1:])
        return x * tensor(scale) + tensor(shift)

    return Case(
        es.Elementwise(scale, shift), [shape],
        lambda x: plain.elementwise(x, _grid(scale), _grid(shift)), in_torch,
    )  # fmt: skip


def batch_norm(rng):
    shape = _some(rng, rng.randint(1, 3), 2, 3)
    axis = rng.choice((0, 0, rng.randrange(-len(shape), len(shape))))
    n, style = shape[axis], rng.choice(STYLES)
    mean, gamma, beta = (array(rng, (n,), style) for _ in range(3))
    variance = np.array([abs(v) for v in array(rng, (n,), style)], dtype=object)
    epsilon = rng.choice(
        (1e-5, Fraction(1), Fraction(1, 3), 0.001, Fraction(float(np.float32(1e-5))))
    )

    def in_torch(x):
        from torch.nn.functional import batch_norm as torch_batch_norm

        moved = x.movedim(axis % len(shape) + 1, 1)
        parameters = map(tensor, (mean, variance, gamma, beta))
        out = torch_batch_norm(moved, *parameters, eps=float(epsilon))
        return out.movedim(1, axis % len(shape) + 1)

    grids = [Grid.of(v) for v in (mean, variance, gamma, beta)]
    return Case(
        es.BatchNorm(mean, variance, gamma, beta, epsilon=epsilon, axis=axis), [shape],
        lambda x: plain.batch_norm(x, *grids, Fraction(epsilon), axis), in_torch,
    )  # fmt: skip


def _broadcastable(rng, many):
    shape = _shape(rng)
    shapes = []
    for _ in range(many):
        own = tuple(n if rng.random() < 0.7 else 1 for n in shape)
        shapes.append(own[rng.randint(0, len(own) - 1) if rng.random() < 0.3 else 0 :])
    return shapes


def _aligned(xs):
    """torch tensors with their axes behind the batch matched from the last one on."""
    rank = max(x.ndim for x in xs)
    return [x.reshape(len(x), *[1] * (rank - x.ndim), *x.shape[1:]) for x in xs]


def add(rng):
    many = rng.randint(1, 4)
    c = [number(rng, "third") for _ in range(many)] if rng.random() < 0.6 else None
    weights = c or [1] * many
    return Case(
        es.Add(c), _broadcastable(rng, many), lambda *xs: plain.add(xs, weights),
        lambda *xs: sum(float(w) * x for w, x in zip(weights, _aligned(xs), strict=True)),
    )  # fmt: skip


# --- Units -----------------------------------------------------------------------------------


def _functional(name, *arguments):
    def function(x):
        from torch.nn import functional

        return getattr(functional, name)(x, *map(float, arguments))

    return function


def relu(rng):
    return Case(
        es.ReLU(), [_shape(rng)], lambda x: plain.each(x, lambda u: max(u, 0)), _functional("relu")
    )


def absolute(rng):
    return Case(es.Abs(), [_shape(rng)], lambda x: plain.each(x, abs), lambda x: x.abs())


def leaky_relu(rng):
    slope = number(rng, rng.choice(STYLES))
    return Case(
        es.LeakyReLU(slope), [_shape(rng)],
        lambda x: plain.each(x, lambda u: u if u >= 0 else slope * u),
        _functional("leaky_relu", slope),
    )  # fmt: skip


def max_leaky(rng):
    eta = number(rng, rng.choice(STYLES))
    return Case(
        es.MaxLeaky(eta), [_shape(rng)], lambda x: plain.each(x, lambda u: max(eta * u, u)),
        lambda x: (float(eta) * x).maximum(x),
    )  # fmt: skip


def prelu(rng):
    shape = _shape(rng)
    own = tuple(n if rng.random() < 0.7 else 1 for n in shape)[rng.randint(0, len(shape) - 1) :]
    slope = array(rng, own, rng.choice(("integer", "third")))  # some are 1: no unit there
    return Case(
        es.PReLU(slope), [shape], lambda x: plain.prelu(x, Grid.of(slope)),
        lambda x: x.where(x >= 0, tensor(slope) * x),
    )  # fmt: skip


def clip(rng):
    low, high = sorted(number(rng, rng.choice(STYLES)) for _ in range(2))
    low, high = (None if rng.random() < 0.2 else v for v in (low, high))

    def value(u):
        u = u if low is None else max(u, low)
        return u if high is None else min(u, high)

    def in_torch(x):
        ends = [None if v is None else float(v) for v in (low, high)]
        return x if ends == [None, None] else x.clamp(*ends)

    return Case(es.Clip(low, high), [_shape(rng)], lambda x: plain.each(x, value), in_torch)


def hard_sigmoid(rng):
    if rng.random() < 0.3:
        operator, alpha, beta = es.HardSigmoid(), Fraction(1, 6), Fraction(1, 2)
        in_torch = _functional("hardsigmoid")
    else:
        alpha, beta = number(rng, "third"), number(rng, "dyadic")
        operator = es.HardSigmoid(alpha, beta)

        def in_torch(x):
            return (float(alpha) * x + float(beta)).clamp(0, 1)

    return Case(
        operator, [_shape(rng)],
        lambda x: plain.each(x, lambda u: min(max(alpha * u + beta, 0), 1)), in_torch,
    )  # fmt: skip


def threshold(rng):
    at = number(rng, rng.choice(STYLES))
    return Case(
        es.Threshold(at, at), [_shape(rng)], lambda x: plain.each(x, lambda u: u if u > at else at),
        _functional("threshold", at, at),
    )  # fmt: skip


def scalar_spline(rng):
    style = rng.choice(STYLES)
    breaks = sorted({number(rng, style) for _ in range(rng.randint(0, 4))})
    slopes = [number(rng, style) for _ in range(len(breaks) + 1)]
    if len(slopes) > 1 and rng.random() < 0.3:
        slopes[1] = slopes[0]  # a breakpoint that is none
    if rng.random() < 0.5:
        return Case(
            es.ScalarSpline(breaks, slopes), [_shape(rng)],
            lambda x: plain.each(x, lambda u: plain.through_zero(breaks, slopes, u)),
        )  # fmt: skip
    offsets = [number(rng, style)]
    for t, s, after in zip(breaks, slopes, slopes[1:], strict=False):
        offsets.append(offsets[-1] + (s - after) * t)
    return Case(
        es.ScalarSpline(breaks, slopes, offsets), [_shape(rng)],
        lambda x: plain.each(x, lambda u: plain.spline(u, breaks, slopes, offsets)),
    )  # fmt: skip


# --- Maxima ----------------------------------------------------------------------------------


def _largest(kind, take):
    def case(rng):
        many = rng.randint(1, 4)

        def in_torch(*xs):
            import torch

            return getattr(torch, f"a{take.__name__}")(
                torch.stack(torch.broadcast_tensors(*_aligned(xs))), dim=0
            )

        return Case(
            kind(), _broadcastable(rng, many), lambda *xs: plain.largest(xs, take), in_torch
        )

    return case


def maxout(rng):
    shape, rank = list(_shape(rng)), rng.randint(1, 3)
    axis = rng.randrange(-len(shape), len(shape))
    shape[axis] *= rank
    return Case(
        es.Maxout(rank, axis=axis), [tuple(shape)], lambda x: plain.maxout(x, rank, axis),
        lambda x: x.unflatten(axis % len(shape) + 1, (-1, rank)).amax(axis % len(shape) + 2),
    )  # fmt: skip


def maso(rng):
    shape, style = _some(rng, rng.randint(1, 2), 1, 2), rng.choice(STYLES)
    k, r, d = rng.randint(1, 3), rng.randint(1, 3), int(np.prod(shape))
    A, B = array(rng, (k, r, d), style), array(rng, (k, r), style)
    return Case(
        es.MASO(A, B), [shape], lambda x: plain.maso(x, Grid.of(A), Grid.of(B)),
        lambda x: ((tensor(A) @ x.flatten(1).T).permute(2, 0, 1) + tensor(B)).amax(2),
    )  # fmt: skip


def simplified_maso(rng):
    shape, style = _some(rng, rng.randint(1, 2), 1, 2), rng.choice(STYLES)
    k, r, d = rng.randint(1, 3), rng.randint(1, 3), int(np.prod(shape))
    A, beta = array(rng, (k, r, d), style), array(rng, (d,), style)
    return Case(
        es.SimplifiedMASO(A, beta), [shape],
        lambda x: plain.simplified_maso(x, Grid.of(A), Grid.of(beta)),
        lambda x: (tensor(A) @ (x.flatten(1) + tensor(beta)).T).permute(2, 0, 1).amax(2),
    )  # fmt: skip


CASES: dict[str, Callable[[random.Random], Case]] = {
    "Abs": absolute, "Add": add, "AveragePool": average_pool, "BatchNorm": batch_norm,
    "Clip": clip, "Concat": concat, "Conv": conv, "ConvTranspose": conv_transpose,
    "Dense": dense, "Elementwise": elementwise, "Expand": expand, "Flatten": flatten,
    "HardSigmoid": hard_sigmoid, "Identity": identity, "LeakyReLU": leaky_relu, "MASO": maso,
    "MaxLeaky": max_leaky, "MaxPool": max_pool, "Maximum": _largest(es.Maximum, max),
    "Maxout": maxout, "Minimum": _largest(es.Minimum, min), "PReLU": prelu, "Pad": pad,
    "ReLU": relu, "ReduceMax": _reduction("max"), "ReduceMean": _reduction("mean"),
    "ReduceMin": _reduction("min"), "ReduceSum": _reduction("sum"), "Reshape": reshape,
    "ScalarSpline": scalar_spline, "Select": select, "SimplifiedMASO": simplified_maso,
    "SumPool": sum_pool, "Threshold": threshold, "Transpose": transpose,
}  # fmt: skip


ONNX: dict[str, tuple[list[Any], dict[str, Any], tuple[Any, ...], dict[str, Any]]] = {}


NOT_CONVEX: set[str] = set()  # operators of their own files, some of whose cases are no MASO


def case(name: str, *, convex: bool = True) -> Callable[[Draw], Draw]:
    """Register a function that draws cases of an operator; ``convex`` if all are MASOs."""

    def register(draw: Draw) -> Draw:
        assert name not in CASES, name
        CASES[name] = draw
        if not convex:
            NOT_CONVEX.add(name)
        return draw

    return register


def onnx_case(name: str, nodes: list[Any], shape: tuple[Any, ...], **options: Any) -> None:
    """Register an ONNX model from "x" to "y" to be compared with onnxruntime (see onnx_cases)."""
    ONNX[name] = (nodes, options.pop("stored", {}), shape, options)


for _file in sorted(Path(__file__).parent.glob("case_*.py")):
    import_module(_file.stem)


def points(rng: random.Random, shapes: Sequence[Sequence[int]]) -> list[np.ndarray]:
    """Three exact points as a batch for every input: small integers (ties), thirds, floats."""
    batches = []
    for shape in shapes:
        batches.append(np.stack([array(rng, shape, s) for s in ("integer", "third", "float")]))
    return batches


def as_network(operator: es.Operator, shapes: Sequence[Sequence[int]]) -> es.Network:
    """The operator alone, on one flat input that is cut into its inputs."""
    if len(shapes) == 1:
        return es.Network.from_nodes([(operator, [-1])], shapes[0])
    nodes: list[tuple[es.Operator, list[int]]] = []
    ends, at = [], 0
    for shape in shapes:
        size = int(np.prod(shape))
        nodes.append((es.Select(range(at, at + size)), [-1]))
        nodes.append((es.Reshape(shape), [len(nodes) - 1]))
        ends.append(len(nodes) - 1)
        at += size
    return es.Network.from_nodes([*nodes, (operator, ends)], (at,))
