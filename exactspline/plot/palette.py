"""Colours that people with any colour vision tell apart, and colours that codes keep."""

from __future__ import annotations

from typing import Any

import numpy as np

from .library import require_matplotlib

__all__ = ["FILLS", "LINES", "SCALE", "fills_of", "hashes", "scale_of_numbers"]

# Light colours, so that lines and texts can be seen on them. Any two differ by 11 or more in
# CIELAB, for normal vision and for protanopia, deuteranopia and tritanopia.
FILLS = (
    "#78e8e1", "#e8ca78", "#a5b4ff", "#e1ffca", "#b4bc8e", "#80c3e1",
    "#f89eb4", "#fff8a5", "#acffe1", "#dad296", "#c3dab4", "#b4e1ff",
)  # fmt: skip
# The palette of Okabe and Ito, its dark colours first: for lines, layers and classes.
LINES = ("#000000", "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#f0e442")
SCALE = "cividis"  # of numbers: made for all colour vision, and monotone in lightness
_DARK = 0.2  # the share of it that is as dark as lines are, and left out in the plane


def hashes(codes: np.ndarray) -> np.ndarray:
    """A number of 64 bits for every code, shape (n,): of the code alone, and the same for ever.

    Parameters
    ----------
    codes : int array, shape (n, units)

    Examples
    --------
    >>> one, other = hashes(np.array([[0, 1], [1, 0]])).tolist()
    >>> one == other, one == int(hashes(np.array([[0, 1]]))[0])
    (False, True)
    """
    units = np.arange(1, codes.shape[1] + 1, dtype=np.uint64)
    out = np.zeros(len(codes), dtype=np.uint64)
    factors = _mixed(units * np.uint64(0x9E3779B97F4A7C15))
    for column, factor in zip(codes.T, factors, strict=True):
        out += (column.astype(np.uint64) + np.uint64(1)) * factor
    return _mixed(out)


def _mixed(values: np.ndarray) -> np.ndarray:
    """The last steps of the generator splitmix64: every bit depends on every other one."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def fills_of(numbers: np.ndarray) -> np.ndarray:
    """One of `FILLS` for every hash, as RGBA; shape (n, 4)."""
    rgb = np.array([[int(c[i : i + 2], 16) / 255 for i in (1, 3, 5)] for c in FILLS])
    chosen = rgb[(numbers % np.uint64(len(FILLS))).astype(np.int64)]
    return np.concatenate([chosen, np.ones((len(chosen), 1))], axis=1)


def scale_of_numbers() -> Any:
    """A colour map for numbers, light enough for lines to be seen on it.

    Examples
    --------
    >>> scale_of_numbers().name
    'cividis'
    """
    mpl = require_matplotlib()
    colours = mpl.colormaps[SCALE](np.linspace(_DARK, 1, 256))
    return mpl.colors.ListedColormap(colours, name=SCALE)
