"""What makes a test one of the slow ones."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import pytest


def slow(values: Iterable[Any]) -> list[Any]:
    """Parameters that are left out by ``-m "not slow"``; a tuple has one for each name."""
    return [
        pytest.param(*(value if isinstance(value, tuple) else (value,)), marks=pytest.mark.slow)
        for value in values
    ]


def first_quick(values: Sequence[Any], quick: int = 1) -> list[Any]:
    """The first parameters are quick ones, the others slow: blocks of random networks, sizes."""
    return [*values[:quick], *slow(values[quick:])]
