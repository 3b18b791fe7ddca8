"""Degenerate networks on domains of one and two dimensions, with their naive twin.

Networks are those of ``hostile_networks``. Domains are what a plane has besides: polygons of many
sides, some of them idle, wedges, half-strips, strips, slivers of width 1e-12 to 1e-200.
"""

from __future__ import annotations

import random
from fractions import Fraction

import hostile_networks as hostile
import naive
import random_networks as nets
from hostile_networks import Case

from exactspline.cells.space import SearchSpace, search_space

MOST_REGIONS = 90  # the twin is written in Python
KINDS = (*hostile.KINDS, "ties", "duplicates", "80 orders")
DOMAINS = (
    "plane", "plane", "half-plane", "strip", "half-strip", "wedge", "polygon", "polygon",
    "many sides", "sliver", "sliver", "hostile", "hostile", "hostile", "slice", "line",
)  # fmt: skip
Rows = tuple[hostile.Matrix, list[Fraction]]  # G x <= h


def _direction(rng: random.Random) -> list[Fraction]:
    """A short direction, often an axis, or a long one."""
    chance = rng.random()
    if chance < 0.3:
        return [[Fraction(1), Fraction(0)], [Fraction(0), Fraction(1)]][rng.randrange(2)]
    if chance < 0.8:
        return [Fraction(rng.choice((-2, -1, 1, 3))), Fraction(rng.choice((-1, 1, 2)))]
    return [Fraction(rng.gauss(0, 1)), Fraction(rng.gauss(0, 1))]


def _round(rng: random.Random, n: int) -> Rows:
    """Sides around a point: some are idle, or touch at a corner only, or are there twice."""
    G: hostile.Matrix = []
    h: list[Fraction] = []
    x, y = (Fraction(rng.randint(-2, 2), 2) for _ in range(2))
    size = rng.choice((Fraction(1), Fraction(1), Fraction(2), Fraction(3), hostile._size(rng)))
    for i in range(n):
        t = Fraction(rng.choice((-1, 1))) / max(1, i) if rng.random() < 0.5 else None
        t = Fraction(rng.randint(-40, 40), 20) if t is None else t
        row = [1 - t * t, 2 * t]  # of length 1 + t^2
        if rng.random() < 0.5:
            row = [-v for v in row]
        reach = size * (1 + t * t)
        if rng.random() < 0.2:
            reach *= rng.choice((1, 2, 2, Fraction(3, 2)))
        factor = rng.choice((1, 1, 1, Fraction(1, 3), Fraction(10) ** 30))
        G.append([factor * v for v in row])
        h.append(factor * (row[0] * x + row[1] * y + reach))
        if rng.random() < 0.1:
            G.append([2 * v for v in G[-1]])
            h.append(2 * h[-1])
    return G, h


def _sliver(rng: random.Random) -> Rows:
    """A strip of a tiny width, with ends or without."""
    a = _direction(rng)
    width = Fraction(10) ** -rng.choice((12, 15, 17, 20, 40, 100, 160, 200))
    at = rng.choice((Fraction(0), Fraction(1), Fraction(1, 3), Fraction(rng.gauss(0, 1))))
    G, h = [a, [-v for v in a]], [at + width, -at]
    across = [-a[1], a[0]]
    for sign in (1, -1):
        if rng.random() < 0.6:
            G.append([sign * v for v in across])
            h.append(Fraction(rng.randint(1, 3)))
    return G, h


def draw_rows(rng: random.Random, kind: str) -> Rows:
    """The sides of a domain that is not empty."""
    if kind == "many sides":
        return _round(rng, rng.randint(20, 80))
    if kind == "polygon":
        return _round(rng, rng.randint(3, 12))
    if kind == "sliver":
        return _sliver(rng)
    a, at = _direction(rng), Fraction(rng.randint(-2, 2), rng.choice((1, 3)))
    G, h = [a], [at]
    if kind in ("strip", "half-strip"):
        G.append([-v for v in a])
        h.append(-at + rng.choice((Fraction(1), Fraction(1, 3), Fraction(5))))
    if kind in ("wedge", "half-strip"):
        b = [-a[1] + rng.randint(-2, 2) * a[0], a[0] + rng.randint(0, 2) * a[1]]
        if a[0] * b[1] != a[1] * b[0]:
            G.append(b)
            h.append(Fraction(rng.randint(-1, 1)))
    if rng.random() < 0.4:  # again, and one farther off
        G += [[3 * v for v in G[-1]], G[0]]
        h += [3 * h[-1], h[0] + 1]
    return G, h


def draw_case(seed: int, most: int = MOST_REGIONS) -> tuple[Case, SearchSpace]:
    """The case of a seed, and its search space of one or two dimensions."""
    rng = random.Random(f"plane {seed}")
    kind, where = rng.choice(KINDS), rng.choice(DOMAINS)
    least = rng.choice((1, 2, 3, 4, 6))
    while True:
        dim = {"line": 1, "slice": 3}.get(where, 2)
        chain = hostile.draw_chain(rng, dim, kind)
        if where == "plane":
            given = nets.whole(2), "es.WholeSpace(2)"
        elif where in ("hostile", "line"):
            given = hostile.draw_domain(rng, dim)
        elif where == "slice":
            given = hostile.draw_domain(rng, 3)
        else:
            given = hostile._polytope(*draw_rows(rng, where))
        try:
            case = Case(f"{kind}, {where}", chain, dim, *given)
            units = sum(len(layer.units) for layer in case.layers)
            if units > 14 or not least <= case.size(most) <= most:
                continue
        except ValueError:  # the domain is empty
            continue
        program, chart = case.network.program, case.domain.chart
        if program.layers and chart.dim:
            space = search_space(program, chart)
            if space.dim in (1, 2):
                return case, space


def is_plain(case: Case, space: SearchSpace) -> bool:
    """Whether the coordinates that are searched are the network's two inputs."""
    kind = case.pair[1][0]
    return space.dim == 2 and space.chart.dim == case.dim == 2 and kind != "slice"


def cones(case: Case) -> list[tuple[naive.Code, naive.Cone]]:
    """The twin's cells: the generators (w, x, y) of all regions, in order of the codes."""
    return case.cells
