"""Everyday networks in corners of float64: quantised, pruned, badly scaled, nearly degenerate.

Each family is a function of a generator and widths, so that ``benchmarks/corners.py`` draws it at
its full size and tests draw it small, with its naive twin. The plain network of the same shape is
a family too: what the others are compared with.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Any

import naive
import numpy as np
import random_networks as nets

import exactspline as es

Layer = tuple[np.ndarray, np.ndarray]  # weight and bias
Draw = Callable[[np.random.Generator, int, int, int], Layer]  # rng, outputs, inputs, which layer


# --- One layer of each family ----------------------------------------------------------------


def generic(rng: np.random.Generator, n_out: int, n_in: int, index: int = 0) -> Layer:
    """Weights and biases standard normal."""
    return rng.normal(size=(n_out, n_in)), rng.normal(size=n_out)


def _each(draw: Callable[[np.random.Generator, Any], np.ndarray]) -> Draw:
    """A layer whose weights and biases are drawn alike, entry by entry."""
    return lambda rng, n_out, n_in, index: (draw(rng, (n_out, n_in)), draw(rng, n_out))


def _noisy_signs(rng: np.random.Generator, size: Any) -> np.ndarray:
    return rng.choice([-1.0, 1.0], size=size) + 1e-13 * rng.normal(size=size)


def _large_and_integers(rng: np.random.Generator, size: Any) -> np.ndarray:
    return 2.0**40 * rng.choice([-1.0, 1.0], size=size) + rng.integers(-5, 6, size=size)


def _wide(rng: np.random.Generator, size: Any) -> np.ndarray:
    return rng.choice([-1.0, 1.0], size=size) * 10.0 ** rng.uniform(-18, 18, size=size)


def quantised(values: np.ndarray) -> np.ndarray:
    """Integers of 8 bits times one float32 scale, as quantisation after training stores them."""
    scale = np.float32(np.abs(values).max() / 127)
    return np.clip(np.rint(values / float(scale)), -127, 127) * float(scale)


def _quantised(rng: np.random.Generator, n_out: int, n_in: int, index: int) -> Layer:
    weight, bias = generic(rng, n_out, n_in)
    return quantised(weight), quantised(bias)


def _times(scale: float) -> Draw:
    """Values of one size in every layer: the first layer's weights and all biases have it."""

    def draw(rng: np.random.Generator, n_out: int, n_in: int, index: int) -> Layer:
        weight, bias = generic(rng, n_out, n_in)
        return (weight if index else scale * weight), scale * bias

    return draw


def _pruned(rng: np.random.Generator, n_out: int, n_in: int, index: int) -> Layer:
    """The smallest 60 % of the weights are zero."""
    weight, bias = generic(rng, n_out, n_in)
    least = np.sort(np.abs(weight), axis=None)[int(0.6 * weight.size)]
    return np.where(np.abs(weight) < least, 0.0, weight), bias


def _duplicates(rng: np.random.Generator, n_out: int, n_in: int, index: int) -> Layer:
    """Half of the neurons are others again, up to 1e-12 of each parameter."""
    weight, bias = generic(rng, n_out, n_in)
    at = rng.integers(0, (n_out + 1) // 2, size=n_out // 2)
    half = n_out - n_out // 2
    weight[half:] = weight[at] * (1 + 1e-12 * rng.normal(size=(n_out - half, n_in)))
    bias[half:] = bias[at] * (1 + 1e-12 * rng.normal(size=n_out - half))
    return weight, bias


def _float32(rng: np.random.Generator, n_out: int, n_in: int, index: int) -> Layer:
    weight, _ = generic(rng, n_out, n_in)
    return weight.astype(np.float32).astype(np.float64), np.zeros(n_out)


# --- Families --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Family:
    """A kind of network, and what a count of it is to reach.

    Attributes
    ----------
    title : str
    widths : tuple of int
        Of the full size: inputs, then units a layer.
    draw : callable
        One layer.
    whole : bool
        On all of R^D, else on [-1, 1]^D.
    rate : int
        Regions a second to reach; 0 if only the share counts.
    share : float
        Of the plain network's rate; 0 if only the rate counts.
    """

    title: str
    widths: tuple[int, ...]
    draw: Draw
    whole: bool = False
    rate: int = 0
    share: float = 0.0


FAMILIES: dict[str, Family] = {
    "signs": Family("weights +-1, noise of 1e-13", (3, 16, 16), _each(_noisy_signs), False,
                    30_000, 0.1),
    "quantised": Family("8 bits times a float32 scale", (3, 16, 16), _quantised, share=0.5),
    "large integers": Family("+-2^40 plus [-5, 5]", (3, 16, 16), _each(_large_and_integers),
                             rate=30_000),
    "magnitudes": Family("magnitudes over 1e+-18", (3, 12, 12), _each(_wide), rate=5_000),
    "subnormal": Family("subnormal parameters", (3, 16, 16), _times(1e-310), share=0.5),
    "huge": Family("huge parameters", (3, 16, 16), _times(1e306), share=0.5),
    "pruned": Family("pruned, 60 % zeros", (3, 16, 16), _pruned, share=0.1),
    "duplicates": Family("duplicates up to 1e-12", (3, 16, 16), _duplicates, share=0.1),
    "without bias": Family("bias-free, float32", (5, 20, 20), _float32, True, share=0.5),
}  # fmt: skip


@dataclass
class Corner:
    """A network of a family with its domain, for the package and for the twin."""

    layers: list[Layer]
    whole: bool

    @property
    def dim(self) -> int:
        """The number of inputs."""
        return int(self.layers[0][0].shape[1])

    @cached_property
    def network(self) -> es.Network:
        """ReLU after every layer."""
        steps: list[es.Operator] = []
        for weight, bias in self.layers:
            steps += [es.Dense(weight, bias), es.ReLU()]
        return es.Network(steps, (self.dim,))

    @property
    def domain(self) -> es.Domain:
        """All of R^D or [-1, 1]^D."""
        return es.WholeSpace(self.dim) if self.whole else es.Box(-1, 1, dim=self.dim)

    @cached_property
    def codes(self) -> list[naive.Code]:
        """The twin's codes, in order."""
        spec = nets.Spec(self.dim)
        for weight, bias in self.layers:
            rows = [[Fraction(v) for v in row] for row in weight.tolist()]
            spec.steps += [("dense", rows, [Fraction(v) for v in bias.tolist()]), ("relu",)]
        size = self.dim
        where = (
            ("all", size) if self.whole else ("box", [Fraction(-1)] * size, [Fraction(1)] * size)
        )
        return naive.codes(nets.twin(spec), where)


def draw(name: str, seed: int = 1, widths: Sequence[int] | None = None) -> Corner:
    """A network of a family (``FAMILIES``), by default of its full size."""
    family = FAMILIES[name]
    return _drawn(family.draw, seed, widths or family.widths, family.whole)


def plain(name: str, seed: int = 1, widths: Sequence[int] | None = None) -> Corner:
    """The plain network of the same shape and domain."""
    family = FAMILIES[name]
    return _drawn(generic, seed, widths or family.widths, family.whole)


def _drawn(one: Draw, seed: int, widths: Sequence[int], whole: bool) -> Corner:
    rng = np.random.default_rng(seed)
    pairs = enumerate(itertools.pairwise(widths))
    return Corner([one(rng, n_out, n_in, i) for i, (n_in, n_out) in pairs], whole)


def max_pooled(path: Path) -> es.Network:
    """A network from a file with max- in place of average pooling."""
    steps = []
    for step in es.load(path).operators:
        if isinstance(step, es.AveragePool):
            step = es.MaxPool(step.kernel, stride=step.stride, padding=step.padding)
        steps.append(step)
    return es.Network(steps, es.load(path).input_shape)
