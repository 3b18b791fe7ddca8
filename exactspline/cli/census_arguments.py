"""What ``exactspline census`` accepts."""

from __future__ import annotations

import argparse

__all__ = ["add_census"]

_CENSUS = """\
Which regions the samples of a .npy file fall in: how many distinct codes, how many
samples are alone in their region, what changes in every layer, VQ distances between
classes. Every code is proved, and counts are exact. The file is memory-mapped.
"""

_EXAMPLES = """\
examples:
  exactspline census net.onnx samples.npy
  exactspline census net.onnx train.npy --labels labels.npy --json
  exactspline census net.onnx train.npy --against test.npy --distances

"""


def add_census(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], exit_codes: str
) -> None:
    """Add the command.

    Parameters
    ----------
    commands : subparsers
    exit_codes : str
        Ends the help.
    """
    parser = commands.add_parser(
        "census", help="which regions a data set visits", description=_CENSUS,
        epilog=_EXAMPLES + exit_codes, formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )  # fmt: skip
    parser.add_argument("network", metavar="NETWORK", help="a file with a network")
    parser.add_argument("data", metavar="DATA.npy", help="samples of shape (n, inputs)")
    parser.add_argument("--labels", metavar="L.npy", help="a whole number a sample: its class")
    parser.add_argument(
        "--distances", action="store_true",
        help="find each sample's distance to the nearest facet of its region as well",
    )  # fmt: skip
    parser.add_argument(
        "--against", metavar="DATA.npy", help="compare with the regions that these samples visit"
    )
    parser.add_argument(
        "--float", action="store_true", help="codes of floating point, without proofs"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
