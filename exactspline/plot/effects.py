"""What lets lines and texts stand out from any ground."""

from __future__ import annotations

from typing import Any

__all__ = ["cased"]


def cased(width: float) -> list[Any]:
    """The effect of a white border, so that something is seen on any ground."""
    from matplotlib.patheffects import withStroke

    return [withStroke(linewidth=width + 1.6, foreground="white")]
