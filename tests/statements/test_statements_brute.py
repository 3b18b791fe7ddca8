"""Random statements against brute force: all signs that occur on a line, or in a square.

On a line the networks are followed piece by piece (`line_twin`); in a square their cells with the
lines where compared values are equal are those of the naive twin of the plane. Conditions are
decided by equality alone about half of the time.
"""

from __future__ import annotations

import itertools
import random
from fractions import Fraction

import numpy as np
import pytest
from line_twin import Line, combine, critical, through
from marks import first_quick
from plane_twin import plane_twin

import exactspline as es
from exactspline.cells.space import whole_space

RELATIONS = ("<=", "<", ">=", ">", "==", "!=")


def drawn(rng: random.Random, widths: list[int]) -> list:
    out = []
    for n, m in itertools.pairwise(widths):
        weight = [[rng.randint(-2, 2) for _ in range(n)] for _ in range(m)]
        out.append((weight, [rng.randint(-2, 2) for _ in range(m)]))
    return out


def network(weights: list, kind: str) -> es.Network:
    bend = {"relu": es.ReLU, "abs": es.Abs}[kind]
    operators: list = []
    for weight, bias in weights:
        operators += [es.Dense(weight, bias), bend()]
    return es.Network(operators[:-1], (len(weights[0][0][0]),))


def compared(a, relation: str, b):
    return {
        "<=": lambda: a <= b, "<": lambda: a < b, ">=": lambda: a >= b, ">": lambda: a > b,
        "==": lambda: a == b, "!=": lambda: a != b,
    }[relation]()  # fmt: skip


def tree(rng: random.Random, leaves: int, depth: int = 2):
    """A random condition of numbered comparisons."""
    if depth == 0 or rng.random() < 0.25:
        return rng.randrange(leaves)
    return (rng.choice("&|~>"), tree(rng, leaves, depth - 1), tree(rng, leaves, depth - 1))


def built(node, leaves, *, symbolic: bool):
    if isinstance(node, int):
        return leaves[node]
    joint, left, right = node
    a, b = (built(part, leaves, symbolic=symbolic) for part in (left, right))
    if joint == "~":
        return ~a if symbolic else not a
    if joint == ">":
        return es.implies(a, b) if symbolic else (not a) or b
    if joint == "&":
        return a & b if symbolic else a and b
    return a | b if symbolic else a or b


@pytest.mark.parametrize("block", first_quick(range(8)))
def test_on_a_line(block):
    rng = random.Random(9_000 + block)
    seen = {True: 0, False: 0}
    for _ in range(75):
        kind = rng.choice(["relu", "abs"])
        bend = (lambda v: max(v, 0)) if kind == "relu" else abs
        nets = [drawn(rng, [1, rng.randint(1, 3), 2]) for _ in range(2)]
        low, high = Fraction(-2), Fraction(rng.randint(-1, 3))
        f, g = (network(weights, kind) for weights in nets)
        lines: list[Line] = [v for w in nets for v in through(w, low, high, bend)]
        n = rng.randint(1, 3)
        terms = []
        for _ in range(n):
            i, j = rng.sample(range(4), 2)
            terms.append(
                (i, j, rng.choice(RELATIONS), Fraction(rng.randint(-2, 2), rng.randint(1, 2)))
            )
        shape = tree(rng, n)
        differences = [combine([(1, lines[i]), (-1, lines[j])], -c) for i, j, _, c in terms]
        points = critical(differences)

        def truth(x, terms=terms, differences=differences, shape=shape):
            own = [
                compared(d.at(x), t[2], Fraction(0))
                for d, t in zip(differences, terms, strict=True)
            ]
            return built(shape, own, symbolic=False)

        def condition(x, f=f, g=g, terms=terms, shape=shape):
            values = [*f(x), *g(x)]
            own = [compared(values[i] - values[j], r, c) for i, j, r, c in terms]
            return built(shape, own, symbolic=True)

        box = es.Box([low], [high])
        true = [x for x in points if truth(x)]
        for universal in (True, False):
            made = (es.forall if universal else es.exists)(box, condition)
            verdict = es.prove(made)
            expected = len(true) == len(points) if universal else bool(true)
            assert verdict.holds is expected, (nets, terms, shape, kind)
            seen[expected] += 1
            if universal and not expected:
                (x,) = verdict.counterexample
                assert low <= x <= high
                assert not truth(x)
            elif not universal and expected:
                (x,) = verdict.witness
                assert low <= x <= high
                assert truth(x)
    assert min(seen.values()) > 5, seen


def on_all_faces(net: es.Network, box: es.Domain) -> list[list[Fraction]]:
    """Points in all cells, edges and corners of a network's partition, by the naive twin."""
    program = net.program
    twin = plane_twin(program, whole_space(program, box.chart))
    out = []
    for own in twin.corners:
        corners = [(x / w, y / w) for w, x, y in own]
        out += corners
        out += [
            ((a[0] + b[0]) / 2, (a[1] + b[1]) / 2)
            for a, b in zip(corners, corners[1:] + corners[:1], strict=True)
        ]
        out.append(tuple(sum(v) / len(corners) for v in zip(*corners, strict=True)))
    return [list(p) for p in dict.fromkeys(out)]


@pytest.mark.parametrize("block", first_quick(range(8)))
def test_in_a_square(block):
    rng = random.Random(9_500 + block)
    seen = {True: 0, False: 0}
    box = es.Box(-2, 2, dim=2)
    for _ in range(50):
        weights = drawn(rng, [2, 3, 3])
        f = network(weights, "relu")
        n = rng.randint(1, 2)
        terms = [
            (*rng.sample(range(3), 2), rng.choice(RELATIONS), Fraction(rng.randint(-2, 2)))
            for _ in range(n)
        ]
        shape = tree(rng, n)
        # a network that bends where compared values are equal, written by hand
        rows = np.zeros((n, 3), dtype=int)
        for k, (i, j, _, _) in enumerate(terms):
            rows[k, i] += 1
            rows[k, j] -= 1
        cut = es.Network([*f.operators, es.Dense(rows, [-c for *_, c in terms]), es.Abs()], (2,))
        points = on_all_faces(cut, box)
        values = f.forward(np.array(points, dtype=object))

        def truth(v, terms=terms, shape=shape):
            return built(
                shape, [compared(v[i] - v[j], r, c) for i, j, r, c in terms], symbolic=False
            )

        def condition(x, f=f, terms=terms, shape=shape):
            v = f(x)
            return built(
                shape, [compared(v[i] - v[j], r, c) for i, j, r, c in terms], symbolic=True
            )

        true = [bool(truth(v)) for v in values]
        for universal in (True, False):
            verdict = es.prove((es.forall if universal else es.exists)(box, condition))
            expected = all(true) if universal else any(true)
            assert verdict.holds is expected, (weights, terms, shape)
            seen[expected] += 1
            point = verdict.counterexample if universal else verdict.witness
            if point is not None:
                v = f.forward(np.array(point, dtype=object))
                assert bool(truth(v)) is not universal
    assert min(seen.values()) > 2, seen
