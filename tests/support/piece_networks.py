"""Random networks in which affine pieces meet again: for the tests of linear regions and pieces."""

from __future__ import annotations

import random

import random_networks as nets
from naive_pieces import value

import exactspline as es


def draw(rng: random.Random, recipe: str) -> tuple[nets.Spec, nets.DomainPair]:
    style = rng.choice(nets.STYLES)
    dim = rng.choice((1, 2, 2, 3))
    if recipe == "ties":
        widths = [rng.randint(2, 4) for _ in range(rng.randint(1, 2))]
        spec = nets.random_spec(rng, dim, widths, rng.choice(("integer", "third")), bias=False)
    elif recipe == "deep":
        kinds = rng.choice((("relu",), ("abs", "relu"), ("scalar",)))
        spec = nets.random_spec(rng, 2, [5, 4, 2], "integer", kinds=kinds)
    elif recipe == "flat output":
        widths = rng.choice(([4], [5], [3, 2], [3, 3]))
        kinds = ("relu", "abs", "scalar", "max")
        spec = nets.random_spec(rng, min(dim, 2), widths, "integer", kinds=kinds)
    else:
        widths = [rng.randint(1, 4) for _ in range(rng.randint(1, 2))]
        spec = nets.random_spec(rng, dim, widths, style, skip=rng.random() < 0.3)
    last = len(value(spec.steps, [0] * spec.dim))
    if recipe != "any" or rng.random() < 0.5:
        style = "integer" if recipe != "any" else style
        outputs = 1 if recipe == "flat output" else rng.choice((1, 1, 2))
        step = nets.dense(rng, outputs, last, style)
        if recipe == "flat output":  # few entries are read, with opposite weights
            step = ("dense", [[rng.choice((0, 0, 1, -1)) for _ in row] for row in step[1]], step[2])
        spec.steps.append(step)
    return spec, nets.any_domain(rng, spec.dim)


def blocks(plan: dict[str, int], block: int):
    rng = random.Random(70_000 + block)
    for recipe, many in plan.items():
        for _ in range(many):
            while True:
                spec, pair = draw(rng, recipe)
                omega = es.enumerate_regions(nets.network(spec), pair[0], graph=True, limit=150)
                if omega.complete:
                    break
            yield spec, pair, omega
