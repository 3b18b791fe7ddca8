"""Codes in bits: where two differ first, against the codes themselves; of a store, too."""

from __future__ import annotations

import numpy as np
import pytest
from random_networks import HARD_TANH, ZIGZAG, ScalarUnits

import exactspline as es
from exactspline.partition.columns.packed import PackedCodes


def plain(codes: np.ndarray, a: np.ndarray, b: np.ndarray) -> list[tuple[int, int, int] | None]:
    out = []
    for i, j in zip(a.tolist(), b.tolist(), strict=True):
        differ = np.flatnonzero(codes[i] != codes[j])
        unit = int(differ[0]) if len(differ) else -1
        out.append((unit, int(codes[i, unit]), int(codes[j, unit])) if unit >= 0 else None)
    return out


def found(codes, a: np.ndarray, b: np.ndarray) -> list[tuple[int, int, int] | None]:
    columns = zip(*(column.tolist() for column in codes.first_differences(a, b)), strict=True)
    return [each if each[0] >= 0 else None for each in columns]


@pytest.mark.parametrize("most", [2, 3, 17, 300])
@pytest.mark.parametrize("units", [1, 7, 8, 9, 40])
def test_first_differences(most, units, monkeypatch):
    monkeypatch.setattr("exactspline.partition.columns.packed._CHUNK", 64)
    rng = np.random.default_rng(most * units)
    pieces = rng.integers(2, most + 1, units)
    rows = rng.integers(0, pieces, (60, units))
    rows[20:40] = rows[:20]  # differ late, or not at all
    rows[20:35, -1] = rng.integers(0, pieces[-1], 15)
    rows[:, units // 3] = 1  # never changes
    packed = PackedCodes(pieces)
    for part in np.array_split(rows, 3):
        packed.append(part.astype(packed.dtype))
    packed.finish()
    a, b = rng.integers(0, 60, (2, 400))
    a[:40], b[:40] = np.arange(40), (np.arange(40) + 20) % 60
    true = plain(rows, a, b)
    assert found(packed, a, b) == true
    assert None in true
    several = (rows[a] != rows[b]).sum(axis=1) > 1
    assert np.all(packed.several_differences(a, b) >= several)
    if most == 2:  # a bit a unit
        assert np.array_equal(packed.several_differences(a, b), several)
    assert len({each[0] for each in true if each}) >= min(units - 1, 2)


def test_first_differences_in_a_store(tmp_path, monkeypatch):
    kinds = [HARD_TANH, ZIGZAG, HARD_TANH]
    net = es.Network(
        [es.Dense([[1, 2], [3, -1], [1, 1]]), ScalarUnits(kinds), es.Dense([[1, 1, 1]])], (2,)
    )
    omega = es.enumerate_regions(net, es.Box(-4, 4, dim=2))
    a, b = np.divmod(np.arange(len(omega) ** 2), len(omega))
    assert len(omega) > 10
    assert found(omega._codes, a, b) == plain(omega.codes, a, b)
    simple = es.Network([es.Dense([[1, 2], [3, -1], [1, 1]], [1, 0, -1]), es.Clip(-1, 1)], (2,))
    path = tmp_path / "run.store"
    es.enumerate_regions(simple, es.Box(-4, 4, dim=2), store=path)
    stored = es.open_partition(path)
    monkeypatch.setattr("exactspline.store.columns._PAIRS", 50)
    a, b = np.divmod(np.arange(len(stored) ** 2), len(stored))
    assert found(stored._codes, a, b) == plain(stored.codes, a, b)
    several = (stored.codes[a] != stored.codes[b]).sum(axis=1) > 1
    assert np.array_equal(stored._codes.several_differences(a, b), several)
