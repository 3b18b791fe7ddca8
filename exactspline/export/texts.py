"""Texts that every format can hold."""

from __future__ import annotations

from collections.abc import Sequence

from ..texts import plain

__all__ = ["float_texts", "plain"]


def float_texts(values: Sequence[float]) -> list[str]:
    """Floats as the shortest decimals that read back as they were."""
    return [repr(value + 0.0) for value in values]  # no -0.0
