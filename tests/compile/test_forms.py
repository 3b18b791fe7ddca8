"""Sparse affine forms: every way to compose them, against sums over plain dictionaries."""

from __future__ import annotations

import random
from fractions import Fraction

import numpy as np
import pytest

from exactspline.compile import Forms, forms
from exactspline.rationals import exact_array

STYLES = {
    "integer": lambda rng: Fraction(rng.randint(-3, 3)),
    "float": lambda rng: Fraction(rng.gauss(0, 1)),
    "third": lambda rng: Fraction(rng.randint(-3, 3), 3),
    "wide": lambda rng: Fraction(rng.choice((-1, 0, 1))) * Fraction(2) ** rng.randint(-1074, 900),
}


def random_forms(rng, n, width, density, style, const=True):
    draw, indptr, indices, data = STYLES[style], [0], [], []
    for _ in range(n):
        for j in rng.sample(range(width), width):
            if rng.random() < density:
                indices.append(j)
                data.append(draw(rng))
        indptr.append(len(indices))
    constants = [draw(rng) if const and rng.random() < 0.7 else Fraction(0) for _ in range(n)]
    return Forms(
        np.array(indptr, dtype=np.int64), np.array(indices, dtype=np.int64),
        exact_array(np.array(data, dtype=object)), exact_array(np.array(constants, dtype=object)),
        width,
    )  # fmt: skip


def dictionary(given):
    """Every row as a constant and the nonzero coefficients."""
    out = []
    for i in range(len(given)):
        total: dict[int, Fraction] = {}
        for at in range(int(given.indptr[i]), int(given.indptr[i + 1])):
            j = int(given.indices[at])
            total[j] = total.get(j, Fraction(0)) + Fraction(given.data[at])
        out.append((Fraction(given.const[i]), {j: v for j, v in total.items() if v}))
    return out


def composed(outer, inner):
    """The composition by its definition."""
    inside, out = dictionary(inner), []
    for const, row in dictionary(outer):
        total: dict[int, Fraction] = {}
        for j, v in row.items():
            const += v * inside[j][0]
            for i, w in inside[j][1].items():
                total[i] = total.get(i, Fraction(0)) + v * w
        out.append((const, {i: v for i, v in total.items() if v}))
    return out


def check(outer, inner):
    result = outer.after(inner)
    assert dictionary(result) == composed(outer, inner)
    assert result.width == inner.width
    rows = np.repeat(np.arange(len(result)), np.diff(result.indptr))
    assert len(set(zip(rows.tolist(), result.indices.tolist(), strict=True))) == len(rows)
    assert all(v != 0 for v in result.data.tolist())


@pytest.mark.parametrize("style", sorted(STYLES))
@pytest.mark.parametrize("few", [0, forms._FEW_PRODUCTS])
def test_compositions(style, few, monkeypatch):
    """Dense and sparse, with and without constants, rows that are empty or single."""
    monkeypatch.setattr(forms, "_FEW_PRODUCTS", few)
    rng = random.Random(f"{style} {few}")
    for _ in range(60):
        n, k, width = (rng.randint(1, 6) for _ in range(3))
        outer = random_forms(rng, n, k, rng.choice((0.2, 0.5, 1)), style).without_zeros()
        inner = random_forms(
            rng, k, width, rng.choice((0.2, 0.5, 1)), rng.choice(sorted(STYLES)),
            const=rng.random() < 0.5,
        ).without_zeros()  # fmt: skip
        check(outer, inner)


@pytest.mark.parametrize("style", sorted(STYLES))
def test_compositions_with_selections_and_single_entries(style):
    """Relabelled rows may name an entry twice; a row of one entry scales one form."""
    rng = random.Random(style)
    for _ in range(40):
        k, width = rng.randint(1, 5), rng.randint(1, 4)
        inner = Forms.selection(np.array([rng.randrange(width) for _ in range(k)]), width)
        check(random_forms(rng, rng.randint(1, 5), k, 0.6, style).without_zeros(), inner)
        inner = random_forms(rng, k, width, 0.6, style).without_zeros()
        single = Forms.selection(np.array([rng.randrange(k) for _ in range(4)]), k)
        check(single, inner)
        scaled = Forms(
            single.indptr, single.indices, exact_array([Fraction(1, 3), 2, -1, 1]), single.const, k
        )
        check(scaled, inner)


def test_products_that_do_not_meet_are_not_summed(monkeypatch):
    """Blocks that read different entries: no sum is needed, only products and constants."""
    monkeypatch.setattr(Forms, "_composed", None)  # would be called for sums
    monkeypatch.setattr(Forms, "_by_matrices", None)
    rng = random.Random(3)
    for _ in range(30):
        k = rng.randint(1, 5)
        inner = random_forms(rng, k, 4, 1, "float").without_zeros()
        columns = np.arange(len(inner.data))  # no two rows read the same entry
        apart = Forms(inner.indptr, columns, inner.data, inner.const, len(columns))
        check(random_forms(rng, 3, k, 0.7, "third").without_zeros(), apart)


def test_zeros_are_dropped_and_rows_are_taken():
    rng = random.Random(4)
    for style in STYLES:
        for _ in range(20):
            given = random_forms(rng, rng.randint(1, 5), 4, 0.5, style)
            bare = given.without_zeros()
            assert dictionary(bare) == dictionary(given)
            assert np.all(bare.data != 0)
            rows = np.array([rng.randrange(len(given)) for _ in range(rng.randint(1, 6))])
            expected = [dictionary(given)[i] for i in rows.tolist()]
            assert dictionary(given.take(rows)) == expected
