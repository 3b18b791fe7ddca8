"""Random networks for the tests, written twice: for the package and for its naive twin.

A network is described by plain data (``Spec``): a list of steps over exact numbers. ``network``
turns it into the package's operators and ``twin`` into the layers of ``naive``; the two share
nothing but the description. Units are ordered as the package promises: by level (one more than
the highest level that a unit reads), then in the order in which they stand in the network.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import naive
import numpy as np

import exactspline as es
from exactspline.compile import Forms
from exactspline.compile.builder import Tensor

Form = tuple[Fraction, dict[int, Fraction]]  # constant and coefficients of atoms

HAT = ((0, 1, 2), ((0, 0), (1, 0), (-1, 2), (0, 0)))  # two pieces that agree and do not touch
HARD_TANH = ((-1, 1), ((0, -1), (1, 0), (0, 1)))
RELU6 = ((0, 6), ((0, 0), (1, 0), (0, 6)))
ZIGZAG = ((Fraction(-1, 3), 0, 2), ((2, Fraction(1, 3)), (1, 0), (-1, 0), (3, -8)))
SLOPES = (Fraction(-1), Fraction(-1, 2), Fraction(0), Fraction(1, 100), Fraction(1), Fraction(2))


@dataclass
class Spec:
    """A network: its number of inputs and its steps, each a tuple that begins with its kind.

    ("dense", W, b); ("relu",), ("abs",), ("leaky", slope), ("prelu", slopes);
    ("scalar", breaks and pieces per entry); ("max" or "min", members per unit);
    ("skip", steps): the entries of the steps' result, then the entries they read.
    """

    dim: int
    steps: list[tuple[Any, ...]] = field(default_factory=list)


# --- Test-only operators ---------------------------------------------------------------------


class ScalarUnits(es.Operator):
    """Continuous piecewise-affine units with any number of breakpoints, one kind an entry."""

    def __init__(self, kinds: Sequence[tuple[Any, Any]]) -> None:
        self.kinds = kinds

    def output_shape(self, shape):
        return shape

    def forward(self, x):
        raise NotImplementedError

    def lower(self, builder, x):
        breaks = [[Fraction(t) for t in b] for b, _ in self.kinds]
        pieces = [[(Fraction(s), Fraction(c)) for s, c in p] for _, p in self.kinds]
        return builder.scalar_units(x, breaks, pieces)


class MaxUnits(es.Operator):
    """Maxima (or minima) over any tuples of entries."""

    def __init__(self, members: Sequence[Sequence[int]], concave: bool = False) -> None:
        self.members, self.concave = members, concave

    def output_shape(self, shape):
        return (len(self.members),)

    def forward(self, x):
        raise NotImplementedError

    def lower(self, builder, x):
        shape = self.output_shape(x.shape)
        return builder.max_units(x, self.members, shape, concave=self.concave)


class Skip(es.Operator):
    """The result of some operators and, behind it, what they read."""

    def __init__(self, operators: Sequence[es.Operator]) -> None:
        self.operators = operators

    def output_shape(self, shape):
        inner = shape
        for operator in self.operators:
            inner = operator.output_shape(inner)
        return (inner[0] + shape[0],)

    def forward(self, x):
        raise NotImplementedError

    def lower(self, builder, x):
        y = x
        for operator in self.operators:
            y = operator.lower(builder, y)
        a, b, n = y.forms, x.forms, y.shape[0]
        both = Forms(
            np.concatenate([a.indptr, b.indptr[1:] + a.indptr[-1]]),
            np.concatenate([a.indices, b.indices]),
            np.concatenate([a.data, b.data]),
            np.concatenate([a.const, b.const]),
            builder.n_atoms,
        )
        return Tensor((n + x.shape[0],), lambda: both, y.depth)


# --- The package's network and the twin's ----------------------------------------------------


def _array(values: Any) -> np.ndarray:
    """Exact numbers as the package takes them: float64 where that loses nothing."""
    out = np.array(values, dtype=object)
    try:
        floats = out.astype(np.float64)
        exact = all(Fraction(a) == b for a, b in zip(floats.flat, out.flat, strict=True))
    except OverflowError:
        exact = False
    return floats if exact else out


def _operators(steps: Sequence[tuple[Any, ...]]) -> list[es.Operator]:
    make = {
        "dense": lambda W, b: es.Dense(_array(W), _array(b)),
        "relu": es.ReLU,
        "abs": es.Abs,
        "leaky": es.LeakyReLU,
        "prelu": lambda slopes: es.PReLU(_array(slopes)),
        "scalar": ScalarUnits,
        "max": MaxUnits,
        "min": lambda members: MaxUnits(members, concave=True),
        "skip": lambda inner: Skip(_operators(inner)),
    }
    return [make[kind](*arguments) for kind, *arguments in steps]


def network(spec: Spec) -> es.Network:
    """The network as the package's operators."""
    return es.Network(_operators(spec.steps), (spec.dim,))


class _Twin:
    """Collects units over atoms (inputs, then unit outputs) and sorts them into levels.

    A level is an operator with units, also where some of them are constant.
    """

    def __init__(self, dim: int) -> None:
        self.dim = dim
        self.level = [0] * dim
        self.depth = 0  # operators with units so far
        self.units: list[tuple[int, list[Form], Any]] = []  # level, members, kind of unit

    def add(self, members: list[Form], unit: Any) -> Form:
        self.units.append((self.depth + 1, members, unit))
        self.level.append(self.units[-1][0])
        return Fraction(0), {len(self.level) - 1: Fraction(1)}

    def scalar(self, form: Form, breaks: Sequence[Any], pieces: Sequence[Any]) -> Form:
        """Neighbouring intervals with one function are one piece; a single piece is no unit."""
        kept, out = [], [pieces[0]]
        for t, piece in zip(breaks, pieces[1:], strict=True):
            if piece != out[-1]:
                kept.append(t)
                out.append(piece)
        if kept:
            return self.add([form], (kept, out))
        (slope, const), (offset, terms) = out[0], form
        return slope * offset + const, {a: slope * c for a, c in terms.items() if slope * c}

    def run(self, steps: Sequence[tuple[Any, ...]], z: list[Form]) -> list[Form]:
        for kind, *arguments in steps:
            if kind == "dense":
                z = [_combined(row, c, z) for row, c in zip(*arguments, strict=True)]
            elif kind == "skip":
                z = self.run(arguments[0], z) + z
            elif kind in ("max", "min"):
                sets = [list(dict.fromkeys(members)) for members in arguments[0]]
                z = [  # a member counts once, and a single one makes no unit
                    self.add([z[m] for m in members], kind) if len(members) > 1 else z[members[0]]
                    for members in sets
                ]
            elif kind == "scalar":
                kinds = arguments[0]
                z = [self.scalar(form, *kind) for form, kind in zip(z, kinds, strict=True)]
            else:
                below = {"relu": [0], "abs": [-1]}.get(kind) or arguments[0]
                below = below if isinstance(below, list) else [below]
                below = below * len(z) if len(below) == 1 else below
                z = [
                    self.scalar(form, [0], [(s, 0), (1, 0)])
                    for form, s in zip(z, below, strict=True)
                ]
            self.depth = max(self.level)
        return z

    def layers(self) -> list[naive.Layer]:
        """One layer a level; every older entry is kept, needed or not."""
        state = list(range(self.dim))
        out = []
        for level in range(1, max(self.level, default=0) + 1):
            rows, consts, units, made = [], [], [], []
            for number, (own, members, unit) in enumerate(self.units):
                if own != level:
                    continue
                first = len(rows)
                for const, terms in members:
                    rows.append([terms.get(atom, 0) for atom in state])
                    consts.append(const)
                places = range(first, len(rows))
                if unit == "max":
                    units.append(naive.Max(places))
                elif unit == "min":
                    units.append(naive.Min(places))
                else:
                    units.append(naive.Scalar(first, *unit))
                made.append(self.dim + number)
            out.append(naive.Layer(rows, consts, units, range(len(state))))
            state = made + state
        return out


def _combined(row: Sequence[Any], const: Any, z: list[Form]) -> Form:
    total, terms = Fraction(const), {}
    for w, (offset, inner) in zip(row, z, strict=True):
        total += Fraction(w) * offset
        for atom, c in inner.items():
            terms[atom] = terms.get(atom, 0) + Fraction(w) * c
    return total, {a: c for a, c in terms.items() if c}


def twin(spec: Spec) -> list[naive.Layer]:
    """The same network as layers of the naive twin."""
    out = _Twin(spec.dim)
    inputs = [(Fraction(0), {i: Fraction(1)}) for i in range(spec.dim)]
    out.run(spec.steps, inputs)
    return out.layers()


# --- Random networks -------------------------------------------------------------------------

STYLES = ("integer", "dyadic", "float", "float32", "third", "mixed")


def number(rng: random.Random, style: str) -> Fraction:
    """One exact weight."""
    if style == "mixed":
        style = rng.choice(STYLES[:-1])
    if style == "integer":
        return Fraction(rng.randint(-2, 2))
    if style == "dyadic":
        return Fraction(rng.randint(-8, 8), 8)
    if style == "third":
        return Fraction(rng.randint(-4, 4), 3)
    value = rng.gauss(0, 1)
    return Fraction(float(np.float32(value)) if style == "float32" else value)


def dense(
    rng: random.Random, n_out: int, n_in: int, style: str, *, bias: bool = True, odd: bool = True
) -> tuple[Any, ...]:
    """A dense step; ``odd`` adds dead, duplicate, opposite and scaled rows now and then."""
    W = [[number(rng, style) for _ in range(n_in)] for _ in range(n_out)]
    b = [number(rng, style) if bias else Fraction(0) for _ in range(n_out)]
    for i in range(1, n_out) if odd else ():
        j, kind = rng.randrange(i), rng.random()
        if kind < 0.04:
            W[i] = [Fraction(0)] * n_in
        elif kind < 0.16:
            factor = rng.choice((1, -1, 2, Fraction(1, 3), Fraction(-1, 2)))
            W[i], b[i] = [factor * w for w in W[j]], factor * b[j]
        elif kind < 0.2:
            W[i] = list(W[j])  # parallel
    return "dense", W, b


def activation(rng: random.Random, n: int, kinds: Sequence[str]) -> tuple[tuple[Any, ...], int]:
    """An activation step on n entries, and how many entries come out."""
    kind = rng.choice(kinds)
    if kind == "leaky":
        return (kind, rng.choice(SLOPES)), n
    if kind == "prelu":
        return (kind, [rng.choice(SLOPES) for _ in range(n)]), n
    if kind == "scalar":
        choices = (HAT, HARD_TANH, RELU6, ZIGZAG, ((0,), ((0, 0), (1, 0))))
        return (kind, [rng.choice(choices) for _ in range(n)]), n
    if kind in ("max", "min"):
        count = max(1, n // 2)
        return (kind, [rng.choices(range(n), k=rng.randint(1, 4)) for _ in range(count)]), count
    return (kind,), n


ALL_KINDS = ("relu", "relu", "abs", "leaky", "prelu", "scalar", "max", "min")


def random_spec(
    rng: random.Random, dim: int, widths: Sequence[int], style: str, *,
    kinds: Sequence[str] = ALL_KINDS, bias: bool = True, skip: bool = False, odd: bool = True,
) -> Spec:  # fmt: skip
    """A random chain; with ``skip`` its first layers are bridged by a skip connection."""
    steps: list[tuple[Any, ...]] = []
    n = dim
    for position, width in enumerate(widths):
        one = [dense(rng, width, n, style, bias=bias, odd=odd)]
        step, out = activation(rng, width, kinds)
        one.append(step)
        if skip and position < 2:
            steps.append(("skip", one))
            n += out
        else:
            steps += one
            n = out
    return Spec(dim, steps)


# --- Random domains: the package's and the twin's --------------------------------------------

DomainPair = tuple[es.Domain, tuple[Any, ...]]


def whole(dim: int) -> DomainPair:
    """All of R^dim."""
    return es.WholeSpace(dim), ("all", dim)


def box(rng: random.Random, dim: int, *, flat: bool = False, infinite: bool = False) -> DomainPair:
    """A box; some sides may coincide or be infinite."""
    lows, highs = [], []
    for _ in range(dim):
        a, b = sorted(rng.sample(range(-9, 10), 2))
        low, high = Fraction(a, 3), Fraction(b, 3)
        lows.append(None if infinite and rng.random() < 0.4 else low)
        highs.append(None if infinite and rng.random() < 0.4 else high)
    if flat:
        i = rng.randrange(dim)
        lows[i] = highs[i] = Fraction(rng.randint(-3, 3), 3)
    inf = float("inf")
    given = es.Box(
        [-inf if v is None else v for v in lows], [inf if v is None else v for v in highs]
    )
    return given, ("box", lows, highs)


def polytope(rng: random.Random, dim: int, *, flat: bool = False) -> DomainPair:
    """A nonempty polytope: it may be unbounded, and has an implicit equality if ``flat``."""
    inside = [Fraction(rng.randint(-3, 3), 2) for _ in range(dim)]
    G, h = [], []
    for _ in range(rng.randint(1, dim + 2)):
        row = [rng.randint(-2, 2) for _ in range(dim)]
        if any(row):
            G.append(row)
            h.append(_at(row, inside) + Fraction(rng.randint(1, 6), 2))
    if flat or not G:
        row = [rng.randint(-2, 2) for _ in range(dim - 1)] + [1]
        level = _at(row, inside)
        G += [row, [-v for v in row]]
        h += [level, -level if flat else 1 - level]
    return es.Polytope(_array(G), _array(h)), ("polytope", G, h)


def slice_of(rng: random.Random, dim: int) -> DomainPair:
    """A line or plane in R^dim, in all of its parameters or in a box of them."""
    k = rng.randint(1, dim - 1)
    directions = [[int(i == m) for m in range(k)] for i in range(k)]  # independent
    directions = [row + [rng.randint(-2, 2) for _ in range(dim - k)] for row in directions]
    origin = [Fraction(rng.randint(-2, 2), 2) for _ in range(dim)]
    given, inner = whole(k) if rng.random() < 0.5 else box(rng, k, infinite=True)
    return es.Slice(_array(origin), directions, given), ("slice", origin, directions, inner)


def lower_or_polytope(rng: random.Random, dim: int) -> DomainPair:
    """A domain of lower dimension, or a polytope."""
    if dim == 1:
        return polytope(rng, dim)
    return rng.choice(
        (
            lambda: box(rng, dim, flat=True, infinite=True),
            lambda: polytope(rng, dim),
            lambda: polytope(rng, dim, flat=True),
            lambda: slice_of(rng, dim),
        )
    )()


def any_domain(rng: random.Random, dim: int) -> DomainPair:
    """Any of the above."""
    return rng.choice(
        (
            lambda: whole(dim),
            lambda: box(rng, dim),
            lambda: box(rng, dim, infinite=True),
            lambda: lower_or_polytope(rng, dim),
        )
    )()


# --- Exact checks ----------------------------------------------------------------------------


def _at(row: Sequence[Any], x: Sequence[Any]) -> Fraction:
    return sum((Fraction(a) * b for a, b in zip(row, x, strict=True)), Fraction(0))


class WitnessCheck:
    """Checks in Fractions that witnesses lie strictly inside their region and the domain."""

    def __init__(self, layers: Sequence[naive.Layer], pair: DomainPair) -> None:
        self.layers = layers
        self.given, self.domain = pair
        self.inner = self.domain[3] if self.domain[0] == "slice" else self.domain
        ((_, self.centre),) = naive.regions([], self.inner)  # a relative interior point
        self.ready = [naive._Ready(layer) for layer in layers]
        _, x_rows = naive._root(self.domain)
        self.inputs = naive._State(*naive._integral(x_rows))

    def __call__(self, code: Sequence[int], t: Sequence[Fraction]) -> None:
        """Check the witness ``t`` (the domain's coordinates) of the region ``code``."""
        x = self.given.chart.lift(t)
        if self.domain[0] == "slice":
            _, origin, directions, _ = self.domain
            s = self.given.domain.chart.lift(t)  # the slice's parameters
            columns = zip(*directions, strict=True)
            assert x == [o + _at(d, s) for o, d in zip(origin, columns, strict=True)]
            assert self._inside(s)
        else:
            assert self._inside(x)
        assert naive.code_at(self.layers, x) == tuple(code)
        assert self._off_boundaries(x, code)

    def _inside(self, x: Sequence[Fraction]) -> bool:
        kind, *data = self.inner
        if kind == "all":
            return len(x) == data[0]
        if kind == "box":
            return all(
                v == low if low is not None and low == high
                else (low is None or low < v) and (high is None or v < high)
                for v, low, high in zip(x, *data, strict=True)
            )  # fmt: skip
        # a row that is tight at a relative interior point is an implicit equality
        return all(
            _at(row, x) == h if _at(row, self.centre) == h else _at(row, x) < h
            for row, h in zip(*data, strict=True)
        )

    def _off_boundaries(self, x: Sequence[Fraction], code: Sequence[int]) -> bool:
        """Whether pieces that tie at x coincide on the whole region (so no boundary is there)."""
        z, forms, at = list(x), self.inputs, 0
        for layer, ready in zip(self.layers, self.ready, strict=True):
            u, u_forms = naive._affine(layer, z), ready.affine(forms)
            own = tuple(code[at : at + len(layer.units)])
            at += len(own)
            for unit, piece in zip(layer.units, own, strict=True):
                if isinstance(unit, naive.Scalar):
                    for t in unit.breaks:
                        row = [Fraction(v) for v in u_forms.rows[unit.j]]
                        row[0] -= t * u_forms.den
                        if u[unit.j] == t and any(row):
                            return False
                else:
                    best = unit.members[piece]
                    for m in unit.members:
                        if u[m] == u[best] and u_forms.rows[m] != u_forms.rows[best]:
                            return False
            z = list(naive.evaluate([layer], z)[1])
            forms = ready.output(forms, u_forms, own)
        return True


def describe(spec: Spec, domain: tuple) -> str:
    """What to paste to see a failure again."""
    return f"\nspec = {spec}\ndomain = {domain}"


def known_operators(rng: random.Random) -> es.Network:
    """A random network of exactspline's own operators, with ties."""
    n = dim = rng.randint(1, 3)
    operators: list[es.Operator] = []
    for _ in range(rng.randint(1, 3)):
        width = rng.randint(1, 5)
        weight = [[Fraction(rng.randint(-3, 3), rng.choice([1, 1, 3])) for _ in range(n)]
                  for _ in range(width)]  # fmt: skip
        operators.append(es.Dense(weight, [rng.randint(-2, 2) for _ in range(width)]))
        kind = rng.randint(0, 3)
        n = width
        if kind == 0:
            operators.append(es.Abs())
        elif kind == 1:
            operators.append(es.LeakyReLU("1/3"))
        elif kind == 2 and width % 2 == 0:
            operators.append(es.Maxout(2))
            n = width // 2
        else:
            operators.append(es.ReLU())
    return es.Network(operators, (dim,))
