"""What the figures share: where they go, and small versions for a quick look."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

HERE = Path(__file__).resolve().parent


def arguments(name: str) -> argparse.Namespace:
    """``out``, the picture's path (by default ``name`` in the current folder), and ``small``."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, default=Path(name), help=f"the picture ({name})")
    parser.add_argument("--small", action="store_true", help="less of it, in a few seconds")
    return parser.parse_args()


def save(draw: Callable[[bool], Any], name: str, *, dpi: int = 110) -> None:
    """Draw a figure and write it."""
    given = arguments(name)
    draw(given.small).savefig(given.out, dpi=dpi)
    print(f"written: {given.out}")


def save_all(draws: Mapping[str, Callable[[bool], Any]], *, dpi: int = 110) -> None:
    """Draw several figures and write each under its name, into the folder ``out``."""
    given = arguments(".")
    for name, draw in draws.items():
        path = given.out / f"{name}.png"
        draw(given.small).savefig(path, dpi=dpi)
        print(f"written: {path}")


def digits() -> tuple[np.ndarray, np.ndarray]:
    """scikit-learn's digits: images (n, 1, 8, 8) in [0, 1], and what they show."""
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    return images.reshape(-1, 1, 8, 8) / 16, labels


def sheet(width: float, height: float) -> Figure:
    """A figure of some inches, with a little room around every title."""
    return Figure((width, height), layout=ConstrainedLayoutEngine(h_pad=0.09, w_pad=0.06))


def hide_axes(axes: Any) -> None:
    """No ticks: the coordinates mean nothing."""
    axes.set_xticks([])
    axes.set_yticks([])
