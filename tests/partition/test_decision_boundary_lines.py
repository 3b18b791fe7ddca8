"""The decision boundary along lines through the domain, in rationals."""

from __future__ import annotations

import random
from collections import Counter

import pytest
import random_networks as nets
from boundary_checks import BLOCKS, Line, draw, segment

import exactspline as es


def merged(intervals: list[tuple]) -> list[tuple]:
    """Adjoining intervals with the same classes as one."""
    out: list[tuple] = []
    for low, high, tied in sorted(intervals):
        if out and out[-1][1] == low and out[-1][2] == tied:
            out[-1] = out[-1][0], high, tied
        else:
            out.append((low, high, tied))
    return out


@pytest.mark.slow
@pytest.mark.parametrize("block", range(BLOCKS))
def test_lines(block):
    rng = random.Random(71_000 + block)
    seen = Counter()
    while seen["nets"] < 40:
        spec, pair = draw(rng)
        omega = es.enumerate_regions(nets.network(spec), pair[0], limit=150)
        if not omega.complete or omega.domain.chart.dim == 0:
            continue
        boundary = omega.decision_boundary()
        seen["nets"] += len(boundary) > 0
        for _ in range(4):
            line = Line(spec, omega, segment(rng, omega, boundary))
            if not any(line.direction):
                continue
            points, intervals = line.truth()
            ours, ours_full = line.found(boundary)
            message = f"{nets.describe(spec, pair[1])}\n{line.start} + s {line.direction}"
            assert sorted(ours) == sorted(points), message
            assert merged(ours_full) == merged(intervals), message
            for s, (tied, before, after) in points.items():
                assert ours[s][0] == tied, message
                assert sorted(ours[s][1:]) == sorted((before, after)), message
                seen["touched"] += before == after
                seen["wide"] += len(tied) > 2
            seen["points"] += len(points)
            seen["intervals"] += len(intervals)
    assert seen["points"] >= 20, seen
    assert seen["intervals"] >= 20, seen
