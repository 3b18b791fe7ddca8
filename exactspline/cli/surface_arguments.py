"""What the command that writes surfaces accepts."""

from __future__ import annotations

import argparse
from collections.abc import Callable

__all__ = ["add_surface"]

_SURFACE = """\
Write the border of {f > C} in a bounded domain of three dimensions to a file, as
a mesh with exact corners that is closed on the domain's sides: the surface of a
solid that a network has learnt, or the one between two classes. Its Euler number,
area and volume are printed. Domains of more dimensions need a slice.
"""

_SURFACE_EXAMPLES = """\
examples:
  exactspline surface solid.onnx --box -1 1 --out solid.stl
  exactspline surface solid.onnx --box -1 1 --level 1/3 --open --out solid.ply
  exactspline surface conv.onnx --slice a.npy b.npy c.npy d.npy --box 0 1 --winner 3 --out c.obj
  exactspline surface net.onnx --box -1 1 --pair 0,1 --out boundary.html

"""


def add_surface(
    command: Callable[..., argparse.ArgumentParser],
    add_search: Callable[[argparse.ArgumentParser], None],
) -> None:
    """Add the command that writes surfaces.

    Parameters
    ----------
    command : callable
        Adds a command by its name, summary, description and examples.
    add_search : callable
        Gives it the options of a search.
    """
    surface = command(
        "surface", "write a level set in space as a mesh", _SURFACE, _SURFACE_EXAMPLES
    )
    add_search(surface)
    surface.add_argument(
        "--out", "-o", metavar="FILE", required=True,
        help="a .ply, .obj or .stl file, or a .html page to turn it in a browser",
    )  # fmt: skip
    surface.add_argument("--level", metavar="C", default="0", help="exact: a decimal or p/q (0)")
    which = surface.add_mutually_exclusive_group()
    which.add_argument("--class", dest="of", type=_natural, metavar="I", help="f is output I")
    which.add_argument("--pair", metavar="I,J", help="f is output I less output J")
    which.add_argument(
        "--winner", type=_natural, metavar="I", help="where output I is greater than all others"
    )
    surface.add_argument("--below", action="store_true", help="the border of {f < C}")
    surface.add_argument(
        "--open", action="store_true", help="without the caps on the domain's sides"
    )


def _natural(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text[:40]!r} is not a whole number of at least 0")
    return int(text)
