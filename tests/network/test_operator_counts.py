"""Networks of the theory's operators: the package's regions against the naive twin's.

The twin (``naive``) knows affine maps and units only. What an affine operator is, it learns
from the plain loops of ``plain`` at 0 and at the unit points; members of maxima are listed
here by their definition. Weights are small integers, so that there are ties, dead units and
windows that coincide.
"""

from __future__ import annotations

import itertools
import math
import random
from collections import Counter
from dataclasses import dataclass
from fractions import Fraction

import naive
import numpy as np
import plain
import pytest
import random_networks as nets
from plain import Grid

import exactspline as es

BLOCKS, NETWORKS = 4, 80
MOST_REGIONS = 400


@dataclass
class Value:
    """A value of the twin: its shape, a form an entry, and how many unit operators lie before."""

    shape: tuple[int, ...]
    forms: list[nets.Form]
    depth: int


class Sketch:
    """A random network, written for the package and for the twin at the same time."""

    def __init__(self, rng: random.Random, dim: int) -> None:
        self.rng = rng
        self.twin = nets._Twin(dim)
        self.used: list[str] = []
        self.start = Value((dim,), [(Fraction(0), {i: Fraction(1)}) for i in range(dim)], 0)

    # Every step takes a value and gives the package's operators and the twin's value.

    def affine(self, x: Value, meaning) -> Value:
        """An affine operator by its values at 0 and at the unit points."""
        n = len(x.forms)

        def at(i):
            entries = iter([int(i == j) for j in range(n)])
            return meaning(Grid(x.shape, lambda *_: next(entries)))

        zero = at(-1)
        columns = [at(i).flat for i in range(n)]
        forms = []
        for k, const in enumerate(zero.flat):
            row = [column[k] - const for column in columns]
            forms.append(nets._combined(row, const, x.forms))
        return Value(zero.shape, forms, x.depth)

    def scalar(self, x: Value, kinds) -> Value:
        """Units of one entry each; ``kinds`` has breakpoints and pieces of every entry."""
        self.twin.depth = x.depth
        before = len(self.twin.units)
        forms = [self.twin.scalar(f, *kind) for f, kind in zip(x.forms, kinds, strict=True)]
        return Value(x.shape, forms, x.depth + (len(self.twin.units) > before))

    def maxima(self, x: Value, shape, members, kind="max") -> Value:
        """Maxima over entries, given by their flat positions."""
        self.twin.depth = x.depth
        before = len(self.twin.units)
        forms = [
            self.twin.add([x.forms[m] for m in group], kind) if len(group) > 1
            else x.forms[group[0]] for group in members
        ]  # fmt: skip
        return Value(shape, forms, x.depth + (len(self.twin.units) > before))

    def integers(self, *shape, low=-2, high=2):
        flat = [self.rng.randint(low, high) for _ in range(math.prod(shape))]
        return np.array(flat).reshape(shape)

    # --- affine operators

    def dense(self, x, n_out=None):
        n_out = n_out or self.rng.randint(2, 4)
        _, W, b = nets.dense(self.rng, n_out, len(x.forms), "integer")
        weight, bias = Grid.of(W), Grid.of(b)
        flat = [] if len(x.shape) == 1 else [es.Flatten()]
        y = self.affine(x, lambda g: plain.dense(plain.reshape(g, (-1,)), weight, bias, -1))
        return [*flat, es.Dense(W, b)], y

    def image(self, x):
        """A dense layer into an image."""
        shape = self.rng.choice([(1, 4), (2, 3), (1, 2, 2), (2, 2, 2), (1, 2, 3)])
        ops, y = self.dense(x, math.prod(shape))
        return [*ops, es.Reshape(shape)], Value(shape, y.forms, y.depth)

    def conv(self, x):
        n, rng = len(x.shape) - 1, self.rng
        kernel = [rng.randint(1, 2) for _ in range(n)]
        stride, dilation = [rng.randint(1, 2) for _ in range(n)], [rng.randint(1, 2)] * n
        circular = rng.random() < 0.3
        pads = [rng.randint(0, 1) for _ in range(2 * n)]
        for a in range(n):
            lacking = dilation[a] * (kernel[a] - 1) + 1 - x.shape[1 + a] - pads[a] - pads[n + a]
            pads[a] += max(0, lacking)
            circular = circular and max(pads[a], pads[n + a]) <= x.shape[1 + a]
        groups = rng.choice((1, x.shape[0]))
        W = self.integers(groups * rng.randint(1, 2), x.shape[0] // groups, *kernel)
        if rng.random() < 0.2:
            W[0] = 0  # a dead channel
        b = self.integers(len(W))
        op = es.Conv(
            W, b, stride=stride, padding=pads, dilation=dilation, groups=groups,
            padding_mode="circular" if circular else "zeros",
        )  # fmt: skip
        arguments = Grid.of(W), Grid.of(b), stride, pads, dilation, groups, circular
        return [op], self.affine(x, lambda g: plain.conv(g, *arguments))

    def average(self, x):
        n, include = len(x.shape) - 1, self.rng.random() < 0.5
        kernel = [self.rng.randint(1, size) for size in x.shape[1:]]
        options = [[1] * n, [0] * (2 * n), [1] * n, False]
        op = es.AveragePool(kernel, stride=1, count_include_pad=include)
        return [op], self.affine(x, lambda g: plain.average_pool(g, kernel, *options, include))

    def norm(self, x):
        n = x.shape[0]
        mean, gamma, beta = (self.integers(n) for _ in range(3))
        variance = self.integers(n, low=0, high=3)
        grids = [Grid.of(v) for v in (mean, variance, gamma, beta)]
        op = es.BatchNorm(mean, variance, gamma, beta, epsilon=1)
        return [op], self.affine(x, lambda g: plain.batch_norm(g, *grids, Fraction(1), 0))

    # --- units

    def activation(self, x):
        kind = self.rng.choice(("relu", "relu", "abs", "leaky", "prelu", "spline", "clip"))
        n = len(x.forms)
        if kind == "prelu":
            slopes = [self.rng.choice(nets.SLOPES) for _ in range(n)]
            op = es.PReLU(np.array(slopes, dtype=object).reshape(x.shape))
            return [op], self.scalar(x, [([0], [(s, 0), (1, 0)]) for s in slopes])
        slope = self.rng.choice(nets.SLOPES)
        breaks, pieces = {
            "relu": ([0], [(0, 0), (1, 0)]), "abs": ([0], [(-1, 0), (1, 0)]),
            "leaky": ([0], [(slope, 0), (1, 0)]), "clip": nets.HARD_TANH, "spline": nets.HAT,
        }[kind]  # fmt: skip
        slopes, offsets = zip(*pieces, strict=True)
        op = {
            "relu": es.ReLU(), "abs": es.Abs(), "leaky": es.LeakyReLU(slope),
            "clip": es.Clip(-1, 1), "spline": es.ScalarSpline(breaks, slopes, offsets),
        }[kind]  # fmt: skip
        return [op], self.scalar(x, [(breaks, pieces)] * n)

    def pool(self, x):
        """Max-pooling: windows in row-major order, padding left out."""
        size, n, rng = x.shape[1:], len(x.shape) - 1, self.rng
        kernel = [rng.randint(1, 2) for _ in range(n)]
        stride = [rng.randint(1, 2) for _ in range(n)]
        pads = [rng.randint(0, k - 1) for k in kernel] + [0] * n
        ceil = rng.random() < 0.5
        axes = [
            plain.windows_on(size[a], kernel[a], stride[a], pads[a], 0, 1, ceil) for a in range(n)
        ]
        if not all(axes):
            return None
        strides = [math.prod(size[a + 1 :]) for a in range(n)]
        groups = []
        for c in range(x.shape[0]):
            for window in itertools.product(*axes):
                inside = [
                    c * math.prod(size) + sum(p * s for p, s in zip(place, strides, strict=True))
                    for place in itertools.product(*window)
                    if all(0 <= p < m for p, m in zip(place, size, strict=True))
                ]
                groups.append(inside)
        op = es.MaxPool(kernel, stride=stride, padding=pads, ceil_mode=ceil)
        return [op], self.maxima(x, (x.shape[0], *map(len, axes)), groups)

    def maxout(self, x):
        n = len(x.forms)
        ranks = [r for r in (2, 3, 4) if n % r == 0]
        if not ranks:
            return None
        r = self.rng.choice(ranks)
        groups = [list(range(k * r, k * r + r)) for k in range(n // r)]
        return [es.Flatten(), es.Maxout(r)], self.maxima(x, (n // r,), groups)

    def reduced(self, x):
        kind = self.rng.choice(("max", "min"))
        op = {"max": es.ReduceMax, "min": es.ReduceMin}[kind]([0], keepdims=True)
        rest = math.prod(x.shape[1:])
        groups = [[k + rest * c for c in range(x.shape[0])] for k in range(rest)]
        return [op], self.maxima(x, (1, *x.shape[1:]), groups, kind)

    def maso(self, x):
        k, r = self.rng.randint(1, 3), self.rng.randint(1, 3)
        A, B = self.integers(k, r, len(x.forms)), self.integers(k, r)
        rows = [
            nets._combined(A[i, j].tolist(), int(B[i, j]), x.forms)
            for i in range(k) for j in range(r)
        ]  # fmt: skip
        groups = [list(range(i * r, i * r + r)) for i in range(k)]
        return [es.MASO(A, B)], self.maxima(Value((k * r,), rows, x.depth), (k,), groups)

    # --- structure

    def branches(self, x):
        """Two branches of the same shape, joined; one may be empty (a residual block)."""
        join = self.rng.choice(("add", "concat", "max", "min"))
        n = len(x.forms)
        ends, branches = [], []
        for empty in (False, self.rng.random() < 0.6):
            ops, y = ([] if len(x.shape) == 1 else [es.Flatten()]), x
            if not empty:
                ops, y = self.dense(x, n)
                if self.rng.random() < 0.7:
                    more, y = self.activation(y)
                    ops = [*ops, *more]
            branches.append(ops)
            ends.append(y)
        both = Value((2 * n,), ends[0].forms + ends[1].forms, max(y.depth for y in ends))
        if join == "concat":
            return [es.Branches(branches, es.Concat())], both
        if join == "add":
            c = self.integers(2, low=-1)
            a, b = c.tolist()
            rows = [
                [a * (i == j) for j in range(n)] + [b * (i == j) for j in range(n)]
                for i in range(n)
            ]
            forms = [nets._combined(row, 0, both.forms) for row in rows]
            return [es.Branches(branches, es.Add(c))], Value((n,), forms, both.depth)
        op = es.Maximum() if join == "max" else es.Minimum()
        y = self.maxima(both, (n,), [[i, n + i] for i in range(n)], join)
        return [es.Branches(branches, op)], y

    def draw(self):
        """The package's operators; the twin is then complete."""
        x, out = self.start, []
        units = ("activation", "activation", "maxout", "maso", "reduced", "branches")
        for _ in range(self.rng.randint(1, 3)):
            image = self.rng.random() < 0.6
            steps = ["image" if image else "dense"]
            if image:
                steps += [*self.rng.sample(("conv", "norm", "average"), self.rng.randint(0, 2))]
                steps += [self.rng.choice(("pool", "pool", *units))]
                steps += ["pool"] * (self.rng.random() < 0.3)
            else:
                steps += [self.rng.choice(units)]
            for step in steps:
                if len(x.shape) == 1 and step in ("conv", "average", "pool"):
                    continue
                made = getattr(self, step)(x)
                if made is not None:
                    ops, x = made
                    out += ops
                    self.used.append(step)
        return out, x


def drawn(seed):
    """A network with at least one unit and not too many, and its twin's layers."""
    rng = random.Random(seed)
    while True:
        sketch = Sketch(rng, rng.choice((1, 2, 2, 3)))
        operators, end = sketch.draw()
        if not 1 <= len(sketch.twin.units) <= 24:
            continue
        network = es.Network(operators, (sketch.start.shape[0],))
        if es.count_regions(network, limit=MOST_REGIONS) < MOST_REGIONS:
            return rng, network, sketch, end


@pytest.mark.slow
@pytest.mark.parametrize("block", range(BLOCKS))
def test_same_regions_as_the_twin(block):
    seen: Counter[str] = Counter()
    for number in range(NETWORKS):
        rng, network, sketch, end = drawn(1000 * block + number)
        layers = sketch.twin.layers()
        given, domain = nets.any_domain(rng, sketch.twin.dim)
        expected = naive.codes(layers, domain)
        omega = es.enumerate_regions(network, given)
        context = f"{network.nodes} on {domain}"
        assert [tuple(code) for code in omega.codes.tolist()] == expected, context
        assert omega.complete
        assert es.count_regions(network, given) == len(expected)
        check = nets.WitnessCheck(layers, (given, domain))
        for i in range(0, len(omega), max(1, len(omega) // 4)):
            check(expected[i], omega.witness(i))
        same_value(network, sketch, end, rng)
        seen.update(set(sketch.used))
        seen["ties"] += omega.decisions.integer + omega.decisions.rational > 0
        seen["deep"] += len(layers) > 1
        seen["many"] += len(omega) >= 20
    steps = {"dense", "image", "conv", "norm", "average", "activation", "pool", "maxout", "maso",
             "reduced", "branches", "ties", "deep", "many"}  # fmt: skip
    assert {step for step in steps if seen[step] >= 3} == steps, seen


def same_value(network, sketch, end, rng):
    """The output at a point, from the twin's forms."""
    x = [Fraction(rng.randint(-6, 6), rng.choice((1, 2, 3))) for _ in range(sketch.twin.dim)]
    layers, atoms, state = sketch.twin.layers(), list(x), list(x)
    made: dict[int, Fraction] = {}
    for level, layer in enumerate(layers, 1):
        own = [i for i, unit in enumerate(sketch.twin.units) if unit[0] == level]
        state = list(naive.evaluate([layer], state)[1])
        made.update(zip(own, state, strict=False))
    atoms += [made[i] for i in range(len(sketch.twin.units))]
    expected = [c + sum(v * atoms[a] for a, v in terms.items()) for c, terms in end.forms]
    assert network.forward(x, exact=True).reshape(-1).tolist() == expected
