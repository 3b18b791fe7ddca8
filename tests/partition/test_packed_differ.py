"""Codes that differ by given changes, told on bits, against codes as they are."""

from __future__ import annotations

import numpy as np
import pytest

from exactspline.partition.columns.packed import PackedCodes


@pytest.mark.parametrize("pieces", [[2] * 9, [2, 3, 5, 2, 17], [2, 2, 1, 4]])
def test_differences_on_bits(pieces: list[int]) -> None:
    rng = np.random.default_rng(len(pieces))
    n, sizes = 60, np.array(pieces)
    codes = rng.integers(0, sizes, size=(n, len(sizes)))
    codes[:, 1] = codes[0, 1]  # a unit that never changes
    packed = PackedCodes(sizes)
    packed.append(codes[:20].astype(packed.dtype))
    packed.append(codes[20:].astype(packed.dtype))
    packed.finish()
    told = 0
    for _ in range(200):
        first, second = rng.integers(0, n, size=(2, 8))
        row = rng.integers(0, 8, size=12)
        unit = rng.integers(0, len(sizes), size=12)
        _, once = np.unique(row * len(sizes) + unit, return_index=True)
        row, unit = row[once], unit[once]
        piece = codes[second[row], unit]  # what would make them equal there
        wrong = rng.random(len(row)) < 0.1
        piece[wrong] = (piece[wrong] + 1) % np.maximum(sizes[unit[wrong]], 2)
        wanted = codes[first].copy()
        wanted[row, unit] = piece
        expected = np.all(wanted == codes[second], axis=1)
        assert np.array_equal(packed.differ_by(first, second, row, unit, piece), expected)
        same = packed.differ_by(first, first, row[:0], unit[:0], piece[:0])
        assert same.all()
        told += int(expected.sum())
    assert told > 20
