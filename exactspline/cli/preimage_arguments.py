"""What the commands about conditions accept: `preimage` and `radius`."""

from __future__ import annotations

import argparse
from collections.abc import Callable

__all__ = ["add_preimage", "add_radius"]

_PREIMAGE = """\
All inputs of a domain where a condition holds, as polyhedra with disjoint interiors
and exact half-spaces: how much of the input set violates a property, and where.
"""

_EXAMPLES = """\
examples:
  exactspline preimage net.onnx --box 0 1 --where "f(x)[0] > 0" --volume
  exactspline preimage net.onnx --where property.vnnlib --out parts.json
  exactspline preimage net.onnx --where query.vnnlib --volume --json

"""

_RADIUS = """\
How far an input can be moved until another class is chosen, or a condition holds:
the exact distance with a nearest input, or certified bounds where a limit comes first.
"""

_RADIUS_EXAMPLES = """\
examples:
  exactspline radius net.onnx --at "0.1, 1/3" --box 0 1
  exactspline radius net.onnx --at x.npy --norm l1 --time-limit 60 --json
  exactspline radius net.onnx --at "0.1, 1/3" --where "f(x)[0] <= 0"

"""


def add_preimage(
    command: Callable[..., argparse.ArgumentParser],
    whole: Callable[[str], int],
    seconds: Callable[[str], float],
) -> None:
    """Add the command.

    Parameters
    ----------
    command : callable
        Adds a command by its name, summary, description and examples.
    whole, seconds : callable
        Read a whole number, and a number of seconds.
    """
    parser = command(
        "preimage", "find all inputs where a condition holds, exactly", _PREIMAGE, _EXAMPLES
    )
    parser.add_argument(
        "--where", metavar="CONDITION", required=True,
        help="a text such as 'f(x)[0] <= 0' (the network is f, its input x; see 'prove'), or a "
        ".vnnlib file",
    )  # fmt: skip
    parser.add_argument("--out", "-o", metavar="FILE", help="write the polyhedra to a .json file")
    parser.add_argument(
        "--volume", action="store_true", help="find the volume and the share of the domain, too"
    )
    parser.add_argument(
        "--limit", type=whole, metavar="N", help="stop after N regions (of every domain)"
    )
    parser.add_argument(
        "--time-limit", type=seconds, metavar="S", help="stop after S seconds (of all domains)"
    )


def add_radius(
    command: Callable[..., argparse.ArgumentParser],
    whole: Callable[[str], int],
    seconds: Callable[[str], float],
) -> None:
    """Add the command that measures how robust an input is; parameters as in `add_preimage`."""
    parser = command(
        "radius", "find how far an input can be moved, exactly", _RADIUS, _RADIUS_EXAMPLES
    )
    parser.add_argument(
        "--at", metavar="X", required=True,
        help="the input: numbers with commas or blanks between (decimals and p/q are exact), or a "
        "file of them: .npy, .txt or .csv",
    )  # fmt: skip
    parser.add_argument(
        "--norm", choices=("max", "l1", "l2"), default="max",
        help="how distances are measured; of l2 the exact square is given",
    )  # fmt: skip
    parser.add_argument(
        "--where", metavar="CONDITION",
        help="what is not to happen, as in 'preimage'; by default that another class is chosen",
    )  # fmt: skip
    parser.add_argument("--limit", type=whole, metavar="N", help="stop after N regions a search")
    parser.add_argument("--time-limit", type=seconds, metavar="S", help="stop after S seconds")
