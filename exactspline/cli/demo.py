"""``exactspline demo``: a tour on a network that comes along, by ordinary commands."""

from __future__ import annotations

import argparse
import os
import shlex
from collections.abc import Callable, Iterator, Sequence
from importlib.resources import files
from pathlib import Path

from ..errors import ExactSplineError, ParameterError
from ..texts import plain
from .streams import results

__all__ = ["demo"]

NETWORK = "moons.onnx"
_PROPERTY = """\
; can the score pass 10 where the first coordinate is at most 0?
(declare-const X_0 Real)
(declare-const X_1 Real)
(declare-const Y_0 Real)
(assert (>= X_0 -1.0))
(assert (<= X_0 0.0))
(assert (>= X_1 -1.0))
(assert (<= X_1 1.0))
(assert (>= Y_0 10.0))
"""
_BOX = ["--box", "-2,-1.5", "3,2"]
_STEPS = (
    ("how many regions the network has", ["count", NETWORK]),
    ("the regions in a window, as a page for a browser",
     ["explore", NETWORK, *_BOX, "--out", "regions.html"]),
    ("which regions are neighbours, for networkx, Gephi and others",
     ["graph", NETWORK, *_BOX, "--out", "graph.graphml"]),
    ("a statement about all inputs, proved or refuted",
     ["prove", "forall x in [-2,3]x[-1.5,2]: f(x)[0] <= 32", "--f", NETWORK]),
    ("a property as verifiers have them", ["verify", NETWORK, "property.vnnlib"]),
)  # fmt: skip


def demo(arguments: argparse.Namespace, run: Callable[[Sequence[str]], int]) -> int:
    """Run the command; returns the exit code.

    Parameters
    ----------
    arguments : argparse.Namespace
    run : callable
        Runs another command.
    """
    folder = _folder(arguments.folder)
    (folder / NETWORK).write_bytes(files(__package__).joinpath("files", NETWORK).read_bytes())
    (folder / "property.vnnlib").write_text(_PROPERTY)
    out, before = results(), os.getcwd()
    out.write(
        f"A 2-16-16-1 ReLU network that tells two half moons apart, in {plain(str(folder))}\n"
    )
    os.chdir(folder)
    try:
        for says, words in _steps():
            out.write(f"\n# {says}\n$ exactspline {shlex.join(words)}\n")
            out.flush()
            code = run(words)
            if code > 3:  # interrupted
                return code
    finally:
        os.chdir(before)
    left = ", ".join(sorted(path.name for path in folder.iterdir()))
    out.write(f"\nLeft in {plain(str(folder))}: {left}\n")
    return 0


def _steps() -> Iterator[tuple[str, list[str]]]:
    """The commands, in order; the picture is not one where nothing is there to draw with."""
    first, *others = _STEPS
    yield first
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        _draw()
    else:
        yield "their picture", ["plot", NETWORK, *_BOX, "--out", "regions.png"]
    yield from others


def _draw() -> None:
    """The picture that notebooks show: it needs no other package."""
    from ..api import enumerate_regions, load
    from ..domain import Box
    from ..explorer.notebook import partition_svg

    window = Box(["-2", "-1.5"], [3, 2])
    text = partition_svg(enumerate_regions(load(NETWORK), window, polygons=True))
    if text:
        Path("regions.svg").write_text(text)
        results().write("\n# their picture: regions.svg (matplotlib would draw a larger one)\n")


def _folder(name: str) -> Path:
    """The folder, made if need be; refused where files of somebody else are in it."""
    folder = Path(name)
    known = {NETWORK, "property.vnnlib", "regions.html", "regions.png", "regions.svg",
             "graph.graphml"}  # fmt: skip
    try:
        folder.mkdir(parents=True, exist_ok=True)
        other = sorted(path.name for path in folder.iterdir() if path.name not in known)
    except OSError as error:
        raise ExactSplineError(f"demo: {plain(name)}: {error.strerror or error}") from None
    if other:
        raise ParameterError(
            f"demo: {plain(name)} has other files in it, {plain(other[0])} for one; name a new "
            "folder"
        )
    return folder
