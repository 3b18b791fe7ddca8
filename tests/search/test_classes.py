"""Classes of equal rows: the kernels against a plain twin, and against exact arithmetic."""

from __future__ import annotations

import random
from collections import Counter

import numpy as np
import pytest

import exactspline as es
from exactspline.cells.space import search_space
from exactspline.search.kernel import control as c
from exactspline.search.kernel.classes import (
    class_arrays,
    member_classes,
    state_classes,
    with_classes,
)
from exactspline.search.kernel.engine import KernelSearch


def partition(classes) -> list[list[int]]:
    """Which entries share a class, and which are in class 0."""
    groups: dict[int, list[int]] = {}
    for i, value in enumerate(classes):
        groups.setdefault(int(value), []).append(i)
    return [*sorted(groups.values()), groups.get(0, [])]


@pytest.mark.parametrize("seed", range(40))
def test_member_classes_twin(seed):
    rng = random.Random(seed)
    n_state, n = rng.randint(1, 6), rng.randint(1, 30)
    state = [rng.choice((0, 0, 5, 6, 7)) for _ in range(n_state)]
    rows = [sorted(rng.sample(range(n_state), rng.randint(0, n_state))) for _ in range(n)]
    values = [[rng.choice((1, 1, 2, 3)) for _ in row] for row in rows]
    bias = [rng.choice((0, 0, 4)) for _ in rows]
    out = np.full(n, -7, dtype=np.int64)
    member_classes(
        n,
        np.concatenate([[0], np.cumsum([len(row) for row in rows])]),
        np.array([j for row in rows for j in row] + [0]),
        np.array([v for row in values for v in row] + [0]),
        np.array(bias),
        np.array(state),
        100,
        np.zeros(64, dtype=np.int64),
        out,
    )
    keys: list = []
    for row, value, b in zip(rows, values, bias, strict=True):
        terms = tuple((v, state[j]) for j, v in zip(row, value, strict=True) if state[j])
        if b == 0 and not terms:
            keys.append(0)
        elif b == 0 and len(terms) == 1 and terms[0][0] == 1:
            keys.append(terms[0][1])
        else:
            keys.append((terms, b))
    number = {key: key if isinstance(key, int) else 100 + keys.index(key) for key in keys}
    assert out.tolist() == [number[key] for key in keys]


@pytest.mark.parametrize("seed", range(40))
def test_state_classes_twin(seed):
    rng = random.Random(seed)
    n_units, n_mem = rng.randint(1, 20), rng.randint(1, 5)
    members = [rng.choice((0, 5, 6)) for _ in range(n_mem)]
    pieces = [rng.randint(1, 3) for _ in range(n_units)]
    total = sum(pieces)
    member = [rng.randrange(n_mem) for _ in range(total)]
    function = [rng.choice((0, 1, 2, 3)) for _ in range(total)]
    constant = [f == 0 or f == 3 for f in function]
    codes = [rng.randrange(p) for p in pieces]
    old = [rng.choice((0, 8, 9)) for _ in range(4)]
    keep = sorted(rng.sample(range(4), rng.randint(0, 4)))
    out = np.full(n_units + len(keep), -7, dtype=np.int64)
    starts = np.concatenate([[0], np.cumsum(pieces)])
    state_classes(
        n_units, np.array(codes, dtype=np.uint8), starts, np.array(member), np.array(function),
        np.array(constant), np.array(members), np.array(keep, dtype=np.int64), np.array(old), 100,
        np.zeros(64, dtype=np.int64), out,
    )  # fmt: skip
    keys: list = []
    for k in range(n_units):
        piece = int(starts[k]) + codes[k]
        f, of = function[piece], members[member[piece]]
        keys.append(0 if f == 0 else of if f == 1 else (f, None if constant[piece] else of))
    number = {key: key if isinstance(key, int) else 100 + keys.index(key) for key in keys}
    assert out.tolist() == [number[key] for key in keys] + [old[k] for k in keep]


def pooled_network(rng: random.Random, style: str) -> es.Network:
    """A small image with a constant background, two pooled layers, a skip connection."""
    draw = {
        "integer": lambda: rng.randint(-2, 2),
        "float": lambda: rng.gauss(0, 1),
        "third": lambda: es.rationals.to_fraction(f"{rng.randint(-4, 4)}/3"),
    }[style]

    def array(*shape: int) -> np.ndarray:
        out = np.empty(shape, dtype=object)
        for at in np.ndindex(*shape):
            out[at] = draw()
        return out

    pool = rng.choice((es.MaxPool((2, 2)), es.MaxPool((2, 2), stride=1), es.MaxPool((3, 3))))
    return es.Network(
        [
            es.Conv(array(2, 1, 2, 2), array(2), padding=1),
            rng.choice((es.ReLU(), es.Abs(), es.Clip(-1, 1))),
            es.Residual([es.Conv(array(2, 2, 3, 3), array(2), padding=1), es.ReLU()]),
            pool,
            es.Flatten(),
            es.Maxout(2),
        ],
        (1, 3, 3),
    )


@pytest.mark.slow
@pytest.mark.parametrize("style", ["integer", "float", "third"])
def test_rows_of_one_class_are_equal(style):
    """At every entry to a layer: members that share a class are the same exact row."""
    rng = random.Random(style)
    seen: Counter[str] = Counter()
    counts = []
    for _ in range(4):
        net = pooled_network(rng, style)
        origin = np.array([rng.choice((0, 0, 0, 1)) for _ in range(9)])
        directions = np.zeros((2, 9), dtype=int)
        directions[0, 4], directions[1, 5] = 1, 2
        domain = es.Slice(origin, directions, es.Box(-1, 1, dim=2))
        program = net.program
        assert with_classes(program)

        def check(search: KernelSearch) -> None:
            state, at = search.state, search.problem.layers.mem_at
            if state.ctl[c.REASON] != c.SEEN_LAYER:
                return
            layer = int(state.ctl[c.LAYER])
            n = len(search.program.layers[layer].members)
            groups = partition(state.members.classes[at[layer] : at[layer] + n])
            rows = search.forms.layer(layer, state.codes)
            for group in groups[:-1]:
                first = rows.member(group[0])
                assert all(rows.member(i) == first for i in group[1:])
                seen["joined"] += len(group) > 1
            assert all(not any(rows.member(i)) for i in groups[-1])
            seen["zero"] += len(groups[-1])

        search = KernelSearch(program, search_space(program, domain.chart), audit=check)
        found = sum(batch.count for batch in search.batches())
        assert found == es.count_regions(net, domain, engine="plane")
        counts.append((found, net, domain))
    found, net, domain = min(counts, key=lambda count: count[0])  # others would take seconds
    assert found == es.count_regions(net, domain, engine="rational")
    assert min(seen["joined"], seen["zero"]) > 20, seen


def test_networks_without_comparisons_have_no_classes():
    net = es.Network([es.Dense([[1, 2]]), es.ReLU()], (2,))
    arrays = class_arrays(net.program, search_space(net.program, es.WholeSpace(2).chart))
    assert len(arrays["members"]) == len(arrays["state"]) == 0
