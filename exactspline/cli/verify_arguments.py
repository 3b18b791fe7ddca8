"""What ``exactspline verify`` accepts."""

from __future__ import annotations

import argparse
from collections.abc import Callable

__all__ = ["add_supports", "add_verify"]

CAPABILITIES = {
    "onnx-opset-versions": "the oldest and the newest ONNX operator set that is read",
    "onnx-element-types": "element types whose arithmetic is decided: real numbers",
    "onnx-operators": "ONNX operators, one a line",
    "vnnlib-versions": "the oldest and the newest version of VNN-LIB",
    "hidden-node-theories": "whether hidden nodes are read",
    "multiple-input-output-theories": "whether several inputs and outputs are",
    "multiple-network-theories": "whether several networks are, and how they may be related",
    "multiple-node-comparison-theories": "whether several variables may stand in a comparison",
    "arithmetic-complexity-theories": "which arithmetic comparisons may have",
    "optimised-disjunctive-reasoning": "whether alternatives of outputs are searched at once",
    "serialise-assignments": "whether verify has --serialise-assignments",
    "unsat-proofs": "whether verify writes proofs of unsat",
}

_VERIFY = """\
Decide a property: sat with satisfying values, unsat, or that time ran out. Exact:
decimals as they stand, the real function of the stored parameters; strict
comparisons are strict. Of VNN-LIB 1.0, NETWORK PROPERTY; of VNN-LIB 2.0, QUERY with
the file of every network that it declares. Standard output has the verdict and the
assignment, nothing else; every verdict exits with 0.
"""

_EXAMPLES = """\
examples:
  exactspline verify net.onnx property.vnnlib
  exactspline verify query.vnnlib --network f=net.onnx --timeout 60
  exactspline verify query.vnnlib --network f=a.onnx --network g=b.onnx --json
  exactspline verify net.onnx property.vnnlib --workers 8 --store run.sqlite --resume
  exactspline verify --instances instances.csv --out results.csv

"""


def add_verify(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    exit_codes: str,
    seconds: Callable[[str], float],
    whole: Callable[[str], int],
) -> None:
    """Add the command.

    Parameters
    ----------
    commands : subparsers
    exit_codes : str
        Ends the help.
    seconds, whole : callable
        Read a number of seconds, and a whole number.
    """
    parser = commands.add_parser(
        "verify", help="decide a property: sat or unsat", description=_VERIFY,
        epilog=_EXAMPLES + exit_codes, formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )  # fmt: skip
    parser.add_argument(
        "network", metavar="NETWORK", nargs="?",
        help="a file with a network; or, alone, a .vnnlib file of version 2.0",
    )  # fmt: skip
    parser.add_argument("property", metavar="PROPERTY", nargs="?", help="a .vnnlib file")
    parser.add_argument(
        "--network", dest="given", action="append", metavar="NAME=FILE",
        help="the ONNX file of a network that the query declares; once for each",
    )  # fmt: skip
    parser.add_argument(
        "--serialise-assignments", metavar="FOLDER",
        help="write satisfying values as serialised tensors, FOLDER/VARIABLE.pb, and do not print "
        "them",
    )  # fmt: skip
    parser.add_argument(
        "--timeout", type=seconds, metavar="S", help="seconds, reading the files included"
    )
    parser.add_argument(
        "--order", choices=("auto", "canonical"), default="auto",
        help="canonical: the counterexample of the first region that has one; no point is tried",
    )  # fmt: skip
    together = parser.add_mutually_exclusive_group()
    together.add_argument(
        "--workers", type=whole, metavar="N", help="search with N processes; the same verdict"
    )
    together.add_argument(
        "--dask", metavar="ADDRESS", help="search on a cluster: the address of a dask scheduler"
    )
    parser.add_argument(
        "--store", metavar="FILE",
        help="keep what has been decided in this file, so that --resume goes on after any end",
    )  # fmt: skip
    parser.add_argument(
        "--resume", action="store_true", help="go on with what is in --store, if there is anything"
    )
    parser.add_argument(
        "--instances", metavar="FILE",
        help="a .csv file with a network, a property and seconds a line; paths are from its folder",
    )  # fmt: skip
    parser.add_argument(
        "--out", "-o", metavar="FILE",
        help="with --instances: write the results here; lines that are there are not done again",
    )  # fmt: skip
    parser.add_argument(
        "--results", metavar="FOLDER",
        help="with --instances: a file for each with its verdict and counterexample",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print one JSON object")


_SUPPORTS_EXAMPLES = """\
examples:
  exactspline supports --onnx-operators
  exactspline supports --vnnlib-versions

"""


def add_supports(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], exit_codes: str
) -> None:
    """Add the command that says what can be decided.

    Parameters
    ----------
    commands : subparsers
    exit_codes : str
        Ends the help.
    """
    parser = commands.add_parser(
        "supports", help="say what verify decides, for other tools",
        description="Say what verify decides, as section 5 of the VNN-LIB 2.0 standard asks.",
        epilog=_SUPPORTS_EXAMPLES + exit_codes,
        formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False,
    )  # fmt: skip
    group = parser.add_mutually_exclusive_group(required=True)
    for name, says in CAPABILITIES.items():
        group.add_argument(
            f"--{name}", dest="capability", action="store_const", const=name, help=says
        )
