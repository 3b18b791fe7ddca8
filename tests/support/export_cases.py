"""Networks whose partitions and graphs are exported: ties, long names, many pieces."""

from __future__ import annotations

from fractions import Fraction

import exactspline as es

F = Fraction


HOSTILE = 'a"b\\<&>]]> é→\x07\n\ud800\ufffe\\'


def coincident():
    """Two layers; hyperplanes of units 2 and 3 coincide, those of deeper units with others."""
    dense = es.Dense([[1, 0], [0, 1], [1, 1], [2, 2]], [0, 0, -1, -2])
    return [dense, es.ReLU(), es.Dense([[1, -1, "1/3", 1], [2, 1, 1, 1]], [1, 0]), es.Abs()]


def maxima(n):
    """The maximum of n tangents of a parabola: one unit of n pieces, each a region."""
    return [es.Dense([[2 * i] for i in range(n)], [-i * i for i in range(n)]), es.ReduceMax()]


CASES = {
    "coincident": (coincident(), 2, es.Box([-2, -2], [2, 3])),
    "unbounded": (coincident(), 2, None),
    "hostile names": (
        [
            es.Dense([[1, 0], [1, 1]], name=HOSTILE),
            es.ReLU(name=HOSTILE),
            es.Abs(name="\u2028\x7f"),
        ],
        2,
        es.Box([-1, -1], [1, "inf"]),
    ),
    "slivers": (
        [es.Dense([[1], [1], [1]], [-1, -1 - F(1, 10**30), -1 - F(1, 10**400)]), es.ReLU()],
        1,
        es.Box([0], [2]),
    ),
    "thirds": (
        [es.Dense([["1/3", "1/7"], ["-2/3", "1/9"]], ["1/11", 0]), es.ReLU(), es.Dense([[3, 7]])],
        2,
        es.Polytope([["1/3", 1], [-1, 0], [0, -1]], ["1/7", 1, 1]),
    ),
    "line": (
        [es.Dense([[1], [1]], [0, -1]), es.Abs(), es.Dense([[1, -1]], [-1]), es.ReLU()], 1, None,
    ),
    "one region": ([es.Dense([[1]], [5]), es.ReLU()], 1, es.Box([0], [1])),
    "no units": ([es.Dense([["1/3", 2]], [1])], 2, es.Box([0, 0], [1, "1/3"])),
    "no units, unbounded": ([es.Dense([["1/3", 2]], [1])], 2, None),
    "a point": ([es.Dense([[1, 1]]), es.ReLU()], 2, es.Box([1, "1/3"], [1, "1/3"])),
    "a flat box": (coincident(), 2, es.Box(["1/3", -2], ["1/3", 2])),
    "a slice": (coincident(), 2, es.Slice(["1/3", 0], [[1, "1/7"]], es.Box([-3], [3]))),
    "many pieces": (maxima(40), 1, es.Box([-1], [100])),
}  # fmt: skip
