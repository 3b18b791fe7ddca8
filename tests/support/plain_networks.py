"""Plain networks of positively homogeneous units, and plain domains: for relations between them."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import chains
import hostile_networks as hostile
import random_networks as nets
from hostile_checks import short_steps

import exactspline as es

Matrix = list[list[Fraction]]
Code = tuple[int, ...]
MOST = 260  # regions


@dataclass(frozen=True)
class Layer:
    """Dense and units that are positively homogeneous: relu, abs, leaky (a slope), max (a rank).

    ``before`` are further affine maps in front, each without a bias.
    """

    W: Matrix
    b: list[Fraction]
    kind: str
    value: Fraction = Fraction(0)
    before: tuple[Matrix, ...] = ()

    @property
    def rank(self) -> int:
        """Rows of W a unit."""
        return int(self.value) if self.kind == "max" else 1

    @property
    def units(self) -> int:
        return len(self.W) // self.rank


@dataclass(frozen=True)
class Plain:
    """A chain of layers."""

    dim: int
    layers: tuple[Layer, ...]

    def network(self) -> es.Network:
        """The package's network."""
        operators: list[Any] = []
        for layer in self.layers:
            operators += [es.Dense(nets._array(W)) for W in layer.before]
            operators.append(es.Dense(nets._array(layer.W), nets._array(layer.b)))
            operators.append(
                {
                    "relu": es.ReLU, "abs": es.Abs,
                    "leaky": lambda v=layer.value: es.LeakyReLU(v),
                    "max": lambda v=layer.rank: es.Maxout(v),
                }[layer.kind]()
            )  # fmt: skip
        return es.Network(operators, (self.dim,))

    def source(self) -> str:
        """Python that makes it again."""
        lines = []
        for layer in self.layers:
            lines += [f"es.Dense({chains.text(W)})" for W in layer.before]
            lines.append(f"es.Dense({chains.text(layer.W)}, {chains.text(layer.b)})")
            lines.append(
                {
                    "relu": "es.ReLU()", "abs": "es.Abs()", "max": f"es.Maxout({layer.rank})",
                    "leaky": f"es.LeakyReLU({chains.one_text(layer.value)})",
                }[layer.kind]
            )  # fmt: skip
        inner = ",\n    ".join(lines)
        return f"net = es.Network([\n    {inner},\n], ({self.dim},))\n"

    def changed(self, at: int, layer: Layer) -> Plain:
        """With another layer in one place."""
        return replace(self, layers=(*self.layers[:at], layer, *self.layers[at + 1 :]))

    def starts(self) -> list[int]:
        """Where each layer's units stand in a code."""
        out = [0]
        for layer in self.layers:
            out.append(out[-1] + layer.units)
        return out


@dataclass(frozen=True)
class Where:
    """A box, perhaps open, and further inequalities G x <= h."""

    lows: tuple[Fraction | None, ...]
    highs: tuple[Fraction | None, ...]
    G: tuple[tuple[Fraction, ...], ...] = ()
    h: tuple[Fraction, ...] = ()

    @property
    def dim(self) -> int:
        return len(self.lows)

    def rows(self) -> tuple[Matrix, list[Fraction]]:
        """All inequalities as rows."""
        G, h = [list(row) for row in self.G], list(self.h)
        for i, (low, high) in enumerate(zip(self.lows, self.highs, strict=True)):
            for bound, sign in ((low, -1), (high, 1)):
                if bound is not None:
                    G.append([Fraction(sign * (i == j)) for j in range(self.dim)])
                    h.append(sign * bound)
        return G, h

    def domain(self) -> es.Domain:
        """The package's domain."""
        if self.G:
            G, h = self.rows()
            return es.Polytope(nets._array(G), nets._array(h))
        return self.box()

    def box(self) -> es.Box:
        inf = float("inf")
        return es.Box(
            [-inf if v is None else v for v in self.lows],
            [inf if v is None else v for v in self.highs],
        )

    def source(self) -> str:
        if self.G:
            G, h = self.rows()
            return f"domain = es.Polytope({chains.text(G)}, {chains.text(h)})\n"
        lows = ["-inf" if v is None else str(v) for v in self.lows]
        highs = ["inf" if v is None else str(v) for v in self.highs]
        return f"domain = es.Box({lows}, {highs})\n"


def draw(seed: int, most: int = MOST) -> tuple[str, Plain, Where, list[Code]]:
    """A kind, a network, a domain, and the codes as the kernel finds them in one go."""
    rng = random.Random(seed)
    while True:
        kind = rng.choice(hostile.KINDS)
        dim = rng.choice((1, 2, 2, 3, 3, 4))
        layers, n = [], dim
        for number in range(rng.choice((1, 2, 2, 3))):
            style = rng.choice(hostile._STYLES_OF[kind])
            rank, unit = 1, rng.choice(("relu", "relu", "abs", "leaky", "max"))
            if unit == "max":
                rank = rng.randint(2, 3)
            units = rng.randint(1, 5 if number == 0 else 4)
            W, b = hostile._rows(rng, units * rank, n, hostile.STYLES[style], 0.7)
            if rng.random() < 0.4:
                hostile._disturbed(rng, W, b, kind)
            value = Fraction(rank) if unit == "max" else rng.choice(nets.SLOPES)
            before = ()
            if kind in ("vanishing", "and back") and rng.random() < 0.6:
                scale = Fraction(2) ** rng.choice((-700, -600, 400, -540))
                back = [1 / scale] if kind == "and back" else [Fraction(2) ** -rng.randint(1, 600)]
                before = tuple(chains.diagonal([s] * n) for s in (scale, *back))
            if unit == "leaky" and value == 1:
                unit = "relu"
            layers.append(Layer(W, b, unit, value, before))
            n = units
        plain = Plain(dim, tuple(layers))
        where = draw_where(rng, dim)
        with short_steps(20_000):
            found = es.enumerate_regions(plain.network(), where.domain(), limit=most + 1)
        if 2 <= len(found) <= most:
            return kind, plain, where, codes_of(found)


def draw_where(rng: random.Random, dim: int) -> Where:
    """A full-dimensional domain around 0."""
    chance = rng.random()
    if chance < 0.4:
        return Where((None,) * dim, (None,) * dim)
    lows, highs = [], []
    for _ in range(dim):
        powers = [Fraction(2) ** k for k in (-1074, -60, 70, 1000)]
        size = rng.choice((Fraction(1), Fraction(3), Fraction(1, 3), *powers))
        lows.append(None if rng.random() < 0.2 else -size * rng.choice((0, 1, 1, 2)))
        highs.append(None if rng.random() < 0.2 else size)
    if chance < 0.75:
        return Where(tuple(lows), tuple(highs))
    G = [tuple(Fraction(rng.randint(-2, 2)) for _ in range(dim)) for _ in range(rng.randint(1, 3))]
    G = [row if any(row) else (Fraction(1),) * dim for row in G]
    h = tuple(Fraction(rng.randint(1, 4)) for _ in G)
    return Where((None,) * dim, (None,) * dim, tuple(G), h)


def codes_of(omega: Any) -> list[Code]:
    """The codes of a partition."""
    return [tuple(code) for code in omega.codes.tolist()]


def scaled(where: Where, factor: Fraction) -> Where:
    """All points times a positive number."""
    lows = tuple(None if v is None else factor * v for v in where.lows)
    highs = tuple(None if v is None else factor * v for v in where.highs)
    return Where(lows, highs, where.G, tuple(factor * v for v in where.h))


def product(A: Matrix, B: Matrix) -> Matrix:
    columns = list(zip(*B, strict=True))
    return [[sum((a * b for a, b in zip(row, column, strict=True)), Fraction(0))
             for column in columns] for row in A]  # fmt: skip
