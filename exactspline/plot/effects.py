"""What lets lines and texts stand out from any ground."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .library import require_matplotlib

if TYPE_CHECKING:
    from .picture import Picture

__all__ = ["add_lines", "cased"]

_CASE = 0.9  # points of white on each side


def cased() -> list[Any]:
    """The effect of a white border around a text."""
    effects = require_matplotlib().patheffects
    return [effects.withStroke(linewidth=2 * _CASE, foreground="white")]


def add_lines(
    picture: Picture, name: str, segments: np.ndarray, *, case: bool = False, **look: Any
) -> Any:
    """Draw segments, (n, 2, 2), or paths, (n, points, 2), which do not change the axes' limits.

    With ``case`` they have a white border on both sides.
    """
    lines = require_matplotlib().collections.LineCollection
    look = {"capstyle": "round", **look}
    if look.get("rasterized"):
        from .chunks import CHUNK, LinesInChunks

        if len(segments) > CHUNK:
            del look["rasterized"]
            lines = LinesInChunks
    if case:
        below = {**look, "colors": "white", "linewidths": look["linewidths"] + 2 * _CASE}
        below["zorder"] = look["zorder"] - 0.1
        picture.ax.add_collection(lines(segments, **below), autolim=False)
    drawn = lines(segments, **look)
    picture.ax.add_collection(drawn, autolim=False)
    picture.artists[name] = drawn
    return drawn
