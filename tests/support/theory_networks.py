"""Random toy networks with rational weights for the checks of the theory: every kind of operator.

Tiny, so that hundreds of them are checked in rationals.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import operator_cases as cases
import random_networks as nets

import exactspline as es

HAT = ([0, 1, 2], [0, 1, -1, 0], [0, 0, 2, 0])


def activations(n: int) -> list[Callable[[random.Random], es.Operator]]:
    """Operators on a vector of n entries that make units."""
    return [
        lambda rng: es.ReLU(),
        lambda rng: es.ReLU(),
        lambda rng: es.Abs(),
        lambda rng: es.LeakyReLU(rng.choice(nets.SLOPES)),
        lambda rng: es.MaxLeaky(rng.choice(nets.SLOPES)),
        lambda rng: es.PReLU([rng.choice(nets.SLOPES) for _ in range(n)]),
        lambda rng: es.Clip(-1, 1),
        lambda rng: es.HardSigmoid(),
        lambda rng: es.Threshold("1/3", "1/3"),
        lambda rng: es.ScalarSpline(*HAT),
        lambda rng: es.Maxout(n),
        lambda rng: es.ReduceMax(keepdims=True),
        lambda rng: es.ReduceMin(keepdims=True),
    ]


def dense(rng: random.Random, n_out: int, n_in: int, style: str) -> es.Dense:
    _, W, b = nets.dense(rng, n_out, n_in, style)
    return es.Dense(np.array(W, dtype=object), np.array(b, dtype=object))


def chain(rng: random.Random, *, dim: int | None = None) -> es.Network:
    """Dense layers and any activations, several outputs now and then."""
    n = dim or rng.choice((1, 2, 2))
    start, style = n, rng.choice(("integer", "dyadic", "third"))
    steps: list[Any] = []
    for width in rng.choices((1, 2, 3), k=rng.choice((1, 1, 2))):
        steps += [dense(rng, width, n, style), rng.choice(activations(width))(rng)]
        n = steps[-1].output_shape((width,))[0]
    if rng.random() < 0.8:
        steps.append(dense(rng, rng.choice((1, 2)), n, style))
    return es.Network(steps, (start,))


def image(rng: random.Random) -> es.Network:
    """A convolution, an activation, a pooling: one index of the CNN formula."""
    style = rng.choice(("integer", "third"))
    weight, bias = cases.array(rng, (2, 1, 2), style), cases.array(rng, (2,), style)
    pool = rng.choice((es.MaxPool((2,)), es.AveragePool((2,)), es.SumPool((2,)), es.Identity()))
    act = rng.choice((es.ReLU(), es.Abs(), es.LeakyReLU("1/3"), es.Clip(0, 1), es.Identity()))
    steps = [es.Conv(weight, bias), act, pool, es.Flatten()]
    size = es.Network(steps, (1, 3)).output_dim
    return es.Network([*steps, dense(rng, 1, size, style)], (1, 3))


def residual(rng: random.Random) -> es.Network:
    """Blocks sigma(C z + b) + C_skip z + b_skip."""
    style, n = rng.choice(("integer", "third")), rng.choice((1, 2))
    steps: list[Any] = []
    for _ in range(rng.choice((1, 2))):
        act = rng.choice((es.ReLU(), es.Abs(), es.LeakyReLU("-1/2"), es.Clip(-1, 1)))
        skip = rng.choice(([], [dense(rng, n, n, style)]))
        body = [dense(rng, n, n, style), act]
        steps.append(
            es.Residual(body, skip) if rng.random() < 0.7 else es.Branches([skip, body], es.Add())
        )
    return es.Network([*steps, dense(rng, 1, n, style)], (n,))


def branched(rng: random.Random) -> es.Network:
    """Branches that are no residual blocks: concatenation, maximum, minimum."""
    style, n = rng.choice(("integer", "third")), 2
    join = rng.choice((es.Concat(), es.Maximum(), es.Minimum(), es.Add([1, -1])))
    branches = [[dense(rng, 2, n, style), es.ReLU()], [dense(rng, 2, n, style)]]
    width = 4 if join.kind == "Concat" else 2
    return es.Network([es.Branches(branches, join), dense(rng, 1, width, style)], (n,))


def any_network(rng: random.Random) -> es.Network:
    return rng.choice((chain, chain, image, residual, branched))(rng)


def domain(rng: random.Random, dim: int) -> es.Domain:
    """Mostly everything; now and then a box, also unbounded or flat, a polytope, a slice."""
    kind = rng.random()
    if kind < 0.5:
        return es.WholeSpace(dim)
    if kind < 0.7:
        return nets.box(rng, dim, infinite=True)[0]
    if kind < 0.75:
        return es.Box([Fraction(1, 3)] * dim, [Fraction(1, 3)] * dim)  # a point
    return nets.lower_or_polytope(rng, dim)[0]


def tampered(values: Any, by: Any = 1) -> Any:
    """A copy with its first number changed."""
    if isinstance(values, np.ndarray):
        out = values.copy()
        out.reshape(-1)[0] = out.reshape(-1)[0] + by
        return out
    return [tampered(values[0], by), *values[1:]] if isinstance(values, list) else values + by
