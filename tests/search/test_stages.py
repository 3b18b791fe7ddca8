"""The stages of a kernel search: every row of their table occurs, and nothing else does."""

from __future__ import annotations

import random
from fractions import Fraction

import pytest

import exactspline as es
from exactspline.cells.space import search_space
from exactspline.errors import UndecidedError
from exactspline.search.goal import Goal, Node
from exactspline.search.kernel import control as c
from exactspline.search.kernel import engine as kernel_engine
from exactspline.search.kernel.engine import KernelSearch
from exactspline.search.kernel.stages import EMPTIED, NEXT, Stage
from exactspline.search.part import WHOLE, Part


def wide(rng: random.Random) -> Fraction:
    """Over hundreds of binary orders of magnitude: pairs of floats leave much open."""
    return Fraction(rng.choice([1, 3, -1, -3, 5])) * Fraction(2) ** rng.randint(-300, 300)


def network(rng: random.Random) -> es.Network:
    dim, widths = rng.choice([1, 2]), [rng.randint(1, 4) for _ in range(rng.randint(1, 3))]
    operators: list[es.Operator] = []
    n = dim
    for width in widths:
        rows = [[wide(rng) if rng.random() < 0.8 else 0 for _ in range(n)] for _ in range(width)]
        bias = [wide(rng) if rng.random() < 0.6 else 0 for _ in range(width)]
        operators += [es.Dense(rows, bias), es.ReLU()]
        n = width
        if rng.random() < 0.3 and n > 2:
            operators.append(es.Maxout(n))
            n = 1
    return es.Network(operators, (dim,))


def search(net: es.Network, domain: es.Domain | None, **options: object) -> KernelSearch:
    chart = (es.WholeSpace(net.input_dim) if domain is None else domain).chart
    space = search_space(net.program, chart)
    return KernelSearch(net.program, space, **options)  # type: ignore[arg-type]


@pytest.fixture
def seen(monkeypatch):
    """What leads from one stage to the next, in every search of a test."""
    steps: set[tuple[Stage, int, Stage]] = set()
    go = KernelSearch._go

    def recorded(self: KernelSearch, event: int, stage: Stage) -> None:
        steps.add((self.stage, event, stage))
        go(self, event, stage)

    monkeypatch.setattr(KernelSearch, "_go", recorded)
    return steps


@pytest.mark.slow
def test_every_row_of_the_table_occurs(seen, monkeypatch):
    monkeypatch.setattr(kernel_engine, "HEARTBEAT", 0.0)
    for seed in range(60):
        rng = random.Random(seed)
        monkeypatch.setattr(kernel_engine, "FEW", seed % 2 * 10**6)
        net = network(rng)
        whole = es.enumerate_regions(net, engine="rational").codes.tolist()
        assert len(whole) < 400
        # a goal that every point satisfies: nothing is closed, all are handed over
        goal = Goal([net.units - 1], [Node("constant", 1)]) if seed % 3 == 0 else None
        todo, codes = [WHOLE], []
        while todo:
            monkeypatch.setattr(kernel_engine, "BUDGET", rng.choice([1, 2, 3, 7, 1000]))
            part = todo.pop(0)
            run = search(
                net, None, part=part, chunk=rng.choice([1, 3, 64]),
                max_regions=rng.choice([1, 2, 5, 10**6]), goal=goal,
            )  # fmt: skip
            for _ in range(rng.randint(3, 12)):  # called again, it goes on
                for batch in run.batches(deadline=0.0):
                    codes += batch.codes.tolist()
            todo = run.remaining(rng.choice([1, 3])) + todo
        assert codes == whole
    # a domain that holds no float64 point at all
    far = es.Box([Fraction(10) ** 900], [Fraction(10) ** 901])
    net = es.Network([es.Dense([[1], [-1]], [0, Fraction(10) ** 900 * 5]), es.ReLU()], (1,))
    run = search(net, far)
    assert sum(len(batch.codes) for batch in run.batches()) == 2
    events = {(stage, event) for stage, event, _ in seen}
    rare = {(Stage.DESCENT, c.QUERY), (Stage.DESCENT, c.GROW), (Stage.DESCENT, c.AUDITED)}
    rare |= {(Stage.TREE, c.GROW), (Stage.TREE, c.AUDITED), (Stage.TREE, c.NEEDS_TIER)}
    rare |= {(Stage.DESCENT, c.NEEDS_TIER)}  # settled without leaving the stage
    assert events == set(NEXT) - rare
    assert all(stage in NEXT[a, event] for a, event, stage in seen)
    assert {(Stage.CELL, EMPTIED, Stage.DESCENT), (Stage.CELL, EMPTIED, Stage.TREE)} <= seen


def test_what_is_not_in_the_table_ends_the_search():
    run = search(network(random.Random(0)), None)
    with pytest.raises(UndecidedError, match="table of stages"):
        run._go(c.DONE, Stage.END)


def test_a_region_of_another_part_ends_the_search(monkeypatch):
    """A broken descent, which takes the first node for one of the part, is not believed."""
    net = network(random.Random(5))
    codes = es.enumerate_regions(net).codes
    part = Part(tuple(codes[-1].tolist()), 0)
    monkeypatch.setattr(KernelSearch, "_looked", lambda self: Stage.TREE)
    with pytest.raises(UndecidedError, match="out of its place"):
        list(search(net, None, part=part).batches())


def test_parts_do_not_overlap_where_queries_are_answered_on_the_way(tmp_path):
    """An answered question used to let the descent take two steps at once: 5 regions, not 4."""
    net = es.Network(
        [es.Dense([[2 - 2.0**-51], [2]], [0, -1]), es.ReLU(), es.Dense([[-1, 1]], [0]), es.ReLU()],
        (1,),
    )
    store = tmp_path / "run.sqlite"
    assert len(es.enumerate_regions(net, store=store, limit=3)) == 3
    resumed = es.enumerate_regions(net, store=store, resume=True)
    assert resumed.complete
    assert len(resumed) == 4 == es.count_regions(net, engine="rational")
