"""A case of an operator, and what cases are drawn with: numbers, arrays, shapes."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from plain import Grid

import exactspline as es

STYLES = ("integer", "dyadic", "float", "third")


@dataclass
class Case:
    """One operator, the shapes it reads, and two other opinions on it."""

    operator: es.Operator
    shapes: list[tuple[int, ...]]
    plain: Callable[..., Grid]
    torch: Callable[..., Any] | None = None  # batched double tensors in, one out


def number(rng: random.Random, style: str) -> Fraction:
    """An exact number; integers and halves often tie."""
    if style == "integer":
        return Fraction(rng.randint(-2, 2))
    if style == "dyadic":
        return Fraction(rng.randint(-8, 8), 4)
    if style == "third":
        return Fraction(rng.randint(-6, 6), 3)
    return Fraction(rng.gauss(0, 1))


def array(rng: random.Random, shape: Sequence[int], style: str) -> np.ndarray:
    """An object array of Fractions."""
    out = np.empty(tuple(shape), dtype=object)
    for index in np.ndindex(*shape):
        out[index] = number(rng, style)
    return out


def tensor(values: Any) -> Any:
    """Exact numbers as a double tensor (rounded)."""
    import torch

    return torch.tensor(np.asarray(values, dtype=object).astype(np.float64))


def _some(rng: random.Random, n: int, low: int, high: int) -> tuple[int, ...]:
    return tuple(rng.randint(low, high) for _ in range(n))


def _shape(rng: random.Random) -> tuple[int, ...]:
    return _some(rng, rng.randint(1, 3), 1, 3)


def _grid(values: np.ndarray) -> Grid:
    return Grid(values.shape, lambda *i: values[i])
