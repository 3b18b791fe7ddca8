"""What ``exactspline verify`` accepts."""

from __future__ import annotations

import argparse
from collections.abc import Callable

__all__ = ["add_verify"]

_VERIFY = """\
Decide a VNN-LIB 1.0 property of a network: sat with a counterexample, unsat, or
timeout. Exact: decimals as they stand, the real function of the stored
parameters; strict comparisons are strict. Standard output has the verdict and the
assignment, nothing else; every verdict exits with 0.
"""

_EXAMPLES = """\
examples:
  exactspline verify net.onnx property.vnnlib
  exactspline verify net.onnx property.vnnlib --timeout 60 --json
  exactspline verify --instances instances.csv --out results.csv

"""


def add_verify(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    exit_codes: str,
    seconds: Callable[[str], float],
) -> None:
    """Add the command.

    Parameters
    ----------
    commands : subparsers
    exit_codes : str
        Ends the help.
    seconds : callable
        Reads a number of seconds.
    """
    parser = commands.add_parser(
        "verify", help="decide a property: sat or unsat", description=_VERIFY,
        epilog=_EXAMPLES + exit_codes, formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )  # fmt: skip
    parser.add_argument("network", metavar="NETWORK", nargs="?", help="a file with a network")
    parser.add_argument("property", metavar="PROPERTY", nargs="?", help="a .vnnlib file")
    parser.add_argument(
        "--timeout", type=seconds, metavar="S", help="seconds, reading the network included"
    )
    parser.add_argument(
        "--instances", metavar="FILE",
        help="a .csv file with a network, a property and seconds a line; paths are from its folder",
    )  # fmt: skip
    parser.add_argument(
        "--out", "-o", metavar="FILE",
        help="with --instances: write the results here; lines that are there are not done again",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print one JSON object")
