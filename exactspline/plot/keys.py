"""The key to a picture: its scale and its legend, beside the axes and below them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .names import plain_text, short

if TYPE_CHECKING:
    from .picture import Picture

__all__ = ["Keys", "add_legend", "add_scale"]

Keys = list[tuple[Any, str]]  # an artist, and what it stands for

_COLUMNS, _WIDTH = 4, 80  # the most, and characters of all of them


def add_scale(picture: Picture, coloured: Any, label: str) -> None:
    """A scale of numbers, as high as the axes."""
    place = picture.ax.inset_axes((1.03, 0.0, 0.035, 1.0))
    picture.colorbar = picture.figure.colorbar(coloured, cax=place)
    plain_text(place.yaxis.label).set_text(label)


def add_legend(picture: Picture, keys: Keys) -> None:
    """A legend below the axes, which hides nothing."""
    if not keys:
        return
    handles, texts = [artist for artist, _ in keys], [short(text) for _, text in keys]
    columns = max(1, min(_COLUMNS, len(keys), _WIDTH // max(map(len, texts))))
    picture.legend = picture.ax.legend(
        handles, texts, loc="upper center", frameon=False, fontsize="small",
        bbox_to_anchor=(0.5, -0.5 / _height(picture)), ncols=columns,
    )  # fmt: skip
    for text in picture.legend.get_texts():
        plain_text(text)


def _height(picture: Picture) -> float:
    """Of the axes in inches."""
    return max(1.0, picture.ax.get_window_extent().height / picture.figure.dpi)
