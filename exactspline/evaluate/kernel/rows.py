"""Rows of samples (Numba)."""

from __future__ import annotations

from .jit import kernel, part

__all__ = ["copy_row", "fill"]


@kernel
def fill(row, value):
    """Every entry of a row; a slice's own assignment would count references."""
    for s in range(len(row)):
        row[s] = value


@part
def copy_row(target, source):
    for s in range(len(target)):
        target[s] = source[s]
