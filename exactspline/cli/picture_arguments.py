"""What the commands that draw accept."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable

__all__ = ["add_pictures"]

_PLOT = """\
Draw the regions of a network on a domain. In one dimension: the graph of its
outputs and where it bends; in two: the regions as exact polygons, cut at the
window in rationals, with the edges of every layer; in three: translucent cells,
on a page (.html). Larger domains need a slice. A domain in several parts gives a
file each: p-1.png, p-2.png.
"""

_FILM = """\
Draw the partition of several networks, one after the other: the checkpoints of a
training, say. Below it run the number of regions and the slopes. What has the
same code has the same colour in all of them.
"""

_PLOT_EXAMPLES = """\
examples:
  exactspline plot net.onnx --box -1 1 --out net.png
  exactspline plot net.onnx --window -2,-1 2,1 --color slope --boundary --out net.svg
  exactspline plot conv.onnx --slice a.npy b.npy c.npy --box 0 1 --out conv.html
  exactspline plot net.onnx --box -1 1 --highlight 3 --graph --out net.pdf

"""

_FILM_EXAMPLES = """\
examples:
  exactspline film epoch0.onnx epoch1.onnx epoch2.onnx --box -1 1 --out training.gif
  exactspline film run/*.onnx --window -1 1 --out training.html

"""


def add_pictures(
    command: Callable[..., argparse.ArgumentParser],
    add_search: Callable[[argparse.ArgumentParser], None],
) -> None:
    """Add the commands that draw.

    Parameters
    ----------
    command : callable
        Adds a command by its name, summary, description and examples.
    add_search : callable
        Gives it the options of a search.
    """
    plot = command("plot", "draw the regions", _PLOT, _PLOT_EXAMPLES)
    film = command(
        "film", "draw checkpoints one after the other", _FILM, _FILM_EXAMPLES,
        networks="+",
    )  # fmt: skip
    plot.add_argument(
        "--out", "-o", metavar="FILE", required=True, help="a .png, .svg, .pdf or .html file"
    )
    film.add_argument(
        "--out", "-o", metavar="FILE", required=True,
        help="a .gif or .html file, or .mp4 if ffmpeg is installed",
    )  # fmt: skip
    add_search(plot)
    for both in (plot, film):
        both.add_argument(
            "--window",
            nargs=2,
            metavar=("LOW", "HIGH"),
            help="what to show, in the domain's coordinates, written as for --box; by default the "
            "domain, or what holds every vertex",
        )
        both.add_argument(
            "--color",
            metavar="C",
            default="piece",
            help="piece (the default), region, slope, output, 'output 3', active, or a colour",
        )
        both.add_argument(
            "--edges",
            choices=("layer", "plain", "none"),
            default="layer",
            help="thick lines for the first layer and thinner ones for deeper (the default), or "
            "all alike",
        )
        both.add_argument(
            "--boundary", action="store_true", help="with the decision boundary, exactly"
        )
        both.add_argument(
            "--dpi", type=_dots, metavar="N", default=150, help="pixels an inch (150)"
        )
    plot.add_argument("--graph", action="store_true", help="with the adjacency graph")
    plot.add_argument("--witnesses", action="store_true", help="with the regions' witnesses")
    plot.add_argument(
        "--labels", choices=("region", "code"), help="with numbers or codes, where there is room"
    )
    plot.add_argument(
        "--highlight", metavar="UNIT", action="append",
        help="with the bent line of a unit, by its position in the code or its name (may be "
        "repeated)",
    )  # fmt: skip
    plot.add_argument(
        "--rasterised", action="store_true", help="regions and edges as pixels in any file"
    )
    film.add_argument(
        "--epochs", metavar="E", help="what the checkpoints are called, with commas between"
    )
    film.add_argument("--fps", type=_rate, metavar="N", default=4.0, help="pictures a second (4)")


def _dots(text: str) -> float:
    return _between(text, 10, 1200, "pixels an inch")


def _rate(text: str) -> float:
    return _between(text, 0.1, 50, "pictures a second")


def _between(text: str, low: float, high: float, what: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not low <= value <= high:
        raise argparse.ArgumentTypeError(f"{text[:40]!r}: give {low:g} to {high:g} {what}")
    return value
