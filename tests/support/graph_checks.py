"""What a partition's graph must be: against its twin, and as it is known of paths and grids."""

from __future__ import annotations

import itertools
from collections import deque
from fractions import Fraction

import numpy as np
from naive_graph import GraphCheck, Twin

import exactspline as es


def sides_of(omega: es.Partition) -> list[list[Fraction]]:
    """The domain's sides, constant first: bounds (lower, upper) by coordinate, then the rows."""
    chart = omega.domain.chart
    out = []
    for j, (low, high) in enumerate(zip(chart.low, chart.high, strict=True)):
        for bound, sign in ((low, 1), (high, -1)):
            if bound is not None:
                slopes = [Fraction(sign * (i == j)) for i in range(chart.dim)]
                out.append([-sign * bound, *slopes])
    for r in range(len(chart.rows)):
        indices, data, const = chart.rows.row(r)
        row = [Fraction(const), *[Fraction(0)] * chart.dim]
        for j, c in zip(indices.tolist(), data.tolist(), strict=True):
            row[j + 1] += Fraction(c)
        out.append(row)
    return out


def compare(omega: es.Partition, twin: Twin, message: str) -> None:
    """Check a partition's graph; ``message`` says how to see a failure again."""
    try:
        GraphCheck(omega, twin, sides_of(omega))()
    except AssertionError as error:
        raise AssertionError(f"{error}{message}\nengine = {omega.engine}") from error


def pairs_of(omega: es.Partition) -> list[tuple[int, int]]:
    edges = omega.edges
    return list(zip(edges.source.tolist(), edges.target.tolist(), strict=True))


def check_flips(omega: es.Partition) -> None:
    """All flips at once: applied to the source's code they give the target's, and no more."""
    edges, codes = omega.edges, omega.codes
    assert len(edges.flip_counts) == len(edges.unit) == len(edges.piece) == len(edges)
    if len(edges) == 0:
        return
    differ = codes[edges.source] != codes[edges.target]
    assert np.array_equal(edges.flip_counts, differ.sum(axis=1))
    assert np.array_equal(edges.unit, differ.argmax(axis=1))
    assert np.array_equal(edges.piece, codes[edges.target, edges.unit])
    several = np.flatnonzero(differ.sum(axis=1) > 1)
    for e in several[:: max(1, len(several) // 500)].tolist():
        units = np.flatnonzero(differ[e])
        true = tuple((int(u), int(codes[edges.target[e], u])) for u in units)
        assert tuple(edges.flips(e)) == true


def neighbours(omega: es.Partition) -> list[list[int]]:
    out: list[list[int]] = [[] for _ in range(len(omega))]
    for i, j in pairs_of(omega):
        out[i].append(j)
        out[j].append(i)
    return out


def degrees(omega: es.Partition) -> np.ndarray:
    ends = np.concatenate([omega.edges.source, omega.edges.target])
    return np.bincount(ends, minlength=len(omega))


def distances(graph: list[list[int]], start: int) -> list[int]:
    """Breadth first; -1 for what is not reached."""
    out = [-1] * len(graph)
    out[start] = 0
    queue = deque([start])
    while queue:
        i = queue.popleft()
        for j in graph[i]:
            if out[j] < 0:
                out[j] = out[i] + 1
                queue.append(j)
    return out


def check_path(omega: es.Partition, borders: int) -> list[Fraction]:
    """On a line regions follow each other, and these are the edges; returns the boundaries."""
    order = sorted(range(len(omega)), key=lambda i: omega.witness(i)[0])
    place = {i: at for at, i in enumerate(order)}
    true = sorted(tuple(sorted(pair)) for pair in itertools.pairwise(order))
    assert pairs_of(omega) == true
    assert len(omega.edges) == len(omega) - 1
    check_flips(omega)
    walls = []
    for e, (i, j) in enumerate(pairs_of(omega)):
        (point,), (normal,) = omega.edges.witness(e), omega.edges.normal(e)
        left, right = sorted((i, j), key=lambda i: place[i])
        assert omega.witness(left)[0] < point < omega.witness(right)[0]
        assert normal != 0
        assert (normal > 0) == (j == right)
        walls.append(point)
    assert len(set(walls)) == len(walls)
    ends = {order[0], order[-1]}
    assert len(omega.borders) == borders
    assert set(omega.borders.region.tolist()) <= ends
    return sorted(walls)
