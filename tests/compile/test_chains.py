"""Long compositions modulo primes, against the same links composed one by one."""

from __future__ import annotations

import random
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest

from exactspline.compile import Forms, chains
from exactspline.rationals import exact_array

NUMBERS = {
    "float32": lambda rng: Fraction(float(np.float32(rng.gauss(0, 1)))),
    "integer": lambda rng: Fraction(rng.randint(-3, 3)),
    "third": lambda rng: Fraction(rng.randint(-5, 5), 3),
    "large": lambda rng: Fraction(rng.randint(-9, 9)) * 2**60,
    "far": lambda rng: Fraction(rng.choice((-1, 0, 1, 3))) * Fraction(2) ** rng.randint(-90, 60),
}


def link(rng, n, width, number, density=0.6):
    indptr, indices, data = [0], [], []
    for _ in range(n):
        chosen = [j for j in range(width) if rng.random() < density]
        rng.shuffle(chosen)
        indices += chosen
        data += [number(rng) for _ in chosen]
        indptr.append(len(indices))
    const = [number(rng) if rng.random() < 0.5 else Fraction(0) for _ in range(n)]
    return Forms(
        np.array(indptr, dtype=np.int64), np.array(indices, dtype=np.int64),
        exact_array(np.array(data, dtype=object)), exact_array(np.array(const, dtype=object)),
        width,
    )  # fmt: skip


def rows(forms):
    out = []
    for i in range(len(forms)):
        indices, data, const = forms.row(i)
        terms = {}
        for j, c in zip(indices.tolist(), data.tolist(), strict=True):
            assert j not in terms
            terms[j] = Fraction(c)
        out.append((const, terms))
    return out


def by_definition(links):
    """The composition as sums over plain dictionaries."""
    out = None
    for forms in reversed(links):
        new = []
        for i in range(len(forms)):
            indices, data, const = forms.row(i)
            terms = {}
            for j, c in zip(indices.tolist(), data.tolist(), strict=True):
                offset, inner = (Fraction(0), {j: Fraction(1)}) if out is None else out[j]
                const += Fraction(c) * offset
                for k, v in inner.items():
                    terms[k] = terms.get(k, Fraction(0)) + Fraction(c) * v
            new.append((const, {k: v for k, v in terms.items() if v}))
        out = new
    return out


@pytest.mark.parametrize("style", NUMBERS)
def test_the_composition_is_exact(style, monkeypatch):
    monkeypatch.setattr(chains, "_FEW", 0)
    monkeypatch.setattr(chains, "_CHUNK", 7)
    rng = random.Random(style)
    cancelled = 0
    for _ in range(12):
        widths = [rng.randint(1, 7) for _ in range(rng.randint(2, 6))]
        links = [link(rng, n, m, NUMBERS[style]) for n, m in pairwise(widths)]
        found = chains.after_all(links)
        assert rows(found) == by_definition(links)
        assert found.width == widths[-1]
        cancelled += sum(len(r[1]) < found.width for r in rows(found))
    assert cancelled  # zeros are left out


def test_numbers_that_are_all_floats_stay_floats(monkeypatch):
    monkeypatch.setattr(chains, "_FEW", 0)
    rng = random.Random(3)
    links = [link(rng, 4, 4, NUMBERS["integer"]) for _ in range(3)]
    found = chains.after_all(links)
    assert found.data.dtype == found.const.dtype == np.float64


def test_mixed_kinds_and_empty_links(monkeypatch):
    monkeypatch.setattr(chains, "_FEW", 0)
    rng = random.Random(5)
    links = [
        link(rng, 3, 5, NUMBERS["third"]), link(rng, 5, 4, NUMBERS["float32"]),
        link(rng, 4, 2, NUMBERS["large"], density=0.0),
    ]  # fmt: skip
    assert rows(chains.after_all(links)) == by_definition(links)
    none = link(rng, 0, 5, NUMBERS["third"])
    assert len(chains.after_all([none, *links[1:]])) == 0


def test_a_bound_beyond_all_primes_goes_by_fractions(monkeypatch):
    monkeypatch.setattr(chains, "_FEW", 0)
    monkeypatch.setattr(chains, "_MOST_BITS", 10)
    rng = random.Random(7)
    links = [link(rng, 4, 4, NUMBERS["float32"]) for _ in range(4)]
    assert rows(chains.after_all(links)) == by_definition(links)


def test_products_of_floats_are_exact_where_they_fit():
    from exactspline.compile.forms import products

    rng = np.random.default_rng(1)
    short = rng.normal(size=500).astype(np.float32).astype(float)
    for a, b in (
        (short, short[::-1].copy()),  # 48 bits
        (short, rng.normal(size=500)),  # 77 bits
        (short * 1e-300, short * 1e-300),  # below the range
        (np.where(short > 0, short, 0.0), short),
    ):
        found = products(a, b)
        wanted = [Fraction(x) * Fraction(y) for x, y in zip(a, b, strict=True)]
        assert [Fraction(v) for v in found.tolist()] == wanted
