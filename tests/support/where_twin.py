"""Conditions on networks of the plane by brute force: every face of a cut square, in Fractions.

A network is cut by hand where compared values are equal; one point of every cell, edge and corner
of its partition (by the naive twin of the plane) then tells all that can happen.
"""

from __future__ import annotations

import itertools
import random
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
from plane_twin import plane_twin

import exactspline as es
from exactspline.cells.space import whole_space

RELATIONS = ("<=", "<", ">=", ">", "==", "==", "==", "!=")
Point = tuple[Fraction, Fraction]


def compared(a, relation: str, b):
    """A comparison of numbers, or of symbolic values."""
    return {
        "<=": lambda: a <= b, "<": lambda: a < b, ">=": lambda: a >= b, ">": lambda: a > b,
        "==": lambda: a == b, "!=": lambda: a != b,
    }[relation]()  # fmt: skip


@dataclass
class Case:
    """A network of the plane with a condition on its outputs, and the faces that tell about it.

    Attributes
    ----------
    net : Network
    box : Box
    faces : list of (point, list of int)
        One point a face, and the cells that hold it in their closure.
    codes : list of tuple
        Of every cell the network's code.
    areas : list of Fraction
    polygons : list of list of point
        The corners of every cell.
    """

    weights: list
    bent: bool  # whether a ReLU is last
    net: es.Network
    box: es.Box
    terms: list
    shape: object
    faces: list
    codes: list
    areas: list
    insides: list
    polygons: list
    premise: tuple | None = None  # what is asked of one input: its index, relation and number
    known: dict = field(default_factory=dict)

    def symbolic(self, x):
        """The condition at a symbolic point."""
        v = self.net(x)
        v = [v[0], v[1], 0 * v[0]]
        out = self._built(self.shape, [compared(v[i] - v[j], r, c) for i, j, r, c in self.terms])
        if self.premise is None:
            return out
        k, relation, number = self.premise
        return compared(x[k], relation, number) & out

    def numbers(self, p: Point) -> list[Fraction]:
        """The outputs, by loops of this module; the faces are asked again and again."""
        if p not in self.known:
            self.known[p] = [*outputs(self.weights, self.bent, p)[0], Fraction(0)]
        return self.known[p]

    def truth(self, p: Point) -> bool:
        """The condition at a point."""
        v = self.numbers(p)
        own = [compared(v[i] - v[j], r, c) for i, j, r, c in self.terms]
        if self.premise is not None and not compared(p[self.premise[0]], *self.premise[1:]):
            return False
        return bool(self._built(self.shape, own))

    def margin(self, p: Point) -> Fraction:
        """How far it holds, *and* as the smallest, *or* as the largest."""
        v = self.numbers(p)
        own = []
        for i, j, r, c in self.terms:
            d = v[i] - v[j] - c
            own.append(
                -d if r in ("<=", "<") else d if r in (">=", ">")
                else -abs(d) if r == "==" else abs(d)
            )  # fmt: skip
        return self._built(self.shape, own, numbers=True)

    def on_border(self, p: Point) -> bool:
        """Whether a point is on the square's border."""
        return any(v in (-2, 2) for v in p)

    def _built(self, node, leaves, *, numbers=False):
        if isinstance(node, int):
            return leaves[node]
        joint, *inner = node
        a, b = (self._built(part, leaves, numbers=numbers) for part in inner)
        if numbers:
            return min(a, b) if joint == "&" else max(a, b)
        return a & b if joint == "&" else a | b


def outputs(weights, bent, p):
    """The outputs and the code of a chain of dense layers and ReLUs."""
    code, z = [], list(p)
    for k, (weight, bias) in enumerate(weights):
        z = [sum((w * v for w, v in zip(r, z, strict=True)), Fraction(b))
             for r, b in zip(weight, bias, strict=True)]  # fmt: skip
        if bent or k < len(weights) - 1:
            code += [int(v > 0) for v in z]
            z = [max(v, Fraction(0)) for v in z]
    return z, tuple(code)


def case(
    rng: random.Random, *, comparisons: int = 2, relations=RELATIONS, premise: bool = False
) -> Case:
    """A random one; small integers, so that ties abound."""
    weights = []
    for n, m in itertools.pairwise([2, 3, rng.randint(2, 3), 2]):
        weights.append((
            [[rng.randint(-2, 2) for _ in range(n)] for _ in range(m)],
            [rng.randint(-2, 2) for _ in range(m)],
        ))  # fmt: skip
    operators: list = []
    for weight, bias in weights:
        operators += [es.Dense(weight, bias), es.ReLU()]
    asked = None
    if premise:
        number = Fraction(rng.randint(-4, 4), 2)
        asked = (rng.randint(0, 1), rng.choice(RELATIONS[:-1]), number)
    bent = rng.random() < 0.5
    net = es.Network(operators if bent else operators[:-1], (2,))
    n = rng.randint(1, comparisons)
    terms = []
    for _ in range(n):
        i, j = rng.choice([(0, 1), (1, 0), (0, 2), (1, 2)])
        near = [Fraction(rng.randint(-4, 4), 2) for _ in range(2)]
        v = [*outputs(weights, bent, near)[0], Fraction(0)]
        terms.append((i, j, rng.choice(relations), v[i] - v[j]))  # equal somewhere
    shape: object = 0
    for k in range(1, n):
        shape = (rng.choice("&|"), shape, k)
    rows = np.zeros((n, 2), dtype=int)
    for k, (i, j, _, _) in enumerate(terms):
        rows[k, i] += 1
        if j < 2:
            rows[k, j] -= 1
    box = es.Box(-2, 2, dim=2)
    # the margin bends where two of its forms, up to sign, are equal, too
    pairs = [(a, b, s) for a, b in itertools.combinations(range(n), 2) for s in (1, -1)]
    mixed = np.array([
        *np.eye(n, dtype=int),
        *(np.eye(n, dtype=int)[a] + s * np.eye(n, dtype=int)[b] for a, b, s in pairs),
    ])  # fmt: skip
    offsets = [-c for *_, c in terms]
    first = list(net.operators)
    if asked is not None:  # one more unit, which nothing reads
        k, _, number = asked
        (weight, bias), (behind, own) = weights[:2]
        first[0] = es.Dense([*weight, [int(j == k) for j in range(2)]], [*bias, -number])
        first[2] = es.Dense([[*row, 0] for row in behind], own)
    cut = es.Network(
        [*first, es.Dense(mixed @ rows, (mixed @ np.array(offsets)).tolist()), es.Abs()],
        (2,),
    )
    twin = plane_twin(cut.program, whole_space(cut.program, box.chart))
    polygons = [[(Fraction(x, w), Fraction(y, w)) for w, x, y in own] for own in twin.corners]
    insides = [tuple(sum(v) / len(own) for v in zip(*own, strict=True)) for own in polygons]
    points: dict[Point, None] = {}
    for own, inside in zip(polygons, insides, strict=True):
        points |= dict.fromkeys(own)
        points |= dict.fromkeys(
            ((a[0] + b[0]) / 2, (a[1] + b[1]) / 2)
            for a, b in zip(own, own[1:] + own[:1], strict=True)
        )
        points[inside] = None
    faces = [(p, [k for k, own in enumerate(polygons) if _holds(own, p)]) for p in points]
    codes = [outputs(weights, bent, p)[1] for p in insides]
    return Case(weights, bent, net, box, terms, shape, faces, codes, [_area(v) for v in polygons],
                insides, polygons, asked)  # fmt: skip


def _turn(a, b, p):
    return (b[0] - a[0]) * (p[1] - a[1]) - (b[1] - a[1]) * (p[0] - a[0])


def _holds(polygon, p) -> bool:
    """Whether a closed convex polygon holds a point, whichever way it goes around."""
    way = 0
    for a, b in zip(polygon, polygon[1:] + polygon[:1], strict=True):
        turn = _turn(a, b, p)
        if turn * way < 0:
            return False
        way = way or (turn > 0) - (turn < 0)
    return True


def _area(polygon) -> Fraction:
    pairs = zip(polygon, polygon[1:] + polygon[:1], strict=True)
    return abs(sum(a[0] * b[1] - a[1] * b[0] for a, b in pairs)) / 2
