"""Degenerate networks and domains, drawn from seeds, each with its naive twin.

A ``Case`` is written three times from one plain description: as the package's own operators (so
that stores, workers and files can carry it), as the layers of ``naive``, and as Python source
that says it again. What is degenerate is the *kind*: ties, near-ties, weights of many magnitudes,
products that float64 cannot hold, subnormals, duplicates, dead units, slivers.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

import naive
import random_networks as nets
from chains import Chain, Matrix, diagonal, text

import exactspline as es

MOST_REGIONS = 90  # larger cases are drawn again: the twin is written in Python


# --- Numbers ---------------------------------------------------------------------------------


def near(rng: random.Random) -> Fraction:
    """A number of either sign between 1e-15 and 1e-9, or a few units in the last place of 1."""
    if rng.random() < 0.3:
        return rng.choice((1, -1)) * Fraction(rng.randint(1, 4), 2 ** rng.randint(50, 53))
    return rng.choice((1, -1)) * Fraction(10.0 ** rng.uniform(-15, -9))


def _scaled(rng: random.Random, low: int, high: int) -> Fraction:
    """A short number times a power of two."""
    value = Fraction(rng.choice((1, 1, 3, 5, -1, -1, -3, -7)), rng.choice((1, 1, 2, 4)))
    return value * Fraction(2) ** rng.randint(low, high)


def _integer(rng: random.Random) -> Fraction:
    return Fraction(rng.choice((-2, -1, -1, 0, 0, 1, 1, 2)))


def _float(rng: random.Random) -> Fraction:
    return Fraction(rng.gauss(0, 1))


def _near(rng: random.Random) -> Fraction:
    return _integer(rng) + (near(rng) if rng.random() < 0.4 else 0)


def _subnormal(rng: random.Random) -> Fraction:
    if rng.random() < 0.5:
        return Fraction(rng.randint(-9, 9) * 5e-324)
    return Fraction(rng.uniform(-1, 1) * 2.0 ** rng.randint(-1060, -1015))


def _beyond(rng: random.Random) -> Fraction:
    """A number that float64 takes for 0 or infinity, or an ordinary one."""
    if rng.random() < 0.4:
        return _integer(rng)
    return rng.choice((1, -1, 3)) * Fraction(10) ** rng.choice((-700, -400, -330, 310, 400))


STYLES: dict[str, Callable[[random.Random], Fraction]] = {
    "integer": _integer,
    "float": _float,
    "third": lambda rng: Fraction(rng.randint(-4, 4), 3),
    "small": lambda rng: Fraction(rng.choice((1, 3, -1, -3, 0)), 2 ** rng.randint(2, 9)),
    "near": _near,
    "wide": lambda rng: _scaled(rng, -40, 40),  # 80 binary orders of magnitude
    "huge": lambda rng: _scaled(rng, -330, 330),
    "extreme": lambda rng: _scaled(rng, -1060, 1015),
    "wide float": lambda rng: Fraction(rng.gauss(0, 1) * 2.0 ** rng.randint(-40, 40)),
    "subnormal": _subnormal,
    "beyond": _beyond,
}


# --- Cases: networks with a domain and a twin ------------------------------------------------


@dataclass
class Case:
    """A network and a domain with the truth about them.

    Attributes
    ----------
    kind : str
        What is degenerate.
    chain : Chain
    dim : int
    pair : DomainPair
        The domain, for the package and for the twin.
    where : str
        The domain as source.
    """

    kind: str
    chain: Chain
    dim: int
    pair: nets.DomainPair
    where: str

    @cached_property
    def network(self) -> es.Network:
        """The network as the package's operators."""
        return es.Network(self.chain.operators, (self.dim,))

    @property
    def domain(self) -> es.Domain:
        """The package's domain."""
        return self.pair[0]

    @cached_property
    def layers(self) -> list[naive.Layer]:
        """The same network as the twin's layers."""
        return nets.twin(nets.Spec(self.dim, self.chain.steps))

    @cached_property
    def cells(self) -> list[tuple[naive.Code, naive.Cone]]:
        """The twin's cells, in order of their codes."""
        return list(naive._cells(self.layers, *naive._root(self.pair[1])))

    @cached_property
    def codes(self) -> list[naive.Code]:
        """The twin's codes, in order."""
        return [code for code, _ in self.cells]

    def size(self, most: int = MOST_REGIONS) -> int:
        """The number of regions, or ``most + 1`` if there are more."""
        all_of_them = naive._cells(self.layers, *naive._root(self.pair[1]))
        found = list(itertools.islice(all_of_them, most + 1))
        if len(found) <= most:
            self.__dict__["cells"] = found  # they need not be found again
        return len(found)

    @property
    def source(self) -> str:
        """Python that makes it again."""
        operators = ",\n    ".join(self.chain.source)
        return (
            f"import exactspline as es\nnet = es.Network([\n    {operators},\n], ({self.dim},))\n"
            f"domain = {self.where}\n"
        )


# --- Random networks -------------------------------------------------------------------------


def _rows(rng: random.Random, n_out: int, n_in: int, draw: Any, bias: float) -> tuple[Matrix, list]:
    W = [[draw(rng) for _ in range(n_in)] for _ in range(n_out)]
    b = [draw(rng) if rng.random() < bias else Fraction(0) for _ in range(n_out)]
    return W, b


def _disturbed(rng: random.Random, W: Matrix, b: list[Fraction], kind: str) -> None:
    """Make rows coincide, nearly coincide, or vanish."""
    for i in range(len(W)):
        j, chance = rng.randrange(i + 1), rng.random()
        if chance < 0.08:
            W[i] = [Fraction(0)] * len(W[i])  # a dead unit
            if rng.random() < 0.5:
                b[i] = Fraction(0)
        elif chance < 0.35 and j < i:
            factor = rng.choice((Fraction(1), Fraction(1), Fraction(-1), Fraction(2) ** -60,
                                 Fraction(1, 3)))  # fmt: skip
            W[i], b[i] = [factor * w for w in W[j]], factor * b[j]
            if kind in ("near ties", "slivers") or rng.random() < 0.3:
                gap = near(rng) if rng.random() < 0.6 else Fraction(10) ** rng.choice((-30, -200))
                if rng.random() < 0.5:
                    b[i] += gap
                else:
                    W[i][rng.randrange(len(W[i]))] += gap


def affine(rng: random.Random, chain: Chain, style: str, kind: str, most: int) -> None:
    """One affine operator: dense or a convolution."""
    draw, bias = STYLES[style], 0.7 if kind != "ties" else 0.25
    if chain.n >= 2 and rng.random() < 0.12:
        width = rng.randint(1, 2)
        kernels = [[draw(rng) for _ in range(width)] for _ in range(rng.randint(1, 2))]
        shifts = [draw(rng) if rng.random() < bias else Fraction(0) for _ in kernels]
        chain.conv(kernels, shifts, rng.randint(1, 2), rng.randint(0, 1))
        return
    W, b = _rows(rng, rng.randint(1, most), chain.n, draw, bias)
    if kind in ("duplicates", "slivers", "near ties", "ties") or rng.random() < 0.3:
        _disturbed(rng, W, b, kind)
    chain.dense(W, b)


SCALES = (Fraction(1, 10**200), Fraction(1, 10**160), Fraction(1e-308), Fraction(5e-324))


def vanishing(rng: random.Random, chain: Chain, *, back: float) -> None:
    """Affine operators whose product leaves float64, one way, and perhaps the way back."""
    scale = rng.choice(SCALES)
    factors = [scale, scale] if rng.random() < 0.7 else [1 / scale, 1 / scale]
    if any(f.denominator == 1 and f > Fraction(10) ** 308 for f in factors):
        factors = [Fraction(1e200), Fraction(1e200)]
    if rng.random() < back:
        factors += [1 / f for f in factors]
        rng.shuffle(factors)
    for factor in factors:
        value = Fraction(float(factor)) if abs(factor) < Fraction(10) ** 308 else factor
        kind = rng.randrange(4)
        signs = [rng.choice((1, 1, -1)) * value for _ in range(chain.n)]
        zeros = [Fraction(0)] * chain.n
        if kind == 0:
            chain.elementwise(signs, zeros)
        elif kind == 1 and abs(value) < Fraction(10) ** 300:
            # the scale is twice gamma, and has to be a float64
            chain.batchnorm(signs, zeros, zeros)
        elif kind == 2:
            chain.dense(diagonal(signs), [rng.choice((Fraction(0), value)) for _ in signs])
        else:
            n = rng.randint(1, 3)
            W = [[rng.choice((1, -1, 0)) * value for _ in range(chain.n)] for _ in range(n)]
            chain.dense(W, [Fraction(0)] * n)


def nonlinear(rng: random.Random, chain: Chain, style: str) -> None:
    """Any operator with units."""
    draw = STYLES[style]
    choices = ["relu", "relu", "relu", "leaky", "abs", "clip", "hard sigmoid", "prelu", "maso"]
    choices += ["max pool", "maxout", "max", "min"] if chain.n > 1 else []
    kind = rng.choice(choices)
    if kind == "relu":
        chain.relu()
    elif kind == "abs":
        chain.absolute()
    elif kind == "leaky":
        chain.leaky(rng.choice((*nets.SLOPES, draw(rng), Fraction(1) - Fraction(1, 2**53))))
    elif kind == "prelu":
        chain.prelu([rng.choice((*nets.SLOPES, draw(rng))) for _ in range(chain.n)])
    elif kind == "clip":
        ends = sorted({draw(rng), rng.choice((draw(rng), Fraction(0), Fraction(1)))})
        if len(ends) == 1 or rng.random() < 0.3:
            ends = rng.choice(([ends[0], None], [None, ends[0]]))
        chain.clip(ends[0], ends[1])
    elif kind == "hard sigmoid":
        alpha = draw(rng) or Fraction(1, 6)
        chain.hard_sigmoid(alpha, rng.choice((Fraction(1, 2), draw(rng))))
    elif kind == "maso":
        outputs, rank = rng.randint(1, 2), rng.randint(2, 3)
        A = [[[draw(rng) for _ in range(chain.n)] for _ in range(rank)] for _ in range(outputs)]
        if rng.random() < 0.4:
            A[0][1] = list(A[0][0])
        chain.maso(A, [[draw(rng) for _ in range(rank)] for _ in range(outputs)])
    elif kind == "max pool":
        chain.max_pool(rng.randint(2, min(3, chain.n)), rng.randint(1, 2))
    elif kind == "maxout":
        chain.maxout(rng.choice([r for r in range(2, chain.n + 1) if chain.n % r == 0]))
    else:
        inner = Chain(chain.n)
        inner.dense(*_rows(rng, chain.n, chain.n, draw, 0.5))
        if rng.random() < 0.4:
            inner.relu()
        chain.joined(inner, kind)


KINDS = (
    "ties", "near ties", "80 orders", "600 orders", "2000 orders", "vanishing", "and back",
    "subnormal", "beyond float64", "duplicates", "slivers", "mixed",
)  # fmt: skip
_STYLES_OF = {
    "ties": ("integer", "integer", "third"), "near ties": ("near",),
    "80 orders": ("wide", "wide float"), "600 orders": ("huge",), "2000 orders": ("extreme",),
    "vanishing": ("small", "small", "integer", "float", "wide"),
    "and back": ("small", "integer", "float"),
    "subnormal": ("subnormal", "integer"), "beyond float64": ("beyond",),
    "duplicates": ("integer", "float", "third"), "slivers": ("integer", "float"),
    "mixed": tuple(STYLES),
}  # fmt: skip


def draw_chain(rng: random.Random, dim: int, kind: str) -> Chain:
    """A random network of a kind."""
    chain = Chain(dim)
    for number in range(rng.choice((1, 2, 2, 3, 3))):
        style = rng.choice(_STYLES_OF[kind])
        most = 5 if number == 0 else 4
        block = rng.random()
        if block < 0.14 and number:
            inner = Chain(chain.n)
            inner.dense(*_rows(rng, chain.n, chain.n, STYLES[style], 0.5))
            nonlinear_in_place(rng, inner, style)
            join = rng.choice(("add", "add", "concat", "max"))
            chain.joined(inner, join, (1, rng.choice((1, -1))))
            continue
        if number or rng.random() < 0.8:
            affine(rng, chain, style, kind, most)
        if kind in ("vanishing", "and back") and rng.random() < 0.7:
            vanishing(rng, chain, back=0.15 if kind == "vanishing" else 1.0)
        elif rng.random() < 0.12:
            affine(rng, chain, style, kind, 3)
        if chain.n > 1 and rng.random() < 0.08:
            chain.average(2)
        nonlinear(rng, chain, style)
    if rng.random() < 0.2:
        affine(rng, chain, style, kind, 2)
    return chain


def nonlinear_in_place(rng: random.Random, chain: Chain, style: str) -> None:
    """An operator with one unit an entry."""
    rng.choice((chain.relu, chain.absolute, lambda: chain.leaky(STYLES[style](rng))))()


# --- Random domains --------------------------------------------------------------------------


def _box(lows: list[Any], highs: list[Any]) -> tuple[nets.DomainPair, str]:
    inf = float("inf")
    given = ["-inf" if v is None else str(v) for v in lows]
    tops = ["inf" if v is None else str(v) for v in highs]
    box = es.Box([-inf if v is None else v for v in lows], [inf if v is None else v for v in highs])
    return (box, ("box", lows, highs)), f"es.Box({given}, {tops})"


def _polytope(G: Matrix, h: list[Fraction]) -> tuple[nets.DomainPair, str]:
    pair = es.Polytope(nets._array(G), nets._array(h)), ("polytope", G, h)
    return pair, f"es.Polytope({text(G)}, {text(h)})"


def _size(rng: random.Random) -> Fraction:
    """The size of a side: ordinary, tiny or huge."""
    chance = rng.random()
    if chance < 0.4:
        return Fraction(rng.randint(1, 6), rng.choice((1, 2, 3)))
    if chance < 0.6:
        return Fraction(10) ** rng.choice((-16, -30, -200, -310, -400))
    if chance < 0.8:
        return Fraction(10) ** rng.choice((9, 30, 200, 310, 400))
    return Fraction(2) ** rng.randint(-1080, 1020)


def _ends(rng: random.Random, dim: int, open_: float) -> tuple[list[Any], list[Any]]:
    lows: list[Any] = []
    highs: list[Any] = []
    for _ in range(dim):
        size = _size(rng)
        low = rng.choice((Fraction(0), -size, -size, Fraction(1), Fraction(-1, 3), -2 * size))
        high = low + size
        lows.append(None if rng.random() < open_ else low)
        highs.append(None if rng.random() < open_ else high)
    return lows, highs


DOMAINS = (
    "all", "all", "all", "box", "box", "open box", "flat box", "polytope", "scaled polytope",
    "slice", "point",
)  # fmt: skip


def draw_domain(rng: random.Random, dim: int) -> tuple[nets.DomainPair, str]:
    """Any domain of R^dim and its source."""
    kind = rng.choice(DOMAINS)
    if kind == "slice" and dim == 1:
        kind = "all"
    if kind == "all":
        return nets.whole(dim), f"es.WholeSpace({dim})"
    if kind == "box":
        return _box(*_ends(rng, dim, 0.0))
    if kind == "open box":
        return _box(*_ends(rng, dim, 0.4))
    if kind in ("flat box", "point"):
        lows, highs = _ends(rng, dim, 0.2)
        flat = range(dim) if kind == "point" and rng.random() < 0.5 else [rng.randrange(dim)]
        for i in flat:
            lows[i] = highs[i] = rng.choice((Fraction(0), Fraction(1), _size(rng), -_size(rng)))
        return _box(lows, highs)
    if kind == "slice":
        k = rng.randint(1, dim - 1)
        scale = [rng.choice((Fraction(1), _size(rng))) for _ in range(k)]
        directions = [
            [scale[i] * v for v in row]
            for i, row in enumerate(
                [[int(i == m) for m in range(k)] + [rng.randint(-2, 2) for _ in range(dim - k)]
                 for i in range(k)]
            )
        ]  # fmt: skip
        origin = [rng.choice((Fraction(0), Fraction(1), _size(rng))) for _ in range(dim)]
        if rng.random() < 0.5:
            inner, where = nets.whole(k), f"es.WholeSpace({k})"
        else:
            inner, where = _box(*_ends(rng, k, 0.3))
        given = es.Slice(nets._array(origin), nets._array(directions), inner[0])
        return (given, ("slice", origin, directions, inner[1])), (
            f"es.Slice({text(origin)}, {text(directions)}, {where})"
        )
    inside = [Fraction(rng.randint(-3, 3), 2) for _ in range(dim)]
    G, h = [], []
    for _ in range(rng.randint(1, dim + 2)):
        row = [Fraction(rng.randint(-2, 2)) for _ in range(dim)]
        if not any(row):
            row[0] = Fraction(1)
        room = rng.choice((Fraction(rng.randint(1, 4)), Fraction(rng.randint(1, 4)), _size(rng)))
        if rng.random() < 0.2:
            room = Fraction(0)
        factor = Fraction(1) if kind == "polytope" else _size(rng)
        G.append([factor * v for v in row])
        h.append(factor * (sum(map(lambda a, b: a * b, row, inside), Fraction(0)) + room))
    return _polytope(G, h)


# --- Cases -----------------------------------------------------------------------------------


def draw_case(seed: int, kind: str | None = None, most: int = MOST_REGIONS) -> Case:
    """The case of a seed: drawn again until it is small enough for the twin."""
    rng = random.Random(seed)
    kind = rng.choice(KINDS) if kind is None else kind
    least = rng.choice((1, 2, 3, 4, 6))  # small ones are drawn often enough
    while True:
        dim = rng.choice((1, 1, 2, 2, 3))
        chain = draw_chain(rng, dim, kind)
        pair, where = draw_domain(rng, dim)
        case = Case(kind, chain, dim, pair, where)
        units = sum(len(layer.units) for layer in case.layers)
        if units <= 14 and least <= case.size(most) <= most:
            return case
