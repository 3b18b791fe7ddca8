"""Two ways to one count agree: see ``relations`` for what is changed and what must follow."""

from __future__ import annotations

import random

import pytest
import relations
from marks import first_quick

NETS = 6  # a relation; benchmarks/metamorphic.py has thousands


@pytest.mark.parametrize("name", first_quick(list(relations.RELATIONS)))
def test_two_ways_to_one_count(name):
    number = list(relations.RELATIONS).index(name)
    for seed in range(number * NETS, (number + 1) * NETS):
        kind, plain, where, codes = relations.draw(seed, 120)
        try:
            for again in range(3):
                rng = random.Random(f"{seed} {again}")
                relations.check(name, rng, plain, where, codes)
        except Exception as error:
            source = plain.source() + where.source()
            raise AssertionError(f"{kind}: {error!r}\n{source}") from error


@pytest.mark.slow
def test_a_wrong_way_is_found_out():
    """Codes that are not the network's are refused by every relation that counts it anew."""
    _, plain, where, codes = relations.draw(3, 60)
    for name in relations.RELATIONS:
        if name in ("slice", "edges"):  # both sides are counted anew
            continue
        with pytest.raises(relations.WrongError):
            relations.check(name, random.Random(1), plain, where, codes[1:])
