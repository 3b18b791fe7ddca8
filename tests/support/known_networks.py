"""Networks whose counts are known: hyperplane arrangements, deep ones that attain a formula."""

from __future__ import annotations

import itertools
from fractions import Fraction

import random_networks as nets

import exactspline as es


def arrangement(rows, offsets=None, *, operator=es.ReLU) -> es.Network:
    """One layer whose units' hyperplanes are rows x + offsets = 0."""
    offsets = [0] * len(rows) if offsets is None else offsets
    rows, offsets = nets._array(rows), nets._array(offsets)
    return es.Network([es.Dense(rows, offsets), operator()], (rows.shape[1],))


def unit_row(n: int, **entries: int) -> list[int]:
    row = [0] * n
    for name, value in entries.items():
        row[int(name[1:])] = value
    return row


def differences(n: int) -> list[list[int]]:
    pairs = itertools.combinations(range(n), 2)
    return [unit_row(n, **{f"x{i}": 1, f"x{j}": -1}) for i, j in pairs]


def moment_curve(m: int, n: int) -> tuple[list[list[int]], list[int]]:
    """Hyperplanes sum_i t^i x_i = t^n for t = 1 .. m: any n + 1 rows are independent."""
    rows = [[t**i for i in range(n)] for t in range(1, m + 1)]
    return rows, [-(t**n) for t in range(1, m + 1)]


def abs_folding(layers: int, n: int) -> es.Network:
    """h1 = |2x - 1|, then h = |1 - 2h|, in every coordinate."""
    eye = [[int(i == j) for j in range(n)] for i in range(n)]
    steps = []
    for layer in range(layers):
        sign = 2 if layer == 0 else -2
        steps += [es.Dense([[sign * v for v in row] for row in eye], [-sign // 2] * n), es.Abs()]
    return es.Network(steps, (n,))


def folded(first: tuple, between: tuple, last: tuple, layers: int) -> es.Network:
    """A 1-D chain of ReLU layers: how the first reads x, the next ones the one before."""
    steps = [es.Dense(*first), es.ReLU()]
    for _ in range(layers - 1):
        steps += [es.Dense(*between), es.ReLU()]
    return es.Network([*steps, es.Dense(*last)], (1,))


def folding(p: int, layers: int, m: int) -> es.Network:
    """Montufar et al. 2014: a fold layer maps each of p pieces of [0, 1] onto [0, 1].

    g(x) = relu(p x) + sum_{k=1}^{p-1} (-1)^k 2 relu(p x - k), and at the end relu(g - k/(m+1)).
    """
    signs = [1] + [2 * (-1) ** k for k in range(1, p)]
    first = [[p]] * p, [-k for k in range(p)]
    between = [[p * s for s in signs]] * p, [-k for k in range(p)]
    steps = [es.Dense(*first), es.ReLU()]
    for _ in range(layers - 1):
        steps += [es.Dense(*between), es.ReLU()]
    last = [Fraction(-k, m + 1) for k in range(1, m + 1)]
    steps += [es.Dense([signs] * m, nets._array(last)), es.ReLU()]
    return es.Network(steps, (1,))
