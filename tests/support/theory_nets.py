"""Random toy networks and domains for the tests of the theory's checks."""

from __future__ import annotations

import random
from collections.abc import Iterator
from fractions import Fraction

import numpy as np
from random_networks import ALL_KINDS, any_domain, network, random_spec, whole

import exactspline as es

WITH_FORWARD = ("relu", "abs", "leaky", "prelu")  # the steps that are the package's operators
STYLES = ("integer", "dyadic", "third")


def toy(
    many: int, *, kinds: tuple[str, ...] = ALL_KINDS, layers: int = 3, seed: str = "",
    domains: bool = True, skip: bool = True,
) -> Iterator[tuple[es.Network, es.Domain, str]]:  # fmt: skip
    """Networks of up to three inputs with degenerate weights, and domains of every kind."""
    for i in range(many):
        rng = random.Random(f"theory {seed} {i}")
        dim = rng.randint(1, 3)
        widths = [rng.randint(1, 4 if dim < 3 else 3) for _ in range(rng.randint(1, layers))]
        spec = random_spec(
            rng, dim, widths, rng.choice(STYLES), kinds=kinds, bias=rng.random() < 0.7,
            skip=skip and rng.random() < 0.2,
        )  # fmt: skip
        domain = (any_domain(rng, dim) if domains else whole(dim))[0]
        yield network(spec), domain, f"{seed} {i}: {spec} on {domain.describe()}"


def two_layers(first: es.Operator | None = None, last: es.Operator | None = None) -> es.Network:
    """A small network of two layers on the plane, with 1/3 among its weights."""
    return es.Network(
        [
            es.Dense([[1, Fraction(1, 3)], [1, -1], [0, 2]], [0, 1, -1]),
            first or es.ReLU(),
            es.Dense([[1, -1, 1], [2, 1, -3]], [Fraction(-1, 3), 1]),
            last or es.Abs(),
        ],
        (2,),
    )


def exact(values) -> np.ndarray:
    """An object array of Fractions."""
    out = np.empty(np.shape(values), dtype=object)
    for index in np.ndindex(out.shape):
        out[index] = Fraction(np.asarray(values, dtype=object)[index])
    return out
