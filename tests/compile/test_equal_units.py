"""Equal units written once: the same function, the same codes, the same regions."""

from __future__ import annotations

import random
from fractions import Fraction

import numpy as np
import pytest
import random_networks as nets
from program_at import program_at

import exactspline as es
from exactspline.compile.equal_units import with_equal_units_once
from exactspline.search.run import Run


def codes_of(program, domain):
    run = Run(program, domain)
    return [tuple(code) for batch in run.batches() for code in batch.codes.tolist()]


@pytest.mark.parametrize("seed", range(60))
def test_function_codes_and_regions_stay(seed):
    """Networks with duplicated and scaled rows, of every kind of unit, at points with ties."""
    rng = random.Random(seed)
    dim = rng.choice((1, 2))
    widths, style = [rng.randint(2, 4), rng.randint(2, 3)], rng.choice(("integer", "float"))
    spec = nets.random_spec(rng, dim, widths, style, skip=rng.random() < 0.3)
    for step in spec.steps:
        if step[0] == "dense" and len(step[1]) > 1:
            step[1][-1], step[2][-1] = [2 * w for w in step[1][0]], 2 * step[2][0]
    program = nets.network(spec).program
    once, place = with_equal_units_once(program)
    assert len(place) == program.n_units
    assert set(place.tolist()) == set(range(once.n_units))
    for _ in range(30):
        x = [Fraction(rng.randint(-6, 6), rng.choice((1, 2, 3))) for _ in range(dim)]
        code, y, _ = program_at(program, x)
        short, z, _ = program_at(once, x)
        assert y == z
        assert code == [short[i] for i in place.tolist()]
    box = es.Box(-3, 3, dim=dim)
    long = [tuple(int(v) for v in code) for code in codes_of(program, box)]
    assert sorted(long) == sorted(
        tuple(int(code[i]) for i in place.tolist()) for code in codes_of(once, box)
    )


def test_a_split_neuron_becomes_one_again():
    """A network beside its copy with a neuron in two halves: no unit of the copy is left."""
    rng = np.random.default_rng(0)
    first, second = rng.standard_normal((4, 2)), rng.standard_normal((3, 4))
    net = es.Network([es.Dense(first), es.ReLU(), es.Dense(second), es.ReLU()], (2,))
    halves = np.vstack([first[:1] / 2, first[1:], first[:1] / 2])
    copy = es.Network([es.Dense(halves), es.ReLU(), es.Dense(np.hstack([second, second[:, :1]])),
                       es.ReLU()], (2,))  # fmt: skip
    box = es.Box(-1, 1, dim=2)
    verdict = es.prove(es.forall(box, lambda x: net(x) == copy(x)))
    assert (verdict.holds, verdict.regions) == (True, 0)
    other = es.Network([*copy.operators[:-2], es.Dense(
        np.hstack([second, second[:, :1]]), [0, 0, 2.0**-60]), es.ReLU()], (2,))  # fmt: skip
    verdict = es.prove(es.forall(box, lambda x: net(x) == other(x)))
    assert verdict.holds is False
    x = np.array([verdict.counterexample], dtype=object)
    assert net.forward(x, exact=True).tolist() != other.forward(x, exact=True).tolist()
