"""A search cut into parts anywhere gives the same regions: nothing twice, nothing lost."""

from __future__ import annotations

import random

import numpy as np
import pytest
import random_networks as nets
from marks import slow

import exactspline as es
from exactspline.search.choice import engine_names
from exactspline.search.highs import engine as highs_engine
from exactspline.search.kernel import engine as kernel_engine
from exactspline.search.part import INSIDE, ON_THE_WAY, OUTSIDE, WHOLE, Part, successor
from exactspline.search.plane import engine as plane_engine
from exactspline.search.run import Run


@pytest.fixture
def small_steps(monkeypatch):
    """Make every engine stop after a few decisions."""
    monkeypatch.setattr(highs_engine, "HEARTBEAT", 0.0)

    def steps(n: int) -> None:
        monkeypatch.setattr(kernel_engine, "BUDGET", n)
        monkeypatch.setattr(plane_engine, "BUDGET", n // 4)

    return steps


def in_parts(
    net: es.Network, domain: es.Domain, rng: random.Random, **options: object
) -> tuple[list[bytes], float]:
    """Search parts in random order, each for a moment; the codes by part, and their order."""
    found: list[tuple[tuple[int, ...], list[bytes]]] = []
    todo = [WHOLE]
    done = 0.0
    while todo:
        assert len(found) < 2000
        part = todo.pop(rng.randrange(len(todo)))
        run = Run(net.program, domain, part=part, **options)  # type: ignore[arg-type]
        codes = []
        for _ in range(rng.randint(1, 3)):  # called again, it goes on
            for batch in run.batches(deadline=0.0):
                codes += [bytes(code) for code in batch.codes]
        for code in codes:
            assert part.place(list(code)) == INSIDE
        left = run.remaining(rng.choice([1, 1, 2, 5, 50]))
        rest = sum(p.weight for p in left)
        assert run.share + rest <= part.weight + 1e-9
        done += part.weight - rest
        assert all(codes[-1:] < [bytes(p.begin) + b"\xff"] for p in left)
        todo += left
        if codes:
            found.append((part.begin, codes))
    ordered = [code for _, codes in sorted(found) for code in codes]
    return ordered, done


@pytest.mark.parametrize(
    "engine", [*slow(["highs"]), *(name for name in engine_names() if name != "highs")]
)
def test_any_cut_gives_the_same_regions(engine, small_steps):
    cuts = 0
    for seed in range(60 if engine == "kernel" else 25):
        rng = random.Random(seed)
        small_steps(rng.choice([5, 10, 40]))  # fewer may not get beyond a unit of many pieces
        dim = rng.randint(1, 2 if engine == "plane" else 3)
        widths = [rng.randint(1, 4) for _ in range(rng.randint(1, 3))]
        style = rng.choice(["integer", "float", "third"])
        spec = nets.random_spec(rng, dim, widths, style, skip=rng.random() < 0.3)
        net = nets.network(spec)
        domain = nets.any_domain(rng, spec.dim)[0]
        whole = es.enumerate_regions(net, domain)
        if len(whole) > 300:
            continue
        ordered, done = in_parts(net, domain, rng, engine=engine)
        assert ordered == [bytes(code) for code in whole.codes]
        assert done == pytest.approx(1.0)
        cuts += len(whole) > 5
    assert cuts > 8


def test_successors():
    pieces = [2, 3, 1, 2]
    codes = [
        (a, b, 0, d) for a in range(2) for b in range(3) for d in range(2)
    ]  # fmt: skip
    for i, code in enumerate(codes):
        begin = successor(code, pieces)
        if begin is None:
            assert i == len(codes) - 1
            continue
        part = Part(begin, 0)
        assert [part.place(c) == INSIDE for c in codes] == [j > i for j in range(len(codes))]


def test_places_of_prefixes():
    part = Part((1, 0, 1), 2)
    assert part.place(()) == part.place((1,)) == part.place((1, 0)) == ON_THE_WAY
    assert part.place((1, 0, 1)) == part.place((1, 0, 2, 0)) == INSIDE
    assert part.place((0,)) == part.place((1, 1)) == part.place((1, 0, 0)) == OUTSIDE
    assert part.place(np.array([1, 0, 1], dtype=np.uint8)) == INSIDE
