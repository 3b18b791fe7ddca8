"""Random networks for the tests of graphs: ties, near misses, sides on the units' hyperplanes."""

from __future__ import annotations

import itertools
import random
from fractions import Fraction

import naive
import random_networks as nets
from naive_graph import Twin

import exactspline as es

MOST = {"larger": 160}  # regions; networks with more are drawn again


def tight_domain(rng: random.Random, spec: nets.Spec) -> nets.DomainPair:
    """A domain whose sides lie on the first layer's hyperplanes, some of them twice."""
    _, W, b = spec.steps[0]
    G, h = [], []
    for i in rng.sample(range(len(W)), min(len(W), rng.randint(1, 3))):
        if any(W[i]):
            sign, factor = rng.choice((1, -1)), rng.choice((1, 2, Fraction(1, 3)))
            G.append([-sign * factor * v for v in W[i]])
            h.append(sign * factor * b[i])
    for i in range(spec.dim):
        for sign in (1, -1):
            if rng.random() < 0.6:
                G.append([sign * int(i == m) for m in range(spec.dim)])
                h.append(Fraction(rng.randint(0, 2)))
    if rng.random() < 0.5 and G:  # one side twice, and one that touches where two others meet
        i, j = rng.randrange(len(G)), rng.randrange(len(G))
        G += [[2 * v for v in G[i]], [v + w for v, w in zip(G[i], G[j], strict=True)]]
        h += [2 * h[i], h[i] + h[j]]
    if not G:
        return nets.whole(spec.dim)
    try:
        naive._root(("polytope", G, h))
    except ValueError:  # empty
        return nets.any_domain(rng, spec.dim)
    return es.Polytope(nets._array(G), nets._array(h)), ("polytope", G, h)


def disturb(rng: random.Random, spec: nets.Spec) -> None:
    """Make some ties near misses, and some rows tiny or huge."""
    for step in spec.steps:
        if step[0] == "dense":
            _, W, b = step
            for i in range(len(W)):
                if rng.random() < 0.3:
                    scale = Fraction(10) ** rng.choice((-30, -9, 12, 25))
                    W[i], b[i] = [scale * v for v in W[i]], scale * b[i]
                if rng.random() < 0.5:
                    near = rng.choice((1, -1)) / Fraction(10) ** rng.choice((8, 16, 30))
                    if rng.random() < 0.5:
                        b[i] += near
                    else:
                        W[i][rng.randrange(len(W[i]))] += near


def stacked(rng: random.Random, dim: int) -> nets.Spec:
    """Layers of sparse rows without biases: what dies or ties in one ties in the next ones.

    A later row reads one unit, or the difference of two; a hyperplane of the first layer is one
    of the layers behind it, too, on one of its sides or on both.
    """
    steps, n = [nets.dense(rng, rng.randint(2, 3), dim, "integer", bias=False)], 0
    for depth in range(rng.randint(2, 3)):
        if depth:
            W = [[Fraction(0)] * n for _ in range(rng.randint(2, 3))]
            for row in W:
                row[rng.randrange(n)] = rng.choice((Fraction(1), Fraction(2), Fraction(-1)))
                row[rng.randrange(n)] = rng.choice((Fraction(1), Fraction(-1)))
            b = [Fraction(rng.random() < 0.2) for _ in W]
            steps.append(("dense", W, b))
        n = len(steps[-1][1])
        step, n = nets.activation(rng, n, ("relu", "relu", "max", "min", "abs", "scalar"))
        steps.append(step)
    return nets.Spec(dim, steps)


def draw(rng: random.Random, recipe: str) -> tuple[nets.Spec, nets.DomainPair]:
    """One network and domain of a recipe."""
    dim = rng.choice((1, 2, 2, 2, 3, 3))
    widths = [rng.randint(1, 5) for _ in range(rng.randint(1, 3))]
    if recipe == "larger":
        dim, widths = rng.choice(((2, [7, 6, 4]), (3, [6, 4]), (2, [6, 5, 4, 3]), (4, [5, 3])))
        style = rng.choice(("float", "third", "integer", "dyadic"))
        spec = nets.random_spec(rng, dim, widths, style)
        return spec, nets.any_domain(rng, dim)
    if recipe == "stacked":
        return stacked(rng, dim), nets.any_domain(rng, dim)
    if recipe == "any":
        style = rng.choice(nets.STYLES)
        spec = nets.random_spec(rng, dim, widths, style, bias=rng.random() < 0.8)
        return spec, nets.any_domain(rng, dim)
    style = rng.choice(("integer", "integer", "integer", "third", "dyadic"))
    kinds = rng.choice(
        (nets.ALL_KINDS, nets.ALL_KINDS, ("relu",), ("abs",), ("max", "min"), ("scalar", "relu"))
    )
    widths = [rng.randint(2, 5) for _ in range(rng.randint(1, 3))]
    bias = rng.random() < (0.7 if recipe == "tight" else 0.3)
    spec = nets.random_spec(rng, dim, widths, style, kinds=kinds, bias=bias, skip=recipe == "skips")
    if recipe == "slivers":
        disturb(rng, spec)
    if recipe == "tight":
        return spec, tight_domain(rng, spec)
    return spec, nets.any_domain(rng, dim)


def sized(rng: random.Random, recipe: str) -> tuple[nets.Spec, nets.DomainPair, Twin]:
    """A network with few enough regions for the twin, and more than one as a rule."""
    while True:
        spec, pair = draw(rng, recipe)
        twin = Twin(nets.twin(spec), pair[1])
        cells = naive._cells(twin.layers, twin.root, twin.x_rows)
        most = MOST.get(recipe, 60)
        count = sum(1 for _ in itertools.islice(cells, most + 1))
        if (count > 1 or rng.random() < 0.1) and count <= most:
            return spec, pair, twin
