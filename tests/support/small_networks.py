"""Small integer networks and domains as strategies of hypothesis: failures shrink."""

from __future__ import annotations

from fractions import Fraction

import random_networks as nets
from hypothesis import strategies as st

import exactspline as es

SMALL = st.integers(-2, 2).map(Fraction)


@st.composite
def small_networks(draw):
    """Up to three layers of up to three entries, integer weights, all kinds of units."""
    dim = draw(st.integers(1, 3))
    steps, n = [], dim
    for _ in range(draw(st.integers(1, 3))):
        width = draw(st.integers(1, 3))
        row = st.lists(SMALL, min_size=n, max_size=n)
        W = draw(st.lists(row, min_size=width, max_size=width))
        b = draw(st.lists(SMALL, min_size=width, max_size=width))
        steps.append(("dense", W, b))
        kind = draw(st.sampled_from(("relu", "abs", "leaky", "scalar", "max", "min")))
        if kind == "leaky":
            steps.append((kind, draw(st.sampled_from(nets.SLOPES))))
        elif kind == "scalar":
            steps.append((kind, [nets.HAT] * width))
        elif kind in ("max", "min"):
            member = st.lists(st.integers(0, width - 1), min_size=1, max_size=3)
            steps.append((kind, draw(st.lists(member, min_size=1, max_size=width))))
            width = len(steps[-1][1])
        else:
            steps.append((kind,))
        n = width
    return nets.Spec(dim, steps)


@st.composite
def small_domains(draw, dim):
    """The whole space, a box with coinciding or infinite sides, or a polytope through 0."""
    kind = draw(st.sampled_from(("all", "box", "polytope")))
    if kind == "all":
        return nets.whole(dim)
    bound = st.integers(0, 2)
    if kind == "box":
        lows = [draw(st.none() | bound.map(lambda v: -v)) for _ in range(dim)]
        highs = [draw(st.none() | bound) for _ in range(dim)]
        inf = float("inf")
        box = es.Box(
            [-inf if v is None else v for v in lows], [inf if v is None else v for v in highs]
        )
        return box, ("box", lows, highs)
    row = st.lists(st.integers(-2, 2), min_size=dim, max_size=dim)
    G = draw(st.lists(row, min_size=1, max_size=4))
    h = [draw(st.integers(0, 2)) for _ in G]
    return es.Polytope(G, h), ("polytope", G, h)
