"""What the command that sweeps a bias accepts."""

from __future__ import annotations

import argparse
from collections.abc import Callable

__all__ = ["add_sweep"]

_SWEEP = """\
Count the activation regions as a function of one bias: an exact step function,
given on the open intervals between its steps and at each step, where ties lower
it. The bias is named by its operator, as info shows it, and its place.
"""

_SWEEP_EXAMPLES = """\
examples:
  exactspline sweep net.onnx --free "Dense.0.bias[3]" --range -1 1 --box -2 2
  exactspline sweep conv.onnx --free "Conv.bias[0]" --range -1/2 1/2 --slice a.npy b.npy c.npy

"""


def add_sweep(command: Callable[..., argparse.ArgumentParser]) -> None:
    """Add the command.

    Parameters
    ----------
    command : callable
        Adds a command by its name, summary, description and examples.
    """
    sweep = command("sweep", "count the regions over one bias", _SWEEP, _SWEEP_EXAMPLES)
    sweep.add_argument(
        "--free", metavar="NAME", required=True, help="the bias, such as 'Dense.0.bias[3]'"
    )
    sweep.add_argument(
        "--range", nargs=2, metavar=("LOW", "HIGH"),
        help="of the bias, exact; -inf and inf leave a side open (all numbers by default)",
    )  # fmt: skip
