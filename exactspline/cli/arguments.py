"""What the command line accepts."""

from __future__ import annotations

import argparse
import math
import re
import sys
from collections.abc import Sequence
from functools import partial
from typing import NoReturn

from ..formats.registry import extensions
from ..search.choice import AUTO, engine_called, engine_names
from ..version import __version__
from .about_arguments import add_about
from .census_arguments import add_census
from .guide import guide
from .picture_arguments import add_pictures
from .preimage_arguments import add_preimage, add_radius
from .surface_arguments import add_surface
from .sweep_arguments import add_sweep
from .verify_arguments import add_supports, add_verify

__all__ = ["parse", "parser"]

_EXIT_CODES = """\
exit codes:
  0    done; also when --limit or --time-limit stopped the search (the result says so)
  2    bad input: one line on standard error says what and where
  130  interrupted by Ctrl-C; a search's partial result is given and marked as such
  141  the program that read the output went away
  143  terminated (SIGTERM); a search's partial result is given and marked as such
"""

_VERDICT_CODES = """\
exit codes:
  0    every statement that applies holds
  1    a statement fails; with a counterexample (--details, --json)
  2    bad input: one line on standard error says what and where
  3    none fails, but one is undecided: a limit, a missing package, no proof
  130  interrupted by Ctrl-C; what was found by then is given
  141  the program that read the output went away
  143  terminated (SIGTERM); what was found by then is given
"""

_COUNT = """\
Count the activation regions of a network on a domain (all of R^D by default).
Every decision is proved; the count is that of the exact real function with the
stored parameters. A stopped search gives a certified lower bound.
"""

_INFO = """\
Describe a network operator by operator and layer by layer, and print the upper
bounds on its number of activation regions, without counting.
"""

_ENUMERATE = """\
Enumerate the activation regions of a network on a domain and write them to a
file: codes and exact witnesses, with --edges the facets between them, with
--affine their affine maps. An existing file is replaced, once the new one is
complete. A domain in several parts gives a file each: omega-1.json, omega-2.json.
With --store the run itself is kept, region by region as they are found; after a
crash or Ctrl-C, --resume goes on with it. Files of other forms can be written
from it at any time: repeat the command with --resume and --out.
"""

_GRAPH = """\
Find the adjacency graph of the regions, all facets proved, and print its size;
with --out, write it to a file. An existing file is replaced, once the new one is
complete. A domain in several parts gives a file each: g-1.dot, g-2.dot.
"""

_REGION = """\
Show the region that holds a point: its code, its affine map, its inequalities
and its neighbours. On a boundary, all regions that meet there are shown. Nothing
is enumerated, and everything is exact.
"""

_EXPLORE = """\
Write the regions of a two-dimensional domain as one page to walk through in a
browser: pan, zoom, point at a region to see its code, affine map, inequalities
and neighbours. The page needs no network and no server. Several networks
(checkpoints of a training) share one page with a slider.
"""

_THEOREMS = """\
Check the statements of the theory of affine splines on a network: exactly, over
all regions of its partition. Without a network, on a built-in gallery of toy
networks, and with symbols in place of weights. "fails" comes with an exact
counterexample (--details, --json); that a network is not convex, say, is a
finding about the network and no error. A file of your own (.py) with functions
under @exactspline.check is run, and its checks with the others.
"""

_PROVE = """\
Prove a statement about networks over a domain, or refute it by a point in exact
fractions. The statement is text, "forall x in [0,1]^2: f(x)[0] <= 3", with numbers
(exact), points, x[i], + - * /, f(x), f.slope(x), abs, min, max, relu, l1, norm,
argmax, comparisons, and, or, not, implies(a, b); or a Python file of your own.
exit codes of the verdict: 0 holds, 1 fails, 3 undecided.
"""

_PROVE_EXAMPLES = """\
examples:
  exactspline prove "forall x in [0,1]^2: f(x)[0] <= 3" --f net.onnx
  exactspline prove "exists x in [-1,1]x[0,1/2]: argmax(f(x)) == 2" --f net.onnx
  exactspline prove "forall x: argmax(f(x)) == argmax(g(x))" --f a.onnx --g b.onnx --box 0 1
  exactspline prove "forall x in R^2: f(x)[0] == f([x[1], x[0]])[0]" --f net.onnx
  exactspline prove --statement mine.py --f net.onnx --json

"""

_EXAMPLES = """\
examples:
  exactspline count net.onnx
  exactspline count net.onnx --box -1 1
  exactspline count net.onnx --box -1/3,0,-inf 0.1,1,2
  exactspline count net.onnx --box low.npy high.npy --json
  exactspline count net.onnx --vnnlib property.vnnlib --time-limit 60
  exactspline count net.onnx --linear
  exactspline count net.onnx --box -1 1 --where "f(x)[0] <= 0 and x[1] > 1/2"
  exactspline count tanh.onnx --box -1 1 --approximate 1e-3
  exactspline count conv.onnx --slice a.npy b.npy c.npy --box 0 1 --input-box 0 1

"""


_ENUMERATE_EXAMPLES = """\
examples:
  exactspline enumerate net.onnx --box -1 1 --out omega.json --edges
  exactspline enumerate net.onnx --vnnlib property.vnnlib --out omega.npz
  exactspline enumerate net.onnx --limit 1000 --affine --out omega.parquet
  exactspline enumerate net.onnx --box -1 1 --workers 8 --store omega.sqlite
  exactspline enumerate net.onnx --box -1 1 --store omega.sqlite --resume

"""

_GRAPH_EXAMPLES = """\
examples:
  exactspline graph net.onnx --box -1 1
  exactspline graph net.onnx --box -1 1 --out g.graphml
  exactspline graph net.onnx --out g.npz --json

"""

_INFO_EXAMPLES = """\
examples:
  exactspline info net.onnx
  exactspline info net.onnx --box -1 1 --json

"""

_REGION_EXAMPLES = """\
examples:
  exactspline region net.onnx --at 0.1,-1/3,2
  exactspline region net.onnx --at 0.1 -1/3 2
  exactspline region net.onnx --at x.npy --box -1 1 --json

"""

_EXPLORE_EXAMPLES = """\
examples:
  exactspline explore net.onnx --box -1 1 --out net.html
  exactspline explore conv.onnx --slice a.npy b.npy c.npy --box 0 1 --out conv.html
  exactspline explore epoch-*.onnx --box -2 2 --out training.html

"""

_THEOREMS_EXAMPLES = """\
examples:
  exactspline theorems
  exactspline theorems --list
  exactspline theorems net.onnx --box -1 1
  exactspline theorems net.onnx --check convexity --details
  exactspline theorems my_checks.py net.onnx --box -1 1

"""

_NUMBER = re.compile(r"[-+]?(\d[\d_]*\.?\d*|\.\d+)([eE][-+]?\d+)?(/\d+)?")
_NUMBERS = {  # values that may begin with '-'
    "--box": 2, "--input-box": 2, "--range": 2, "--window": 2, "--at": 1,
}  # fmt: skip


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        text = " ".join(message.split())
        self.exit(2, f"exactspline: error: {text} (see '{self.prog} --help')\n")


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Read the arguments; ``SystemExit`` for --help, --version, none at all and usage errors."""
    if not argv:
        sys.stdout.write(guide())
        raise SystemExit(0)
    own = parser()
    arguments, rest = own.parse_known_args(_shielded(argv))
    files = getattr(arguments, "files", None)  # argparse takes those in one place only
    if files is not None and not any(token.startswith("-") for token in rest):
        files += rest
    elif rest:
        own.error(f"unrecognized arguments: {' '.join(rest)}")
    return arguments


def parser() -> argparse.ArgumentParser:
    """The parser of all commands.

    Returns
    -------
    argparse.ArgumentParser
    """
    parser = _Parser(
        prog="exactspline",
        description="Takes a piecewise-affine neural network apart into its exact pieces.",
        epilog=_EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=__version__)
    parser.add_argument(
        "--name", action="version", version="exactspline", help="show the program's name and exit"
    )
    commands = parser.add_subparsers(
        dest="command", metavar="COMMAND", required=True, parser_class=_Parser
    )
    count = _command(commands, "count", "count the regions, exactly", _COUNT, _EXAMPLES)
    _add_search(count)
    count.add_argument(
        "--linear",
        action="store_true",
        help="count the connected linear regions and the distinct affine pieces as well",
    )
    count.add_argument(
        "--where",
        metavar="CONDITION",
        help="only regions with an inner point where it holds: a text such as 'f(x)[0] <= 0' (the "
        "network is f, its input x; see 'prove'), or a .vnnlib file",
    )
    enumerate_ = _command(
        commands, "enumerate", "write the regions to a file", _ENUMERATE, _ENUMERATE_EXAMPLES
    )
    _add_search(enumerate_)
    enumerate_.add_argument("--out", "-o", metavar="FILE", help="a .json, .npz or .parquet file")
    _add_store(enumerate_)
    enumerate_.add_argument(
        "--where", metavar="CONDITION",
        help="only regions with points where it holds, as in 'count', each with the polyhedra of "
        "these points (.json)",
    )  # fmt: skip
    enumerate_.add_argument("--edges", action="store_true", help="with the facets (.json and .npz)")
    enumerate_.add_argument("--affine", action="store_true", help="with the affine maps")
    graph = _command(
        commands, "graph", "find which regions are adjacent, exactly", _GRAPH, _GRAPH_EXAMPLES
    )
    _add_search(graph)
    graph.add_argument(
        "--out",
        "-o",
        metavar="FILE",
        help="a .graphml, .gexf, .dot, .json (networkx node-link), .npz or .parquet file",
    )
    _add_store(graph)
    graph.add_argument(
        "--rounded",
        action="store_true",
        help="write normals and points of facets in float64 rather than as p/q, which is faster",
    )
    for add in (add_preimage, add_radius):
        add(partial(_command, commands), _whole, _seconds)
    add_surface(partial(_command, commands), _add_search)
    add_pictures(partial(_command, commands), _add_search)
    _add_explore(commands)
    _add_region(commands)
    _command(commands, "info", "describe a network, print upper bounds", _INFO, _INFO_EXAMPLES)
    prove = _command(
        commands, "prove", "prove or refute a statement", _PROVE, _PROVE_EXAMPLES,
        networks=None,
    )  # fmt: skip
    prove.add_argument("text", metavar="STATEMENT", nargs="?", help="the statement as text")
    for name in ("f", "g", "h"):
        prove.add_argument(f"--{name}", metavar="FILE", help=f"the network that is called {name}")
    prove.add_argument(
        "--statement", metavar="FILE", help="a Python file of your own that makes the statement"
    )
    prove.add_argument("--limit", type=_whole, metavar="N", help="stop after N regions")
    prove.add_argument("--time-limit", type=_seconds, metavar="S", help="stop after S seconds")
    add_sweep(partial(_command, commands))
    add_census(commands, _EXIT_CODES)  # type: ignore[arg-type]
    add_verify(commands, _EXIT_CODES, _seconds, _whole)  # type: ignore[arg-type]
    add_supports(commands, _EXIT_CODES)  # type: ignore[arg-type]
    add_about(commands, _EXIT_CODES)  # type: ignore[arg-type]
    theorems = _command(
        commands, "theorems", "check the theory on a network", _THEOREMS, _THEOREMS_EXAMPLES,
        with_checks=True, exit_codes=_VERDICT_CODES,
    )  # fmt: skip
    theorems.add_argument(
        "--check", metavar="NAME", action="append", help="only this check (may be repeated)"
    )
    theorems.add_argument(
        "--list", action="store_true", help="list the checks and what they state; run none"
    )
    theorems.add_argument(
        "--time-limit",
        type=_seconds,
        metavar="S",
        help="seconds for all checks together; those that do not end by then are undecided",
    )
    theorems.add_argument("--details", action="store_true", help="print every report in full")
    theorems.add_argument(
        "--exact",
        action="store_true",
        help="with --details: write every number as a fraction, however long (else those of more "
        "than 20 digits are decimals)",
    )
    return parser


def _add_region(commands: argparse._SubParsersAction[_Parser]) -> None:
    region = _command(commands, "region", "show the region of a point", _REGION, _REGION_EXAMPLES)
    region.add_argument(
        "--at",
        metavar="X",
        required=True,
        help="an input: numbers with commas or blanks between (decimals and p/q are exact), or a "
        "file of them: .npy, .txt or .csv",
    )
    time = region.add_mutually_exclusive_group()
    time.add_argument(
        "--time-limit",
        type=_seconds,
        metavar="S",
        help="seconds to find out which inequalities make facets, where there are thousands in "
        "hundreds of dimensions (so many that the answer comes within some 5)",
    )
    time.add_argument(
        "--all",
        action="store_true",
        help="decide every inequality, however long it takes (minutes, or hours)",
    )


def _add_explore(commands: argparse._SubParsersAction[_Parser]) -> None:
    explore = _command(
        commands, "explore", "write a page to walk through the regions, in a browser", _EXPLORE,
        _EXPLORE_EXAMPLES, networks="+",
    )  # fmt: skip
    _add_search(explore)
    explore.add_argument("--out", "-o", metavar="FILE", required=True, help="an .html file")
    explore.add_argument("--title", metavar="TEXT", help="what the page is called")
    explore.add_argument(
        "--image-shape",
        metavar="SHAPE",
        help="inputs are images of so many rows and columns, or channels, rows and columns: 28,28",
    )
    explore.add_argument(
        "--boundary",
        action="store_true",
        help="find the decision boundary also where that takes long",
    )


def _add_search(command: argparse.ArgumentParser) -> None:
    """The options of commands that search."""
    command.add_argument(
        "--limit", type=_whole, metavar="N", help="stop after N regions (of every domain)"
    )
    command.add_argument(
        "--time-limit",
        type=_seconds,
        metavar="S",
        help="stop after S seconds of search (of all domains together)",
    )
    engines = [f"{name} ({engine_called(name).says})" for name in engine_names()]
    command.add_argument(
        "--engine",
        choices=(AUTO, *engine_names()),
        default="auto",
        help=f"who searches: {', '.join(engines)}; the result is the same",
    )
    workers = command.add_mutually_exclusive_group()
    workers.add_argument(
        "--workers",
        type=_whole,
        metavar="N",
        help="search with N processes; the result is the same",
    )
    workers.add_argument(
        "--dask", metavar="ADDRESS", help="search on a cluster: the address of a dask scheduler"
    )


def _add_store(command: argparse.ArgumentParser) -> None:
    """The options of commands that may keep their run in a file."""
    command.add_argument(
        "--store",
        metavar="FILE",
        help="keep the run in this file (SQLite): in bounded memory, safe from crashes",
    )
    command.add_argument("--resume", action="store_true", help="go on with the run in the store")


def _command(
    commands: argparse._SubParsersAction[_Parser],
    name: str,
    summary: str,
    description: str,
    examples: str,
    *,
    networks: str | None = "one",
    with_checks: bool = False,
    exit_codes: str = _EXIT_CODES,
) -> argparse.ArgumentParser:
    parser = commands.add_parser(
        name,
        help=summary,
        description=description,
        epilog=examples + exit_codes,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    network = (
        f"a file with a network: {extensions()}. A state dict (.pt) needs its module, in Python: "
        "exactspline.from_torch(module, input_shape, weights=FILE).save('net.json')"
    )
    if with_checks:
        parser.add_argument(
            "files",
            metavar="FILE",
            nargs="*",
            help=f"{network}; and files of checks of yours (.py), which are run",
        )
    elif networks is not None:
        many = None if networks == "one" else networks
        parser.add_argument("network", metavar="NETWORK", nargs=many, help=network)
    domain = parser.add_mutually_exclusive_group()
    domain.add_argument(
        "--box",
        nargs=2,
        metavar=("LOW", "HIGH"),
        help="per end one number, a comma list, or an .npy file; decimals and p/q are exact, "
        "-inf and inf leave a side open",
    )
    domain.add_argument("--vnnlib", metavar="FILE", help="the input set of a VNN-LIB property")
    domain.add_argument("--domain", metavar="FILE", help="a domain as a .json file")
    parser.add_argument(
        "--slice",
        nargs="+",
        metavar="POINT",
        help="only inputs x = a + s(b-a) + t(c-a) + ..., for two or more points a, b, c as .npy "
        "files; --box or --domain then bound the parameters s, t",
    )
    parser.add_argument(
        "--input-box",
        nargs=2,
        metavar=("LOW", "HIGH"),
        help="with --slice: bounds of the inputs x, written as for --box",
    )
    parser.add_argument(
        "--output",
        metavar="NAME",
        help="which of a model's several outputs is read, by its name or position",
    )
    parser.add_argument(
        "--no-batch",
        action="store_true",
        help="the first axis of a model's input is an axis like others, not the batch",
    )
    parser.add_argument(
        "--approximate",
        metavar="E",
        help="replace smooth operators (sigmoid, tanh, softplus, SiLU, GELU, ELU) by affine "
        "splines, each with a proved error of at most E on the domain",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser


def _whole(text: str) -> int:
    try:
        value = int(text)
    except ValueError:
        value = 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text[:40]!r} is not a whole number of at least 1")
    return value


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not value >= 0:
        raise argparse.ArgumentTypeError(f"{text[:40]!r} is not a number of seconds")
    return value


def _shielded(argv: Sequence[str]) -> list[str]:
    """Put a blank before the values of --box, --range, --window, --at, ... that begin with '-'.

    argparse takes -1 for a number but -1/3, -inf, -1,2 and (before Python 3.14) -1e-3 for
    unknown options. Nothing that begins with a blank is an option, and blanks around a number
    mean nothing. Numbers that follow on --at are joined by commas to one value.
    """
    out: list[str] = []
    values = 0  # that are still to come
    at = False  # whether further numbers belong to --at
    for i, token in enumerate(argv):
        if token == "--":
            return out + list(argv[i:])
        name, equals, value = token.partition("=")
        if token in _NUMBERS:
            out.append(token)
            values, at = _NUMBERS[token], token == "--at"
        elif equals and name in _NUMBERS:
            out += [name, _shield(value)]
            values, at = _NUMBERS[name] - 1, name == "--at"
        elif values:
            out.append(_shield(token))
            values -= 1
        elif at and _NUMBER.fullmatch(token):
            out[-1] += f",{token}"
        else:
            out.append(token)
            at = False
    return out


def _shield(token: str) -> str:
    option = token.startswith("--") or token in ("-", "-h") or not token.startswith("-")
    return token if option else f" {token}"
